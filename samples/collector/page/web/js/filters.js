// What is asked for: in the address, so that it can be sent on; in the form, so that it can be changed; and as
// parameters of the interface.
import {byId, options} from './dom.js';
import {compareVersions} from './format.js';

const DEFAULTS = {since: '30d', outcome: 'dropped', by: 'cause', measure: 'share'};
const NAMES = ['app_id', 'since', 'from', 'to', 'outcome', 'app_version', 'endpoint', 'platform', 'tag_key', 'tag_value',
               'by', 'measure', 'a', 'b', 'cause', 'connection'];
const FORM = ['app_id', 'since', 'from', 'to', 'outcome', 'app_version', 'endpoint', 'platform', 'tag_key', 'tag_value',
              'by', 'measure'];
const CLEARED = ['since', 'from', 'to', 'outcome', 'app_version', 'endpoint', 'platform', 'tag_key', 'tag_value'];
const DAY_S = 86400;
const HOUR_S = 3600;

export const state = {};

export function readAddress() {
  const query = new URLSearchParams(location.search);
  for (const name of NAMES) state[name] = query.get(name) || DEFAULTS[name] || '';
}

// The address of this page with something else chosen.
export function addressOf(changes, hash) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries({...state, ...changes})) {
    if (value && value !== DEFAULTS[name]) query.set(name, value);
  }
  return location.pathname + (query.size ? '?' + query : '') + hash;
}

export function writeAddress(how) {
  const address = addressOf({}, location.hash);
  if (how === 'replace') history.replaceState(null, '', address);
  else if (address !== location.pathname + location.search + location.hash) history.pushState(null, '', address);
}

export const isFiltered = () => CLEARED.some((name) => state[name] !== (DEFAULTS[name] || ''));

export function clearFilters() {
  for (const name of CLEARED) state[name] = DEFAULTS[name] || '';
}

export function readForm() {
  for (const name of FORM) state[name] = byId(name).value;
  if (state.since !== 'custom') state.from = state.to = '';
  if (!state.tag_key) state.tag_value = '';
}

const choices = (values, all) => [['', all], ...values.map((value) => [value, value])];

// Fills the form with what there is to choose from and with what is chosen. `labels` is null until it is known.
export function fillForm(labels) {
  const known = labels || {apps: [], app_version: [], endpoint: [], tags: {}};
  options(byId('app_id'), choices(known.apps, 'all apps'), state.app_id);
  options(byId('app_version'), choices(known.app_version.toSorted(compareVersions).reverse(), 'all'), state.app_version);
  options(byId('endpoint'), choices(known.endpoint, 'all'), state.endpoint);
  options(byId('tag_key'), choices(Object.keys(known.tags), 'any'), state.tag_key);
  options(byId('tag_value'), choices(known.tags[state.tag_key] || [], 'any'), state.tag_value);
  for (const name of ['since', 'outcome', 'platform', 'by', 'measure', 'from', 'to']) byId(name).value = state[name];
  for (const label of document.querySelectorAll('.custom')) label.hidden = state.since !== 'custom';
  document.querySelector('.tag').hidden = !Object.keys(known.tags).length && !state.tag_key;
  document.querySelector('.tag-value').hidden = !state.tag_key;
  byId('clear').hidden = !isFiltered();
}

const unixOf = (utc) => (utc ? Math.floor(Date.parse(utc + 'Z') / 1000) : NaN);

// The bounds in unix seconds: whole hours or days up to now, so that the first bar of a chart is a whole one.
export function timeRange(nowS = Math.floor(Date.now() / 1000)) {
  const known = {'24h': [HOUR_S, 24], '7d': [DAY_S, 7], '30d': [DAY_S, 30], '90d': [DAY_S, 90]}[state.since];
  const range = {};
  if (known) {
    const [step, steps] = known;
    range.from = Math.floor(nowS / step) * step - (steps - 1) * step;
  } else if (state.since === 'custom') {
    if (unixOf(state.from)) range.from = unixOf(state.from);
    if (unixOf(state.to)) range.to = unixOf(state.to);
  }
  return range;
}

// Parameters of the session's filters, and with the endpoint those of the connection's.
export function sessionFilter(range) {
  const parameters = {...range};
  for (const name of ['app_id', 'app_version', 'platform']) {
    if (state[name]) parameters[name] = state[name];
  }
  if (state.tag_key && state.tag_value) parameters['tag:' + state.tag_key] = state.tag_value;
  return parameters;
}

export function connectionFilter(range) {
  return state.endpoint ? {...sessionFilter(range), endpoint: state.endpoint} : sessionFilter(range);
}

export const causeFilter = () => (state.cause ? {cause: state.cause} : {});
export const outcomeFilter = () => (state.outcome === 'any' ? {} : {outcome: state.outcome});
