//! The SDK's clients of one application: two per service and Region, one that reads and one that
//! writes.
//!
//! ```text
//!  profile, environment, IRSA, Pod Identity, credentials process ──┐
//!  options.credentials (drills, tests) ────────────────────────────┴▶ base ──STS──▶ assumed role
//!                                                                         └──────┬──────┘
//!                                       one SdkConfig ──▶ (service, Region) ──▶ Pair { read, write }
//! ```
//!
//! Invariant: every client has connect, read, attempt and operation timeouts, and no client that
//! writes ever retries.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws_config::{BehaviorVersion, SdkConfig};
use aws_credential_types::provider::{
    self, ProvideCredentials, SharedCredentialsProvider, error::CredentialsError, future,
};
use aws_smithy_http_client::tls;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_runtime_api::client::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_types::region::Region;

use super::AwsOptions;
use super::pace::{Pace, WorldSleep};
use crate::model::{Application, ClusterEndpoint, RegionId};
use crate::ports::Clock;

/// Where Route 53's control plane is, whatever the records are about.
pub const ROUTE53_REGION: &str = "us-east-1";
/// Where Global Accelerator's control plane is, whatever the endpoint group's Region.
pub const GLOBAL_ACCELERATOR_REGION: &str = "us-west-2";

/// Where IAM's control plane is.
pub(super) const IAM_REGION: &str = "us-east-1";

/// How many Regions' STS are asked for a role's credentials before giving up.
const STS_REGIONS: usize = 3;

/// The name of the assumed role's session, as CloudTrail shows it.
const SESSION_NAME: &str = "failoverd";

/// A client that reads, with retries, and one that writes, without.
#[derive(Clone, Debug)]
pub(super) struct Pair<C> {
    pub(super) read: C,
    pub(super) write: C,
}

type PerRegion<C> = Mutex<BTreeMap<RegionId, Pair<C>>>;

/// All clients of one application.
#[derive(Debug)]
pub(super) struct Clients {
    config: SdkConfig,
    pace: Pace,
    autoscaling: PerRegion<aws_sdk_autoscaling::Client>,
    cloudwatch: PerRegion<aws_sdk_cloudwatch::Client>,
    eks: PerRegion<aws_sdk_eks::Client>,
    global_accelerator: PerRegion<aws_sdk_globalaccelerator::Client>,
    iam: PerRegion<aws_sdk_iam::Client>,
    rds: PerRegion<aws_sdk_rds::Client>,
    route53: PerRegion<aws_sdk_route53::Client>,
    routing_control: PerRegion<aws_sdk_route53recoverycluster::Client>,
    sts: PerRegion<aws_sdk_sts::Client>,
}

