//! Game days on three members: a rehearsal comes to a plan and asks AWS for nothing but answers, and
//! what happens in earnest goes first.

use failoverd::controller::DrillAsk;
use failoverd::model::{
    Drill, DrillId, DrillMode, DrillOutcome, Millis, Outlook, Phase, RunKind, RunStatus,
};

use super::operators::{Cast, app};
use super::stage::{HOME, STANDBY};
use super::wait::{self, PATIENCE};

fn asked() -> DrillAsk {
    DrillAsk {
        app: app(),
        mode: DrillMode::Rehearse,
        to: None,
        by: "ada".to_owned(),
        reason: "game day".to_owned(),
        max_duration: None,
        soak: None,
    }
}

impl Cast {
    /// Begins one, as soon as all is well.
    async fn begin(&self, index: usize) -> DrillId {
        let handle = self.handle(index);
        let mut last = None;
        let begun = wait::for_some(PATIENCE, async || match handle.begin_drill(asked()).await {
            Ok(drill) => Some(drill),
            Err(refused) => {
                last = Some(refused);
                None
            }
        })
        .await;
        begun.unwrap_or_else(|| panic!("none was begun: {last:?}"))
    }

    /// Waits until that one is over, as seen by a member.
    async fn over(&self, index: usize, id: &DrillId) -> Drill {
        self.sees(index, "the drill is over", |snapshot| {
            let drill = snapshot.state.drill(id);
            drill.is_some_and(|drill| drill.end.is_some())
        })
        .await;
        let snapshot = self.handle(index).snapshots().borrow().clone();
        let drill = snapshot.state.drill(id).cloned();
        drill.expect("it was there")
    }

    /// One that comes to its end. On a busy host a probe fails in earnest now and then, and then that
    /// goes first.
    async fn rehearsed(&self, index: usize) -> Drill {
        let done = wait::for_some(PATIENCE, async || {
            let id = self.begin(index).await;
            let drill = self.over(index, &id).await;
            let end = drill.end.as_ref().expect("it is over");
            let disturbed = end.outcome == DrillOutcome::Ended;
            assert!(
                !disturbed || end.report.summary.contains("goes first"),
                "{end:#?}"
            );
            (!disturbed).then_some(drill)
        });
        done.await.expect("one was not disturbed")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rehearsal_comes_to_a_plan_and_changes_nothing() {
    let cast = Cast::steady(&[]).await;
    let (leader, follower) = cast.ranks().await;
    let drill = cast.rehearsed(follower).await;
    let end = drill.end.as_ref().expect("it is over");
    assert_eq!(end.outcome, DrillOutcome::Passed, "{end:#?}");
    let report = &end.report;
    let plan = report.plan.as_ref().expect("a plan");
    assert_eq!((plan.from.as_str(), plan.to.as_str()), (HOME, STANDBY));
    assert_eq!(plan.kind, RunKind::Failover);
    assert_eq!(report.steps.len(), plan.steps.len());
    let outlook = |uses: &str| {
        let step = report.steps.iter().find(|step| step.uses == uses);
        step.unwrap_or_else(|| panic!("no {uses} in {:#?}", report.steps))
    };
    let promote = outlook("aurora.promote");
    assert_eq!(promote.outlook, Outlook::WouldWrite);
    assert!(promote.seen.is_some() && promote.obstacles.is_empty());
    let needed = &promote.permissions[0];
    assert!(
        needed.starts_with("rds:FailoverGlobalCluster on arn:aws:rds"),
        "{needed}"
    );
    assert_eq!(
        promote.control_plane,
        Some(format!("RDS in {STANDBY}")),
        "of the Region that is moved to"
    );
    // The way in is not asked before the move.
    assert_eq!(outlook("http.check").outlook, Outlook::NotAsked);
    // Three failures, half a second apart, and then the hold-down.
    let clocks = report.clocks;
    assert!(clocks.detect >= Some(Millis(900)), "{clocks:?}");
    assert!(clocks.decide >= Some(Millis(500)), "{clocks:?}");
    assert!(
        clocks.plan.is_some() && clocks.total > clocks.detect,
        "{clocks:?}"
    );

    // Everybody has it on record, and nobody was alarmed or asked to change anything.
    cast.sees(leader, "it is on record", |snapshot| {
        snapshot.state.drill(&drill.id) == Some(&drill)
    })
    .await;
    cast.trio.stage.untouched();
    for index in [leader, follower] {
        let snapshot = cast.handle(index).snapshots().borrow().clone();
        assert!(snapshot.state.runs.is_empty(), "{:#?}", snapshot.state.runs);
        let known = &snapshot.state.apps[&app()];
        assert_eq!((known.epoch.0, known.last_closed_at), (0, None));
    }

    // A second one has the first to compare with.
    let second = cast.rehearsed(leader).await;
    cast.sees(leader, "the second is on record", |snapshot| {
        let drills = &snapshot.state.drills[&app()];
        drills
            .before(&second)
            .is_some_and(|before| before.number < second.number)
    })
    .await;
    cast.trio.stage.untouched();
    cast.strike().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_region_that_is_lost_in_the_middle_is_left_and_the_drill_is_over() {
    // The drill has its hold-down to wait for, and the Region is lost long before that is over.
    let cast = Cast::steady(&[("hold_down = \"500ms\"", "hold_down = \"15s\"")]).await;
    let (leader, _) = cast.ranks().await;
    let id = cast.begin(leader).await;
    cast.trio.stage.lose_home();
    let drill = cast.over(leader, &id).await;
    let end = drill.end.as_ref().expect("it is over");
    assert_eq!(end.outcome, DrillOutcome::Ended, "{end:#?}");
    assert!(
        end.report.summary.contains("real life goes first"),
        "{end:#?}"
    );
    assert_eq!(end.report.plan, None);
    cast.sees(leader, "the Region is left", |snapshot| {
        let mut runs = snapshot.state.runs.values();
        runs.any(|run| run.status == RunStatus::Completed)
            && snapshot.views[&app()].phase != Phase::Steady
    })
    .await;
    cast.trio.stage.moved_once();
    cast.strike().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_may_stop_it() {
    let cast = Cast::steady(&[("hold_down = \"500ms\"", "hold_down = \"60s\"")]).await;
    let (leader, follower) = cast.ranks().await;
    let id = cast.begin(follower).await;
    let stopped = cast
        .handle(follower)
        .stop_drill(id.clone(), "bob", Some("the peak has begun"))
        .await;
    stopped.expect("the ledger answers").expect("it is known");
    let drill = cast.over(leader, &id).await;
    let end = drill.end.as_ref().expect("it is over");
    assert_eq!(end.outcome, DrillOutcome::Ended);
    let by_bob = end.report.summary == "bob stopped it: the peak has begun";
    assert!(
        by_bob || end.report.summary.contains("goes first"),
        "{end:#?}"
    );
    cast.trio.stage.untouched();
    cast.strike().await;
}
