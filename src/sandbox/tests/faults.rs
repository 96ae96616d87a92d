//! What goes wrong between a client and AWS.

use super::{ACTIVE, Bench, STANDBY, refused, region, until};
use crate::sandbox::{Execution, Fault, HoldPoint, LostReply, Reply, Service};

impl Bench {
    async fn raise(&self) -> Result<(), Option<(String, u16)>> {
        self.accelerator()
            .update_endpoint_group()
            .endpoint_group_arn(self.group_arn(STANDBY))
            .traffic_dial_percentage(100.0)
            .send()
            .await
            .map(|_| ())
            .map_err(|error| error.raw_response().map(|_| refused(&error)))
    }

    async fn dial_stands_at(&self) -> f32 {
        let answer = self
            .accelerator()
            .describe_endpoint_group()
            .endpoint_group_arn(self.group_arn(STANDBY))
            .send()
            .await
            .unwrap();
        let group = answer.endpoint_group.unwrap();
        group.traffic_dial_percentage.unwrap()
    }
}

#[tokio::test]
async fn throttling_speaks_each_services_own_words() {
    let bench = Bench::new().await;
    for service in Service::ALL {
        bench.sandbox.inject(Fault::Throttle {
            service,
            percent: 100,
            times: Some(1),
        });
    }
    let zone = &bench.setup().dns.hosted_zone_id;
    let error = bench.route53().get_hosted_zone().id(zone).send().await;
    assert_eq!(refused(&error.unwrap_err()), ("Throttling".to_owned(), 400));
    assert_eq!(
        bench.raise().await.unwrap_err(),
        Some(("ThrottlingException".to_owned(), 400))
    );
    let error = bench.rds(ACTIVE).describe_global_clusters().send().await;
    assert_eq!(refused(&error.unwrap_err()), ("Throttling".to_owned(), 400));
    let error = bench
        .eks(ACTIVE)
        .describe_cluster()
        .name("shop")
        .send()
        .await;
    assert_eq!(
        refused(&error.unwrap_err()),
        ("ThrottlingException".to_owned(), 429)
    );
    let error = bench
        .autoscaling(ACTIVE)
        .describe_auto_scaling_groups()
        .send()
        .await;
    assert_eq!(refused(&error.unwrap_err()), ("Throttling".to_owned(), 400));
    let error = bench.cloudwatch(ACTIVE).get_metric_data().send().await;
    assert_eq!(refused(&error.unwrap_err()), ("Throttling".to_owned(), 400));
    let error = bench.sts(ACTIVE).get_caller_identity().send().await;
    assert_eq!(refused(&error.unwrap_err()), ("Throttling".to_owned(), 400));
    // Once each.
    bench.raise().await.unwrap();
    let refused = bench.world.request_log().into_iter().filter(
        |r| matches!(&r.execution, Execution::Refused { code } if code.starts_with("Throttling")),
    );
    assert_eq!(refused.count(), 7);
}

#[tokio::test]
async fn a_lost_reply_is_an_executed_call() {
    let bench = Bench::new().await;
    bench.sandbox.inject(Fault::LoseReply {
        service: Service::GlobalAccelerator,
        operation: "UpdateEndpointGroup".to_owned(),
        times: 1,
        how: LostReply::Reset,
    });
    assert_eq!(bench.raise().await, Err(None), "no answer at all");
    assert_eq!(bench.dial_stands_at().await, 100.0);
    let log = bench.world.request_log();
    assert_eq!(log[0].execution, Execution::Executed);
    assert_eq!(log[0].reply, Reply::Lost);
    assert_eq!(log[0].caller, "AKIDEXAMPLE");
    bench.advance(1);
    bench.raise().await.unwrap();
}

#[tokio::test]
async fn a_silent_reply_keeps_the_caller_waiting() {
    let bench = Bench::new().await;
    bench.sandbox.inject(Fault::LoseReply {
        service: Service::GlobalAccelerator,
        operation: "UpdateEndpointGroup".to_owned(),
        times: 1,
        how: LostReply::Silence,
    });
    let executed = until("the call is executed and lost", || {
        let log = bench.world.request_log();
        log.first().is_some_and(|r| r.reply == Reply::Lost)
    });
    tokio::select! {
        answer = bench.raise() => panic!("answered: {answer:?}"),
        () = executed => {}
    }
    assert_eq!(bench.dial_stands_at().await, 100.0);
}

#[tokio::test]
async fn a_hanging_control_plane_neither_answers_nor_executes() {
    let bench = Bench::new().await;
    let gone = Fault::ControlPlaneGone {
        region: region(ACTIVE),
    };
    bench.sandbox.inject(gone.clone());
    let received = until("the call is received", || {
        !bench.world.request_log().is_empty()
    });
    tokio::select! {
        answer = bench.rds(ACTIVE).describe_global_clusters().send() => panic!("{answer:?}"),
        () = received => {}
    }
    assert_eq!(
        bench.world.request_log()[0].execution,
        Execution::NotExecuted
    );
    // Elsewhere all is well, and other services of the Region's are gone too.
    bench
        .rds(STANDBY)
        .describe_global_clusters()
        .send()
        .await
        .unwrap();
    let received = until("the next call is received", || {
        bench.world.request_log().len() == 3
    });
    tokio::select! {
        answer = bench.eks(ACTIVE).describe_cluster().name("shop").send() => panic!("{answer:?}"),
        () = received => {}
    }
    bench.sandbox.clear(&gone);
    bench
        .rds(ACTIVE)
        .describe_global_clusters()
        .send()
        .await
        .unwrap();
}