macro_rules! clients_of {
    ($(#[$doc:meta])* $service:ident, $sdk:ident) => {
        $(#[$doc])*
        pub(super) fn $service(&self, region: &RegionId) -> Pair<$sdk::Client> {
            let mut held = self.$service.lock().unwrap_or_else(PoisonError::into_inner);
            held.entry(region.clone())
                .or_insert_with(|| {
                    let base = || {
                        $sdk::config::Builder::from(&self.config)
                            .region(Region::new(region.0.clone()))
                    };
                    Pair {
                        read: $sdk::Client::from_conf(
                            base()
                                .timeout_config(self.pace.read_timeouts())
                                .retry_config(self.pace.read_retries())
                                .build(),
                        ),
                        write: $sdk::Client::from_conf(
                            base()
                                .timeout_config(self.pace.write_timeouts())
                                .retry_config(self.pace.write_retries())
                                .build(),
                        ),
                    }
                })
                .clone()
        }
    };
}

impl Clients {
    /// Builds what all clients of `application` share. Calls nothing: credentials are looked for
    /// when the first call is made.
    pub(super) async fn new(
        application: &Application,
        clock: &Arc<dyn Clock>,
        http: &SharedHttpClient,
        options: &AwsOptions,
    ) -> Self {
        let access = &application.aws;
        let pace = Pace::new(clock.as_ref(), access.call_timeout);
        let sts_regions = sts_regions(application, options.home.as_ref());
        // Given, so that the SDK never asks the instance metadata for it. Every client names its
        // own; this one is for the credentials' own calls.
        let first = sts_regions
            .first()
            .map_or_else(|| ROUTE53_REGION.to_owned(), |region| region.0.clone());
        let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
            .region(Region::new(first))
            .http_client(http.clone())
            .sleep_impl(WorldSleep(clock.clone()))
            .timeout_config(pace.write_timeouts())
            .retry_config(pace.read_retries())
            // Every answer here is small and every call has its own timeouts; the SDK measures this
            // one in real time, which is not the world's.
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .identity_cache(
                aws_config::identity::IdentityCache::lazy()
                    .load_timeout(pace.attempt())
                    .build(),
            );
        if let Some(profile) = &access.profile {
            loader = loader.profile_name(profile);
        }
        if let Some(url) = &access.endpoint_url {
            loader = loader.endpoint_url(url);
        }
        if let Some(credentials) = &options.credentials {
            loader = loader.credentials_provider(credentials.clone());
        }
        let base = loader.load().await;
        let config = match &access.assume_role {
            Some(role) => {
                let provider = AssumedRole::new(
                    role,
                    access.external_id.as_deref(),
                    &sts_regions,
                    &base,
                    &pace,
                )
                .await;
                base.into_builder()
                    .credentials_provider(SharedCredentialsProvider::new(provider))
                    .build()
            }
            None => base,
        };
        Self {
            config,
            pace,
            autoscaling: PerRegion::default(),
            cloudwatch: PerRegion::default(),
            eks: PerRegion::default(),
            global_accelerator: PerRegion::default(),
            iam: PerRegion::default(),
            rds: PerRegion::default(),
            route53: PerRegion::default(),
            routing_control: PerRegion::default(),
            sts: PerRegion::default(),
        }
    }

    /// Whose STS is asked first.
    pub(super) fn home(&self) -> RegionId {
        let region = self.config.region();
        RegionId(
            region
                .map_or(ROUTE53_REGION, |region| region.as_ref())
                .to_owned(),
        )
    }

    /// One endpoint of a cluster of routing controls. Neither client retries: whoever asks one that
    /// does not answer asks the next.
    pub(super) fn routing_control(
        &self,
        endpoint: &ClusterEndpoint,
    ) -> Pair<aws_sdk_route53recoverycluster::Client> {
        let mut held = self
            .routing_control
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        held.entry(endpoint.region.clone())
            .or_insert_with(|| {
                let mut builder =
                    aws_sdk_route53recoverycluster::config::Builder::from(&self.config)
                        .region(Region::new(endpoint.region.0.clone()))
                        .timeout_config(self.pace.write_timeouts())
                        .retry_config(self.pace.write_retries());
                // An override is for every service; the Region that a request is signed for still
                // tells the endpoints apart.
                if self.config.endpoint_url().is_none() {
                    builder = builder.endpoint_url(&endpoint.url);
                }
                let client = aws_sdk_route53recoverycluster::Client::from_conf(builder.build());
                Pair {
                    read: client.clone(),
                    write: client,
                }
            })
            .clone()
    }

    clients_of!(
        /// Auto Scaling in that Region.
        autoscaling, aws_sdk_autoscaling
    );
    clients_of!(
        /// CloudWatch in that Region.
        cloudwatch, aws_sdk_cloudwatch
    );
    clients_of!(
        /// EKS in that Region.
        eks, aws_sdk_eks
    );
    clients_of!(
        /// RDS in that Region.
        rds, aws_sdk_rds
    );
    clients_of!(
        /// Global Accelerator; only [`GLOBAL_ACCELERATOR_REGION`] is of any use.
        global_accelerator, aws_sdk_globalaccelerator
    );
    clients_of!(
        /// IAM; only [`IAM_REGION`] is of any use.
        iam, aws_sdk_iam
    );
    clients_of!(
        /// STS in that Region.
        sts, aws_sdk_sts
    );
    clients_of!(
        /// Route 53; only [`ROUTE53_REGION`] is of any use.
        route53, aws_sdk_route53
    );
}

/// The HTTP client that all clients share: rustls on ring, so that no C build is needed.
pub(super) fn http_client() -> SharedHttpClient {
    aws_smithy_http_client::Builder::new()
        .tls_provider(tls::Provider::Rustls(
            tls::rustls_provider::CryptoMode::Ring,
        ))
        .build_https()
}

/// Whose STS is asked, in order: home, which is healthy if this member is; then the application's
/// Regions from the last, because the first is the likeliest to be the one that is lost.
fn sts_regions(application: &Application, home: Option<&RegionId>) -> Vec<RegionId> {
    let mut regions: Vec<RegionId> = home.cloned().into_iter().collect();
    for region in application.regions.iter().rev() {
        if !regions.contains(&region.name) {
            regions.push(region.name.clone());
        }
    }
    regions.truncate(STS_REGIONS);
    regions
}

/// A role, assumed through whichever regional STS answers first: a role must not be out of reach
/// because one Region is.
#[derive(Debug)]
struct AssumedRole {
    providers: Vec<aws_config::sts::AssumeRoleProvider>,
}

impl AssumedRole {
    async fn new(
        role: &str,
        external_id: Option<&str>,
        regions: &[RegionId],
        base: &SdkConfig,
        pace: &Pace,
    ) -> Self {
        let bounded = base
            .to_builder()
            .timeout_config(
                aws_config::timeout::TimeoutConfig::builder()
                    .connect_timeout(pace.credentials())
                    .read_timeout(pace.credentials())
                    .operation_attempt_timeout(pace.credentials())
                    .operation_timeout(pace.credentials())
                    .build(),
            )
            .build();
        let mut providers = Vec::new();
        for region in regions {
            let mut builder = aws_config::sts::AssumeRoleProvider::builder(role)
                .session_name(SESSION_NAME)
                .region(Region::new(region.0.clone()))
                .configure(&bounded);
            if let Some(external_id) = external_id {
                builder = builder.external_id(external_id);
            }
            providers.push(builder.build().await);
        }
        Self { providers }
    }

    async fn first_answer(&self) -> provider::Result {
        let mut last = CredentialsError::not_loaded("no Region to ask for the role");
        for provider in &self.providers {
            match provider.provide_credentials().await {
                Ok(credentials) => return Ok(credentials),
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

impl ProvideCredentials for AssumedRole {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.first_answer())
    }
}

#[cfg(test)]
mod tests {
    use crate::actuate::testing::{
        Asked, Canned, GROUP_ARN, Reply, actuator_for, application, credentials,
    };
    use crate::actuate::{AwsActuator, AwsOptions};
    use crate::model::{AppId, Intent, Millis, RegionId};
    use crate::ports::{Actuator, Goal};

    fn dial() -> Intent {
        Intent::Dial {
            region: RegionId::from("us-east-1"),
            endpoint_group_arn: GROUP_ARN.to_owned(),
            percent: 40,
        }
    }

    fn role(asked: &Asked) -> Reply {
        if asked.is("AssumeRole") {
            return Reply::xml(
                200,
                "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
                 <AssumeRoleResult><AssumedRoleUser><AssumedRoleId>A:failoverd</AssumedRoleId>\
                 <Arn>arn:aws:sts::1:assumed-role/failover/failoverd</Arn></AssumedRoleUser>\
                 <Credentials><AccessKeyId>ASSUMED</AccessKeyId><SecretAccessKey>s\
                 </SecretAccessKey><SessionToken>t</SessionToken><Expiration>2099-01-01T00:00:00Z\
                 </Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>",
            );
        }
        if asked.is("DescribeAccelerator") {
            return Reply::json(200, r#"{"Accelerator":{"Status":"DEPLOYED"}}"#);
        }
        Reply::json(200, r#"{"EndpointGroup":{"TrafficDialPercentage":40.0}}"#)
    }

    #[tokio::test]
    async fn a_role_is_assumed_at_home_with_the_external_id() {
        let canned = Canned::start(role).await;
        let mut application = application(&canned.url);
        application.aws.assume_role = Some("arn:aws:iam::1:role/failover".to_owned());
        application.aws.external_id = Some("secret-handshake".to_owned());
        let options = AwsOptions {
            credentials: Some(credentials()),
            home: Some(RegionId::from("ap-south-1")),
        };
        let clock = std::sync::Arc::new(crate::actuate::testing::TestClock::at_speed(1));
        let actuator = AwsActuator::new(std::slice::from_ref(&application), clock, options).await;
        let observation = actuator.observe(&AppId::from("shop"), &dial()).await;
        assert_eq!(observation.goal, Goal::Met, "{observation:?}");
        let asked = canned.asked();
        assert!(asked[0].is("AssumeRole"));
        assert_eq!(asked[0].signed_for(), "ap-south-1/sts");
        assert!(asked[0].body.contains("ExternalId=secret-handshake"));
        // Assumed once, then held.
        assert_eq!(asked.len(), 3);
        assert!(asked[1].head.contains("Credential=ASSUMED/"));
    }

    #[tokio::test]
    async fn a_dead_regional_sts_is_stepped_over() {
        let canned = Canned::start(|asked| {
            if asked.signed_for() == "eu-north-1/sts" {
                Reply::Hang
            } else {
                role(asked)
            }
        })
        .await;
        let mut application = application(&canned.url);
        application.aws.assume_role = Some("arn:aws:iam::1:role/failover".to_owned());
        // So long that a loaded host does not make a timeout of it.
        application.aws.call_timeout = Millis(1_500);
        let actuator = actuator_for(&application).await;
        let observation = actuator.observe(&AppId::from("shop"), &dial()).await;
        assert_eq!(observation.goal, Goal::Met, "{observation:?}");
        let scopes: Vec<String> = canned.asked().iter().map(Asked::signed_for).collect();
        assert_eq!(
            scopes[..2],
            ["eu-north-1/sts".to_owned(), "us-east-1/sts".to_owned()]
        );
    }
}
