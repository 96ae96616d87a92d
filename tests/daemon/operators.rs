//! What operators ask of three members: these run in this process, because what is looked at is the
//! answers of their handles, but on the files, ports and certificates of real daemons.

use std::sync::Arc;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use failoverd::config::{self, Config};
use failoverd::controller::{PlanAsk, Planned, RequestId, RunRequest, Started};
use failoverd::daemon::clock::WorldClock;
use failoverd::daemon::snapshot::Snapshot;
use failoverd::daemon::{AskFailed, Node, NodeHandle, NodeOptions};
use failoverd::model::{
    AppId, CommandBody, DataLossGrant, HoldReason, Phase, PlanHash, RegionId, Rejection, Run,
    RunId, RunKind, RunStatus, StepId, StepStatus,
};

use super::stage::{HOME, STANDBY};
use super::trio::{THREE, Trio};
use super::wait::{self, PATIENCE};

/// Three members and the world they watch.
pub struct Cast {
    pub trio: Trio,
    nodes: Vec<Node>,
}

pub fn app() -> AppId {
    AppId::from("shop")
}

impl Cast {
    /// All three run and know all that a plan needs.
    pub async fn steady(edits: &[(&str, &str)]) -> Self {
        let trio = Trio::furnished().await;
        let mut nodes = Vec::new();
        for index in THREE {
            for (from, to) in edits {
                trio.edit(index, from, to);
            }
            nodes.push(start(&trio, index).await);
        }
        let cast = Self { trio, nodes };
        for index in THREE {
            cast.sees(index, "it is steady", |snapshot| {
                let known = snapshot.state.apps.get(&app());
                let view = snapshot.views.get(&app());
                let lag = known.is_some_and(|known| known.lag.contains_key(&region(STANDBY)));
                let sizes = known.is_some_and(|known| known.capacity.len() == 2);
                let steady = view.is_some_and(|view| view.phase == Phase::Steady);
                // Everybody's votes on both Regions.
                lag && sizes && steady && snapshot.votes.len() == 6
            })
            .await;
        }
        cast
    }

    pub fn handle(&self, index: usize) -> NodeHandle {
        self.nodes[index].handle()
    }

    /// Waits until a member shows that.
    pub async fn sees(&self, index: usize, what: &str, is: impl Fn(&Snapshot) -> bool) {
        let mut snapshots = self.handle(index).snapshots();
        let seen = tokio::time::timeout(PATIENCE, snapshots.wait_for(|seen| is(seen)))
            .await
            .is_ok();
        let last = Arc::clone(&self.handle(index).snapshots().borrow());
        assert!(
            seen,
            "{what}: it never was\n{:#?}\n{:#?}",
            last.views, last.state
        );
    }

    /// The leader, and one that follows.
    pub async fn ranks(&self) -> (usize, usize) {
        let found = wait::for_some(PATIENCE, async || {
            let leads = |index: &usize| self.handle(*index).snapshots().borrow().leads;
            THREE.into_iter().find(leads)
        })
        .await;
        let leader = found.expect("somebody leads");
        (leader, (leader + 1) % THREE.len())
    }

    async fn plan(&self, index: usize, ask: PlanAsk) -> Result<Planned, AskFailed> {
        self.handle(index).plan(ask).await
    }

    async fn start(&self, index: usize, request: RunRequest) -> Result<Started, AskFailed> {
        self.handle(index).start(request).await
    }

    fn run(&self, index: usize, id: &RunId) -> Run {
        self.handle(index).snapshots().borrow().state.runs[id].clone()
    }

    pub async fn strike(self) {
        for node in self.nodes {
            node.shutdown().await;
        }
        self.trio.stage.strike().await;
    }
}

fn region(name: &str) -> RegionId {
    RegionId::from(name)
}

async fn start(trio: &Trio, index: usize) -> Node {
    let loaded = config::load(trio.config(index), std::iter::empty()).expect("it is valid");
    let config: Config = loaded.config;
    let mut options = NodeOptions::production(config, Arc::new(WorldClock::real()));
    // The sandbox reads whose a signature is, and does not check it.
    let credentials = Credentials::new(trio.seat(index).access_key(), "test", None, None, "test");
    options.aws.credentials = Some(SharedCredentialsProvider::new(credentials));
    Node::start(options).await.expect("it starts")
}

