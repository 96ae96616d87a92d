//! RDS: global clusters, switchover, failover, replication.

use aws_sdk_rds::types::GlobalCluster;

use super::{ACTIVE, Bench, STANDBY, refused, region, until};
use crate::model::Millis;
use crate::sandbox::plane::DataPlane;
use crate::sandbox::{Change, Execution, Fault, Service};

/// The default length of a failover and then some.
const FAILOVER_S: u64 = 75;

impl Bench {
    async fn global(&self, at: &str) -> GlobalCluster {
        let answer = self
            .rds(at)
            .describe_global_clusters()
            .global_cluster_identifier("shop")
            .send()
            .await
            .unwrap();
        answer.global_clusters.unwrap().remove(0)
    }

    async fn failover(&self, at: &str, to: &str) -> Result<GlobalCluster, (String, u16)> {
        self.rds(at)
            .failover_global_cluster()
            .global_cluster_identifier("shop")
            .target_db_cluster_identifier(self.db_arn(to))
            .allow_data_loss(true)
            .send()
            .await
            .map(|answer| answer.global_cluster.unwrap())
            .map_err(|error| refused(&error))
    }

    async fn switchover(&self, at: &str, to: &str) -> Result<GlobalCluster, (String, u16)> {
        self.rds(at)
            .switchover_global_cluster()
            .global_cluster_identifier("shop")
            .target_db_cluster_identifier(self.db_arn(to))
            .send()
            .await
            .map(|answer| answer.global_cluster.unwrap())
            .map_err(|error| refused(&error))
    }

    fn write(&self, to: &str, row: u64) -> Result<(), String> {
        self.world.write_row(&region(to), row)
    }

    fn newest(&self, at: &str) -> Option<u64> {
        self.world.read_row(&region(at)).unwrap()
    }

    fn lose(&self, name: &str) -> Fault {
        let fault = Fault::RegionDown {
            region: region(name),
        };
        self.sandbox.inject(fault.clone());
        fault
    }
}

fn writer(cluster: &GlobalCluster) -> &str {
    let members = cluster.global_cluster_members();
    let mut writers = members.iter().filter(|m| m.is_writer == Some(true));
    let arn = writers.next().and_then(|m| m.db_cluster_arn()).unwrap();
    assert_eq!(writers.count(), 0, "one writer");
    arn.split(':').nth(3).unwrap()
}

fn invalid_global() -> (String, u16) {
    ("InvalidGlobalClusterStateFault".to_owned(), 400)
}

#[tokio::test]
async fn a_failover_passes_through_its_states() {
    let bench = Bench::new().await;
    let before = bench.global(STANDBY).await;
    assert_eq!(before, bench.global(ACTIVE).await, "the same everywhere");
    assert_eq!(before.status(), Some("available"));
    assert_eq!(writer(&before), ACTIVE);
    assert_eq!(before.global_cluster_members()[0].readers().len(), 1);

    bench.lose(ACTIVE);
    let reply = bench.failover(STANDBY, STANDBY).await.unwrap();
    assert_eq!(
        writer(&reply),
        ACTIVE,
        "the reply still shows the old writer"
    );
    let state = reply.failover_state.clone().unwrap();
    assert_eq!(state.status.unwrap().as_str(), "pending");
    assert_eq!(state.is_data_loss_allowed, Some(true));
    assert_eq!(state.to_db_cluster_arn, Some(bench.db_arn(STANDBY)));
    assert_eq!(state.from_db_cluster_arn, Some(bench.db_arn(ACTIVE)));

    bench.advance(5);
    let moving = bench.global(STANDBY).await;
    assert_eq!(moving.status(), Some("failing-over"));
    let state = moving.failover_state.unwrap();
    assert_eq!(state.status.unwrap().as_str(), "failing-over");
    assert!(bench.write(STANDBY, 1).is_err(), "a reader until promoted");

    bench.advance(FAILOVER_S);
    let after = bench.global(STANDBY).await;
    assert_eq!(writer(&after), STANDBY);
    assert_eq!(after.failover_state, None);
    assert_eq!(after.status(), Some("available"));
    bench.write(STANDBY, 2).unwrap();
    assert_eq!(bench.world.writers_now(), [region(STANDBY)]);
    assert!(!bench.world.ever_two_writers());
}

