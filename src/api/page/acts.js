// What the reader may do, as far as their token and the state of things allow. The daemon decides; this
// only spares them what it would refuse.
//
//   offers(all) ──▶ buttons ──▶ dialog ──▶ POST /v1/… ──▶ done, or the problem in words

import { at, post, session } from './api.js';
import { openDialog, problemView } from './dialog.js';
import { h, icon, name } from './dom.js';
import { moveOffers } from './move.js';

function may({ identity, app }) {
  return Boolean(identity) && identity.role !== 'viewer' && inScope(identity, app);
}

function inScope(identity, app) {
  return !identity.applications || (app && identity.applications.includes(app.name));
}

/// Whoever is not authenticated is asked for their name.
export function nameField(identity) {
  return identity?.how === 'claimed'
    ? [{ name: 'by', label: 'Your name', value: session.name, required: true, hint: 'Nobody is signed in here. It stands in the audit as what you say.' }]
    : [];
}

/// The part of a body that says who and why.
export function because(values) {
  if (values.by) session.name = values.by;
  const body = {};
  if (values.reason) body.reason = values.reason;
  if (values.by) body.by = values.by;
  return body;
}

const reasonField = (required) => ({ name: 'reason', label: 'Reason', kind: 'area', required, hint: 'It stands in the audit, for whoever asks later.' });

/// An offer whose dialog sends one call.
function simple(all, { id, label, title, lead, confirm, tone, required = false, fields = [], path, body }) {
  const begin = () => openDialog({
    title,
    lead,
    tone,
    confirm: confirm ?? label,
    fields: [...fields, reasonField(required), ...nameField(all.identity)],
    send: (values, key) => post(path, { ...body?.(values), ...because(values) }, key),
    done: all.refresh,
  });
  return { id, label, tone, begin };
}

/// Everything that may be done about the application, the most pressing first.
export function offers(all) {
  if (!may(all)) return [];
  const { app, run } = all;
  const open = app.open_run && run?.id === app.open_run.id ? run : null;
  return [
    ...(open ? runOffers(all, open) : []),
    ...app.regions.filter((region) => region.quarantined_since && !app.open_run).map((region) => rejoinOffer(all, region)),
    ...(app.phase === 'cool_down' || app.cool_down_ms || app.brake_latched ? [ackOffer(all)] : []),
    ...(app.open_run ? [] : moveOffers(all)),
    automationOffer(all),
  ];
}

function runOffers(all, run) {
  const path = (act) => at('runs', run.id, act);
  const offered = [];
  for (const step of run.progress.filter((step) => step.status === 'awaiting_approval')) offered.push(...approvals(all, run, step));
  if (run.may.includes('resume')) offered.push(simple(all, { id: 'resume-run', label: 'Resume run', tone: 'primary', title: 'Resume this run?', lead: 'Its steps go on from where they stand.', path: path('resume') }));
  if (run.may.includes('pause')) offered.push(simple(all, { id: 'pause-run', label: 'Pause run', title: 'Pause this run?', lead: 'Steps under way end; no new one begins until somebody resumes it.', required: true, path: path('pause') }));
  if (run.may.includes('abort')) offered.push(simple(all, { id: 'abort-run', label: 'Abort run', tone: 'danger', title: 'Abort this run?', lead: 'No new step begins. Before the promotion, what the run changed is given back; after it, nothing is.', required: true, path: path('abort') }));
  return offered;
}

function approvals(all, run, step) {
  const act = (granted) => simple(all, {
    id: granted ? 'approve' : 'decline',
    label: granted ? `Approve ${step.id}` : 'Decline',
    tone: granted ? 'primary' : 'danger',
    title: granted ? 'Approve this step?' : 'Decline this step?',
    lead: [h('strong', {}, name(step.id)), ': ', h('bdi', {}, step.goal), step.detail ? [' ', h('bdi', {}, step.detail)] : ''],
    confirm: granted ? 'Approve' : 'Decline',
    required: !granted,
    path: at('runs', run.id, 'approve'),
    body: () => ({ step: step.id, granted }),
  });
  return [act(true), act(false)];
}

