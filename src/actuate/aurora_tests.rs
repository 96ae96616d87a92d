use super::*;
use crate::actuate::testing::{
    Asked, Canned, EAST_ARN, GLOBAL, NORTH_ARN, Reply, WEST_ARN, actuator, held,
};
use crate::model::{AppId, Intent, RunId, StepId};
use crate::ports::{Actuator, Call};

fn global(writer: &str, state: Option<(&str, &str)>) -> Reply {
    let member = |arn: &str| {
        format!(
            "<GlobalClusterMember><DBClusterArn>{arn}</DBClusterArn><IsWriter>{}</IsWriter>\
             </GlobalClusterMember>",
            arn == writer
        )
    };
    let state = state.map_or_else(String::new, |(status, to)| {
        format!(
            "<FailoverState><Status>{status}</Status><ToDbClusterArn>{to}</ToDbClusterArn>\
             </FailoverState>"
        )
    });
    Reply::xml(
        200,
        &format!(
            "<DescribeGlobalClustersResponse xmlns=\"http://rds.amazonaws.com/doc/2014-10-31/\">\
             <DescribeGlobalClustersResult><GlobalClusters><GlobalClusterMember>\
             <GlobalClusterIdentifier>{GLOBAL}</GlobalClusterIdentifier><GlobalClusterMembers>{}{}\
             {}</GlobalClusterMembers>{state}</GlobalClusterMember></GlobalClusters>\
             </DescribeGlobalClustersResult></DescribeGlobalClustersResponse>",
            member(WEST_ARN),
            member(EAST_ARN),
            member(NORTH_ARN),
        ),
    )
}

fn cluster(status: &str) -> Reply {
    Reply::xml(
        200,
        &format!(
            "<DescribeDBClustersResponse xmlns=\"http://rds.amazonaws.com/doc/2014-10-31/\">\
             <DescribeDBClustersResult><DBClusters><DBCluster><DBClusterArn>{EAST_ARN}\
             </DBClusterArn><Status>{status}</Status></DBCluster></DBClusters>\
             </DescribeDBClustersResult></DescribeDBClustersResponse>"
        ),
    )
}

fn intent(method: Promotion) -> Intent {
    Intent::AuroraPromote {
        global_cluster: GLOBAL.to_owned(),
        target_arn: EAST_ARN.to_owned(),
        target_region: RegionId::from("us-east-1"),
        source_region: RegionId::from("eu-west-1"),
        method,
        escalate_after: None,
    }
}

