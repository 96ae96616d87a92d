use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::model::fixtures::*;
use crate::model::*;

use super::*;

mod shares;

const S: u64 = 1_000;

/// What there is to decide upon; every part may be changed before [`World::decide`].
#[derive(Clone)]
struct World {
    app: Application,
    members: Vec<Member>,
    matrix: Matrix,
    verdicts: Verdicts,
    state: State,
    now: Now,
    started_at: Mono,
    kind: RunKind,
    origin: GuardOrigin,
    data_step: bool,
    /// What else it changes.
    touches: Touches,
    windows: Vec<AutomationWindow>,
    /// By default just looked, and nothing found.
    readiness: Option<HeldReadiness>,
    sequence: u64,
}

/// A look at that moment, of those that are repeated every five minutes.
fn looked(at: Mono, findings: Vec<ReadinessFinding>) -> HeldReadiness {
    HeldReadiness {
        report: ReadinessReport::new("shop".into(), "m2".into(), Wall(0), findings),
        active: FROM.into(),
        looked_at: at,
        interval: Millis::from_mins(5),
    }
}

fn finding(level: ReadinessLevel, region: Option<&str>) -> ReadinessFinding {
    ReadinessFinding {
        code: ReadinessCode::DatabaseInstances,
        level,
        region: region.map(RegionId::from),
        subject: "shop-eu-central-1".to_owned(),
        text: "the cluster has no instance".to_owned(),
        remedy: Some("add an instance to it".to_owned()),
    }
}

impl World {
    fn new() -> Self {
        Self {
            app: application(),
            members: members(),
            matrix: Matrix::new(),
            verdicts: Verdicts::new(),
            state: State::default(),
            now: Now {
                mono: Mono(10_000 * S),
                wall: Wall(1_800_000_000 * S),
            },
            started_at: Mono(1_000 * S),
            kind: RunKind::Failover,
            origin: GuardOrigin::Automatic,
            data_step: true,
            touches: Touches::default(),
            windows: Vec::new(),
            readiness: Some(looked(Mono(10_000 * S), Vec::new())),
            sequence: 0,
        }
    }

    /// The active Region lost, seen by both outside members for 31 s, the standby well, the lag
    /// known: everything agrees.
    fn agreed() -> Self {
        let mut world = Self::new();
        world.record_lag(&[(120, 800), (60, 900), (30, 700)]);
        for _ in 0..=31 {
            world.vote("m1", Opinion::Unknown, Opinion::Up);
            world.vote("m2", Opinion::Down, Opinion::Up);
            world.vote("m3", Opinion::Down, Opinion::Up);
            world.judge();
            world.pass(S);
        }
        world
    }

    fn pass(&mut self, ms: u64) {
        self.now.mono = self.now.mono + Millis(ms);
        self.now.wall = self.now.wall + Millis(ms);
    }

    /// Lag samples: how many seconds before now, how many milliseconds behind.
    fn record_lag(&mut self, samples: &[(u64, u64)]) {
        let samples = samples.iter().map(|(ago, lag)| LagSample {
            at: self.now.wall - Millis::from_secs(*ago),
            lag: Millis(*lag),
        });
        let samples = samples.collect();
        self.app_state().lag.insert(TO.into(), samples);
    }

    fn app_state(&mut self) -> &mut AppState {
        self.state.apps.entry("shop".into()).or_default()
    }

    fn cast(&self, region: &str, opinion: Opinion) -> Vote {
        let up = match opinion {
            Opinion::Up => Some(true),
            Opinion::Down => Some(false),
            Opinion::Suspect | Opinion::Unknown => None,
        };
        let state = |id: &str| ProbeState {
            probe: id.into(),
            critical: true,
            up,
            failures_in_row: 0,
            successes_in_row: 0,
            last_failure: None,
            last_sample_at: None,
        };
        let evidence_at = self.now.mono - Millis(2 * S);
        Vote {
            app: "shop".into(),
            region: region.into(),
            opinion,
            reason: VoteReason::Probes,
            evidence_at,
            failing_since: (opinion == Opinion::Down).then(|| evidence_at - Millis(10 * S)),
            config: self.app.config.clone(),
            probes: vec![state("web"), state("api")],
        }
    }

