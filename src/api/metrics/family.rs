//! One metric family at a time, straight from the snapshot to the text.

use std::fmt;

use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;

use crate::model::{Millis, Wall};

/// The labels of one sample, outermost first.
pub(super) type Labels<'a> = Vec<(&'static str, &'a str)>;

/// Writes gauges, and what is counted elsewhere. A family without samples is left out, unless every
/// family is to be named.
pub(super) struct Gauges<'e, 'd> {
    encoder: &'e mut DescriptorEncoder<'d>,
    every: bool,
}

impl<'e, 'd> Gauges<'e, 'd> {
    /// `every`: also those families that have nothing to say.
    pub(super) fn new(encoder: &'e mut DescriptorEncoder<'d>, every: bool) -> Self {
        Self { encoder, every }
    }

    /// A family of plain numbers.
    pub(super) fn plain<'a>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (Labels<'a>, f64)>,
    ) -> fmt::Result {
        self.write(name, help, None, samples)
    }

    /// A family of lengths of time; `_seconds` is added to the name.
    pub(super) fn seconds<'a>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (Labels<'a>, f64)>,
    ) -> fmt::Result {
        self.write(name, help, Some(&Unit::Seconds), samples)
    }

    /// A family of sizes; `_bytes` is added to the name.
    pub(super) fn bytes<'a>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (Labels<'a>, f64)>,
    ) -> fmt::Result {
        self.write(name, help, Some(&Unit::Bytes), samples)
    }

    /// One number that has no labels.
    pub(super) fn single(&mut self, name: &str, help: &str, value: f64) -> fmt::Result {
        self.plain(name, help, [(Labels::new(), value)])
    }

    /// Text as labels; `_info` is added to the name.
    pub(super) fn info(
        &mut self,
        name: &str,
        help: &str,
        labels: &[(&'static str, &str)],
    ) -> fmt::Result {
        let mut family =
            self.encoder
                .encode_descriptor(name, &sentence(help), None, MetricType::Info)?;
        family.encode_info(&labels)
    }

    /// A family of numbers that only rise; `_total` is added to the name.
    pub(super) fn counter<'a>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (Labels<'a>, u64)>,
    ) -> fmt::Result {
        self.count(name, help, None, samples)
    }

    /// The same of bytes; `_bytes_total` is added to the name.
    pub(super) fn byte_counter<'a>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (Labels<'a>, u64)>,
    ) -> fmt::Result {
        self.count(name, help, Some(&Unit::Bytes), samples)
    }

    /// Lengths of time, counted by bounds; `_seconds` is added to the name. Each count is of those up
    /// to its bound and beyond the one before; the last bound must be infinite.
    pub(super) fn seconds_histogram(
        &mut self,
        name: &str,
        help: &str,
        sum: f64,
        counts: &[(f64, u64)],
    ) -> fmt::Result {
        let all = counts.iter().map(|(_, count)| count).sum();
        let mut family = self.encoder.encode_descriptor(
            name,
            &sentence(help),
            Some(&Unit::Seconds),
            MetricType::Histogram,
        )?;
        family.encode_histogram::<NoLabelSet>(sum, all, counts, None)
    }

    fn count<'a>(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<&Unit>,
        samples: impl IntoIterator<Item = (Labels<'a>, u64)>,
    ) -> fmt::Result {
        let mut samples = samples.into_iter().peekable();
        if samples.peek().is_none() && !self.every {
            return Ok(());
        }
        let mut family =
            self.encoder
                .encode_descriptor(name, &sentence(help), unit, MetricType::Counter)?;
        for (labels, value) in samples {
            if labels.is_empty() {
                family.encode_counter::<NoLabelSet, _, u64>(&value, None)?;
            } else {
                family
                    .encode_family(&labels)?
                    .encode_counter::<NoLabelSet, _, u64>(&value, None)?;
            }
        }
        Ok(())
    }

    fn write<'a>(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<&Unit>,
        samples: impl IntoIterator<Item = (Labels<'a>, f64)>,
    ) -> fmt::Result {
        let mut samples = samples.into_iter().peekable();
        if samples.peek().is_none() && !self.every {
            return Ok(());
        }
        let mut family =
            self.encoder
                .encode_descriptor(name, &sentence(help), unit, MetricType::Gauge)?;
        for (labels, value) in samples {
            // A set of no labels writes braces around nothing, which some parsers refuse.
            if labels.is_empty() {
                family.encode_gauge(&value)?;
            } else {
                family.encode_family(&labels)?.encode_gauge(&value)?;
            }
        }
        Ok(())
    }
}

/// As the registry ends the help of its own metrics.
fn sentence(help: &str) -> String {
    format!("{help}.")
}

/// 1 or 0.
pub(super) fn truth(is: bool) -> f64 {
    if is { 1.0 } else { 0.0 }
}

/// A length of time in seconds.
pub(super) fn secs(length: Millis) -> f64 {
    length.as_duration().as_secs_f64()
}

/// A date in seconds since 1970.
pub(super) fn unix(date: Wall) -> f64 {
    secs(Millis(date.0))
}

/// A count. Beyond 2^53 it would lose its last digits, which no count here reaches.
pub(super) fn count(n: u64) -> f64 {
    n as f64
}

/// A number of things in memory.
pub(super) fn len(n: usize) -> f64 {
    n as f64
}
