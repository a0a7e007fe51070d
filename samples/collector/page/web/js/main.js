// Asks what the filters say and hands each answer to the part of the page that shows it.
import {ask, forget, remembered} from './api.js';
import {paletteOf, showCauses, showErrors} from './causes.js';
import {showLinked} from './connection.js';
import {byId, element, fail, wait} from './dom.js';
import {saveJson} from './download.js';
import {causeFilter, clearFilters, connectionFilter, fillForm, outcomeFilter, readAddress, readForm, sessionFilter, state, timeRange,
        writeAddress} from './filters.js';
import {showFindings} from './findings.js';
import {showFreshness} from './freshness.js';
import {count, percent, share} from './format.js';
import {showHeadline} from './headline.js';
import {readMeanings} from './meanings.js';
import {fillCauses, showRecent} from './recent.js';
import {showCrashes, showEnds} from './sessions.js';
import {showTrend, stepOf} from './trend.js';
import {showCompare, showVersions} from './versions.js';

let asking = new AbortController();
const meanings = readMeanings();
let labels = null;
let lists = {};  // the answers on show, for what only draws them another way

const whichOutcome = () => (state.outcome === 'any' ? ' connections' : ' ' + state.outcome);

// An answer has room for so many groups; what is beyond them is missing in charts and tables, though not in the totals.
function showLeftOut(connections) {
  byId('left-out').hidden = !connections;
  byId('left-out').textContent = count(connections) + ' connections lie in groups too small to be listed below: choose an app, ' +
      'a version or a shorter time to see them.';
}

function showCoverage(answer) {
  const covered = share(answer.reported, answer.connections);
  byId('covered').style.width = 100 * covered + '%';
  byId('coverage').replaceChildren(
      element('b', '', count(answer.connections)), whichOutcome(),
      ', coverage ', element('b', '', percent(covered)), ': ' + count(answer.reported) + ' reported by the player',
      answer.pending ? ', ' + count(answer.pending) + ' pending' : '');
  byId('apart').textContent = answer.unjoined_server_records ?
      count(answer.unjoined_server_records) + ' server records without a token are not counted.' : '';
}

function drawTrend() {
  const {trend, range, nowS, step, colour} = lists;
  if (trend) showTrend(trend, {by: state.by, measure: state.measure, step, range, nowS, colour});
}

function drawCompare() {
  if (lists.versions) showCompare(lists.severalApps ? [] : lists.versions.groups, state, lists.colour);
}

function drawRecent() {
  if (lists.recent) showRecent(lists.recent, lists.colour || (() => 'var(--unknown)'));
}

// Runs a question; the sections wait for it, show its answer, or say why there is none. A newer question silences it.
async function part(sections, question, draw) {
  const mine = asking;
  sections.forEach(wait);
  try {
    const answer = await question;
    if (mine === asking) draw(answer);
  } catch (error) {
    if (mine !== asking || error.name === 'AbortError') return;
    sections.forEach((section) => fail(section, 'This cannot be shown: ' + error.message));
    if (sections.includes('causes')) {
      byId('coverage').textContent = 'coverage unknown';
      byId('covered').style.width = 0;
    }
  }
}

// Both the palette of the causes and the versions need the other's answer, so they are drawn together.
function drawOverview([attribution, trend, versions, ends, freshness, listed]) {
  const colour = paletteOf(versions.groups.filter((group) => state.outcome === 'any' || group.outcome === state.outcome)
                               .concat(versions.groups.filter((group) => group.outcome === 'dropped')));
  // Versions of different apps have nothing to do with each other.
  const severalApps = !state.app_id && listed?.apps.length > 1;
  lists = {...lists, trend, versions, colour, severalApps};
  showCoverage(attribution);
  showLeftOut(Math.max(attribution.left_out, trend.left_out, versions.left_out));
  showHeadline(versions, {anything: freshness?.newest_report_unix_s !== null, severalApps});
  drawTrend();
  showCauses(attribution, colour, count(attribution.connections) + whichOutcome());
  showErrors(attribution, colour);
  showVersions(versions.groups, ends.groups, colour, severalApps);
  drawCompare();
  fillCauses(attribution.groups);
  drawRecent();
  performance.mark('whydrop-drawn');  // for whoever measures the page
}

