// Shares or counts over time as stacked bars, with the same numbers as a table behind them.
import {byId, causeColour, dot, element, empty, show} from './dom.js';
import {gather} from './causes.js';
import {count, percent, share, words, date, clock} from './format.js';
import {table} from './table.js';

const DAY_S = 86400;
const HOUR_S = 3600;
const LONGEST_HOURLY_S = 3 * DAY_S;
const MOST_SERIES = 7;
const MOST_BUCKETS = 1000;
const OTHER = 'other';

let chart = null;
let redraw = () => {};

export const stepOf = (range, nowS) =>
    (range.from && (range.to || nowS) - range.from <= LONGEST_HOURLY_S ? 'hour' : 'day');

const startOf = (label) => Date.parse(label.length === 10 ? label + 'T00:00Z' : label) / 1000;
const bucketName = (unixS, step) => (step === 'hour' ? date(unixS) + ', ' + clock(unixS) : date(unixS));

// Every bucket between the first and the last that is asked for, the empty ones too.
function bucketsOf(groups, step, range, nowS) {
  const stepS = step === 'hour' ? HOUR_S : DAY_S;
  const starts = groups.map((group) => startOf(group[step]));
  const first = range.from ? Math.floor(range.from / stepS) * stepS : Math.min(...starts);
  const end = range.to ? range.to - 1 : range.from ? nowS : Math.max(...starts);
  const buckets = new Map();
  for (let at = first; at <= end && buckets.size < MOST_BUCKETS; at += stepS) {
    buckets.set(at, {at, total: 0, parts: new Map()});
  }
  return buckets;
}

// Nothing is known of the time before the first connection, so the chart begins there; later gaps stay.
const sinceFirst = (buckets) => buckets.slice(Math.max(0, buckets.findIndex((bucket) => bucket.total)));

// {names, buckets}: the largest causes or sides, what is beyond them as "other", and each bucket's numbers.
export function seriesOf(groups, by, step, range, nowS) {
  const all = gather(groups, by).map((row) => row.name);
  const names = all.length > MOST_SERIES + 1 ? [...all.slice(0, MOST_SERIES), OTHER] : all;
  const buckets = bucketsOf(groups, step, range, nowS);
  for (const group of groups) {
    const bucket = buckets.get(startOf(group[step]));
    if (!bucket) continue;
    const name = names.includes(group[by]) ? group[by] : OTHER;
    bucket.parts.set(name, (bucket.parts.get(name) || 0) + group.connections);
    bucket.total += group.connections;
  }
  return {names, buckets: sinceFirst([...buckets.values()])};
}

// Rows of the chart: the times, then each series upon those below it, the topmost first so that it is drawn behind.
function stackedData({names, buckets}, measure) {
  const heights = buckets.map(() => 0);
  const rows = names.map((name) => buckets.map((bucket, i) => {
    const number = bucket.parts.get(name) || 0;
    return heights[i] += measure === 'share' ? share(number, bucket.total) : number;
  }));
  return [buckets.map((bucket) => bucket.at), ...rows.reverse()];
}

// A canvas knows no custom properties: the browser resolves them on an element.
function resolved(colour) {
  const probe = element('i');
  probe.style.color = colour;
  document.body.append(probe);
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
}

function tickLabel(at, step) {
  const day = date(at).split(' ').slice(0, 2).join(' ');
  if (step === 'day') return day;
  return clock(at) === '00:00' ? day : clock(at);
}

