//! Every error that the service models list for the five mutating operations, over a real socket:
//! the SDK parses it, the table judges it.

use super::*;
use crate::actuate::testing::{
    Canned, EAST_ARN, GLOBAL, GROUP_ARN, Reply, actuator, actuator_for, application, held, lapsed,
};
use crate::model::{
    AppId, Epoch, Intent, Millis, NodegroupRef, Promotion, RecordSet, RegionId, RunId, StepId,
    Variant, epoch_record,
};
use crate::ports::{Actuator, Call, CallOutcome};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Is {
    Busy,
    Refused,
    Unknown,
    NotSent,
    Accepted,
}

fn kind(outcome: &CallOutcome) -> Is {
    match outcome {
        CallOutcome::Accepted => Is::Accepted,
        CallOutcome::Refused { .. } => Is::Refused,
        CallOutcome::Busy { .. } => Is::Busy,
        CallOutcome::Unknown { .. } => Is::Unknown,
        CallOutcome::NotSent { .. } => Is::NotSent,
    }
}

fn dial() -> Intent {
    Intent::Dial {
        region: RegionId::from("us-east-1"),
        endpoint_group_arn: GROUP_ARN.to_owned(),
        percent: 100,
    }
}

fn flip() -> Intent {
    let app = AppId::from("shop");
    let set = |ttl| RecordSet {
        ttl: Some(ttl),
        ..epoch_record("www.example.com.", &app, Epoch(1))
    };
    Intent::Route53Failover {
        hosted_zone_id: "Z1".to_owned(),
        primary: RegionId::from("us-east-1"),
        delete: vec![set(30)],
        create: vec![set(60)],
        epoch_name: "_failoverd.www.example.com.".to_owned(),
        epoch: Epoch(1),
    }
}

fn promote(method: Promotion) -> Intent {
    Intent::AuroraPromote {
        global_cluster: GLOBAL.to_owned(),
        target_arn: EAST_ARN.to_owned(),
        target_region: RegionId::from("us-east-1"),
        source_region: RegionId::from("eu-west-1"),
        method,
        escalate_after: None,
    }
}

fn scale() -> Intent {
    Intent::ScaleNodegroup {
        region: RegionId::from("us-east-1"),
        nodegroup: NodegroupRef {
            cluster: "shop".to_owned(),
            name: "web".to_owned(),
        },
        min: 2,
        desired: 6,
        max: 8,
        ready: 4,
        min_ready: None,
    }
}

const NODEGROUP: &str = r#"{"nodegroup":{"nodegroupName":"web","status":"ACTIVE",
    "scalingConfig":{"minSize":1,"desiredSize":1,"maxSize":10},
    "resources":{"autoScalingGroups":[{"name":"asg-web"}]}}}"#;

fn rest_xml(status: u16, code: &str) -> Reply {
    Reply::xml(
        status,
        &format!(
            "<ErrorResponse xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\"><Error><Type>\
             Sender</Type><Code>{code}</Code><Message>m</Message></Error><RequestId>r</RequestId>\
             </ErrorResponse>"
        ),
    )
}

fn query(status: u16, code: &str) -> Reply {
    Reply::xml(
        status,
        &format!(
            "<ErrorResponse xmlns=\"http://rds.amazonaws.com/doc/2014-10-31/\"><Error><Type>\
             Sender</Type><Code>{code}</Code><Message>m</Message></Error><RequestId>r</RequestId>\
             </ErrorResponse>"
        ),
    )
}

fn json(status: u16, code: &str) -> Reply {
    Reply::json(
        status,
        &format!("{{\"__type\":\"{code}\",\"message\":\"m\"}}"),
    )
}

/// Answers what a write needs to be read before it, and the write itself with `reply`.
async fn server(reply: impl Fn() -> Reply + Send + Sync + 'static) -> Canned {
    Canned::start(move |asked| {
        if asked
            .head
            .starts_with("GET /clusters/shop/node-groups/web ")
        {
            Reply::json(200, NODEGROUP)
        } else if asked.is("DescribeGlobalClusters") {
            Reply::Reset
        } else {
            reply()
        }
    })
    .await
}

async fn write(canned: &Canned, intent: &Intent, proof: &crate::ports::Proof) -> CallOutcome {
    let run = RunId::from("shop-1");
    let step = StepId::from("step");
    let call = Call {
        run: &run,
        step: &step,
        attempt: 1,
        intent,
        variant: Variant::AsPlanned,
    };
    actuator(&canned.url)
        .await
        .apply(&AppId::from("shop"), &call, proof)
        .await
}

