//! What is read for the ledger: lag, capacity, traffic; and the role under which it is read.

use failoverd::model::{Alarm, AlarmState, Millis, NodegroupSize, RecordSet, RegionId};
use failoverd::ports::{Actuator, ReadError};
use failoverd::sandbox::{Fault, Service};

use crate::stage::{Stage, active, standby};

#[tokio::test]
async fn lag_is_read_in_world_time_and_in_order() {
    let stage = Stage::new().await;
    let samples = stage.lag().await.unwrap();
    assert!(!samples.is_empty());
    assert!(samples.is_sorted());
    let now = stage.sandbox.world().now();
    assert!(samples.iter().all(|s| s.at <= now));
    assert!(
        samples
            .iter()
            .all(|s| now.since(s.at) <= Millis::from_mins(12))
    );
    assert!(samples.iter().all(|s| s.lag < Millis::from_secs(10)));
    assert!(
        stage
            .log()
            .iter()
            .all(|r| r.service == Service::CloudWatch && r.region == standby())
    );
    stage.nothing_unknown();
}

#[tokio::test]
async fn lag_that_nobody_measures_is_no_sample() {
    let stage = Stage::new().await;
    stage.sandbox.inject(Fault::LagUnknown);
    assert_eq!(stage.lag().await, Ok(Vec::new()));
}

#[tokio::test]
async fn extra_dimensions_are_sent() {
    let stage = Stage::with(
        |setup| setup.database.lag_has_source_region = true,
        |application| {
            application
                .resources
                .lag_dimensions
                .push(("SourceRegion".to_owned(), active().0));
        },
    )
    .await;
    assert!(!stage.lag().await.unwrap().is_empty());
}

#[tokio::test]
async fn alarms_are_read_each_in_its_own_region() {
    let alarm = |region: RegionId, name: &str| Alarm {
        region,
        name: name.to_owned(),
    };
    let alarms = vec![
        alarm(standby(), "shop-users-fail"),
        alarm(active(), "nobody-made-it"),
        alarm(active(), "shop-users-fail"),
    ];
    let stage = Stage::with(
        |_| {},
        |application| application.resources.drill_alarms.clone_from(&alarms),
    )
    .await;
    let read = || stage.actuator.read_alarms(&stage.application.name);
    let states = |read: Vec<(Alarm, Result<AlarmState, ReadError>)>| {
        let (asked, states): (Vec<_>, Vec<_>) = read.into_iter().unzip();
        assert_eq!(asked, alarms);
        states
    };
    let calm = states(read().await);
    assert_eq!([&calm[0], &calm[2]], [&Ok(AlarmState::Ok); 2]);
    assert!(
        matches!(&calm[1], Err(ReadError::Refused { code, .. }) if code == "no_such_alarm"),
        "{calm:?}"
    );
    let before = stage.sandbox.world().now();
    let raised = Fault::AlarmRaised { region: standby() };
    stage.sandbox.inject(raised.clone());
    let loud = states(read().await);
    assert_eq!(loud[2], Ok(AlarmState::Ok));
    // To the millisecond that a float of seconds leaves.
    let Ok(AlarmState::Raised {
        since: Some(since), ..
    }) = &loud[0]
    else {
        panic!("{loud:?}");
    };
    assert!(
        (before - Millis(1)..=stage.sandbox.world().now()).contains(since),
        "{since:?}"
    );
    stage.sandbox.clear(&raised);
    assert_eq!(states(read().await), calm);
    // One Region that does not answer hides no other's.
    stage.sandbox.inject(Fault::HangControlPlane {
        service: Some(Service::CloudWatch),
        region: Some(standby()),
    });
    let mute = states(read().await);
    assert!(
        matches!(mute[0], Err(ReadError::Unobservable { .. })),
        "{mute:?}"
    );
    assert_eq!(mute[2], Ok(AlarmState::Ok));
    stage.nothing_unknown();
}

#[tokio::test]
async fn capacity_is_every_group_of_the_region() {
    let stage = Stage::new().await;
    let sizes = stage
        .actuator
        .read_capacity(&stage.application.name, &active())
        .await
        .unwrap();
    assert_eq!(sizes.len(), 1);
    assert_eq!(
        sizes[0].1,
        NodegroupSize {
            min: 2,
            desired: 6,
            max: 12,
            in_service: 6
        }
    );
    let error = stage
        .actuator
        .read_capacity(&stage.application.name, &RegionId::from("sa-east-1"))
        .await
        .unwrap_err();
    assert!(matches!(error, ReadError::Refused { .. }), "{error}");
}

#[tokio::test]
async fn traffic_asks_nothing_of_the_applications_regions() {
    let stage = Stage::new().await;
    let traffic = stage
        .actuator
        .read_traffic(&stage.application.name)
        .await
        .unwrap();
    let sorted = |mut records: Vec<RecordSet>| {
        records.sort();
        records
    };
    assert_eq!(
        sorted(traffic.records),
        sorted(stage.sandbox.world().setup().dns.records.clone())
    );
    let dials: Vec<u8> = traffic.groups.iter().map(|(_, g)| g.dial_percent).collect();
    assert_eq!(dials, [100, 0]);
    assert!(
        stage
            .log()
            .iter()
            .all(|r| r.region != active() && r.region != standby())
    );
}

#[tokio::test]
async fn a_role_is_assumed_once_in_the_home_region() {
    let stage = Stage::with(
        |_| {},
        |application| {
            application.aws.assume_role =
                Some("arn:aws:iam::123456789012:role/failoverd".to_owned());
            application.aws.external_id = Some("handshake".to_owned());
        },
    )
    .await;
    stage.lag().await.unwrap();
    stage.lag().await.unwrap();
    let log = stage.log();
    let assumed: Vec<_> = log.iter().filter(|r| r.service == Service::Sts).collect();
    assert_eq!(assumed.len(), 1);
    assert_eq!(assumed[0].region, standby());
    assert_eq!(assumed[0].parameters["ExternalId"], "handshake");
}
