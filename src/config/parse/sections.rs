//! Every section but the applications.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use crate::config::aws_names::ArnKind;
use crate::config::types::{AuthPolicy, ClusterTiming, Heartbeat, Node, ReadinessPolicy, Tracing};
use crate::model::{
    Agreement, AwsAccess, DetectionPolicy, GuardPolicy, Member, MemberId, Millis, RegionDownRule,
    SingleVantage,
};
use crate::runbook::spanned::{self, Findings, Kind, Located, Place, Table, read};

use super::access::{self, AccessDraft};
use super::notify::{self, SinkDraft};
use super::peering::{self, DEFAULT_CLUSTER, Given, PeeringDraft};
use super::probe::{self, IN_A_ROW, INTERVAL, ProbeDraft, TIMEOUT};
use super::readiness;
use super::values;
use super::window::{self, WindowDraft};

/// All of them, as far as they could be read.
#[derive(Debug)]
pub(super) struct Sections {
    pub node: Option<Located<Node>>,
    pub members: Vec<Located<Member>>,
    pub cluster: ClusterTiming,
    pub peering: PeeringDraft,
    /// `api` under `[node]`, where it is written.
    pub api: Option<Located<SocketAddr>>,
    /// `steer` there.
    pub steer: Option<Located<SocketAddr>>,
    pub access: AccessDraft,
    pub aws: AwsAccess,
    pub extra_regions: BTreeSet<String>,
    pub detection: Detection,
    pub references: Vec<ProbeDraft>,
    pub references_place: Place,
    /// How many stand in the file, good or bad.
    pub references_written: usize,
    pub guards: GuardPolicy,
    pub auth: AuthPolicy,
    pub windows: Vec<WindowDraft>,
    pub nag_after: Millis,
    pub readiness: ReadinessPolicy,
    pub runbook_dir: Option<Located<PathBuf>>,
    pub members_place: Place,
    pub sinks: Vec<SinkDraft>,
    pub heartbeat: Option<Heartbeat>,
    pub tracing: Option<Tracing>,
}

/// Defaults for probes, and how they add up.
#[derive(Clone, Debug)]
pub(super) struct Detection {
    pub interval: Millis,
    pub timeout: Millis,
    pub fall: u32,
    pub rise: u32,
    pub policy: DetectionPolicy,
}

impl Default for Detection {
    /// DESIGN section 5.
    fn default() -> Self {
        Self {
            interval: Millis::from_secs(5),
            timeout: Millis::from_secs(3),
            fall: 3,
            rise: 5,
            policy: DetectionPolicy::default(),
        }
    }
}

/// One attempt of one AWS call; the SDK itself would wait for good.
const CALL_TIMEOUT: Millis = Millis::from_secs(10);

/// A day: longer guards are pauses, and pauses have a command of their own.
const DAY: Millis = Millis::from_mins(24 * 60);

