use super::*;
use crate::actuate::AwsActuator;
use crate::actuate::testing::{Asked, Canned, Reply, actuator_for, application, held, lapsed};
use crate::model::{AppId, Intent, RunId, StepId, Variant};
use crate::ports::{Actuator, Call};

const WEST: &str = "arn:aws:route53-recovery-control::1:controlpanel/p/routingcontrol/west";
const EAST: &str = "arn:aws:route53-recovery-control::1:controlpanel/p/routingcontrol/east";

/// What an endpoint answers.
type Script = fn(&Asked) -> Reply;

/// The cluster's endpoints, one server each.
struct Cluster {
    servers: Vec<Option<Canned>>,
    endpoints: Vec<ClusterEndpoint>,
    actuator: AwsActuator,
}

const REGIONS: [&str; 3] = ["us-east-1", "eu-west-1", "ap-southeast-2"];

impl Cluster {
    /// Each endpoint answers as told; where there is no script nobody listens.
    async fn start(scripts: [Option<Script>; 3]) -> Self {
        let mut servers = Vec::new();
        let mut endpoints = Vec::new();
        for (region, script) in REGIONS.into_iter().zip(scripts) {
            let server = match script {
                Some(script) => Some(Canned::start(script).await),
                None => None,
            };
            let base = match &server {
                Some(server) => server.url.clone(),
                None => nobody(),
            };
            endpoints.push(ClusterEndpoint {
                region: region.into(),
                url: format!("{base}/v1"),
            });
            servers.push(server);
        }
        let mut application = application("");
        // Each endpoint by its own name, as in real life.
        application.aws.endpoint_url = None;
        // So long that a loaded host does not make a timeout of an answer.
        application.aws.call_timeout = crate::model::Millis(1_000);
        Self {
            servers,
            endpoints,
            actuator: actuator_for(&application).await,
        }
    }

    fn intent(&self, states: [(&str, &str, bool); 2], rules: &[&str]) -> Intent {
        Intent::RoutingControl {
            endpoints: self.endpoints.clone(),
            states: states
                .map(|(region, arn, on)| RoutingState {
                    region: region.into(),
                    arn: arn.to_owned(),
                    on,
                })
                .to_vec(),
            override_safety_rules: rules.iter().map(|rule| (*rule).to_owned()).collect(),
        }
    }

    fn switch(&self) -> Intent {
        self.intent([("us-east-1", EAST, true), ("eu-west-1", WEST, false)], &[])
    }

    async fn apply(&self, intent: &Intent, attempt: u32, proof: &Proof) -> CallOutcome {
        let (run, step) = (RunId::from("shop-1"), StepId::from("switch"));
        let call = Call {
            run: &run,
            step: &step,
            attempt,
            intent,
            variant: Variant::AsPlanned,
        };
        self.actuator
            .apply(&AppId::from("shop"), &call, proof)
            .await
    }

    /// How many requests each endpoint has got.
    fn asked(&self) -> Vec<usize> {
        let asked = |server: &Option<Canned>| server.as_ref().map_or(0, |s| s.asked().len());
        self.servers.iter().map(asked).collect()
    }

    fn first(&self) -> &Canned {
        self.servers[0].as_ref().unwrap()
    }
}

/// An address where nobody listens.
fn nobody() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

fn json(status: u16, body: &str) -> Reply {
    Reply::Answer(
        status,
        "application/x-amz-json-1.0",
        body.as_bytes().to_vec(),
    )
}