    fn sheet(&mut self, member: &str, votes: Vec<Vote>) -> VoteSheet {
        self.sequence += 1;
        VoteSheet {
            member: member.into(),
            boot: BootId(1),
            sequence: self.sequence,
            sent_at: self.now.mono,
            aws_reachable: None,
            votes,
        }
    }

    /// What that member thinks of the active Region and of the standby.
    fn vote(&mut self, member: &str, from: Opinion, to: Opinion) {
        let votes = vec![self.cast(FROM, from), self.cast(TO, to)];
        let sheet = self.sheet(member, votes);
        assert!(self.matrix.hold(&sheet));
    }

    fn judge(&mut self) {
        for region in [FROM, TO] {
            let judgement = judge(
                self.now.mono,
                &self.matrix,
                &self.members,
                &self.app,
                &region.into(),
            );
            let freshness = self.app.guards.freshness;
            self.verdicts
                .observe(self.now.mono, &self.app.name, freshness, judgement);
        }
    }

    fn verdict(&self, region: &str) -> Verdict {
        self.verdicts
            .get(&self.app.name, &region.into())
            .cloned()
            .unwrap()
    }

    fn with_context<T>(&self, look: impl FnOnce(&GuardContext<'_>) -> T) -> T {
        let verdicts = self.verdicts.of(&self.app.name);
        let from = RegionId::from(FROM);
        let to = choose_target(&self.app, &self.state, &verdicts, &from);
        look(&GuardContext {
            now: self.now,
            started_at: self.started_at,
            app: &self.app,
            members: &self.members,
            matrix: &self.matrix,
            verdicts: &verdicts,
            state: &self.state,
            ledger_fault: None,
            kind: self.kind,
            from: &from,
            windows: &self.windows,
            to: to.as_ref(),
            origin: self.origin.clone(),
            touches: Touches {
                database: self.data_step,
                ..self.touches
            },
            readiness: self.readiness.as_ref(),
        })
    }

    fn rulings(&self) -> BTreeMap<Guard, Ruling> {
        let rulings = self.with_context(evaluate);
        let order: Vec<Guard> = rulings.iter().map(|r| r.guard).collect();
        assert_eq!(order, Guard::ALL);
        rulings.into_iter().map(|r| (r.guard, r.ruling)).collect()
    }

    fn ruling(&self, guard: Guard) -> Ruling {
        self.rulings().remove(&guard).unwrap()
    }

    fn decide(&self) -> Decision {
        self.with_context(|ctx| decide(&evaluate(ctx), ctx.from, ctx.to))
    }

    fn acts(&self) -> bool {
        match self.decide() {
            Decision::Act { .. } => true,
            Decision::Hold(_) | Decision::Ask { .. } => false,
        }
    }

    /// The codes of what stands in the way.
    fn held_by(&self) -> Vec<&'static str> {
        match self.decide() {
            Decision::Act { .. } => Vec::new(),
            Decision::Hold(reasons) | Decision::Ask { reasons, .. } => {
                reasons.iter().map(HoldReason::code).collect()
            }
        }
    }

    fn by_operator(mut self, kind: RunKind, allow_data_loss: bool) -> Self {
        self.kind = kind;
        self.origin = GuardOrigin::Operator {
            name: "ada".into(),
            allow_data_loss,
        };
        self
    }
}

#[test]
fn when_everything_agrees_it_acts() {
    let world = World::agreed();
    assert_eq!(
        world.decide(),
        Decision::Act {
            from: FROM.into(),
            to: TO.into()
        }
    );
    assert!(world.rulings().values().all(|r| *r == Ruling::Pass));
    let verdict = world.verdict(FROM);
    assert_eq!(verdict.state, VerdictState::Down);
    assert_eq!(verdict.tally.inside, vec![MemberId::from("m1")]);
    assert_eq!(
        world.with_context(data_loss_grant),
        Some(DataLossGrant::WithinRpo {
            lag: Millis(900),
            rpo_max: Millis(10 * S)
        })
    );
}

