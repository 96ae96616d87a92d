//! `docs/metrics.md` is written from the families themselves, and this test holds the file to it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::figures::{count_everything, snapshot};
use super::matrix::auth;
use super::support::{Desk, source};
use crate::api::Access;
use crate::api::metrics::{Exposition, Scraper};
use crate::api::traffic::Traffic;
use crate::daemon::snapshot::Snapshot;
use crate::model::{AppId, AppState, Millis, NeedsOperator, Phase, RunId, RunStatus, State, Wall};
use crate::notify::{HeartbeatTally, SinkTally, Tally};

/// Set to anything, the file is written anew instead of being compared.
const WRITE: &str = "FAILOVERD_WRITE_DOCS";

/// What a family is about, by the words its name begins with; the first that fits.
const GROUPS: [(&str, &[&str]); 8] = [
    (
        "This member",
        &["build", "member", "ready", "leader", "loop"],
    ),
    (
        "The cluster",
        &["quorum", "voters", "cluster", "certificate", "peer"],
    ),
    ("The ledger", &["ledger", "audit"]),
    (
        "Probes, votes and verdicts",
        &["probe", "reference", "samples", "tilts", "vote", "verdict"],
    ),
    (
        "Applications",
        &[
            "application",
            "guard",
            "automation",
            "brake",
            "region",
            "rpo",
            "lag",
            "replication",
            "nodegroup",
            "traffic",
            "steer",
            "readiness",
            "drill",
        ],
    ),
    ("Runs", &["run", "drift", "runs", "step", "action"]),
    ("The API", &["api"]),
    ("What goes out", &["notifications", "heartbeat"]),
];

/// What bounds the values of a label; of one family alone where a family is named.
const BOUNDS: [(&str, &str, &str); 42] = [
    (
        "steer_requests",
        "answer",
        "`open`, `closed`, `nothing_agreed`, `unknown`, and `none` for a client that took too long",
    ),
    ("", "mode", "`rehearse`, `live`"),
    ("", "application", "the configured applications"),
    ("", "region", "the configured Regions"),
    ("", "from", "the configured Regions"),
    ("", "to", "the configured Regions"),
    ("", "level", "`passed`, `unknown`, `warning` or `blocking`"),
    ("", "probe", "the configured probes"),
    ("", "member", "the configured members"),
    ("", "peer", "the other configured members"),
    (
        "",
        "nodegroup",
        "the configured node groups, `cluster/name`",
    ),
    ("", "step", "the steps of the open runs"),
    ("", "action", "the actions that runbooks know"),
    ("", "state", "`up`, `suspect`, `down`, `unknown`"),
    ("", "counts_as", "`down`, `dissent`, `unusable`, `inside`"),
    ("", "phase", "the nine phases"),
    ("", "guard", "the guards"),
    ("", "ruling", "`warn`, `hold`, `ask`"),
    (
        "",
        "kind",
        "`failover`, `switchover`, `failback`, `shift`, `return`",
    ),
    ("", "origin", "`quorum`, `operator`"),
    ("", "activity", "what a member does about a step: six words"),
    ("", "version", "one"),
    ("", "channel", "the four channels between members"),
    ("", "direction", "`sent`, `received`"),
    (
        "",
        "certificate",
        "`peer`: the one shown to other members; `api`: to callers",
    ),
    ("", "cause", "`stall`, `gap`, `clock_step`"),
    ("", "goal", "what a look at a goal may find: seven words"),
    ("", "route", "the routes of the API, and `none`"),
    ("", "method", "seven methods, and `other`"),
    (
        "",
        "reason",
        "the reasons for not acting, as in `failoverctl why`",
    ),
    (
        "action_calls",
        "outcome",
        "`accepted`, `refused`, `busy`, `unknown`, `not_sent`",
    ),
    (
        "api_rejected",
        "reason",
        "the codes of problem documents, and `other`",
    ),
    ("api_requests", "status", "`1xx` to `5xx`"),
    ("", "role", "`viewer`, `operator`, `admin`"),
    (
        "ledger_proposals",
        "result",
        "`committed`, `rejected`, `not_leader`, `unknown`, `stopped`",
    ),
    ("peer_refusals", "reason", "why a member is not let in"),
    (
        "run_needs_operator",
        "reason",
        "`step_failed`, `drift`, `inherited`",
    ),
    (
        "vote_reason",
        "reason",
        "why a vote is what it is: seven words",
    ),
    ("", "sink", "the configured receivers"),
    (
        "notifications",
        "outcome",
        "what may become of a notification",
    ),
    (
        "",
        "result",
        "`success`, `unknown`, and how a probe can fail",
    ),
    ("", "status", "the states of a run, or of a step"),
];

