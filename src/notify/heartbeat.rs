//! The dead man's switch: somebody outside expects to be called, and raises the alarm when the calls
//! stop. What cannot speak any more is told of by its silence.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::courier::{chain, secret};
use super::tally::HeartbeatTally;
use super::{ClientError, client};
use crate::config::{Heartbeat, SinkAddress};
use crate::ports::Clock;

/// Whether this member may say that all is well, or why not.
pub type Well = Arc<dyn Fn() -> Result<(), String> + Send + Sync>;

/// Calls the address every `interval` for as long as `well` says so, until `stopping`. A member that
/// is cut off, that has lost the quorum, or whose loop hangs is silent: that is the signal.
///
/// # Errors
///
/// If this host cannot speak HTTP.
pub fn beat(
    heartbeat: Heartbeat,
    tally: Arc<HeartbeatTally>,
    clock: Arc<dyn Clock>,
    well: Well,
    stopping: CancellationToken,
) -> Result<impl Future<Output = ()> + Send + 'static, ClientError> {
    let http = client()?;
    Ok(async move {
        let mut silent = false;
        let mut tick =
            tokio::time::interval(heartbeat.interval.as_duration().max(Duration::from_secs(1)));
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stopping.cancelled() => return,
                _ = tick.tick() => {}
            }
            if let Err(why) = well() {
                if !silent {
                    tracing::warn!(
                        why,
                        "the heartbeat is held back: somebody outside will notice"
                    );
                }
                silent = true;
                continue;
            }
            if std::mem::take(&mut silent) {
                tracing::info!("the heartbeat goes on");
            }
            tokio::select! {
                () = stopping.cancelled() => return,
                called = call(&http, &heartbeat.address) => match called {
                    Ok(()) => tally.succeeded(clock.now().wall),
                    Err(why) => {
                        tally.failed();
                        tracing::warn!(why, "the heartbeat was not taken");
                    }
                },
            }
        }
    })
}

async fn call(http: &reqwest::Client, address: &SinkAddress) -> Result<(), String> {
    let url = match address {
        SinkAddress::Url(url) => url.clone(),
        SinkAddress::File(path) => secret(path)?,
    };
    let answer = http
        .get(url)
        .send()
        .await
        .map_err(|error| chain(&error.without_url()))?;
    if answer.status().is_success() {
        return Ok(());
    }
    Err(format!("it answered {}", answer.status()))
}
