use super::*;
use crate::actuate::testing::{Asked, Canned, Reply, actuator, held};
use crate::model::{Intent, RunId, StepId, Variant, epoch_record};
use crate::ports::Actuator;

const NAME: &str = "www.example.com.";

fn set(region: &str, failover: FailoverRole) -> RecordSet {
    RecordSet {
        name: NAME.to_owned(),
        record_type: "A".to_owned(),
        set_identifier: Some(region.to_owned()),
        failover: Some(failover),
        weight: None,
        ttl: Some(30),
        values: vec!["192.0.2.1".to_owned()],
        alias: None,
        health_check_id: Some(format!("hc-{region}")),
    }
}

fn epoch(number: u64) -> RecordSet {
    epoch_record(NAME, &AppId::from("shop"), Epoch(number))
}

fn before() -> Vec<RecordSet> {
    vec![
        set("eu-west-1", FailoverRole::Primary),
        set("us-east-1", FailoverRole::Secondary),
        epoch(6),
    ]
}

fn after() -> Vec<RecordSet> {
    vec![
        set("us-east-1", FailoverRole::Primary),
        set("eu-west-1", FailoverRole::Secondary),
        epoch(7),
    ]
}

fn judged(standing: &[RecordSet]) -> Goal {
    judge_flip(&before(), &after(), standing)
}

/// As the planner makes it: under this run's own epoch both ways.
fn judged_giving_back(standing: &[RecordSet]) -> Goal {
    let mut back = before();
    back[2] = epoch(7);
    judge_flip(&after(), &back, standing)
}

fn judge_flip(delete: &[RecordSet], create: &[RecordSet], standing: &[RecordSet]) -> Goal {
    let flip = Flip {
        app: &AppId::from("shop"),
        zone: "Z1",
        delete,
        create,
        epoch_name: "_failoverd.www.example.com.",
        epoch: Epoch(7),
    };
    judge(&flip, standing).goal
}

#[test]
fn the_goal_is_what_stands() {
    assert_eq!(judged(&before()), Goal::NotMet);
    assert_eq!(judged(&after()), Goal::Met);
    let mut newer = after();
    newer[2] = epoch(8);
    assert_eq!(judged(&newer), Goal::StaleEpoch { seen: 8 });
    for (what, change) in [
        (
            "a TTL",
            (|s: &mut Vec<RecordSet>| s[0].ttl = Some(31)) as fn(&mut Vec<RecordSet>),
        ),
        ("a value", |s| s[1].values = vec!["192.0.2.9".to_owned()]),
        ("a health check", |s| s[0].health_check_id = None),
        ("a set gone", |s| {
            s.remove(1);
        }),
        ("the epoch record gone", |s| {
            s.remove(2);
        }),
        ("half of it", |s| s[0] = after()[1].clone()),
    ] {
        let mut drifted = before();
        change(&mut drifted);
        let goal = judged(&drifted);
        assert!(
            matches!(&goal, Goal::Impossible { code, .. } if code == "drifted"),
            "{what}: {goal:?}"
        );
    }
}

#[test]
fn what_was_never_flipped_need_not_be_given_back() {
    assert_eq!(judged_giving_back(&after()), Goal::NotMet);
    assert_eq!(judged_giving_back(&before()), Goal::Met);
    let mut first_ever = before();
    first_ever.remove(2);
    assert_eq!(judged_giving_back(&first_ever), Goal::Met);
    let mut given_back = before();
    given_back[2] = epoch(7);
    assert_eq!(judged_giving_back(&given_back), Goal::Met);

    let mut newer = before();
    newer[2] = epoch(8);
    assert_eq!(
        judged_giving_back(&newer),
        Goal::StaleEpoch { seen: 8 },
        "somebody newer"
    );
    let mut drifted = before();
    drifted[0].ttl = Some(31);
    assert!(matches!(
        judged_giving_back(&drifted),
        Goal::Impossible { .. }
    ));
    // Forward, the name must be claimed: that the roles stand right is not enough.
    let mut unclaimed = after();
    unclaimed[2] = epoch(6);
    assert!(matches!(judged(&unclaimed), Goal::Impossible { .. }));
}

