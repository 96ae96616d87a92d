use proptest::prelude::*;

use crate::model::fixtures::*;
use crate::model::*;

use super::{Level, ProbeTrack, Vantage};

const S: u64 = 1_000;

/// A vantage on `shop` with two reference targets, and the clock it lives by.
struct Watch {
    vantage: Vantage,
    now: u64,
}

impl Watch {
    fn with(app: Application) -> Self {
        let references = [probe("r1", false), probe("r2", false)];
        Self {
            vantage: Vantage::new("m2".into(), BootId(1), &[app], &references),
            // Long after this host was started: stale evidence must be able to be stale.
            now: 1_000 * S,
        }
    }

    fn new() -> Self {
        Self::with(application())
    }

    /// One sample of each target named, 5 s after the last ones.
    fn round(&mut self, samples: &[(Target, SampleOutcome)]) {
        self.now += 5 * S;
        for (target, outcome) in samples {
            let taken = sample(target.clone(), self.now, outcome.clone());
            self.vantage.observe(Mono(self.now + 20), &taken);
        }
        self.now += 20;
    }

    /// `web` and `api` of the active Region answer, and so do the references or not.
    fn both(&mut self, outcome: &SampleOutcome, references: &SampleOutcome) {
        self.round(&[
            (region_target(FROM, "web"), outcome.clone()),
            (region_target(FROM, "api"), outcome.clone()),
        ]);
        self.now += 30;
        let now = self.now;
        for id in ["r1", "r2"] {
            let taken = sample(Target::Reference(id.into()), now, references.clone());
            self.vantage.observe(Mono(now + 20), &taken);
        }
        self.now += 20;
    }

    fn lacks_reference(&self, region: &str) -> bool {
        let target = region_target(region, "web");
        self.vantage.lacks_reference(Mono(self.now), &target)
    }

    fn vote(&mut self) -> Vote {
        let sheet = self.vantage.vote_sheet(Mono(self.now));
        sheet
            .votes
            .into_iter()
            .find(|vote| vote.region == RegionId::from(FROM))
            .unwrap()
    }

    fn says(&mut self) -> (Opinion, VoteReason) {
        let vote = self.vote();
        (vote.opinion, vote.reason)
    }
}

use SampleOutcome::Success;

#[test]
fn a_probe_is_up_at_its_first_success_and_down_only_after_all_of_fall() {
    let mut track = ProbeTrack::new(probe("web", true));
    let target = region_target(FROM, "web");
    assert_eq!(track.level(), Level::Undetermined);
    for started in [1, 2] {
        track.observe(&sample(target.clone(), started, failure()));
        assert_eq!(track.level(), Level::Undetermined);
    }
    track.observe(&sample(target.clone(), 3, failure()));
    assert_eq!(
        (track.level(), track.fell_at()),
        (Level::Down, Some(Mono(23)))
    );
    for started in 4..8 {
        track.observe(&sample(target.clone(), started, Success));
        assert_eq!((track.level(), track.fell_at()), (Level::Down, None));
    }
    track.observe(&sample(target.clone(), 8, Success));
    assert_eq!(track.level(), Level::Up);

    let mut fresh = ProbeTrack::new(probe("web", true));
    fresh.observe(&sample(target, 1, Success));
    assert_eq!(fresh.level(), Level::Up);
}

