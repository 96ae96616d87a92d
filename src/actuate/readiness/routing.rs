//! Routing controls: does the cluster know each Region's, and do enough of its endpoints answer?

use super::Scene;
use super::book::{About, Book, Reader};
use crate::actuate::routing_control::read_at;
use crate::model::{AppRegion, ReadinessCode, RoutingCluster, RoutingState};
use crate::ports::ReadError;

pub(super) async fn look(scene: &Scene<'_>) -> Book {
    let mut book = scene.book();
    let Some(cluster) = &scene.app.resources.routing_cluster else {
        // A runbook that turns routing controls of an application without any cannot be planned.
        return book;
    };
    for region in &scene.app.regions {
        if let Some(arn) = &region.resources.routing_control_arn {
            control(scene, &mut book, cluster, region, arn).await;
        }
    }
    book
}

async fn control(
    scene: &Scene<'_>,
    book: &mut Book,
    cluster: &RoutingCluster,
    region: &AppRegion,
    arn: &str,
) {
    let about = About::of(ReadinessCode::RoutingControl, &region.name, arn);
    let mut states = Vec::new();
    let mut silent = Vec::new();
    let mut unanswered = None;
    for endpoint in &cluster.endpoints {
        match read_at(scene.clients, endpoint, arn).await {
            Ok(on) => states.push(on),
            Err(error @ ReadError::Refused { .. }) => {
                let action = "route53-recovery-cluster:GetRoutingControlState";
                return book.unread(about, &error, action, Reader::Steps);
            }
            Err(error @ ReadError::Unobservable { .. }) => {
                silent.push(endpoint.region.as_str());
                unanswered = Some(error);
            }
        }
    }
    let (answered, all) = (states.len(), cluster.endpoints.len());
    let Some(on) = states.first() else {
        if let Some(error) = unanswered {
            let action = "route53-recovery-cluster:GetRoutingControlState";
            book.unread(about, &error, action, Reader::Steps);
        }
        return;
    };
    let word = RoutingState::word(*on);
    let text = format!("{word}, at {answered} of {all} endpoints");
    if answered >= RoutingCluster::MAJORITY {
        book.passed(about, text);
    } else {
        book.warning(
            about,
            format!("{text}: those of {} do not answer", silent.join(", ")),
            "see that `endpoints` of [application.routing_controls] are the cluster's own, and that \
             this host reaches them",
        );
    }
}