#[test]
fn anothers_epoch_is_no_epoch() {
    let mut standing = after();
    standing[2].values.push(crate::model::epoch_txt_value(
        &AppId::from("other"),
        Epoch(99),
    ));
    // Not stale, but not what the plan knows either.
    assert!(matches!(judged(&standing), Goal::Impossible { .. }));
}

#[test]
fn names_are_compared_as_names() {
    for (raw, plain) in [
        ("www.Example.com", "www.example.com."),
        ("\\052.example.com.", "*.example.com."),
        ("a\\", "a\\."),
        ("a\\999b.", "a\\999b."),
    ] {
        assert_eq!(plain_name(raw), plain);
    }
}

fn xml(set: &RecordSet) -> String {
    let optional = |tag: &str, value: Option<String>| {
        value.map_or_else(String::new, |value| format!("<{tag}>{value}</{tag}>"))
    };
    let values: String = set
        .values
        .iter()
        .map(|v| format!("<ResourceRecord><Value>{v}</Value></ResourceRecord>"))
        .collect();
    format!(
        "<ResourceRecordSet><Name>{}</Name><Type>{}</Type>{}{}{}<ResourceRecords>{values}\
         </ResourceRecords>{}</ResourceRecordSet>",
        set.name,
        set.record_type,
        optional("SetIdentifier", set.set_identifier.clone()),
        optional(
            "Failover",
            set.failover.map(|role| match role {
                FailoverRole::Primary => "PRIMARY".to_owned(),
                FailoverRole::Secondary => "SECONDARY".to_owned(),
            })
        ),
        optional("TTL", set.ttl.map(|ttl| ttl.to_string())),
        optional("HealthCheckId", set.health_check_id.clone()),
    )
}

fn page(sets: &[RecordSet], next: Option<(&str, &str, &str)>) -> Reply {
    let sets: String = sets.iter().map(xml).collect();
    let next = next.map_or_else(
        || "<IsTruncated>false</IsTruncated>".to_owned(),
        |(name, record_type, identifier)| {
            format!(
                "<IsTruncated>true</IsTruncated><NextRecordName>{name}</NextRecordName>\
                 <NextRecordType>{record_type}</NextRecordType><NextRecordIdentifier>{identifier}\
                 </NextRecordIdentifier>"
            )
        },
    );
    Reply::xml(
        200,
        &format!(
            "<ListResourceRecordSetsResponse xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\">\
             <ResourceRecordSets>{sets}</ResourceRecordSets>{next}<MaxItems>1</MaxItems>\
             </ListResourceRecordSetsResponse>"
        ),
    )
}

/// A zone that answers one set per page, and then whatever comes after in the zone.
fn zone(standing: &[RecordSet], asked: &Asked) -> Reply {
    let of_www: Vec<&RecordSet> = standing.iter().filter(|s| s.record_type == "A").collect();
    let stranger = RecordSet {
        name: "zzz.example.com.".to_owned(),
        ..epoch(99)
    };
    if asked.head.contains("name=_failoverd") {
        let txt: Vec<RecordSet> = standing
            .iter()
            .filter(|s| s.record_type == "TXT")
            .cloned()
            .chain([stranger])
            .collect();
        return page(&txt, None);
    }
    match (asked.head.contains("identifier="), of_www.as_slice()) {
        (false, [first, second, ..]) => page(
            &[(*first).clone()],
            Some((
                NAME,
                "A",
                second.set_identifier.as_deref().unwrap_or_default(),
            )),
        ),
        (true, [_, second, ..]) => page(&[(*second).clone(), stranger], None),
        _ => page(&[stranger], None),
    }
}

fn intent() -> Intent {
    Intent::Route53Failover {
        hosted_zone_id: "Z1".to_owned(),
        primary: RegionId::from("us-east-1"),
        delete: before(),
        create: after(),
        epoch_name: "_failoverd.www.example.com.".to_owned(),
        epoch: Epoch(7),
    }
}

fn change(status: &str, root: &str) -> Reply {
    Reply::xml(
        200,
        &format!(
            "<{root} xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\"><ChangeInfo>\
             <Id>/change/C1</Id><Status>{status}</Status><SubmittedAt>2026-01-01T00:00:00Z\
             </SubmittedAt></ChangeInfo></{root}>"
        ),
    )
}