#[tokio::test]
async fn rows_that_were_not_replicated_are_lost_and_told() {
    let bench = Bench::new().await;
    bench.write(ACTIVE, 1).unwrap();
    assert_eq!(bench.newest(STANDBY), None, "the replica lags");
    bench.advance(2);
    assert_eq!(bench.newest(STANDBY), Some(1));
    bench.write(ACTIVE, 2).unwrap();
    bench.lose(ACTIVE);
    assert!(bench.write(ACTIVE, 3).is_err());
    bench.advance(10);
    assert_eq!(bench.newest(STANDBY), Some(1), "row 2 stands still");
    bench.failover(STANDBY, STANDBY).await.unwrap();
    bench.advance(FAILOVER_S);
    assert_eq!(bench.world.lost_writes(), [2]);
    assert_eq!(bench.newest(STANDBY), Some(1));
}

#[tokio::test]
async fn replication_goes_on_when_the_region_comes_back() {
    let bench = Bench::new().await;
    bench.write(ACTIVE, 1).unwrap();
    let down = bench.lose(ACTIVE);
    bench.advance(60);
    bench.sandbox.clear(&down);
    assert_eq!(bench.newest(STANDBY), None);
    bench.advance(2);
    assert_eq!(bench.newest(STANDBY), Some(1));
    assert!(bench.world.lost_writes().is_empty());
}

#[tokio::test]
async fn a_lost_region_comes_back_as_a_reader() {
    let bench = Bench::new().await;
    let down = bench.lose(ACTIVE);
    bench.failover(STANDBY, STANDBY).await.unwrap();
    bench.advance(FAILOVER_S);
    bench.write(STANDBY, 7).unwrap();
    assert_eq!(
        bench.global(STANDBY).await.global_cluster_members().len(),
        1
    );
    bench.sandbox.clear(&down);
    assert!(bench.write(ACTIVE, 8).is_err(), "fenced");
    bench.advance(60);
    let members = bench.global(ACTIVE).await;
    assert_eq!(members.global_cluster_members().len(), 2);
    assert_eq!(bench.newest(ACTIVE), Some(7));

    // Failback is a switchover.
    bench.switchover(STANDBY, ACTIVE).await.unwrap();
    bench.advance(45);
    assert_eq!(writer(&bench.global(ACTIVE).await), ACTIVE);
    assert!(!bench.world.ever_two_writers());
}

#[tokio::test]
async fn an_unfenced_old_writer_is_seen_as_a_second_one() {
    let bench = Bench::new().await;
    bench.sandbox.inject(Fault::WriterUnfenced {
        region: region(ACTIVE),
    });
    let down = bench.lose(ACTIVE);
    bench.failover(STANDBY, STANDBY).await.unwrap();
    bench.advance(FAILOVER_S);
    assert!(!bench.world.ever_two_writers());
    bench.sandbox.clear(&down);
    assert_eq!(bench.world.writers_now().len(), 2);
    assert!(bench.world.ever_two_writers());
    bench.write(ACTIVE, 9).unwrap();
    assert_eq!(bench.world.lost_writes(), [9]);
    let of = || async {
        let asked = bench.rds(ACTIVE).describe_db_cluster_snapshots();
        let asked = asked.db_cluster_identifier(format!("shop-{ACTIVE}"));
        let answer = asked.send().await.unwrap();
        answer.db_cluster_snapshots.unwrap_or_default()
    };
    assert!(of().await.is_empty());
    bench.advance(60);
    assert_eq!(bench.world.writers_now(), [region(STANDBY)]);
    // The only copy of what was lost, under the retention of the cluster's backups.
    let left = of().await;
    let name = left[0].db_cluster_snapshot_identifier().unwrap();
    assert!(name.starts_with("rds:unplanned-global-failover-"), "{name}");
    assert_eq!(left[0].snapshot_type(), Some("automated"));
}

