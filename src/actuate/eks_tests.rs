use super::*;
use crate::actuate::testing::{Canned, Reply, actuator, held};
use crate::model::{AppId, Intent, RunId, StepId, Variant};
use crate::ports::{Actuator, Call};

fn group(status: &str, min: u32, desired: u32, max: u32, issues: &str) -> String {
    format!(
        r#"{{"nodegroup":{{"nodegroupName":"web","status":"{status}","scalingConfig":
        {{"minSize":{min},"desiredSize":{desired},"maxSize":{max}}},"health":{{"issues":[{issues}]}},
        "resources":{{"autoScalingGroups":[{{"name":"asg-web"}}]}}}}}}"#
    )
}

fn instances(states: &[&str]) -> String {
    let members: String = states
        .iter()
        .map(|state| format!("<member><LifecycleState>{state}</LifecycleState></member>"))
        .collect();
    format!(
        "<DescribeAutoScalingGroupsResponse xmlns=\"http://autoscaling.amazonaws.com/doc/2011-01-01/\">\
         <DescribeAutoScalingGroupsResult><AutoScalingGroups><member><AutoScalingGroupName>asg-web\
         </AutoScalingGroupName><Instances>{members}</Instances></member></AutoScalingGroups>\
         </DescribeAutoScalingGroupsResult></DescribeAutoScalingGroupsResponse>"
    )
}

fn intent() -> Intent {
    Intent::ScaleNodegroup {
        region: RegionId::from("us-east-1"),
        nodegroup: NodegroupRef {
            cluster: "shop".to_owned(),
            name: "web".to_owned(),
        },
        min: 2,
        desired: 4,
        max: 6,
        ready: 3,
        min_ready: Some(2),
    }
}

async fn observed(group: String, states: &'static [&'static str]) -> Observation {
    let canned = Canned::start(move |asked| {
        if asked.is("DescribeAutoScalingGroups") {
            Reply::xml(200, &instances(states))
        } else {
            Reply::json(200, &group)
        }
    })
    .await;
    actuator(&canned.url)
        .await
        .observe(&AppId::from("shop"), &intent())
        .await
}

#[tokio::test]
async fn nodes_count_and_not_the_update() {
    const READY: &str = "InService";
    let large = || group("ACTIVE", 2, 4, 6, "");
    assert_eq!(
        observed(large(), &[READY, READY, READY]).await.goal,
        Goal::Met
    );
    assert_eq!(
        observed(large(), &[READY, READY, "Pending"]).await.goal,
        Goal::PartlyMet
    );
    assert_eq!(observed(large(), &[READY]).await.goal, Goal::UnderWay);
    // Three nodes are ready, but the sizes are below what is wanted.
    for small in [
        group("ACTIVE", 1, 4, 6, ""),
        group("ACTIVE", 2, 3, 6, ""),
        group("ACTIVE", 2, 4, 5, ""),
        group("UPDATING", 0, 0, 1, ""),
    ] {
        let goal = observed(small.clone(), &[READY, READY, READY]).await.goal;
        assert_eq!(goal, Goal::NotMet, "{small}");
    }
    let goal = observed(group("DELETING", 2, 4, 6, ""), &[]).await.goal;
    assert!(matches!(goal, Goal::Impossible { .. }), "{goal:?}");
}

#[tokio::test]
async fn want_of_capacity_is_told() {
    let issue = r#"{"code":"AsgInstanceLaunchFailures","message":"no capacity"}"#;
    let observation = observed(group("DEGRADED", 2, 4, 6, issue), &["InService"]).await;
    assert_eq!(observation.goal, Goal::UnderWay);
    assert_eq!(
        observation.seen,
        "1 of 3 InService, DEGRADED, AsgInstanceLaunchFailures (no capacity)"
    );
}

#[tokio::test]
async fn all_three_sizes_are_sent_and_none_is_lowered() {
    let canned = Canned::start(|asked| {
        if asked.head.starts_with("POST ") {
            Reply::json(200, r#"{"update":{"id":"u-1","status":"InProgress"}}"#)
        } else {
            Reply::json(200, &group("ACTIVE", 1, 9, 10, ""))
        }
    })
    .await;
    let (run, step) = (RunId::from("shop-7"), StepId::from("grow/web"));
    let intent = intent();
    let call = Call {
        run: &run,
        step: &step,
        attempt: 2,
        intent: &intent,
        variant: Variant::AsPlanned,
    };
    let outcome = actuator(&canned.url)
        .await
        .apply(&AppId::from("shop"), &call, &held())
        .await;
    assert_eq!(outcome, CallOutcome::Accepted);
    let asked = canned.asked();
    let sent: serde_json::Value = serde_json::from_str(&asked[1].body).unwrap();
    assert_eq!(
        sent,
        serde_json::json!({
            "clientRequestToken": "shop-7-grow-web-2",
            "scalingConfig": { "minSize": 2, "desiredSize": 9, "maxSize": 10 },
        })
    );
}

#[test]
fn sizes_stay_in_order() {
    let wanted = Wanted {
        min: 5,
        desired: 3,
        max: 1,
        ready: 1,
        min_ready: None,
    };
    let raised = Sizes {
        min: 0,
        desired: 0,
        max: 1,
    }
    .raised_to(&wanted);
    assert_eq!(
        raised,
        Sizes {
            min: 5,
            desired: 5,
            max: 5
        }
    );
}
