//! Spans for a collector: what a run did and when, over all members that carried it on.
//!
//! ```text
//!  run shop-7            ──────────────────────────────────────  told by the leader that closes it
//!    decide              ─
//!    intent raise-dial     ─
//!    call raise-dial        ──
//!      GlobalAccelerator.UpdateEndpointGroup   the SDK's own span
//!    look raise-dial           ─── ──
//!  probe shop/eu-west-1/web  each one a trace of its own
//! ```
//!
//! A run's trace is known from its id alone, so that the spans of a leader that died and those of its
//! successor are one trace without either knowing of the other.
//!
//! Invariant: where no collector is configured a span costs a look at a flag.

use std::time::{Duration, SystemTime};

use opentelemetry::trace::{
    Span as _, SpanBuilder, SpanContext, SpanId, SpanKind, Status, TraceContextExt, TraceFlags,
    TraceId, TraceState, Tracer as _, TracerProvider as _,
};
use opentelemetry::{Context, KeyValue, global};
use opentelemetry_otlp::{ExporterBuildError, Protocol, SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use sha2::{Digest, Sha256};
use tracing::level_filters::LevelFilter;
use tracing::{Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::registry::LookupSpan;

use crate::config::{Config, Tracing};
use crate::model::{AppId, Intent, Run, RunId, RunStatus, StepId, Wall};
use crate::probe::PROBE_SPANS;

/// What our own spans are told under; the log leaves them out.
pub const TARGET: &str = "failoverd::trace";

/// Whose spans the log leaves out.
pub fn is_ours(target: &str) -> bool {
    target == TARGET || target == PROBE_SPANS
}

/// Where OTLP over HTTP takes traces, below the collector's address.
const PATH: &str = "v1/traces";

/// Real time for one batch; a collector that is slower loses it.
const EXPORT_WITHIN: Duration = Duration::from_secs(5);

/// The spans' way to the collector. Batches leave on a thread of their own.
///
/// # Errors
///
/// If no exporter can be made for that address.
pub fn provider(config: &Config, to: &Tracing) -> Result<SdkTracerProvider, ExporterBuildError> {
    // The exporter makes an HTTP client of its own. Installed already is just as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let exporter = SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(format!("{}/{PATH}", to.otlp_url.trim_end_matches('/')))
        .with_timeout(EXPORT_WITHIN)
        .build()?;
    let resource = Resource::builder()
        .with_service_name("failoverd")
        .with_attributes([
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            KeyValue::new("service.instance.id", config.node.id.to_string()),
            KeyValue::new("cloud.region", config.node.region.to_string()),
        ])
        .build();
    let provider = SdkTracerProvider::builder()
        .with_resource(resource)
        .with_batch_exporter(exporter)
        .build();
    global::set_tracer_provider(provider.clone());
    Ok(provider)
}

/// Takes up our own spans, those of probes if they are wanted, and the SDK's own of each call.
pub fn layer<S>(provider: &SdkTracerProvider, to: &Tracing) -> impl Layer<S>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let sdks = [
        "aws_sdk_autoscaling",
        "aws_sdk_cloudwatch",
        "aws_sdk_eks",
        "aws_sdk_globalaccelerator",
        "aws_sdk_iam",
        "aws_sdk_rds",
        "aws_sdk_route53",
        "aws_sdk_sts",
    ];
    let mut targets = Targets::new()
        .with_target(TARGET, LevelFilter::INFO)
        .with_targets(sdks.map(|sdk| (sdk, LevelFilter::DEBUG)));
    if to.probes {
        targets = targets.with_target(PROBE_SPANS, LevelFilter::INFO);
    }
    tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("failoverd"))
        .with_location(false)
        .with_threads(false)
        .with_filter(targets)
}

/// The decision to open a run, from the plan in hand to the ledger's answer.
pub(super) fn decide(app: &AppId, run: &RunId) -> Span {
    let span = tracing::info_span!(target: TARGET, "decide", %app, %run);
    of_run(&span, run);
    span
}

/// One look at a step's goal.
pub(super) fn look(run: &RunId, step: &StepId, intent: &Intent) -> Span {
    let span = tracing::info_span!(
        target: TARGET,
        "look",
        otel.name = format!("look {step}"),
        %run,
        %step,
        action = intent.name()
    );
    of_run(&span, run);
    span
}

/// One commit of a run's move.
pub(super) fn commit(run: &RunId, step: &StepId) -> Span {
    let span = tracing::info_span!(
        target: TARGET,
        "commit",
        otel.name = format!("commit {step}"),
        %run,
        %step
    );
    of_run(&span, run);
    span
}

/// One mutating call, its proof of leadership included.
pub(super) fn call(run: &RunId, step: &StepId, attempt: u32, intent: &Intent) -> Span {
    let span = tracing::info_span!(
        target: TARGET,
        "call",
        otel.name = format!("call {step}"),
        %run,
        %step,
        attempt,
        action = intent.name()
    );
    of_run(&span, run);
    span
}

fn of_run(span: &Span, run: &RunId) {
    if span.is_disabled() {
        return;
    }
    let root = SpanContext::new(
        trace_id(run),
        root_id(run),
        TraceFlags::SAMPLED,
        true,
        TraceState::NONE,
    );
    // Without a collector there is nothing to be a child of.
    let _ = span.set_parent(Context::new().with_remote_span_context(root));
}

/// The span that holds a run together, once it is known how it ended.
pub(super) fn closed(run: &Run) {
    let tracer = global::tracer("failoverd");
    let ended = run.closed_at.unwrap_or(run.opened_at);
    let status = match &run.status {
        RunStatus::Aborted { reason } => Status::error(reason.to_string()),
        RunStatus::Completed => Status::Ok,
        RunStatus::Executing
        | RunStatus::NeedsOperator { .. }
        | RunStatus::Aborting { .. }
        | RunStatus::Soaking { .. } => Status::Unset,
    };
    let steps = run.in_order().map(|(step, record)| {
        let what = format!("{}: {}", step.intent, record.status.as_str());
        KeyValue::new(format!("step.{}", step.id), what)
    });
    let facts = [
        KeyValue::new("run", run.id.to_string()),
        KeyValue::new("application", run.application.to_string()),
        KeyValue::new("kind", run.plan.kind.to_string()),
        KeyValue::new("from", run.plan.from.to_string()),
        KeyValue::new("to", run.plan.to.to_string()),
        KeyValue::new("plan", run.plan.hash.to_string()),
        KeyValue::new("automatic", run.origin.is_automatic()),
    ];
    let builder = SpanBuilder::from_name(run.id.to_string())
        .with_trace_id(trace_id(&run.id))
        .with_span_id(root_id(&run.id))
        .with_kind(SpanKind::Internal)
        .with_start_time(date(run.opened_at))
        .with_attributes(facts.into_iter().chain(steps));
    let mut span = tracer.build_with_context(builder, &Context::new());
    span.set_status(status);
    span.end_with_timestamp(date(ended));
}

/// The first half of the id's digest; the second is the root's.
fn trace_id(run: &RunId) -> TraceId {
    let digest = Sha256::digest(run.as_str());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    TraceId::from_bytes(bytes)
}

fn root_id(run: &RunId) -> SpanId {
    let digest = Sha256::digest(run.as_str());
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&digest[16..24]);
    SpanId::from_bytes(bytes)
}

fn date(at: Wall) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(at.0)
}
