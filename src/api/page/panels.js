// What stands below: why nothing is done, readiness, the runs before, the cluster.

import { pauseOfAll } from './acts.js';
import { h, icon, name, remedy, unseen } from './dom.js';
import { badge, button } from './overview.js';
import { age, clock, count, day, length, level, plain, ruling, runStatus } from './words.js';

// ---- guards ------------------------------------------------------------------------------------

/// The most urgent first.
const RULINGS = ['hold', 'ask', 'warn'];

export function guardPanel({ why }) {
  const guards = why?.guards ?? [];
  const passing = guards.filter((row) => row.ruling === 'pass');
  const others = guards.filter((row) => row.ruling !== 'pass').toSorted((a, b) => RULINGS.indexOf(a.ruling) - RULINGS.indexOf(b.ruling));
  const decision = why?.decision ? { act: 'It would act.', hold: 'It holds.', ask: 'It asks first.' }[why.decision] ?? plain(why.decision) : null;
  if (!guards.length && !decision) return null;
  return h('section', { class: 'card', 'aria-labelledby': 'guards' },
    h('h2', { id: 'guards' }, 'Guards'),
    h('p', { class: 'quiet' }, decision ?? 'As last asked.'),
    h('ul', { class: 'rows' }, others.map(guardRow)),
    passing.length ? h('details', { class: 'fold', key: 'passing' }, h('summary', {}, `${count(passing.length, 'guard')} let it pass`), h('ul', { class: 'rows' }, passing.map(guardRow))) : null);
}

function guardRow(row) {
  return h('li', { key: row.guard },
    h('span', { class: 'row-name' }, plain(row.guard)),
    badge(ruling(row.ruling)),
    row.reason ? h('p', { class: 'row-text' }, h('bdi', {}, row.reason.text), ' ', remedy(row.reason.remedy)) : null);
}

// ---- readiness ---------------------------------------------------------------------------------

/// The most urgent first.
const LEVELS = ['blocking', 'warning', 'unknown', 'passed'];

export function readinessPanel({ app, check, since, identity }) {
  const findings = (check?.findings ?? []).toSorted((a, b) => LEVELS.indexOf(a.level) - LEVELS.indexOf(b.level));
  const open = findings.filter((finding) => finding.level !== 'passed');
  const passed = findings.filter((finding) => finding.level === 'passed');
  const summary = check?.summary ?? app.readiness;
  const looked = summary.age_ms === null || summary.age_ms === undefined
    ? 'Not checked yet.' : `Checked ${age(summary.age_ms + since)} ago${check?.checked_by ? ` by ${check.checked_by}` : ''}.`;
  return h('section', { class: 'card', 'aria-labelledby': 'readiness', 'data-role': identity?.role },
    h('h2', { id: 'readiness' }, 'Readiness'),
    h('p', { class: 'tags' }, LEVELS.map((code) => tally(code, summary))),
    h('p', { class: 'quiet' }, looked),
    h('ul', { class: 'rows' }, open.map(findingRow)),
    passed.length ? h('details', { class: 'fold', key: 'passed' }, h('summary', {}, `${count(passed.length, 'check')} passed`), h('ul', { class: 'rows' }, passed.map(findingRow))) : null,
    drillLine(app, since));
}

function tally(code, summary) {
  const key = code === 'warning' ? 'warnings' : code;
  const words = level(code);
  return summary[key] ? badge({ ...words, word: `${summary[key]} ${words.word}` }) : null;
}

function findingRow(finding) {
  return h('li', { key: `${finding.code} ${finding.subject} ${finding.region ?? ''}` },
    h('span', { class: 'row-name' }, h('bdi', {}, finding.subject), finding.region ? h('span', { class: 'quiet' }, ' ', name(finding.region)) : null),
    badge(level(finding.level)),
    h('p', { class: 'row-text' }, h('bdi', {}, finding.text), finding.remedy ? [' ', remedy(finding.remedy)] : null));
}

