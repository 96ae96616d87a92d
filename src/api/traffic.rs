//! What is asked of the API, counted: by route, method and status class, how long it took, how much of it
//! is under way, and why it was refused.
//!
//! Invariant: labels come from the routes themselves and from closed lists of words; what a stranger asks
//! for makes no series.

use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::{Method, StatusCode};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// Upper bounds in real seconds: from a page out of memory to the longest life of a connection.
const BUCKETS: [f64; 10] = [0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0];

/// What no route was found for.
const NO_ROUTE: &str = "none";

/// Put into a refusal's extensions: the code of its problem document.
#[derive(Clone, Debug)]
pub(super) struct RefusedBecause(pub String);

/// Counts since this process started. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct Traffic {
    requests: Family<RequestLabels, Counter>,
    duration: Family<RouteLabels, Histogram, Buckets>,
    in_flight: Gauge,
    rejected: Family<RejectedLabels, Counter>,
    dropped: Counter,
}

impl Traffic {
    /// Nothing counted yet.
    pub fn new() -> Self {
        Self {
            requests: Family::default(),
            duration: Family::new_with_constructor(Buckets),
            in_flight: Gauge::default(),
            rejected: Family::default(),
            dropped: Counter::default(),
        }
    }

    /// Hands the counters to a registry, whose prefix goes before these names.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "api_requests",
            "Requests that were answered, by route, method and class of status",
            self.requests.clone(),
        );
        registry.register_with_unit(
            "api_request_duration",
            "From a request's head to the head of its answer, in real time",
            Unit::Seconds,
            self.duration.clone(),
        );
        registry.register(
            "api_requests_in_flight",
            "Requests that are being answered now, the one that asks included",
            self.in_flight.clone(),
        );
        registry.register(
            "api_rejected",
            "Requests that were refused, by the code of the problem document",
            self.rejected.clone(),
        );
        registry.register(
            "api_connections_dropped",
            "Connections that were closed because they took too long",
            self.dropped.clone(),
        );
    }

    /// A connection was closed because it took too long.
    pub fn dropped(&self) {
        self.dropped.inc();
    }

    /// One of each family.
    #[cfg(test)]
    pub fn count_something(&self) {
        let answer = Response::builder().status(StatusCode::NOT_FOUND);
        let answer = answer.body(axum::body::Body::empty()).expect("it is valid");
        self.answered(NO_ROUTE.to_owned(), "GET", &answer, 0.001);
    }

    fn answered(&self, route: String, method: &'static str, answer: &Response, seconds: f64) {
        let status = answer.status();
        self.duration
            .get_or_create(&RouteLabels {
                route: route.clone(),
                method,
            })
            .observe(seconds);
        self.requests
            .get_or_create(&RequestLabels {
                route,
                method,
                status: class(status),
            })
            .inc();
        if status.is_client_error() || status.is_server_error() {
            let because = answer.extensions().get::<RefusedBecause>();
            let reason = because.map_or("other", |because| because.0.as_str());
            self.rejected
                .get_or_create(&RejectedLabels {
                    reason: reason.to_owned(),
                })
                .inc();
        }
    }
}

/// The layer: around every route and around what is no route.
pub(super) async fn count(
    State(traffic): State<Arc<Traffic>>,
    request: Request,
    next: Next,
) -> Response {
    let matched = request.extensions().get::<MatchedPath>();
    let route = matched.map_or(NO_ROUTE, MatchedPath::as_str).to_owned();
    let method = method(request.method());
    let begun = host_now();
    let _under_way = UnderWay::new(&traffic.in_flight);
    let answer = next.run(request).await;
    traffic.answered(route, method, &answer, begun.elapsed().as_secs_f64());
    answer
}

/// The host's own clock: what is measured is this process, not the world.
#[allow(
    clippy::disallowed_methods,
    reason = "measures this process's own answers"
)]
fn host_now() -> std::time::Instant {
    std::time::Instant::now()
}

/// One request; over when dropped, whether it was answered or its client went away.
struct UnderWay<'a>(&'a Gauge);

impl<'a> UnderWay<'a> {
    fn new(gauge: &'a Gauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// Anything but the usual ones is one word: methods are made up by whoever asks.
fn method(method: &Method) -> &'static str {
    let usual = [
        (Method::GET, "GET"),
        (Method::HEAD, "HEAD"),
        (Method::POST, "POST"),
        (Method::PUT, "PUT"),
        (Method::PATCH, "PATCH"),
        (Method::DELETE, "DELETE"),
        (Method::OPTIONS, "OPTIONS"),
    ];
    let found = usual.into_iter().find(|(usual, _)| usual == method);
    found.map_or("other", |(_, word)| word)
}

fn class(status: StatusCode) -> &'static str {
    match status.as_u16() / 100 {
        1 => "1xx",
        2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        _ => "5xx",
    }
}

#[derive(Clone, Copy, Debug)]
struct Buckets;

impl MetricConstructor<Histogram> for Buckets {
    fn new_metric(&self) -> Histogram {
        Histogram::new(BUCKETS)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    route: String,
    method: &'static str,
    status: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    route: String,
    method: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RejectedLabels {
    reason: String,
}
