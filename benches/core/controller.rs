//! The whole core: `Controller::step`, as the daemon's loop calls it.

use std::collections::BTreeMap;

use divan::Bencher;
use divan::counter::ItemsCount;
use failoverd::controller::{Controller, Effect, Input, Setup};
use failoverd::model::{BootId, Member, MemberId, Millis, Mono, Sample, State};
use failoverd::run::Timing;

use super::world::{FLEETS, INTERVAL, START, fleet, lose, members, now, references, samples, take};

/// Between two ticks of the daemon.
const TICK: Millis = Millis(500);

/// A controller with `hosted` of three members in its process, and the clock it lives by.
struct Desk {
    controller: Controller,
    state: State,
    hosted: Vec<MemberId>,
    samples: Vec<Sample>,
    at: Mono,
}

impl Desk {
    fn new(apps: usize, hosted: usize) -> Self {
        let (fleet, members) = (fleet(apps), members(3));
        let samples = samples(&fleet);
        let hosted: Vec<MemberId> = members
            .iter()
            .rev()
            .take(hosted)
            .map(|Member { id, .. }| id.clone())
            .collect();
        let setup = Setup {
            me: "m3".into(),
            boot: BootId(1),
            members,
            hosted: hosted.clone(),
            applications: fleet,
            references: references(),
            runbooks: BTreeMap::new(),
            windows: Vec::new(),
            timing: Timing {
                poll: Millis::from_secs(2),
                call_timeout: Millis::from_secs(10),
                lease: Millis::from_secs(3),
                soak_poll: Millis::from_secs(30),
                steady_poll: Millis::from_mins(5),
            },
            data_loss_approval: failoverd::model::DataLossApproval::default(),
        };
        let mut desk = Self {
            controller: Controller::new(setup, now(START)),
            state: State::default(),
            hosted,
            samples,
            at: START,
        };
        desk.interval();
        desk
    }

    fn step(&mut self, input: Input) -> Vec<Effect> {
        self.controller
            .step(now(self.at), &self.state, false, input)
    }

    /// The next sample in turn, `after` the last input.
    fn sample(&mut self, member: &MemberId, index: usize, after: Millis) -> Vec<Effect> {
        self.at = self.at + after;
        let at = self.at - Millis(20);
        let Some(sample) = self.samples.get_mut(index) else {
            return Vec::new();
        };
        take(sample, at);
        let (member, sample) = (member.clone(), sample.clone());
        self.step(Input::Sample { member, sample })
    }

    fn tick(&mut self, after: Millis) -> Vec<Effect> {
        self.at = self.at + after;
        self.step(Input::Tick)
    }

    /// Five seconds as they pass in a daemon: ten ticks, and between them every probe once for
    /// each member in this process.
    fn interval(&mut self) -> usize {
        let ticks = usize::try_from(INTERVAL.0 / TICK.0).unwrap_or(1);
        let between = self.samples.len().div_ceil(ticks);
        let mut effects = 0;
        for tick in 0..ticks {
            let start = self.at;
            for index in (tick * between)..((tick + 1) * between).min(self.samples.len()) {
                for member in self.hosted.clone() {
                    let last = self.at;
                    let due = start + Millis(TICK.0 * (index % between) as u64 / between as u64);
                    effects += self.sample(&member, index, due.since(last)).len();
                }
            }
            effects += self.tick((start + TICK).since(self.at)).len();
        }
        effects
    }
}

/// One sample that brings no news, as nearly all are.
#[divan::bench(args = FLEETS)]
fn sample(bencher: Bencher<'_, '_>, apps: usize) {
    let mut desk = Desk::new(apps, 1);
    let member = desk.hosted[0].clone();
    let (mut index, count) = (0, desk.samples.len());
    // As they come: spread over the interval.
    let mut round = 0;
    bencher.counter(ItemsCount::new(1_usize)).bench_local(|| {
        index = (index + 1) % count;
        round += u64::from(index == 0);
        let due =
            START + INTERVAL.times(2 + round) + Millis(INTERVAL.0 * index as u64 / count as u64);
        let after = due.since(desk.at);
        desk.sample(&member, index, after)
    });
}

/// One tick: every application looked at. Items are applications.
#[divan::bench(args = FLEETS)]
fn tick(bencher: Bencher<'_, '_>, apps: usize) {
    let mut desk = Desk::new(apps, 1);
    // The time does not pass: what is measured is the look, not a round of votes now and then.
    bencher
        .counter(ItemsCount::new(apps))
        .bench_local(|| desk.tick(Millis::ZERO));
}

/// One tick while a Region is lost to every application, with three vantages in one process: every
/// guard speaks for each. Items are applications.
#[divan::bench(args = FLEETS)]
fn tick_while_lost(bencher: Bencher<'_, '_>, apps: usize) {
    let mut desk = Desk::new(apps, 3);
    lose(&mut desk.samples);
    for _ in 0..10 {
        desk.interval();
    }
    bencher
        .counter(ItemsCount::new(apps))
        .bench_local(|| desk.tick(Millis::ZERO));
}

/// Five seconds of a member's life: ten ticks, five rounds of votes, every probe once. Divided by
/// five seconds it is the share of one CPU that the core takes. Items are applications.
#[divan::bench(args = FLEETS, max_time = 10)]
fn five_seconds(bencher: Bencher<'_, '_>, apps: usize) {
    let mut desk = Desk::new(apps, 1);
    bencher
        .counter(ItemsCount::new(apps))
        .bench_local(|| desk.interval());
}

/// The same five seconds, the first of an outage: every probe of the lost Region fails for the
/// first time.
#[divan::bench(args = FLEETS, max_time = 10)]
fn five_seconds_as_a_region_fails(bencher: Bencher<'_, '_>, apps: usize) {
    bencher
        .counter(ItemsCount::new(apps))
        .with_inputs(|| {
            let mut desk = Desk::new(apps, 1);
            lose(&mut desk.samples);
            desk
        })
        .bench_local_refs(Desk::interval);
}
