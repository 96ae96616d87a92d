//! What every write and read meets sooner or later.

use failoverd::model::{Intent, Promotion, Variant};
use failoverd::ports::{CallOutcome, Goal, Proof};
use failoverd::sandbox::{Fault, Service};

use crate::stage::{Stage, standby};

async fn writes_of(stage: &Stage) -> Vec<(Service, Intent)> {
    vec![
        (Service::GlobalAccelerator, stage.dial(&standby(), 100)),
        (Service::Route53, stage.flip(1).await),
        (Service::Rds, stage.promote(Promotion::FailoverWithDataLoss)),
    ]
}

#[tokio::test]
async fn a_throttled_write_is_busy_and_sent_once() {
    let stage = Stage::new().await;
    for (service, intent) in writes_of(&stage).await {
        let fault = Fault::Throttle {
            service,
            percent: 100,
            times: Some(1),
        };
        let before = stage.log().len();
        stage.sandbox.inject(fault.clone());
        let outcome = stage.apply(&intent).await;
        assert!(
            matches!(outcome, CallOutcome::Busy { .. }),
            "{service}: {outcome:?}"
        );
        assert_eq!(stage.log().len(), before + 1);
        stage.sandbox.clear(&fault);
    }
}

#[tokio::test]
async fn a_throttled_read_is_asked_again() {
    let stage = Stage::new().await;
    for (service, intent) in writes_of(&stage).await {
        stage.sandbox.inject(Fault::Throttle {
            service,
            percent: 100,
            times: Some(1),
        });
        let observation = stage.observe(&intent).await;
        assert_eq!(observation.goal, Goal::NotMet, "{service}: {observation:?}");
    }
}

#[tokio::test]
async fn a_service_that_fails_leaves_it_unknown() {
    let stage = Stage::new().await;
    for (service, intent) in writes_of(&stage).await {
        stage.sandbox.inject(Fault::FailControlPlane {
            service,
            status: 503,
            code: None,
        });
        let outcome = stage.apply(&intent).await;
        assert!(
            matches!(outcome, CallOutcome::Unknown { .. }),
            "{service}: {outcome:?}"
        );
        let observation = stage.observe(&intent).await;
        assert!(
            matches!(observation.goal, Goal::Unobservable { .. }),
            "{service}: {observation:?}"
        );
    }
}

#[tokio::test]
async fn a_service_that_hangs_leaves_it_unknown_in_time() {
    let stage = Stage::new().await;
    let writes = writes_of(&stage).await;
    stage.sandbox.inject(Fault::HangControlPlane {
        service: None,
        region: None,
    });
    for (service, intent) in writes {
        let outcome = stage.apply(&intent).await;
        assert!(
            matches!(outcome, CallOutcome::Unknown { .. }),
            "{service}: {outcome:?}"
        );
    }
}

#[tokio::test]
async fn without_a_proof_nothing_is_written() {
    let stage = Stage::new().await;
    let mut writes = writes_of(&stage).await;
    writes.push((Service::Eks, stage.scale(6, 6, None)));
    for (service, intent) in writes {
        let outcome = stage
            .apply_as(&intent, 1, Variant::AsPlanned, &Proof::new(|| false))
            .await;
        assert!(
            matches!(outcome, CallOutcome::NotSent { .. }),
            "{service}: {outcome:?}"
        );
    }
    assert!(stage.writes().is_empty());
}
