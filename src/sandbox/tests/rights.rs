//! Who may do what, and what a look before a run reads: policies, health checks, instances.

use aws_sdk_iam::types::PolicyEvaluationDecisionType as Decision;
use aws_sdk_rds::types::Filter;

use super::{ACTIVE, Bench, STANDBY, refused, region};
use crate::sandbox::{Fault, HealthCheckSetup};

const USER: &str = "arn:aws:iam::123456789012:user/failoverd";

#[tokio::test]
async fn the_simulator_says_what_the_call_itself_would_meet() {
    let bench = Bench::new().await;
    let iam = bench.iam("us-east-1");
    let arn = bench.db_arn(STANDBY);
    let ask = || {
        iam.simulate_principal_policy()
            .policy_source_arn(USER)
            .action_names("rds:FailoverGlobalCluster")
            .action_names("rds:DescribeDBClusters")
            .resource_arns(arn.as_str())
    };
    let decisions = async || {
        let answer = ask().send().await.unwrap();
        assert!(!answer.is_truncated);
        let results = answer.evaluation_results.unwrap_or_default();
        assert!(
            results
                .iter()
                .all(|r| r.eval_resource_name.as_ref() == Some(&arn))
        );
        let decided = results
            .into_iter()
            .map(|r| (r.eval_action_name, r.eval_decision));
        decided.collect::<Vec<_>>()
    };
    assert!(
        decisions()
            .await
            .iter()
            .all(|(_, d)| *d == Decision::Allowed)
    );
    let denied = Fault::Denied {
        action: "rds:FailoverGlobalCluster".to_owned(),
    };
    bench.sandbox.inject(denied.clone());
    assert_eq!(
        decisions().await,
        [
            (
                "rds:FailoverGlobalCluster".to_owned(),
                Decision::ImplicitDeny
            ),
            ("rds:DescribeDBClusters".to_owned(), Decision::Allowed),
        ]
    );
    let failover = bench
        .rds(STANDBY)
        .failover_global_cluster()
        .global_cluster_identifier("shop")
        .target_db_cluster_identifier(bench.db_arn(STANDBY))
        .allow_data_loss(true);
    let error = failover.clone().send().await.unwrap_err();
    assert_eq!(refused(&error), ("AccessDenied".to_owned(), 403));
    assert_eq!(bench.world.writers_now(), [region(ACTIVE)]);
    bench.sandbox.clear(&denied);
    failover.send().await.unwrap();
}

#[tokio::test]
async fn the_simulator_refuses_what_is_no_principal_and_no_action() {
    let bench = Bench::new().await;
    let ask = |source: &str, action: &str| {
        bench
            .iam("us-east-1")
            .simulate_principal_policy()
            .policy_source_arn(source)
            .action_names(action)
            .send()
    };
    let session = "arn:aws:sts::123456789012:assumed-role/failoverd/s";
    let error = ask(session, "rds:X").await.unwrap_err();
    assert_eq!(refused(&error), ("InvalidInput".to_owned(), 400));
    let error = ask("arn:aws:iam::999999999999:role/x", "rds:X")
        .await
        .unwrap_err();
    assert_eq!(refused(&error), ("NoSuchEntity".to_owned(), 404));
    let error = ask(USER, "FailoverGlobalCluster").await.unwrap_err();
    assert_eq!(refused(&error), ("InvalidInput".to_owned(), 400));
    let elsewhere = bench
        .iam("eu-west-1")
        .simulate_principal_policy()
        .policy_source_arn(USER)
        .action_names("rds:X");
    let error = elsewhere.send().await.unwrap_err();
    assert_eq!(refused(&error), ("SignatureDoesNotMatch".to_owned(), 403));
}

#[tokio::test]
async fn each_service_denies_in_its_own_words() {
    let bench = Bench::new().await;
    for action in [
        "eks:DescribeNodegroup",
        "globalaccelerator:DescribeAccelerator",
        "cloudwatch:GetMetricStatistics",
        "route53:GetHealthCheckStatus",
    ] {
        let action = action.to_owned();
        bench.sandbox.inject(Fault::Denied { action });
    }
    let denied = |code: &str, status| (code.to_owned(), status);
    let group = bench
        .eks(ACTIVE)
        .describe_nodegroup()
        .cluster_name("shop")
        .nodegroup_name("web");
    let error = group.send().await.unwrap_err();
    assert_eq!(refused(&error), denied("AccessDeniedException", 403));
    let accelerator = bench.accelerator().describe_accelerator();
    let accelerator = accelerator.accelerator_arn(&bench.setup().accelerator.arn);
    let error = accelerator.send().await.unwrap_err();
    assert_eq!(refused(&error), denied("AccessDeniedException", 400));
    let status = bench.route53().get_health_check_status();
    let error = status.health_check_id("x").send().await.unwrap_err();
    assert_eq!(refused(&error), denied("AccessDenied", 403));
}

async fn healthy(bench: &Bench, check: &HealthCheckSetup) -> (usize, usize) {
    let answer = bench
        .route53()
        .get_health_check_status()
        .health_check_id(&check.id)
        .send()
        .await
        .unwrap();
    let seen = answer.health_check_observations();
    let well = seen.iter().filter(|o| {
        let report = o.status_report().expect("each tells its own");
        report.checked_time().is_some()
            && report
                .status()
                .is_some_and(|status| status.starts_with("Success"))
    });
    (well.count(), seen.len())
}

#[tokio::test]
async fn checkers_tell_what_they_found_a_while_late() {
    let bench = Bench::new().await;
    let check = bench.setup().regions[1].health_check.clone().unwrap();
    assert_eq!(healthy(&bench, &check).await, (4, 4));
    bench.sandbox.inject(Fault::RegionDown {
        region: region(STANDBY),
    });
    assert_eq!(healthy(&bench, &check).await, (4, 4));
    bench.advance(31);
    assert_eq!(healthy(&bench, &check).await, (0, 4));
    let gone = bench.route53().get_health_check_status();
    let error = gone.health_check_id("gone").send().await.unwrap_err();
    assert_eq!(refused(&error), ("NoSuchHealthCheck".to_owned(), 404));
}

#[tokio::test]
async fn a_cluster_without_instances_cannot_be_promoted() {
    let bench = Bench::new().await;
    let instances = async || {
        let of = Filter::builder()
            .name("db-cluster-id")
            .values("shop-eu-central-1");
        let ask = bench
            .rds(STANDBY)
            .describe_db_instances()
            .filters(of.build());
        let answer = ask.send().await.unwrap();
        let list = answer.db_instances.unwrap_or_default();
        list.into_iter()
            .filter_map(|i| i.db_instance_status)
            .collect::<Vec<_>>()
    };
    assert_eq!(instances().await, ["available"]);
    let headless = Fault::NoInstances {
        region: region(STANDBY),
    };
    bench.sandbox.inject(headless.clone());
    assert_eq!(instances().await, Vec::<String>::new());
    let promote = bench
        .rds(ACTIVE)
        .switchover_global_cluster()
        .global_cluster_identifier("shop")
        .target_db_cluster_identifier(bench.db_arn(STANDBY));
    let error = promote.clone().send().await.unwrap_err();
    assert_eq!(
        refused(&error),
        ("InvalidDBClusterStateFault".to_owned(), 400)
    );
    bench.sandbox.clear(&headless);
    promote.send().await.unwrap();
    let asked = bench.rds(STANDBY).describe_db_instances();
    let error = asked
        .db_instance_identifier("gone")
        .send()
        .await
        .unwrap_err();
    assert_eq!(refused(&error), ("DBInstanceNotFound".to_owned(), 404));
}