#[tokio::test]
async fn one_service_can_hang_or_fail_everywhere() {
    let bench = Bench::new().await;
    let hang = Fault::HangControlPlane {
        service: Some(Service::Route53),
        region: None,
    };
    bench.sandbox.inject(hang.clone());
    bench.raise().await.unwrap();
    let received = until("the call is received", || {
        bench.world.request_log().len() == 2
    });
    tokio::select! {
        answer = bench.route53().list_health_checks().send() => panic!("{answer:?}"),
        () = received => {}
    }
    bench.sandbox.clear(&hang);
    bench.sandbox.inject(Fault::FailControlPlane {
        service: Service::Route53,
        status: 503,
        code: None,
    });
    let error = bench.route53().list_health_checks().send().await;
    assert_eq!(
        refused(&error.unwrap_err()),
        ("ServiceUnavailable".to_owned(), 503)
    );
    bench.sandbox.inject(Fault::FailControlPlane {
        service: Service::Sts,
        status: 403,
        code: Some("ExpiredToken".to_owned()),
    });
    let error = bench.sts(ACTIVE).get_caller_identity().send().await;
    assert_eq!(
        refused(&error.unwrap_err()),
        ("ExpiredToken".to_owned(), 403)
    );
}

#[tokio::test]
async fn a_gate_for_one_lets_the_next_overtake_it() {
    let bench = Bench::new().await;
    let mut gate = bench.world.hold_one(
        Service::GlobalAccelerator,
        "UpdateEndpointGroup",
        HoldPoint::BeforeExecution,
    );
    let first = async {
        bench.raise().await.unwrap();
    };
    let second = async {
        gate.reached().await.unwrap();
        bench.raise().await.unwrap();
        let log = bench.world.request_log();
        assert_eq!(log[0].execution, Execution::NotExecuted);
        assert_eq!(log[1].execution, Execution::Executed);
        assert_eq!(gate.held(), 1);
        bench.advance(60);
        gate.release();
    };
    tokio::join!(first, second);
    let log = bench.world.request_log();
    assert_eq!(log[0].execution, Execution::Executed);
}

#[tokio::test]
async fn a_gate_before_execution_holds_releases_and_discards() {
    let bench = Bench::new().await;
    let hold = || {
        bench.world.hold(
            Service::GlobalAccelerator,
            "UpdateEndpointGroup",
            HoldPoint::BeforeExecution,
        )
    };
    let mut gate = hold();
    let visit = async {
        let request = gate.reached().await.unwrap();
        assert_eq!(request.execution, Execution::NotExecuted);
        assert_eq!(bench.dial_stands_at().await, 0.0);
        gate.release();
    };
    let (answer, ()) = tokio::join!(bench.raise(), visit);
    answer.unwrap();
    assert_eq!(bench.dial_stands_at().await, 100.0);

    bench.advance(1);
    let mut gate = hold();
    let visit = async {
        gate.reached().await.unwrap();
        gate.discard();
    };
    let (answer, ()) = tokio::join!(bench.raise(), visit);
    assert_eq!(answer, Err(None));
    let log = bench.world.request_log();
    assert_eq!(log.last().unwrap().execution, Execution::NotExecuted);
}

#[tokio::test]
async fn a_gate_after_execution_outlives_its_caller() {
    let bench = Bench::new().await;
    let mut gate = bench.world.hold(
        Service::GlobalAccelerator,
        "UpdateEndpointGroup",
        HoldPoint::AfterExecution,
    );
    // The caller is gone as soon as the gate is reached, as one that is killed.
    tokio::select! {
        answer = bench.raise() => panic!("{answer:?}"),
        request = gate.reached() => {
            assert_eq!(request.unwrap().execution, Execution::Executed);
        }
    }
    gate.release();
    assert_eq!(bench.dial_stands_at().await, 100.0);
}

#[tokio::test]
async fn what_a_gone_caller_asked_for_is_executed_late() {
    let bench = Bench::new().await;
    let mut gate = bench.world.hold(
        Service::GlobalAccelerator,
        "UpdateEndpointGroup",
        HoldPoint::BeforeExecution,
    );
    tokio::select! {
        answer = bench.raise() => panic!("{answer:?}"),
        _request = gate.reached() => {}
    }
    assert_eq!(bench.dial_stands_at().await, 0.0);
    gate.release();
    until("the late call is executed", || {
        bench.world.request_log()[0].execution == Execution::Executed
    })
    .await;
    assert_eq!(bench.dial_stands_at().await, 100.0);
}

#[test]
fn faults_are_written_in_toml() {
    let faults = [
        ("fault = 'region_down'\nregion = 'eu-west-1'", true),
        ("fault = 'throttle'\nservice = 'route53'\ntimes = 3", true),
        ("fault = 'promotion_stuck'", true),
        ("fault = 'lag'\nlag = 60000", true),
        (
            "fault = 'lose_reply'\nservice = 'rds'\noperation = 'X'",
            true,
        ),
        ("fault = 'meteor'", false),
        ("fault = 'region_down'\nregion = 'a'\nwhy = 'b'", false),
    ];
    for (text, good) in faults {
        let read: Result<Fault, _> = toml::from_str(text);
        assert_eq!(read.is_ok(), good, "{text}: {read:?}");
    }
}