function show() {
  asking.abort();
  asking = new AbortController();
  const {signal} = asking;
  forget();
  const nowS = Math.floor(Date.now() / 1000);
  const range = timeRange(nowS);
  const step = stepOf(range, nowS);
  lists = {range, nowS, step};
  const filter = connectionFilter(range);
  const attribution = (groupBy, more) => ask('/v1/attribution', {group_by: groupBy, ...filter, ...more}, signal);
  const ends = ask('/v1/session_ends', sessionFilter(range), signal);
  const freshness = ask('/v1/freshness', {}, signal);
  return Promise.all([
    part(['headline', 'trend', 'causes', 'errors', 'versions', 'compare'], Promise.all([
      attribution('cause,side,server_error', outcomeFilter()), attribution(step + ',cause,side', outcomeFilter()),
      attribution('app_version,cause,side,outcome'), ends, freshness.catch(() => null), labelled, meanings]), drawOverview),
    part(['ends'], ends, showEnds),
    part(['crashes'], ask('/v1/crashes', sessionFilter(range), signal), showCrashes),
    part(['findings'], ask('/v1/findings', filter, signal), showFindings),
    askRecent(),
    showFreshness(freshness),
  ]);
}

const MOST_RECENT = 20;

function askRecent() {
  return part(['recent'], ask('/v1/recent_connections', {...connectionFilter(lists.range), ...outcomeFilter(), ...causeFilter(),
                                                         limit: MOST_RECENT}, asking.signal),
              (answer) => { lists.recent = answer; drawRecent(); });
}

let labelled = null;  // settles when the labels for the chosen app are known, or cannot be
async function askLabels() {
  byId('filters').setAttribute('aria-busy', 'true');
  // Without them the parts of the page say that the collector does not answer; the form keeps what is chosen.
  const asked = ask('/v1/labels', state.app_id ? {app_id: state.app_id} : {}).catch(() => labels);
  labelled = asked;
  const found = await asked;
  if (asked !== labelled) return;
  labels = found;
  fillForm(labels);
  byId('filters').removeAttribute('aria-busy');
}

async function change() {
  readForm();
  writeAddress();
  fillForm(labels);
  // A custom time asks once it is complete enough, not while it is being chosen.
  if (state.since === 'custom' && !state.from && !state.to) return;
  await Promise.all([askLabels(), show()]);
}

function start() {
  readAddress();
  fillForm(labels);
  askLabels();
  show();
  showLinked();
}

byId('filters').addEventListener('change', change);
byId('filters').addEventListener('submit', (event) => event.preventDefault());
byId('clear').addEventListener('click', () => {
  clearFilters();
  fillForm(labels);
  change();
});
byId('by').addEventListener('change', () => { readForm(); writeAddress(); drawTrend(); });
byId('measure').addEventListener('change', () => { readForm(); writeAddress(); drawTrend(); });
for (const name of ['a', 'b']) {
  byId(name).addEventListener('change', () => { state[name] = byId(name).value; writeAddress(); drawCompare(); });
}
function chooseCause(cause) {
  state.cause = cause;
  writeAddress();
  byId('cause').value = cause;
  return askRecent();
}
byId('cause').addEventListener('change', () => chooseCause(byId('cause').value));

// Links into this page change it in place; whoever opens one in a new tab gets the same from its address.
document.addEventListener('click', (event) => {
  const link = event.target.closest('a.cause-link, a.timeline-link');
  if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  if (link.dataset.cause) {
    chooseCause(link.dataset.cause);
    byId('recent').scrollIntoView();
    byId('cause').focus({preventScroll: true});
  } else {
    state.connection = new URL(link.href).searchParams.get('connection');
    writeAddress();
    showLinked();
    byId('connection').scrollIntoView();
    byId('lookup_token').focus({preventScroll: true});
  }
});
byId('json').addEventListener('click', () => saveJson('whydrop.json', {
  address: location.href, made: new Date().toISOString(), answers: remembered()}));
addEventListener('popstate', start);
start();