#[tokio::test]
async fn a_switchover_loses_nothing() {
    let bench = Bench::new().await;
    bench.write(ACTIVE, 1).unwrap();
    let reply = bench.switchover(ACTIVE, STANDBY).await.unwrap();
    let state = reply.failover_state.unwrap();
    assert_eq!(state.is_data_loss_allowed, Some(false));
    bench.write(ACTIVE, 2).unwrap();
    bench.advance(5);
    let moving = bench.global(ACTIVE).await;
    assert_eq!(moving.status(), Some("switching-over"));
    // The SDK's model lacks the value: it must pass through all the same.
    let state = moving.failover_state.unwrap();
    assert_eq!(state.status.unwrap().as_str(), "switching-over");
    assert!(bench.write(ACTIVE, 3).is_err());
    assert!(bench.world.writers_now().is_empty());
    bench.advance(40);
    assert_eq!(writer(&bench.global(ACTIVE).await), STANDBY);
    assert_eq!(bench.newest(STANDBY), Some(2));
    assert_eq!(bench.newest(ACTIVE), Some(2));
    assert!(bench.world.lost_writes().is_empty());
    let writers = bench
        .world
        .timeline()
        .into_iter()
        .filter_map(|e| match e.what {
            Change::Writers { regions } => Some(regions),
            _other => None,
        });
    let expected = vec![vec![region(ACTIVE)], vec![], vec![region(STANDBY)]];
    assert_eq!(writers.collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn failover_without_data_loss_is_a_switchover() {
    let bench = Bench::new().await;
    for switchover in [None, Some(true)] {
        let bench = Bench::new().await;
        let reply = bench
            .rds(STANDBY)
            .failover_global_cluster()
            .global_cluster_identifier("shop")
            .target_db_cluster_identifier(bench.db_arn(STANDBY))
            .set_switchover(switchover)
            .send()
            .await
            .unwrap();
        let cluster = reply.global_cluster.unwrap();
        assert_eq!(cluster.status(), Some("switching-over"));
    }
    let error = bench
        .rds(STANDBY)
        .failover_global_cluster()
        .global_cluster_identifier("shop")
        .target_db_cluster_identifier(bench.db_arn(STANDBY))
        .allow_data_loss(true)
        .switchover(true)
        .send()
        .await
        .unwrap_err();
    assert_eq!(refused(&error).0, "InvalidParameterCombination");
}

#[tokio::test]
async fn promotions_are_refused_as_the_facts_say() {
    let bench = Bench::new().await;
    // In the wrong Region.
    assert_eq!(
        bench.failover(ACTIVE, STANDBY).await.unwrap_err(),
        ("DBClusterNotFoundFault".to_owned(), 404)
    );
    assert_eq!(
        bench.switchover(STANDBY, STANDBY).await.unwrap_err(),
        invalid_global()
    );
    // To the writer itself.
    assert_eq!(
        bench.failover(ACTIVE, ACTIVE).await.unwrap_err(),
        invalid_global()
    );
    // Not an ARN; an ARN of nothing; a global cluster of nothing.
    let call = |global: &str, target: &str| {
        bench
            .rds(STANDBY)
            .failover_global_cluster()
            .global_cluster_identifier(global)
            .target_db_cluster_identifier(target)
            .allow_data_loss(true)
            .send()
    };
    let error = call("shop", "shop-eu-central-1").await.unwrap_err();
    assert_eq!(refused(&error).0, "InvalidParameterValue");
    let error = call("shop", "arn:aws:rds:eu-central-1:123456789012:cluster:no")
        .await
        .unwrap_err();
    assert!(error.into_service_error().is_db_cluster_not_found_fault());
    let error = call("other", &bench.db_arn(STANDBY)).await.unwrap_err();
    assert_eq!(refused(&error).1, 404);
    assert!(
        error
            .into_service_error()
            .is_global_cluster_not_found_fault()
    );
    // While one is under way.
    bench.failover(STANDBY, STANDBY).await.unwrap();
    assert_eq!(
        bench.failover(STANDBY, STANDBY).await.unwrap_err(),
        invalid_global()
    );
}

#[tokio::test]
async fn a_target_that_is_down_cannot_be_promoted() {
    let bench = Bench::new().await;
    bench.lose(STANDBY);
    assert_eq!(
        bench.failover(STANDBY, STANDBY).await.unwrap_err(),
        ("InvalidDBClusterStateFault".to_owned(), 400)
    );
}

#[tokio::test]
async fn a_switchover_in_an_outage_takes_long_to_say_no() {
    let bench = Bench::new().await;
    bench.lose(ACTIVE);
    let idle = bench.clock.sleepers();
    let asked = bench.switchover(ACTIVE, STANDBY);
    let passes = async {
        until("the sandbox thinks", || bench.clock.sleepers() > idle).await;
        bench.clock.advance(Millis(19_999));
        tokio::task::yield_now().await;
        assert!(bench.clock.sleepers() > idle, "still thinking");
        bench.clock.advance(Millis(1));
    };
    let (answer, ()) = tokio::join!(asked, passes);
    assert_eq!(answer.unwrap_err(), invalid_global());
}

#[tokio::test]
async fn a_switchover_that_loses_its_partner_ends_as_it_began() {
    let bench = Bench::new().await;
    bench.switchover(ACTIVE, STANDBY).await.unwrap();
    bench.advance(10);
    bench.lose(ACTIVE);
    bench.advance(60);
    let after = bench.global(STANDBY).await;
    assert_eq!(writer(&after), ACTIVE);
    assert_eq!(after.status(), Some("available"));
    bench.failover(STANDBY, STANDBY).await.unwrap();
    bench.advance(FAILOVER_S);
    assert_eq!(writer(&bench.global(STANDBY).await), STANDBY);
}

#[tokio::test]
async fn a_stuck_promotion_ends_when_it_is_freed() {
    let bench = Bench::new().await;
    bench.sandbox.inject(Fault::PromotionStuck);
    bench.lose(ACTIVE);
    bench.failover(STANDBY, STANDBY).await.unwrap();
    bench.advance(3_600);
    assert_eq!(bench.global(STANDBY).await.status(), Some("failing-over"));
    assert!(bench.write(STANDBY, 1).is_err());
    bench.sandbox.clear(&Fault::PromotionStuck);
    bench.advance(5);
    assert_eq!(writer(&bench.global(STANDBY).await), STANDBY);
}

#[tokio::test]
async fn clusters_are_known_in_their_own_region_only() {
    let bench = Bench::new().await;
    let describe = |at: &str, id: &str| {
        bench
            .rds(at)
            .describe_db_clusters()
            .db_cluster_identifier(id)
            .send()
    };
    let found = describe(STANDBY, "shop-eu-central-1").await.unwrap();
    assert_eq!(found.db_clusters()[0].status(), Some("available"));
    assert_eq!(found.db_clusters()[0].db_cluster_members().len(), 1);
    let error = describe(ACTIVE, "shop-eu-central-1").await.unwrap_err();
    assert!(error.into_service_error().is_db_cluster_not_found_fault());
    let error = bench
        .rds(ACTIVE)
        .describe_global_clusters()
        .global_cluster_identifier("none")
        .send()
        .await
        .unwrap_err();
    assert_eq!(refused(&error).1, 404);
    assert!(
        error
            .into_service_error()
            .is_global_cluster_not_found_fault()
    );
    let all = bench
        .rds(ACTIVE)
        .describe_db_clusters()
        .send()
        .await
        .unwrap();
    assert_eq!(all.db_clusters().len(), 1);
}

#[tokio::test]
async fn the_log_tells_what_was_asked() {
    let bench = Bench::new().await;
    bench.failover(STANDBY, STANDBY).await.unwrap();
    let log = bench.world.request_log();
    let request = log.last().unwrap();
    assert_eq!(request.service, Service::Rds);
    assert_eq!(request.region, region(STANDBY));
    assert_eq!(request.operation, "FailoverGlobalCluster");
    assert_eq!(request.parameters["AllowDataLoss"], "true");
    assert!(request.mutating);
    assert_eq!(request.execution, Execution::Executed);
    assert_eq!(request.at, bench.world.now());
}
