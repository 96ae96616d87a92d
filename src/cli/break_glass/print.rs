//! The plan as AWS commands, in order, for whoever has to do it by hand.
//!
//! Invariant: what is printed is one plan, made from what stood there at that moment; nothing is done.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::actuate::{GLOBAL_ACCELERATOR_REGION, ROUTE53_REGION};
use crate::model::{
    ClusterEndpoint, FailoverRole, Intent, Plan, Promotion, RecordSet, RoutingState,
};

/// A shell script that says at each step what it is for.
pub(super) fn commands(plan: &Plan) -> String {
    let mut out = format!(
        "# {} of {} from {} to {}, epoch {}\n# Made from what stood there just now: if anything has changed since, make it anew.\n\
         # Before each step see that the ones it needs are done: nothing here waits.\n",
        plan.kind, plan.application, plan.from, plan.to, plan.epoch
    );
    for (n, step) in plan.steps.iter().enumerate() {
        let _ = write!(out, "\n# {}. {}: {}\n", n + 1, step.id, step.intent);
        if !step.needs.is_empty() {
            let needs: Vec<&str> = step.needs.iter().map(|need| need.as_str()).collect();
            let _ = writeln!(out, "#    after {}", needs.join(", "));
        }
        if let Some(before) = &step.before {
            let _ = writeln!(out, "#    now: {}", one_line(before));
        }
        if let Some(principal) = &step.stands_in_for {
            let _ = writeln!(out, "#    only if {principal} fails");
        }
        if step.best_effort {
            out.push_str("#    best effort: go on if it fails\n");
        }
        out += &command(&step.intent);
    }
    out
}

fn command(intent: &Intent) -> String {
    match intent {
        Intent::Dial {
            endpoint_group_arn,
            percent,
            ..
        } => format!(
            "aws globalaccelerator update-endpoint-group --region {GLOBAL_ACCELERATOR_REGION} \\\n  \
             --endpoint-group-arn {} \\\n  --traffic-dial-percentage {percent}\n",
            quoted(endpoint_group_arn)
        ),
        Intent::Weight {
            endpoint_group_arn,
            endpoints,
            ..
        } => {
            let endpoints: Vec<Value> = endpoints
                .iter()
                .map(|endpoint| {
                    let mut value = json!({ "EndpointId": endpoint.id, "Weight": endpoint.weight });
                    if let Some(preserved) = endpoint.client_ip_preservation {
                        value["ClientIPPreservationEnabled"] = json!(preserved);
                    }
                    value
                })
                .collect();
            format!(
                "# This replaces the whole list: add the group's other endpoints if it has any.\n\
                 aws globalaccelerator update-endpoint-group --region {GLOBAL_ACCELERATOR_REGION} \\\n  \
                 --endpoint-group-arn {} \\\n  --endpoint-configurations {}\n",
                quoted(endpoint_group_arn),
                quoted(&Value::Array(endpoints).to_string())
            )
        }
        Intent::Route53Failover {
            hosted_zone_id,
            delete,
            create,
            ..
        }
        | Intent::Route53Weights {
            hosted_zone_id,
            delete,
            create,
            ..
        } => format!(
            "# One batch, whole or not at all: it fails if anybody has changed one of these since.\n\
             aws route53 change-resource-record-sets --region {ROUTE53_REGION} \\\n  \
             --hosted-zone-id {} \\\n  --change-batch {}\n",
            quoted(hosted_zone_id),
            quoted(&batch(delete, create))
        ),
        Intent::RoutingControl {
            endpoints,
            states,
            override_safety_rules,
        } => routing_controls(endpoints, states, override_safety_rules),
        Intent::AuroraPromote {
            global_cluster,
            target_arn,
            target_region,
            source_region,
            method,
            ..
        } => match method {
            Promotion::Switchover => format!(
                "aws rds switchover-global-cluster --region {source_region} \\\n  \
                 --global-cluster-identifier {} \\\n  --target-db-cluster-identifier {}\n",
                quoted(global_cluster),
                quoted(target_arn)
            ),
            Promotion::FailoverWithDataLoss => format!(
                "# What was not replicated is lost.\n\
                 aws rds failover-global-cluster --region {target_region} --allow-data-loss \\\n  \
                 --global-cluster-identifier {} \\\n  --target-db-cluster-identifier {}\n",
                quoted(global_cluster),
                quoted(target_arn)
            ),
            Promotion::Detach => format!(
                "# What was not replicated is lost, and nothing fences the old writer.\n\
                 aws rds remove-from-global-cluster --region {target_region} \\\n  \
                 --global-cluster-identifier {} \\\n  --db-cluster-identifier {}\n",
                quoted(global_cluster),
                quoted(target_arn)
            ),
        },
        Intent::ScaleNodegroup {
            region,
            nodegroup,
            min,
            desired,
            max,
            ready,
            ..
        } => format!(
            "# Wait until {ready} of its instances are in service.\n\
             aws eks update-nodegroup-config --region {region} \\\n  \
             --cluster-name {} --nodegroup-name {} \\\n  \
             --scaling-config minSize={min},maxSize={max},desiredSize={desired}\n",
            quoted(&nodegroup.cluster),
            quoted(&nodegroup.name)
        ),
        Intent::Steer { region, serve, .. } => format!(
            "# The members agree on this by quorum, and health checks ask them: no AWS command does it.\n\
             # Where Route 53 is up, set the health check of {region} by hand to what {} means:\n\
             # aws route53 update-health-check --region {ROUTE53_REGION} --health-check-id … --inverted | --no-inverted\n",
            crate::model::open_word(*serve)
        ),
        Intent::HttpCheck { url, method, .. } => {
            format!(
                "curl --fail --silent --show-error -X {} {}\n",
                quoted(method),
                quoted(url)
            )
        }
        Intent::HttpRequest {
            url, method, body, ..
        } => {
            let body = body
                .as_ref()
                .map(|body| format!(" --data {}", quoted(body)))
                .unwrap_or_default();
            format!(
                "curl --fail --silent --show-error -X {}{body} {}\n",
                quoted(method),
                quoted(url)
            )
        }
        Intent::Approval { message } => format!("# A person decides: {}\n", one_line(message)),
        Intent::Bake { region, duration } => format!(
            "# Go on only if {region} stays well; if it does not, give it back what it had.\nsleep {}\n",
            duration.0.div_ceil(1_000)
        ),
        Intent::Wait { duration } => format!("sleep {}\n", duration.0.div_ceil(1_000)),
    }
}