async fn observed(script: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> (Goal, Vec<Asked>) {
    let canned = Canned::start(script).await;
    let observation = actuator(&canned.url)
        .await
        .observe(
            &AppId::from("shop"),
            &intent(Promotion::FailoverWithDataLoss),
        )
        .await;
    (observation.goal, canned.asked())
}

async fn seen(writer: &'static str, state: Option<(&'static str, &'static str)>) -> Goal {
    let (goal, _) = observed(move |asked| {
        if asked.is("DescribeGlobalClusters") {
            global(writer, state)
        } else {
            cluster("available")
        }
    })
    .await;
    goal
}

#[tokio::test]
async fn a_goal_is_read_from_the_members_and_the_failover_state() {
    assert_eq!(seen(EAST_ARN, None).await, Goal::Met);
    assert_eq!(seen(WEST_ARN, None).await, Goal::NotMet);
    // Its status may be a word that the model lacks.
    for status in ["pending", "failing-over", "switching-over", "cancelling"] {
        let goal = seen(WEST_ARN, Some((status, EAST_ARN))).await;
        assert_eq!(goal, Goal::UnderWay, "{status}");
    }
    assert_eq!(
        seen(EAST_ARN, Some(("failing-over", EAST_ARN))).await,
        Goal::UnderWay
    );
    let goal = seen(WEST_ARN, Some(("failing-over", NORTH_ARN))).await;
    assert!(
        matches!(&goal, Goal::Impossible { code, .. } if code == "another_promotion"),
        "{goal:?}"
    );
}

#[tokio::test]
async fn a_writer_whose_cluster_is_not_available_is_not_there_yet() {
    let (goal, _) = observed(|asked| {
        if asked.is("DescribeGlobalClusters") {
            global(EAST_ARN, None)
        } else {
            cluster("failing-over")
        }
    })
    .await;
    assert_eq!(goal, Goal::UnderWay);
}

#[tokio::test]
async fn a_global_cluster_that_does_not_exist_is_impossible() {
    let (goal, _) = observed(|_| {
        Reply::xml(
            404,
            "<ErrorResponse><Error><Code>GlobalClusterNotFoundFault</Code><Message>m</Message>\
             </Error></ErrorResponse>",
        )
    })
    .await;
    assert!(
        matches!(&goal, Goal::Impossible { message, .. } if message.contains("check global_cluster")),
        "{goal:?}"
    );
}

#[tokio::test]
async fn the_region_that_is_left_is_never_asked() {
    // The target does not answer: another Region is asked, but never the one that is left.
    let (goal, asked) = observed(|asked| {
        if asked.signed_for().starts_with("eu-north-1/") {
            global(WEST_ARN, None)
        } else {
            Reply::Reset
        }
    })
    .await;
    assert_eq!(goal, Goal::NotMet);
    let scopes: Vec<String> = asked.iter().map(Asked::signed_for).collect();
    assert!(scopes.iter().any(|scope| scope == "us-east-1/rds"));
    assert!(scopes.iter().any(|scope| scope == "eu-north-1/rds"));
    assert!(!scopes.iter().any(|scope| scope.starts_with("eu-west-1")));

    // Nobody answers.
    let (goal, asked) = observed(|_| Reply::Reset).await;
    assert!(matches!(goal, Goal::Unobservable { .. }), "{goal:?}");
    assert!(
        asked
            .iter()
            .all(|asked| !asked.signed_for().starts_with("eu-west-1"))
    );
}

async fn applied(
    planned: Promotion,
    variant: Variant,
    standing: impl Fn() -> Reply + Send + Sync + 'static,
) -> (CallOutcome, Vec<Asked>) {
    let canned = Canned::start(move |asked| {
        if asked.is("DescribeGlobalClusters") {
            standing()
        } else {
            Reply::xml(
                400,
                "<ErrorResponse><Error><Code>InvalidGlobalClusterStateFault</Code><Message>m\
                 </Message></Error></ErrorResponse>",
            )
        }
    })
    .await;
    let (run, step) = (RunId::from("shop-1"), StepId::from("promote"));
    let intent = intent(planned);
    let call = Call {
        run: &run,
        step: &step,
        attempt: 1,
        intent: &intent,
        variant,
    };
    let outcome = actuator(&canned.url)
        .await
        .apply(&AppId::from("shop"), &call, &held())
        .await;
    (outcome, canned.asked())
}

#[tokio::test]
async fn a_state_fault_is_judged_by_what_is_under_way() {
    let method = Promotion::FailoverWithDataLoss;
    let (outcome, _) = applied(method, Variant::AsPlanned, || {
        global(WEST_ARN, Some(("failing-over", EAST_ARN)))
    })
    .await;
    assert!(
        matches!(&outcome, CallOutcome::Busy { message, .. } if message.contains("under way already")),
        "{outcome:?}"
    );
    let (outcome, _) = applied(method, Variant::AsPlanned, || {
        global(WEST_ARN, Some(("failing-over", NORTH_ARN)))
    })
    .await;
    assert!(
        matches!(&outcome, CallOutcome::Refused { code, .. } if code == "another_promotion"),
        "{outcome:?}"
    );
    let (outcome, _) = applied(method, Variant::AsPlanned, || global(WEST_ARN, None)).await;
    assert!(matches!(outcome, CallOutcome::Busy { .. }), "{outcome:?}");
}

#[tokio::test]
async fn an_escalated_switchover_fails_over_with_data_loss_from_the_target() {
    let standing = || global(WEST_ARN, None);
    let (_, asked) = applied(Promotion::Switchover, Variant::AsPlanned, standing).await;
    assert!(asked[0].is("SwitchoverGlobalCluster"));
    assert_eq!(asked[0].signed_for(), "eu-west-1/rds");
    assert!(!asked[0].body.contains("AllowDataLoss"));

    let (_, asked) = applied(Promotion::Switchover, Variant::Escalated, standing).await;
    assert!(asked[0].is("FailoverGlobalCluster"));
    assert_eq!(asked[0].signed_for(), "us-east-1/rds");
    assert!(asked[0].body.contains("AllowDataLoss=true"));
}