/// As long as users come in by the west.
fn west_is_on(asked: &Asked) -> Reply {
    if asked.is("UpdateRoutingControlStates") {
        return json(200, "{}");
    }
    let on = asked.body.contains(WEST);
    let (arn, word) = if on { (WEST, "On") } else { (EAST, "Off") };
    json(
        200,
        &format!(r#"{{"RoutingControlArn":"{arn}","RoutingControlState":"{word}"}}"#),
    )
}

fn busy_endpoint(_: &Asked) -> Reply {
    json(
        503,
        r#"{"__type":"EndpointTemporarilyUnavailableException","message":"try another"}"#,
    )
}

fn silent(_: &Asked) -> Reply {
    Reply::Hang
}

fn conflict(_: &Asked) -> Reply {
    json(
        409,
        r#"{"__type":"ConflictException","message":"rule r-1","resourceId":"r","resourceType":"t"}"#,
    )
}

#[tokio::test]
async fn both_controls_change_in_one_call_signed_for_the_endpoints_own_region() {
    let cluster = Cluster::start([Some(west_is_on), Some(west_is_on), Some(west_is_on)]).await;
    let rules = ["arn:aws:rule-1"];
    let states = [("us-east-1", EAST, true), ("eu-west-1", WEST, false)];
    let intent = cluster.intent(states, &rules);
    let outcome = cluster.apply(&intent, 1, &held()).await;
    assert_eq!(outcome, CallOutcome::Accepted);
    assert_eq!(cluster.asked(), [1, 0, 0]);
    let asked = cluster.first().asked().pop().unwrap();
    assert!(asked.head.starts_with("POST /v1"), "{}", asked.head);
    assert!(
        asked
            .head
            .contains("ToggleCustomerAPI.UpdateRoutingControlStates")
    );
    assert_eq!(asked.signed_for(), "us-east-1/route53-recovery-cluster");
    let sent: serde_json::Value = serde_json::from_str(&asked.body).unwrap();
    assert_eq!(
        sent,
        serde_json::json!({
            "UpdateRoutingControlStateEntries": [
                { "RoutingControlArn": EAST, "RoutingControlState": "On" },
                { "RoutingControlArn": WEST, "RoutingControlState": "Off" },
            ],
            "SafetyRulesToOverride": ["arn:aws:rule-1"],
        })
    );
    // Nothing is overridden that the author did not name.
    cluster.apply(&cluster.switch(), 1, &held()).await;
    let plain = cluster.first().asked().pop().unwrap();
    assert!(!plain.body.contains("SafetyRulesToOverride"));
}

#[tokio::test]
async fn the_goal_is_met_when_every_control_is_as_wanted() {
    let cluster = Cluster::start([Some(west_is_on), Some(west_is_on), Some(west_is_on)]).await;
    let app = AppId::from("shop");
    let seen = cluster.actuator.observe(&app, &cluster.switch()).await;
    assert_eq!(seen.goal, Goal::NotMet);
    assert_eq!(seen.seen, "routing controls us-east-1 Off, eu-west-1 On");
    let home = [("us-east-1", EAST, false), ("eu-west-1", WEST, true)];
    let seen = cluster
        .actuator
        .observe(&app, &cluster.intent(home, &[]))
        .await;
    assert_eq!(seen.goal, Goal::Met);
}

#[tokio::test]
async fn a_read_goes_from_endpoint_to_endpoint_and_remembers_who_answered() {
    let cluster = Cluster::start([None, Some(busy_endpoint), Some(west_is_on)]).await;
    let app = AppId::from("shop");
    let intent = cluster.switch();
    let seen = cluster.actuator.observe(&app, &intent).await;
    assert_eq!(seen.goal, Goal::NotMet, "{seen:?}");
    // Asked for the first control only: the second goes to who has answered.
    assert_eq!(cluster.asked(), [0, 1, 2]);
    cluster.actuator.observe(&app, &intent).await;
    assert_eq!(cluster.asked(), [0, 1, 4]);
}

#[tokio::test]
async fn where_nobody_answers_nothing_is_known() {
    let cluster = Cluster::start([None, Some(busy_endpoint), None]).await;
    let app = AppId::from("shop");
    let seen = cluster.actuator.observe(&app, &cluster.switch()).await;
    assert!(matches!(seen.goal, Goal::Unobservable { .. }), "{seen:?}");
}

#[tokio::test]
async fn an_endpoint_that_was_sent_nothing_is_followed_by_the_next_at_once() {
    let cluster = Cluster::start([None, Some(west_is_on), Some(west_is_on)]).await;
    let outcome = cluster.apply(&cluster.switch(), 1, &held()).await;
    assert_eq!(outcome, CallOutcome::Accepted);
    assert_eq!(cluster.asked(), [0, 1, 0]);
}

#[tokio::test]
async fn an_unknown_outcome_ends_the_attempt_and_the_next_one_begins_elsewhere() {
    for script in [silent as Script, busy_endpoint] {
        let cluster = Cluster::start([Some(script), Some(west_is_on), Some(west_is_on)]).await;
        let intent = cluster.switch();
        let outcome = cluster.apply(&intent, 1, &held()).await;
        assert!(
            matches!(outcome, CallOutcome::Unknown { .. }),
            "{outcome:?}"
        );
        assert_eq!(cluster.asked(), [1, 0, 0]);
        let outcome = cluster.apply(&intent, 2, &held()).await;
        assert_eq!(outcome, CallOutcome::Accepted);
        assert_eq!(cluster.asked(), [1, 1, 0]);
        // Of three, the sixth attempt begins with the third.
        assert_eq!(
            cluster.apply(&intent, 6, &held()).await,
            CallOutcome::Accepted
        );
        assert_eq!(cluster.asked(), [1, 1, 1]);
    }
}

#[tokio::test]
async fn a_write_goes_where_the_look_before_it_was_answered() {
    let cluster =
        Cluster::start([Some(busy_endpoint), Some(busy_endpoint), Some(west_is_on)]).await;
    let intent = cluster.switch();
    cluster
        .actuator
        .observe(&AppId::from("shop"), &intent)
        .await;
    assert_eq!(cluster.asked(), [1, 1, 2]);
    let outcome = cluster.apply(&intent, 1, &held()).await;
    assert_eq!(outcome, CallOutcome::Accepted);
    assert_eq!(cluster.asked(), [1, 1, 3]);
}

/// Reads are answered, and writes are not.
fn deaf(asked: &Asked) -> Reply {
    if asked.is("UpdateRoutingControlStates") {
        return Reply::Hang;
    }
    west_is_on(asked)
}

#[tokio::test]
async fn an_endpoint_that_left_a_write_unanswered_comes_last_though_it_answers_reads() {
    let cluster = Cluster::start([Some(west_is_on), Some(deaf), None]).await;
    let app = AppId::from("shop");
    let mut intent = cluster.switch();
    if let Intent::RoutingControl { endpoints, .. } = &mut intent {
        endpoints.rotate_left(1);
    }
    cluster.actuator.observe(&app, &intent).await;
    let outcome = cluster.apply(&intent, 1, &held()).await;
    assert!(
        matches!(outcome, CallOutcome::Unknown { .. }),
        "{outcome:?}"
    );
    assert_eq!(cluster.asked(), [0, 3, 0]);
    cluster.actuator.observe(&app, &intent).await;
    assert_eq!(cluster.asked(), [0, 5, 0]);
    // The next in turn listens no more; the one after it does.
    let outcome = cluster.apply(&intent, 2, &held()).await;
    assert_eq!(outcome, CallOutcome::Accepted);
    assert_eq!(cluster.asked(), [1, 5, 0]);
}

#[tokio::test]
async fn a_safety_rule_refuses_and_says_what_may_be_done() {
    let cluster = Cluster::start([Some(conflict), Some(west_is_on), Some(west_is_on)]).await;
    let outcome = cluster.apply(&cluster.switch(), 1, &held()).await;
    let CallOutcome::Refused { code, message } = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(code, SAFETY_RULE);
    assert!(message.contains("rule r-1"), "{message}");
    assert!(message.contains("override_safety_rules"), "{message}");
    // What one endpoint refuses is not asked of another.
    assert_eq!(cluster.asked(), [1, 0, 0]);
}

#[tokio::test]
async fn nobody_is_asked_to_turn_everything_off() {
    let cluster = Cluster::start([Some(west_is_on), Some(west_is_on), Some(west_is_on)]).await;
    let nothing = [("us-east-1", EAST, false), ("eu-west-1", WEST, false)];
    let outcome = cluster
        .apply(&cluster.intent(nothing, &[]), 1, &held())
        .await;
    assert!(
        matches!(&outcome, CallOutcome::Refused { code, .. } if code == "nothing_would_serve"),
        "{outcome:?}"
    );
    assert_eq!(cluster.asked(), [0, 0, 0]);
}

#[tokio::test]
async fn without_proof_no_endpoint_is_sent_anything() {
    let cluster = Cluster::start([None, Some(west_is_on), Some(west_is_on)]).await;
    let outcome = cluster.apply(&cluster.switch(), 1, &lapsed()).await;
    assert!(
        matches!(outcome, CallOutcome::NotSent { .. }),
        "{outcome:?}"
    );
    assert_eq!(cluster.asked(), [0, 0, 0]);
}