#[tokio::test]
async fn all_pages_of_a_name_are_read_and_no_more() {
    for (standing, goal) in [(before(), Goal::NotMet), (after(), Goal::Met)] {
        let canned = Canned::start(move |asked| zone(&standing, asked)).await;
        let observation = actuator(&canned.url)
            .await
            .observe(&AppId::from("shop"), &intent())
            .await;
        assert_eq!(observation.goal, goal, "{observation:?}");
        assert_eq!(canned.asked().len(), 3);
        assert!(
            canned
                .asked()
                .iter()
                .all(|asked| asked.signed_for() == "us-east-1/route53")
        );
    }
}

#[tokio::test]
async fn one_batch_then_its_own_change_is_waited_for() {
    let canned = Canned::start(|asked| {
        if asked.head.starts_with("POST ") {
            return change("PENDING", "ChangeResourceRecordSetsResponse");
        }
        if asked.head.contains("/change/C1") {
            return change("PENDING", "GetChangeResponse");
        }
        zone(&after(), asked)
    })
    .await;
    let actuator = actuator(&canned.url).await;
    let (run, step) = (RunId::from("shop-7"), StepId::from("flip-dns"));
    let (app, intent) = (AppId::from("shop"), intent());
    let call = Call {
        run: &run,
        step: &step,
        attempt: 1,
        intent: &intent,
        variant: Variant::AsPlanned,
    };
    assert_eq!(
        actuator.apply(&app, &call, &held()).await,
        CallOutcome::Accepted
    );
    let body = canned.asked()[0].body.clone();
    assert_eq!(body.matches("<Action>DELETE</Action>").count(), 3);
    assert_eq!(body.matches("<Action>CREATE</Action>").count(), 3);
    assert!(body.contains("failoverd epoch=7 app=shop"));
    assert!(body.find("DELETE") < body.find("CREATE"));

    let observation = actuator.observe(&app, &intent).await;
    assert_eq!(observation.goal, Goal::UnderWay, "{observation:?}");
    // A process that does not know of the change takes the sets for it.
    let another = super::super::testing::actuator(&canned.url).await;
    assert_eq!(another.observe(&app, &intent).await.goal, Goal::Met);
}

#[tokio::test]
async fn traffic_is_the_records_and_the_groups() {
    let canned = Canned::start(|asked| {
        if asked.is("DescribeEndpointGroup") {
            return Reply::json(
                200,
                r#"{"EndpointGroup":{"TrafficDialPercentage":40.0,"EndpointDescriptions":
                [{"EndpointId":"e-1","Weight":0,"ClientIPPreservationEnabled":true}]}}"#,
            );
        }
        zone(&before(), asked)
    })
    .await;
    let traffic = actuator(&canned.url)
        .await
        .read_traffic(&AppId::from("shop"))
        .await
        .unwrap();
    assert_eq!(traffic.records, before());
    assert_eq!(traffic.groups.len(), 3);
    let (_, group) = &traffic.groups[0];
    assert_eq!(group.dial_percent, 40);
    assert_eq!(group.endpoints[0].weight, 0);
    assert_eq!(group.endpoints[0].client_ip_preservation, Some(true));
}

#[test]
fn a_weight_that_is_not_the_frozen_one_is_drift() {
    let weighted = |weight: u8| RecordSet {
        failover: None,
        weight: Some(weight),
        ..set("eu-west-1", FailoverRole::Primary)
    };
    let judged = |standing: &[RecordSet]| {
        judge_flip(
            &[weighted(10), epoch(7)],
            &[weighted(25), epoch(7)],
            standing,
        )
    };
    assert_eq!(judged(&[weighted(10), epoch(7)]), Goal::NotMet);
    assert_eq!(judged(&[weighted(25), epoch(7)]), Goal::Met);
    for standing in [weighted(26), set("eu-west-1", FailoverRole::Primary)] {
        let goal = judged(&[standing, epoch(7)]);
        assert!(matches!(goal, Goal::Impossible { .. }), "{goal:?}");
    }
}