#[test]
fn a_majority_is_of_the_configured_members() {
    for (members, needed) in [(1, 1), (2, 2), (3, 2), (4, 3), (5, 3)] {
        assert_eq!(majority(members), needed);
    }
    let mut world = World::agreed();
    world.members.push(Member {
        id: "m4".into(),
        region: "us-east-1".into(),
    });
    world.judge();
    assert_eq!(world.verdict(FROM).state, VerdictState::Suspect);
    assert_eq!(
        world.ruling(Guard::Quorum),
        Ruling::Hold(HoldReason::NoQuorum {
            down: 2,
            needed: 3,
            members: 4
        })
    );
    assert!(matches!(
        world.ruling(Guard::Freshness),
        Ruling::Hold(HoldReason::StaleVotes { .. })
    ));
}

#[test]
fn one_outside_voice_vetoes_unless_the_majority_may_outvote_it() {
    let mut world = World::agreed();
    for id in ["m4", "m5"] {
        world.members.push(Member {
            id: id.into(),
            region: WITNESS.into(),
        });
    }
    world.vote("m4", Opinion::Down, Opinion::Up);
    world.vote("m5", Opinion::Up, Opinion::Up);
    world.judge();
    assert_eq!(world.verdict(FROM).state, VerdictState::Suspect);
    assert_eq!(world.held_by(), ["disagreement", "hold_down"]);

    world.app.guards.agreement = Agreement::Majority;
    world.judge();
    assert_eq!(world.verdict(FROM).state, VerdictState::Down);
    assert!(matches!(
        world.ruling(Guard::Agreement),
        Ruling::Warn(HoldReason::Disagreement { .. })
    ));
    assert_eq!(world.held_by(), ["hold_down"]);
}

#[test]
fn a_vote_under_another_configuration_is_seen_and_not_counted() {
    let mut world = World::agreed();
    let mut vote = world.cast(FROM, Opinion::Down);
    vote.config = ConfigHash("other".into());
    let sheet = world.sheet("m3", vec![vote]);
    world.matrix.hold(&sheet);
    world.judge();
    assert_eq!(
        world.verdict(FROM).tally.unusable,
        vec![(MemberId::from("m3"), Unusable::ConfigDiffers)]
    );
    let named = HoldReason::ConfigDiffers {
        members: vec!["m3".into()],
    };
    let Decision::Hold(reasons) = world.decide() else {
        panic!("it acts")
    };
    assert!(reasons.contains(&named), "{reasons:?}");
    assert!(!world.acts());
}

#[test]
fn the_hold_down_starts_again_whenever_the_verdict_wavers_or_nobody_looked() {
    let mut world = World::agreed();
    world.vote("m3", Opinion::Suspect, Opinion::Up);
    world.judge();
    world.vote("m3", Opinion::Down, Opinion::Up);
    world.judge();
    assert_eq!(world.held_by(), ["hold_down"]);

    let mut world = World::agreed();
    world.pass(16 * S);
    world.vote("m2", Opinion::Down, Opinion::Up);
    world.vote("m3", Opinion::Down, Opinion::Up);
    world.judge();
    assert_eq!(world.verdict(FROM).since, world.now.mono);

    let mut world = World::agreed();
    world.verdicts.interrupt(world.now.mono);
    assert_eq!(world.held_by(), ["hold_down"]);
}

#[test]
fn an_older_sheet_or_one_of_a_former_life_is_ignored() {
    let mut world = World::new();
    let down = vec![world.cast(FROM, Opinion::Down)];
    let up = vec![world.cast(FROM, Opinion::Up)];
    let old = world.sheet("m2", up);
    let new = world.sheet("m2", down);
    assert!(world.matrix.hold(&new));
    assert!(!world.matrix.hold(&old));
    assert!(!world.matrix.hold(&new));
    let mut reborn = new.clone();
    reborn.boot = BootId(2);
    reborn.sequence = 1;
    assert!(world.matrix.hold(&reborn));
    let mut late = new;
    late.sequence = 99;
    assert!(!world.matrix.hold(&late));
}

#[test]
fn evidence_that_this_host_cannot_date_is_not_dated_later_than_it_was() {
    let mut world = World::new();
    let mut vote = world.cast(FROM, Opinion::Down);
    vote.evidence_at = Mono(0);
    let sheet = world.sheet("m2", vec![vote]);
    // This host is 5 s old, the evidence 10 000 s.
    assert!(world.matrix.hold_remote(&sheet, Mono(5 * S)));
    assert_eq!(
        world
            .matrix
            .vote(&"m2".into(), &"shop".into(), &FROM.into()),
        None
    );
}

