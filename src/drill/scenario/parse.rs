//! TOML → [`Scenario`], in two stages: raw keys as serde reads them, then their meaning with every
//! mistake at once, each under the line it stands in.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use toml::Spanned;

use super::{
    Aborted, AppOverrides, Deed, Expectation, MemberSetup, Moment, Outcome, Place, RunbookChoice,
    Scenario, ScenarioEvent, Start, StepWord, Trigger,
};
use crate::drill::DrillOptions;
use crate::model::{Automation, Millis};
use crate::runbook::spanned::{Diagnostic, Diagnostics, Place as Spot, Source, parse_duration};

/// Why there is no scenario to play.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    #[error("no scenario is called `{name}`")]
    NoSuchScenario { name: String, known: String },
    #[error("the scenario {} cannot be read", path.display())]
    Unreadable {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{0}")]
    Invalid(Diagnostics),
}

impl ScenarioError {
    /// As findings, each with its remedy.
    pub fn diagnostics(&self) -> Diagnostics {
        match self {
            Self::Invalid(findings) => findings.clone(),
            Self::NoSuchScenario { name, known } => Diagnostics::new(vec![
                Diagnostic::error(
                    "scenario::unknown",
                    Spot::File(name.clone()),
                    "no scenario is called that",
                )
                .help(format!(
                    "shipped are {known}; a file of your own is given by its path"
                )),
            ]),
            Self::Unreadable { path, source } => Diagnostics::new(vec![
                Diagnostic::error(
                    "scenario::unreadable",
                    Spot::File(path.display().to_string()),
                    format!("it cannot be read: {source}"),
                )
                .help("does the file exist, and may you read it?"),
            ]),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawScenario {
    name: Spanned<String>,
    title: Spanned<String>,
    description: String,
    #[serde(default)]
    runbook: Option<Spanned<String>>,
    start: Spanned<String>,
    deadline: Spanned<String>,
    linger: Option<Spanned<String>>,
    most_speed: Option<Spanned<u32>>,
    #[serde(default)]
    event: Vec<Spanned<RawEvent>>,
    expect: Spanned<RawExpect>,
    #[serde(default)]
    app: RawApp,
    #[serde(default)]
    members: RawMembers,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEvent {
    at: Option<Spanned<String>>,
    when: Option<Spanned<String>>,
    after: Option<Spanned<String>>,
    fault: Option<Spanned<String>>,
    clear: Option<Spanned<String>>,
    operator: Option<Spanned<String>>,
    with: Option<Spanned<toml::Table>>,
    #[serde(default)]
    clocks_start: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawExpect {
    outcome: Spanned<String>,
    reason: Option<Spanned<String>>,
    runs: Option<usize>,
    active: Option<Place>,
    #[serde(default)]
    steps: BTreeMap<String, Spanned<String>>,
    #[serde(default)]
    calls: BTreeMap<String, u32>,
    lost_writes_at_most: Option<u64>,
    aborted: Option<Spanned<String>>,
    says: Option<String>,
    #[serde(default)]
    no_writes_by: Vec<Place>,
    #[serde(default)]
    another_leads: bool,
    #[serde(default)]
    everyone_alarms: bool,
    unusable_vote: Option<String>,
    drill: Option<String>,
    drill_ended_by: Option<String>,
    evacuated: Option<usize>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawMembers {
    leader: Option<Place>,
    count: Option<Spanned<usize>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawApp {
    rpo_max: Option<Spanned<String>>,
    automation: Option<Automation>,
    hold_down: Option<Spanned<String>>,
    cool_down: Option<Spanned<String>>,
    soak: Option<Spanned<String>>,
    database: Option<bool>,
    #[serde(default)]
    third_region: bool,
    fleet: Option<Spanned<usize>>,
    #[serde(default)]
    weighted_records: bool,
    #[serde(default)]
    routing_controls: bool,
    #[serde(default)]
    cold_standby: bool,
    #[serde(default)]
    side_by_side: bool,
    peak: Option<Spanned<u32>>,
    #[serde(default)]
    steered: bool,
}

/// Reads a scenario; see [`Scenario::parse`].
pub(super) fn parse(source_name: &str, text: &str) -> Result<Scenario, ScenarioError> {
    let mut reader = Reader {
        source: Source::new(source_name, text),
        problems: Vec::new(),
    };
    let scenario = match toml::from_str::<RawScenario>(text) {
        Ok(raw) => reader.scenario(raw),
        Err(error) => {
            let span = error.span().unwrap_or(0..0);
            reader.problem(span, error.message().to_owned(), None);
            None
        }
    };
    match scenario {
        Some(scenario) if reader.problems.is_empty() => Ok(scenario),
        _ => Err(ScenarioError::Invalid(Diagnostics::new(reader.problems))),
    }
}

struct Reader {
    source: Arc<Source>,
    problems: Vec<Diagnostic>,
}

impl Reader {
    fn problem(&mut self, span: Range<usize>, message: String, help: Option<String>) {
        let place = Spot::Span {
            source: Arc::clone(&self.source),
            start: span.start,
            end: span.end,
        };
        let mut problem = Diagnostic::error("scenario::invalid", place, message);
        problem.help = help;
        self.problems.push(problem);
    }

    fn scenario(&mut self, raw: RawScenario) -> Option<Scenario> {
        let name = raw.name.get_ref();
        let name_is_plain = !name.is_empty()
            && name
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
        if !name_is_plain {
            self.problem(
                raw.name.span(),
                format!("`{name}` cannot be a scenario's name"),
                Some("use lower-case letters, digits and hyphens".to_owned()),
            );
        }
        if raw.title.get_ref().contains('\n') {
            self.problem(
                raw.title.span(),
                "a title is one line".to_owned(),
                Some("put the rest in `description`".to_owned()),
            );
        }
        let start = self.word(
            &raw.start,
            "start",
            &[
                ("outage", Start::Outage),
                ("switchover", Start::Switchover),
                ("failback", Start::Failback),
                ("shift", Start::Shift),
                ("return", Start::Return),
            ],
        );
        let deadline = self.length(&raw.deadline);
        let linger = match &raw.linger {
            Some(linger) => self.length(linger),
            None => Some(Millis::ZERO),
        };
        let most_speed = self.at_most(raw.most_speed, "most_speed", DrillOptions::MAX_SPEED);
        let expect_span = raw.expect.span();
        let expect = self.expect(raw.expect.into_inner());
        if raw.event.is_empty() {
            self.problem(
                expect_span,
                "nothing happens in this scenario".to_owned(),
                Some("add an `[[event]]` with a `fault` or an `operator`".to_owned()),
            );
        }
        let events: Vec<_> = raw
            .event
            .into_iter()
            .filter_map(|event| self.event(event))
            .collect();
        let app = self.app(raw.app);
        let members = self.members(raw.members);
        Some(Scenario {
            name: raw.name.into_inner(),
            title: raw.title.into_inner(),
            description: raw.description.trim().to_owned(),
            runbook: match raw.runbook {
                None => RunbookChoice::Shipped("active-passive".to_owned()),
                Some(choice) => runbook(choice.into_inner()),
            },
            start: start?,
            events,
            expect: expect?,
            deadline: deadline?,
            most_speed,
            linger: linger?,
            app,
            members: members?,
        })
    }

    /// A number from 1 to `most`, if there is one.
    fn at_most<T: Copy + PartialOrd + fmt::Display + From<u8>>(
        &mut self,
        number: Option<Spanned<T>>,
        key: &str,
        most: T,
    ) -> Option<T> {
        let number = number?;
        let value = *number.get_ref();
        if value < T::from(1) || value > most {
            self.problem(
                number.span(),
                format!("`{key}` is {value}"),
                Some(format!("write a number from 1 to {most}")),
            );
        }
        Some(value)
    }

    fn event(&mut self, raw: Spanned<RawEvent>) -> Option<ScenarioEvent> {
        let span = raw.span();
        let raw = raw.into_inner();
        let moment = match (&raw.at, &raw.when) {
            (Some(at), None) => self.length(at).map(Moment::At),
            (None, Some(when)) => {
                let trigger = self.trigger(when);
                let after = match &raw.after {
                    Some(after) => self.length(after),
                    None => Some(Millis::ZERO),
                };
                match (trigger, after) {
                    (Some(trigger), Some(after)) => Some(Moment::When { trigger, after }),
                    _ => None,
                }
            }
            (Some(_), Some(when)) => {
                self.problem(
                    when.span(),
                    "an event has `at` or `when`, not both".to_owned(),
                    Some("`after` delays a `when`".to_owned()),
                );
                None
            }
            (None, None) => {
                self.problem(
                    span.clone(),
                    "when does this event happen?".to_owned(),
                    Some("add `at = \"20s\"` or `when = \"run_opened\"`".to_owned()),
                );
                None
            }
        };
        if let (Some(after), None) = (&raw.after, &raw.when) {
            self.problem(after.span(), "`after` belongs to a `when`".to_owned(), None);
        }
        let with = raw.with;
        let deed = match (raw.fault, raw.clear, raw.operator) {
            (Some(fault), None, None) => self.deed("fault", fault, with).map(Deed::Inject),
            (None, Some(fault), None) => self.deed("fault", fault, with).map(Deed::Clear),
            (None, None, Some(verb)) => self.deed("operator", verb, with).map(Deed::Operator),
            _ => {
                self.problem(
                    span,
                    "an event does one thing".to_owned(),
                    Some("give it one of `fault`, `clear` and `operator`".to_owned()),
                );
                None
            }
        };
        Some(ScenarioEvent {
            moment: moment?,
            deed: deed?,
            clocks_start: raw.clocks_start,
        })
    }

    fn trigger(&mut self, text: &Spanned<String>) -> Option<Trigger> {
        let word = text.get_ref().as_str();
        if let Some((_, trigger)) = Trigger::WORDS.iter().find(|(known, _)| *known == word) {
            return Some(trigger.clone());
        }
        let step = word
            .strip_prefix("step:")
            .and_then(|rest| rest.rsplit_once(':'));
        if let Some((id, status)) = step
            && let Some((_, status)) = StepWord::ALL.iter().find(|(known, _)| *known == status)
        {
            return Some(Trigger::Step {
                id: id.to_owned(),
                status: *status,
            });
        }
        self.problem(
            text.span(),
            format!("`{word}` is nothing that can be waited for"),
            Some(format!(
                "use one of {}, or `step:ID:STATUS` with one of {}",
                words(&Trigger::WORDS),
                words(&StepWord::ALL)
            )),
        );
        None
    }

    /// Faults and operators' acts are read alike: the name is the tag, `with` holds the rest.
    fn deed<T: DeserializeOwned>(
        &mut self,
        tag: &str,
        name: Spanned<String>,
        with: Option<Spanned<toml::Table>>,
    ) -> Option<T> {
        let (name_span, name) = (name.span(), name.into_inner());
        let (span, mut table) = match with {
            Some(with) => (with.span(), with.into_inner()),
            None => (name_span.clone(), toml::Table::new()),
        };
        table.insert(tag.to_owned(), name.clone().into());
        match table.try_into() {
            Ok(deed) => Some(deed),
            Err(error) => {
                let message = error.message().trim_end();
                if let Some(rest) = message.strip_prefix("unknown variant ") {
                    let (_, known) = rest.split_once(", expected ").unwrap_or((rest, ""));
                    self.problem(
                        name_span,
                        format!("no {tag} is called `{name}`"),
                        Some(format!("there is {known}")),
                    );
                } else {
                    self.problem(
                        span,
                        format!("`{name}`: {message}"),
                        Some("arguments go into `with = { … }`".to_owned()),
                    );
                }
                None
            }
        }
    }

    fn expect(&mut self, raw: RawExpect) -> Option<Expectation> {
        let outcome = self.word(&raw.outcome, "outcome", &Outcome::ALL);
        if let Some(reason) = &raw.reason
            && reason
                .get_ref()
                .contains(|c: char| !c.is_ascii_lowercase() && c != '_')
        {
            self.problem(
                reason.span(),
                format!("`{}` is not the code of a reason", reason.get_ref()),
                Some("such as `lag_too_high` or `everything_down`".to_owned()),
            );
        }
        let mut steps = BTreeMap::new();
        for (id, word) in raw.steps {
            if let Some(word) = self.word(&word, "status", &StepWord::ALL) {
                steps.insert(id, word);
            }
        }
        let aborted = raw
            .aborted
            .and_then(|why| self.word(&why, "reason to abort", &Aborted::ALL));
        let outcome = outcome?;
        let runs = raw.runs.unwrap_or(usize::from(!outcome.is_without_run()));
        if (runs == 0) != outcome.is_without_run() {
            self.problem(
                raw.outcome.span(),
                format!("the outcome `{outcome}` does not go with {runs} runs"),
                Some("`held` and `asked` mean that no run is opened".to_owned()),
            );
        }
        Some(Expectation {
            outcome,
            reason: raw.reason.map(Spanned::into_inner),
            runs,
            active: raw.active,
            steps,
            calls: raw.calls,
            lost_writes_at_most: raw.lost_writes_at_most,
            aborted,
            says: raw.says,
            no_writes_by: raw.no_writes_by,
            another_leads: raw.another_leads,
            everyone_alarms: raw.everyone_alarms,
            unusable_vote: raw.unusable_vote,
            drill: raw.drill,
            drill_ended_by: raw.drill_ended_by,
            evacuated: raw.evacuated,
        })
    }

    fn app(&mut self, raw: RawApp) -> AppOverrides {
        let fleet = self.at_most(raw.fleet, "fleet", AppOverrides::LARGEST_FLEET);
        let peak = self.at_most(raw.peak, "peak", 100);
        let mut length = |text: Option<Spanned<String>>| text.and_then(|text| self.length(&text));
        AppOverrides {
            rpo_max: length(raw.rpo_max),
            automation: raw.automation,
            hold_down: length(raw.hold_down),
            cool_down: length(raw.cool_down),
            soak: length(raw.soak),
            database: raw.database.unwrap_or(true),
            third_region: raw.third_region,
            fleet: fleet.unwrap_or(0),
            weighted_records: raw.weighted_records,
            routing_controls: raw.routing_controls,
            cold_standby: raw.cold_standby,
            side_by_side: raw.side_by_side,
            peak: peak.unwrap_or(AppOverrides::NODES),
            steered: raw.steered,
        }
    }

    fn members(&mut self, raw: RawMembers) -> Option<MemberSetup> {
        let count = match raw.count {
            None => MemberSetup::FEWEST,
            Some(count) => {
                let known = [MemberSetup::FEWEST, MemberSetup::MOST];
                if !known.contains(count.get_ref()) {
                    self.problem(
                        count.span(),
                        format!("a drill cannot have {} members", count.get_ref()),
                        Some("it has 3 or 5: an even number survives no more than one less".into()),
                    );
                    return None;
                }
                count.into_inner()
            }
        };
        Some(MemberSetup {
            count,
            leader: raw.leader.unwrap_or(Place::Witness),
        })
    }

    fn length(&mut self, text: &Spanned<String>) -> Option<Millis> {
        match parse_duration(text.get_ref()) {
            Ok(length) => Some(length),
            Err(error) => {
                self.problem(
                    text.span(),
                    format!("`{}` is not a length of time: {error}", text.get_ref()),
                    Some("write it as `850ms`, `20s`, `4m` or `1h5m`".to_owned()),
                );
                None
            }
        }
    }

    fn word<T: Copy>(
        &mut self,
        text: &Spanned<String>,
        what: &str,
        known: &[(&'static str, T)],
    ) -> Option<T> {
        let word = text.get_ref();
        let found = known.iter().find(|(name, _)| name == word);
        if found.is_none() {
            self.problem(
                text.span(),
                format!("`{word}` is no {what}"),
                Some(format!("use one of {}", words(known))),
            );
        }
        found.map(|(_, value)| *value)
    }
}

fn words<T>(known: &[(&'static str, T)]) -> String {
    known
        .iter()
        .map(|(name, _)| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

fn runbook(choice: String) -> RunbookChoice {
    let path = PathBuf::from(&choice);
    if path.extension().is_some() || path.components().count() > 1 {
        RunbookChoice::File(path)
    } else {
        RunbookChoice::Shipped(choice)
    }
}
