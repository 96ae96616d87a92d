//! EKS and Auto Scaling: node groups, updates, nodes that join.

use aws_sdk_autoscaling::types::LifecycleState;
use aws_sdk_eks::types::{
    Nodegroup, NodegroupIssueCode, NodegroupScalingConfig, NodegroupStatus, Update, UpdateStatus,
};

use super::{ACTIVE, Bench, STANDBY, refused, region};
use crate::sandbox::plane::DataPlane;
use crate::sandbox::{Change, Fault};

fn sizes(min: i32, desired: i32, max: i32) -> NodegroupScalingConfig {
    NodegroupScalingConfig::builder()
        .min_size(min)
        .desired_size(desired)
        .max_size(max)
        .build()
}

impl Bench {
    async fn nodegroup(&self, at: &str) -> Nodegroup {
        let answer = self
            .eks(at)
            .describe_nodegroup()
            .cluster_name("shop")
            .nodegroup_name("web")
            .send()
            .await
            .unwrap();
        answer.nodegroup.unwrap()
    }

    async fn scale(
        &self,
        at: &str,
        config: NodegroupScalingConfig,
        token: Option<&str>,
    ) -> Result<Update, (String, u16)> {
        self.eks(at)
            .update_nodegroup_config()
            .cluster_name("shop")
            .nodegroup_name("web")
            .scaling_config(config)
            .set_client_request_token(token.map(str::to_owned))
            .send()
            .await
            .map(|answer| answer.update.unwrap())
            .map_err(|error| refused(&error))
    }

    /// In service and pending.
    async fn instances(&self, at: &str) -> (usize, usize) {
        let group = self.nodegroup(at).await;
        let asg = group.resources().unwrap().auto_scaling_groups()[0].name();
        let answer = self
            .autoscaling(at)
            .describe_auto_scaling_groups()
            .auto_scaling_group_names(asg.unwrap())
            .send()
            .await
            .unwrap();
        let group = &answer.auto_scaling_groups()[0];
        let count = |state: LifecycleState| {
            let instances = group.instances().iter();
            instances
                .filter(|i| i.lifecycle_state() == Some(&state))
                .count()
        };
        (
            count(LifecycleState::InService),
            count(LifecycleState::Pending),
        )
    }
}

#[tokio::test]
async fn nodes_join_one_by_one() {
    let bench = Bench::new().await;
    assert_eq!(bench.instances(STANDBY).await, (2, 0));
    let update = bench.scale(STANDBY, sizes(2, 6, 12), None).await.unwrap();
    assert_eq!(update.status(), Some(&UpdateStatus::InProgress));
    let group = bench.nodegroup(STANDBY).await;
    assert_eq!(group.status(), Some(&NodegroupStatus::Updating));
    assert_eq!(group.scaling_config(), Some(&sizes(2, 6, 12)));
    assert_eq!(bench.instances(STANDBY).await, (2, 4));

    bench.advance(20);
    let described = bench
        .eks(STANDBY)
        .describe_update()
        .name("shop")
        .nodegroup_name("web")
        .update_id(update.id().unwrap())
        .send()
        .await
        .unwrap();
    let status = described.update.unwrap().status.unwrap();
    assert_eq!(status, UpdateStatus::Successful);
    let group = bench.nodegroup(STANDBY).await;
    assert_eq!(group.status(), Some(&NodegroupStatus::Active));
    assert_eq!(bench.instances(STANDBY).await, (2, 4), "no node yet");

    bench.advance(40);
    assert_eq!(bench.instances(STANDBY).await, (3, 3));
    bench.advance(5);
    assert_eq!(bench.instances(STANDBY).await, (4, 2));
    bench.advance(60);
    assert_eq!(bench.instances(STANDBY).await, (6, 0));
    let counts = bench
        .world
        .timeline()
        .into_iter()
        .filter_map(|e| match e.what {
            Change::NodesInService {
                region: r, count, ..
            } if r == region(STANDBY) => Some(count),
            _other => None,
        });
    assert_eq!(counts.collect::<Vec<_>>(), [2, 3, 4, 5, 6]);
}

#[tokio::test]
async fn a_second_update_is_refused_while_one_runs() {
    let bench = Bench::new().await;
    bench.scale(STANDBY, sizes(2, 4, 12), None).await.unwrap();
    assert_eq!(
        bench
            .scale(STANDBY, sizes(2, 5, 12), None)
            .await
            .unwrap_err(),
        ("ResourceInUseException".to_owned(), 409)
    );
    bench.advance(20);
    bench.scale(STANDBY, sizes(2, 5, 12), None).await.unwrap();
}

#[tokio::test]
async fn a_token_makes_a_repetition_the_same_update() {
    let bench = Bench::new().await;
    let once = bench.scale(STANDBY, sizes(2, 4, 12), Some("t1")).await;
    let again = bench.scale(STANDBY, sizes(2, 4, 12), Some("t1")).await;
    assert_eq!(once.unwrap().id, again.unwrap().id);
    let other = bench.scale(STANDBY, sizes(2, 5, 12), Some("t1")).await;
    assert_eq!(other.unwrap_err().0, "InvalidParameterException");
}

