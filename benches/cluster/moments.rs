//! The members' logs as one list of moments: they have one clock, this host's.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::child::Log;

/// One line of one member's log.
#[derive(Debug)]
pub struct Line {
    /// Since 1970.
    pub at: Duration,
    pub member: usize,
    value: Value,
}

impl Line {
    pub fn says(&self, words: &str) -> bool {
        self.value["message"]
            .as_str()
            .is_some_and(|said| said.starts_with(words))
    }

    /// What the line says of something.
    pub fn of(&self, key: &str) -> &str {
        self.value[key].as_str().unwrap_or_default()
    }
}

/// Every line of every member, in order of time.
#[derive(Debug)]
pub struct Moments(Vec<Line>);

impl Moments {
    pub fn of<'a>(logs: impl IntoIterator<Item = (usize, &'a Log)>) -> Self {
        let mut lines: Vec<Line> = logs
            .into_iter()
            .flat_map(|(member, log)| log.0.iter().filter_map(move |text| parse(member, text)))
            .collect();
        // Stable: lines of one member stay in the order in which it wrote them.
        lines.sort_by_key(|line| line.at);
        Self(lines)
    }

    /// The first line that is so, from a moment on.
    pub fn first(
        &self,
        what: &'static str,
        from: Duration,
        is: impl Fn(&Line) -> bool,
    ) -> Result<&Line, NoMoment> {
        let mut later = self.0.iter().filter(|line| line.at >= from);
        later.find(|line| is(line)).ok_or(NoMoment(what))
    }

    /// The last line that is so, until a moment.
    pub fn last(
        &self,
        what: &'static str,
        until: Duration,
        is: impl Fn(&Line) -> bool,
    ) -> Result<&Line, NoMoment> {
        let mut earlier = self.0.iter().filter(|line| line.at <= until);
        earlier.rfind(|line| is(line)).ok_or(NoMoment(what))
    }

    /// How long it took from a line of a step to the line that answers it, each time.
    pub fn between(&self, begins: &[&str], ends: &str) -> Vec<Duration> {
        let mut begun: BTreeMap<(usize, &str), Duration> = BTreeMap::new();
        let mut took = Vec::new();
        for line in &self.0 {
            let step = (line.member, line.of("step"));
            if begins.iter().any(|words| line.says(words)) {
                begun.insert(step, line.at);
            } else if line.says(ends)
                && let Some(at) = begun.remove(&step)
            {
                took.push(line.at.saturating_sub(at));
            }
        }
        took
    }

    /// As they happened, each with its member's number.
    pub fn text(&self) -> String {
        let lines = self.0.iter();
        lines
            .map(|line| format!("{} {}\n", line.member, line.value))
            .collect()
    }

    /// How many lines are so.
    pub fn count(&self, is: impl Fn(&Line) -> bool) -> usize {
        self.0.iter().filter(|line| is(line)).count()
    }
}

/// A log lacks a line.
#[derive(Debug, thiserror::Error)]
#[error("no log tells of {0}")]
pub struct NoMoment(&'static str);

fn parse(member: usize, text: &str) -> Option<Line> {
    let value: Value = serde_json::from_str(text).ok()?;
    let at: Timestamp = value["timestamp"].as_str()?.parse().ok()?;
    Some(Line {
        at: Duration::from_micros(u64::try_from(at.as_microsecond()).ok()?),
        member,
        value,
    })
}
