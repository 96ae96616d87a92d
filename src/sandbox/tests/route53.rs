//! Route 53: listing, compare-and-swap batches, propagation, failover by health.

use aws_sdk_route53::types::{
    AliasTarget, Change, ChangeAction, ChangeBatch, ChangeStatus, ResourceRecord,
    ResourceRecordSet, ResourceRecordSetFailover as Failover, RrType,
};

use super::{ACTIVE, Bench, STANDBY, refused, region};
use crate::model::{FailoverRole, RecordSet};
use crate::sandbox::Fault;
use crate::sandbox::plane::DataPlane as _;

const NAME: &str = "app.shop.example.";

fn change(action: ChangeAction, set: &ResourceRecordSet) -> Change {
    Change::builder()
        .action(action)
        .resource_record_set(set.clone())
        .build()
        .unwrap()
}

fn batch(changes: impl IntoIterator<Item = Change>) -> ChangeBatch {
    ChangeBatch::builder()
        .set_changes(Some(changes.into_iter().collect()))
        .build()
        .unwrap()
}

fn txt(name: &str, value: &str) -> ResourceRecordSet {
    ResourceRecordSet::builder()
        .name(name)
        .r#type(RrType::Txt)
        .ttl(60)
        .resource_records(ResourceRecord::builder().value(value).build().unwrap())
        .build()
        .unwrap()
}

fn with_role(set: &ResourceRecordSet, role: Failover) -> ResourceRecordSet {
    let mut set = set.clone();
    set.failover = Some(role);
    set
}

impl Bench {
    fn zone(&self) -> String {
        self.setup().dns.hosted_zone_id.clone()
    }

    async fn failover_sets(&self) -> Vec<ResourceRecordSet> {
        self.route53()
            .list_resource_record_sets()
            .hosted_zone_id(self.zone())
            .start_record_name(NAME)
            .start_record_type(RrType::A)
            .send()
            .await
            .unwrap()
            .resource_record_sets
            .into_iter()
            .filter(|set| set.name == NAME)
            .collect()
    }

    async fn change(
        &self,
        changes: impl IntoIterator<Item = Change>,
    ) -> Result<String, (String, u16, String)> {
        let answer = self
            .route53()
            .change_resource_record_sets()
            .hosted_zone_id(self.zone())
            .change_batch(batch(changes))
            .send()
            .await;
        match answer {
            Ok(answer) => Ok(answer.change_info.unwrap().id),
            Err(error) => {
                let (code, status) = refused(&error);
                let message = format!("{:?}", error.into_service_error());
                Err((code, status, message))
            }
        }
    }

    /// DELETE of what was read, CREATE of the same with roles swapped.
    async fn flip(&self, sets: &[ResourceRecordSet]) -> Result<String, (String, u16, String)> {
        let deletes = sets.iter().map(|s| change(ChangeAction::Delete, s));
        let creates = sets.iter().map(|s| {
            let role = match &s.failover {
                Some(Failover::Primary) => Failover::Secondary,
                _secondary => Failover::Primary,
            };
            change(ChangeAction::Create, &with_role(s, role))
        });
        self.change(deletes.chain(creates)).await
    }
}

#[tokio::test]
async fn a_flip_is_a_compare_and_swap_that_propagates() {
    let bench = Bench::new().await;
    let sets = bench.failover_sets().await;
    assert_eq!(sets.len(), 2);
    assert_eq!(bench.answers(), Some(region(ACTIVE)));

    let id = bench.flip(&sets).await.unwrap();
    let status = |id: String| async {
        let change = bench.route53().get_change().id(id).send().await.unwrap();
        change.change_info.unwrap().status
    };
    assert_eq!(status(id.clone()).await, ChangeStatus::Pending);
    assert_eq!(bench.answers(), Some(region(ACTIVE)), "not served yet");

    bench.advance(30);
    assert_eq!(status(id).await, ChangeStatus::Insync);
    assert_eq!(bench.answers(), Some(region(STANDBY)));
    assert!(!bench.world.ever_unresolvable());

    let (code, status, message) = bench.flip(&sets).await.unwrap_err();
    assert_eq!((code.as_str(), status), ("InvalidChangeBatch", 400));
    assert!(
        message.contains("do not match the current values"),
        "{message}"
    );
}

