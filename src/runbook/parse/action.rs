//! `uses` and `with`: an action and its authored arguments.

use crate::model::{ActionSpec, Millis, PromoteMethod, Ramp, Side, SizeSpec, Template, WeightSpec};
use crate::runbook::spanned::{Findings, Kind, Located, Node, Place, Table, closest, read};

use super::template;

/// The words in `uses`.
pub(super) const ACTIONS: [&str; 13] = [
    "approval",
    "arc.routing_control",
    "aurora.detach",
    "aurora.promote",
    "eks.scale_nodegroup",
    "global_accelerator.dial",
    "global_accelerator.weight",
    "http.check",
    "http.request",
    "route53.failover",
    "route53.weights",
    "steer",
    "wait",
];

const SIDES: &[(&str, Side)] = &[("from", Side::From), ("to", Side::To)];

/// The Regions whose own resources a step can change.
const REGIONS: &[(&str, Side)] = &[
    ("from", Side::From),
    ("to", Side::To),
    ("others", Side::Others),
];

/// What `match` may follow.
const SIZES: &[(&str, Option<Side>)] = &[
    ("from", Some(Side::From)),
    ("to", Some(Side::To)),
    ("peak", None),
];

const METHODS: &[(&str, PromoteMethod)] = &[
    ("switchover", PromoteMethod::Switchover),
    ("failover", PromoteMethod::Failover),
    (
        "switchover_then_failover",
        PromoteMethod::SwitchoverThenFailover,
    ),
];

/// How long a bounded switchover may take before it escalates: on recent engines it takes under
/// 30 s, and a control plane that has said nothing for two minutes will not.
const SWITCHOVER_TIMEOUT: Millis = Millis::from_mins(2);

/// A wait longer than this is an approval in disguise.
pub(super) const LONGEST: Millis = Millis::from_mins(24 * 60);

/// An action with the templates in it.
pub(super) struct Action {
    pub spec: ActionSpec,
    pub templates: Vec<Located<Template>>,
    pub ramp: Option<Ramp>,
}

/// Reads `with` as the arguments of the action that `uses` names.
pub(super) fn action(
    findings: &Findings,
    uses: &Node,
    with: Option<&Node>,
    step: &str,
) -> Option<Action> {
    let word = read::text(findings, uses)?;
    let empty = Node {
        key: "with".to_owned(),
        place: uses.place.clone(),
        kind: Kind::Table(Vec::new()),
    };
    let read: fn(&Table<'_>) -> Option<Action> = match word.as_str() {
        "global_accelerator.dial" => dial,
        "global_accelerator.weight" => weight,
        "route53.failover" => route53_failover,
        "route53.weights" => route53_weights,
        "arc.routing_control" => routing_control,
        "aurora.promote" => aurora_promote,
        "aurora.detach" => aurora_detach,
        "eks.scale_nodegroup" => scale_nodegroup,
        "steer" => steer,
        "http.check" => http_check,
        "http.request" => http_request,
        "approval" => approval,
        "wait" => wait,
        _ => {
            let known = ACTIONS.join(", ");
            let help = match closest(&word, &ACTIONS) {
                Some(action) => format!("Did you mean \"{action}\"? The actions are {known}."),
                None => format!("The actions are {known}."),
            };
            findings.push(
                findings
                    .error(
                        "unknown_action",
                        &uses.place,
                        format!("{step} uses \"{word}\", which is no action"),
                    )
                    .label("unknown action")
                    .help(help),
            );
            return None;
        }
    };
    let what = format!("`with` of {step}");
    Table::walk(findings, with.unwrap_or(&empty), &what, read)
}

fn plain(spec: ActionSpec) -> Option<Action> {
    Some(Action {
        spec,
        templates: Vec::new(),
        ramp: None,
    })
}

fn side(table: &Table<'_>, key: &'static str) -> Option<Side> {
    table.required(key, &format!("{key} = \"to\""), read::one_of(SIDES))
}

fn region(table: &Table<'_>) -> Option<Side> {
    table.required("region", "region = \"to\"", read::one_of(REGIONS))
}

// Every key is asked for before any is given up on: otherwise those after the first bad one would
// be called unknown.

fn dial(table: &Table<'_>) -> Option<Action> {
    let region = region(table);
    let (percent, ramp) = percent_or_ramp(table, region)?;
    let region = region?;
    Some(Action {
        spec: ActionSpec::Dial { region, percent },
        templates: Vec::new(),
        ramp,
    })
}

