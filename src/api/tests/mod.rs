//! The API over real sockets.

mod alerts;
mod audit;
mod events;
mod figures;
mod limits;
mod matrix;
mod members;
mod metrics_doc;
mod openmetrics;
mod pages;
mod readiness;
mod steer;
pub(super) mod support;
mod tls;
