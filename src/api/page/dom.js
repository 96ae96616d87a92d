// Elements, and bringing those on the page into line with new ones.
//
//   h('p', { class: 'x' }, text) ──▶ element ──morph──▶ the page, changed as little as possible
//
// A view is a function from what is known to new elements; it is called at every change. `morph` then
// keeps what is the same, so that focus, scrolling and a reader's place survive.
//
// Invariant: text becomes text nodes, never markup: names and reasons may be hostile.

const SVG = 'http://www.w3.org/2000/svg';

/// Makes an element. `props`: attributes; `act` is called on a click, `typed` on input, `style` is an
/// object of CSS properties, `key` tells siblings apart. Children: text, elements, lists; null is
/// nothing.
export function h(tag, props, ...children) {
  const element = document.createElement(tag);
  dress(element, props ?? {});
  append(element, children);
  return element;
}

/// The same for the elements of an icon.
function svg(tag, props) {
  const element = document.createElementNS(SVG, tag);
  dress(element, props);
  return element;
}

function dress(element, props) {
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === 'act' || name === 'typed' || name === 'key') element[`$${name}`] = value;
    else if (name === 'style') for (const [k, v] of Object.entries(value)) element.style.setProperty(k, v);
    else element.setAttribute(name, value === true ? '' : value);
  }
}

function append(element, children) {
  for (const child of children) {
    if (child === null || child === undefined || child === false || child === '') continue;
    if (Array.isArray(child)) append(element, child);
    else element.append(child instanceof Node ? child : String(child));
  }
}

/// Makes `from` like `to`; answers with the element that now stands there.
export function morph(from, to) {
  if (from.nodeName !== to.nodeName || from.$key !== to.$key) {
    from.replaceWith(to);
    return to;
  }
  if (from.nodeType === Node.TEXT_NODE) {
    if (from.data !== to.data) from.data = to.data;
    return from;
  }
  from.$act = to.$act;
  from.$typed = to.$typed;
  morphAttributes(from, to);
  morphChildren(from, to);
  return from;
}

function morphAttributes(from, to) {
  for (const { name, value } of [...to.attributes]) {
    // The policy forbids the attribute, and allows this.
    if (name === 'style') continue;
    if (from.getAttribute(name) !== value) from.setAttribute(name, value);
  }
  for (const { name } of [...from.attributes]) {
    // Whether details are open is the reader's own.
    if (name === 'style' || (name === 'open' && from.nodeName === 'DETAILS')) continue;
    if (!to.hasAttribute(name)) from.removeAttribute(name);
  }
  if (from.style.cssText !== to.style.cssText) from.style.cssText = to.style.cssText;
}

function morphChildren(from, to) {
  const wanted = [...to.childNodes];
  const keyed = new Map();
  for (const child of from.childNodes) if (child.$key !== undefined) keyed.set(child.$key, child);
  wanted.forEach((want, index) => {
    const kept = want.$key === undefined ? undefined : keyed.get(want.$key);
    const there = from.childNodes[index];
    if (kept && kept !== there) from.insertBefore(kept, there ?? null);
    const now = from.childNodes[index];
    if (now) morph(now, want);
    else from.append(want);
  });
  while (from.childNodes.length > wanted.length) from.lastChild.remove();
}

/// Calls what elements carry: one listener for the page, so that a morph has nothing to move.
export function listen(root) {
  root.addEventListener('click', (event) => {
    const element = closest(event.target, '$act');
    if (element && !element.disabled) element.$act(event);
  });
  root.addEventListener('input', (event) => {
    const element = closest(event.target, '$typed');
    if (element) element.$typed(event.target.value, event);
  });
}

function closest(element, what) {
  let at = element;
  while (at && !at[what]) at = at.parentNode;
  return at;
}

// Each icon is a shape of its own, so that nothing depends on telling colours apart.
const ICONS = {
  good: 'M3 8.5 6.5 12 13 4.5',
  bad: 'M4 4l8 8M12 4l-8 8',
  doubt: 'M8 3.5v5.5M8 12.2v.3',
  unknown: 'M5.5 6a2.5 2.5 0 1 1 3.6 2.2C8.3 8.7 8 9.2 8 10M8 12.600v.2',
  busy: 'M5 3.5 12 8l-7 4.500z',
  wait: 'M8 4v4.200l2.6 1.800M8 1.800a6.2 6.2 0 1 0 .01 0z',
  hand: 'M5 3v10M11 3v10',
  skip: 'M3 8h10',
  arrow: 'M3 8h9.500M9 4.2 12.8 8 9 11.8',
  dot: 'M8 7.900v.2',
  sun: 'M8 5.200a2.8 2.8 0 1 0 .01 0zM8 1.500v1.300M8 13.200v1.300M1.5 8h1.300M13.2 8h1.300M3.4 3.400l.9.9M11.7 11.700l.9.9M3.4 12.600l.9-.9M11.7 4.300l.9-.9',
  moon: 'M13 9.600A5.6 5.6 0 0 1 6.4 3 5.6 5.6 0 1 0 13 9.600z',
};

/// A small picture that says nothing by itself: the word stands beside it.
export function icon(name, tone) {
  const picture = svg('svg', { viewBox: '0 0 16 16', class: `icon ${tone ?? ''}`, 'aria-hidden': 'true' });
  picture.append(svg('path', { d: ICONS[name] ?? ICONS.dot }));
  return picture;
}

/// A name that somebody else chose: it keeps its own direction and breaks where it must.
export function name(text) {
  return h('bdi', { class: 'name' }, text);
}

/// What may be done about it. What stands between backticks is to be typed.
export function remedy(text) {
  const parts = String(text).split('`');
  const whole = parts.length % 2 === 1;
  return h('span', { class: 'remedy' }, whole ? parts.map((part, index) => (index % 2 ? h('code', {}, part) : part)) : text);
}

/// Text for readers of the screen alone.
export function unseen(text) {
  return h('span', { class: 'unseen' }, text);
}
