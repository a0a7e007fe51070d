#include "samples/collector/page.h"

namespace whydrop::collector {
namespace {

constexpr const char* kHtml = R"html(<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>whydrop: why players drop</title>
<link rel="stylesheet" href="/page.css">
<script defer src="/page.js"></script>
<main>
  <h1>Why players drop</h1>
  <p>
    <label>App <input id="app" placeholder="all" size="16"></label>
    <label>Outcome <select id="outcome"><option value="">all</option><option selected>dropped</option>
      <option>recovered</option><option>failed</option><option>clean</option></select></label>
    <label>Since <select id="since"><option value="0">ever</option><option value="86400">one day</option>
      <option value="604800">one week</option></select></label>
  </p>
  <p id="coverage" role="status">Loading</p>
  <table>
    <caption>Both ends together</caption>
    <thead><tr><th>Cause<th>Side<th class="n">Connections<th class="n">Share<th></tr></thead>
    <tbody id="causes"></tbody>
  </table>
  <table>
    <caption>What the server's own error number said of the same connections</caption>
    <thead><tr><th>Server's error<th>Cause, both ends together<th class="n">Connections<th class="n">Share<th></tr></thead>
    <tbody id="errors"></tbody>
  </table>
  <section id="findings" aria-label="Findings"></section>
  <p class="note">Shares speak of the connections above. Clients report at their next launch: players who never came
    back are known from the server's record alone, or not at all.</p>
</main>
</html>
)html";

constexpr const char* kCss = R"css(:root { color-scheme: light dark; --line: #8885; --bar: #3b7dd8; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0; }
main { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; }
h2 { font-size: 1rem; margin-bottom: 0; }
h2 ~ p { margin: 0; }
label { margin-right: 1rem; }
table { border-collapse: collapse; width: 100%; margin: 1.5rem 0; }
caption { text-align: left; font-weight: 600; padding-bottom: .5rem; }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid var(--line); }
.n { text-align: right; font-variant-numeric: tabular-nums; }
meter { width: 8rem; }
.note { opacity: .75; }
@media (prefers-color-scheme: dark) { :root { --bar: #7db1f5; } body { background: #16181c; color: #e6e6e6; } }
)css";

constexpr const char* kJs = R"js('use strict';
const byId = (id) => document.getElementById(id);
const percent = (share) => (100 * share).toFixed(1) + ' %';

function cell(content, className) {
  const td = document.createElement('td');
  if (className) td.className = className;
  td.append(content);
  return td;
}

// Every value is set as text, so nothing that a sender named can become markup.
function fill(body, groups, first, second) {
  body.replaceChildren(...groups.map((group) => {
    const row = document.createElement('tr');
    const meter = document.createElement('meter');
    meter.value = group.share;
    row.append(cell(group[first]), cell(group[second]), cell(String(group.connections), 'n'),
               cell(percent(group.share), 'n'), cell(meter));
    return row;
  }));
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

function askGroups(groupBy) {
  return ask('/v1/attribution', {group_by: groupBy, outcome: byId('outcome').value});
}

function element(name, text) {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}

function showFindings(findings) {
  byId('findings').replaceChildren(...findings.flatMap((finding) => {
    const who = finding.who.map((one) => (one.endpoint || one.network || 'unnamed') + ' (' + one.count + ')');
    return [element('h2', finding.title),
            element('p', finding.count + ' connections, ' + percent(finding.share_of_drops) + ' of the drops: ' +
                    who.join(', ')),
            element('p', finding.advice)];
  }));
}

async function show() {
  try {
    const [causes, errors, found] = await Promise.all(
        [askGroups('cause,side'), askGroups('server_error,cause'), ask('/v1/findings', {})]);
    const coverage = causes.connections ? causes.reported / causes.connections : 0;
    byId('coverage').textContent = causes.connections + ' connections, ' + causes.reported +
        ' of them reported by the client (coverage ' + percent(coverage) + '), ' + causes.pending +
        ' still wait for their other end; ' +
        causes.unjoined_server_records + ' server records without a token are not counted.';
    fill(byId('causes'), causes.groups, 'cause', 'side');
    fill(byId('errors'), errors.groups, 'server_error', 'cause');
    showFindings(found.findings);
  } catch (error) {
    byId('coverage').textContent = 'Cannot show the attribution: ' + error.message;
  }
}

for (const id of ['app', 'outcome', 'since']) byId(id).addEventListener('change', show);
show();
)js";

constexpr PageFile kFiles[] = {
    {"/", "text/html; charset=utf-8", kHtml},
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