/// `percent`, or the values on the way to it. Asks for every key, whatever is wrong with one.
fn percent_or_ramp(table: &Table<'_>, region: Option<Side>) -> Option<(u8, Option<Ramp>)> {
    let findings = table.findings();
    let percent = table.located("percent", read::whole(0..=100_u8));
    let ramp = table.located("ramp", read::list(read::located(read::whole(1..=100_u8))));
    let bake = table.located("bake", read::duration(Millis::from_secs(1)..=LONGEST));
    let wrong = |place: &Place, message: &str, label: &str, help: &str| {
        let error = findings.error("bad_value", place, message.to_owned());
        findings.push(error.label(label).help(help));
    };
    let Some(ramp) = ramp else {
        if table.get("percent").is_none() && table.get("ramp").is_none() {
            let example = "percent = 100   # or: ramp = [10, 25, 50, 100], bake = \"2m\"";
            table.missing("percent", example);
        }
        if let (Some(bake), None) = (&bake, table.get("ramp")) {
            let help = "Remove it, or replace `percent` by ramp = [10, 25, 50, 100].";
            let message = "`bake` means nothing without `ramp`";
            wrong(&bake.place, message, "has no effect", help);
        }
        return Some((percent?.value, None));
    };
    if let Some(percent) = &percent {
        wrong(
            &percent.place,
            "`ramp` and `percent` both say how much traffic the Region gets",
            "one of the two is too much",
            "Keep `ramp` to raise it value by value, or `percent` for one step.",
        );
    }
    if table.get("bake").is_none() {
        table.missing("bake", "bake = \"2m\"");
    }
    if region.is_some_and(|region| region != Side::To) {
        wrong(
            &ramp.place,
            "`ramp` is for the Region that is gone to",
            "another Region",
            "Use region = \"to\"; every other Region's traffic is changed in one step, by `percent`.",
        );
    }
    for pair in ramp.value.windows(2) {
        if pair[1].value <= pair[0].value {
            let message = format!(
                "`ramp` goes from {} to {}: it must rise",
                pair[0].value, pair[1].value
            );
            let help = "Write each value once, from the lowest to 100.";
            wrong(&pair[1].place, &message, "does not rise", help);
        }
    }
    match ramp.value.last() {
        Some(last) if last.value == 100 && ramp.value.len() > 1 => {}
        Some(last) if last.value == 100 => wrong(
            &ramp.place,
            "`ramp` has one value, and nothing to bake",
            "no ramp",
            "Write percent = 100, or put lower values before it: [10, 25, 50, 100].",
        ),
        Some(last) => {
            let message = format!("`ramp` ends at {}, not at 100", last.value);
            let help = "Let its last value be 100: what is left over would stay so for good.";
            wrong(&last.place, &message, "the last value", help);
        }
        None => wrong(
            &ramp.place,
            "`ramp` is empty",
            "no value",
            "Name the values on the way to 100: [10, 25, 50, 100].",
        ),
    }
    let percents = ramp.value.iter().map(|percent| percent.value).collect();
    let bake = bake?.value;
    Some((100, Some(Ramp { percents, bake })))
}

fn weight(table: &Table<'_>) -> Option<Action> {
    let findings = table.findings();
    let region = region(table);
    let weight = table.located("weight", read::whole(0..=255_u8));
    let matched = table.located("match", read::one_of(&[("recorded", ())]));
    // 0 would give nothing back.
    let fallback = table.located("fallback", read::whole(1..=255_u8));
    if let (Some(Side::From), Some(matched)) = (region, &matched) {
        findings.push(
            findings
                .error(
                    "bad_value",
                    &matched.place,
                    "`match` would give weight back to the Region that is left",
                )
                .label("the Region that is left")
                .help("Use region = \"to\": weights are given back where users are sent."),
        );
    }
    let weight = match (&weight, &matched) {
        (Some(weight), Some(_)) => {
            findings.push(
                findings
                    .error(
                        "bad_value",
                        &weight.place,
                        "`match` and `weight` both say which weight the endpoints get",
                    )
                    .label("one of the two is too much")
                    .help("Keep `match` to give back what they had, or `weight` for a number."),
            );
            None
        }
        (None, None) => {
            if table.get("match").is_none() && table.get("weight").is_none() {
                table.missing("weight", "weight = 0   # or: match = \"recorded\"");
            }
            None
        }
        (Some(weight), None) => {
            if let Some(fallback) = &fallback {
                findings.push(
                    findings
                        .error(
                            "bad_value",
                            &fallback.place,
                            "`fallback` means nothing without `match`",
                        )
                        .label("has no effect")
                        .help("Remove it, or replace `weight` by match = \"recorded\"."),
                );
            }
            Some(WeightSpec::Absolute(weight.value))
        }
        (None, Some(_)) => Some(WeightSpec::Recorded {
            fallback: fallback.map(|f| f.value),
        }),
    };
    plain(ActionSpec::Weight {
        region: region?,
        weight: weight?,
    })
}