#[test]
fn one_vantage_alone_does_not_act_unless_told_to() {
    let mut world = World::agreed();
    world.members.retain(|m| m.id == MemberId::from("m3"));
    world.judge();
    assert_eq!(world.held_by(), ["single_vantage"]);
    world.app.guards.single_vantage = SingleVantage::Allow;
    assert!(world.acts());
}

#[test]
fn each_guard_holds_for_its_own_reason() {
    type Change = fn(&mut World);
    let cases: [(&str, Change); 10] = [
        ("startup_grace", |w| w.started_at = w.now.mono - Millis(S)),
        ("no_candidate", |w| {
            let now = w.now.wall;
            w.app_state().quarantined.insert(TO.into(), now);
        }),
        ("automation_paused", |w| {
            w.state.automation_paused = Some(AutomationPause {
                by: "ada".into(),
                reason: "maintenance".into(),
                since: w.now.wall,
                until: None,
            });
        }),
        ("ask_configured", |w| w.app.automation = Automation::Ask),
        ("run_open", |w| {
            w.app_state().open_run = Some("shop-1".into())
        }),
        ("cool_down", |w| {
            w.app_state().last_closed_at = Some(w.now.wall - Millis::from_mins(59));
        }),
        ("brake_latched", |w| w.app_state().brake_latched = true),
        ("brake_latched", |w| {
            let now = w.now.wall;
            w.app_state().automatic_runs = vec![now, now];
        }),
        ("lag_unknown", |w| w.app_state().lag.clear()),
        ("lag_too_high", |w| {
            w.record_lag(&[(150, 10_001), (90, 5), (60, 5)])
        }),
    ];
    for (code, change) in cases {
        let mut world = World::agreed();
        change(&mut world);
        assert_eq!(world.held_by(), [code]);
    }
}

#[test]
fn what_has_passed_no_longer_holds() {
    let mut world = World::agreed();
    let now = world.now.wall;
    let app = world.app_state();
    app.last_closed_at = Some(now - Millis::from_mins(60));
    app.automatic_runs = vec![now - BRAKE_WINDOW, now];
    app.automation_paused = Some(AutomationPause {
        by: "ada".into(),
        reason: "maintenance".into(),
        since: Wall(0),
        until: Some(now),
    });
    assert_eq!(world.held_by(), [""; 0]);
    let app = world.app_state();
    app.last_closed_at = Some(now);
    app.acknowledged = true;
    assert_eq!(world.held_by(), [""; 0]);
}

#[test]
fn both_regions_down_is_probably_us() {
    let mut world = World::agreed();
    for member in ["m1", "m3"] {
        world.vote(member, Opinion::Down, Opinion::Down);
    }
    world.judge();
    assert_eq!(world.held_by(), ["everything_down", "no_candidate"]);
    // A cold standby is not meant to answer.
    world.app.regions[1].cold = true;
    assert!(world.acts());
}

#[test]
fn of_several_serving_regions_most_must_not_be_lost_at_once() {
    let mut world = World::agreed();
    world.app.regions[1].role = Role::Active;
    assert!(world.acts(), "one of two is not more than half");
    world
        .app
        .regions
        .push(app_region("us-east-1", Role::Standby));
    for member in ["m1", "m3"] {
        world.vote(member, Opinion::Down, Opinion::Down);
    }
    world.judge();
    assert!(world.held_by().contains(&"everything_down"));
}

#[test]
fn the_standby_must_be_seen_up_by_a_majority() {
    let mut world = World::agreed();
    world.vote("m1", Opinion::Unknown, Opinion::Suspect);
    assert!(world.acts(), "two of three");
    world.vote("m3", Opinion::Down, Opinion::Suspect);
    assert_eq!(world.held_by(), ["target_not_ready"]);
    world.app.regions[1].standby_probes = ["blog".into()].into();
    assert_eq!(world.held_by(), ["target_not_ready"]);
    // Of a person's run too.
    let world = world.by_operator(RunKind::Failover, true);
    assert_eq!(world.held_by(), ["target_not_ready"]);
}

