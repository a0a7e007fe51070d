#include "samples/collector/page/page.h"

namespace whydrop::collector {
namespace {

constexpr const char* kHtml = R"html(<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>whydrop: why players drop</title>
<link rel="icon" href="/icon.svg">
<link rel="stylesheet" href="/page.css">
<script defer src="/page.js"></script>
<header>
  <div class="wide">
    <h1>Why players drop</h1>
    <p id="coverage" role="status">Loading</p>
    <div class="track" aria-hidden="true"><div id="covered"></div></div>
  </div>
</header>
<main class="wide">
  <form>
    <label>App <input id="app" placeholder="all apps" size="14" autocomplete="off"></label>
    <label>Outcome <select id="outcome"><option value="">all</option><option selected>dropped</option>
      <option>recovered</option><option>failed</option><option>clean</option></select></label>
    <label>Ended <select id="since"><option value="0">at any time</option><option value="86400">in the last day</option>
      <option value="604800">in the last week</option><option value="2592000">in the last 30 days</option></select></label>
  </form>
  <p id="message" hidden></p>
  <div id="answer" hidden>
    <table class="causes">
      <thead><tr><th>Cause<th>Side<th class="n">Connections<th>Share<th>The server's own log said</tr></thead>
      <tbody id="causes"></tbody>
    </table>
    <h2>What the server's log alone would have hidden</h2>
    <table class="errors">
      <thead><tr><th>Server's error<th class="n">Connections<th>What it really was</tr></thead>
      <tbody id="errors"></tbody>
    </table>
    <section id="findings" aria-label="Findings"></section>
    <p class="note">Clients report at their next launch. Players who never came back are known from the server's record
      alone, or not at all: the coverage above says how many did report. <span id="apart"></span></p>
  </div>
</main>
</html>
)html";

constexpr const char* kIcon = R"svg(<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">
<path d="M2 12h4m4 0h4" stroke="#2f6fd6" stroke-width="3" stroke-linecap="round"/>
<circle cx="8" cy="5" r="3" fill="#d64545"/></svg>
)svg";

constexpr const char* kCss = R"css(:root {
  color-scheme: light dark;
  --page: #f6f7f9; --card: #fff; --text: #1c2128; --soft: #5c6673; --line: #e3e6eb; --accent: #2f6fd6;
  --client_process: #d64545; --client_machine: #d9822b; --path: #8a5cd1; --server: #2f6fd6; --connect: #168a84;
  --application: #3c9a52; --unknown: #8a939e;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #14171b; --card: #1d2126; --text: #e4e7eb; --soft: #9aa4b0; --line: #31373f; --accent: #6ea3f2;
    --client_process: #ef7a7a; --client_machine: #eaa35c; --path: #b394ec; --server: #6ea3f2; --connect: #4fc0ba;
    --application: #6fc985; --unknown: #8a939e;
  }
}
* { box-sizing: border-box; }
[hidden] { display: none !important; }
body { margin: 0; background: var(--page); color: var(--text); font: 15px/1.5 system-ui, sans-serif; }
.wide { max-width: 66rem; margin: 0 auto; padding: 0 1.25rem; }
header { position: sticky; top: 0; z-index: 1; background: var(--card); border-bottom: 1px solid var(--line); }
header .wide { display: grid; grid-template-columns: 1fr auto; align-items: baseline; gap: .1rem 2rem;
  padding-top: .8rem; padding-bottom: .8rem; }
h1 { font-size: 1.35rem; margin: 0; }
h2 { font-size: 1.05rem; margin: 2.2rem 0 .7rem; }
#coverage { margin: 0; color: var(--soft); }
#coverage b { color: var(--text); }
.track { grid-column: 1 / -1; height: .3rem; margin-top: .4rem; border-radius: .15rem; background: var(--line); }
.track div { height: 100%; width: 0; border-radius: inherit; background: var(--accent); }
form { display: flex; flex-wrap: wrap; gap: .6rem 1.4rem; margin: 1.3rem 0 1.1rem; color: var(--soft); }
input, select { font: inherit; color: var(--text); background: var(--card); border: 1px solid var(--line);
  border-radius: .35rem; padding: .2rem .5rem; }