type Wire = fn(u16, &str) -> Reply;
type Listed = Vec<(u16, &'static str, Is)>;

#[tokio::test]
async fn every_modelled_error_has_its_outcome() {
    let rds = [
        (404, "DBClusterNotFoundFault", Is::Refused),
        (404, "GlobalClusterNotFoundFault", Is::Refused),
        (400, "InvalidDBClusterStateFault", Is::Busy),
        (400, "InvalidGlobalClusterStateFault", Is::Busy),
        // Not modelled, but sent.
        (500, "InternalFailure", Is::Unknown),
    ];
    let operations: [(Intent, Wire, Listed); 5] = [
        (
            dial(),
            json,
            vec![
                (400, "AccessDeniedException", Is::Refused),
                (400, "EndpointGroupNotFoundException", Is::Refused),
                (500, "InternalServiceErrorException", Is::Unknown),
                (400, "InternalServiceErrorException", Is::Unknown),
                (400, "InvalidArgumentException", Is::Refused),
                (400, "LimitExceededException", Is::Refused),
                // Not modelled, but sent.
                (400, "TransactionInProgressException", Is::Busy),
            ],
        ),
        (
            flip(),
            rest_xml,
            vec![
                (400, "InvalidChangeBatch", Is::Refused),
                (400, "InvalidInput", Is::Refused),
                (404, "NoSuchHealthCheck", Is::Refused),
                (404, "NoSuchHostedZone", Is::Refused),
                (400, "PriorRequestNotComplete", Is::Busy),
            ],
        ),
        (promote(Promotion::Switchover), query, rds.to_vec()),
        (
            promote(Promotion::FailoverWithDataLoss),
            query,
            rds.to_vec(),
        ),
        (
            scale(),
            json,
            vec![
                (400, "ClientException", Is::Refused),
                (400, "InvalidParameterException", Is::Refused),
                (400, "InvalidRequestException", Is::Refused),
                (409, "ResourceInUseException", Is::Busy),
                (404, "ResourceNotFoundException", Is::Refused),
                (500, "ServerException", Is::Unknown),
            ],
        ),
    ];
    let generic = [
        (400, "Throttling", Is::Busy),
        (400, "ThrottlingException", Is::Busy),
        (429, "TooManyRequestsException", Is::Busy),
        (429, "SomethingElse", Is::Busy),
        (503, "RequestLimitExceeded", Is::Busy),
        (503, "SlowDown", Is::Busy),
        (403, "AccessDenied", Is::Refused),
        (403, "ExpiredToken", Is::Refused),
        (400, "ExpiredTokenException", Is::Refused),
        (403, "InvalidClientTokenId", Is::Refused),
        (403, "SignatureDoesNotMatch", Is::Refused),
        (400, "ValidationError", Is::Refused),
        // A 4xx that nobody has heard of: read, blamed on the request, not done.
        (400, "NeverHeardOf", Is::Refused),
        (408, "RequestTimeout", Is::Unknown),
        (400, "RequestTimeout", Is::Unknown),
        (500, "InternalFailure", Is::Unknown),
        (500, "NeverHeardOf", Is::Unknown),
        (502, "BadGateway", Is::Unknown),
        (503, "ServiceUnavailable", Is::Unknown),
        (504, "GatewayTimeout", Is::Unknown),
    ];
    for (intent, wire, errors) in operations {
        for (status, code, expected) in errors.into_iter().chain(generic) {
            let canned = server({
                let code = code.to_owned();
                move || wire(status, &code)
            })
            .await;
            let outcome = write(&canned, &intent, &held()).await;
            assert_eq!(
                kind(&outcome),
                expected,
                "{intent}: {status} {code} became {outcome:?}"
            );
            let writes = canned
                .asked()
                .iter()
                .filter(|asked| !asked.head.starts_with("GET "))
                .filter(|asked| !asked.is("DescribeGlobalClusters"))
                .count();
            assert_eq!(writes, 1, "{intent}: {status} {code} was sent again");
        }
    }
}

#[tokio::test]
async fn what_is_not_answered_is_unknown() {
    let intents = [
        dial(),
        flip(),
        promote(Promotion::Switchover),
        promote(Promotion::FailoverWithDataLoss),
        scale(),
    ];
    for intent in intents {
        for reply in [
            Reply::Reset,
            Reply::Hang,
            Reply::Garbage,
            Reply::xml(500, "<not even closed"),
            Reply::json(500, "no json"),
            Reply::xml(301, "<moved/>"),
        ] {
            let what = format!("{intent}: {reply:?}");
            let canned = server(move || reply.clone()).await;
            let outcome = write(&canned, &intent, &held()).await;
            assert_eq!(kind(&outcome), Is::Unknown, "{what} became {outcome:?}");
        }
    }
}

#[tokio::test]
async fn a_lapsed_proof_sends_nothing() {
    let request = Intent::HttpRequest {
        url: String::new(),
        method: "POST".to_owned(),
        body: Some("{}".to_owned()),
        expect_status: Vec::new(),
    };
    let intents = [
        dial(),
        flip(),
        promote(Promotion::Switchover),
        promote(Promotion::FailoverWithDataLoss),
        scale(),
        request,
    ];
    for intent in intents {
        let canned = server(|| Reply::xml(200, "<x/>")).await;
        let intent = match intent {
            Intent::HttpRequest {
                method,
                body,
                expect_status,
                ..
            } => Intent::HttpRequest {
                url: format!("{}/fence", canned.url),
                method,
                body,
                expect_status,
            },
            other => other,
        };
        let outcome = write(&canned, &intent, &lapsed()).await;
        assert_eq!(kind(&outcome), Is::NotSent, "{intent}: {outcome:?}");
        let writes = canned
            .asked()
            .iter()
            .filter(|asked| !asked.head.starts_with("GET "))
            .count();
        assert_eq!(writes, 0, "{intent} was sent");
    }
}

/// The proof holds after signing and lapses while the connection is being made: the second look,
/// at the socket itself, drops it.
#[tokio::test]
async fn a_proof_that_lapses_on_the_way_to_the_socket_sends_nothing() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    let canned = server(|| Reply::json(200, "{}")).await;
    let looks = Arc::new(AtomicU32::new(0));
    let counted = looks.clone();
    let proof = crate::ports::Proof::new(move || counted.fetch_add(1, Ordering::SeqCst) == 0);
    let outcome = write(&canned, &dial(), &proof).await;
    assert_eq!(kind(&outcome), Is::NotSent, "{outcome:?}");
    assert_eq!(looks.load(Ordering::SeqCst), 2);
    assert_eq!(canned.connections(), 1, "it had connected");
    assert!(canned.asked().is_empty());
}

