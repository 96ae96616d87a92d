//! Route 53: are the record sets of each name there, and would resolvers follow?
//!
//! One call after the other, with a pause between: `GetHealthCheckStatus` refills at one a second.

use std::collections::BTreeMap;

use aws_sdk_route53::types::HealthCheckType;

use super::Scene;
use super::book::{About, Book, Reader};
use crate::actuate::classify::read_error;
use crate::actuate::route53::{home, read_records};
use crate::model::{
    AppRegion, DnsFailover, DnsName, DnsRouting, FailoverRole, ReadinessCode, RecordSet,
};
use crate::ports::ReadError;

/// Resolvers may keep an answer for so long: half a minute of a typical failover would be theirs.
const TTL_MAX_S: u64 = 60;

/// Route 53 holds an endpoint for healthy if more than this share of the checkers says so.
const HEALTHY_SHARE_PERCENT: usize = 18;

pub(super) async fn look(scene: &Scene<'_>) -> Book {
    let mut book = scene.book();
    let Some(dns) = &scene.app.resources.dns else {
        // A runbook that flips records of an application without any cannot be planned.
        return book;
    };
    let standing = match read_records(scene.clients, dns).await {
        Ok(records) => records,
        Err(error) => {
            let zone = &dns.hosted_zone_id;
            let about = About::all(ReadinessCode::RecordSet, format!("zone {zone}"));
            let action = "route53:ListResourceRecordSets";
            book.unread(about, &error, action, Reader::Steps);
            return book;
        }
    };
    let mut checks = Checks::default();
    for region in &scene.app.regions {
        for name in &dns.records {
            if let Some(set) = find(&mut book, dns, region, name, &standing) {
                ttl(&mut book, region, name, set);
                checks.look(scene, &mut book, region, name, set).await;
            }
        }
    }
    book
}

fn about(code: ReadinessCode, region: &AppRegion, name: &DnsName) -> About {
    let subject = format!("{} {}", name.name, name.record_type);
    About::of(code, &region.name, subject)
}

/// The Region's own set of that name; a Region without an identifier has no part in the name.
fn find<'a>(
    book: &mut Book,
    dns: &DnsFailover,
    region: &AppRegion,
    name: &DnsName,
    standing: &'a [RecordSet],
) -> Option<&'a RecordSet> {
    let identifier = region.resources.record_set_identifier.as_ref()?;
    let found = standing.iter().find(|set| {
        set.name == name.name
            && set.record_type == name.record_type
            && set.set_identifier.as_ref() == Some(identifier)
    });
    let about = about(ReadinessCode::RecordSet, region, name);
    let standing_as = |set: &RecordSet| match dns.routing {
        DnsRouting::Failover => set.failover.map(|role| match role {
            FailoverRole::Primary => format!("`{identifier}` is PRIMARY"),
            FailoverRole::Secondary => format!("`{identifier}` is SECONDARY"),
        }),
        DnsRouting::Weighted => set
            .weight
            .map(|weight| format!("`{identifier}` has weight {weight}")),
    };
    match found.and_then(|set| Some((set, standing_as(set)?))) {
        Some((set, text)) => {
            book.passed(about, text);
            Some(set)
        }
        None => {
            let zone = &dns.hosted_zone_id;
            let text = match found {
                Some(_) => match dns.routing {
                    DnsRouting::Failover => {
                        format!("the record set `{identifier}` has no failover role")
                    }
                    DnsRouting::Weighted => format!("the record set `{identifier}` has no weight"),
                },
                None => format!("zone {zone} has no record set `{identifier}`"),
            };
            let remedy = format!(
                "make it a {} record set in Route 53, or mend record_set_identifier of {}",
                dns.routing.as_str(),
                region.name
            );
            book.blocking(about, text, remedy);
            None
        }
    }
}

fn ttl(book: &mut Book, region: &AppRegion, name: &DnsName, set: &RecordSet) {
    let about = about(ReadinessCode::RecordTtl, region, name);
    match set.ttl {
        Some(ttl) if ttl > TTL_MAX_S => book.warning(
            about,
            format!("TTL {ttl} s: resolvers keep the old answer for so long after a failover"),
            format!("lower it to {TTL_MAX_S} s or less"),
        ),
        Some(ttl) => book.passed(about, format!("TTL {ttl} s")),
        None => book.passed(about, "an alias: its target's TTL"),
    }
}

/// What is known of a health check.
#[derive(Clone, Debug)]
struct Known {
    disabled: bool,
    inverted: bool,
    /// Of a calculated one: how many of how many must be healthy.
    calculated: Option<(i32, usize)>,
    /// Checkers that see it healthy, and all.
    seen: Result<(usize, usize), ReadError>,
}

