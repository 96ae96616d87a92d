// The top of the page: who answers and who asks, all applications, what needs to be seen to, and the
// first line, which answers what is lost, what was done or why it waits, and what the reader may do.

import { offers, endPauseOfAll } from './acts.js';
import { h, icon, name, remedy as remedyView } from './dom.js';
import { age, capital, count, length, phase, plain, runStatus, urgency } from './words.js';

/// A word with its icon and colour.
export function badge({ word, tone, icon: picture }, more) {
  return h('span', { class: `badge ${tone} ${more ?? ''}` }, icon(picture), h('span', {}, word));
}

/// A button for something that may be asked.
export function button(offer, kind) {
  return h('button', { type: 'button', class: `button ${offer.tone ?? ''} ${kind ?? ''}`, act: offer.begin, 'data-act': offer.id }, offer.label);
}

export function topBar(all) {
  const { identity, status, live, stale } = all;
  return h('header', { class: 'top' },
    h('a', { class: 'brand', href: '#/' }, 'failoverd'),
    status ? h('span', { class: 'answers' }, 'answered by ', name(status.answered_by), h('span', { class: 'quiet' }, ` ${status.region}`)) : null,
    status ? quorumBadge(status.cluster, all) : null,
    h('span', { class: 'gap' }),
    h('span', { class: `pulse ${stale ? 'bad' : live ? 'good' : 'doubt'}` },
      icon(stale ? 'bad' : live ? 'good' : 'wait'), stale ? 'no answer' : live ? 'live' : 'polling'),
    identity ? h('span', { class: 'who', title: `${identity.role}, ${identity.how}` },
      identity.how === 'claimed' ? 'not signed in' : name(identity.name), h('span', { class: 'quiet' }, ` ${identity.role}`)) : null,
    identity?.how === 'token' ? h('button', { type: 'button', class: 'button plain', act: all.leave }, 'Sign out') : null,
    themeButton(all));
}

function themeButton({ turnTheme, theme }) {
  const dark = theme ? theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
  const label = dark ? 'Use light colours' : 'Use dark colours';
  return h('button', { type: 'button', class: 'button plain square', act: turnTheme, 'aria-label': label, title: label }, icon(dark ? 'sun' : 'moon'));
}

function quorumBadge(cluster) {
  const { voters, heard } = cluster;
  if (cluster.quorum_lost) return badge({ word: `quorum lost: ${heard} of ${voters}`, tone: 'bad', icon: 'bad' });
  if (!cluster.quorum_reachable) return badge({ word: `no quorum: ${heard} of ${voters}`, tone: 'doubt', icon: 'doubt' });
  const tone = heard < voters ? 'doubt' : 'good';
  return badge({ word: `quorum ${heard} of ${voters}`, tone, icon: tone });
}

// ---- all applications --------------------------------------------------------------------------

/// More than a screen holds are found by name.
const SHOWN = 200;

export function navigation(all) {
  const { status, filter } = all;
  const wanted = filter.toLowerCase();
  const found = status.applications
    .filter((app) => app.name.toLowerCase().includes(wanted))
    .toSorted((a, b) => urgency(a.phase) - urgency(b.phase) || a.name.localeCompare(b.name));
  return h('nav', { class: 'list', 'aria-label': 'Applications' },
    // On a phone it would stand before what matters.
    h('details', { class: 'fold', open: matchMedia('(min-width: 901px)').matches },
      h('summary', {}, h('span', { class: 'label' }, count(status.applications.length, 'application'))),
      h('input', { class: 'find', type: 'search', placeholder: 'Find an application', 'aria-label': 'Find an application', typed: all.find }),
      h('ul', {}, found.slice(0, SHOWN).map((app) => entry(app, all))),
      found.length > SHOWN ? h('p', { class: 'quiet' }, `and ${found.length - SHOWN} more: find them by name`) : null));
}

function entry(app, { selected }) {
  const { word, tone, icon: picture } = phase(app.phase);
  return h('li', { key: app.name },
    h('a', { href: `#/${encodeURIComponent(app.name)}`, class: 'entry', 'aria-current': app.name === selected ? 'page' : null },
      icon(picture, tone),
      h('span', { class: 'entry-name' }, name(app.name)),
      h('span', { class: `entry-phase ${tone}` }, app.phase === 'steady' ? app.active : word)));
}

// ---- what should be seen to --------------------------------------------------------------------

export function notices(all) {
  const { status, selected } = all;
  const pauses = status.pauses.filter((pause) => !pause.application || pause.application === selected);
  const concern = (warning) => !warning.application || warning.application === selected;
  const warnings = status.warnings.filter(concern);
  const elsewhere = status.warnings.length - warnings.length;
  const cluster = status.cluster;
  if (!pauses.length && !warnings.length && !elsewhere && cluster.ready && !cluster.quorum_lost) return null;
  return h('section', { class: 'notices', 'aria-label': 'To be seen to' },
    cluster.quorum_lost ? notice('bad', 'bad', 'The quorum is lost.', 'Nothing is decided and nothing is written until more than half of the members hear each other.', 'Start the members that are down, or mend the network between them. If it cannot be mended: failoverctl break-glass.') : null,
    cluster.ready ? null : notice('doubt', 'doubt', 'This member does not do its part.', cluster.unready.join('; ')),
    pauses.map((pause) => pauseNotice(pause, all)),
    warnings.map((warning) => notice('doubt', 'doubt', `${capital(plain(warning.code))}.`, warning.text, warning.remedy)),
    elsewhere ? h('p', { class: 'quiet' }, `${count(elsewhere, 'warning')} about other applications`) : null);
}

