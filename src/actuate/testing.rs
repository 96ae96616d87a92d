//! A real server on loopback that answers canned bytes, a clock of any speed, and an application.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::AbortOnDropHandle;

use super::{AwsActuator, AwsOptions};
use crate::model::*;
use crate::ports::{Clock, Proof};

/// World time at a multiple of the host's, standing at one date.
#[derive(Debug)]
pub(super) struct TestClock {
    speed: u32,
}

impl TestClock {
    pub(super) fn at_speed(speed: u32) -> Self {
        Self { speed }
    }
}

/// The date that every [`TestClock`] shows.
pub(super) const TODAY: Wall = Wall(1_700_000_000_000);

impl Clock for TestClock {
    fn now(&self) -> Now {
        Now {
            mono: Mono(0),
            wall: TODAY,
        }
    }

    fn real(&self, world: Millis, floor: Duration) -> Duration {
        (world.as_duration() / self.speed).max(floor)
    }

    fn sleep(&self, world: Millis) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(tokio::time::sleep(self.real(world, Duration::ZERO)))
    }
}

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) head: String,
    pub(super) body: String,
}

impl Asked {
    /// `region/service` of the signature's scope.
    pub(super) fn signed_for(&self) -> String {
        let scope = self
            .head
            .split_once("Credential=")
            .map_or("", |(_, rest)| rest);
        let scope: Vec<&str> = scope.split(['/', ',']).collect();
        match scope.as_slice() {
            [_, _, region, service, ..] => format!("{region}/{service}"),
            _ => String::new(),
        }
    }

    /// Whether it asks for that operation, in whichever way its protocol says so.
    pub(super) fn is(&self, operation: &str) -> bool {
        self.head.contains(&format!(".{operation}\r"))
            || self.body.contains(&format!("Action={operation}&"))
            || self.head.contains(&format!("/operation/{operation} "))
    }
}

/// What a request is answered with.
#[derive(Clone, Debug)]
pub(super) enum Reply {
    /// Status, content type, body.
    Answer(u16, &'static str, Vec<u8>),
    /// The connection ends without an answer.
    Reset,
    /// No answer, ever.
    Hang,
    /// Bytes that are no HTTP.
    Garbage,
}

impl Reply {
    pub(super) fn xml(status: u16, body: &str) -> Self {
        Self::Answer(status, "text/xml", body.as_bytes().to_vec())
    }

    pub(super) fn json(status: u16, body: &str) -> Self {
        Self::Answer(
            status,
            "application/x-amz-json-1.1",
            body.as_bytes().to_vec(),
        )
    }
}

type Script = Arc<dyn Fn(&Asked) -> Reply + Send + Sync>;

/// The server.
pub(super) struct Canned {
    pub(super) url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    connections: Arc<Mutex<usize>>,
    _serving: AbortOnDropHandle<()>,
}

impl Canned {
    pub(super) async fn start(script: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let connections = Arc::new(Mutex::new(0));
        let script: Script = Arc::new(script);
        let (seen, count) = (asked.clone(), connections.clone());
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                *count.lock().unwrap() += 1;
                tokio::spawn(serve(stream, script.clone(), seen.clone()));
            }
        });
        Self {
            url,
            asked,
            connections,
            _serving: AbortOnDropHandle::new(serving),
        }
    }

    /// Every whole request that has arrived.
    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// How often somebody connected.
    pub(super) fn connections(&self) -> usize {
        *self.connections.lock().unwrap()
    }
}

async fn serve(mut stream: TcpStream, script: Script, seen: Arc<Mutex<Vec<Asked>>>) {
    let mut held = Vec::new();
    loop {
        let Some(asked) = read_request(&mut stream, &mut held).await else {
            return;
        };
        seen.lock().unwrap().push(asked.clone());
        match script(&asked) {
            Reply::Answer(status, content_type, body) => {
                let head = format!(
                    "HTTP/1.1 {status} X\r\ncontent-type: {content_type}\r\ncontent-length: \
                     {}\r\nsmithy-protocol: rpc-v2-cbor\r\n\r\n",
                    body.len()
                );
                if stream.write_all(head.as_bytes()).await.is_err()
                    || stream.write_all(&body).await.is_err()
                {
                    return;
                }
            }
            Reply::Reset => return,
            Reply::Hang => std::future::pending().await,
            Reply::Garbage => {
                let _ = stream.write_all(b"\x00\x01 no http at all \r\n\r\n").await;
                return;
            }
        }
    }
}