#[test]
fn the_lag_that_counts_is_the_one_from_before_the_loss() {
    // The Region was lost 12 s before the newest votes.
    let mut world = World::agreed();
    world.record_lag(&[(400, 99_000), (100, 1), (70, 2), (40, 3), (5, 99_000)]);
    assert_eq!(world.with_context(lag_before_loss), Ok(Millis(3)));
    let lost_ago = 13;
    world.record_lag(&[(lost_ago + 180, 7)]);
    assert_eq!(world.with_context(lag_before_loss), Ok(Millis(7)));
    world.record_lag(&[(lost_ago + 181, 7)]);
    assert_eq!(world.held_by(), ["lag_unknown"]);
    world.data_step = false;
    assert!(world.acts());
}

#[test]
fn an_operator_is_warned_where_automation_is_held() {
    let mut world = World::new();
    for member in ["m1", "m2", "m3"] {
        world.vote(member, Opinion::Up, Opinion::Up);
    }
    world.judge();
    world.app_state().last_closed_at = Some(world.now.wall);
    world.app.automation = Automation::Ask;

    let graceful = world.clone().by_operator(RunKind::Switchover, false);
    assert!(graceful.acts());
    let warned: Vec<Guard> = graceful
        .rulings()
        .into_iter()
        .filter(|(_, ruling)| *ruling != Ruling::Pass)
        .map(|(guard, _)| guard)
        .collect();
    assert_eq!(warned, [Guard::CoolDown]);
    assert_eq!(graceful.with_context(data_loss_grant), None);

    let asked = world.clone().by_operator(RunKind::Failover, false);
    assert_eq!(asked.held_by(), ["lag_unknown"]);
    assert_eq!(asked.with_context(data_loss_grant), None);
    let allowed = world.by_operator(RunKind::Failover, true);
    assert!(allowed.acts());
    assert!(matches!(allowed.ruling(Guard::DataGuard), Ruling::Warn(_)));
    assert!(matches!(allowed.ruling(Guard::Quorum), Ruling::Warn(_)));
    assert_eq!(
        allowed.with_context(data_loss_grant),
        Some(DataLossGrant::Operator("ada".into()))
    );
}

#[test]
fn a_graceful_run_does_not_leave_what_is_lost() {
    for kind in [RunKind::Switchover, RunKind::Failback] {
        let lost = World::agreed().by_operator(kind, true);
        let reason = HoldReason::SourceLost {
            region: FROM.into(),
            kind,
        };
        assert!(reason.remedy().contains("failoverctl failover"));
        assert_eq!(lost.ruling(Guard::Quorum), Ruling::Hold(reason));
        assert_eq!(lost.held_by(), ["source_lost"]);
    }
    assert!(World::agreed().by_operator(RunKind::Failover, false).acts());
}

/// Five members: one in the active Region, one in the standby, three outside both.
const FIVE: [(&str, &str); 5] = [
    ("m1", FROM),
    ("m2", TO),
    ("m3", WITNESS),
    ("m4", "us-east-1"),
    ("m5", "us-west-2"),
];

/// What one member said last: its opinions, how old, and under which configuration.
type Said = Option<(Opinion, Opinion, u64, bool)>;

fn opinion() -> impl Strategy<Value = Opinion> {
    prop_oneof![
        1 => Just(Opinion::Up),
        1 => Just(Opinion::Suspect),
        6 => Just(Opinion::Down),
        2 => Just(Opinion::Unknown),
    ]
}

fn standby_opinion() -> impl Strategy<Value = Opinion> {
    prop_oneof![9 => Just(Opinion::Up), 1 => Just(Opinion::Down)]
}

fn said() -> impl Strategy<Value = Said> {
    let age = prop_oneof![5 => 0u64..15_000, 1 => 15_001u64..60_000];
    let config = proptest::bool::weighted(0.95);
    proptest::option::weighted(0.9, (opinion(), standby_opinion(), age, config))
}

#[derive(Clone, Debug)]
struct Circumstances {
    said: Vec<Said>,
    confirmed_for: u64,
    up_for: u64,
    paused: bool,
    open: bool,
    cooling: bool,
    latched: bool,
    lag: Option<u64>,
    majority: bool,
}

