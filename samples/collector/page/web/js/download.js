// What is shown, as files.
import {element} from './dom.js';

function save(name, type, text) {
  const link = element('a');
  link.href = URL.createObjectURL(new Blob([text], {type}));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

export const saveJson = (name, value) => save(name, 'application/json', JSON.stringify(value, null, 2) + '\n');

// A spreadsheet takes a cell that begins like a formula for one, and labels come from strangers. A number is none.
function cell(value) {
  let text = String(value ?? '');
  if (/^[=+\-@\t\r]/.test(text) && !/^-\d+(\.\d+)?$/.test(text)) text = "'" + text;
  return /[",\r\n]/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text;
}

export function csvButton(name, columns, rows) {
  const button = element('button', 'csv', 'CSV');
  button.type = 'button';
  button.setAttribute('aria-label', 'Download ' + words(name) + ' as CSV');
  button.addEventListener('click', () => {
    const lines = [columns, ...rows].map((row) => row.map(cell).join(','));
    save('whydrop-' + name + '.csv', 'text/csv', lines.join('\r\n') + '\r\n');
  });
  return button;
}

const words = (name) => name.replaceAll('-', ' ');