pub(super) fn read(table: &Table<'_>, base: &Path) -> Sections {
    let findings = table.findings();
    let (aws, extra_regions) = table.section("aws", "[aws]", |t| {
        // First: every other section's Regions are judged by it.
        let extra: BTreeSet<String> = t
            .or("extra_regions", Vec::new(), read::list(values::new_region))
            .unwrap_or_default()
            .into_iter()
            .collect();
        let none = AwsAccess {
            call_timeout: CALL_TIMEOUT,
            ..AwsAccess::default()
        };
        (aws(t, &none), extra)
    });
    let drafts = table
        .or("member", Vec::new(), |f, n| {
            read::list(|f, n| member(f, n, &extra_regions))(f, n)
        })
        .unwrap_or_default();
    let mut peering = PeeringDraft::default();
    let mut members = Vec::new();
    for (member, address) in drafts {
        peering.addresses.push((member.value.id.clone(), address));
        members.push(member);
    }
    let members_place = table
        .get("member")
        .map_or_else(|| table.place().clone(), |n| n.place.clone());
    if table.get("member").is_none() {
        table.missing(
            "member",
            "[[member]] with `id` and `region`, one for every daemon of the cluster",
        );
    }
    let (mut api, mut steer) = (None, None);
    let node = match table.get("node") {
        Some(_) => table.section("node", "[node]", |t| {
            peering.listen = t.located("peer", values::socket);
            api = t.located("api", values::socket);
            steer = t.located("steer", values::socket);
            let address = |of: &Option<Located<SocketAddr>>| of.as_ref().map(|of| of.value);
            node(
                t,
                &members,
                &extra_regions,
                base,
                (address(&api), address(&steer)),
            )
        }),
        None => {
            table.missing("node", "[node] with `id`, one of the members");
            None
        }
    };
    let cluster = table.section("cluster", "[cluster]", |t| {
        peering.name = t.or("name", DEFAULT_CLUSTER.to_owned(), read::name);
        peering.heartbeat_place = t.get("heartbeat").map(|written| written.place.clone());
        cluster(t)
    });
    peering.security = table.section("tls", "[tls]", |t| peering::security(t, base));
    let mut access = AccessDraft::default();
    let auth = table.section("auth", "[auth]", |t| {
        access::auth(t, base, &mut access);
        super::auth::auth(t)
    });
    if table.get("api_tls").is_some() {
        access.api_tls = table.section("api_tls", "[api_tls]", |t| access::api_tls(t, base));
    }
    let mut references = Vec::new();
    let mut references_place = table.place().clone();
    let mut references_written = 0;
    let detection = table.section("detection", "[detection]", |t| {
        references_place = t.place().clone();
        let detection = detection(t, &Detection::default());
        if let Some(node) = t.get("reference") {
            references_place = node.place.clone();
            if let Kind::List(elements) = &node.kind {
                references_written = elements.len();
            }
            let read = |f: &Findings, n: &spanned::Node| {
                probe::read(f, n, &detection, base, Some(&extra_regions))
            };
            references = read::list(read)(findings, node).unwrap_or_default();
        }
        detection
    });
    let guards = table.section("guards", "[guards]", |t| guards(t, &GuardPolicy::default()));
    let nag_after = table.section("automation", "[automation]", window::nag_after);
    let windows = table
        .or("automation_window", Vec::new(), read::list(window::read))
        .unwrap_or_default();
    let readiness = table.section("readiness", "[readiness]", readiness::read);
    let runbook_dir = table.section("runbooks", "[runbooks]", |t| {
        t.located("dir", values::path(base))
    });
    let sinks = table
        .or("notify", Vec::new(), |f, n| {
            read::list(|f, n| notify::sink(f, n, base))(f, n)
        })
        .unwrap_or_default();
    let heartbeat = table
        .get("heartbeat")
        .and_then(|written| notify::heartbeat(findings, written, base));
    let tracing = table
        .get("tracing")
        .and_then(|written| notify::tracing(findings, written));
    Sections {
        node,
        members,
        cluster,
        peering,
        api,
        steer,
        access,
        aws,
        extra_regions,
        detection,
        references,
        references_place,
        references_written,
        guards,
        auth,
        windows,
        nag_after,
        readiness,
        runbook_dir,
        members_place,
        sinks,
        heartbeat,
        tracing,
    }
}

fn member(
    findings: &Findings,
    node: &spanned::Node,
    extra: &BTreeSet<String>,
) -> Option<(Located<Member>, Given<String>)> {
    Table::walk(findings, node, "a member", |table| {
        let id = table.required("id", "id = \"eu-west-1\"", read::located(read::name));
        if let Some(id) = &id {
            table.rename(format!("member `{}`", id.value));
        }
        let region = table.required("region", "region = \"eu-west-1\"", values::region(extra));
        let address = peering::address(table);
        let id = id?;
        let member = Located {
            value: Member {
                id: MemberId(id.value),
                region: region?,
            },
            place: id.place,
        };
        Some((member, address))
    })
}

