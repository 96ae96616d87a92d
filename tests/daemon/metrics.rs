//! What `/metrics` says, as a scraper reads it.

use std::collections::BTreeMap;

/// One scrape.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    series: Vec<Series>,
}

#[derive(Clone, Debug)]
struct Series {
    name: String,
    labels: BTreeMap<String, String>,
    value: f64,
}

impl Metrics {
    pub fn parse(text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        Self {
            series: lines.filter_map(Series::parse).collect(),
        }
    }

    /// The value of the first series of that name (without its prefix) with all of these labels.
    pub fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let name = format!("failoverd_{name}");
        let found = self.series.iter().find(|series| {
            series.name == name
                && labels
                    .iter()
                    .all(|(key, value)| series.labels.get(*key).is_some_and(|v| v == value))
        })?;
        Some(found.value)
    }

    /// Whether that series is there and stands at 1.
    pub fn is(&self, name: &str, labels: &[(&str, &str)]) -> bool {
        self.value(name, labels) == Some(1.0)
    }

    /// What a phase is called now.
    pub fn phase(&self, phase: &str) -> bool {
        self.is("application_phase", &[("phase", phase)])
    }

    /// Where a step of the open run stands.
    pub fn step(&self, step: &str, status: &str) -> bool {
        self.is("run_step_status", &[("step", step), ("status", status)])
    }

    /// What the daemon does about a step of the open run.
    pub fn doing(&self, step: &str, activity: &str) -> bool {
        self.is(
            "run_step_activity",
            &[("step", step), ("activity", activity)],
        )
    }

    /// Whether a run has ended in that way since the daemon started.
    pub fn closed(&self, status: &str) -> bool {
        self.value("runs_closed_total", &[("status", status)]) == Some(1.0)
    }

    /// The lines that tell what is wrong, for a failure's text.
    pub fn brief(&self) -> String {
        let telling = [
            "application_phase",
            "application_held",
            "guard_ruling",
            "run_status",
            "run_step_status",
            "run_step_activity",
            "verdict",
            "vote",
            "runs_closed_total",
        ];
        let mut text = String::new();
        for series in &self.series {
            let name = series.name.trim_start_matches("failoverd_");
            if telling.contains(&name) && series.value > 0.0 {
                text.push_str(&format!("  {name} {:?}\n", series.labels));
            }
        }
        text
    }
}

impl Series {
    fn parse(line: &str) -> Option<Self> {
        let (series, value) = line.rsplit_once(' ')?;
        let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
        let labels = labels
            .trim_end_matches('}')
            .split("\",")
            .filter_map(|pair| {
                let (key, value) = pair.split_once("=\"")?;
                Some((key.to_owned(), value.trim_end_matches('"').to_owned()))
            })
            .collect();
        Some(Self {
            name: name.to_owned(),
            labels,
            value: value.parse().ok()?,
        })
    }
}
