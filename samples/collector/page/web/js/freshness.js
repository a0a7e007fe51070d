// How new the answers are: always in sight, and asked again while the page is open.
import {ask} from './api.js';
import {byId, element} from './dom.js';
import {dateTime, duration} from './format.js';

const ASK_AGAIN_MS = 60000;
const LAGS_S = 120;

// `asked` is the promise of an answer.
export async function showFreshness(asked) {
  const place = byId('freshness');
  try {
    const answer = await asked;
    const nowS = Date.now() / 1000;
    const newest = answer.newest_report_unix_s;
    const ago = (unixS) => duration(1000 * Math.max(0, nowS - unixS)) + ' ago';
    const behind = nowS - answer.complete_until_unix_s > LAGS_S;
    const parts = [newest === null ? 'No report has come yet' : 'Newest report ' + dateTime(newest) + ', ' + ago(newest)];
    if (behind) parts.push('; complete until ' + dateTime(answer.complete_until_unix_s));
    if (!answer.ready) parts.push('; nothing new is taken: ' + answer.why_not);
    place.className = behind || !answer.ready ? 'stale' : '';
    place.replaceChildren(...parts.map((part) => element('span', '', part)));
  } catch (error) {
    if (error.name === 'AbortError') return;
    place.className = 'stale';
    place.textContent = 'How new this is, is not known: ' + error.message;
  }
}

setInterval(() => { if (!document.hidden) showFreshness(ask('/v1/freshness', {})); }, ASK_AGAIN_MS);