fn route53_failover(table: &Table<'_>) -> Option<Action> {
    plain(ActionSpec::Route53Failover {
        primary: side(table, "primary")?,
    })
}

fn steer(table: &Table<'_>) -> Option<Action> {
    let region = side(table, "region");
    let serve = table.required("serve", "serve = true", read::flag);
    plain(ActionSpec::Steer {
        region: region?,
        serve: serve?,
    })
}

fn route53_weights(table: &Table<'_>) -> Option<Action> {
    let region = side(table, "region");
    let (percent, ramp) = percent_or_ramp(table, region)?;
    let region = region?;
    Some(Action {
        spec: ActionSpec::Route53Weights { region, percent },
        templates: Vec::new(),
        ramp,
    })
}

fn routing_control(table: &Table<'_>) -> Option<Action> {
    let findings = table.findings();
    let on = side(table, "on");
    let off = table.located("off", read::one_of(SIDES));
    if table.get("off").is_none() {
        table.missing("off", "off = \"from\"");
    }
    if let (Some(on), Some(off)) = (on, &off)
        && on == off.value
    {
        findings.push(
            findings
                .error(
                    "bad_value",
                    &off.place,
                    "`on` and `off` name the same Region: nobody would be let in anywhere",
                )
                .label("the Region that is turned on")
                .help("Write on = \"to\", off = \"from\"."),
        );
    }
    let override_safety_rules =
        table.or("override_safety_rules", Vec::new(), read::list(safety_rule));
    plain(ActionSpec::RoutingControl {
        on: on?,
        off: off?.value,
        override_safety_rules: override_safety_rules?,
    })
}

/// The ARN of a safety rule. Source: Service Authorization Reference, Amazon Route 53 Recovery Controls.
fn safety_rule(findings: &Findings, node: &Node) -> Option<String> {
    let text = read::text(findings, node)?;
    let resource = text
        .strip_prefix("arn:")
        .and_then(|rest| rest.split_once(":route53-recovery-control::"))
        .and_then(|(_, rest)| rest.split_once(":controlpanel/"));
    let shaped = resource.is_some_and(|(_, rest)| {
        matches!(
            rest.split('/').collect::<Vec<_>>().as_slice(),
            [panel, "safetyrule", rule] if !panel.is_empty() && !rule.is_empty()
        )
    });
    if !shaped {
        read::bad_value(
            findings,
            node,
            format!("\"{text}\" is not the ARN of a safety rule"),
            "not a safety rule",
            "It looks like arn:aws:route53-recovery-control::111122223333:controlpanel/0123abcd/\
             safetyrule/4567ef89",
        );
    }
    Some(text)
}

fn aurora_promote(table: &Table<'_>) -> Option<Action> {
    let region = side(table, "region");
    let graceful = table.or("graceful", PromoteMethod::Switchover, read::one_of(METHODS));
    let ungraceful = table.or("ungraceful", PromoteMethod::Failover, read::one_of(METHODS));
    let switchover_timeout = table.or(
        "switchover_timeout",
        SWITCHOVER_TIMEOUT,
        read::duration(Millis::from_secs(1)..=LONGEST),
    );
    plain(ActionSpec::AuroraPromote {
        region: region?,
        graceful: graceful?,
        ungraceful: ungraceful?,
        switchover_timeout: switchover_timeout?,
    })
}

fn aurora_detach(table: &Table<'_>) -> Option<Action> {
    plain(ActionSpec::AuroraPromote {
        region: side(table, "region")?,
        graceful: PromoteMethod::Detach,
        ungraceful: PromoteMethod::Detach,
        switchover_timeout: SWITCHOVER_TIMEOUT,
    })
}

