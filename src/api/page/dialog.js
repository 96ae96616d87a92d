// Asking a person before anything is asked of the daemon: dialogs, problems in words, short notes.
//
// A dialog is built once and not drawn anew, so that what is being typed stays. A wish has one key: sent
// again after no answer came it is the same wish, after an answer it is another.

import { Problem, freshKey } from './api.js';
import { h, icon, remedy } from './dom.js';

/// Opens a dialog. `fields`: {name, label, kind: 'text'|'area'|'choice', value, options, hint, required};
/// `extra`: elements above them; `also()`: what they chose, as part of the wish; `ready(values)`: whether
/// it may be sent; `send(values, key)` asks.
export function openDialog({ title, lead, fields = [], extra, also, confirm, tone, ready, send, done, wide }) {
  const inputs = new Map(fields.map((field) => [field.name, input(field)]));
  const values = () => Object.fromEntries([...inputs].map(([key, element]) => [key, element.value.trim()]));
  const trouble = h('div', { class: 'trouble', role: 'alert' });
  const button = h('button', { type: 'submit', class: `button ${tone ?? 'primary'}` }, confirm);
  const form = h('form', { method: 'dialog', class: 'dialog-form' },
    h('h2', { id: 'dialog-title' }, title),
    lead ? h('p', { class: 'lead' }, lead) : null,
    extra,
    fields.map((field) => labelled(field, inputs.get(field.name))),
    trouble,
    h('div', { class: 'buttons end' },
      h('button', { type: 'button', class: 'button', act: () => dialog.close() }, 'Cancel'), button));
  const dialog = h('dialog', { 'aria-labelledby': 'dialog-title', class: wide ? 'wide' : null }, form);
  const wish = { key: freshKey(), body: '' };
  let sending = false;

  const look = () => {
    const given = fields.every((field) => !field.required || values()[field.name]);
    button.disabled = sending || !given || !(ready?.(values()) ?? true);
  };
  form.addEventListener('input', look);
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    if (button.disabled) return;
    sending = true;
    look();
    trouble.replaceChildren();
    const body = JSON.stringify([values(), also?.()]);
    if (body !== wish.body) Object.assign(wish, { key: freshKey(), body });
    try {
      const answer = await send(values(), wish.key);
      dialog.close();
      toast(answer?.text ?? 'Done.');
      done?.(answer);
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      if (!problem.unanswered) wish.key = freshKey();
      trouble.replaceChildren(problemView(problem));
      trouble.scrollIntoView({ block: 'nearest' });
    }
    sending = false;
    look();
  });
  dialog.addEventListener('close', () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  look();
  return { dialog, look };
}

function input({ name, kind, value, options, required, max }) {
  const props = { name, id: `field-${name}`, required, autocomplete: 'off', spellcheck: 'false' };
  if (kind === 'choice') {
    return h('select', props, options.map(([code, text]) => h('option', { value: code, selected: code === value }, text)));
  }
  const element = h(kind === 'area' ? 'textarea' : 'input', { ...props, rows: kind === 'area' ? 2 : null, maxlength: max ?? 500 });
  element.value = value ?? '';
  return element;
}

function labelled({ name, label, hint, required }, element) {
  if (hint) element.setAttribute('aria-describedby', `hint-${name}`);
  return h('div', { class: 'field' },
    h('label', { for: `field-${name}` }, label, required ? null : h('span', { class: 'quiet' }, ' (optional)')),
    element,
    hint ? h('p', { class: 'quiet', id: `hint-${name}` }, hint) : null);
}

/// A "no" with its reasons and what may be done about it.
export function problemView(problem) {
  const unknown = problem.unanswered ? 'Whether it was done is not known. Look at what stands now before you ask again; asking again here is the same wish, not a second one.' : null;
  return h('div', { class: 'problem' },
    h('p', { class: 'problem-title' }, icon('bad'), h('strong', {}, problem.title || 'Refused'), problem.code ? h('code', {}, problem.code) : null),
    h('p', {}, h('bdi', {}, problem.message)),
    problem.reasons.length ? h('ul', { class: 'lines' }, problem.reasons.map((reason) => h('li', {}, h('bdi', {}, reason.text), ' ', remedy(reason.remedy)))) : null,
    problem.remedy ? h('p', { class: 'remedy' }, h('bdi', {}, problem.remedy)) : null,
    unknown ? h('p', { class: 'remedy' }, unknown) : null);
}

/// How long a note stays: long enough to be read twice.
const NOTE_MS = 8_000;

export function toast(text) {
  const note = h('div', { class: 'toast' }, icon('good'), h('span', {}, text));
  document.getElementById('toasts').append(note);
  setTimeout(() => note.remove(), NOTE_MS);
}