/// The same call once for each endpoint, joined so that the first that works is the last that is made.
fn routing_controls(
    endpoints: &[ClusterEndpoint],
    states: &[RoutingState],
    override_safety_rules: &[String],
) -> String {
    let entries: Vec<Value> = states
        .iter()
        .map(|state| {
            json!({
                "RoutingControlArn": state.arn,
                "RoutingControlState": RoutingState::word(state.on),
            })
        })
        .collect();
    let entries = quoted(&Value::Array(entries).to_string());
    let rules: Vec<String> = override_safety_rules.iter().map(|r| quoted(r)).collect();
    let overridden = if rules.is_empty() {
        String::new()
    } else {
        format!(" \\\n  --safety-rules-to-override {}", rules.join(" "))
    };
    let calls: Vec<String> = endpoints
        .iter()
        .map(|endpoint| {
            format!(
                "aws route53-recovery-cluster update-routing-control-states --region {} \\\n  \
                 --endpoint-url {} --cli-connect-timeout 5 --cli-read-timeout 10 \\\n  \
                 --update-routing-control-state-entries {entries}{overridden}",
                endpoint.region,
                quoted(&endpoint.url)
            )
        })
        .collect();
    format!(
        "# Any endpoint of the cluster will do: each is tried where the one before it failed.\n{}\n",
        calls.join(" || \\\n")
    )
}

fn batch(delete: &[RecordSet], create: &[RecordSet]) -> String {
    let change = |action: &str, set: &RecordSet| json!({ "Action": action, "ResourceRecordSet": record_set(set) });
    let changes: Vec<Value> = delete
        .iter()
        .map(|set| change("DELETE", set))
        .chain(create.iter().map(|set| change("CREATE", set)))
        .collect();
    json!({ "Comment": "failoverd break-glass --print", "Changes": changes }).to_string()
}

fn record_set(set: &RecordSet) -> Value {
    let mut value = json!({ "Name": set.name, "Type": set.record_type });
    if let Some(identifier) = &set.set_identifier {
        value["SetIdentifier"] = json!(identifier);
    }
    if let Some(role) = set.failover {
        value["Failover"] = json!(match role {
            FailoverRole::Primary => "PRIMARY",
            FailoverRole::Secondary => "SECONDARY",
        });
    }
    if let Some(weight) = set.weight {
        value["Weight"] = json!(weight);
    }
    if let Some(ttl) = set.ttl {
        value["TTL"] = json!(ttl);
    }
    if !set.values.is_empty() {
        let values: Vec<Value> = set.values.iter().map(|v| json!({ "Value": v })).collect();
        value["ResourceRecords"] = Value::Array(values);
    }
    if let Some(alias) = &set.alias {
        value["AliasTarget"] = json!({
            "HostedZoneId": alias.hosted_zone_id,
            "DNSName": alias.dns_name,
            "EvaluateTargetHealth": alias.evaluate_target_health,
        });
    }
    if let Some(check) = &set.health_check_id {
        value["HealthCheckId"] = json!(check);
    }
    value
}