fn circumstances() -> impl Strategy<Value = Circumstances> {
    let rarely = || proptest::bool::weighted(0.1);
    (
        proptest::collection::vec(said(), 5),
        prop_oneof![1 => 0u64..30_000, 5 => 30_000u64..90_000],
        prop_oneof![1 => 0u64..30_000, 5 => 30_000u64..90_000],
        rarely(),
        rarely(),
        rarely(),
        rarely(),
        proptest::option::weighted(0.9, prop_oneof![9 => 0u64..10_000, 1 => 10_001u64..99_000]),
        proptest::bool::ANY,
    )
        .prop_map(
            |(said, confirmed_for, up_for, paused, open, cooling, latched, lag, majority)| {
                Circumstances {
                    said,
                    confirmed_for,
                    up_for,
                    paused,
                    open,
                    cooling,
                    latched,
                    lag,
                    majority,
                }
            },
        )
}

impl Circumstances {
    fn world(&self) -> World {
        let mut world = World::new();
        world.members = FIVE
            .map(|(id, region)| Member {
                id: id.into(),
                region: region.into(),
            })
            .into();
        if self.majority {
            world.app.guards.agreement = Agreement::Majority;
        }
        if let Some(lag) = self.lag {
            world.record_lag(&[(90, lag)]);
        }
        let now = world.now;
        for ((id, _), said) in FIVE.iter().zip(&self.said) {
            let Some((from, to, age, same_config)) = *said else {
                continue;
            };
            let mut votes = vec![world.cast(FROM, from), world.cast(TO, to)];
            for vote in &mut votes {
                vote.evidence_at = now.mono - Millis(age);
                if !same_config {
                    vote.config = ConfigHash("other".into());
                }
            }
            let sheet = world.sheet(id, votes);
            world.matrix.hold(&sheet);
        }
        // The verdict is as it is now and has been so for long: looked at often enough in between.
        let confirmed_at = now.mono - Millis(self.confirmed_for);
        for region in [FROM, TO] {
            let present = judge(
                now.mono,
                &world.matrix,
                &world.members,
                &world.app,
                &region.into(),
            );
            let (app, fresh) = (world.app.name.clone(), Millis(u64::MAX));
            world
                .verdicts
                .observe(confirmed_at, &app, fresh, present.clone());
            world.verdicts.observe(now.mono, &app, fresh, present);
        }
        world.started_at = now.mono - Millis(self.up_for);
        let app = world.app_state();
        app.brake_latched = self.latched;
        app.open_run = self.open.then(|| "shop-7".into());
        app.last_closed_at = self.cooling.then_some(now.wall - Millis(1));
        app.automation_paused = self.paused.then(|| AutomationPause {
            by: "ada".into(),
            reason: "maintenance".into(),
            since: now.wall,
            until: None,
        });
        world
    }