#[tokio::test]
async fn a_batch_is_all_or_nothing() {
    let bench = Bench::new().await;
    let before = bench.failover_sets().await;
    let good = txt("_failoverd.app.shop.example.", "\"epoch=1\"");
    let cases = [
        (
            vec![
                change(ChangeAction::Create, &good),
                change(ChangeAction::Create, &before[0]),
            ],
            "already exists",
        ),
        (
            vec![
                change(ChangeAction::Create, &good),
                change(ChangeAction::Delete, &txt("gone.shop.example.", "\"x\"")),
            ],
            "was not found",
        ),
        (
            vec![
                change(ChangeAction::Create, &good),
                change(ChangeAction::Delete, &before[0]),
                change(ChangeAction::Delete, &before[0]),
            ],
            "invalid set of changes",
        ),
        (
            vec![change(
                ChangeAction::Create,
                &txt("a.other.example.", "\"x\""),
            )],
            "is not permitted in zone",
        ),
        (
            vec![change(
                ChangeAction::Create,
                &txt("t.shop.example.", "bare"),
            )],
            "enclosed in quotation marks",
        ),
        (
            vec![change(
                ChangeAction::Upsert,
                &with_role(&before[0], before[1].failover.clone().unwrap()),
            )],
            "same role",
        ),
    ];
    for (changes, why) in cases {
        let (code, status, message) = bench.change(changes).await.unwrap_err();
        assert_eq!(
            (code.as_str(), status),
            ("InvalidChangeBatch", 400),
            "{why}"
        );
        assert!(message.contains(why), "{message}");
    }
    assert_eq!(bench.failover_sets().await, before);

    // An UPSERT of the very same is fine.
    bench
        .change([change(ChangeAction::Upsert, &before[0])])
        .await
        .unwrap();
}

#[tokio::test]
async fn a_delete_must_match_every_field() {
    let bench = Bench::new().await;
    let set = bench.failover_sets().await.remove(0);
    let mut ttl = set.clone();
    ttl.ttl = Some(31);
    let mut value = set.clone();
    value.resource_records.as_mut().unwrap()[0].value = "192.0.2.99".to_owned();
    let mut check = set.clone();
    check.health_check_id = None;
    let other = match &set.failover {
        Some(Failover::Primary) => Failover::Secondary,
        _secondary => Failover::Primary,
    };
    let role = with_role(&set, other);
    for wrong in [ttl, value, check, role] {
        let (code, ..) = bench
            .change([change(ChangeAction::Delete, &wrong)])
            .await
            .unwrap_err();
        assert_eq!(code, "InvalidChangeBatch", "{wrong:?}");
    }
}

#[tokio::test]
async fn a_second_batch_at_once_waits_for_the_first() {
    let bench = Bench::new().await;
    let record = |n: u8| txt(&format!("t{n}.shop.example."), "\"x\"");
    bench
        .change([change(ChangeAction::Create, &record(1))])
        .await
        .unwrap();
    let (code, status, _) = bench
        .change([change(ChangeAction::Create, &record(2))])
        .await
        .unwrap_err();
    assert_eq!((code.as_str(), status), ("PriorRequestNotComplete", 400));
    bench.advance(1);
    bench
        .change([change(ChangeAction::Create, &record(2))])
        .await
        .unwrap();
}