/// One word to a shell, whatever it holds.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// What goes into a comment must not leave it.
fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::*;

    fn set(identifier: &str, role: FailoverRole) -> RecordSet {
        RecordSet {
            name: "www.example.com.".to_owned(),
            record_type: "A".to_owned(),
            set_identifier: Some(identifier.to_owned()),
            failover: Some(role),
            weight: None,
            ttl: Some(60),
            values: vec!["192.0.2.1".to_owned()],
            alias: None,
            health_check_id: Some("hc-1".to_owned()),
        }
    }

    #[test]
    fn a_plan_reads_as_a_script_that_a_person_can_follow() {
        let app = AppId::from("shop");
        let step = |id: &str, intent: Intent, needs: &[&str]| PlannedStep {
            id: id.into(),
            intent,
            needs: needs.iter().map(|need| StepId::from(*need)).collect(),
            timeout: Millis::from_mins(5),
            on_failure: OnFailure::Hold,
            or_else: None,
            stands_in_for: None,
            best_effort: id == "fence-old",
            restore: None,
            before: (id == "raise").then(|| "dial 0 %".to_owned()),
        };
        let steps = vec![
            step(
                "fence-old",
                Intent::HttpRequest {
                    url: "https://old.example.com/fence?why=it's lost".to_owned(),
                    method: "POST".to_owned(),
                    body: None,
                    expect_status: Vec::new(),
                },
                &[],
            ),
            step(
                "grow",
                Intent::ScaleNodegroup {
                    region: "eu-central-1".into(),
                    nodegroup: NodegroupRef {
                        cluster: "shop".to_owned(),
                        name: "web".to_owned(),
                    },
                    min: 2,
                    desired: 6,
                    max: 10,
                    ready: 4,
                    min_ready: None,
                },
                &[],
            ),
            step(
                "promote",
                Intent::AuroraPromote {
                    global_cluster: "shop-global".to_owned(),
                    target_arn: "arn:aws:rds:eu-central-1:1:cluster:shop".to_owned(),
                    target_region: "eu-central-1".into(),
                    source_region: "eu-west-1".into(),
                    method: Promotion::FailoverWithDataLoss,
                    escalate_after: None,
                },
                &["fence-old"],
            ),
            step(
                "raise",
                Intent::Dial {
                    region: "eu-central-1".into(),
                    endpoint_group_arn: "arn:aws:globalaccelerator::1:group/b".to_owned(),
                    percent: 100,
                },
                &["grow", "promote"],
            ),
            step(
                "flip",
                Intent::Route53Failover {
                    hosted_zone_id: "Z1".to_owned(),
                    primary: "eu-central-1".into(),
                    delete: vec![set("a", FailoverRole::Primary)],
                    create: vec![
                        set("a", FailoverRole::Secondary),
                        epoch_record("www.example.com.", &app, Epoch(8)),
                    ],
                    epoch_name: "_failoverd.www.example.com.".to_owned(),
                    epoch: Epoch(8),
                },
                &["promote"],
            ),
            step(
                "switch",
                Intent::RoutingControl {
                    endpoints: ["us-east-1", "ap-southeast-2"]
                        .map(|region| ClusterEndpoint {
                            region: region.into(),
                            url: format!("https://host-aa.{region}.example.com/v1"),
                        })
                        .to_vec(),
                    states: [("eu-central-1", true), ("eu-west-1", false)]
                        .map(|(region, on)| RoutingState {
                            region: region.into(),
                            arn: format!("arn:aws:route53-recovery-control::1:{region}"),
                            on,
                        })
                        .to_vec(),
                    override_safety_rules: vec!["arn:aws:rule".to_owned()],
                },
                &["promote"],
            ),
        ];
        let plan = Plan {
            carriers: Vec::new(),
            application: app,
            kind: RunKind::Failover,
            from: "eu-west-1".into(),
            to: "eu-central-1".into(),
            runbook: "active-passive".to_owned(),
            objective: Objective::default(),
            config: "c".into(),
            epoch: Epoch(8),
            steps,
            notes: Vec::new(),
            data_loss: None,
            made_at: Wall(0),
            hash: PlanHash("h".to_owned()),
        };
        insta::assert_snapshot!(commands(&plan));
    }
}