    fn outside(&self) -> impl Iterator<Item = (Opinion, Opinion, u64, bool)> {
        self.said
            .iter()
            .zip(FIVE)
            .filter(|(_, (_, region))| *region != FROM)
            .filter_map(|(said, _)| *said)
            .filter(|(_, _, age, config)| *age <= 15_000 && *config)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_024))]

    /// To act takes everything at once, told here a second time in other words.
    #[test]
    fn to_act_everything_must_agree(c in circumstances()) {
        if c.world().acts() {
            let down = c.outside().filter(|said| said.0 == Opinion::Down).count();
            let veto = |o| match o {
                Opinion::Up | Opinion::Suspect => true,
                Opinion::Down | Opinion::Unknown => false,
            };
            prop_assert!(down >= 3, "only {down} of 5 saw it down");
            prop_assert!(c.majority || !c.outside().any(|said| veto(said.0)));
            prop_assert!(c.confirmed_for >= 30_000 && c.up_for >= 30_000);
            prop_assert!(!c.paused && !c.open && !c.cooling && !c.latched);
            prop_assert!(c.lag.is_some_and(|lag| lag <= 10_000));
        }
    }

    /// And when everything agrees, nothing else holds it back.
    #[test]
    fn when_everything_agrees_nothing_else_holds(mut c in circumstances()) {
        for said in &mut c.said {
            *said = Some((Opinion::Down, Opinion::Up, 1_000, true));
        }
        (c.confirmed_for, c.up_for, c.lag) = (30_000, 30_000, Some(10_000));
        (c.paused, c.open, c.cooling, c.latched) = (false, false, false, false);
        prop_assert!(c.world().acts(), "{:?}", c.world().held_by());
    }

    /// One more member that sees the Region up never makes it act.
    #[test]
    fn a_vote_for_up_never_helps_to_act(c in circumstances(), who in 0usize..5) {
        let mut after = c.clone();
        // What it thought of the standby stays worth what it was.
        let counted = after.said[who].filter(|said| said.2 <= 15_000 && said.3);
        let standby = counted.map_or(Opinion::Unknown, |said| said.1);
        after.said[who] = Some((Opinion::Up, standby, 0, true));
        prop_assert!(c.world().acts() || !after.world().acts());
    }

    /// Silence never agrees: taking away a vote never makes it act, unless that vote was a veto
    /// (which lasts only as long as it is fresh).
    #[test]
    fn silence_never_helps_to_act(c in circumstances(), who in 0usize..5) {
        let mut after = c.clone();
        let vetoed = after.said[who].is_some_and(|(from, to, _, _)| {
            matches!(from, Opinion::Up | Opinion::Suspect) || to == Opinion::Down
        });
        after.said[who] = None;
        prop_assert!(vetoed || c.world().acts() || !after.world().acts());
    }

    /// `unknown` counts for nothing: it is as silence.
    #[test]
    fn unknown_is_as_silence(c in circumstances(), who in 0usize..5) {
        let mut unknown = c.clone();
        unknown.said[who] = Some((Opinion::Unknown, Opinion::Unknown, 0, true));
        let mut silent = c;
        silent.said[who] = None;
        prop_assert_eq!(unknown.world().acts(), silent.world().acts());
    }

    /// A majority of the whole cannot be found on both sides of a cut.
    #[test]
    fn two_halves_never_both_act(c in circumstances(), cut in proptest::collection::vec(any::<bool>(), 5)) {
        let side = |keep: bool| {
            let mut half = c.clone();
            for (said, which) in half.said.iter_mut().zip(&cut) {
                if *which != keep {
                    *said = None;
                }
            }
            half.world().acts()
        };
        prop_assert!(!(side(true) && side(false)));
    }

    /// However long a sheet travels and however the clocks differ, evidence is never dated later
    /// than it was taken.
    #[test]
    fn remote_evidence_is_never_younger_than_it_was(
        skew in 0u64..1_000_000,
        challenged in 100_000u64..200_000,
        outbound in 0u64..5_000,
        age in 0u64..100_000,
    ) {
        // On our clock: challenged, then they send after `outbound`.
        let sent_ours = challenged + outbound;
        let mut world = World::new();
        let mut vote = world.cast(FROM, Opinion::Down);
        vote.evidence_at = Mono(sent_ours + skew - age);
        let mut sheet = world.sheet("m2", vec![vote]);
        sheet.sent_at = Mono(sent_ours + skew);
        world.matrix.hold_remote(&sheet, Mono(challenged));
        let held = world.matrix.vote(&"m2".into(), &"shop".into(), &FROM.into()).unwrap();
        prop_assert!(held.evidence_at.0 <= sent_ours - age);
        prop_assert_eq!(held.evidence_at.0, challenged - age);
    }
}

#[test]
fn a_planned_window_holds_automation_and_not_a_person() {
    let mut world = World::agreed();
    world.windows = vec![AutomationWindow {
        applications: ["shop".into()].into(),
        reason: "database upgrade".to_owned(),
        times: WindowTimes::Once {
            from: world.now.wall - Millis(S),
            until: world.now.wall + Millis(90 * S),
        },
    }];
    let held = world.ruling(Guard::Automation);
    let Ruling::Hold(reason) = held else {
        panic!("{held:?}")
    };
    assert_eq!(reason.code(), "planned_window");
    insta::assert_snapshot!(reason.to_string(), @"automation is held by a planned window for another 1m30s: database upgrade");
    world.origin = GuardOrigin::Operator {
        name: "ada".to_owned(),
        allow_data_loss: false,
    };
    assert!(matches!(world.ruling(Guard::Automation), Ruling::Warn(_)));
    world.origin = GuardOrigin::Automatic;
    world.windows[0].applications = ["blog".into()].into();
    assert_eq!(world.ruling(Guard::Automation), Ruling::Pass);
}

