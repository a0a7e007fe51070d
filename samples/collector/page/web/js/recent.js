// The newest connections of what is asked for, each with a way to its time line.
import {byId, dot, element, options, show} from './dom.js';
import {addressOf, state} from './filters.js';
import {count, exactTime, words} from './format.js';
import {meaningOf} from './meanings.js';
import {table} from './table.js';

// How the address names what the time line shows: "<app>:<token hash>", or all connections of a session.
export const linkToSession = (app, session) => addressOf({connection: app + ':session:' + session}, '#connection');
const linkToToken = (app, hash) => addressOf({connection: app + ':' + hash}, '#connection');

function link(row) {
  const text = exactTime(row.ended_unix_s);
  if (!row.token_hash && (!row.session_id || row.connections > 1)) return text;
  const made = element('a', 'timeline-link', text);
  // Twenty links that are called by a time alone are one to whoever hears them.
  made.setAttribute('aria-label', 'Time line of ' + words(row.cause) + ', ' + text);
  made.href = row.token_hash ? linkToToken(row.app_id, row.token_hash) : linkToSession(row.app_id, row.session_id);
  return made;
}

const causeCell = (row, colour) => [dot(colour(row.cause)), words(row.cause),
                                    row.connections > 1 ? ' (' + count(row.connections) + ' only counted)' : ''];
const seenBy = (row) => (row.pending ? 'one end so far' : row.server_error === 'no record' ? 'the client alone' :
                         row.reported ? 'both ends' : 'the server alone');

export function fillCauses(groups) {
  const causes = [...new Set(groups.map((group) => group.cause))].sort();
  options(byId('cause'), [['', 'all'], ...causes.map((cause) => [cause, words(cause)])], state.cause);
}

// What the chosen cause means and what to do about it.
function explanation() {
  const meaning = meaningOf(state.cause);
  if (!meaning) return [];
  return [element('p', 'note explained', element('b', '', words(state.cause)), ': ' + meaning.what + ' ',
                  element('b', '', 'What to do: '), meaning.todo)];
}

export function showRecent(answer, colour) {
  if (!answer.connections.length) {
    return show('recent', ...explanation(), element('p', 'message', 'No connection matches.'));
  }
  show('recent', ...explanation(), table('recent-connections', 'Newest connections, with links to their time lines', [
    {name: 'ended_unix_s', label: 'Ended', className: 'when', value: (row) => row.ended_unix_s, cell: link},
    {name: 'cause', label: 'Cause', className: 'cause', value: (row) => row.cause, cell: (row) => causeCell(row, colour)},
    {name: 'confidence', label: 'Confidence', value: (row) => row.confidence},
    {name: 'outcome', value: (row) => row.outcome},
    {name: 'app_id', value: (row) => row.app_id},
    {name: 'app_version', label: 'Version', value: (row) => row.app_version},
    {name: 'platform', label: 'Platform', value: (row) => row.platform},
    {name: 'endpoint', label: 'Endpoint', value: (row) => row.endpoint},
    {name: 'network', value: (row) => row.network},
    {name: 'server_error', label: "The server's log said", className: 'said', value: (row) => row.server_error},
    {name: 'seen_by', label: 'Known from', className: 'said', value: seenBy},
    {name: 'connections', value: (row) => row.connections},
    {name: 'token_hash', value: (row) => row.token_hash},
    {name: 'session_id', value: (row) => row.session_id},
  ], answer.connections));
}