/// Each health check is asked about once, however many record sets share it.
#[derive(Debug, Default)]
struct Checks {
    known: BTreeMap<String, Result<Known, ReadError>>,
}

impl Checks {
    async fn look(
        &mut self,
        scene: &Scene<'_>,
        book: &mut Book,
        region: &AppRegion,
        name: &DnsName,
        set: &RecordSet,
    ) {
        let here = about(ReadinessCode::RecordHealthCheck, region, name);
        let evaluates = set.alias.as_ref().is_some_and(|a| a.evaluate_target_health);
        let Some(id) = &set.health_check_id else {
            return if evaluates {
                book.passed(here, "evaluates its target's health");
            } else if set.failover == Some(FailoverRole::Secondary) {
                book.passed(
                    here,
                    "no health check: answered whenever the PRIMARY is unhealthy",
                );
            } else {
                book.warning(
                    here,
                    "no health check: Route 53 never leaves this record set by itself",
                    "give it a health check of the Region's own endpoint",
                );
            };
        };
        if !self.known.contains_key(id) {
            let known = read(scene, id).await;
            self.known.insert(id.clone(), known);
        }
        match self.known.get(id) {
            Some(Ok(known)) => judge(book, region, name, id, known),
            Some(Err(error)) => {
                book.unread(here, error, "route53:GetHealthCheck", Reader::Check);
            }
            // Inserted just above.
            None => {}
        }
    }
}

async fn read(scene: &Scene<'_>, id: &str) -> Result<Known, ReadError> {
    let what = format!("health check {id}");
    let client = scene.clients.route53(&home()).read;
    scene.pause().await;
    let answer = client.get_health_check().health_check_id(id).send().await;
    let answer = answer.map_err(|error| read_error(&what, &error))?;
    let config = answer
        .health_check
        .and_then(|check| check.health_check_config);
    let config = config.ok_or_else(|| ReadError::Unobservable {
        what: what.clone(),
        why: "the answer holds no health check".to_owned(),
    })?;
    if config.r#type() == &HealthCheckType::Calculated {
        // Its status cannot be read: Route 53 tells it in its console and in CloudWatch only.
        return Ok(Known {
            disabled: config.disabled == Some(true),
            inverted: config.inverted == Some(true),
            calculated: Some((
                config.health_threshold.unwrap_or(0),
                config.child_health_checks().len(),
            )),
            seen: Ok((0, 0)),
        });
    }
    scene.pause().await;
    let status = client
        .get_health_check_status()
        .health_check_id(id)
        .send()
        .await;
    let seen = match status {
        Ok(answer) => {
            let all = answer.health_check_observations();
            let healthy = all.iter().filter(|seen| {
                let report = seen.status_report.as_ref();
                let status = report.and_then(|report| report.status.as_deref());
                status.is_some_and(|status| status.starts_with("Success"))
            });
            Ok((healthy.count(), all.len()))
        }
        Err(error) => Err(read_error(&format!("status of {what}"), &error)),
    };
    Ok(Known {
        disabled: config.disabled == Some(true),
        inverted: config.inverted == Some(true),
        calculated: None,
        seen,
    })
}

fn judge(book: &mut Book, region: &AppRegion, name: &DnsName, id: &str, known: &Known) {
    let here = about(ReadinessCode::RecordHealthCheck, region, name);
    if known.disabled {
        book.warning(
            here,
            format!("health check {id} is disabled: Route 53 takes the Region for healthy always"),
            "enable it, or take it off the record set",
        );
    } else if known.inverted {
        book.warning(
            here,
            format!("health check {id} is inverted: what fails counts as healthy"),
            "see that this is meant",
        );
    } else if let Some((threshold, children)) = known.calculated {
        book.passed(
            here,
            format!("health check {id}: healthy while {threshold} of {children} others are"),
        );
    } else {
        book.passed(here, format!("health check {id}"));
    }
    if known.calculated.is_some() {
        return;
    }
    let here = about(ReadinessCode::RecordHealth, region, name);
    match &known.seen {
        Err(error) => {
            book.unread(here, error, "route53:GetHealthCheckStatus", Reader::Check);
        }
        Ok((_, 0)) => book.unknown(
            here,
            "no checker has told anything yet",
            "wait for the next check",
        ),
        Ok((healthy, all)) => {
            let text = format!("healthy for {healthy} of {all} checkers");
            if healthy * 100 > all * HEALTHY_SHARE_PERCENT {
                book.passed(here, text);
            } else {
                let remedy = "see why the Region's endpoint does not answer the health check: \
                              Route 53 would send nobody there while another Region is healthy";
                book.warning(here, text, remedy);
            }
        }
    }
}