#[test]
fn an_outage_is_suspected_then_believed_once_a_reference_answers_after_it() {
    let mut watch = Watch::new();
    assert_eq!(watch.says(), (Opinion::Unknown, VoteReason::NoEvidence));
    watch.both(&Success, &Success);
    assert_eq!(watch.says(), (Opinion::Up, VoteReason::Probes));
    let began = watch.now + 5 * S;
    watch.both(&failure(), &Success);
    assert_eq!(watch.says(), (Opinion::Suspect, VoteReason::Probes));
    watch.both(&failure(), &Success);
    // The third failure alone, before any reference has answered again.
    watch.round(&[
        (region_target(FROM, "web"), failure()),
        (region_target(FROM, "api"), failure()),
    ]);
    assert_eq!(watch.says(), (Opinion::Suspect, VoteReason::NoReference));
    assert!(watch.lacks_reference(FROM));
    assert!(!watch.lacks_reference(TO));
    let answered = sample(Target::Reference("r2".into()), watch.now, Success);
    watch.now += 20;
    watch.vantage.observe(Mono(watch.now), &answered);
    assert_eq!(watch.says(), (Opinion::Down, VoteReason::Probes));
    assert!(!watch.lacks_reference(FROM));
    let vote = watch.vote();
    assert_eq!(vote.failing_since, Some(Mono(began)));
    assert_eq!(vote.evidence_at, Mono(watch.now - 40));
}

#[test]
fn a_member_that_sees_nothing_at_all_does_not_believe_its_eyes() {
    let mut watch = Watch::new();
    watch.both(&Success, &Success);
    for _ in 0..5 {
        watch.both(&failure(), &failure());
    }
    assert_eq!(watch.says(), (Opinion::Unknown, VoteReason::Isolated));
    assert!(watch.vantage.isolated(Mono(watch.now)));
    watch.both(&failure(), &Success);
    assert_eq!(watch.says(), (Opinion::Down, VoteReason::Probes));
}

#[test]
fn evidence_lasts_two_intervals_and_a_timeout() {
    let mut watch = Watch::new();
    watch.both(&Success, &Success);
    let taken = watch.vote().evidence_at.0;
    watch.now = taken + 13 * S;
    assert_eq!(watch.says().0, Opinion::Up);
    watch.now += 1;
    assert_eq!(watch.says(), (Opinion::Unknown, VoteReason::StaleEvidence));
}

#[test]
fn a_vote_is_as_old_as_the_older_of_its_probes() {
    let mut watch = Watch::new();
    watch.both(&Success, &Success);
    let first = watch.vote().evidence_at;
    watch.round(&[(region_target(FROM, "api"), Success)]);
    assert_eq!(watch.vote().evidence_at, first);
}

#[test]
fn a_probe_that_could_not_ask_says_nothing_and_refreshes_nothing() {
    let mut watch = Watch::new();
    watch.both(&Success, &Success);
    watch.both(&failure(), &Success);
    watch.both(&failure(), &Success);
    let before = watch.vote();
    watch.both(&could_not_ask(), &Success);
    let after = watch.vote();
    assert_eq!(after.evidence_at, before.evidence_at);
    assert_eq!(after.opinion, Opinion::Suspect);
    watch.both(&could_not_ask(), &Success);
    watch.both(&could_not_ask(), &Success);
    assert_eq!(watch.says(), (Opinion::Unknown, VoteReason::ProbeUnknown));
    // Not a success either: the third failure in a row is the third.
    watch.both(&failure(), &Success);
    assert_eq!(watch.says(), (Opinion::Down, VoteReason::Probes));
}

#[test]
fn after_a_tilt_each_critical_probe_must_speak_again() {
    let mut watch = Watch::new();
    for _ in 0..3 {
        watch.both(&failure(), &Success);
    }
    assert_eq!(watch.says().0, Opinion::Down);
    let in_flight = sample(region_target(FROM, "web"), watch.now, failure());
    watch.now += 4 * S;
    watch.vantage.tilt(Mono(watch.now));
    assert!(!watch.vantage.observe(Mono(watch.now), &in_flight));
    assert_eq!(watch.says(), (Opinion::Unknown, VoteReason::Tilt));
    watch.round(&[(region_target(FROM, "web"), failure())]);
    assert_eq!(watch.says(), (Opinion::Unknown, VoteReason::Tilt));
    watch.both(&failure(), &Success);
    assert_eq!(watch.says(), (Opinion::Down, VoteReason::Probes));
}

