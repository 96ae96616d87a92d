//! EKS and Auto Scaling: are the node groups there, and may they grow to what a plan asks for?

use aws_sdk_autoscaling::types::AutoScalingGroup;
use aws_sdk_eks::types::{Nodegroup, NodegroupStatus};

use super::Scene;
use super::book::{About, Book, Reader};
use crate::actuate::classify::read_error;
use crate::actuate::eks::describe;
use crate::model::{AppRegion, Intent, NodegroupRef, ReadinessCode, RegionId};
use crate::ports::ReadError;

/// Fewer is one Availability Zone's outage away from none.
const ZONES: usize = 2;

/// What was found, and the node groups' own ARNs, which only EKS knows.
pub(super) async fn look(scene: &Scene<'_>) -> (Book, Vec<String>) {
    let (mut book, mut names) = (scene.book(), Vec::new());
    for region in &scene.app.regions {
        for nodegroup in &region.resources.nodegroups {
            names.extend(nodegroup_of(scene, &mut book, region, nodegroup).await);
        }
    }
    (book, names)
}

async fn nodegroup_of(
    scene: &Scene<'_>,
    book: &mut Book,
    region: &AppRegion,
    nodegroup: &NodegroupRef,
) -> Option<String> {
    let about = |code| About::of(code, &region.name, nodegroup.to_string());
    let group = match describe(scene.clients, &region.name, nodegroup).await {
        Ok(group) => group,
        Err(error) => {
            let here = about(ReadinessCode::Nodegroup);
            book.unread(here, &error, "eks:DescribeNodegroup", Reader::Steps);
            return None;
        }
    };
    status(book, about(ReadinessCode::Nodegroup), &group);
    issues(book, about(ReadinessCode::NodegroupHealth), &group);
    let wanted = wanted(scene, &region.name, nodegroup);
    size(book, about(ReadinessCode::NodegroupSize), &group, wanted);
    let here = about(ReadinessCode::NodegroupLaunch);
    match read_groups(scene, region, &group).await {
        Ok(groups) if groups.is_empty() => book.blocking(
            here,
            "its Auto Scaling group is gone",
            "recreate the node group",
        ),
        Ok(groups) => {
            launches(book, here, &groups, wanted);
            zones(book, about(ReadinessCode::NodegroupZones), &groups);
        }
        Err(error) => {
            let action = "autoscaling:DescribeAutoScalingGroups";
            book.unread(here, &error, action, Reader::Steps);
        }
    }
    group.nodegroup_arn
}

/// How many nodes a failover to that Region would ask for, if it asks for any.
fn wanted(scene: &Scene<'_>, region: &RegionId, group: &NodegroupRef) -> Option<u32> {
    let plans = scene.asked.trials.iter();
    plans
        .filter(|trial| trial.kind.is_automatic() && &trial.to == region)
        .filter_map(|trial| trial.plan.as_ref().ok())
        .flat_map(|plan| &plan.steps)
        .find_map(|step| match &step.intent {
            Intent::ScaleNodegroup {
                region: there,
                nodegroup,
                desired,
                ..
            } if there == region && nodegroup == group => Some(*desired),
            _another_step => None,
        })
}

fn status(book: &mut Book, about: About, group: &Nodegroup) {
    let status = match &group.status {
        Some(NodegroupStatus::Active) => return book.passed(about, "ACTIVE"),
        Some(status) => status,
        None => {
            let remedy = "wait for the next check";
            return book.unknown(about, "EKS tells no status of it", remedy);
        }
    };
    let text = format!("the node group is {}", status.as_str());
    match status {
        NodegroupStatus::CreateFailed
        | NodegroupStatus::Deleting
        | NodegroupStatus::DeleteFailed => {
            book.blocking(about, text, "repair or recreate the node group");
        }
        // It can be grown all the same, or soon.
        NodegroupStatus::Degraded => {
            let remedy = "see its health issues: only a launch that succeeds clears it";
            book.warning(about, text, remedy);
        }
        _being_changed => book.warning(about, text, "wait until it is ACTIVE"),
    }
}