/// What may be done about one step.
export function stepOffers(all, step) {
  const { run, app } = all;
  if (!may(all) || run.closed_at || app.open_run?.id !== run.id) return [];
  const of = (act, label, lead) => simple(all, { id: `${act}-step`, label, title: `${label} ${step.id}?`, lead, required: true, path: at('runs', run.id, act), body: () => ({ step: step.id }) });
  const offered = [];
  if (step.status === 'failed' && run.may.includes('retry')) offered.push(of('retry', 'Retry', 'It is observed anew, and tried again if its goal is not met.'));
  if (step.status === 'failed' && run.may.includes('skip')) offered.push(of('skip', 'Skip', 'It counts as done for the steps that need it. Be sure that its goal is met some other way.'));
  return offered;
}

function rejoinOffer(all, region) {
  return simple(all, {
    id: 'rejoin',
    label: `Let ${region.name} rejoin`,
    title: ['Let ', name(region.name), ' rejoin?'],
    lead: 'It becomes a candidate again and gets its endpoint weight back. Refused until its database is a reader again.',
    confirm: 'Rejoin',
    path: at('applications', all.app.name, 'rejoin'),
    body: () => ({ region: region.name }),
  });
}

function ackOffer(all) {
  return simple(all, {
    id: 'ack',
    label: 'Acknowledge',
    title: 'Acknowledge the last run?',
    lead: 'You have seen what happened. The cool-down and the brake end, and automation may act again.',
    path: at('applications', all.app.name, 'ack'),
  });
}

// ---- automation --------------------------------------------------------------------------------

const LENGTHS = [['1800000', '30 minutes'], ['3600000', '1 hour'], ['14400000', '4 hours'], ['28800000', '8 hours'], ['86400000', '1 day']];

function automationOffer(all) {
  const { app, status } = all;
  const paused = status.pauses.some((pause) => pause.application === app.name && !pause.planned);
  return paused ? resumeOffer(all, app.name) : pauseOffer(all, app.name);
}

function pauseOffer(all, application) {
  return simple(all, {
    id: application ? 'pause-automation' : 'pause-all',
    label: application ? 'Pause automation' : 'Pause all automation',
    title: application ? ['Pause the automation of ', name(application), '?'] : 'Pause all automation?',
    lead: 'No automatic run is opened until it ends: an outage in that time waits for a person. What runs goes on.',
    confirm: 'Pause',
    required: true,
    fields: [{ name: 'length', label: 'For how long', kind: 'choice', options: LENGTHS, value: '3600000', required: true }],
    path: at('automation', 'pause'),
    body: (values) => ({ ...(application ? { application } : {}), for_ms: Number(values.length) }),
  });
}

function resumeOffer(all, application) {
  return simple(all, {
    id: application ? 'resume-automation' : 'resume-all',
    label: application ? 'Resume automation' : 'Resume all automation',
    tone: 'primary',
    title: application ? ['Resume the automation of ', name(application), '?'] : 'Resume all automation?',
    lead: 'From then on failoverd acts by itself again.',
    confirm: 'Resume',
    path: at('automation', 'resume'),
    body: () => (application ? { application } : {}),
  });
}

function mayAll({ identity, stale }) {
  return Boolean(identity) && identity.role !== 'viewer' && !identity.applications && !stale;
}

/// Ends the pause of everything, where there is one and the reader may.
export function endPauseOfAll(all) {
  return mayAll(all) ? resumeOffer(all, null) : null;
}

/// Pauses everything, where nothing is paused and the reader may.
export function pauseOfAll(all) {
  const paused = all.status.pauses.some((pause) => !pause.application && !pause.planned);
  return mayAll(all) && !paused ? pauseOffer(all, null) : null;
}

// ---- signing in --------------------------------------------------------------------------------

export function signInView(problem, use) {
  const enter = (event) => {
    event.preventDefault();
    const token = document.getElementById('token').value.trim();
    if (token) use(token);
  };
  return h('main', { id: 'main', class: 'sign-in' },
    h('form', { class: 'card' },
      h('h1', {}, 'failoverd'),
      h('p', {}, 'This daemon asks who you are. Your token stays in this tab and is forgotten when it closes.'),
      h('label', { for: 'token' }, 'Token'),
      h('input', { id: 'token', type: 'password', autocomplete: 'off', spellcheck: 'false' }),
      problem ? h('div', { role: 'alert' }, problemView(problem)) : null,
      h('button', { type: 'submit', class: 'button primary', act: enter }, icon('arrow'), 'Look')));
}

