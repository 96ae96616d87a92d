use std::collections::BTreeSet;

use super::*;
use crate::sandbox::fake_plane::{FakePlane, TestClock, frankfurt, ireland, until};
use crate::sandbox::product::{Product, ProductSetup};

struct Town {
    plane: Arc<FakePlane>,
    product: Product,
    clock: Arc<TestClock>,
}

impl Town {
    async fn new() -> Self {
        let plane = Arc::new(FakePlane::new());
        let clock = Arc::new(TestClock { speed: 60 });
        let setup = ProductSetup {
            regions: vec![ireland(), frankfurt()],
            references: 0,
        };
        let product = Product::start(plane.clone(), Arc::default(), clock.clone(), setup)
            .await
            .unwrap();
        Self {
            plane,
            product,
            clock,
        }
    }

    fn users(&self) -> Users {
        let setup = UsersSetup {
            // The host of a test may be busy; a user of a test is patient.
            timeout_floor: Duration::from_secs(1),
            ..UsersSetup::at_pace_of(self.clock.as_ref(), 7)
        };
        let addresses = self.product.addresses().clone();
        Users::start(self.plane.clone(), addresses, self.clock.clone(), setup)
    }
}

#[tokio::test]
async fn while_all_is_well_every_request_succeeds() {
    let town = Town::new().await;
    let users = town.users();
    until("a few requests", || users.tally().requests >= 50).await;
    let tally = users.stop().await;

    assert_eq!((tally.failed, tally.unsent), (0, 0), "{:?}", tally.failures);
    assert_eq!(tally.first_failed_s(), None);
    assert_eq!(tally.read_downtime(), Downtime::default());
    assert_eq!(tally.write_downtime(), Downtime::default());
    let reads: u32 = tally.series.iter().map(|s| s.reads.succeeded).sum();
    assert!(reads > 0);
    assert!(!tally.acknowledged.is_empty());
    assert_eq!(tally.acknowledged, town.plane.facts().rows);
    assert_eq!(
        tally.lost_writes(|row| town.plane.facts().rows.contains(&row)),
        0
    );
}

#[tokio::test]
async fn a_lost_region_is_seen_and_its_end_too() {
    let town = Town::new().await;
    let users = town.users();
    until("good times", || users.tally().requests >= 20).await;
    town.plane.facts().down.insert(ireland());
    until("failures of both kinds", || {
        let tally = users.tally();
        tally.read_downtime().seconds > 0 && tally.write_downtime().seconds > 0
    })
    .await;
    town.plane.facts().down.clear();
    until("good times again", || {
        let tally = users.tally();
        tally.all_good_again_s().is_some()
            && tally.read_downtime().over_s.is_some()
            && tally.write_downtime().over_s.is_some()
    })
    .await;
    let tally = users.stop().await;

    let no_answer = tally.failures.get(&Failure::NoAnswer).copied();
    assert!(no_answer > Some(0), "{:?}", tally.failures);
    assert!(tally.first_failed_s() < tally.all_good_again_s());
    assert!(tally.first_failed_s() <= tally.read_downtime().first_s);
}

#[tokio::test]
async fn a_reader_fails_the_writes_and_not_the_reads() {
    let town = Town::new().await;
    town.plane.facts().writer = None;
    let users = town.users();
    until("refused writes", || users.tally().failed >= 10).await;
    let tally = users.stop().await;

    assert_eq!(tally.read_downtime(), Downtime::default());
    assert_eq!(tally.write_downtime().seconds, tally.series.len() as u64);
    assert_eq!(
        tally.failures.keys().collect::<Vec<_>>(),
        [&Failure::Refused]
    );
    assert!(tally.acknowledged.is_empty());
}

#[tokio::test]
async fn half_the_users_follow_the_name_until_their_ttl_is_over() {
    let town = Town::new().await;
    // Longer than this test: nobody asks twice.
    town.plane.facts().name = Some((ireland(), Millis::from_mins(600)));
    let users = town.users();
    until("everybody knows the name", || {
        town.plane.facts().resolved == 30
    })
    .await;

    // The name moves on, and nobody follows.
    town.plane.facts().name = None;
    let before = users.tally().requests;
    until("more requests", || users.tally().requests >= before + 40).await;
    let tally = users.stop().await;
    assert_eq!(tally.failed, 0, "{:?}", tally.failures);
    assert_eq!(town.plane.facts().resolved, 30, "every cache asked once");
}

#[tokio::test]
async fn a_name_without_an_answer_and_an_accelerator_without_a_region_lead_nowhere() {
    let town = Town::new().await;
    town.plane.facts().name = None;
    town.plane.facts().accelerator.clear();
    let users = town.users();
    until("failures", || users.tally().failed >= 10).await;
    let tally = users.stop().await;
    assert_eq!(tally.failed, tally.requests);
    assert_eq!(
        tally.failures.keys().collect::<Vec<_>>(),
        [&Failure::Nowhere]
    );
}

#[tokio::test]
async fn what_was_acknowledged_and_did_not_survive_is_lost() {
    let town = Town::new().await;
    let users = town.users();
    until("writes", || users.tally().acknowledged.len() >= 10).await;
    let tally = users.stop().await;
    let survived: BTreeSet<u64> = tally.acknowledged.iter().copied().skip(3).collect();
    assert_eq!(tally.lost_writes(|row| survived.contains(&row)), 3);
}

#[tokio::test]
async fn more_than_the_bound_do_not_wait() {
    let town = Town::new().await;
    town.plane.facts().down.insert(ireland());
    let setup = UsersSetup {
        in_flight: 3,
        timeout_floor: Duration::from_secs(1),
        ..UsersSetup::at_pace_of(town.clock.as_ref(), 7)
    };
    let addresses = town.product.addresses().clone();
    let users = Users::start(town.plane.clone(), addresses, town.clock.clone(), setup);
    until("some are not sent", || users.tally().unsent >= 5).await;
    assert!(town.product.held(&ireland()) <= 3);
    let tally = users.stop().await;
    assert_eq!(tally.failed, tally.requests);
}

#[test]
fn the_rate_is_bounded_in_real_and_in_world_time() {
    for (speed, every) in [(1, 25), (3, 25), (10, 66), (30, 200), (60, 400)] {
        let setup = UsersSetup::at_pace_of(&TestClock { speed }, 0);
        assert_eq!(setup.every, Millis(every), "speed {speed}");
    }
}

#[test]
fn each_stretch_of_requests_has_its_share_of_writes_spread_over_it() {
    let setup = UsersSetup::at_pace_of(&TestClock { speed: 30 }, 0);
    let stretch: Vec<Operation> = (0..5).map(|number| setup.operation(number)).collect();
    use Operation::{Read, Write};
    assert_eq!(stretch, [Write, Read, Read, Write, Read]);

    let never = UsersSetup {
        reads: 0,
        writes: 0,
        ..setup
    };
    assert_eq!(never.operation(3), Read);
}

#[tokio::test]
async fn half_the_population_follows_the_name_and_the_rest_lives_everywhere() {
    let town = Town::new().await;
    let population = VirtualUser::population(8, true, town.product.addresses());
    let by_name = |user: &&VirtualUser| matches!(user, VirtualUser::Dns { .. });
    assert_eq!(population.iter().filter(by_name).count(), 4);
    for region in [ireland(), frankfurt()] {
        let near = VirtualUser::Accelerator { nearest: region };
        assert_eq!(population.iter().filter(|user| **user == near).count(), 2);
    }
}
