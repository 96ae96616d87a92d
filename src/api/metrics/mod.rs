//! `/metrics`: the counters as they stand and the last snapshot, written together.
//!
//! What *is* comes from the snapshot at scrape time and is kept nowhere else, so a metric can not
//! disagree with what the daemon acts on, and a Region that is gone from the configuration is gone
//! from the metrics. What *happened* comes from the daemon's counters.
//!
//! A state that has few values is told as one series per value: 1 for what is, 0 for what is not.
//! Where the values are many (reasons, steps), only what is has a series.

pub(super) mod applications;
mod cluster;
mod collector;
mod credentials;
mod drills;
mod exposition;
mod facts;
mod family;
mod notifications;
mod readiness;
mod runs;
mod votes;

use std::fmt;

use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;

use self::collector::SnapshotCollector;
pub(super) use self::exposition::Exposition;
use super::source::ApiSource;
use super::traffic::Traffic;

/// Before every metric's name.
const PREFIX: &str = "failoverd";

/// Writes the metrics.
#[derive(Debug)]
pub(super) struct Scraper {
    registry: Registry,
}

impl Scraper {
    pub(super) fn new(source: &ApiSource, traffic: &Traffic) -> Self {
        Self::with(source, traffic, false)
    }

    /// Names also the families that have nothing to say: for their documentation.
    #[cfg(test)]
    pub(super) fn of_every_family(source: &ApiSource, traffic: &Traffic) -> Self {
        Self::with(source, traffic, true)
    }

    fn with(source: &ApiSource, traffic: &Traffic, every: bool) -> Self {
        let mut registry = Registry::with_prefix(PREFIX);
        let collector = SnapshotCollector::new(source.clone(), every);
        registry.register_collector(Box::new(collector));
        source.stats.register(&mut registry);
        traffic.register(&mut registry);
        source.steer.register(&mut registry);
        Self { registry }
    }

    /// All of them, as text.
    pub(super) fn scrape(&self, exposition: Exposition) -> Result<String, fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(exposition.of(text))
    }
}
