// What the API's words mean for a person: names, tones, icons; lengths of time and dates.
//
// A tone is one of good, doubt, bad, busy, ask, calm, unknown: page.css has a colour for each, and each
// stands beside a word and an icon of its own.

const PHASES = {
  steady: ['Steady', 'good', 'good'],
  suspect: ['Suspect', 'doubt', 'doubt'],
  confirmed: ['Confirmed', 'bad', 'bad'],
  blocked: ['Blocked', 'bad', 'hand'],
  planned: ['Planned', 'busy', 'busy'],
  executing: ['Executing', 'busy', 'busy'],
  soaking: ['Soaking', 'busy', 'wait'],
  cool_down: ['Cool-down', 'calm', 'wait'],
  needs_operator: ['Needs you', 'ask', 'hand'],
};

const STATES = {
  up: ['up', 'good', 'good'],
  suspect: ['suspect', 'doubt', 'doubt'],
  down: ['down', 'bad', 'bad'],
  unknown: ['unknown', 'unknown', 'unknown'],
};

const STEPS = {
  waiting: ['waiting', 'calm', 'dot'],
  awaiting_approval: ['awaits approval', 'ask', 'hand'],
  intent: ['under way', 'busy', 'busy'],
  unknown: ['not known', 'doubt', 'unknown'],
  done: ['done', 'good', 'good'],
  skipped: ['skipped', 'calm', 'skip'],
  failed: ['failed', 'bad', 'bad'],
};

const RUNS = {
  executing: ['executing', 'busy', 'busy'],
  needs_operator: ['needs you', 'ask', 'hand'],
  aborting: ['aborting', 'doubt', 'doubt'],
  soaking: ['soaking', 'busy', 'wait'],
  completed: ['completed', 'good', 'good'],
  aborted: ['aborted', 'calm', 'skip'],
};

const RULINGS = {
  pass: ['pass', 'good', 'good'],
  warn: ['warns', 'doubt', 'doubt'],
  hold: ['holds', 'bad', 'hand'],
  ask: ['asks', 'ask', 'unknown'],
};

const LEVELS = {
  passed: ['passed', 'good', 'good'],
  unknown: ['not known', 'unknown', 'unknown'],
  warning: ['warning', 'doubt', 'doubt'],
  blocking: ['blocking', 'bad', 'bad'],
};

// A daemon newer than the page in an open tab may have words that this one does not know.
const meaning = (table) => (code) => {
  const [word, tone, icon] = table[code] ?? [plain(code), 'unknown', 'unknown'];
  return { word, tone, icon };
};

export const phase = meaning(PHASES);
export const opinion = meaning(STATES);
export const step = meaning(STEPS);
export const runStatus = meaning(RUNS);
export const ruling = meaning(RULINGS);
export const level = meaning(LEVELS);

/// The order in which applications ask for attention.
const URGENCY = ['needs_operator', 'blocked', 'confirmed', 'executing', 'planned', 'suspect', 'soaking', 'cool_down'];

export function urgency(code) {
  const place = URGENCY.indexOf(code);
  return place < 0 ? URGENCY.length : place;
}

/// A stable code as words.
export function plain(code) {
  return String(code ?? '').replaceAll('_', ' ');
}

export function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

export function count(number, one, many = `${one}s`) {
  return `${number} ${number === 1 ? one : many}`;
}

/// A length of time, in at most two units.
export function length(ms) {
  if (ms === null || ms === undefined) return '–';
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/// An age in whole seconds: it is counted on while it is looked at.
export function age(ms) {
  return ms === null || ms === undefined ? '–' : length(Math.floor(Math.max(0, ms) / 1000) * 1000).replace('.0 s', ' s').replace(/^0 ms$/, '0 s');
}

/// A moment on this reader's clock.
export function clock(date) {
  return date.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false });
}

export function day(date) {
  return date.toLocaleDateString([], { year: 'numeric', month: 'short', day: 'numeric' });
}
