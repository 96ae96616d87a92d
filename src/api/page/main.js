// The page: what is known, where it comes from, and drawing it anew at every change.
//
//   events ─┐                       ┌─ overview, regions, run, panels (views)
//   polls ──┴─▶ known ──draw()──────┴─▶ morph ──▶ the page
//   address (#/application), theme ─┘
//
// Invariant: what is shown says how old it is. When the daemon does not answer, the page says so and
// offers nothing that would act on what may no longer be true.

import { Problem, at, events, get, session } from './api.js';
import { h, listen, morph } from './dom.js';
import { signInView } from './acts.js';
import { headline, navigation, notices, topBar } from './overview.js';
import { clusterPanel, guardPanel, historyPanel, readinessPanel } from './panels.js';
import { regionCards, voteMatrix } from './regions.js';
import { runPanel } from './run.js';
import { age, capital, clock, urgency } from './words.js';

/// Between two looks at what changes quickly; a second stands between a reader and a stale page.
const QUICK_MS = 2_000;
/// Between two looks at what changes seldom and is told by no event.
const SLOW_MS = 10_000;
/// Without a sign of life for so long the page is stale: two looks that failed and some patience.
const STALE_MS = 6_000;

const known = {
  identity: null,
  status: null,
  statusAt: 0,
  why: null,
  whyAt: 0,
  run: null,
  runs: [],
  runsGist: '',
  check: null,
  members: null,
  selected: null,
  filter: '',
  live: false,
  aliveAt: performance.now(),
  silent: null,
  signIn: null,
  theme: sessionStorage.getItem('failoverd.theme') ?? '',
};

// ---- what is told and asked --------------------------------------------------------------------

function alive() {
  known.aliveAt = performance.now();
  known.silent = null;
}

/// Runs a question; what stands in its way is kept for the page to say.
async function question(ask) {
  try {
    const answer = await ask();
    alive();
    return answer;
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    if (problem.status === 401) signOut(problem);
    else if (problem.status === 0) known.silent = problem.message;
    else alive();
    return null;
  }
}

function signOut(problem) {
  known.signIn = { problem: session.token ? problem : null };
  known.identity = null;
  known.status = null;
  session.token = '';
  streaming?.abort();
}

function takeStatus(status) {
  known.status = status;
  known.statusAt = performance.now();
  choose();
  noticeRuns();
}

/// A run that was opened, moved or closed is told at once, however it came to be known.
function noticeRuns() {
  const app = selectedApplication();
  const gist = [app?.name, app?.open_run?.id, app?.open_run?.status, app?.last_run?.id].join(' ');
  if (gist === known.runsGist) return;
  known.runsGist = gist;
  lookSeldom();
}

function takeApplication(application) {
  const all = known.status?.applications ?? [];
  const place = all.findIndex((other) => other.name === application.name);
  if (place < 0) return;
  all[place] = application;
  noticeRuns();
}

