// The Regions: what each serves, and who thinks what of it.

import { h, icon, name, unseen } from './dom.js';
import { badge } from './overview.js';
import { age, count, length, opinion, plain } from './words.js';

export function regionCards(all) {
  return h('section', { key: 'cards', class: 'cards', 'aria-label': 'Regions' }, all.app.regions.map((region) => card(region, all)));
}

function card(region, all) {
  const { since } = all;
  const verdict = opinion(region.verdict);
  const stood = region.verdict_for_ms === null || region.verdict_for_ms === undefined ? '' : ` ${age(region.verdict_for_ms + since)}`;
  return h('article', { class: `card region ${verdict.tone}`, key: region.name, 'aria-label': `Region ${region.name}` },
    h('div', { class: 'card-top' },
      h('h2', {}, name(region.name)),
      badge({ ...verdict, word: `${verdict.word}${stood}` })),
    h('p', { class: 'tags' },
      h('span', { class: 'tag' }, shared(region) ? `${region.share} % of users` : region.role === 'active' ? 'home' : region.role),
      region.serves ? h('span', { class: 'tag serves' }, icon('arrow'), region.verdict === 'down' ? 'active, and lost' : 'serves') : null,
      region.away_by ? h('span', { class: 'tag kept' }, icon('hand'), 'share taken away') : null,
      region.steered ? h('span', { class: 'tag' }, `steered ${region.steer}`) : null,
      region.quarantined_since ? h('span', { class: 'tag kept' }, icon('hand'), 'kept out') : null),
    dial(region, since),
    h('dl', { class: 'facts' },
      fact('DNS', region.dns_role ? region.dns_role.toLowerCase() : '–'),
      fact('Database', region.writer === true ? 'writer' : region.writer === false ? 'reader' : '–'),
      fact('Lag', lag(region.lag, since)),
      region.nodegroups.map((group) => fact(['Nodes ', name(group.name.split('/').at(-1))], nodes(group)))));
}

/// Of Regions that serve side by side each has a share.
export function shared(region) {
  return region.share !== null && region.share !== undefined;
}

/// A dial may have been turned since.
function readAgo(region, since) {
  const read = region.traffic_age_ms;
  return read === null || read === undefined ? null : h('span', { class: 'quiet' }, ` read ${age(read + since)} ago`);
}

function fact(term, value) {
  return h('div', {}, h('dt', {}, term), h('dd', {}, value));
}

function dial(region, since) {
  const known = region.dial !== null && region.dial !== undefined;
  return h('div', { class: 'dial' },
    h('div', { class: 'dial-words' }, h('span', {}, 'Traffic dial'), h('span', {}, h('strong', {}, known ? `${region.dial} %` : 'not known'), known ? readAgo(region, since) : null)),
    h('div', { class: 'bar', 'aria-hidden': 'true' }, h('div', { style: { width: `${known ? region.dial : 0}%` } })));
}

function lag(lag, since) {
  if (!lag) return '–';
  return [length(lag.lag_ms), h('span', { class: 'quiet block' }, ` ${age(lag.age_ms + since)} ago`)];
}

function nodes(group) {
  const ready = group.ready === null || group.ready === undefined ? '' : `${group.ready} of `;
  return [`${ready}${group.desired}`, h('span', { class: 'quiet' }, ` ${group.min}–${group.max}`)];
}

// ---- the matrix --------------------------------------------------------------------------------

export function voteMatrix({ why, sinceWhy }) {
  if (!why) return null;
  const { members, regions } = why.votes;
  return h('section', { key: 'votes', class: 'card', 'aria-labelledby': 'votes' },
    h('h2', { id: 'votes' }, 'Votes'),
    h('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'Votes, by Region and member' },
      h('table', { class: 'votes', role: 'table', style: { '--members': members.length } },
        h('thead', { role: 'rowgroup' }, h('tr', { role: 'row' },
          h('th', { scope: 'col', role: 'columnheader' }, 'Region'),
          members.map((member) => h('th', { scope: 'col', role: 'columnheader', key: member.id }, name(member.id), unseen(', '), h('span', { class: 'quiet block' }, member.region))))),
        h('tbody', { role: 'rowgroup' }, regions.map((row) => h('tr', { role: 'row', key: row.region },
          h('th', { scope: 'row', role: 'rowheader' }, name(row.region), unseen(': '), h('span', { class: 'quiet block' }, counted(row))),
          members.map((member) => cell(row.votes.find((vote) => vote.member === member.id), sinceWhy))))))),
    evidence(regions, sinceWhy));
}

/// Whoever is at home in the Region has no say.
function counted({ votes, down, needed }) {
  const outside = votes.filter((vote) => !vote.inside).length;
  return `${down} of ${outside} outside say down, ${needed} needed`;
}

function cell(vote, since) {
  if (!vote || !vote.opinion) return h('td', { role: 'cell' }, h('span', { class: 'vote none' }, icon('dot'), h('span', {}, 'never heard')));
  const { word, tone, icon: picture } = opinion(vote.opinion);
  const notes = [
    vote.inside ? 'inside: no say' : null,
    vote.unusable ? `not counted: ${plain(vote.unusable)}` : null,
    vote.reason && vote.reason !== 'probes' ? plain(vote.reason) : null,
  ].filter(Boolean);
  return h('td', { role: 'cell' },
    h('span', { class: `vote ${tone} ${vote.inside || vote.unusable ? 'idle' : ''}` },
      icon(picture), h('span', {}, word), h('span', { class: 'vote-age' }, unseen('evidence is '), age(vote.age_ms + since), unseen(' old'))),
    notes.map((note) => [unseen(', '), h('span', { class: 'quiet block' }, note)]));
}

/// What the members saw, where they saw trouble.
function evidence(regions, since) {
  const lines = [];
  for (const row of regions) {
    for (const vote of row.votes) {
      for (const probe of vote.probes) {
        if (probe.up === false || probe.failures_in_row > 0) lines.push(failure(row, vote, probe, since));
      }
    }
  }
  if (!lines.length) return null;
  return h('details', { class: 'fold' },
    h('summary', {}, `What they saw: ${count(lines.length, 'probe')} failing`),
    h('ul', { class: 'lines' }, lines));
}

function failure(row, vote, probe, since) {
  const seen = probe.last_failure ?? 'no answer';
  const old = probe.sample_age_ms === null || probe.sample_age_ms === undefined ? '' : `, ${age(probe.sample_age_ms + (vote.age_ms === null ? 0 : since))} ago`;
  return h('li', {}, h('strong', {}, name(vote.member), ' → ', name(row.region), ' ', name(probe.probe)), `: ${count(probe.failures_in_row, 'failure')} in a row${old}: `, h('bdi', {}, seen));
}