fn node(
    table: &Table<'_>,
    members: &[Located<Member>],
    extra: &BTreeSet<String>,
    base: &Path,
    (api, steer): (Option<SocketAddr>, Option<SocketAddr>),
) -> Option<Located<Node>> {
    let findings = table.findings();
    let id = table.required("id", "id = \"eu-west-1\"", read::located(read::name));
    let region = table.located("region", values::region(extra));
    let data_dir = table.or(
        "data_dir",
        PathBuf::from("/var/lib/failoverd"),
        values::path(base),
    );
    // Loopback: nobody is served who was not let in on purpose.
    let api = api.unwrap_or(SocketAddr::from((Ipv4Addr::LOCALHOST, 7400)));
    let id = id?;
    let own = members.iter().find(|m| m.value.id.as_str() == id.value);
    let Some(own) = own else {
        if !members.is_empty() {
            let known: Vec<&str> = members.iter().map(|m| m.value.id.as_str()).collect();
            findings.push(
                findings
                    .error(
                        "not_a_member",
                        &id.place,
                        format!("[node] is \"{}\", and no member is called so", id.value),
                    )
                    .label("not a member")
                    .help(format!(
                        "Use one of the members ({}), or add a [[member]] with this id.",
                        known.join(", ")
                    )),
            );
        }
        return None;
    };
    if let Some(region) = &region
        && region.value != own.value.region
    {
        findings.push(
            findings
                .error(
                    "region_differs",
                    &region.place,
                    format!(
                        "[node] says that \"{}\" is in {}, its [[member]] says {}",
                        id.value, region.value, own.value.region
                    ),
                )
                .label("differs from the member's")
                .help("Correct one of the two; `region` may also be left out of [node]."),
        );
    }
    Some(Located {
        value: Node {
            id: MemberId(id.value),
            region: own.value.region.clone(),
            data_dir: data_dir?,
            api,
            steer,
        },
        place: id.place,
    })
}

fn cluster(table: &Table<'_>) -> ClusterTiming {
    let base = ClusterTiming::default();
    // Below 50 ms a garbage collection next door is an election; above a minute nobody notices a
    // dead leader.
    let range = || read::duration(Millis(50)..=Millis::from_mins(1));
    let timing = ClusterTiming {
        heartbeat: table
            .or("heartbeat", base.heartbeat, range())
            .unwrap_or(base.heartbeat),
        election_min: table
            .or("election_min", base.election_min, range())
            .unwrap_or(base.election_min),
        election_max: table
            .or("election_max", base.election_max, range())
            .unwrap_or(base.election_max),
    };
    let findings = table.findings();
    if timing.election_min < timing.heartbeat.times(2) {
        findings.push(
            findings
                .error(
                    "cluster_timing",
                    table.place(),
                    format!(
                        "`election_min` is {}, less than two heartbeats of {}",
                        timing.election_min, timing.heartbeat
                    ),
                )
                .label("one late heartbeat would depose the leader")
                .help("Raise `election_min` to three heartbeats or more, or lower `heartbeat`."),
        );
    }
    if timing.election_max <= timing.election_min {
        findings.push(
            findings
                .error(
                    "cluster_timing",
                    table.place(),
                    format!(
                        "`election_max` is {}, not above `election_min`, which is {}",
                        timing.election_max, timing.election_min
                    ),
                )
                .label("no room to draw from")
                .help("Elections are drawn between the two: raise `election_max`, usually to twice `election_min`."),
        );
    }
    timing
}

/// `[aws]`, or an application's own; what is absent is taken from `base`.
pub(super) fn aws(table: &Table<'_>, base: &AwsAccess) -> AwsAccess {
    let role = |f: &Findings, n: &spanned::Node| values::arn(ArnKind::Role, None)(f, n);
    AwsAccess {
        profile: table
            .optional("profile", read::text)
            .or_else(|| base.profile.clone()),
        assume_role: table
            .optional("assume_role", role)
            .or_else(|| base.assume_role.clone()),
        external_id: table
            .optional("external_id", read::text)
            .or_else(|| base.external_id.clone()),
        endpoint_url: table
            .optional("endpoint_url", read::http_url)
            .or_else(|| base.endpoint_url.clone()),
        call_timeout: table
            .or(
                "call_timeout",
                base.call_timeout,
                read::duration(Millis(100)..=Millis::from_mins(2)),
            )
            .unwrap_or(base.call_timeout),
    }
}

