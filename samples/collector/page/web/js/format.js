// Numbers, names and times as text. Every time is UTC and says so, because the days of the answers are UTC days.

export const count = (number) => number.toLocaleString('en');
export const percent = (share) => (100 * share).toFixed(1) + ' %';
export const words = (name) => name.replaceAll('_', ' ');
export const share = (part, whole) => (whole ? part / whole : 0);

const pad = (number, width = 2) => String(number).padStart(width, '0');
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

export function date(unixS) {
  const at = new Date(unixS * 1000);
  return at.getUTCDate() + ' ' + MONTHS[at.getUTCMonth()] + ' ' + at.getUTCFullYear();
}

export function clock(unixS) {
  const at = new Date(unixS * 1000);
  return pad(at.getUTCHours()) + ':' + pad(at.getUTCMinutes());
}

export const dateTime = (unixS) => date(unixS) + ', ' + clock(unixS) + ' UTC';

// As it stands in logs, to the second.
export function exactTime(unixS) {
  return date(unixS) + ', ' + clock(unixS) + ':' + pad(new Date(unixS * 1000).getUTCSeconds()) + ' UTC';
}

// 07:05:09.120, of a time in milliseconds
export function exactClock(unixMs) {
  const at = new Date(unixMs);
  return clock(unixMs / 1000) + ':' + pad(at.getUTCSeconds()) + '.' + pad(at.getUTCMilliseconds(), 3);
}

export function duration(ms) {
  if (ms < 1000) return Math.round(ms) + ' ms';
  const s = ms / 1000;
  if (s < 60) return (s < 10 ? s.toFixed(1) : Math.round(s)) + ' s';
  if (s < 5400) return Math.round(s / 60) + ' min';
  if (s < 129600) return (s / 3600).toFixed(1) + ' h';
  return Math.round(s / 86400) + ' days';
}

// 1.9 before 1.10: runs of digits compare as numbers.
export const compareVersions = new Intl.Collator('en', {numeric: true}).compare;