#message { padding: 2.4rem 1rem; text-align: center; background: var(--card); border: 1px solid var(--line);
  border-radius: .6rem; color: var(--soft); white-space: pre-line; }
#message.error { color: var(--client_process); border-color: var(--client_process); }
table { width: 100%; border-collapse: separate; border-spacing: 0; background: var(--card);
  border: 1px solid var(--line); border-radius: .6rem; overflow: hidden; }
th, td { text-align: left; padding: .5rem .9rem; }
th { font-size: .8rem; font-weight: 600; color: var(--soft); }
td { border-top: 1px solid var(--line); }
.n { text-align: right; font-variant-numeric: tabular-nums; }
.cause { font-weight: 600; white-space: nowrap; }
.side { white-space: nowrap; color: var(--soft); }
.dot { display: inline-block; width: .6rem; height: .6rem; margin-right: .5rem; border-radius: 50%; }
.share { width: 27%; }
.share div { display: grid; grid-template-columns: 3.6rem 1fr; align-items: center; gap: .7rem; }
.share span { text-align: right; font-variant-numeric: tabular-nums; }
.share i { display: block; height: .65rem; min-width: 2px; border-radius: .2rem; }
.said { color: var(--soft); }
.said span { display: inline-block; white-space: nowrap; margin-right: .9rem; }
.said .dot { margin-right: .35rem; }
.said b { color: var(--text); font-weight: 600; }
.note { color: var(--soft); font-size: .9rem; margin: 1.2rem 0 2.5rem; }
@media (max-width: 46rem) {
  .wide { padding-left: .8rem; padding-right: .8rem; }
  header .wide { grid-template-columns: 1fr; }
  thead { position: absolute; clip-path: inset(50%); }
  tr { display: grid; grid-template-columns: 1fr auto; gap: .1rem .8rem; padding: .6rem .8rem;
    border-top: 1px solid var(--line); }
  tbody tr:first-child { border-top: 0; }
  td { display: block; padding: 0; border: 0; }
  .share, .said { grid-column: 1 / -1; width: auto; }
  .causes .n { grid-column: 2; grid-row: 1; }
  .causes .side { grid-column: 1 / -1; }
  .causes .said::before { content: "server's log: "; }
}
)css";

constexpr const char* kJs = R"js('use strict';
const byId = (id) => document.getElementById(id);
const percent = (share) => (100 * share).toFixed(1) + ' %';
const words = (name) => name.replaceAll('_', ' ');
const count = (number) => number.toLocaleString('en');

// Every value is set as text, so nothing that a sender named can become markup.
function element(name, className, ...content) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...content);
  return made;
}

const colour = (side) => 'var(--' + side + ', var(--unknown))';

function dot(side) {
  const made = element('span', 'dot');
  made.style.background = colour(side);
  return made;
}

// Sums groups by one of their dimensions: the largest first, each with the groups that it was made of.
function gather(groups, dimension) {
  const rows = new Map();
  for (const group of groups) {
    const row = rows.get(group[dimension]) || {name: group[dimension], side: group.side, connections: 0, parts: []};
    row.connections += group.connections;
    row.parts.push(group);
    rows.set(row.name, row);
  }
  return [...rows.values()].sort((a, b) => b.connections - a.connections);
}

function parts(list, label) {
  return element('td', 'said', ...list.map((group) => {
    const part = element('span', '', label(group), ' ', element('b', '', count(group.connections)));
    if (label !== serverError) part.prepend(dot(group.side));
    return part;
  }));
}
const serverError = (group) => group.server_error;
const cause = (group) => words(group.cause);

