//! Floor 4: telling people: webhooks, chat, pagers, and a heartbeat to somebody outside who raises the
//! alarm when it stops.
//!
//! ```text
//!  daemon/news ──Message──▶ Desk ──┬─ queue ─▶ Courier ══ HTTP ══▶ webhook, signed
//!                                  ├─ queue ─▶ Courier ══ HTTP ══▶ Slack and what speaks like it
//!                                  └─ queue ─▶ Courier ══ HTTP ══▶ PagerDuty
//!  heartbeat ══ HTTP ══▶ a dead man's switch elsewhere
//! ```
//!
//! A message is made of the ledger's state and of what this member sees; nothing that a receiver
//! answers comes back into a decision.
//!
//! Invariant: nobody waits for a receiver. A message is handed over without blocking; what a queue has
//! no room for is dropped, oldest first, and counted.
//! Invariant: a secret is read from its file when it is needed and is never kept, logged or shown.

mod courier;
mod desk;
mod heartbeat;
mod letter;
mod message;
mod tally;

#[cfg(test)]
mod tests;

pub use desk::Desk;
pub use heartbeat::{Well, beat};
pub use letter::Sender;
pub use message::{Message, Standing};
pub use tally::{HeartbeatTally, SinkTally, Tally};

use std::time::Duration;

/// Real time for one delivery, from the connection to the answer's head: a receiver that takes longer
/// is asked again.
const PATIENCE: Duration = Duration::from_secs(10);

/// Real time for a connection.
const CONNECT: Duration = Duration::from_secs(5);

/// Why nothing can be told.
#[derive(Debug, thiserror::Error)]
#[error("no HTTP client for notifications can be made")]
pub struct ClientError(#[source] reqwest::Error);

/// One for all receivers. Redirects are not followed: a signed body goes where the file says.
pub(crate) fn client() -> Result<reqwest::Client, ClientError> {
    // Installed already is just as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .connect_timeout(CONNECT)
        .timeout(PATIENCE)
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("failoverd/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(ClientError)
}