#[tokio::test]
async fn listings_page_at_three_hundred_and_escape_names() {
    let bench = Bench::with(|setup| {
        for n in 0..650 {
            setup.dns.records.push(RecordSet {
                name: format!("h{n:03}.shop.example."),
                record_type: "A".to_owned(),
                set_identifier: None,
                failover: None,
                weight: None,
                ttl: Some(60),
                values: vec!["192.0.2.1".to_owned()],
                alias: None,
                health_check_id: None,
            });
        }
        let mut wild = setup.dns.records[2].clone();
        wild.name = "*.shop.example.".to_owned();
        setup.dns.records.push(wild);
    })
    .await;
    let client = bench.route53();
    let mut names = Vec::new();
    let mut pages = 0;
    let mut next = client
        .list_resource_record_sets()
        .hosted_zone_id(bench.zone());
    loop {
        let page = next.send().await.unwrap();
        pages += 1;
        names.extend(page.resource_record_sets.iter().map(|s| s.name.clone()));
        if !page.is_truncated {
            break;
        }
        next = client
            .list_resource_record_sets()
            .hosted_zone_id(bench.zone())
            .set_start_record_name(page.next_record_name)
            .set_start_record_type(page.next_record_type)
            .set_start_record_identifier(page.next_record_identifier);
    }
    assert_eq!((pages, names.len()), (3, 653));
    assert_eq!(names[0], "\\052.shop.example.");

    let wild = client
        .list_resource_record_sets()
        .hosted_zone_id(bench.zone())
        .start_record_name("*.shop.example")
        .max_items(1)
        .send()
        .await
        .unwrap();
    assert_eq!(wild.resource_record_sets[0].name, "\\052.shop.example.");
    assert!(wild.is_truncated);
}

#[tokio::test]
async fn zones_checks_and_their_absence() {
    let bench = Bench::new().await;
    let client = bench.route53();
    let zone = client
        .get_hosted_zone()
        .id(bench.zone())
        .send()
        .await
        .unwrap();
    assert_eq!(zone.hosted_zone.unwrap().name, "shop.example.");
    let checks = client.list_health_checks().send().await.unwrap();
    assert_eq!(checks.health_checks.len(), 2);
    let id = checks.health_checks[0].id.clone();
    let check = client.get_health_check().health_check_id(id).send().await;
    assert_eq!(check.unwrap().health_check.unwrap().health_check_version, 1);

    let error = client
        .get_hosted_zone()
        .id("ZNONE")
        .send()
        .await
        .unwrap_err();
    assert_eq!(refused(&error), ("NoSuchHostedZone".to_owned(), 404));
    let error = client
        .list_resource_record_sets()
        .hosted_zone_id("ZNONE")
        .send()
        .await
        .unwrap_err();
    assert!(error.into_service_error().is_no_such_hosted_zone());
    let error = client.get_change().id("CNONE").send().await.unwrap_err();
    assert!(error.into_service_error().is_no_such_change());
    let error = client
        .get_health_check()
        .health_check_id("none")
        .send()
        .await
        .unwrap_err();
    assert!(error.into_service_error().is_no_such_health_check());

    let error = bench
        .route53_in("eu-west-1")
        .get_hosted_zone()
        .id(bench.zone())
        .send()
        .await
        .unwrap_err();
    assert_eq!(refused(&error), ("SignatureDoesNotMatch".to_owned(), 403));
}

#[tokio::test]
async fn failover_follows_health_and_falls_back_by_itself() {
    let bench = Bench::new().await;
    let down = Fault::RegionDown {
        region: region(ACTIVE),
    };
    bench.sandbox.inject(down.clone());
    bench.advance(29);
    assert_eq!(
        bench.answers(),
        Some(region(ACTIVE)),
        "three checks not done"
    );
    bench.advance(1);
    assert_eq!(bench.answers(), Some(region(STANDBY)));

    let both = Fault::RegionDown {
        region: region(STANDBY),
    };
    bench.sandbox.inject(both.clone());
    bench.advance(30);
    assert_eq!(
        bench.answers(),
        Some(region(ACTIVE)),
        "nobody healthy: primary"
    );

    bench.sandbox.clear(&both);
    bench.sandbox.clear(&down);
    bench.advance(30);
    assert_eq!(bench.answers(), Some(region(ACTIVE)));
    assert!(!bench.world.ever_unresolvable());
}

#[tokio::test]
async fn alias_records_follow_their_targets_health() {
    let bench = Bench::with(|setup| {
        let primary = setup.alias_record(NAME, &region(ACTIVE), FailoverRole::Primary);
        let secondary = setup.alias_record(NAME, &region(STANDBY), FailoverRole::Secondary);
        setup.dns.records = vec![primary, secondary];
    })
    .await;
    let sets = bench.failover_sets().await;
    let alias: &AliasTarget = sets[0].alias_target.as_ref().unwrap();
    assert!(alias.evaluate_target_health);
    assert_eq!(sets[0].ttl, None);
    bench.sandbox.inject(Fault::RegionDown {
        region: region(ACTIVE),
    });
    bench.advance(30);
    assert_eq!(bench.answers(), Some(region(STANDBY)));
    bench.flip(&sets).await.unwrap();
    bench.advance(30);
    assert_eq!(bench.answers(), Some(region(STANDBY)));
}