#[tokio::test]
async fn sizes_must_hold_together_after_merging() {
    let bench = Bench::new().await;
    let wrong = [
        sizes(5, 4, 12),
        sizes(2, 13, 12),
        sizes(0, 0, 0),
        // Merged with min 2 and max 12.
        NodegroupScalingConfig::builder().desired_size(1).build(),
        NodegroupScalingConfig::builder().desired_size(13).build(),
        NodegroupScalingConfig::builder().max_size(1).build(),
    ];
    for config in wrong {
        assert_eq!(
            bench
                .scale(STANDBY, config.clone(), None)
                .await
                .unwrap_err(),
            ("InvalidParameterException".to_owned(), 400),
            "{config:?}"
        );
    }
    let partial = NodegroupScalingConfig::builder().desired_size(3).build();
    bench.scale(STANDBY, partial, None).await.unwrap();
    let group = bench.nodegroup(STANDBY).await;
    assert_eq!(group.scaling_config(), Some(&sizes(2, 3, 12)));
}

#[tokio::test]
async fn without_capacity_the_group_is_degraded_until_a_launch_succeeds() {
    let bench = Bench::new().await;
    let fault = Fault::NoCapacity {
        region: region(STANDBY),
        at_most: 3,
    };
    bench.sandbox.inject(fault.clone());
    let update = bench.scale(STANDBY, sizes(2, 6, 12), None).await.unwrap();
    bench.advance(120);
    assert_eq!(bench.instances(STANDBY).await, (3, 0));
    let group = bench.nodegroup(STANDBY).await;
    assert_eq!(group.status(), Some(&NodegroupStatus::Degraded));
    let issue = &group.health().unwrap().issues()[0];
    assert_eq!(
        issue.code(),
        Some(&NodegroupIssueCode::AsgInstanceLaunchFailures)
    );
    let described = bench
        .eks(STANDBY)
        .describe_update()
        .name("shop")
        .nodegroup_name("web")
        .update_id(update.id().unwrap())
        .send()
        .await
        .unwrap();
    let status = described.update.unwrap().status.unwrap();
    assert_eq!(status, UpdateStatus::Successful, "successful is not nodes");

    bench.sandbox.clear(&fault);
    let group = bench.nodegroup(STANDBY).await;
    assert_eq!(group.status(), Some(&NodegroupStatus::Degraded), "sticky");
    bench.advance(120);
    assert_eq!(bench.instances(STANDBY).await, (6, 0));
    let group = bench.nodegroup(STANDBY).await;
    assert_eq!(group.status(), Some(&NodegroupStatus::Active));
}

#[tokio::test]
async fn a_group_can_be_emptied() {
    let bench = Bench::new().await;
    bench.scale(STANDBY, sizes(0, 0, 12), None).await.unwrap();
    bench.advance(20);
    assert_eq!(bench.instances(STANDBY).await, (0, 0));
    assert!(!bench.world.has_nodes(&region(STANDBY)));
    assert!(bench.world.has_nodes(&region(ACTIVE)));
}

#[tokio::test]
async fn clusters_and_groups_and_their_absence() {
    let bench = Bench::new().await;
    let client = bench.eks(ACTIVE);
    let cluster = client.describe_cluster().name("shop").send().await.unwrap();
    assert_eq!(cluster.cluster().unwrap().name(), Some("shop"));
    let groups = client
        .list_nodegroups()
        .cluster_name("shop")
        .send()
        .await
        .unwrap();
    assert_eq!(groups.nodegroups(), ["web"]);
    assert_eq!(bench.nodegroup(ACTIVE).await.subnets().len(), 2);

    let error = client
        .describe_cluster()
        .name("no")
        .send()
        .await
        .unwrap_err();
    assert_eq!(refused(&error).1, 404);
    assert!(error.into_service_error().is_resource_not_found_exception());
    let error = client
        .describe_nodegroup()
        .cluster_name("shop")
        .nodegroup_name("no")
        .send()
        .await
        .unwrap_err();
    assert!(error.into_service_error().is_resource_not_found_exception());
    let error = client
        .list_nodegroups()
        .cluster_name("no")
        .send()
        .await
        .unwrap_err();
    assert!(error.into_service_error().is_resource_not_found_exception());
    let update = bench.scale(ACTIVE, sizes(2, 7, 12), None).await.unwrap();
    // `nodegroupName` is needed too.
    let error = client
        .describe_update()
        .name("shop")
        .update_id(update.id().unwrap())
        .send()
        .await
        .unwrap_err();
    assert!(error.into_service_error().is_resource_not_found_exception());
    let none = bench
        .autoscaling(ACTIVE)
        .describe_auto_scaling_groups()
        .auto_scaling_group_names("no")
        .send()
        .await
        .unwrap();
    assert!(none.auto_scaling_groups().is_empty());
}