fn scale_nodegroup(table: &Table<'_>) -> Option<Action> {
    let findings = table.findings();
    let region = region(table);
    let matched = table.located("match", read::one_of(SIZES));
    let desired = table.located("desired", read::whole(1..=u32::from(u16::MAX)));
    let percent = table.located("percent", read::whole(1..=1_000_u16));
    let fallback = table.located("fallback", read::whole(1..=u32::from(u16::MAX)));
    let ready_percent = table.or("ready_percent", 100, read::whole(1..=100_u8));
    let min_ready = table.located("min_ready_percent", read::whole(1..=100_u8));

    let size = match (&matched, &desired) {
        (Some(_), Some(desired)) => {
            findings.push(
                findings
                    .error(
                        "bad_value",
                        &desired.place,
                        "`match` and `desired` both say how large the group becomes",
                    )
                    .label("one of the two is too much")
                    .help("Keep `match` to follow the other Region, or `desired` for a number."),
            );
            None
        }
        (None, None) => {
            if table.get("match").is_none() && table.get("desired").is_none() {
                table.missing("match", "match = \"from\"   # or: desired = 6");
            }
            None
        }
        (None, Some(desired)) => {
            for stray in [
                percent.as_ref().map(|p| ("percent", &p.place)),
                fallback.as_ref().map(|f| ("fallback", &f.place)),
            ]
            .into_iter()
            .flatten()
            {
                let message = format!("`{}` means nothing without `match`", stray.0);
                findings.push(
                    findings
                        .error("bad_value", stray.1, message)
                        .label("has no effect")
                        .help("Remove it, or replace `desired` by match = \"from\"."),
                );
            }
            Some(SizeSpec::Absolute(desired.value))
        }
        (Some(matched), None) if matched.value.is_none() => {
            for stray in [
                percent.as_ref().map(|p| ("percent", &p.place)),
                fallback.as_ref().map(|f| ("fallback", &f.place)),
            ]
            .into_iter()
            .flatten()
            {
                let message = format!("`{}` means nothing with match = \"peak\"", stray.0);
                findings.push(
                    findings
                        .error("bad_value", stray.1, message)
                        .label("has no effect")
                        .help("Remove it: each node group's `peak` stands in the configuration."),
                );
            }
            Some(SizeSpec::Peak)
        }
        (Some(side), None) => {
            if region == side.value {
                findings.push(
                    findings
                        .error(
                            "bad_value",
                            &side.place,
                            "`match` names the Region that is being grown itself",
                        )
                        .label("the same Region")
                        .help("Use region = \"to\" with match = \"from\"."),
                );
            }
            Some(SizeSpec::Match {
                side: side.value.unwrap_or(Side::From),
                percent: percent.map_or(100, |p| p.value),
                fallback: fallback.map(|f| f.value),
            })
        }
    };
    if let (Some(min), Some(ready)) = (&min_ready, ready_percent)
        && min.value > ready
    {
        findings.push(
            findings
                .error(
                    "bad_value",
                    &min.place,
                    format!(
                        "`min_ready_percent` is {}, more than `ready_percent`, which is {ready}",
                        min.value
                    ),
                )
                .label(format!("must not be above {ready}"))
                .help(
                    "`ready_percent` is when the step is done; `min_ready_percent` is what it \
                     accepts once its time is up.",
                ),
        );
    }
    plain(ActionSpec::ScaleNodegroup {
        region: region?,
        size: size?,
        ready_percent: ready_percent?,
        min_ready_percent: min_ready.map(|m| m.value),
    })
}

fn http_check(table: &Table<'_>) -> Option<Action> {
    let url = url(table, "https://${to.host}/healthz");
    let method = table.or("method", "GET".to_owned(), read::method);
    let expect_status = table.or("expect_status", success(), read::statuses);
    let body_contains = table.located("body_contains", text_template);
    let expect_region = table.optional("expect_region", read::one_of(SIDES));
    let url = url?;
    Some(Action {
        spec: ActionSpec::HttpCheck {
            url: url.value.clone(),
            method: method?,
            expect_status: expect_status?,
            body_contains: body_contains.as_ref().map(|b| b.value.clone()),
            expect_region,
        },
        templates: [Some(url), body_contains].into_iter().flatten().collect(),
        ramp: None,
    })
}

