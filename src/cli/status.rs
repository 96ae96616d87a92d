//! `failoverctl status` and `list`: how things stand.

use clap::Args;

use super::frame::{
    Cell, Ended, Frame, Palette, RawWatch, Table, Tone, age, length, moment, or_dash, watch,
    wrapped,
};
use super::heads::Heads;
use super::runs;
use crate::api::wire::{
    ApplicationStatus, NodegroupStatus, Page, ReadinessSummary, RegionStatus, RunRow, Status,
    VerdictState,
};

/// As typed.
#[derive(Debug, PartialEq, Eq, Args)]
pub struct RawStatus {
    /// One application, with its Regions, its data and its readiness
    application: Option<String>,
    #[command(flatten)]
    watch: RawWatch,
}

impl RawStatus {
    /// Shows it.
    ///
    /// # Errors
    /// Nobody answers, or the answer is no.
    pub fn run(&self, frame: &Frame) -> Ended {
        let client = &frame.client;
        match &self.application {
            None => watch(
                frame,
                self.watch,
                || client.get::<Status>(&["v1", "status"]),
                everything,
            ),
            Some(name) => watch(
                frame,
                self.watch,
                || client.get::<ApplicationStatus>(&["v1", "applications", name]),
                one,
            ),
        }
    }
}

/// Shows the applications, a line each.
///
/// # Errors
/// Nobody answers, or the answer is no.
pub fn list(frame: &Frame, raw: RawWatch) -> Ended {
    let fetch = || {
        let mut all = Page {
            items: Vec::new(),
            next: None,
        };
        loop {
            let after: Option<String> = all.next.take();
            let query: Vec<(&str, String)> =
                after.map(|after| ("after", after)).into_iter().collect();
            let page: Page<ApplicationStatus> =
                frame.client.get_with(&["v1", "applications"], &query)?;
            let none = page.items.is_empty();
            all.items.extend(page.items);
            all.next = page.next.filter(|_| !none);
            if all.next.is_none() {
                return Ok(all);
            }
        }
    };
    watch(frame, raw, fetch, |page, palette| {
        applications(&page.items, palette)
    })
}

fn everything(status: &Status, palette: Palette) -> String {
    let mut text = Heads::of(status).render(palette);
    text += &applications(&status.applications, palette);
    if !status.warnings.is_empty() {
        text.push('\n');
    }
    for warning in &status.warnings {
        let of = warning.application.as_ref();
        let of = of.map_or_else(String::new, |name| format!("{name}: "));
        let what = wrapped("warning: ", &format!("{of}{}", warning.text));
        text += &palette.paint_lines(Tone::Warn, &what);
        if let Some(remedy) = &warning.remedy {
            text += &wrapped("         you may: ", remedy);
        }
    }
    text.push('\n');
    let cluster = &status.cluster;
    let leads = match &cluster.leader {
        Some(leader) => format!("{leader} leads (term {})", cluster.term),
        None => "nobody leads".to_owned(),
    };
    let mut seen = format!(
        "As {} in {} sees it at {}: {leads}, {} of {} members heard.",
        status.answered_by,
        status.region,
        moment(&status.at),
        cluster.heard,
        cluster.voters
    );
    if !cluster.ready {
        seen += &format!(" It is not ready: {}.", cluster.unready.join("; "));
    }
    text + &palette.paint_lines(Tone::Faint, &wrapped("", &seen))
}

fn applications(applications: &[ApplicationStatus], palette: Palette) -> String {
    if applications.is_empty() {
        return "There is no application that you may see.\n".to_owned();
    }
    let mut table = Table::new(["APPLICATION", "ACTIVE", "PHASE", "LAG", "READY", "RUN"]);
    for application in applications {
        let away = if application.active == application.home {
            String::new()
        } else {
            " (away)".to_owned()
        };
        let run = application
            .open_run
            .as_ref()
            .or(application.last_run.as_ref());
        table.row([
            application.name.as_str().into(),
            format!("{}{away}", application.active).into(),
            phase(&application.phase),
            worst_lag(application).into(),
            ready(&application.readiness),
            or_dash(run.map(in_short).as_deref()).into(),
        ]);
    }
    table.render(palette)
}

