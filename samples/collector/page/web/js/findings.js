// Mistakes that show by themselves, each with what to do.
import {element, empty, show} from './dom.js';
import {csvButton} from './download.js';
import {count, percent} from './format.js';

const nameOf = (one) => one.endpoint || one.network || 'unnamed';

function card(finding) {
  const who = finding.who.map((one) => element('span', 'part', nameOf(one) + ' ', element('b', '', count(one.count))));
  return element('article', 'finding', element('h3', '', finding.title),
                 element('p', '', element('b', '', count(finding.count)), ' connections, ',
                         element('b', '', percent(finding.share_of_drops)), ' of the drops'),
                 element('p', 'said', ...who), element('p', 'advice', element('b', '', 'What to do: '), finding.advice));
}

export function showFindings(answer) {
  if (!answer.findings.length) return empty('findings', 'No known mistake shows in these connections.');
  const button = csvButton('findings', ['id', 'title', 'count', 'share_of_drops', 'who', 'advice'],
                           answer.findings.map((finding) => [
                             finding.id, finding.title, finding.count, finding.share_of_drops,
                             finding.who.map((one) => nameOf(one) + ' ' + one.count).join('; '), finding.advice]));
  show('findings', element('div', 'table', element('div', 'cards', ...answer.findings.map(card)), button));
}
