// The open run, or the last one, as bars on a line of time.

import { h, icon, name, remedy, unseen } from './dom.js';
import { badge, button } from './overview.js';
import { stepOffers } from './acts.js';
import { capital, clock, day, length, runStatus, step as stepWords } from './words.js';

/// Lines on the axis, at the most.
const TICKS = 6;

/// Lengths of time that are round to a reader, in milliseconds.
const ROUND = [500, 1_000, 2_000, 5_000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000, 1_800_000, 3_600_000];

export function runPanel(all) {
  const { run, app } = all;
  if (!run) return null;
  const open = !run.closed_at;
  const words = runStatus(run.status);
  return h('section', { class: `card run ${words.tone}`, key: `run ${run.id}`, 'aria-labelledby': 'run' },
    h('div', { class: 'card-top' },
      h('h2', { id: 'run' }, open ? 'Open run: ' : 'Last run: ', run.kind, ' ', name(run.from), ' → ', name(run.to)),
      badge(words)),
    h('p', { class: 'quiet' }, ...origin(run)),
    run.paused ? h('p', { class: 'note ask' }, icon('hand'), 'Paused by ', name(run.paused.by), ': ', h('bdi', {}, run.paused.reason)) : null,
    run.held ? h('p', { class: 'note ask' }, icon('hand'), h('bdi', {}, run.held.text), ' ', remedy(run.held.remedy)) : null,
    gantt(all),
    run.findings.length ? h('div', {}, h('h3', {}, 'Since then'), h('ul', { class: 'lines' }, run.findings.map((finding) => h('li', {}, h('strong', {}, name(finding.step)), ': ', h('bdi', {}, finding.text))))) : null,
    run.evidence.length ? h('details', { class: 'fold', key: 'evidence' }, h('summary', {}, 'On what it stands'), h('ul', { class: 'lines' }, run.evidence.map((line) => h('li', {}, h('bdi', {}, line))))) : null,
    app.open_run && app.open_run.id !== run.id ? h('p', { class: 'quiet' }, 'Another run has been opened since.') : null);
}

function origin(run) {
  const began = new Date(run.opened_at);
  const by = run.origin === 'quorum' ? ['decided by the quorum'] : ['asked for by ', name(run.origin)];
  return [...by, ` on ${day(began)} at ${clock(began)}, `, h('span', { class: 'mono' }, run.id),
    run.took_ms === null || run.took_ms === undefined ? '' : `, took ${length(run.took_ms)}`,
    run.drill ? ', a drill' : '', run.reason ? [': ', h('bdi', {}, run.reason)] : ''];
}

/// From the opening to the last thing that happened, or to now. In milliseconds since the opening.
function span(run, since) {
  const begun = Date.parse(run.opened_at);
  const moments = run.progress.map((step) => Date.parse(step.ended_at ?? step.started_at ?? step.ready_at ?? run.opened_at));
  const moving = run.progress.some((step) => ['intent', 'unknown', 'awaiting_approval'].includes(step.status)) || ['executing', 'needs_operator', 'aborting'].includes(run.status);
  const now = Date.parse(run.at) + since;
  const end = moving ? now : Math.max(...moments, Date.parse(run.executed_at ?? run.opened_at));
  return { begun, now, length: Math.max(end - begun, 1_000) };
}

function gantt(all) {
  const { run, sinceRun } = all;
  const scale = span(run, run.closed_at ? 0 : sinceRun);
  const place = (moment) => `${Math.min(100, Math.max(0, ((moment - scale.begun) / scale.length) * 100)).toFixed(2)}%`;
  return h('div', { class: 'gantt' },
    h('div', { class: 'axis', 'aria-hidden': 'true' }, h('div', { class: 'axis-line' }, ticks(scale).map((at) =>
      h('span', { class: 'tick', style: { left: place(scale.begun + at) } }, at === 0 ? '0' : length(at).replace('.0', ''))))),
    h('ol', { class: 'steps', 'aria-label': `Steps: ${run.steps_done} of ${run.steps} at rest` }, run.progress.map((step) => row(step, all, scale, place))));
}

function ticks(scale) {
  const every = ROUND.find((length) => scale.length / length <= TICKS) ?? scale.length / TICKS;
  const all = [];
  // The last one would stand over the edge.
  for (let at = 0; at < scale.length * 0.97; at += every) all.push(at);
  return all;
}

function row(step, all, scale, place) {
  const words = stepWords(step.status);
  const started = step.started_at ? Date.parse(step.started_at) : null;
  const ready = step.ready_at ? Date.parse(step.ready_at) : null;
  const ended = step.ended_at ? Date.parse(step.ended_at) : started || ready ? scale.now : null;
  const took = step.took_ms ?? (started && ended ? ended - started : null);
  const bar = (from, to, kind) => h('span', { class: `stretch ${kind}`, style: { left: place(from), width: `max(3px, ${(((to - from) / scale.length) * 100).toFixed(2)}%)` } });
  const offers = all.stale ? [] : stepOffers(all, step);
  return h('li', { class: `step ${words.tone}`, key: step.id, 'data-status': step.status },
    h('div', { class: 'step-name' }, icon(words.icon, words.tone), h('span', {}, name(step.id)), h('span', { class: 'step-word' }, unseen(': '), words.word, step.attempts > 1 ? `, attempt ${step.attempts}` : '')),
    h('div', { class: 'track', 'aria-hidden': 'true' },
      ready && started && started - ready > 50 ? bar(ready, started, 'ready') : null,
      started ? bar(started, ended, `${words.tone} ${step.ended_at ? '' : 'moving'}`) : ready ? bar(ready, ended, 'ready') : null),
    h('div', { class: 'step-took' }, took === null ? '' : [unseen('took '), length(took)]),
    detail(step, offers));
}

function detail(step, offers) {
  const seen = step.before && step.after && step.before !== step.after ? [h('bdi', {}, step.before), ' → ', h('bdi', {}, step.after)] : null;
  const activity = step.status === 'waiting' ? null : step.activity;
  const text = step.status === 'done' ? seen : step.detail ?? activity;
  if (!text && !offers.length) return null;
  return h('div', { class: 'step-detail' },
    text ? h('p', {}, typeof text === 'string' ? h('bdi', {}, capital(text)) : text) : null,
    offers.length ? h('div', { class: 'buttons' }, offers.map((offer) => button(offer, 'small'))) : null);
}
