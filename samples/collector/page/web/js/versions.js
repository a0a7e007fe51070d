// Versions beside each other: how many of their connections dropped, of what, and what changed from one to another.
import {bar, byId, dot, element, empty, options, show, stack} from './dom.js';
import {compareVersions, count, percent, share, words} from './format.js';
import {table} from './table.js';

// From groups by app_version, cause, side and outcome: oldest first, {name, connections, dropped, drops: cause -> count}.
export function versionsOf(groups) {
  const versions = new Map();
  for (const group of groups) {
    const version = versions.get(group.app_version) ||
        {name: group.app_version, connections: 0, dropped: 0, drops: new Map()};
    version.connections += group.connections;
    if (group.outcome === 'dropped') {
      version.dropped += group.connections;
      version.drops.set(group.cause, (version.drops.get(group.cause) || 0) + group.connections);
    }
    versions.set(group.app_version, version);
  }
  return [...versions.values()].sort((a, b) => compareVersions(a.name, b.name));
}

// Without the connections that only a server recorded: no client told its version.
export const namedVersionsOf = (groups) => versionsOf(groups).filter((version) => version.name);

const largestFirst = (drops) => [...drops].sort((a, b) => b[1] - a[1]);
const nameOf = (version) => version.name || 'no client reported';

// A handful of connections has a share of no meaning: the scale of the bars is that of the larger versions.
const LEAST_FOR_SCALE = 50;

function largestShare(versions) {
  const large = versions.filter((version) => version.name && version.connections >= LEAST_FOR_SCALE);
  return Math.max(...(large.length ? large : versions).map((version) => share(version.dropped, version.connections)));
}

function dropBar(version, most, colour) {
  const rate = share(version.dropped, version.connections);
  const parts = largestFirst(version.drops).map(
      ([cause, number]) => ({share: number / version.dropped, colour: colour(cause)}));
  const made = stack(parts);
  made.style.width = (most ? Math.min(100, 100 * rate / most) : 0) + '%';
  return element('div', '', element('span', '', percent(rate)), element('span', 'rail', made));
}

export function showVersions(groups, ends, colour, severalApps) {
  const versions = versionsOf(groups).reverse();
  if (!versions.length) return empty('versions', 'No connection matches.');
  const most = largestShare(versions);
  const sessions = (version, end) => ends.filter((group) => group.app_version === version.name && (!end || group.end === end))
                                         .reduce((sum, group) => sum + group.sessions, 0);
  const crashRate = (version) => share(sessions(version, 'client_crash'), sessions(version));
  const note = severalApps ? [element('p', 'note', 'Of all apps together: choose an app to compare its versions.')] : [];
  show('versions', ...note, table('versions', 'Versions, newest first', [
    {name: 'app_version', label: 'Version', className: 'cause', value: (row) => row.name, cell: nameOf},
    {name: 'connections', label: 'Connections', number: true, value: (row) => row.connections},
    {name: 'dropped', label: 'Dropped', number: true, value: (row) => row.dropped},
    {name: 'dropped_share', label: 'Share dropped, by cause', className: 'share',
     value: (row) => share(row.dropped, row.connections).toFixed(4), cell: (row) => dropBar(row, most, colour)},
    {name: 'top_causes', label: 'Mostly', className: 'said',
     value: (row) => largestFirst(row.drops).map(([cause, number]) => cause + ' ' + number).join('; '),
     cell: (row) => largestFirst(row.drops).slice(0, 3).map(([cause, number]) => element(
         'span', 'part', dot(colour(cause)), words(cause) + ' ', element('b', '', count(number))))},
    {name: 'sessions_crashed', label: 'Sessions crashed', className: 'n',
     value: (row) => crashRate(row).toFixed(4), cell: (row) => (sessions(row) ? percent(crashRate(row)) : 'none reported')},
  ], versions));
}

function difference(row) {
  const points = 100 * (row.b - row.a);
  return (points > 0 ? '+' : points < 0 ? '\u2212' : '') + Math.abs(points).toFixed(1) + ' points';
}

// A bar to the right of the middle for more, to the left for less.
function differenceBar(row, most, colour) {
  const size = most ? Math.abs(row.b - row.a) / most / 2 : 0;
  const made = bar(size, colour(row.cause));
  made.style.marginLeft = 100 * (row.b >= row.a ? 0.5 : 0.5 - size) + '%';
  return element('div', '', element('span', 'wider', difference(row)), element('span', 'rail middle', made));
}

export function showCompare(groups, chosen, colour) {
  const versions = namedVersionsOf(groups);
  const pairs = versions.map((version) => [version.name, version.name]);
  byId('compare').hidden = versions.length < 2;
  if (versions.length < 2) return show('compare');
  const find = (name, fallback) => versions.find((version) => version.name === name) || fallback;
  const a = find(chosen.a, versions.at(-2));
  const b = find(chosen.b, versions.at(-1));
  options(byId('a'), pairs, a.name);
  options(byId('b'), pairs, b.name);
  const labelOf = (version) => 'In ' + version.name + ', of ' + count(version.connections);
  const rate = (version, cause) => share(version.drops.get(cause) || 0, version.connections);
  const rows = [...new Set([...a.drops.keys(), ...b.drops.keys()])].map(
      (cause) => ({cause, a: rate(a, cause), b: rate(b, cause)}));
  rows.sort((x, y) => Math.abs(y.b - y.a) - Math.abs(x.b - x.a) || y.b - x.b);
  if (!rows.length) return empty('compare', 'Neither version has a dropped connection.');
  const most = Math.max(...rows.map((row) => Math.abs(row.b - row.a)));
  show('compare', table('compare', 'Causes of drops as shares of all connections of each version', [
    {name: 'cause', label: 'Cause', className: 'cause', value: (row) => row.cause,
     cell: (row) => [dot(colour(row.cause)), words(row.cause)]},
    {name: 'share_' + a.name, label: labelOf(a), className: 'n', value: (row) => row.a.toFixed(4),
     cell: (row) => percent(row.a)},
    {name: 'share_' + b.name, label: labelOf(b), className: 'n', value: (row) => row.b.toFixed(4),
     cell: (row) => percent(row.b)},
    {name: 'difference', label: 'Change', className: 'share', value: (row) => (row.b - row.a).toFixed(4),
     cell: (row) => differenceBar(row, most, colour)},
  ], rows));
}