fn in_short(run: &RunRow) -> String {
    format!("{} {}", run.id, run.status.replace('_', " "))
}

/// A phase, so that what is not steady stands out.
pub fn phase(phase: &str) -> Cell {
    let tone = match phase {
        "steady" => Tone::Good,
        "needs_operator" | "blocked" | "confirmed" => Tone::Bad,
        _ => Tone::Warn,
    };
    Cell::toned(tone, phase.replace('_', " "))
}

fn worst_lag(application: &ApplicationStatus) -> String {
    let lags = application
        .regions
        .iter()
        .filter_map(|region| region.lag.as_ref());
    or_dash(lags.map(|lag| lag.lag_ms).max().map(length).as_deref())
}

fn ready(summary: &ReadinessSummary) -> Cell {
    match summary {
        ReadinessSummary {
            checked_at: None, ..
        } => Cell::toned(Tone::Faint, "not checked"),
        ReadinessSummary { blocking: 1.., .. } => {
            Cell::toned(Tone::Bad, format!("{} blocking", summary.blocking))
        }
        ReadinessSummary { warnings: 1.., .. } => {
            Cell::toned(Tone::Warn, warnings(summary.warnings))
        }
        ReadinessSummary { unknown: 1.., .. } => {
            Cell::toned(Tone::Warn, format!("{} unknown", summary.unknown))
        }
        ReadinessSummary { .. } => Cell::toned(Tone::Good, "yes"),
    }
}

fn warnings(count: u32) -> String {
    match count {
        1 => "1 warning".to_owned(),
        count => format!("{count} warnings"),
    }
}

fn one(application: &ApplicationStatus, palette: Palette) -> String {
    let mut text = Heads::of_application(application).render(palette);
    let mut table = Table::new([
        "REGION", "SERVES", "VERDICT", "DIAL", "DNS", "WRITER", "LAG", "NODES",
    ]);
    for region in &application.regions {
        table.row(region_cells(region));
    }
    text += &table.render(palette);
    text.push('\n');
    for (name, fact) in facts(application) {
        text += &wrapped(&format!("{name:<12}"), &fact);
    }
    text
}

fn region_cells(region: &RegionStatus) -> [Cell; 8] {
    let (tone, word) = verdict(region.verdict);
    // How long it has been well is nobody's question.
    let lasting = match region.verdict_for_ms {
        Some(ms) if region.verdict != VerdictState::Up => format!(" {}", length(ms)),
        _ => String::new(),
    };
    let writer = match region.writer {
        Some(true) => Cell::toned(Tone::Strong, "writer"),
        Some(false) => "reader".into(),
        None => "?".into(),
    };
    let lag = region
        .lag
        .as_ref()
        .map(|lag| format!("{} ({})", length(lag.lag_ms), age(lag.age_ms)));
    [
        region.name.as_str().into(),
        match (region.serves, &region.away_by) {
            (_, Some(_)) => Cell::toned(Tone::Warn, "away"),
            (true, None) => Cell::toned(Tone::Strong, "yes"),
            (false, None) => "-".into(),
        },
        Cell::toned(tone, format!("{word}{lasting}")),
        region
            .dial
            .map_or("?".to_owned(), |dial| format!("{dial}%"))
            .into(),
        or_dash(region.dns_role.as_deref()).to_lowercase().into(),
        writer,
        or_dash(lag.as_deref()).into(),
        nodes(&region.nodegroups).into(),
    ]
}

