//! What a person is told about a wrong configuration or runbook, word for word.
//!
//! Every case starts from a file that is valid and makes one mistake in it (or several, where that
//! is the point), so that a snapshot shows exactly what the mistake brings about.

mod callers;
mod config;
mod notifications;
mod readiness;
mod routing;
mod runbooks;
mod shares;
mod shipped;
