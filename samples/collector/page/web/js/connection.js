// One connection: what was decided, by which rule and from what, and both ends' evidence.
import {byId, element, fail, show, wait} from './dom.js';
import {ask} from './api.js';
import {state, writeAddress} from './filters.js';
import {dateTime, words} from './format.js';
import {describe} from './evidence.js';
import {meaningOf} from './meanings.js';
import {timeline} from './timeline.js';

function evidenceTable(title, evidence, session) {
  if (!evidence) return element('div', 'evidence', element('h4', '', title), element('p', 'note', 'No record of this end.'));
  const about = [session.app_version && 'version ' + session.app_version, session.platform,
                 session.endpoint && 'endpoint ' + session.endpoint, session.open ? 'still open' :
                 'ended ' + dateTime(session.ended_unix_s), 'its session: ' + (session.end === 'unknown' ? 'no end known' : words(session.end))];
  const rows = Object.entries(evidence).map(([name, value]) => {
    const [label, text] = describe(name, value, session);
    const head = element('th', '', label);
    head.scope = 'row';
    return element('tr', '', head, element('td', '', text));
  });
  return element('div', 'evidence', element('h4', '', title), element('p', 'note', about.filter(Boolean).join(', ') + '.'),
                 element('table', 'plain', element('caption', 'hidden', title + ', what it recorded'),
                         element('tbody', '', ...rows)));
}

function card(view) {
  const facts = [['Outcome', view.outcome], ['Side', words(view.side)], ['Confidence', view.confidence],
                 ['Rule', view.rule], ["The server's log said", view.server_error]];
  const notes = [];
  const meaning = meaningOf(view.cause);
  if (meaning) notes.push(element('p', 'note', meaning.what + ' ', element('b', '', 'What to do: '), meaning.todo));
  if (view.pending) notes.push(element('p', 'note', 'The other end may still report: this verdict may change.'));
  if (view.duplicate_token) notes.push(element('p', 'note', 'Several clients used this token; each is shown.'));
  return element('article', 'verdict', element('h3', '', words(view.cause)), element('p', 'reason', view.reason),
                 element('dl', '', ...facts.map(([name, value]) => element('div', '', element('dt', '', name),
                                                                           element('dd', '', value)))),
                 ...notes, ...timeline(view),
                 element('div', 'both', evidenceTable('Client', view.client, view.client_session),
                         evidenceTable('Server', view.server, view.server_session)));
}

// Returns the hash of what was found, "" if it has none, null if nothing was.
async function look(parameters, nothing) {
  wait('connection');
  try {
    const answer = await ask('/v1/connections', parameters);
    if (!answer.connections.length) {
      show('connection', element('p', 'message', nothing));
      return null;
    }
    show('connection', ...answer.connections.map(card));
    return answer.connections[0].token_hash;
  } catch (error) {
    fail('connection', 'The connection cannot be shown: ' + error.message);
    return null;
  }
}

const NO_TOKEN = 'No record carries this token in this app. Clients report at their next launch.';
const NO_SESSION = 'This session has no connection, or its time is over and it was deleted.';
const MOST_OF_SESSION = 20;

// What the address names (recent.js).
export async function showLinked() {
  const [app, hash, session] = state.connection.split(':');
  if (!hash) return show('connection');
  byId('lookup_app').value = app;
  if (hash === 'session') await look({app_id: app, session_id: session, limit: MOST_OF_SESSION}, NO_SESSION);
  else await look({app_id: app, token_hash: hash}, NO_TOKEN);
}

// What the store knows a token by. The token itself is a login secret in many games, and what is asked for stands in the
// logs of proxies: it leaves the page only where the browser does not hash, on an address without TLS that is no loopback.
async function nameToken(app, token) {
  if (!crypto.subtle) return {token};
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(app + '\0' + token));
  return {token_hash: [...new Uint8Array(digest, 0, 16)].map((byte) => byte.toString(16).padStart(2, '0')).join('')};
}

byId('lookup').addEventListener('submit', async (event) => {
  event.preventDefault();
  const app = byId('lookup_app').value;
  const hash = await look({app_id: app, ...await nameToken(app, byId('lookup_token').value)}, NO_TOKEN);
  state.connection = hash ? app + ':' + hash : '';
  writeAddress();
});
