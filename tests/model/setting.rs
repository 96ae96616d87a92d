//! What is failed over, by whom, and the length of everything.
//!
//! `shop` serves from `eu-west-1` (`m1` lives there), its standby is `eu-central-1` (`m2`),
//! and `eu-north-1` is the witness (`m3`). Time passes in rounds of five seconds. All
//! lengths are chosen so that what matters falls between two rounds or on one:
//!
//! ```text
//!  round      k-1        k         k+1        k+2
//!   sampled    ·│       ·│        ·│         ·│      a second before each round
//!   vote        ├─ fresh ┼─ fresh ─┤ stale             freshness 8 s
//!   down        ├────────┤ acts                        hold-down 5 s
//!   proof       ┤ gone with the round                  half of a lease of 1 s
//!   request     ├─ lands ┼─ lands ─┤ never             call timeout 9 s
//!   new leader  ├────────┼─────────┤ may write         lease + call timeout
//! ```

use std::collections::{BTreeMap, BTreeSet};

use failoverd::controller::{Controller, Setup};
use failoverd::model::{
    ActionSpec, AppId, AppRegion, AppResources, Application, Automation, AwsAccess, BootId, Check,
    Command, CommandBody, ConfigHash, DataLossApproval, DetectionPolicy, GuardPolicy, LagSample,
    Member, MemberId, Millis, Mono, Now, Objective, OnFailure, Probe, PromoteMethod, RegionId,
    RegionResources, Role, RunKind, Runbook, RunbookStep, Side, SingleVantage, State, StepId, Wall,
};
use failoverd::run::{Timing, apply};

use crate::bugs::Bug;

pub const FROM: &str = "eu-west-1";
pub const TO: &str = "eu-central-1";
const WITNESS: &str = "eu-north-1";

/// How many members there are.
pub const MEMBERS: usize = 3;

/// The member at home in the Region that is lost.
pub const INSIDE: usize = 0;

/// Between two rounds.
pub const ROUND: Millis = Millis::from_secs(5);

/// The samples of a round are taken so long before it.
pub const SAMPLED_BEFORE: Millis = Millis(900);

/// Rounds after which a vote is no longer fresh: `FRESHNESS` in rounds.
pub const FRESH_ROUNDS: u32 = 1;

const FRESHNESS: Millis = Millis::from_secs(8);

/// A request that was sent in one round has landed, or never will, this many rounds later.
pub const REQUEST_ROUNDS: u32 = 2;

pub const TIMING: Timing = Timing {
    poll: Millis::from_secs(1),
    call_timeout: Millis::from_secs(9),
    lease: Millis::from_secs(1),
    // Nothing drifts here: the looks after a run would only multiply the states.
    soak_poll: Millis::from_mins(600),
    steady_poll: Millis::from_mins(600),
};

/// The clocks of the members have nothing to do with each other: whoever takes one for the other is
/// found out.
const CLOCKS: [u64; MEMBERS] = [100_000_000, 900_000_000, 400_000_000];

/// Dates stand still, but for one leap: they only tell timeouts of steps, which are all over after it.
const DATE: Wall = Wall(1_800_000_000_000);
const LEAP: Millis = Millis::from_mins(60);

/// Longer than any story here, shorter than the leap.
const STEP_TIMEOUT: Millis = Millis::from_mins(30);

/// Both clocks of that member, so long before that round.
pub fn clocks(member: usize, round: u32, before: Millis, leapt: bool) -> Now {
    let mono = Mono(CLOCKS[member]) + ROUND.times(u64::from(round));
    Now {
        mono: mono - before,
        wall: date(leapt),
    }
}

pub fn date(leapt: bool) -> Wall {
    if leapt { DATE + LEAP } else { DATE }
}

pub fn shop() -> AppId {
    "shop".into()
}

pub fn member(index: usize) -> MemberId {
    MemberId(format!("m{}", index + 1))
}

/// The life of a member, told apart from every other of anybody.
pub fn boot(index: usize, life: u32) -> BootId {
    BootId(100 * (index as u64 + 1) + u64::from(life))
}

fn members() -> Vec<Member> {
    [FROM, TO, WITNESS]
        .into_iter()
        .enumerate()
        .map(|(index, region)| Member {
            id: member(index),
            region: region.into(),
        })
        .collect()
}

