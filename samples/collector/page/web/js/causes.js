// The causes with their shares, and what errno alone would have said of the same connections.
import {bar, causeColour, dot, element, empty, show} from './dom.js';
import {addressOf} from './filters.js';
import {count, percent, share, words} from './format.js';
import {meaningOf} from './meanings.js';
import {table} from './table.js';

// Sums groups by one of their dimensions: the largest first, each with the groups that it was made of.
export function gather(groups, dimension) {
  const rows = new Map();
  for (const group of groups) {
    const row = rows.get(group[dimension]) || {name: group[dimension], side: group.side, connections: 0, parts: []};
    row.connections += group.connections;
    row.parts.push(group);
    rows.set(row.name, row);
  }
  return [...rows.values()].sort((a, b) => b.connections - a.connections);
}

// The colour of each cause on show, the same in every chart and table.
export function paletteOf(groups) {
  const ranks = {};
  const colours = new Map();
  for (const row of gather(groups, 'cause')) {
    ranks[row.side] = (ranks[row.side] ?? -1) + 1;
    colours.set(row.name, causeColour(row.side, ranks[row.side]));
  }
  return (cause) => colours.get(cause) || 'var(--unknown)';
}

function parts(list, label, colour) {
  return list.map((group) => {
    const part = element('span', 'part', label(group) + ' ', element('b', '', count(group.connections)));
    if (colour) part.prepend(dot(colour(group.cause)));
    return part;
  });
}

const inWords = (list, label) => list.map((group) => label(group) + ' ' + group.connections).join('; ');
const serverError = (group) => group.server_error;
const cause = (group) => words(group.cause);

// To the newest connections of the cause.
function causeLink(name) {
  const made = element('a', 'cause-link', words(name));
  made.href = addressOf({cause: name}, '#recent');
  made.title = [meaningOf(name)?.what, 'Choose it to see its newest connections.'].filter(Boolean).join(' ');
  made.dataset.cause = name;
  return made;
}

// `whole` says in words what shares are of.
export function showCauses(answer, colour, whole) {
  if (!answer.connections) return empty('causes', 'No connection matches. Clients report when the game is launched again.');
  const rows = gather(answer.groups, 'cause');
  const total = answer.connections;
  show('causes', table('causes', 'Causes, largest first', [
    {name: 'cause', label: 'Cause', className: 'cause', value: (row) => row.name,
     cell: (row) => [dot(colour(row.name)), causeLink(row.name)]},
    {name: 'side', label: 'Side', className: 'side', value: (row) => row.side, cell: (row) => words(row.side)},
    {name: 'connections', label: 'Connections', number: true, value: (row) => row.connections},
    {name: 'share', label: 'Share of ' + whole, className: 'share', value: (row) => share(row.connections, total).toFixed(4),
     cell: (row) => element('div', '', element('span', '', percent(share(row.connections, total))),
                            element('span', 'rail', bar(row.connections / rows[0].connections, colour(row.name))))},
    {name: 'server_log', label: "The server's log said", className: 'said',
     value: (row) => inWords(row.parts, serverError), cell: (row) => parts(row.parts, serverError)},
  ], rows));
}

export function showErrors(answer, colour) {
  if (!answer.connections) return empty('errors', 'No connection matches.');
  show('errors', table('errors', "The server's errors, and the causes behind each", [
    {name: 'server_error', label: "Server's error", className: 'cause', value: (row) => row.name},
    {name: 'connections', label: 'Connections', number: true, value: (row) => row.connections},
    {name: 'causes', label: 'What it really was', className: 'said', value: (row) => inWords(row.parts, cause),
     cell: (row) => parts(row.parts, cause, colour)},
  ], gather(answer.groups, 'server_error')));
}