/// The application in the address, or the one that most needs a look.
function choose() {
  const all = known.status?.applications ?? [];
  const asked = decoded(location.hash.slice(2));
  const found = all.find((application) => application.name === asked) ??
    all.toSorted((a, b) => urgency(a.phase) - urgency(b.phase)).at(0);
  const chosen = known.selected && !asked && all.some((a) => a.name === known.selected) ? known.selected : found?.name ?? null;
  if (chosen === known.selected) return;
  Object.assign(known, { selected: chosen, why: null, run: null, runs: [], check: null });
  lookOften();
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

async function lookOften() {
  const chosen = known.selected;
  if (!known.identity) known.identity = await question(() => get('/v1/whoami'));
  if (!known.live) {
    const status = await question(() => get('/v1/status'));
    if (status) takeStatus(status);
  }
  if (!chosen || chosen !== known.selected || known.signIn) return;
  const why = await question(() => get(at('applications', chosen, 'why')));
  if (why && chosen === known.selected) Object.assign(known, { why, whyAt: performance.now() });
  if (!known.live) await lookAtRun();
  draw();
}

async function lookAtRun() {
  const app = selectedApplication();
  const id = app?.open_run?.id ?? app?.last_run?.id;
  if (!id) known.run = null;
  else if (id !== known.run?.id || app.open_run || !known.run.closed_at) {
    const run = await question(() => get(at('runs', id)));
    if (run && run.application === known.selected) known.run = { ...run, heardAt: performance.now() };
  }
}

async function lookSeldom() {
  const chosen = known.selected;
  if (!chosen || known.signIn) return;
  const [status, runs, check, members] = await Promise.all([
    // No event tells of an age that only grows, in words of the daemon's own.
    known.live ? question(() => get('/v1/status')) : null,
    question(() => get(`/v1/runs?limit=20&application=${encodeURIComponent(chosen)}`)),
    question(() => get(at('applications', chosen, 'check'))),
    question(() => get('/v1/members')),
    lookAtRun(),
  ]);
  if (status) takeStatus(status);
  if (chosen !== known.selected) return;
  known.runs = runs?.items ?? known.runs;
  known.check = check ?? known.check;
  known.members = members ?? known.members;
  draw();
}

function hear(event) {
  if (event.event === 'status') takeStatus(event.status);
  else if (event.event === 'application') takeApplication(event.application);
  else if (event.event === 'vote' && event.application === known.selected) lookOften();
  else if (event.event === 'run' && event.run.application === known.selected) {
    const moved = event.run.status !== known.run?.status;
    known.run = { ...event.run, heardAt: performance.now() };
    if (moved) lookSeldom();
  }
  draw();
}

let streaming = null;

/// Keeps the stream of events open; while there is none, `lookOften` polls.
async function stream() {
  if (!known.signIn) {
    streaming = new AbortController();
    try {
      const opened = () => { known.live = true; alive(); };
      await events({ stop: streaming.signal, alive: opened, told: hear });
    } catch (problem) {
      if (problem.status === 401) signOut(problem);
    }
    known.live = false;
  }
  setTimeout(stream, QUICK_MS);
}

async function begin() {
  const identity = await question(() => get('/v1/whoami'));
  if (identity) {
    Object.assign(known, { identity, signIn: null });
    const status = await question(() => get('/v1/status'));
    if (status) takeStatus(status);
  }
  draw();
}

// ---- what is shown -----------------------------------------------------------------------------

function selectedApplication() {
  return known.status?.applications.find((application) => application.name === known.selected) ?? null;
}

/// What the views are made from. Ages are counted on since they were told.
function scene() {
  const now = performance.now();
  const silentFor = now - known.aliveAt;
  return {
    ...known,
    app: selectedApplication(),
    /// How much older everything is than when it was told.
    since: now - known.statusAt,
    sinceWhy: now - known.whyAt,
    sinceRun: now - (known.run?.heardAt ?? now),
    silentFor,
    stale: silentFor > STALE_MS,
    /// Asks anew at once, after an act.
    refresh: () => { lookOften(); lookSeldom(); },
    choose: (chosen) => { location.hash = `#/${encodeURIComponent(chosen)}`; },
    find: (text) => { known.filter = text; draw(); },
    turnTheme,
    leave: () => { signOut(null); draw(); },
  };
}

function view() {
  const all = scene();
  if (known.signIn) {
    return signInView(known.signIn.problem, (token) => { session.token = token; begin(); });
  }
  const { app, status } = all;
  if (!status) return h('div', {}, topBar(all), staleness(all), h('p', { class: 'loading' }, 'Asking the daemon…'));
  return h('div', { class: all.stale ? 'stale' : null },
    topBar(all),
    staleness(all),
    h('div', { class: status.applications.length > 1 ? 'frame with-list' : 'frame' },
      status.applications.length > 1 ? navigation(all) : null,
      h('main', { id: 'main', tabindex: '-1' },
        notices(all),
        app ? applicationView(all) : h('p', { class: 'loading' }, 'No application is configured, or none that your token may see.'),
        clusterPanel(all))));
}

function applicationView(all) {
  return h('article', { key: all.app.name, 'aria-label': `Application ${all.app.name}` },
    headline(all),
    regionCards(all),
    runPanel(all),
    voteMatrix(all),
    h('div', { key: 'pair', class: 'pair' }, guardPanel(all), readinessPanel(all)),
    historyPanel(all));
}

function staleness({ stale, silentFor, status, aliveAt }) {
  if (!stale) return null;
  const told = new Date(Date.now() - (performance.now() - aliveAt));
  const then = status ? ` What stands here was true at ${clock(told)} and may not be any more.` : '';
  return h('div', { class: 'staleness' },
    h('strong', {}, `Stale for ${age(silentFor)}`),
    // The count is not: it would be read out every second.
    h('span', { role: 'alert' }, `The daemon at ${location.host} does not answer.${then} Any other member tells the same.`));
}

let spoken = '';

/// Tells readers of the screen what has become of the application, once for each change.
function speak() {
  const app = selectedApplication();
  const text = app ? `${app.name}: ${app.phase.replaceAll('_', ' ')}. ${app.summary}` : '';
  // A count that runs on is no news.
  const gist = text.replace(/[0-9.]+/g, '');
  if (gist === spoken) return;
  spoken = gist;
  document.getElementById('said').textContent = text;
}

function title() {
  const app = selectedApplication();
  if (known.signIn || !app) return 'failoverd';
  return `${capital(app.phase.replaceAll('_', ' '))}: ${app.name} – failoverd`;
}

let page = document.getElementById('page');

function draw() {
  const root = h('div', { id: 'page' }, view());
  page = morph(page, root);
  speak();
  if (document.title !== title()) document.title = title();
}

function turnTheme() {
  const dark = known.theme ? known.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
  known.theme = dark ? 'light' : 'dark';
  sessionStorage.setItem('failoverd.theme', known.theme);
  paint();
  draw();
}

function paint() {
  if (known.theme) document.documentElement.dataset.theme = known.theme;
}

/// Calls `look` again and again, seldom while nobody looks, never twice at a time.
function repeat(look, pause) {
  setTimeout(async () => {
    if (!document.hidden && !known.signIn) await look();
    repeat(look, pause);
  }, pause);
}

listen(document);
addEventListener('hashchange', () => { choose(); draw(); });
document.addEventListener('visibilitychange', () => { if (!document.hidden) lookOften(); });
paint();
begin().then(stream);
repeat(lookOften, QUICK_MS);
repeat(lookSeldom, SLOW_MS);
// Ages are counted on while nothing comes.
setInterval(draw, 1_000);

