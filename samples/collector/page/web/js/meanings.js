// What each cause means, in a clause and in full, and what to do about it, as CAUSES.md tells analysts: its tables are read, so that there is one text.

let meanings = new Map();

// Rows are "| cause | what happened | what to do | NEL |".
export function parse(markdown) {
  const found = new Map();
  for (const line of markdown.split('\n')) {
    const cells = line.split('|').map((cell) => cell.trim().replaceAll('`', ''));
    if (cells.length < 5 || !/^[a-z]+(_[a-z]+)*$/.test(cells[1]) || cells[1] === 'cause') continue;
    found.set(cells[1], {brief: sentence(cells[2].split(/; |\. /)[0]), what: sentence(cells[2]), todo: sentence(cells[3])});
  }
  return found;
}

const sentence = (text) => text[0].toUpperCase() + text.slice(1) + (/[.?]$/.test(text) ? '' : '.');

// Without the file the page only says less.
export async function readMeanings() {
  try {
    const response = await fetch('/CAUSES.md');
    if (response.ok) meanings = parse(await response.text());
  } catch {
    meanings = new Map();
  }
}

export const meaningOf = (cause) => meanings.get(cause);
