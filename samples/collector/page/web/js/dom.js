// Building blocks. Every value is set as text, so nothing that a sender named can become markup.

export const byId = (id) => document.getElementById(id);

export function element(name, className, ...content) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...content);
  return made;
}

const sideColour = (side) => 'var(--' + side + ', var(--unknown))';

// Causes of one side share its hue; the further down in the side, the paler.
export function causeColour(side, rank) {
  if (!rank) return sideColour(side);
  return 'color-mix(in oklab, ' + sideColour(side) + ' ' + Math.max(28, 100 - 24 * rank) + '%, var(--mix))';
}

export function dot(colour) {
  const made = element('span', 'dot');
  made.setAttribute('aria-hidden', 'true');
  made.style.background = colour;
  return made;
}

export function bar(part, colour) {
  const made = element('i', 'bar');
  made.setAttribute('aria-hidden', 'true');
  made.style.width = 100 * part + '%';
  made.style.background = colour;
  return made;
}

// Parts of a whole beside each other: [{share, colour}].
export function stack(parts, className) {
  const made = element('div', 'stack ' + (className || ''));
  made.setAttribute('aria-hidden', 'true');
  for (const part of parts) {
    const piece = element('i');
    piece.style.width = 100 * part.share + '%';
    piece.style.background = part.colour;
    made.append(piece);
  }
  return made;
}

export function options(select, pairs, chosen) {
  const known = pairs.some(([value]) => value === chosen);
  const all = known || !chosen ? pairs : [...pairs, [chosen, chosen]];
  select.replaceChildren(...all.map(([value, label]) => new Option(label, value, false, value === chosen)));
  if (!known && !chosen && pairs.length) select.value = pairs[0][0];
}

const bodyOf = (id) => byId(id).querySelector('.body') || byId(id);

// Shows that a section waits, keeping what stands there, dimmed.
export function wait(id) {
  const body = bodyOf(id);
  byId(id).setAttribute('aria-busy', 'true');
  if (!body.childElementCount) body.replaceChildren(element('p', 'message', 'Loading'));
}

export function show(id, ...content) {
  byId(id).removeAttribute('aria-busy');
  bodyOf(id).replaceChildren(...content);
}

export const empty = (id, text) => show(id, element('p', 'message', text));

export function fail(id, text) {
  const message = element('p', 'message error', text);
  message.setAttribute('role', 'alert');
  show(id, message);
}