#[test]
fn the_rule_says_how_many_probes_make_a_region_down() {
    let cases = [
        (RegionDownRule::AllCritical, Opinion::Suspect),
        (RegionDownRule::AnyCritical, Opinion::Down),
        (RegionDownRule::WeightPercent(33), Opinion::Down),
        (RegionDownRule::WeightPercent(34), Opinion::Suspect),
    ];
    for (rule, expected) in cases {
        let mut app = application();
        app.detection.region_down = rule;
        let mut watch = Watch::with(app);
        for _ in 0..3 {
            watch.round(&[
                (region_target(FROM, "web"), failure()),
                (region_target(FROM, "api"), Success),
                (region_target(FROM, "blog"), Success),
            ]);
        }
        watch.round(&[(Target::Reference("r1".into()), Success)]);
        assert_eq!(watch.says().0, expected, "{rule:?}");
    }
}

#[test]
fn without_a_critical_probe_all_of_them_count() {
    let mut app = application();
    for probe in &mut app.regions[0].probes {
        probe.critical = false;
    }
    let mut watch = Watch::with(app);
    watch.both(&Success, &Success);
    assert_eq!(watch.says(), (Opinion::Unknown, VoteReason::NoEvidence));
    let now = watch.now;
    watch.vantage.observe(
        Mono(now + 20),
        &sample(region_target(FROM, "blog"), now, Success),
    );
    watch.now += 20;
    assert_eq!(watch.says(), (Opinion::Up, VoteReason::Probes));
}

#[test]
fn sheets_are_numbered_and_dated() {
    let mut watch = Watch::new();
    let first = watch.vantage.vote_sheet(Mono(5));
    let second = watch.vantage.vote_sheet(Mono(6));
    assert_eq!((first.sequence, first.sent_at), (1, Mono(5)));
    assert_eq!((second.sequence, second.sent_at), (2, Mono(6)));
    assert_eq!(second.votes.len(), 2);
}

/// What may happen to a vantage.
#[derive(Clone, Debug)]
enum Happening {
    Sample { target: u8, outcome: u8, took: u64 },
    Pause(u64),
    Tilt,
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        20 => (0u8..5, prop_oneof![3 => Just(1u8), 1 => Just(0u8), 1 => Just(2u8)], 1u64..3_000)
            .prop_map(|(target, outcome, took)| Happening::Sample { target, outcome, took }),
        3 => (1u64..20_000).prop_map(Happening::Pause),
        1 => Just(Happening::Tilt),
    ]
}

fn target(index: u8) -> Target {
    match index {
        0 => region_target(FROM, "web"),
        1 => region_target(FROM, "api"),
        2 => region_target(FROM, "blog"),
        3 => Target::Reference("r1".into()),
        _ => Target::Reference("r2".into()),
    }
}

fn outcome(index: u8) -> SampleOutcome {
    match index {
        0 => Success,
        1 => failure(),
        _ => could_not_ask(),
    }
}

/// What a careful person would write down beside the vantage: per target, the samples that counted.
#[derive(Default)]
struct Notebook(Vec<Vec<(u64, u64, u8)>>);

impl Notebook {
    fn failures_since_last_success(&self, target: usize) -> Vec<(u64, u64)> {
        self.0[target]
            .iter()
            .rev()
            .filter(|(_, _, outcome)| *outcome != 2)
            .take_while(|(_, _, outcome)| *outcome == 1)
            .map(|(started, ended, _)| (*started, *ended))
            .collect::<Vec<_>>()
            .into_iter()
            .rev()
            .collect()
    }
}