#[tokio::test]
async fn removing_both_sets_is_seen_as_unresolvable() {
    let bench = Bench::new().await;
    let sets = bench.failover_sets().await;
    let deletes = sets.iter().map(|s| change(ChangeAction::Delete, s));
    bench.change(deletes).await.unwrap();
    assert!(!bench.world.ever_unresolvable());
    bench.advance(30);
    assert_eq!(bench.answers(), None);
    assert!(bench.world.ever_unresolvable());
}

#[tokio::test]
async fn somebody_else_changes_a_record() {
    let bench = Bench::new().await;
    let frozen = bench.failover_sets().await;
    bench.sandbox.inject(Fault::RecordChangedBy {
        name: "app.shop.example".to_owned(),
        ttl: 299,
    });
    let (code, ..) = bench.flip(&frozen).await.unwrap_err();
    assert_eq!(code, "InvalidChangeBatch");
    let now = bench.failover_sets().await;
    assert!(now.iter().all(|s| s.ttl == Some(299)));
    bench.flip(&now).await.unwrap();
}

/// Of a hundred answers so many are the active Region's.
fn active_answers(bench: &Bench) -> usize {
    let answers = (0..100_u8).filter_map(|roll| bench.world.resolve(roll));
    answers.filter(|(of, _)| *of == region(ACTIVE)).count()
}

impl Bench {
    /// Gives the two record sets of the name these weights in one batch, the active Region's first.
    async fn weigh(&self, [active, standby]: [i64; 2]) -> Result<String, (String, u16, String)> {
        let sets = self.failover_sets().await;
        let deletes = sets.iter().map(|set| change(ChangeAction::Delete, set));
        let creates = sets.iter().map(|set| {
            let mut set = set.clone();
            let is_active = set.set_identifier.as_deref() == Some(ACTIVE);
            set.weight = Some(if is_active { active } else { standby });
            change(ChangeAction::Create, &set)
        });
        self.change(deletes.chain(creates)).await
    }
}

#[tokio::test]
async fn weighted_sets_answer_by_weight_and_health() {
    let bench = Bench::with(|setup| *setup = setup.clone().with_weighted_records()).await;
    assert_eq!(active_answers(&bench), 100);
    bench.weigh([75, 25]).await.unwrap();
    bench.advance(30);
    assert_eq!(active_answers(&bench), 75);

    // Who is unhealthy is not answered, whatever its weight; weight 0 is better than nothing.
    let down = Fault::RegionDown {
        region: region(ACTIVE),
    };
    bench.sandbox.inject(down.clone());
    bench.advance(30);
    assert_eq!(active_answers(&bench), 0);
    bench.weigh([100, 0]).await.unwrap();
    bench.advance(30);
    assert_eq!(active_answers(&bench), 0);
    assert!(!bench.world.ever_all_record_weights_zero());

    bench.sandbox.clear(&down);
    bench.weigh([0, 0]).await.unwrap();
    bench.advance(30);
    assert_eq!(active_answers(&bench), 50);
    assert!(bench.world.ever_all_record_weights_zero());
}

#[tokio::test]
async fn a_weight_is_a_byte_and_no_role_beside_it() {
    let bench = Bench::with(|setup| *setup = setup.clone().with_weighted_records()).await;
    assert_eq!(bench.weigh([256, 0]).await.unwrap_err().0, "InvalidInput");
    let set = bench.failover_sets().await.remove(0);
    let mut both = set.clone();
    both.failover = Some(Failover::Primary);
    let changes = [
        change(ChangeAction::Delete, &set),
        change(ChangeAction::Create, &both),
    ];
    assert_eq!(bench.change(changes).await.unwrap_err().0, "InvalidInput");
    both.weight = None;
    let changes = [
        change(ChangeAction::Delete, &set),
        change(ChangeAction::Create, &both),
    ];
    let refused = bench.change(changes).await.unwrap_err();
    assert_eq!(refused.0, "InvalidChangeBatch");
}
