// Both ends of one connection on one axis of time, and the same moments as a list.
import {element} from './dom.js';
import {date, duration, exactClock, words} from './format.js';
import {errorName} from './evidence.js';

// When the session's clock of one end stood at 0, by the end of its record, which the collector placed by receipt.
const startOf = (evidence, session) => session.ended_unix_s * 1000 - (evidence.ended_ms ?? 0);

// What both ends did at the same moment but for the round trip: the client's connect, the server's accept.
const meeting = (evidence) => evidence?.connected_ms ?? evidence?.opened_ms;

// Receipt places an end to about a second; the meeting places the client's beside the server's much better.
function clientShift({client, server, client_session: clientSession, server_session: serverSession}) {
  if (meeting(client) === undefined || meeting(server) === undefined) return null;
  if (client.ended_ms === undefined || server.ended_ms === undefined) return null;
  return startOf(server, serverSession) + meeting(server) - startOf(client, clientSession) - meeting(client);
}

// A client's evidence says how its session ended if that is what ended the connection.
function endOf(evidence, session) {
  if (evidence.closed_locally) return 'closed it';
  return evidence.session_end ? 'its process ended: ' + words(session.end) : 'record ends';
}

export function momentsOf(evidence, session, shift) {
  const end = session.ended_unix_s * 1000 + shift;
  if (evidence.ended_ms === undefined) return session.open ? [] : [{at: end, what: 'ended'}];
  const at = (ms) => end + ms - evidence.ended_ms;
  const moments = [];
  const reported = evidence.failure_ms ?? evidence.ended_ms;
  if (evidence.opened_ms !== undefined) moments.push({at: at(evidence.opened_ms), what: 'opened'});
  if (evidence.connected_ms !== undefined) moments.push({at: at(evidence.connected_ms), what: 'connected'});
  if (evidence.since_recv_ms !== undefined) moments.push({at: at(reported - evidence.since_recv_ms), what: 'last received'});
  if (evidence.since_send_ms !== undefined) moments.push({at: at(reported - evidence.since_send_ms), what: 'last sent'});
  if (evidence.failure_ms !== undefined) {
    const failed = evidence.peer_closed && !evidence.error_kind ? 'saw the peer close' : 'failed: ' + errorName(evidence);
    moments.push({at: at(evidence.failure_ms), what: failed, bad: true});
  }
  moments.push({at: end, what: endOf(evidence, session), bad: !evidence.closed_locally});
  return moments.sort((a, b) => a.at - b.at);
}

function lane(name, moments, first, span) {
  const track = element('div', 'lane-track');
  const place = (at) => 100 * (span ? (at - first) / span : 0.5);
  if (moments.length) {
    const life = element('i', 'life ' + name);
    life.style.left = place(moments[0].at) + '%';
    life.style.width = place(moments.at(-1).at) - place(moments[0].at) + '%';
    track.append(life);
  }
  for (const moment of moments) {
    const mark = element('i', 'mark ' + name + (moment.bad ? ' bad' : ''));
    mark.style.left = place(moment.at) + '%';
    mark.title = moment.what;
    track.append(mark);
  }
  return element('div', 'lane', element('span', 'lane-name', name), track);
}

const PLACED_BY_MEETING = 'Each end has its own clock: the moment both call connected lies at one place.';
const PLACED_BY_RECEIPT = 'Each end has its own clock: they are placed by when their reports arrived, to about a second.';

export function timeline(view) {
  const shift = clientShift(view);
  const ends = [['client', view.client, view.client_session], ['server', view.server, view.server_session]]
                   .filter(([, evidence]) => evidence)
                   .map(([name, evidence, session]) => (
                       {name, moments: momentsOf(evidence, session, name === 'client' ? shift ?? 0 : 0)}));
  const all = ends.flatMap((end) => end.moments.map((moment) => ({...moment, end: end.name}))).sort((a, b) => a.at - b.at);
  if (!all.length) return [element('p', 'note', 'The connection is open: nothing has ended yet.')];
  const first = all[0].at;
  const span = all.at(-1).at - first;
  const lanes = element('div', 'lanes', ...ends.map((end) => lane(end.name, end.moments, first, span)),
                        element('div', 'axis', element('span', '', exactClock(first) + ' UTC'),
                                element('span', '', duration(span)), element('span', '', exactClock(all.at(-1).at) + ' UTC')));
  lanes.setAttribute('aria-hidden', 'true');
  const list = element('ol', 'moments', ...all.map((moment) => {
    const time = element('time', '', exactClock(moment.at));
    time.dateTime = new Date(moment.at).toISOString();
    return element('li', moment.bad ? 'bad' : '', time, element('span', 'end ' + moment.end, moment.end), moment.what);
  }));
  const how = ends.length < 2 ? '' : shift !== null ? PLACED_BY_MEETING : PLACED_BY_RECEIPT;
  return [element('p', 'note', date(first / 1000) + ', times in UTC. ' + how), lanes, list];
}