proptest! {
    /// Whatever happens in whatever order, `down` is said only for cause.
    #[test]
    fn down_is_never_said_without_cause(story in proptest::collection::vec(happening(), 1..200)) {
        let mut watch = Watch::new();
        let mut notebook = Notebook(vec![Vec::new(); 5]);
        let mut tilt = None;
        for event in story {
            match event {
                Happening::Pause(length) => watch.now += length,
                Happening::Tilt => {
                    watch.vantage.tilt(Mono(watch.now));
                    tilt = Some(watch.now);
                    watch.now += 1;
                }
                Happening::Sample { target: index, outcome: kind, took } => {
                    let mut taken = sample(target(index), watch.now, outcome(kind));
                    taken.ended = Mono(watch.now + took);
                    watch.now += took;
                    prop_assert!(watch.vantage.observe(Mono(watch.now), &taken));
                    notebook.0[index as usize].push((taken.started.0, taken.ended.0, kind));
                }
            }
            let vote = watch.vote();
            let references: Vec<_> = notebook.0[3..].iter().flatten().collect();
            if vote.opinion == Opinion::Down {
                let answered = references.iter().filter(|s| s.2 == 0).map(|s| s.1).max();
                for critical in [0, 1] {
                    let run = notebook.failures_since_last_success(critical);
                    prop_assert!(run.len() >= 3, "down on {run:?}");
                    prop_assert!(answered > Some(run[2].1), "no answer after {run:?}");
                    let newest = run[run.len() - 1].0;
                    prop_assert!(watch.now - newest <= 13_000, "down on stale evidence");
                    prop_assert!(tilt.is_none_or(|at| newest > at), "down on tilted evidence");
                    prop_assert!(vote.evidence_at.0 <= newest, "younger than its evidence");
                    prop_assert!(vote.failing_since <= Some(Mono(run[0].0)));
                }
                let some_answers = notebook.0[3..]
                    .iter()
                    .any(|of| of.last().is_none_or(|s| s.2 == 0 && watch.now - s.0 <= 13_000));
                prop_assert!(some_answers, "down while isolated");
            }
            if vote.opinion == Opinion::Up {
                for critical in [0, 1] {
                    let run = notebook.failures_since_last_success(critical);
                    prop_assert!(run.is_empty(), "up although {run:?}");
                }
            }
            if vote.opinion != Opinion::Unknown {
                prop_assert!(watch.now - vote.evidence_at.0 <= 13_000, "stale but not unknown");
            }
        }
    }

    /// Samples of different probes may arrive in any order: only each probe's own order counts.
    #[test]
    fn the_order_across_probes_does_not_matter(
        outcomes in proptest::collection::vec(proptest::collection::vec(0u8..3, 8), 5),
        shuffle in proptest::collection::vec(0usize..5, 40),
    ) {
        let end = Mono(2_000 * S);
        let taken = |index: usize, n: usize| {
            let started = 1_960 * S + n as u64 * 5 * S + index as u64 * 7;
            sample(target(index as u8), started, outcome(outcomes[index][n]))
        };
        let mut one = Watch::new();
        for n in 0..8 {
            for index in 0..5 {
                one.vantage.observe(end, &taken(index, n));
            }
        }
        let mut other = Watch::new();
        let mut next = [0; 5];
        let rest = (0..5).flat_map(|index| [index; 8]);
        for index in shuffle.into_iter().chain(rest) {
            if next[index] < 8 {
                other.vantage.observe(end, &taken(index, next[index]));
                next[index] += 1;
            }
        }
        prop_assert_eq!(one.vantage.vote_sheet(end), other.vantage.vote_sheet(end));
    }

    /// One success anywhere among the critical probes ends a `down`.
    #[test]
    fn one_success_resets(failures in 3usize..12, which in 0u8..2) {
        let mut watch = Watch::new();
        for _ in 0..failures {
            watch.both(&failure(), &Success);
        }
        prop_assert_eq!(watch.says().0, Opinion::Down);
        watch.round(&[(target(which), Success)]);
        prop_assert_eq!(watch.says().0, Opinion::Suspect);
    }

    /// Silence is never an opinion.
    #[test]
    fn silence_becomes_unknown(failures in 0usize..6, silence in 13_100u64..1_000_000) {
        let mut watch = Watch::new();
        watch.both(&Success, &Success);
        for _ in 0..failures {
            watch.both(&failure(), &Success);
        }
        watch.now += silence;
        prop_assert_eq!(watch.says(), (Opinion::Unknown, VoteReason::StaleEvidence));
    }
}