function causeRow(row, total, largest) {
  const bar = element('i');
  bar.style.width = 100 * row.connections / largest + '%';
  bar.style.background = colour(row.side);
  return element('tr', '', element('td', 'cause', words(row.name)),
                 element('td', 'side', dot(row.side), words(row.side)), element('td', 'n', count(row.connections)),
                 element('td', 'share', element('div', '', element('span', '', percent(row.connections / total)), bar)),
                 parts(row.parts, serverError));
}

function errorRow(row) {
  return element('tr', '', element('td', 'cause', row.name), element('td', 'n', count(row.connections)),
                 parts(row.parts, cause));
}

async function ask(path, parameters) {
  const query = new URLSearchParams(parameters);
  if (byId('app').value) query.set('app_id', byId('app').value);
  const since = Number(byId('since').value);
  if (since) query.set('from', String(Math.floor(Date.now() / 1000) - since));
  const response = await fetch(path + '?' + query);
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error);
  return answer;
}

function say(text, className) {
  byId('message').textContent = text;
  byId('message').className = className;
  byId('message').hidden = !text;
  byId('answer').hidden = Boolean(text);
}

function showCoverage(answer) {
  const share = answer.connections ? answer.reported / answer.connections : 0;
  byId('covered').style.width = 100 * share + '%';
  byId('coverage').replaceChildren(
      element('b', '', count(answer.connections)), ' connections, coverage ', element('b', '', percent(share)),
      ': ' + count(answer.reported) + ' reported by the player',
      answer.pending ? ', ' + count(answer.pending) + ' pending' : '');
  byId('apart').textContent = answer.unjoined_server_records ?
      count(answer.unjoined_server_records) + ' server records without a token are not counted.' : '';
}

function showFindings(findings) {
  byId('findings').replaceChildren(...findings.flatMap((finding) => {
    const who = finding.who.map((one) => (one.endpoint || one.network || 'unnamed') + ' (' + count(one.count) + ')');
    return [element('h2', '', finding.title),
            element('p', '', element('b', '', count(finding.count) + ' connections'), ', ' +
                    percent(finding.share_of_drops) + ' of the drops: ' + who.join(', ')),
            element('p', 'note', finding.advice)];
  }));
}

let asked = 0;
async function show() {
  const mine = ++asked;  // an answer that comes after a newer question is not shown
  try {
    const [answer, found] = await Promise.all([
      ask('/v1/attribution', {group_by: 'cause,side,server_error', outcome: byId('outcome').value}),
      ask('/v1/findings', {})]);
    if (mine !== asked) return;
    showCoverage(answer);
    const causes = gather(answer.groups, 'cause');
    byId('causes').replaceChildren(...causes.map((row) => causeRow(row, answer.connections, causes[0].connections)));
    showFindings(found.findings);
    byId('errors').replaceChildren(...gather(answer.groups, 'server_error').map(errorRow));
    say(answer.connections ? '' : 'No connection matches.\nClients report when the game is launched the next time.', '');
  } catch (error) {
    if (mine !== asked) return;
    byId('coverage').textContent = 'coverage unknown';
    byId('covered').style.width = 0;
    say('The attribution cannot be shown: ' + error.message, 'error');
  }
}

for (const id of ['app', 'outcome', 'since']) byId(id).addEventListener('change', show);
document.forms[0].addEventListener('submit', (event) => { event.preventDefault(); show(); });
show();
)js";

constexpr PageFile kFiles[] = {
    {"/", "text/html; charset=utf-8", kHtml},
    {"/icon.svg", "image/svg+xml", kIcon},
    {"/page.css", "text/css; charset=utf-8", kCss},
    {"/page.js", "text/javascript; charset=utf-8", kJs},
};

}  // namespace

const PageFile* FindPageFile(const std::string& path) {
  for (const PageFile& file : kFiles) {
    if (path == file.path) return &file;
  }
  return nullptr;
}

}  // namespace whydrop::collector