#[test]
fn a_region_that_is_being_evacuated_is_no_candidate() {
    let mut world = World::agreed();
    let id = EvacuationId::from("eu-central-1-1");
    let evacuation = Evacuation {
        id: id.clone(),
        region: TO.into(),
        by: "ada".to_owned(),
        reason: "power".to_owned(),
        parallel: 1,
        allow_data_loss: false,
        begun_at: Wall(0),
        status: EvacuationStatus::Running,
        applications: BTreeMap::new(),
    };
    world.state.evacuations.insert(id, evacuation);
    assert_eq!(
        world.decide(),
        Decision::Hold(vec![HoldReason::NoCandidate])
    );
}

#[test]
fn what_a_look_found_of_the_target_binds_everybody() {
    let mut world = World::agreed();
    let blocks = finding(ReadinessLevel::Blocking, Some(TO));
    world.readiness = Some(looked(world.now.mono, vec![blocks.clone()]));
    let held = Ruling::Hold(HoldReason::TargetFinding {
        region: TO.into(),
        finding: Box::new(blocks),
    });
    assert_eq!(world.ruling(Guard::TargetReady), held);
    assert_eq!(world.held_by(), ["target_finding"]);
    let Ruling::Hold(reason) = &held else {
        unreachable!("made above");
    };
    assert_eq!(
        reason.to_string(),
        "eu-central-1 is not ready: the cluster has no instance (database_instances); add an \
         instance to it"
    );
    for kind in [RunKind::Failover, RunKind::Switchover] {
        let mut asked = World::agreed().by_operator(kind, true);
        asked.readiness = world.readiness.clone();
        assert_eq!(asked.ruling(Guard::TargetReady), held, "{kind}");
    }
}

#[test]
fn what_is_not_about_the_target_holds_nothing() {
    let mut world = World::agreed();
    let others = vec![
        finding(ReadinessLevel::Blocking, Some(FROM)),
        finding(ReadinessLevel::Warning, Some(TO)),
        finding(ReadinessLevel::Unknown, Some(TO)),
    ];
    world.readiness = Some(looked(world.now.mono, others));
    assert_eq!(world.ruling(Guard::TargetReady), Ruling::Pass);
    assert!(world.acts());
}

#[test]
fn what_belongs_to_no_region_holds_the_run_that_touches_it() {
    let mut world = World::agreed();
    let mut disabled = finding(ReadinessLevel::Blocking, None);
    disabled.code = ReadinessCode::Accelerator;
    world.readiness = Some(looked(world.now.mono, vec![disabled]));
    assert_eq!(world.ruling(Guard::TargetReady), Ruling::Pass);
    world.touches.accelerator = true;
    assert_eq!(world.held_by(), ["target_finding"]);
}

#[test]
fn a_look_that_is_old_or_never_was_only_warns() {
    let mut world = World::agreed();
    let blocks = vec![finding(ReadinessLevel::Blocking, Some(TO))];
    let long_ago = Millis(15 * 60 * S + 1);
    for (readiness, age) in [
        (None, None),
        (
            Some(looked(world.now.mono - long_ago, blocks)),
            Some(long_ago),
        ),
    ] {
        world.readiness = readiness;
        let region = TO.into();
        let warning = Ruling::Warn(HoldReason::ReadinessStale { region, age });
        assert_eq!(world.ruling(Guard::TargetReady), warning);
        assert!(world.acts());
    }
}

#[test]
fn a_look_from_when_the_target_served_only_warns() {
    let mut world = World::agreed();
    let mut held = looked(world.now.mono, Vec::new());
    held.active = TO.into();
    world.readiness = Some(held);
    let warning = Ruling::Warn(HoldReason::ReadinessStale {
        region: TO.into(),
        age: Some(Millis::ZERO),
    });
    assert_eq!(world.ruling(Guard::TargetReady), warning);
    assert!(world.acts());
}

#[test]
fn a_cold_region_is_judged_by_what_a_look_found_alone() {
    let mut world = World::agreed();
    world.app.regions[1].cold = true;
    world.app.regions[1].probes.clear();
    assert_eq!(world.ruling(Guard::TargetReady), Ruling::Pass);
    let blocks = vec![finding(ReadinessLevel::Blocking, Some(TO))];
    world.readiness = Some(looked(world.now.mono, blocks));
    assert_eq!(world.held_by(), ["target_finding"]);
}