fn probe(id: &str) -> Probe {
    Probe {
        id: id.into(),
        check: Check::Tcp {
            address: "192.0.2.1:443".to_owned(),
        },
        interval: ROUND,
        timeout: Millis::from_secs(1),
        fall: 1,
        rise: 1,
        critical: true,
        weight: 1,
    }
}

fn region(name: &str, role: Role) -> AppRegion {
    AppRegion {
        name: name.into(),
        role,
        cold: false,
        share: None,
        peaks: BTreeMap::new(),
        probes: vec![probe("web")],
        standby_probes: BTreeSet::new(),
        resources: RegionResources {
            db_cluster_arn: Some(format!("cluster/{name}")),
            endpoint_group_arn: Some(format!("group/{name}")),
            ..RegionResources::default()
        },
        vars: BTreeMap::new(),
    }
}

fn application(bug: Option<Bug>) -> Application {
    Application {
        name: shop(),
        config: ConfigHash::from("c0ffee"),
        automation: Automation::Automatic,
        regions: vec![region(FROM, Role::Active), region(TO, Role::Standby)],
        home: FROM.into(),
        detection: DetectionPolicy {
            // So that each round has a whole sheet: one goes out with the first sample, one after
            // the last.
            gossip: Millis(500),
            ..DetectionPolicy::default()
        },
        guards: GuardPolicy {
            freshness: FRESHNESS,
            hold_down: ROUND,
            startup_grace: ROUND,
            soak: Millis::ZERO,
            single_vantage: match bug {
                Some(Bug::Alone) => SingleVantage::Allow,
                _ => SingleVantage::Refuse,
            },
            ..GuardPolicy::default()
        },
        runbooks: BTreeMap::from([(RunKind::Failover, "move".to_owned())]),
        resources: AppResources {
            global_cluster: Some("shop-global".to_owned()),
            ..AppResources::default()
        },
        aws: AwsAccess::default(),
        vars: BTreeMap::new(),
    }
}

/// Raises the standby's dial, which can be given back; promotes, which cannot; and lowers the old
/// dial where the bound has room for a third write.
fn runbook(lowers: bool) -> Runbook {
    let step = |id: &str, action: ActionSpec, needs: &[&str]| RunbookStep {
        id: id.into(),
        action,
        needs: needs.iter().map(|need| StepId::from(*need)).collect(),
        timeout: STEP_TIMEOUT,
        on_failure: OnFailure::Hold,
        run_if: None,
        or_else: None,
        ramp: None,
    };
    let dial = |region, percent| ActionSpec::Dial { region, percent };
    let mut steps = vec![
        step("raise", dial(Side::To, 100), &[]),
        step(
            "promote",
            ActionSpec::AuroraPromote {
                region: Side::To,
                graceful: PromoteMethod::Switchover,
                ungraceful: PromoteMethod::Failover,
                switchover_timeout: Millis::from_mins(1),
            },
            &["raise"],
        ),
    ];
    if lowers {
        steps.push(step("lower", dial(Side::From, 0), &["promote"]));
    }
    Runbook {
        name: "move".to_owned(),
        description: String::new(),
        kinds: BTreeSet::from([RunKind::Failover]),
        objective: Objective::default(),
        steps,
        traffic_before_data: Some("a step that can be given back must come first".to_owned()),
    }
}

/// A member that starts now.
pub fn controller(index: usize, life: u32, now: Now, lowers: bool, bug: Option<Bug>) -> Controller {
    let everybody = members();
    let setup = Setup {
        me: member(index),
        boot: boot(index, life),
        members: match bug {
            Some(Bug::Alone) => vec![everybody[index].clone()],
            _ => everybody,
        },
        hosted: vec![member(index)],
        applications: vec![application(bug)],
        references: vec![probe("reference")],
        runbooks: BTreeMap::from([("move".to_owned(), runbook(lowers))]),
        windows: Vec::new(),
        timing: TIMING,
        data_loss_approval: DataLossApproval::Anyone,
    };
    Controller::new(setup, now)
}

/// The replicated state at the beginning: the replication lag has been recorded.
pub fn state() -> State {
    let mut state = State::default();
    let samples = vec![LagSample {
        at: DATE - Millis::from_mins(1),
        lag: Millis(500),
    }];
    let command = Command {
        at: DATE,
        body: CommandBody::RecordLag {
            app: shop(),
            region: RegionId::from(TO),
            samples,
        },
    };
    apply(&mut state, &command).expect("a lag sample is always taken in");
    state
}