const HEAD: &str = "\
# Metrics

`GET /metrics` on every member. Prometheus gets OpenMetrics 1.0, because it asks for it; whoever does not ask gets the
plain text format 0.0.4, so that `curl -s 127.0.0.1:7400/metrics | promtool check metrics` works.

This page is written from the families themselves: `FAILOVERD_WRITE_DOCS=1 cargo test --lib metrics_doc`. A test holds it
to them.

- What *is* is read from one turn of the daemon's loop when it is asked for; what *happened* is counted since the start.
- Every member tells all it knows, so what is replicated comes from each of them: take `max by (application, …)`.
- A state of few values has one series per value, 1 for what is and 0 for what is not. Where values are many (reasons,
  steps), only what is has a series: `absent` and `or vector(0)` are your friends.
- `_seconds` of votes, runs, lags and the like are world time, which in production is real time; a sandbox runs faster.
- No label ever holds what a stranger sent, a run's id, or the text of an error: the number of series is bounded by the
  configuration.
";

struct Family {
    kind: String,
    help: String,
    labels: Vec<String>,
}

/// As a scraper reads them, every one, in the order of their names.
fn families(text: &str) -> BTreeMap<String, Family> {
    let mut found: BTreeMap<String, Family> = BTreeMap::new();
    let mut help = "";
    let mut current = String::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            help = rest.split_once(' ').expect("a name and a text").1;
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect("a name and a type");
            current = name.to_owned();
            let family = Family {
                kind: kind.to_owned(),
                help: help.to_owned(),
                labels: Vec::new(),
            };
            assert!(
                found.insert(current.clone(), family).is_none(),
                "{current} is there twice"
            );
        } else if let Some(labels) = line
            .split_once('{')
            .and_then(|(_, rest)| rest.rsplit_once('}'))
        {
            let family = found.get_mut(&current).expect("it has begun");
            for pair in labels.0.split("\",") {
                let key = pair.split_once('=').expect("a label").0.to_owned();
                if key != "le" && !family.labels.contains(&key) {
                    family.labels.push(key);
                }
            }
        }
    }
    found
}

fn bound(family: &str, label: &str) -> &'static str {
    let short = family.trim_start_matches("failoverd_");
    let of = |wanted: &str| {
        BOUNDS
            .iter()
            .find(|(family, key, _)| *family == wanted && *key == label)
            .map(|(_, _, bound)| *bound)
    };
    of(short.trim_end_matches("_total"))
        .or_else(|| of(""))
        .unwrap_or_else(|| panic!("say in BOUNDS what bounds the label {label} of {family}"))
}

fn group(family: &str) -> &'static str {
    let short = family.trim_start_matches("failoverd_");
    let fits = |word: &&&str| {
        short
            .strip_prefix(**word)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
    };
    GROUPS
        .iter()
        .find(|(_, words)| words.iter().any(|word| fits(&word)))
        .unwrap_or_else(|| panic!("say in GROUPS what {family} is about"))
        .0
}

fn unit(family: &str) -> &'static str {
    let name = family.trim_end_matches("_total");
    [("seconds", "s"), ("bytes", "bytes"), ("ratio", "0 to 1")]
        .into_iter()
        .find(|(suffix, _)| name.ends_with(suffix))
        .map_or("–", |(_, unit)| unit)
}

