// The numbers of the evidence in words, as proto/whydrop/v1/report.proto names them.
import {words} from './format.js';

const ERRORS = ['unknown', 'reset', 'aborted', 'software aborted', 'timed out', 'host unreachable', 'net unreachable',
                'net down', 'keepalive failed', 'refused', 'broken pipe', 'access denied', 'not permitted',
                'message too long', 'no buffers', 'address not available', 'name not found', 'TLS failure'];
const OPERATIONS = ['unspecified', 'resolve', 'connect', 'TLS', 'send', 'receive', 'poll', "the application's time-out"];
const REASONS = ['normal', 'transfer', 'logout', 'kick', 'shutdown', 'idle'];
const LISTS = {
  error_kind: ERRORS, operation: OPERATIONS, close_reason: REASONS, announced_reason: REASONS,
  protocol: ['unspecified', 'TCP', 'UDP'], session_end_confidence: ['unspecified', 'low', 'medium', 'high'],
};
const FLAGS = new Set(['established', 'peer_closed', 'closed_locally', 'link_up', 'link_down_since_recv',
                       'local_address_present', 'route_present', 'peer_loopback', 'link_tunnel', 'linger_zero', 'poll_error',
                       'wine', 'link_down_at_death']);
const UNITS = {ms: ' ms', us: ' \u00b5s', bytes: ' bytes'};

export function errorName(evidence) {
  const kind = ERRORS[evidence.error_kind] || 'error ' + evidence.error_kind;
  const number = evidence.os_error ? ' (' + evidence.os_error + ')' : '';
  return kind + number + (evidence.operation ? ' in ' + OPERATIONS[evidence.operation] : '');
}

// A field's name without its unit, and its value with it.
export function describe(name, value, session) {
  if (name === 'session_end') return [words(name), words(session.end) + ' (' + value + ')'];
  if (FLAGS.has(name)) return [words(name), value ? 'yes' : 'no'];
  if (LISTS[name]) return [words(name), (LISTS[name][value] || 'unknown') + ' (' + value + ')'];
  const unit = name.slice(name.lastIndexOf('_') + 1);
  if (UNITS[unit]) return [words(name.slice(0, -unit.length - 1)), value.toLocaleString('en') + UNITS[unit]];
  return [words(name), value.toLocaleString('en')];
}
