// Moving an application: the plan first, as the daemon would follow it now, then the Region typed by
// hand. The plan's hash goes with the wish, so that what was read is what is done.

import { at, post } from './api.js';
import { because, nameField } from './acts.js';
import { openDialog, problemView } from './dialog.js';
import { h, icon, name, remedy } from './dom.js';
import { shared } from './regions.js';
import { age, capital, count, length, plain, ruling } from './words.js';

const KINDS = {
  failover: ['Fail over', 'For a Region that is lost: it is fenced if possible, and its data is promoted elsewhere.', 'danger'],
  switchover: ['Switch over', 'Both Regions are sound, and no data is lost.', 'primary'],
  failback: ['Fail back', 'A switchover home.', 'primary'],
};

/// Failover is always offered, for the day on which the daemon does not see what a person sees.
export function moveOffers(all) {
  const { app } = all;
  // Of Regions side by side a share is moved, not the application: `failoverctl shift` and `return`.
  if (app.regions.some(shared)) return [];
  const kinds = app.active === app.home ? ['failover', 'switchover'] : ['failback', 'failover', 'switchover'];
  const lost = app.regions.some((region) => region.name === app.active && region.verdict === 'down');
  return kinds.map((kind) => ({
    id: kind,
    label: `${KINDS[kind][0]}…`,
    tone: lost && kind === 'failover' ? 'danger' : null,
    begin: () => begin(all, kind),
  }));
}

function begin(all, kind) {
  const { app, identity } = all;
  const [label, lead, tone] = KINDS[kind];
  const candidates = app.regions.map((region) => region.name).filter((region) => region !== app.active);
  const wish = { to: kind === 'failback' ? app.home : candidates[0], loss: false, plan: null, asked: 0 };
  const shown = h('div', { class: 'plan', 'aria-live': 'polite' });
  let dialog = null;

  const plan = async () => {
    const asked = ++wish.asked;
    wish.plan = null;
    shown.replaceChildren(h('p', { class: 'quiet' }, 'Making the plan…'));
    dialog?.look();
    try {
      const report = await post(at('applications', app.name, 'plan'), { kind, to: wish.to, allow_data_loss: wish.loss });
      if (asked !== wish.asked) return;
      wish.plan = report;
      shown.replaceChildren(planView(report));
    } catch (problem) {
      if (asked === wish.asked) shown.replaceChildren(problemView(problem));
    }
    dialog?.look();
  };

  dialog = openDialog({
    title: [`${label} `, name(app.name)],
    lead,
    tone,
    wide: true,
    confirm: label,
    extra: [choices(kind, candidates, wish, plan), shown],
    fields: [
      { name: 'reason', label: 'Reason', kind: 'area', required: true, hint: 'Required: it stands in the audit and in the run.' },
      ...nameField(identity),
      { name: 'typed', label: ['Type the Region to move to: ', h('code', {}, wish.to)], required: true },
    ],
    also: () => [wish.to, wish.loss, wish.plan?.plan?.hash],
    ready: (values) => Boolean(wish.plan?.plan) && wish.plan.would_start && values.typed === wish.to,
    send: async (values, key) => {
      try {
        const started = await post(at('applications', app.name, 'runs'), {
          kind, to: wish.to, plan_hash: wish.plan.plan.hash, allow_data_loss: wish.loss, ...because(values),
        }, key);
        return { text: `Run ${started.run} is open.` };
      } catch (problem) {
        // What was refused may be another plan by now: it is shown before it is asked for again. What
        // was not answered stays the same wish.
        if (!problem.unanswered) plan();
        throw problem;
      }
    },
    done: all.refresh,
  });
  plan();
}

/// Where to, and whether data may be lost; each choice makes another plan.
function choices(kind, candidates, wish, plan) {
  const parts = [];
  if (kind !== 'failback' && candidates.length > 1) {
    const choose = (region) => {
      wish.to = region;
      document.querySelector('label[for="field-typed"] code').textContent = region;
      plan();
    };
    parts.push(h('div', { class: 'field' }, h('label', { for: 'move-to' }, 'To'),
      h('select', { id: 'move-to', typed: choose }, candidates.map((region) => h('option', { value: region }, region)))));
  }
  if (kind === 'failover') {
    const turn = (_, event) => { wish.loss = event.target.checked; plan(); };
    parts.push(h('label', { class: 'check' }, h('input', { type: 'checkbox', typed: turn, id: 'move-loss' }),
      h('span', {}, h('strong', {}, 'Data may be lost. '), 'What has not reached the other Region is given up.')));
  }
  return parts;
}

// ---- the plan ----------------------------------------------------------------------------------

function planView(report) {
  const { plan } = report;
  return h('div', {},
    report.refused.length ? h('div', { class: 'problem', role: 'alert' },
      h('p', { class: 'problem-title' }, icon('bad'), h('strong', {}, 'This would be refused now')),
      h('ul', { class: 'lines' }, report.refused.map((reason) => h('li', {}, h('bdi', {}, reason.text), ' ', remedy(reason.remedy))))) : null,
    report.lag ? h('p', { class: 'note' }, icon('wait'), h('span', {}, `The replica was ${length(report.lag.lag_ms)} behind, ${age(report.lag.age_ms)} before this plan.`, report.rpo_max_ms ? ` Allowed: ${length(report.rpo_max_ms)}.` : '')) : null,
    plan ? planTable(plan) : null,
    guards(report.guards));
}

function planTable(plan) {
  return h('div', {},
    h('p', { class: 'plan-head' }, h('strong', {}, capital(plan.kind), ' '), name(plan.from), ' → ', name(plan.to), h('span', { class: 'quiet' }, `, ${count(plan.steps.length, 'step')}, runbook ${plan.runbook}, plan `, h('code', {}, plan.hash.slice(0, 12)))),
    plan.data_loss ? h('p', { class: 'note ask' }, icon('hand'), h('bdi', {}, plan.data_loss)) : null,
    h('ol', { class: 'plan-steps' }, plan.steps.map((step) => h('li', {},
      h('div', {}, h('strong', {}, name(step.id)), ' ', h('span', { class: 'quiet' }, step.uses), step.writes ? null : h('span', { class: 'tag' }, 'changes nothing')),
      step.changes.length ? step.changes.map(change) : h('p', { class: 'quiet' }, h('bdi', {}, step.goal))))));
}

function change({ what, before, after }) {
  return h('p', { class: 'change' }, h('bdi', {}, what), ': ', h('del', {}, before ?? 'not seen'), ' → ', h('ins', {}, after));
}

function guards(rows) {
  if (!rows.length) return null;
  const shown = rows.filter((row) => row.ruling !== 'pass');
  const passed = rows.length - shown.length;
  return h('details', { class: 'fold', open: shown.length > 0 },
    h('summary', {}, `Guards: ${passed} pass${shown.length ? `, ${shown.map((row) => `${plain(row.guard)} ${ruling(row.ruling).word}`).join(', ')}` : ''}`),
    h('ul', { class: 'lines' }, shown.map((row) => h('li', {}, h('strong', {}, plain(row.guard)), ` ${ruling(row.ruling).word}`, row.reason ? [': ', h('bdi', {}, row.reason.text), ' ', remedy(row.reason.remedy)] : ''))));
}
