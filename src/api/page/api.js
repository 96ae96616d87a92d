// Asking the daemon: calls with the token of whoever looks, problems as errors, the stream of events.
//
// The token lives in this tab's session and nowhere else. Events are read with fetch, because an
// EventSource cannot send the token.

const TOKEN = 'failoverd.token';
const NAME = 'failoverd.name';

/// The longest for one answer: the daemon's own limit is shorter.
const PATIENCE_MS = 12_000;

/// A "no", as the daemon words it, or what stood in the way of an answer.
export class Problem extends Error {
  constructor(fields) {
    super(fields.detail);
    this.status = fields.status ?? 0;
    this.code = fields.code ?? '';
    this.title = fields.title ?? '';
    this.remedy = fields.remedy ?? '';
    this.reasons = fields.reasons ?? [];
  }

  /// Whether the daemon gave no answer, so that what was asked may have been done or not.
  get unanswered() {
    return this.status === 0 || this.status === 504;
  }
}

export const session = {
  get token() { return sessionStorage.getItem(TOKEN) ?? ''; },
  set token(text) { keep(TOKEN, text); },
  /// Who says they are here, where nobody is authenticated.
  get name() { return sessionStorage.getItem(NAME) ?? ''; },
  set name(text) { keep(NAME, text); },
};

function keep(key, text) {
  if (text) sessionStorage.setItem(key, text);
  else sessionStorage.removeItem(key);
}

function headers(more) {
  const all = { accept: 'application/json, application/problem+json', ...more };
  if (session.token) all.authorization = `Bearer ${session.token}`;
  return all;
}

async function ask(path, options) {
  let answer;
  let text;
  try {
    answer = await fetch(path, { cache: 'no-store', signal: AbortSignal.timeout(PATIENCE_MS), ...options });
    text = await answer.text();
  } catch (error) {
    throw new Problem({
      code: 'no_answer',
      title: 'No answer',
      detail: `the daemon at ${location.host} did not answer`,
      remedy: 'It may be down, or the way to it. Any other member tells the same.',
    });
  }
  const body = parsed(text);
  if (answer.ok) return body;
  throw new Problem({ status: answer.status, title: answer.statusText, detail: text.slice(0, 500), ...body });
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

export function get(path) {
  return ask(path, { headers: headers() });
}

/// Asks for a change. `key` tells a repetition from a second wish.
export function post(path, body, key) {
  const more = { 'content-type': 'application/json' };
  if (key) more['idempotency-key'] = key;
  return ask(path, { method: 'POST', headers: headers(more), body: JSON.stringify(body) });
}

/// The path of something that is called so.
export function at(...parts) {
  return `/v1/${parts.map(encodeURIComponent).join('/')}`;
}

/// A key that nobody else uses, also where the page does not come over TLS.
export function freshKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

/// Reads the events until the stream ends or `stop` does; `told` gets each, `alive` is called for every
/// sign of life.
export async function events({ stop, alive, told }) {
  const answer = await fetch('/v1/events', {
    cache: 'no-store',
    headers: headers({ accept: 'text/event-stream' }),
    signal: stop,
  });
  if (!answer.ok || !answer.body) {
    throw new Problem({ status: answer.status, detail: 'there is no stream of events' });
  }
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    alive();
    const parts = (rest + value).replaceAll('\r\n', '\n').split('\n\n');
    rest = parts.pop();
    for (const part of parts) {
      const event = data(part);
      if (event) told(event);
    }
  }
}

function data(part) {
  const lines = part.split('\n').filter((line) => line.startsWith('data:'));
  return lines.length ? parsed(lines.map((line) => line.slice(5).trimStart()).join('\n')) : null;
}