function draw(holder, series, options) {
  const {measure, step, colour, onHover} = options;
  const text = resolved('var(--soft)');
  const line = resolved('var(--line)');
  const paths = uPlot.paths.bars({size: [0.82, 48], gap: 1});
  const axis = {stroke: text, grid: {stroke: line, width: 1}, ticks: {show: false}, font: '12px system-ui, sans-serif'};
  const stepS = step === 'hour' ? HOUR_S : DAY_S;
  chart?.destroy();
  chart = new uPlot({
    width: Math.max(240, holder.clientWidth), height: 240, legend: {show: false},
    tzDate: (at) => uPlot.tzDate(new Date(at * 1000), 'Etc/UTC'),
    cursor: {y: false, drag: {x: false, y: false}, points: {show: false}},
    scales: {x: {range: (_, low, high) => [low - stepS * 0.6, high + stepS * 0.6]},
             y: {range: (_, low, high) => [0, measure === 'share' ? 1 : Math.max(1, high * 1.05)]}},
    axes: [{...axis, grid: {show: false}, size: 32, space: 64, incrs: [1, 2, 3, 6, 12, 24, 48, 168, 336, 720].map((n) => n * HOUR_S)
              .filter((increment) => increment >= stepS), values: (_, ticks) => ticks.map((at) => tickLabel(at, step))},
           {...axis, size: 56, values: (_, ticks) => ticks.map(
               (at) => (measure === 'share' ? Math.round(100 * at) + ' %' : Number.isInteger(at) ? count(at) : ''))}],
    series: [{}, ...series.names.toReversed().map((name) => ({fill: resolved(colour(name)), width: 0, points: {show: false},
                                                               paths}))],
    hooks: {setCursor: [(self) => onHover(self.cursor.idx)]},
  }, stackedData(series, measure), holder);
}

// The last one goes on: its count is no fall, and its shares may still move much.
const isGoingOn = (bucket, step, nowS) => bucket.at + (step === 'hour' ? HOUR_S : DAY_S) > nowS;

function readout(bucket, names, step, nowS) {
  if (!bucket) return ['Point at a bar for its numbers.'];
  const parts = names.filter((name) => bucket.parts.get(name)).map((name) => words(name) + ' ' +
      count(bucket.parts.get(name)) + ' (' + percent(share(bucket.parts.get(name), bucket.total)) + ')');
  const soFar = isGoingOn(bucket, step, nowS) ? ' so far' : '';
  return [element('b', '', bucketName(bucket.at, step) + ' UTC: ' + count(bucket.total) + soFar), ' ' + parts.join(', ')];
}

function numbers(series, step, nowS) {
  const columns = [{name: step, label: step === 'hour' ? 'Hour (UTC)' : 'Day (UTC)', value: (row) => new Date(row.at * 1000)
                        .toISOString().slice(0, step === 'hour' ? 16 : 10) + (step === 'hour' ? 'Z' : ''),
                    cell: (row) => bucketName(row.at, step) + (isGoingOn(row, step, nowS) ? ' (so far)' : '')},
                   {name: 'connections', label: 'All', number: true, value: (row) => row.total},
                   ...series.names.map((name) => ({name, label: words(name), number: true,
                                                   value: (row) => row.parts.get(name) || 0}))];
  const scroll = element('div', 'scroll', table('over-time', 'Connections over time', columns, series.buckets));
  scroll.tabIndex = 0;
  scroll.setAttribute('role', 'region');
  scroll.setAttribute('aria-label', 'Numbers over time');
  return element('details', '', element('summary', '', 'The same as a table'), scroll);
}

export function showTrend(answer, {by, measure, step, range, nowS, colour}) {
  if (!answer.connections) {
    chart?.destroy();
    chart = null;
    redraw = () => {};
    return empty('trend', 'No connection matches.');
  }
  const series = seriesOf(answer.groups, by, step, range, nowS);
  const paint = (name) => (name === OTHER ? 'var(--unknown)' : by === 'side' ? causeColour(name, 0) : colour(name));
  const legend = element('ul', 'legend', ...series.names.map((name) => element('li', '', dot(paint(name)), words(name))));
  const said = element('p', 'readout', ...readout(null));
  const holder = element('div', 'plot');
  holder.setAttribute('role', 'img');
  holder.setAttribute('aria-label', 'Stacked bars: ' + (measure === 'share' ? 'shares' : 'connections') + ' by ' + by +
                                        ' for each ' + step + '. The table below holds the numbers.');
  show('trend', legend, holder, said, numbers(series, step, nowS));
  redraw = () => draw(holder, series, {measure, step, colour: paint, onHover: (index) => {
    said.replaceChildren(...readout(index == null ? null : series.buckets[index], series.names, step, nowS));
  }});
  redraw();
}

matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => redraw());
new ResizeObserver(() => {
  const holder = document.querySelector('#trend .plot');
  if (chart && holder) chart.setSize({width: Math.max(240, holder.clientWidth), height: 240});
}).observe(byId('trend'));