async fn read_request(stream: &mut TcpStream, held: &mut Vec<u8>) -> Option<Asked> {
    loop {
        if let Some(end) = held.windows(4).position(|w| w == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&held[..end + 4]).into_owned();
            let length: usize = head
                .lines()
                .filter_map(|line| line.split_once(':'))
                .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
                .and_then(|(_, value)| value.trim().parse().ok())
                .unwrap_or(0);
            let whole = end + 4 + length;
            if held.len() >= whole {
                let body = String::from_utf8_lossy(&held[end + 4..whole]).into_owned();
                held.drain(..whole);
                return Some(Asked { head, body });
            }
        }
        if stream.read_buf(held).await.ok()? == 0 {
            return None;
        }
    }
}

pub(super) fn held() -> Proof {
    Proof::new(|| true)
}

pub(super) fn lapsed() -> Proof {
    Proof::new(|| false)
}

/// Credentials that no chain has to be asked for.
pub(super) fn credentials() -> SharedCredentialsProvider {
    SharedCredentialsProvider::new(Credentials::new("AKID", "secret", None, None, "test"))
}

/// An actuator for [`application`] against the server at `url`.
pub(super) async fn actuator(url: &str) -> AwsActuator {
    actuator_for(&application(url)).await
}

pub(super) async fn actuator_for(application: &Application) -> AwsActuator {
    let options = AwsOptions {
        credentials: Some(credentials()),
        home: None,
    };
    let clock = Arc::new(TestClock::at_speed(1));
    AwsActuator::new(std::slice::from_ref(application), clock, options).await
}

pub(super) const GLOBAL: &str = "shop-global";
pub(super) const EAST_ARN: &str = "arn:aws:rds:us-east-1:1:cluster:shop-use1";
pub(super) const WEST_ARN: &str = "arn:aws:rds:eu-west-1:1:cluster:shop-euw1";
pub(super) const NORTH_ARN: &str = "arn:aws:rds:eu-north-1:1:cluster:shop-eun1";
pub(super) const GROUP_ARN: &str =
    "arn:aws:globalaccelerator::1:accelerator/a-1/listener/l-1/endpoint-group/g-1";

/// `shop`: at home in eu-west-1, standbys in us-east-1 and eu-north-1.
pub(super) fn application(url: &str) -> Application {
    let region = |name: &str, role, arn: &str| AppRegion {
        name: RegionId::from(name),
        role,
        cold: false,
        share: None,
        peaks: std::collections::BTreeMap::new(),
        probes: Vec::new(),
        standby_probes: Default::default(),
        resources: RegionResources {
            db_cluster_arn: Some(arn.to_owned()),
            endpoint_group_arn: Some(GROUP_ARN.to_owned()),
            record_set_identifier: Some(name.to_owned()),
            routing_control_arn: None,
            nodegroups: vec![NodegroupRef {
                cluster: "shop".to_owned(),
                name: "web".to_owned(),
            }],
        },
        vars: Default::default(),
    };
    Application {
        name: AppId::from("shop"),
        config: ConfigHash::from("test"),
        automation: Automation::Automatic,
        regions: vec![
            region("eu-west-1", Role::Active, WEST_ARN),
            region("us-east-1", Role::Standby, EAST_ARN),
            region("eu-north-1", Role::Standby, NORTH_ARN),
        ],
        home: RegionId::from("eu-west-1"),
        detection: DetectionPolicy::default(),
        guards: GuardPolicy::default(),
        runbooks: Default::default(),
        resources: AppResources {
            global_cluster: Some(GLOBAL.to_owned()),
            accelerator_arn: None,
            dns: Some(DnsFailover {
                hosted_zone_id: "Z1".to_owned(),
                records: vec![DnsName {
                    name: "www.example.com.".to_owned(),
                    record_type: "A".to_owned(),
                }],
                routing: DnsRouting::Failover,
            }),
            lag_dimensions: Vec::new(),
            drill_alarms: Vec::new(),
            routing_cluster: None,
        },
        aws: AwsAccess {
            endpoint_url: Some(url.to_owned()),
            call_timeout: Millis(400),
            ..AwsAccess::default()
        },
        vars: Default::default(),
    }
}