/// A verdict in a word.
pub fn verdict(verdict: VerdictState) -> (Tone, &'static str) {
    match verdict {
        VerdictState::Up => (Tone::Good, "up"),
        VerdictState::Suspect => (Tone::Warn, "suspect"),
        VerdictState::Down => (Tone::Bad, "DOWN"),
        VerdictState::Unknown => (Tone::Warn, "unknown"),
    }
}

fn nodes(groups: &[NodegroupStatus]) -> String {
    if groups.is_empty() {
        return "-".to_owned();
    }
    let desired: u32 = groups.iter().map(|group| group.desired).sum();
    let ready: Option<u32> = groups.iter().map(|group| group.ready).sum();
    match ready {
        Some(ready) => format!("{ready}/{desired}"),
        None => desired.to_string(),
    }
}

fn facts(application: &ApplicationStatus) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        (
            "Serves from",
            if application
                .regions
                .iter()
                .any(|region| region.share.is_some())
            {
                side_by_side(application)
            } else if application.active == application.home {
                format!("{}, which is its home", application.active)
            } else {
                format!("{}; its home is {}", application.active, application.home)
            },
        ),
        ("Automation", automation(application)),
        ("Readiness", readiness(application)),
    ];
    let steered = application.regions.iter().filter(|region| region.steered);
    let steered: Vec<String> = steered
        .filter_map(|region| Some(format!("{} {}", region.name, region.steer.as_ref()?)))
        .collect();
    if !steered.is_empty() {
        facts.push((
            "Steered",
            format!("{} to health checks", steered.join(", ")),
        ));
    }
    for region in &application.regions {
        if let Some(run) = &region.away_by {
            facts.push((
                "Away",
                format!(
                    "{}, by run {run}; when it is well again: failoverctl return {} --to {}",
                    region.name, application.name, region.name
                ),
            ));
        }
    }
    for region in &application.regions {
        if let Some(since) = &region.quarantined_since {
            facts.push((
                "Quarantined",
                format!(
                    "{} since {}; when it is well again: failoverctl rejoin {} {}",
                    region.name,
                    moment(since),
                    application.name,
                    region.name
                ),
            ));
        }
    }
    if let Some(ms) = application.cool_down_ms {
        facts.push((
            "Cool-down",
            format!(
                "{} left; to end it: failoverctl ack {}",
                length(ms),
                application.name
            ),
        ));
    }
    for (name, run) in [
        ("Open run", &application.open_run),
        ("Last run", &application.last_run),
    ] {
        if let Some(run) = run {
            facts.push((
                name,
                format!(
                    "{}: {} from {} to {}, {}",
                    run.id,
                    runs::kind(run.kind),
                    run.from,
                    run.to,
                    run.summary
                ),
            ));
        }
    }
    if let Some(drill) = &application.last_drill {
        let verdict = if drill.passed { "passed" } else { "failed" };
        facts.push((
            "Last drill",
            format!(
                "{} ({}) {verdict} {}",
                drill.id,
                drill.mode,
                age(drill.age_ms)
            ),
        ));
    }
    facts
}

/// `eu-west-1 (34 %, the writer), us-east-1 (33 %)`.
fn side_by_side(application: &ApplicationStatus) -> String {
    let serving = application.regions.iter().filter(|region| region.serves);
    let told: Vec<String> = serving
        .map(|region| {
            let share = region.share.map(|share| format!("{share} %"));
            let writer = (region.writer == Some(true)).then(|| "the writer".to_owned());
            let notes: Vec<String> = share.into_iter().chain(writer).collect();
            format!("{} ({})", region.name, notes.join(", "))
        })
        .collect();
    told.join(", ")
}

fn automation(application: &ApplicationStatus) -> String {
    let mode = match application.automation.as_str() {
        "automatic" => "acts by itself",
        "ask" => "asks before it acts",
        other => other,
    };
    let brake = if application.brake_latched {
        format!("; the brake holds it: failoverctl ack {}", application.name)
    } else {
        String::new()
    };
    format!(
        "{mode}; {} of {} automatic runs of a day used{brake}",
        application.automatic_runs, application.brake
    )
}

