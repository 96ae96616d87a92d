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
mod family;
mod notifications;
mod runs;

use std::fmt;

use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;

use self::collector::SnapshotCollector;
use super::source::ApiSource;

/// The content type of what [`Scraper::scrape`] writes.
pub(super) const CONTENT: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Before every metric's name.
const PREFIX: &str = "failoverd";

/// Writes the metrics.
#[derive(Debug)]
pub(super) struct Scraper {
    registry: Registry,
}

impl Scraper {
    pub(super) fn new(source: &ApiSource) -> Self {
        let mut registry = Registry::with_prefix(PREFIX);
        registry.register_collector(Box::new(SnapshotCollector::new(source.clone())));
        source.stats.register(&mut registry);
        Self { registry }
    }

    /// All of them, as text.
    pub(super) fn scrape(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}