function drillLine({ last_drill: drill }, since) {
  if (!drill) return h('p', { class: 'quiet foot' }, 'No drill on the real thing yet.');
  const result = drill.passed ? badge({ word: 'passed', tone: 'good', icon: 'good' }) : badge({ word: 'failed', tone: 'bad', icon: 'bad' });
  return h('p', { class: 'foot' }, `Last drill (${drill.mode}) ${age(drill.age_ms + since)} ago: `, result);
}

// ---- history -----------------------------------------------------------------------------------

export function historyPanel({ runs }) {
  return h('section', { key: 'history', class: 'card', 'aria-labelledby': 'history' },
    h('h2', { id: 'history' }, 'Runs'),
    runs.length ? h('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'Runs, newest first' },
      h('table', { class: 'history', role: 'table' },
        h('thead', { role: 'rowgroup' }, h('tr', { role: 'row' }, ['Opened', 'Run', 'Status', 'By', 'Took'].map((head) => h('th', { scope: 'col', role: 'columnheader' }, head)))),
        h('tbody', { role: 'rowgroup' }, runs.map(runRow)))) : h('p', { class: 'quiet' }, 'None yet.'));
}

function runRow(run) {
  const opened = new Date(run.opened_at);
  return h('tr', { role: 'row', key: run.id, 'data-run': run.id },
    h('td', { role: 'cell' }, clock(opened), h('span', { class: 'quiet block' }, day(opened))),
    h('td', { role: 'cell' }, h('strong', {}, run.kind), run.drill ? h('span', { class: 'tag' }, 'drill') : null, h('span', { class: 'block' }, name(run.from), ' → ', name(run.to))),
    h('td', { role: 'cell' }, badge(runStatus(run.status)), h('span', { class: 'quiet block' }, h('bdi', {}, run.summary))),
    h('td', { role: 'cell' }, name(run.origin)),
    h('td', { role: 'cell', class: 'number' }, length(run.took_ms), h('span', { class: 'quiet block' }, `${run.steps_done} of ${run.steps}`, unseen(' steps'))));
}

// ---- the cluster -------------------------------------------------------------------------------

export function clusterPanel(all) {
  const { status, members } = all;
  const cluster = status.cluster;
  const offer = all.stale ? null : pauseOfAll(all);
  return h('section', { class: 'card', 'aria-labelledby': 'cluster' },
    h('div', { class: 'card-top' }, h('h2', { id: 'cluster' }, 'Members'), offer ? button(offer, 'small') : null),
    h('p', { class: 'quiet' }, cluster.leader ? [name(cluster.leader), ` leads, term ${cluster.term}. `] : 'Nobody leads. ', `${cluster.heard} of ${count(cluster.voters, 'voter')} heard.`),
    h('ul', { class: 'members' }, (members?.members ?? []).map(memberRow)),
    (members?.warnings ?? []).map((warning) => h('p', { class: 'note doubt' }, icon('doubt'), h('bdi', {}, warning.text))));
}

function memberRow(member) {
  const here = member.last_heard_ms === null || member.last_heard_ms === undefined;
  const state = member.connected ? { word: member.role, tone: member.role === 'absent' ? 'doubt' : 'good', icon: 'good' }
    : { word: `${member.role}, not heard`, tone: 'bad', icon: 'bad' };
  return h('li', { class: 'member', key: member.id },
    h('div', {}, h('strong', {}, name(member.id)), h('span', { class: 'quiet block' }, member.region ?? 'not configured')),
    badge(state),
    h('span', { class: 'quiet member-note' }, member.trouble ? h('bdi', {}, member.trouble) : here && member.connected ? 'answers you' : member.connected ? 'connected' : here ? 'never heard' : `heard ${age(member.last_heard_ms)} ago`, member.version ? ` · ${member.version}` : ''));
}
