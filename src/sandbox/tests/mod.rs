//! The sandbox through the official SDK, every operation, happy and not.
//!
//! World time stands still unless a test moves it, so that nothing here waits for a clock.

mod accelerator;
mod aurora;
mod cloudwatch;
mod eks;
mod faults;
mod hand_clock;
mod rights;
mod route53;
mod routing;
mod rows;
mod unknown;

use std::sync::Arc;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_smithy_types::retry::RetryConfig;

use crate::model::{Millis, RegionId};
use crate::sandbox::plane::DataPlane;
use crate::sandbox::{Sandbox, SandboxSetup, World};
use hand_clock::HandClock;

/// A test that has not come to its condition by then never will.
const PATIENCE: Duration = Duration::from_secs(20);

const ACTIVE: &str = "eu-west-1";
const STANDBY: &str = "eu-central-1";

struct Bench {
    clock: Arc<HandClock>,
    sandbox: Sandbox,
    world: Arc<World>,
    http: SharedHttpClient,
}

macro_rules! client {
    ($name:ident, $module:ident) => {
        fn $name(&self, region: &str) -> $module::Client {
            let config = $module::Config::builder()
                .behavior_version($module::config::BehaviorVersion::latest())
                .region($module::config::Region::new(region.to_owned()))
                .credentials_provider(Credentials::new(
                    "AKIDEXAMPLE",
                    "secret",
                    None,
                    None,
                    "test",
                ))
                .endpoint_url(self.sandbox.endpoint_url())
                .retry_config(RetryConfig::disabled())
                .http_client(self.http.clone())
                .build();
            $module::Client::from_conf(config)
        }
    };
}

impl Bench {
    async fn new() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut SandboxSetup)) -> Self {
        let mut setup = SandboxSetup::active_passive(ACTIVE, STANDBY, 7);
        change(&mut setup);
        let clock = Arc::new(HandClock::new());
        let sandbox = Sandbox::start(setup, clock.clone()).await.unwrap();
        Self {
            clock,
            world: sandbox.world(),
            sandbox,
            http: aws_smithy_http_client::Builder::new().build_http(),
        }
    }

    client!(route53_in, aws_sdk_route53);
    client!(accelerator_in, aws_sdk_globalaccelerator);
    client!(rds, aws_sdk_rds);
    client!(eks, aws_sdk_eks);
    client!(autoscaling, aws_sdk_autoscaling);
    client!(cloudwatch, aws_sdk_cloudwatch);
    client!(sts, aws_sdk_sts);
    client!(iam, aws_sdk_iam);

    fn route53(&self) -> aws_sdk_route53::Client {
        self.route53_in("us-east-1")
    }

    fn accelerator(&self) -> aws_sdk_globalaccelerator::Client {
        self.accelerator_in("us-west-2")
    }

    fn advance(&self, seconds: u64) {
        self.clock.advance(Millis::from_secs(seconds));
    }

    fn setup(&self) -> &SandboxSetup {
        self.world.setup()
    }

    fn db_arn(&self, region: &str) -> String {
        self.setup()
            .region(&region.into())
            .unwrap()
            .db_cluster_arn()
    }

    fn group_arn(&self, region: &str) -> String {
        let region = self.setup().region(&region.into()).unwrap();
        region.endpoint_group_arn.clone()
    }

    fn answers(&self) -> Option<RegionId> {
        self.world.resolve(0).map(|(region, _)| region)
    }
}

fn region(name: &str) -> RegionId {
    name.into()
}

/// Code and HTTP status of an SDK error that is an answer.
fn refused<E: ProvideErrorMetadata>(
    error: &aws_smithy_runtime_api::client::result::SdkError<
        E,
        aws_smithy_runtime_api::client::orchestrator::HttpResponse,
    >,
) -> (String, u16) {
    let status = error.raw_response().expect("an answer").status().as_u16();
    (error.code().unwrap_or("(no code)").to_owned(), status)
}

/// Waits until `condition` holds.
async fn until(what: &str, condition: impl Fn() -> bool) {
    let held = tokio::time::timeout(PATIENCE, async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    });
    assert!(held.await.is_ok(), "never: {what}");
}
