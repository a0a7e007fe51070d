// How the sessions of players ended, and where they crashed.
import {bar, causeColour, dot, element, empty, show} from './dom.js';
import {count, dateTime, percent, share, words} from './format.js';
import {linkToSession} from './recent.js';
import {table} from './table.js';

const SIGNALS = {4: 'SIGILL', 5: 'SIGTRAP', 6: 'SIGABRT', 7: 'SIGBUS', 8: 'SIGFPE', 11: 'SIGSEGV', 31: 'SIGSYS'};
const EXCEPTIONS = {0xc0000005: 'access violation', 0xc00000fd: 'stack overflow', 0xc0000409: 'fail fast',
                    0xc0000374: 'heap corruption', 0xc000001d: 'illegal instruction', 0xe06d7363: 'C++ exception',
                    0xc0000094: 'division by zero'};

export function codeName(code, platform) {
  if (platform === 'linux') return SIGNALS[code] || 'signal ' + code;
  return EXCEPTIONS[code] || '0x' + code.toString(16);
}

export function showEnds(answer) {
  if (!answer.sessions) return empty('ends', 'No session of a player ended in this time with these filters.');
  const ends = new Map();
  for (const group of answer.groups) {
    const row = ends.get(group.end) || {end: group.end, side: group.side, sessions: 0};
    row.sessions += group.sessions;
    ends.set(group.end, row);
  }
  const rows = [...ends.values()].sort((a, b) => b.sessions - a.sessions);
  show('ends', table('session-ends', 'Ends of sessions, most frequent first', [
    {name: 'end', label: 'End', className: 'cause', value: (row) => row.end,
     cell: (row) => [dot(causeColour(row.side, 0)), words(row.end)]},
    {name: 'sessions', label: 'Sessions', number: true, value: (row) => row.sessions},
    {name: 'share', label: 'Share of ' + count(answer.sessions) + ' sessions', className: 'share', value: (row) => share(row.sessions, answer.sessions).toFixed(4),
     cell: (row) => element('div', '', element('span', '', percent(share(row.sessions, answer.sessions))),
                            element('span', 'rail', bar(row.sessions / rows[0].sessions, causeColour(row.side, 0))))},
  ], rows));
}

const place = (row) => (row.module || 'unknown module') + ' + ' + row.offset;
const versionsOf = (row) => row.versions.map((version) => (version.app_version || 'unknown') + ' ' + version.sessions);

// To the connections of the session that crashed.
function reportLink(report) {
  const made = element('a', 'timeline-link', element('code', '', report.report_id));
  made.href = linkToSession(report.app_id, report.session_id);
  made.title = 'The connections of this session';
  return made;
}

export function showCrashes(answer) {
  if (!answer.sessions) return empty('crashes', 'No session crashed in this time with these filters.');
  const rest = answer.places - answer.groups.length;
  const note = element('p', 'note', count(answer.sessions) + ' sessions crashed at ' + count(answer.places) + ' places' +
                                        (rest ? '; the largest ' + count(answer.groups.length) + ' are shown.' : '.'));
  show('crashes', table('crashes', 'Places of crashes, most frequent first', [
    {name: 'place', label: 'Module and offset', className: 'place', value: place,
     cell: (row) => [element('code', '', place(row)), element('small', '', codeName(row.code, row.platform) + ', ' + row.platform)]},
    {name: 'code', value: (row) => row.code},
    {name: 'platform', value: (row) => row.platform},
    {name: 'sessions', label: 'Sessions', number: true, value: (row) => row.sessions},
    {name: 'versions', label: 'Versions, first seen first', className: 'said', value: (row) => versionsOf(row).join('; '),
     cell: (row) => row.versions.slice(0, 4).map((version) => element(
         'span', 'part', (version.app_version || 'unknown') + ' ', element('b', '', count(version.sessions))))},
    {name: 'last_unix_s', label: 'First and last', className: 'when', value: (row) => row.last_unix_s,
     cell: (row) => [element('span', '', dateTime(row.first_unix_s)), element('span', '', dateTime(row.last_unix_s))]},
    {name: 'report_ids', label: 'Newest reports', className: 'reports',
     value: (row) => row.reports.map((report) => report.report_id).join('; '),
     cell: (row) => (row.reports.length ? row.reports.map(reportLink) : 'none named')},
  ], answer.groups), note);
}
