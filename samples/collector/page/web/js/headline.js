// The answer in ten seconds: how many drop, of what most, whose side it is, and since which version.
import {causeColour, dot, element, empty, show, stack} from './dom.js';
import {gather} from './causes.js';
import {count, percent, share, words} from './format.js';
import {meaningOf} from './meanings.js';
import {namedVersionsOf} from './versions.js';

// A change is told if both versions have enough connections, the share is up by half and by two points, and chance would
// bring that rarely (three standard deviations of the difference).
const LEAST_CONNECTIONS = 50;
const LEAST_POINTS = 0.02;
const LEAST_TIMES = 1.5;
const LEAST_DEVIATIONS = 3;

function riseOf(before, after, cause) {
  const old = share(before.drops.get(cause) || 0, before.connections);
  const now = share(after.drops.get(cause) || 0, after.connections);
  const both = ((before.drops.get(cause) || 0) + (after.drops.get(cause) || 0)) / (before.connections + after.connections);
  const deviation = Math.sqrt(both * (1 - both) * (1 / before.connections + 1 / after.connections));
  const told = now - old >= LEAST_POINTS && now >= LEAST_TIMES * old && now - old >= LEAST_DEVIATIONS * deviation;
  return {cause, before, after, old, now, rise: now - old, told};
}

// The largest rise of one cause from a version to the next that the newest version still shows: what was mended since is
// no answer to "since which version".
export function largestRise(versions) {
  const known = versions.filter((version) => version.connections >= LEAST_CONNECTIONS);
  const newest = known.at(-1);
  let largest = null;
  for (let i = 1; i < known.length; ++i) {
    for (const cause of known[i].drops.keys()) {
      const rise = riseOf(known[i - 1], known[i], cause);
      const lasts = rise.told && riseOf(known[i - 1], newest, cause).told;
      if (lasts && (!largest || rise.rise > largest.rise)) largest = rise;
    }
  }
  return largest;
}

function tile(id, title, figure, ...text) {
  const made = element('div', 'tile', element('h2', '', title), element('p', 'figure', figure), element('p', '', ...text));
  made.id = id;
  return made;
}

function sideTile(drops, total) {
  const sides = gather(drops, 'side');
  const parts = sides.map((side) => ({share: share(side.connections, total), colour: causeColour(side.name, 0)}));
  const legend = element('ul', 'legend', ...sides.map((side) => element(
      'li', '', dot(causeColour(side.name, 0)), words(side.name) + ' ', element('b', '', count(side.connections)),
      ' ' + percent(share(side.connections, total)))));
  const made = element('div', 'tile sides', element('h2', '', 'Whose side the drops are on'), stack(parts, 'tall'), legend);
  made.id = 'sides';
  return made;
}

function versionTile(versions, severalApps) {
  if (severalApps) {
    return tile('since-version', 'Since which version', 'choose an app', 'Versions of different apps are not compared.');
  }
  const rise = largestRise(versions);
  if (rise) {
    return tile('since-version', 'Since version ' + rise.after.name, words(rise.cause),
                element('b', '', percent(rise.now)), ' of its ' + count(rise.after.connections) + ' connections dropped by it; before, ',
                element('b', '', percent(rise.old)), ' of the ' + count(rise.before.connections) + ' of ' + rise.before.name + '.');
  }
  return tile('since-version', 'Since which version', versions.length > 1 ? 'none stands out' : 'nothing to compare',
              versions.length > 1 ? 'No cause rose by much from one version to the next.' :
                                    'A second version shows here what changed.');
}

const NOTHING_YET = 'No report has come yet. Give your game an upload_url that leads to the ingest address of this collector, ' +
    'which it printed when it started, and ends in /v1/batches. A client reports when the game is launched the next time; a ' +
    'server that links the SDK does every minute. To see this page filled: samples/demo.sh --keep.';
const NOTHING_HERE = 'No connection ended in this time with these filters. Clients report when the game is launched the next ' +
    'time. Widen the time, or clear the filters.';

// The sentence that says what the cause is, if it is known.
function whatIs(cause) {
  const meaning = meaningOf(cause);
  return meaning ? [element('span', 'meaning', meaning.brief)] : [];
}

// `anything` is false if no report ever came, `severalApps` true if the answer is of more than one.
export function showHeadline(answer, {anything, severalApps}) {
  if (!answer.connections) return empty('headline', anything ? NOTHING_HERE : NOTHING_YET);
  const drops = answer.groups.filter((group) => group.outcome === 'dropped');
  const dropped = drops.reduce((sum, group) => sum + group.connections, 0);
  const top = gather(drops, 'cause')[0];
  show('headline',
       tile('dropped', 'Dropped', percent(share(dropped, answer.connections)), element('b', '', count(dropped)), ' of ',
            element('b', '', count(answer.connections)), ' connections'),
       top ? tile('top-cause', 'Most often', words(top.name), element('b', '', percent(share(top.connections, dropped))),
                  ' of the drops: ', element('b', '', count(top.connections)), ' of ' + count(dropped) + '. ', ...whatIs(top.name)) :
             tile('top-cause', 'Most often', 'nothing', 'No connection was dropped.'),
       versionTile(namedVersionsOf(answer.groups), severalApps), ...(dropped ? [sideTile(drops, dropped)] : []));
}