#[tokio::test]
async fn what_was_never_connected_was_not_sent() {
    // A port that was free a moment ago: nobody listens there.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let actuator = actuator_for(&application(&url)).await;
    let run = RunId::from("shop-1");
    let step = StepId::from("step");
    for intent in [dial(), flip(), promote(Promotion::FailoverWithDataLoss)] {
        let call = Call {
            run: &run,
            step: &step,
            attempt: 1,
            intent: &intent,
            variant: Variant::AsPlanned,
        };
        let outcome = actuator.apply(&AppId::from("shop"), &call, &held()).await;
        assert_eq!(kind(&outcome), Is::NotSent, "{intent}: {outcome:?}");
    }
}

#[tokio::test]
async fn a_client_that_hangs_ends_in_time() {
    let canned = server(|| Reply::Hang).await;
    let mut application = application(&canned.url);
    application.aws.call_timeout = Millis(100);
    let actuator = actuator_for(&application).await;
    let observation = actuator.observe(&AppId::from("shop"), &dial()).await;
    assert!(
        matches!(observation.goal, crate::ports::Goal::Unobservable { .. }),
        "{observation:?}"
    );
}

#[tokio::test]
async fn missing_credentials_say_how_to_mend() {
    use crate::actuate::testing::TestClock;
    use crate::actuate::{AwsActuator, AwsOptions};
    use aws_credential_types::provider::{
        self, ProvideCredentials, SharedCredentialsProvider, future,
    };

    #[derive(Debug)]
    struct Fails(fn() -> CredentialsError);
    impl ProvideCredentials for Fails {
        fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            let result: provider::Result = Err((self.0)());
            future::ProvideCredentials::ready(result)
        }
    }

    let cases: [(fn() -> CredentialsError, Is); 3] = [
        (|| CredentialsError::not_loaded("nothing set"), Is::Refused),
        (
            || CredentialsError::invalid_configuration("profile loops"),
            Is::Refused,
        ),
        (
            || CredentialsError::provider_error("STS answered 503"),
            Is::NotSent,
        ),
    ];
    for (error, expected) in cases {
        let canned = server(|| Reply::json(200, "{}")).await;
        let application = application(&canned.url);
        let options = AwsOptions {
            credentials: Some(SharedCredentialsProvider::new(Fails(error))),
            home: None,
        };
        let clock = std::sync::Arc::new(TestClock::at_speed(1));
        let actuator = AwsActuator::new(std::slice::from_ref(&application), clock, options).await;
        let (run, step) = (RunId::from("shop-1"), StepId::from("step"));
        let intent = dial();
        let call = Call {
            run: &run,
            step: &step,
            attempt: 1,
            intent: &intent,
            variant: Variant::AsPlanned,
        };
        let outcome = actuator.apply(&application.name, &call, &held()).await;
        assert_eq!(kind(&outcome), expected, "{outcome:?}");
        let text = format!("{outcome:?}");
        assert!(text.contains("set profile or assume_role"), "{text}");
        assert_eq!(canned.connections(), 0);
    }
}

#[test]
fn every_refusal_that_a_person_can_mend_says_how() {
    for code in [
        "AccessDenied",
        "ExpiredToken",
        "InvalidClientTokenId",
        "SignatureDoesNotMatch",
        "InvalidChangeBatch",
        "GlobalClusterNotFoundFault",
        "ResourceNotFoundException",
    ] {
        assert!(remedy(code).is_some(), "{code}");
    }
}

#[tokio::test]
async fn writes_are_signed_for_the_control_planes_own_regions() {
    let canned = server(|| Reply::Reset).await;
    for (intent, scope) in [
        (dial(), "us-west-2/globalaccelerator"),
        (flip(), "us-east-1/route53"),
        (promote(Promotion::Switchover), "eu-west-1/rds"),
        (promote(Promotion::FailoverWithDataLoss), "us-east-1/rds"),
        (scale(), "us-east-1/eks"),
    ] {
        write(&canned, &intent, &held()).await;
        let last = canned.asked().pop().unwrap();
        assert_eq!(last.signed_for(), scope, "{intent}");
    }
}