fn issues(book: &mut Book, about: About, group: &Nodegroup) {
    let issues = group
        .health
        .as_ref()
        .map(|h| h.issues())
        .unwrap_or_default();
    if issues.is_empty() {
        return book.passed(about, "no health issue");
    }
    let words: Vec<&str> = issues
        .iter()
        .map(|issue| issue.code.as_ref().map_or("an issue", |code| code.as_str()))
        .collect();
    let detail = issues.iter().find_map(|issue| issue.message.clone());
    book.warning(
        about,
        format!("EKS reports {}", words.join(", ")),
        detail.unwrap_or_else(|| "see the node group's health in EKS".to_owned()),
    );
}

fn size(book: &mut Book, about: About, group: &Nodegroup, wanted: Option<u32>) {
    let max = group.scaling_config.as_ref().and_then(|c| c.max_size);
    let max = max.and_then(|max| u32::try_from(max).ok()).unwrap_or(0);
    match wanted {
        None => {}
        Some(wanted) if wanted <= max => {
            book.passed(
                about,
                format!("may grow to {max}, a failover asks for {wanted}"),
            );
        }
        Some(wanted) => book.warning(
            about,
            format!("may grow to {max}, a failover asks for {wanted} and raises it"),
            format!("set its maximum to {wanted} where it is defined, and see the quotas"),
        ),
    }
}

async fn read_groups(
    scene: &Scene<'_>,
    region: &AppRegion,
    group: &Nodegroup,
) -> Result<Vec<AutoScalingGroup>, ReadError> {
    let what = format!("Auto Scaling group in {}", region.name);
    let resources = group.resources.as_ref();
    let names: Vec<String> = resources
        .map(|resources| resources.auto_scaling_groups())
        .unwrap_or_default()
        .iter()
        .filter_map(|asg| asg.name.clone())
        .collect();
    if names.is_empty() {
        // Asked without names, Auto Scaling would tell of every group of the account.
        return Err(ReadError::Unobservable {
            what,
            why: "EKS names none of the node group".to_owned(),
        });
    }
    let answer = scene
        .clients
        .autoscaling(&region.name)
        .read
        .describe_auto_scaling_groups()
        .set_auto_scaling_group_names(Some(names))
        .send()
        .await
        .map_err(|error| read_error(&what, &error))?;
    Ok(answer.auto_scaling_groups.unwrap_or_default())
}

fn launches(book: &mut Book, about: About, groups: &[AutoScalingGroup], wanted: Option<u32>) {
    let suspended = groups
        .iter()
        .flat_map(|group| group.suspended_processes())
        .find(|process| process.process_name.as_deref() == Some("Launch"));
    let Some(process) = suspended else {
        return book.passed(about, "launches instances");
    };
    let why = process.suspension_reason.as_deref().unwrap_or("no reason");
    let text = format!("Auto Scaling launches nothing: Launch is suspended ({why})");
    let remedy = "resume the process Launch of the Auto Scaling group";
    let instances: usize = groups.iter().map(|group| group.instances().len()).sum();
    let grows = wanted.is_some_and(|wanted| usize::try_from(wanted).is_ok_and(|w| w > instances));
    if grows {
        book.blocking(about, text, remedy);
    } else {
        book.warning(about, text, remedy);
    }
}

fn zones(book: &mut Book, about: About, groups: &[AutoScalingGroup]) {
    let mut zones: Vec<&str> = groups
        .iter()
        .flat_map(|group| group.availability_zones())
        .map(String::as_str)
        .collect();
    zones.sort_unstable();
    zones.dedup();
    let text = format!("in {}", zones.join(", "));
    if zones.len() >= ZONES {
        book.passed(about, text);
    } else {
        let remedy = "give it subnets in two Availability Zones or more";
        book.warning(about, text, remedy);
    }
}