fn page(families: &BTreeMap<String, Family>) -> String {
    let mut out = HEAD.to_owned();
    for (title, _) in GROUPS {
        let rows: Vec<_> = families
            .iter()
            .filter(|(name, _)| group(name) == title)
            .collect();
        if rows.is_empty() {
            continue;
        }
        write!(
            out,
            "\n## {title}\n\n| name | type | unit | labels | what it says |\n| --- | --- | --- | --- | --- |\n"
        )
        .expect("writing into a String");
        for (name, family) in rows {
            let labels: Vec<String> = family.labels.iter().map(|l| format!("`{l}`")).collect();
            let labels = if labels.is_empty() {
                "–".to_owned()
            } else {
                labels.join(", ")
            };
            writeln!(
                out,
                "| `{name}` | {} | {} | {labels} | {} |",
                family.kind,
                unit(name),
                family.help.trim_end_matches('.')
            )
            .expect("writing into a String");
        }
    }
    out.push_str("\n## Labels\n\n| label | of | bounded by |\n| --- | --- | --- |\n");
    let mut bounds: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
    for (name, family) in families {
        for label in &family.labels {
            let of = bounds.entry((label, bound(name, label))).or_default();
            of.insert(name);
        }
    }
    for ((label, bound), of) in bounds {
        let of = match of.iter().collect::<Vec<_>>()[..] {
            [one] => format!("`{one}`"),
            ref many => format!("{} families", many.len()),
        };
        writeln!(out, "| `{label}` | {of} | {bound} |").expect("writing into a String");
    }
    out
}

/// Also what cannot be at the same time in one application.
fn everything() -> Snapshot {
    let mut snapshot = snapshot();
    let mut view = snapshot.views[&AppId::from("shop")].clone();
    view.application = "blog".into();
    view.phase = Phase::CoolDown {
        remaining: Millis(1),
    };
    snapshot.views.insert("blog".into(), view);
    let mut state = State::clone(&snapshot.state);
    let mut run = state.runs[&RunId::from("shop-7")].clone();
    run.status = RunStatus::NeedsOperator {
        reason: NeedsOperator::Drift {
            step: "raise".into(),
            seen: String::new(),
        },
    };
    state.runs.insert("blog-1".into(), run);
    let known = AppState {
        open_run: Some("blog-1".into()),
        last_run: Some("blog-1".into()),
        ..AppState::default()
    };
    state.apps.insert("blog".into(), known);
    snapshot.state = Arc::new(state);
    let heartbeat = HeartbeatTally::default();
    heartbeat.succeeded(Wall(1));
    snapshot.told = Tally {
        sinks: Arc::new(BTreeMap::from([("ops".to_owned(), SinkTally::default())])),
        heartbeat: Some(Arc::new(heartbeat)),
    };
    snapshot
}

#[test]
fn the_page_says_what_the_families_say() {
    let (_kept, seen) = watch::channel(Arc::new(everything()));
    let mut source = source(seen, Arc::new(Desk::default()), Duration::ZERO);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let tokens = auth(folder.path());
    source.access = Arc::new(Access::of(Some(&tokens)).expect("they are good"));
    let traffic = Traffic::new();
    traffic.count_something();
    source.steer.count_something();
    count_everything(&source.stats);
    let scraper = Scraper::of_every_family(&source, &traffic);
    let text = scraper.scrape(Exposition::Plain).expect("it is written");
    let families = families(&text);
    let silent: Vec<&String> = families
        .keys()
        .filter(|name| !text.lines().any(|line| line.starts_with(name.as_str())))
        .collect();
    assert!(
        silent.is_empty(),
        "give these a sample in src/api/tests, so that their labels are known: {silent:#?}"
    );
    for (name, family) in &families {
        // Nothing that either format would have to escape.
        assert!(
            !family.help.contains(['\\', '"', '|']),
            "{name}: {}",
            family.help
        );
    }
    let page = page(&families);
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/metrics.md");
    if std::env::var_os(WRITE).is_some() {
        std::fs::write(&path, page).expect("the page can be written");
        return;
    }
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        there == page,
        "docs/metrics.md is not what the families say; write it anew:\n\n    \
         {WRITE}=1 cargo test --lib metrics_doc\n"
    );
}