function notice(tone, picture, title, text, remedy, act) {
  return h('div', { class: `notice ${tone}` }, icon(picture),
    h('p', {}, h('strong', {}, title), ' ', text, remedy ? [' ', remedyView(remedy)] : null), act ?? null);
}

function pauseNotice(pause, all) {
  const what = pause.application ? ['Automation of ', name(pause.application)] : ['All automation'];
  const by = pause.planned ? 'a planned window' : name(pause.by);
  const left = pause.remaining_ms === null || pause.remaining_ms === undefined ? 'without an end' : `for another ${length(pause.remaining_ms - all.since)}`;
  const offer = pause.application ? null : endPauseOfAll(all);
  return h('div', { class: 'notice ask' }, icon('hand'),
    h('p', {}, h('strong', {}, what, ' is paused'), ` ${left}, by `, by, ': ', h('bdi', {}, pause.reason)),
    offer && !pause.planned ? button(offer, 'small') : null);
}

// ---- the first line ----------------------------------------------------------------------------

export function headline(all) {
  const { app, run, stale } = all;
  const { word, tone, icon: picture } = phase(app.phase);
  const offered = stale ? [] : offers(all);
  return h('section', { key: 'headline', class: `headline ${tone}`, 'aria-label': 'What stands now' },
    h('div', { class: 'headline-top' },
      h('h1', {}, name(app.name)),
      badge({ word, tone, icon: picture }, 'large'),
      h('span', { class: 'quiet' }, `automation: ${app.automation === 'ask' ? 'asks first' : app.automation}`)),
    h('dl', { class: 'answers3' },
      answer('What is lost', lost(all)),
      answer(['executing', 'soaking', 'planned'].includes(app.phase) ? 'What is being done' : app.phase === 'cool_down' ? 'What was done' : 'What failoverd does', done(app, run)),
      answer('What you may do', mayDo(all, offered))));
}

function answer(term, content) {
  return h('div', { class: 'answer' }, h('dt', {}, term), h('dd', {}, content));
}

function lost({ app, since }) {
  const of = (state) => app.regions.filter((region) => region.verdict === state);
  const lines = [
    ...of('down').map((region) => h('p', { class: 'first' }, name(region.name), ` is lost${forSo(region, since)}.`)),
    ...of('suspect').map((region) => h('p', { class: 'first' }, name(region.name), ` is in doubt${forSo(region, since)}.`)),
  ];
  const unseen = of('unknown');
  if (!lines.length && unseen.length) {
    lines.push(h('p', { class: 'first' }, 'Nothing is known to be lost. ', unseen.map((region) => [name(region.name), ' '] ), 'cannot be judged now.'));
  }
  if (!lines.length) lines.push(h('p', { class: 'first' }, 'Nothing.'));
  for (const region of app.regions) {
    if (region.quarantined_since && region.verdict !== 'down') {
      lines.push(h('p', {}, name(region.name), ' was lost and answers again. It is kept out until somebody lets it rejoin.'));
    }
  }
  lines.push(h('p', { class: 'quiet' }, 'Active Region: ', name(app.active), app.active === app.home ? ', its home.' : ['. Home is ', name(app.home), '.']));
  return lines;
}

function forSo(region, since) {
  return region.verdict_for_ms === null || region.verdict_for_ms === undefined ? '' : `, for ${age(region.verdict_for_ms + since)}`;
}

function done(app, run) {
  const open = app.open_run;
  const lines = [];
  if (open) {
    const now = run?.id === open.id ? run : open;
    lines.push(h('p', { class: 'first' }, `${capital(now.kind)} `, name(now.from), ' → ', name(now.to), `: ${runStatus(now.status).word}, ${now.steps_done} of ${count(now.steps, 'step')}.`));
    lines.push(h('p', {}, now.summary));
  } else {
    lines.push(h('p', { class: 'first' }, capital(app.summary), /[.!?]$/.test(app.summary) ? '' : '.'));
  }
  for (const reason of app.reasons) lines.push(h('p', {}, h('bdi', {}, reason.text)));
  return lines;
}

function mayDo(all, offered) {
  const { app, identity, stale } = all;
  const remedies = app.reasons.filter((reason) => reason.remedy).map((reason) => h('p', { class: 'first' }, h('bdi', {}, reason.remedy)));
  const lines = remedies.length ? remedies : [h('p', { class: 'first' }, needed(app))];
  if (stale) return h('p', { class: 'first' }, 'Ask another member. Nothing can be done from here while this one does not answer.');
  if (identity?.role === 'viewer') lines.push(h('p', { class: 'quiet' }, 'Your token may look, not act.'));
  else if (!offered.length && identity) lines.push(h('p', { class: 'quiet' }, 'Your token may not act on this application.'));
  if (offered.length) lines.push(h('div', { class: 'buttons', role: 'group', 'aria-label': 'What you may do' }, offered.map((offer) => button(offer))));
  return lines;
}

function needed(app) {
  if (app.phase === 'needs_operator') return 'A decision is needed.';
  if (app.phase === 'blocked') return 'failoverd waits; see why below.';
  if (app.brake_latched) return 'The brake holds: acknowledge when you have understood why.';
  const kept = app.open_run ? null : app.regions.find((region) => region.quarantined_since);
  if (kept) return ['Let ', name(kept.name), ' rejoin when it is sound again.'];
  return 'Nothing needs you now.';
}
