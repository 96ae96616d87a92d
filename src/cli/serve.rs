//! What `failoverd` does once its arguments are understood: read the configuration, bind, start,
//! wait for a signal, drain.

use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry_otlp::ExporterBuildError;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::filter::{EnvFilter, FilterExt as _, filter_fn};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer, Registry};

use super::failoverd::{LogFormat, Start};
use super::{Exit, output};
use crate::api::{
    self, Access, ApiError, ApiSource, Configured, Heartbeat, ServerTls, SteerSource, SteerTally,
    TlsError, TokensError,
};
use crate::config::Config;
use crate::daemon::clock::WorldClock;
use crate::daemon::trace;
use crate::daemon::{Node, NodeError, NodeOptions};
use crate::model::{Member, Millis};
use crate::ports::Clock;

/// The loop turns at least twice a second; without a turn for this long it does not live.
const ALIVE_WITHIN: Duration = Duration::from_secs(10);

/// Threads of the main runtime: one for the loop and the ledger, one for calls. Probes have threads
/// of their own.
const WORKERS: usize = 2;

/// Why the daemon ended by itself.
#[derive(Debug, thiserror::Error)]
enum ServeError {
    #[error("the runtime does not start")]
    Runtime(#[source] std::io::Error),
    #[error(transparent)]
    Api(#[from] ApiError),
    #[error(transparent)]
    Tokens(#[from] TokensError),
    #[error("the API cannot speak TLS")]
    Tls(#[from] TlsError),
    #[error(transparent)]
    Node(#[from] NodeError),
    #[error("signals cannot be received")]
    Signals(#[source] std::io::Error),
    #[error("{why}; nothing acknowledged is lost: mend the cause and start again")]
    Ended { why: String },
}

/// Runs the daemon until SIGTERM or SIGINT, or until its ledger dies.
pub fn serve(start: Start) -> Exit {
    let spans = match start_logging(start.log_format, &start.config) {
        Ok(spans) => spans,
        Err(error) => {
            output::complain_chain(&error);
            return Exit::No;
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .enable_all()
        .build();
    let ended = match runtime {
        Ok(runtime) => {
            let ended = runtime.block_on(run(start.config));
            // Reads that still hang are nobody's any more.
            runtime.shutdown_background();
            ended
        }
        Err(error) => Err(ServeError::Runtime(error)),
    };
    if let Some(spans) = spans
        && let Err(error) = spans.shutdown()
    {
        tracing::warn!(%error, "the last spans were not taken");
    }
    match ended {
        Ok(()) => Exit::Good,
        Err(error) => {
            tracing::error!("{}", chain(&error));
            Exit::No
        }
    }
}

async fn run(config: Config) -> Result<(), ServeError> {
    let clock: Arc<dyn Clock> = Arc::new(WorldClock::real());
    let listener = api::bind(config.node.api).await?;
    let steer_listener = match config.node.steer {
        Some(address) => Some(api::bind_for("steer", address).await?),
        None => None,
    };
    let mut terminate = signal(SignalKind::terminate()).map_err(ServeError::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(ServeError::Signals)?;
    let member = Member {
        id: config.node.id.clone(),
        region: config.node.region.clone(),
    };
    let address = config.node.api;
    let configured = Configured::list(&config);
    let applications = ApiSource::applications(&config);
    let access = Arc::new(Access::open(&config)?);
    let tls = config.api_tls.as_ref().map(ServerTls::open).transpose()?;
    let (windows, nag_after) = (config.windows.clone().into(), config.nag_after);
    let mut node = Node::start(NodeOptions::production(config, Arc::clone(&clock))).await?;
    tracing::info!(
        member = %member.id,
        region = %member.region,
        api = %listener.local_addr().unwrap_or(address),
        version = env!("CARGO_PKG_VERSION"),
        "failoverd runs"
    );
    let handle = node.handle();
    let stopping = CancellationToken::new();
    let snapshots = handle.snapshots();
    let steer = SteerSource {
        snapshot: snapshots.clone(),
        applications: Arc::clone(&applications),
        alone: configured.len() == 1,
        tally: SteerTally::default(),
    };
    let tally = steer.tally.clone();
    let steering = steer_listener.map(|listener| {
        tracing::info!(
            steer = listener.local_addr().ok().map(tracing::field::display),
            "health checks are answered"
        );
        tokio::spawn(api::serve_steer(
            listener,
            steer,
            stopping.clone().cancelled_owned(),
        ))
    });
    let api = tokio::spawn(api::serve(
        listener,
        ApiSource {
            member,
            snapshot: snapshots.clone(),
            stats: handle.stats(),
            heartbeat: Heartbeat::new(
                move || {
                    let last: Millis = clock.now().mono.since(snapshots.borrow().at.mono);
                    last.as_duration()
                },
                ALIVE_WITHIN,
            ),
            configured,
            applications,
            windows,
            nag_after,
            access,
            steer: tally,
            tls: tls.map(Arc::new),
            desk: Arc::new(handle.clone()),
        },
        stopping.clone().cancelled_owned(),
    ));
    let ended = tokio::select! {
        _ = terminate.recv() => Ok("SIGTERM"),
        _ = interrupt.recv() => Ok("SIGINT"),
        why = node.ended() => Err(ServeError::Ended { why: why.to_string() }),
    };
    let ended = match ended {
        Ok(signal) => {
            tracing::info!(signal, "stopping");
            node.shutdown().await;
            Ok(())
        }
        Err(error) => Err(error),
    };
    // Readiness and metrics are served until the very end.
    stopping.cancel();
    if let Err(error) = api.await {
        tracing::error!(%error, "the API failed");
    }
    if let Some(steering) = steering
        && let Err(error) = steering.await
    {
        tracing::error!(%error, "the answering of health checks failed");
    }
    ended
}

/// Lines for people to standard error, and spans to a collector where one is configured: what is
/// returned holds those that have not left.
fn start_logging(
    format: LogFormat,
    config: &Config,
) -> Result<Option<SdkTracerProvider>, ExporterBuildError> {
    let filter = EnvFilter::try_from_env("FAILOVERD_LOG").unwrap_or_else(|_| {
        // openraft tells every heartbeat at info.
        EnvFilter::new("info,openraft=warn,aws_config=warn")
    });
    let filter = filter.and(filter_fn(|metadata| !trace::is_ours(metadata.target())));
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines: Box<dyn Layer<Registry> + Send + Sync> = match format {
        LogFormat::Pretty => Box::new(lines.with_ansi(std::io::stderr().is_terminal())),
        LogFormat::Json => Box::new(lines.json().flatten_event(true)),
    };
    let to = config.tracing.as_ref();
    let provider = to.map(|to| trace::provider(config, to)).transpose()?;
    let spans = provider
        .as_ref()
        .zip(to)
        .map(|(provider, to)| trace::layer(provider, to));
    tracing_subscriber::registry()
        .with(lines.with_filter(filter))
        .with(spans)
        .init();
    Ok(provider)
}

/// An error with everything behind it, in one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let more = cause.to_string();
        // `transparent` errors are their own source.
        if !text.ends_with(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        source = cause.source();
    }
    text
}