fn http_request(table: &Table<'_>) -> Option<Action> {
    let url = url(table, "https://${from.host}/fence");
    let method = table.or("method", "POST".to_owned(), read::method);
    let body = table.located("body", text_template);
    let expect_status = table.or("expect_status", success(), read::statuses);
    let url = url?;
    Some(Action {
        spec: ActionSpec::HttpRequest {
            url: url.value.clone(),
            method: method?,
            body: body.as_ref().map(|b| b.value.clone()),
            expect_status: expect_status?,
        },
        templates: [Some(url), body].into_iter().flatten().collect(),
        ramp: None,
    })
}

fn approval(table: &Table<'_>) -> Option<Action> {
    let example = "message = \"Promote, although up to 40 s of writes are lost?\"";
    let message = table.required("message", example, read::text);
    plain(ActionSpec::Approval { message: message? })
}

fn wait(table: &Table<'_>) -> Option<Action> {
    let duration = table.required(
        "duration",
        "duration = \"30s\"",
        read::duration(Millis(1)..=LONGEST),
    );
    plain(ActionSpec::Wait {
        duration: duration?,
    })
}

/// Any 2xx.
fn success() -> Vec<crate::model::StatusRange> {
    vec![crate::model::StatusRange {
        low: 200,
        high: 299,
    }]
}

fn url(table: &Table<'_>, example: &str) -> Option<Located<Template>> {
    let node = match table.get("url") {
        Some(node) => node,
        None => {
            table.missing("url", &format!("url = \"{example}\""));
            return None;
        }
    };
    let findings = table.findings();
    let template = text_template(findings, node)?;
    // Only what is left once every reference has a value can be judged. A reference may hold a
    // whole URL, so a template that begins with one is judged when it is resolved.
    let begins_with_reference = template.0.starts_with("${");
    if !begins_with_reference {
        let filled = fill(&template);
        if let Err(why) = read::check_http_url(&filled) {
            read::bad_value(
                findings,
                node,
                format!("`url` is no usable URL: {why}"),
                "not a usable URL",
                format!("Write an absolute one, such as \"{example}\"."),
            );
            return None;
        }
    }
    Some(Located {
        value: template,
        place: node.place.clone(),
    })
}

/// The template with a harmless word for every reference.
fn fill(template: &Template) -> String {
    template::pieces(template)
        .unwrap_or_default()
        .into_iter()
        .map(|piece| match piece {
            template::Piece::Text(text) => text,
            template::Piece::Reference { .. } => "1".to_owned(),
        })
        .collect()
}

fn text_template(findings: &Findings, node: &Node) -> Option<Template> {
    let template = Template(read::text(findings, node)?);
    match template::pieces(&template) {
        Ok(_) => Some(template),
        Err(why) => {
            findings.push(
                findings
                    .error("bad_template", &node.place, why.to_string())
                    .label("cannot be filled in")
                    .help(
                        "References are ${application.NAME}, ${from.NAME} and ${to.NAME}, where \
                         NAME is a key of that table of vars in the configuration.",
                    ),
            );
            None
        }
    }
}

/// How long a step of that action may take where its author says nothing: a generous multiple of
/// what AWS publishes (AWS-FACTS, published times), so that a timeout means trouble.
pub(super) fn default_timeout(spec: &ActionSpec) -> Millis {
    match spec {
        // A dial is in place within about 30 s, a record within 60 s.
        ActionSpec::Dial { .. } | ActionSpec::Weight { .. } => Millis::from_mins(2),
        ActionSpec::Route53Failover { .. } | ActionSpec::Route53Weights { .. } => {
            Millis::from_mins(3)
        }
        // Answered in seconds; so long that each of five endpoints may hang once.
        ActionSpec::RoutingControl { .. } => Millis::from_mins(2),
        // Users measured 1 to 8 min.
        ActionSpec::AuroraPromote { .. } => Millis::from_mins(10),
        // 2 to 5 min to the first nodes.
        ActionSpec::ScaleNodegroup { .. } => Millis::from_mins(10),
        // Resolver caches must run out first.
        ActionSpec::HttpCheck { .. } => Millis::from_mins(2),
        ActionSpec::HttpRequest { .. } => Millis::from_secs(30),
        // An entry of the ledger; an election may come between.
        ActionSpec::Steer { .. } => Millis::from_secs(30),
        // A person has to be found.
        ActionSpec::Approval { .. } => Millis::from_mins(60),
        ActionSpec::Wait { duration } => duration.plus(Millis::from_mins(1)),
    }
}