fn readiness(application: &ApplicationStatus) -> String {
    let summary = &application.readiness;
    match summary.age_ms {
        None => format!(
            "not checked yet: failoverctl check {} --now",
            application.name
        ),
        Some(ms) => format!(
            "{} blocking, {}, {} unknown, {} passed, checked {}",
            summary.blocking,
            warnings(summary.warnings),
            summary.unknown,
            summary.passed,
            age(ms)
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    fn fits(text: &str) {
        for line in text.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
    }

    #[test]
    fn a_quiet_night() {
        let text = everything(
            &sample::status(vec![sample::steady("shop")]),
            Palette::PLAIN,
        );
        fits(&text);
        insta::assert_snapshot!("status_steady", text);
    }

    #[test]
    fn an_outage_says_what_is_lost_what_is_done_and_what_one_may_do() {
        let mut status = sample::status(vec![
            sample::executing("shop"),
            sample::blocked("search"),
            sample::steady("mail"),
        ]);
        status.pauses = vec![sample::pause(Some("mail"))];
        status.warnings = vec![sample::warning()];
        let text = everything(&status, Palette::PLAIN);
        fits(&text);
        insta::assert_snapshot!("status_outage", text);
    }

    #[test]
    fn without_a_quorum_that_is_the_first_thing_said() {
        let mut status = sample::status(vec![sample::steady("shop")]);
        status.cluster.quorum_lost = true;
        status.cluster.quorum_reachable = false;
        status.cluster.leader = None;
        status.cluster.heard = 1;
        status.cluster.ready = false;
        status.cluster.unready = vec!["no quorum".to_owned()];
        let text = everything(&status, Palette::PLAIN);
        fits(&text);
        insta::assert_snapshot!("status_no_quorum", text);
    }

    #[test]
    fn forty_applications_are_counted_above_and_named_below() {
        let applications: Vec<ApplicationStatus> = (1..=40)
            .map(|n| sample::blocked(&format!("application-{n:02}")))
            .collect();
        let text = everything(&sample::status(applications), Palette::PLAIN);
        fits(&text);
        assert!(
            text.lines()
                .position(|line| line.starts_with("APPLICATION"))
                < Some(24)
        );
        for n in 1..=40 {
            assert!(
                text.contains(&format!("\napplication-{n:02} ")),
                "{n}: {text}"
            );
        }
    }

    #[test]
    fn regions_side_by_side_have_shares_and_one_is_away() {
        let mut shop = sample::steady("shop");
        for region in &mut shop.regions {
            region.share = Some(50);
        }
        let serves = shop.regions.iter().position(|region| region.serves);
        let away = shop.regions.iter_mut().find(|region| !region.serves);
        away.expect("two Regions").away_by = Some("shop-7".to_owned());
        assert!(serves.is_some());
        let text = one(&shop, Palette::PLAIN);
        fits(&text);
        insta::assert_snapshot!("status_app_side_by_side", text);
    }

    #[test]
    fn one_application_in_detail() {
        for (name, application) in [
            ("status_app_steady", sample::steady("shop")),
            ("status_app_executing", sample::executing("shop")),
            ("status_app_blocked", sample::blocked("shop")),
        ] {
            let text = one(&application, Palette::PLAIN);
            fits(&text);
            insta::assert_snapshot!(name, text);
        }
    }

    #[test]
    fn nothing_is_lost_in_json_and_yaml() {
        use super::super::frame::Format;
        let status = sample::status(vec![sample::executing("shop")]);
        let json = Format::Json.written(&status).expect("JSON");
        let back: Status = serde_json::from_str(&json).expect("a status");
        assert_eq!(back, status);
        insta::assert_snapshot!("status_yaml", Format::Yaml.written(&status).expect("YAML"));
    }
}
