// A table and the same rows as a file. A column is {name, label, value(row), cell(row)?, number?, className?}: `value` is
// what the file holds, `cell` what stands on the page if that is more than the value.
import {element} from './dom.js';
import {csvButton} from './download.js';
import {count} from './format.js';

function headCell(column) {
  const cell = element('th', column.number ? 'n' : column.className, column.label);
  cell.scope = 'col';
  return cell;
}

function bodyCell(column, row, index) {
  const value = column.cell ? column.cell(row) : column.number ? count(column.value(row)) : column.value(row);
  const className = (column.number ? 'n ' : '') + (column.className || '');
  // Parts that stand apart on the page also do so as text, for whoever hears or copies it.
  const parts = Array.isArray(value) ? value.flatMap((part) => (part instanceof Element ? [part, ' '] : [part])) : [value];
  const cell = element(index === 0 ? 'th' : 'td', className, ...parts);
  if (index === 0) cell.scope = 'row';
  else cell.dataset.label = column.label;
  return cell;
}

export function table(name, caption, columns, rows) {
  const shown = columns.filter((column) => column.label);
  const made = element('table', name,
                       element('caption', 'hidden', caption),
                       element('thead', '', element('tr', '', ...shown.map(headCell))),
                       element('tbody', '', ...rows.map((row) => element(
                           'tr', '', ...shown.map((column, index) => bodyCell(column, row, index))))));
  const button = csvButton(name, columns.map((column) => column.name),
                           rows.map((row) => columns.map((column) => column.value(row))));
  return element('div', 'table', made, button);
}
