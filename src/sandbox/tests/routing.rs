//! Where Global Accelerator's edge sends people.

use proptest::prelude::*;

use super::{ACTIVE, Bench, STANDBY, region};
use crate::sandbox::plane::DataPlane;
use crate::sandbox::{Fault, SandboxSetup};

async fn with_dials(active: u8, standby: u8) -> Bench {
    Bench::with(|setup: &mut SandboxSetup| {
        setup.regions[0].dial_percent = active;
        setup.regions[1].dial_percent = standby;
    })
    .await
}

#[tokio::test]
async fn a_dial_is_a_share_of_what_is_already_routed_there() {
    let bench = with_dials(60, 100).await;
    let from_active = |roll| bench.world.accelerate(&region(ACTIVE), roll);
    let kept = (0..100).filter(|r| from_active(*r) == Some(region(ACTIVE)));
    assert_eq!(kept.count(), 60);
    let from_standby = |roll| bench.world.accelerate(&region(STANDBY), roll);
    assert!((0..100).all(|r| from_standby(r) == Some(region(STANDBY))));
}

#[tokio::test]
async fn health_failover_ignores_a_dial_of_zero() {
    let bench = with_dials(100, 0).await;
    let near = || bench.world.accelerate(&region(ACTIVE), 0);
    bench.sandbox.inject(Fault::RegionDown {
        region: region(ACTIVE),
    });
    assert_eq!(
        near(),
        Some(region(ACTIVE)),
        "health checks take their time"
    );
    bench.advance(30);
    assert_eq!(near(), Some(region(STANDBY)));
    bench.sandbox.inject(Fault::RegionDown {
        region: region(STANDBY),
    });
    bench.advance(30);
    assert_eq!(near(), Some(region(ACTIVE)), "fails open");
}

#[tokio::test]
async fn a_short_outage_is_not_noticed_by_health_checks() {
    let bench = with_dials(100, 0).await;
    let down = Fault::RegionDown {
        region: region(ACTIVE),
    };
    bench.sandbox.inject(down.clone());
    bench.advance(20);
    bench.sandbox.clear(&down);
    bench.advance(60);
    assert_eq!(
        bench.world.accelerate(&region(ACTIVE), 0),
        Some(region(ACTIVE))
    );
}

#[tokio::test]
async fn with_every_weight_at_zero_nobody_gets_anywhere() {
    let bench = Bench::with(|setup| {
        for region in &mut setup.regions {
            region.endpoints[0].weight = 0;
        }
    })
    .await;
    assert_eq!(bench.world.accelerate(&region(ACTIVE), 0), None);
    assert!(bench.world.ever_all_weights_zero());
}

#[tokio::test]
async fn a_cut_path_is_cut_for_one_source_only() {
    let bench = Bench::new().await;
    let source = "127.0.0.2".parse().unwrap();
    let cut = Fault::PathCut {
        source,
        region: region(ACTIVE),
    };
    bench.sandbox.inject(cut.clone());
    assert!(bench.world.path_is_cut(source, &region(ACTIVE)));
    assert!(!bench.world.path_is_cut(source, &region(STANDBY)));
    let other = "127.0.0.3".parse().unwrap();
    assert!(!bench.world.path_is_cut(other, &region(ACTIVE)));
    assert!(bench.sandbox.clear(&cut));
    assert!(!bench.world.path_is_cut(source, &region(ACTIVE)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Somebody always answers while an endpoint has a weight, and a dial's share is exact.
    #[test]
    fn traffic_always_arrives_somewhere(active in 0_u8..=100, standby in 0_u8..=100) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let bench = with_dials(active, standby).await;
            let near = |roll| bench.world.accelerate(&region(ACTIVE), roll);
            let answers: Vec<_> = (0..100).map(near).collect();
            assert!(answers.iter().all(Option::is_some));
            let kept = answers.iter().flatten().filter(|r| **r == region(ACTIVE)).count();
            if standby == 100 {
                assert_eq!(kept, usize::from(active));
            }
            assert!(kept >= usize::from(active));
        });
    }
}