/// `[detection]`, or an application's own; what is absent is taken from `base`.
pub(super) fn detection(table: &Table<'_>, base: &Detection) -> Detection {
    Detection {
        interval: table
            .or("interval", base.interval, read::duration(INTERVAL))
            .unwrap_or(base.interval),
        timeout: table
            .or("timeout", base.timeout, read::duration(TIMEOUT))
            .unwrap_or(base.timeout),
        fall: table
            .or("fall", base.fall, read::whole(IN_A_ROW))
            .unwrap_or(base.fall),
        rise: table
            .or("rise", base.rise, read::whole(IN_A_ROW))
            .unwrap_or(base.rise),
        policy: DetectionPolicy {
            region_down: table
                .or("region_down", base.policy.region_down, region_down)
                .unwrap_or(base.policy.region_down),
            gossip: table
                .or(
                    "gossip",
                    base.policy.gossip,
                    read::duration(Millis(100)..=Millis::from_mins(1)),
                )
                .unwrap_or(base.policy.gossip),
        },
    }
}

/// `"all_critical"`, `"any_critical"` or `{ weight_percent = 60 }`.
fn region_down(findings: &Findings, node: &spanned::Node) -> Option<RegionDownRule> {
    if matches!(node.kind, Kind::Table(_)) {
        return Table::walk(findings, node, "`region_down`", |table| {
            table
                .required(
                    "weight_percent",
                    "weight_percent = 60",
                    read::whole(1..=100_u8),
                )
                .map(RegionDownRule::WeightPercent)
        });
    }
    read::one_of(&[
        ("all_critical", RegionDownRule::AllCritical),
        ("any_critical", RegionDownRule::AnyCritical),
    ])(findings, node)
}

/// `[guards]`, or an application's own; what is absent is taken from `base`.
pub(super) fn guards(table: &Table<'_>, base: &GuardPolicy) -> GuardPolicy {
    let length = |key: &'static str, base: Millis, low: Millis| {
        table
            .or(key, base, read::duration(low..=DAY))
            .unwrap_or(base)
    };
    let flag = |key: &'static str, base: bool| table.or(key, base, read::flag).unwrap_or(base);
    GuardPolicy {
        agreement: table
            .or(
                "agreement",
                base.agreement,
                read::one_of(&[
                    ("unanimous", Agreement::Unanimous),
                    ("majority", Agreement::Majority),
                ]),
            )
            .unwrap_or(base.agreement),
        freshness: length("freshness", base.freshness, Millis(100)),
        hold_down: length("hold_down", base.hold_down, Millis::ZERO),
        startup_grace: length("startup_grace", base.startup_grace, Millis::ZERO),
        not_everything: flag("not_everything", base.not_everything),
        rpo_max: length("rpo_max", base.rpo_max, Millis::ZERO),
        lag_max_age: length("lag_max_age", base.lag_max_age, Millis::from_secs(1)),
        cool_down: length("cool_down", base.cool_down, Millis::ZERO),
        brake: table
            .or("brake", base.brake, read::whole(1..=100_u32))
            .unwrap_or(base.brake),
        quarantine: flag("quarantine", base.quarantine),
        single_vantage: table
            .or(
                "single_vantage",
                base.single_vantage,
                read::one_of(&[
                    ("refuse", SingleVantage::Refuse),
                    ("allow", SingleVantage::Allow),
                ]),
            )
            .unwrap_or(base.single_vantage),
        soak: length("soak", base.soak, Millis::ZERO),
    }
}
