//! The two ways in which metrics are written: OpenMetrics 1.0, which Prometheus asks for, and the plain
//! text format 0.0.4 for whoever does not ask for OpenMetrics: `curl`, `promtool check metrics`.
//!
//! ```text
//!  registry ──encode──▶ OpenMetrics ─┬──────────────▶ Accept: application/openmetrics-text
//!                                    └─▶ plain ─────▶ everybody else
//! ```
//!
//! Invariant: both say the same series with the same values.

use http::HeaderMap;
use http::header::ACCEPT;

/// A way to write metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::api) enum Exposition {
    OpenMetrics,
    /// Version 0.0.4.
    Plain,
}

const OPEN_METRICS: &str = "application/openmetrics-text";

impl Exposition {
    /// What that asker reads best: OpenMetrics only where it is named and not less welcome than plain
    /// text.
    pub(in crate::api) fn accepted(headers: &HeaderMap) -> Self {
        let values = headers.get_all(ACCEPT).iter();
        let ranges: Vec<(String, u16)> = values
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .map(range)
            .collect();
        let welcome = |name: &str| {
            let of = ranges.iter().filter(|(range, _)| range == name);
            of.map(|(_, quality)| *quality).max().unwrap_or_default()
        };
        let open = welcome(OPEN_METRICS);
        if open > 0 && open >= welcome("text/plain") {
            Self::OpenMetrics
        } else {
            Self::Plain
        }
    }

    /// The content type.
    pub(in crate::api) fn content(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Plain => "text/plain; version=0.0.4; charset=utf-8",
        }
    }

    /// The same in this way, of what is written as OpenMetrics.
    pub(super) fn of(self, open: String) -> String {
        match self {
            Self::OpenMetrics => open,
            Self::Plain => plain(&open),
        }
    }
}

/// A media range without its parameters, and how welcome it is, in thousandths.
fn range(text: &str) -> (String, u16) {
    let mut parts = text.split(';').map(str::trim);
    let name = parts.next().unwrap_or_default().to_ascii_lowercase();
    let quality = parts
        .find_map(|part| part.strip_prefix("q="))
        .and_then(|q| q.parse::<f32>().ok())
        .unwrap_or(1.0);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to 0 to 1,000"
    )]
    let thousandths = (quality.clamp(0.0, 1.0) * 1_000.0) as u16;
    (name, thousandths)
}

/// Counters and infos have the name of their samples here, an info is a gauge, and units are only in the
/// names.
fn plain(open: &str) -> String {
    let mut out = String::with_capacity(open.len());
    // The help comes before the type that the name depends on.
    let mut help = None;
    for line in open.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            help = rest.split_once(' ');
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap_or((rest, "untyped"));
            let (suffix, kind) = match kind {
                "counter" => ("_total", kind),
                "info" => ("_info", "gauge"),
                _ => ("", kind),
            };
            if let Some((_, text)) = help.take() {
                out.push_str(&format!("# HELP {name}{suffix} {text}\n"));
            }
            out.push_str(&format!("# TYPE {name}{suffix} {kind}\n"));
        } else if !line.starts_with('#') {
            out.push_str(line);
            out.push('\n');
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(accept: &[&'static str]) -> Exposition {
        let mut headers = HeaderMap::new();
        for value in accept {
            headers.append(ACCEPT, http::HeaderValue::from_static(value));
        }
        Exposition::accepted(&headers)
    }

    #[test]
    fn whoever_asks_for_open_metrics_gets_it_and_nobody_else() {
        let prometheus = "application/openmetrics-text;version=1.0.0,\
                          application/openmetrics-text;version=0.0.1;q=0.75,\
                          text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        assert_eq!(accepted(&[prometheus]), Exposition::OpenMetrics);
        assert_eq!(
            accepted(&["text/plain;q=0.5", "application/openmetrics-text"]),
            Exposition::OpenMetrics
        );
        for other in [
            "*/*",
            "text/html",
            "",
            "application/openmetrics-text;q=0",
            "application/openmetrics-text;q=0.3,text/plain",
            "q=",
        ] {
            assert_eq!(accepted(&[other]), Exposition::Plain, "{other}");
        }
        assert_eq!(accepted(&[]), Exposition::Plain);
    }

    #[test]
    fn plain_text_names_counters_as_their_samples() {
        let open = "# HELP a Things.\n# TYPE a counter\na_total{x=\"# 1\"} 2\n\
                    # HELP b Who.\n# TYPE b info\nb_info{y=\"z\"} 1\n\
                    # HELP c_seconds Long.\n# TYPE c_seconds gauge\n# UNIT c_seconds seconds\nc_seconds 1.5\n\
                    # EOF\n";
        assert_eq!(
            Exposition::Plain.of(open.to_owned()),
            "# HELP a_total Things.\n# TYPE a_total counter\na_total{x=\"# 1\"} 2\n\
             # HELP b_info Who.\n# TYPE b_info gauge\nb_info{y=\"z\"} 1\n\
             # HELP c_seconds Long.\n# TYPE c_seconds gauge\nc_seconds 1.5\n"
        );
    }
}
