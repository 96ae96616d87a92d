//! Global Accelerator: dials, weights, deployment, errors.

use aws_sdk_globalaccelerator::types::{AcceleratorStatus, EndpointConfiguration, HealthState};

use super::{ACTIVE, Bench, STANDBY, refused, region};
use crate::sandbox::plane::DataPlane;
use crate::sandbox::{Change, Fault};

impl Bench {
    async fn dial(&self, name: &str, percent: f32) -> Result<(), (String, u16)> {
        self.accelerator()
            .update_endpoint_group()
            .endpoint_group_arn(self.group_arn(name))
            .traffic_dial_percentage(percent)
            .send()
            .await
            .map(|_| ())
            .map_err(|error| refused(&error))
    }

    async fn status(&self) -> AcceleratorStatus {
        let answer = self
            .accelerator()
            .describe_accelerator()
            .accelerator_arn(&self.setup().accelerator.arn)
            .send()
            .await
            .unwrap();
        answer.accelerator.unwrap().status.unwrap()
    }
}

#[tokio::test]
async fn a_dial_is_written_at_once_and_followed_later() {
    let bench = Bench::new().await;
    assert_eq!(bench.status().await, AcceleratorStatus::Deployed);
    bench.dial(STANDBY, 100.0).await.unwrap();
    assert_eq!(bench.status().await, AcceleratorStatus::InProgress);
    let group = bench
        .accelerator()
        .describe_endpoint_group()
        .endpoint_group_arn(bench.group_arn(STANDBY))
        .send()
        .await
        .unwrap()
        .endpoint_group
        .unwrap();
    assert_eq!(group.traffic_dial_percentage, Some(100.0));
    assert_eq!(group.endpoint_group_region.as_deref(), Some(STANDBY));
    assert_eq!(
        group.endpoint_descriptions()[0].health_state,
        Some(HealthState::Healthy)
    );
    let near_standby = || bench.world.accelerate(&region(STANDBY), 50);
    assert_eq!(near_standby(), Some(region(ACTIVE)), "not deployed yet");

    bench.advance(30);
    assert_eq!(bench.status().await, AcceleratorStatus::Deployed);
    assert_eq!(near_standby(), Some(region(STANDBY)));
    let dials = bench.world.timeline().into_iter().filter_map(|e| {
        matches!(&e.what, Change::Dial { region: r, .. } if *r == region(STANDBY)).then_some(e.what)
    });
    assert_eq!(dials.count(), 2, "the start's and the new one");
}

#[tokio::test]
async fn dials_and_arguments_out_of_range_change_nothing() {
    let bench = Bench::new().await;
    for dial in [-0.5, 100.5, 101.0] {
        assert_eq!(
            bench.dial(ACTIVE, dial).await,
            Err(("InvalidArgumentException".to_owned(), 400))
        );
    }
    assert_eq!(bench.status().await, AcceleratorStatus::Deployed);
    let client = bench.accelerator();
    let error = client
        .describe_endpoint_group()
        .endpoint_group_arn("arn:aws:globalaccelerator::123456789012:nothing")
        .send()
        .await
        .unwrap_err();
    assert!(
        error
            .into_service_error()
            .is_endpoint_group_not_found_exception()
    );
    let error = client
        .describe_accelerator()
        .accelerator_arn("arn:aws:globalaccelerator::123456789012:accelerator/no")
        .send()
        .await
        .unwrap_err();
    assert!(
        error
            .into_service_error()
            .is_accelerator_not_found_exception()
    );
    let error = client
        .list_endpoint_groups()
        .listener_arn("arn:aws:globalaccelerator::123456789012:listener/no")
        .send()
        .await
        .unwrap_err();
    assert!(error.into_service_error().is_listener_not_found_exception());
    let error = bench
        .accelerator_in(ACTIVE)
        .list_listeners()
        .accelerator_arn(&bench.setup().accelerator.arn)
        .send()
        .await
        .unwrap_err();
    assert_eq!(refused(&error).1, 400, "us-west-2 only");
}

#[tokio::test]
async fn a_second_update_at_once_meets_a_transaction() {
    let bench = Bench::new().await;
    bench.dial(STANDBY, 50.0).await.unwrap();
    assert_eq!(
        bench.dial(ACTIVE, 50.0).await,
        Err(("TransactionInProgressException".to_owned(), 400))
    );
    bench.advance(1);
    bench.dial(ACTIVE, 50.0).await.unwrap();
}

#[tokio::test]
async fn the_endpoint_list_is_replaced_whole() {
    let bench = Bench::new().await;
    let client = bench.accelerator();
    let update = |weight: i32| {
        let endpoint = EndpointConfiguration::builder()
            .endpoint_id(&bench.setup().regions[0].endpoints[0].id)
            .weight(weight)
            .build();
        client
            .update_endpoint_group()
            .endpoint_group_arn(bench.group_arn(ACTIVE))
            .endpoint_configurations(endpoint)
            .send()
    };
    let error = update(256).await.unwrap_err();
    assert!(error.into_service_error().is_invalid_argument_exception());
    let group = update(0).await.unwrap().endpoint_group.unwrap();
    assert_eq!(group.endpoint_descriptions()[0].weight, Some(0));
    assert_eq!(group.traffic_dial_percentage, Some(100.0), "left alone");
    bench.advance(30);
    let near_active = bench.world.accelerate(&region(ACTIVE), 0);
    assert_eq!(near_active, Some(region(STANDBY)), "weight 0 is out");
    assert!(!bench.world.ever_all_weights_zero());
}

#[tokio::test]
async fn listeners_and_groups_are_listed() {
    let bench = Bench::new().await;
    let client = bench.accelerator();
    let listeners = client
        .list_listeners()
        .accelerator_arn(&bench.setup().accelerator.arn)
        .send()
        .await
        .unwrap();
    let arn = listeners.listeners()[0].listener_arn().unwrap().to_owned();
    let groups = client
        .list_endpoint_groups()
        .listener_arn(arn)
        .send()
        .await
        .unwrap();
    assert_eq!(groups.endpoint_groups().len(), 2);
}

#[tokio::test]
async fn all_dials_at_zero_are_noticed_as_soon_as_written() {
    let bench = Bench::new().await;
    assert!(!bench.world.ever_all_dials_zero());
    bench.dial(ACTIVE, 0.0).await.unwrap();
    assert!(bench.world.ever_all_dials_zero());
}

#[tokio::test]
async fn somebody_else_turns_a_dial() {
    let bench = Bench::new().await;
    bench.sandbox.inject(Fault::DialChangedBy {
        region: region(STANDBY),
        percent: 30,
    });
    bench.advance(30);
    let near = |roll| bench.world.accelerate(&region(STANDBY), roll);
    assert_eq!(near(29), Some(region(STANDBY)));
    assert_eq!(near(30), Some(region(ACTIVE)));
}