fn ask(kind: RunKind, by: &str, allow_data_loss: bool) -> PlanAsk {
    PlanAsk {
        from: None,
        app: app(),
        kind,
        to: None,
        by: by.to_owned(),
        allow_data_loss,
    }
}

fn request(kind: RunKind, by: &str, plan_hash: Option<PlanHash>) -> RunRequest {
    RunRequest {
        from: None,
        app: app(),
        kind,
        to: None,
        by: by.to_owned(),
        reason: "a test".to_owned(),
        allow_data_loss: kind == RunKind::Failover,
        evacuation: None,
        drill: None,
        plan_hash,
        id: RequestId::default(),
    }
}

/// Who was first, as the second is told.
fn first_of(refused: &AskFailed) -> &str {
    match refused {
        AskFailed::Declined(reasons) => match &reasons[..] {
            [HoldReason::RunOpen { by, since, .. }] if since.is_some() => by,
            [HoldReason::BeingPlanned { by, .. }] => by,
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_is_looked_at_and_one_of_two_who_ask_gets_it() {
    let mut cast = Cast::steady(&[]).await;
    let (leader, follower) = cast.ranks().await;
    let planned = cast.plan(follower, ask(RunKind::Switchover, "ada", false));
    let planned = planned.await.expect("the leader answers");
    assert_eq!(planned.refused, []);
    assert!(planned.lag.is_some());
    let plan = planned.plan.expect("one can be made");
    assert_eq!((plan.from.as_str(), plan.to.as_str()), (HOME, STANDBY));
    // It is the same at the leader, and moments later.
    let again = cast.plan(leader, ask(RunKind::Switchover, "bob", false));
    let again = again.await.expect("it leads");
    assert_eq!(again.plan.expect("one can be made").hash, plan.hash);
    // What was looked at long ago is not followed, and what is unknown is unknown.
    let stale = PlanHash::from("0000");
    let asked = cast.start(
        follower,
        request(RunKind::Switchover, "ada", Some(stale.clone())),
    );
    let refused = asked.await.expect_err("another plan is made now");
    let changed = HoldReason::PlanChanged {
        expected: stale,
        made: plan.hash.clone(),
    };
    assert_eq!(refused, AskFailed::Declined(vec![changed]));
    assert!(
        refused.remedy().contains("failoverctl plan"),
        "{}",
        refused.remedy()
    );
    let mut elsewhere = ask(RunKind::Switchover, "ada", false);
    elsewhere.app = AppId::from("bazaar");
    let unknown = cast.plan(follower, elsewhere).await;
    assert_eq!(
        unknown,
        Err(AskFailed::NoSuchApplication {
            app: AppId::from("bazaar")
        })
    );
    cast.trio.stage.untouched();
    assert!(
        cast.handle(leader)
            .snapshots()
            .borrow()
            .state
            .runs
            .is_empty()
    );

    // Two at once, at two members.
    let wanted = |by| request(RunKind::Switchover, by, Some(plan.hash.clone()));
    let (at_leader, at_follower) = (cast.handle(leader), cast.handle(follower));
    let (one, other) = tokio::join!(
        at_leader.start(wanted("ada")),
        at_follower.start(wanted("bob"))
    );
    let (started, refused, first) = match (one, other) {
        (Ok(started), Err(refused)) => (started, refused, "ada"),
        (Err(refused), Ok(started)) => (started, refused, "bob"),
        other => panic!("{other:?}"),
    };
    assert_eq!(started.plan_hash, plan.hash);
    assert_eq!(first_of(&refused), first);
    // Whoever comes later is told the same, with the run's name.
    let third = cast.start(follower, wanted("eve")).await;
    let third = third.expect_err("a run is open");
    assert_eq!(first_of(&third), first);
    assert!(third.to_string().contains(started.run.as_str()), "{third}");
    cast.sees(follower, "the run is done", |snapshot| {
        let run = snapshot.state.runs.get(&started.run);
        run.is_some_and(|run| run.status == RunStatus::Completed)
    })
    .await;
    assert_eq!(cast.trio.stage.world.writers_now(), [region(STANDBY)]);

    // With two of three gone nobody leads: nothing is done, and that is certain.
    let last = cast.nodes.pop().expect("there are three");
    for node in cast.nodes.drain(..) {
        node.shutdown().await;
    }
    let alone = last.handle();
    let lost = wait::for_some(PATIENCE, async || {
        match alone.start(request(RunKind::Failback, "ada", None)).await {
            Err(AskFailed::NoLeader { .. }) => Some(()),
            // It has not noticed yet.
            Err(AskFailed::Unknown { .. } | AskFailed::Declined(_)) => None,
            other => panic!("{other:?}"),
        }
    })
    .await;
    assert!(lost.is_some(), "it never noticed");
    last.shutdown().await;
    cast.strike().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asked_for_a_loss_of_data_cannot_approve_it_at_any_member() {
    let cast = Cast::steady(&[(
        "[guards]\n",
        "[auth]\ndata_loss_approval = \"other_person\"\n\n[guards]\nrpo_max = \"0s\"\n",
    )])
    .await;
    let (leader, follower) = cast.ranks().await;
    let unasked = cast.plan(follower, ask(RunKind::Failover, "ada", false));
    let unasked = unasked.await.expect("the leader answers");
    assert!(
        matches!(&unasked.refused[..], [HoldReason::LagTooHigh { .. }]),
        "{:?}",
        unasked.refused
    );
    let planned = cast.plan(follower, ask(RunKind::Failover, "ada", true));
    let plan = planned.await.expect("the leader answers").plan;
    let plan = plan.expect("one can be made");
    assert_eq!(
        plan.data_loss,
        Some(DataLossGrant::AskedBy("ada".to_owned()))
    );

    let started = cast.start(follower, request(RunKind::Failover, "ada", Some(plan.hash)));
    let started = started.await.expect("it is opened");
    let promote = plan
        .steps
        .iter()
        .find(|step| step.intent.is_data_step())
        .map(|step| step.id.clone())
        .expect("it moves data");
    let waits = |snapshot: &Snapshot, id: &RunId, step: &StepId| {
        let run = snapshot.state.runs.get(id);
        run.is_some_and(|run| run.steps[step].status == StepStatus::AwaitingApproval)
    };
    for index in [leader, follower] {
        cast.sees(index, "it waits", |s| waits(s, &started.run, &promote))
            .await;
    }
    let approve = |by: &str| CommandBody::Approve {
        run: started.run.clone(),
        step: promote.clone(),
        by: by.to_owned(),
        granted: true,
        reason: None,
    };
    for index in [leader, follower] {
        for name in ["ada", "ADA "] {
            let answer = cast
                .handle(index)
                .command(approve(name))
                .await
                .expect("it answers");
            assert!(
                matches!(&answer, Err(Rejection::NeedsOtherPerson { by, .. }) if by == "ada"),
                "{answer:?}"
            );
        }
    }
    // What waits for nobody is done meanwhile, and the data stays.
    let first: Vec<StepId> = plan
        .steps
        .iter()
        .filter(|step| step.needs.is_empty() && step.id != promote)
        .map(|step| step.id.clone())
        .collect();
    assert!(!first.is_empty());
    cast.sees(leader, "the rest is done", |snapshot| {
        let run = &snapshot.state.runs[&started.run];
        first.iter().all(|id| run.steps[id].status.is_at_rest())
    })
    .await;
    assert_eq!(cast.run(leader, &started.run).steps[&promote].attempts, 0);
    assert_eq!(cast.trio.stage.received("FailoverGlobalCluster"), 0);

    let answer = cast.handle(follower).command(approve("bob")).await;
    answer.expect("it answers").expect("it is taken");
    cast.sees(follower, "the run is done", |snapshot| {
        let run = snapshot.state.runs.get(&started.run);
        run.is_some_and(|run| run.status == RunStatus::Completed)
    })
    .await;
    let run = cast.run(follower, &started.run);
    assert_eq!(run.steps[&promote].approved_by.as_deref(), Some("bob"));
    assert_eq!(cast.trio.stage.world.writers_now(), [region(STANDBY)]);
    assert!(!cast.trio.stage.world.ever_two_writers());
    cast.strike().await;
}
