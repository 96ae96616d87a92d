//! Floor 4: a small world that speaks AWS's real wire protocols on loopback, so that the production
//! client code runs against it unmodified, with the product that lives in it and its users.
//!
//! ```text
//!  SDK, AWS CLI, boto3 ──HTTP/1, SigV4 scope──▶ wire ──▶ world ◀── faults
//!                                                │         │
//!                                          request log   data planes ──▶ product, users
//!                                                          timeline
//! ```
//!
//! An operation it does not know is answered with an error and remembered: a fake that lies is worse
//! than none.

mod authorization;
mod checkers;
#[cfg(test)]
mod fake_plane;
mod faults;
mod gate;
pub mod network;
pub mod plane;
pub mod product;
mod request_log;
mod server;
mod service;
mod setup;
#[cfg(test)]
mod tests;
mod timeline;
pub mod users;
mod wire;
mod world;

pub use authorization::{Authorization, authorizations};
pub use faults::{Fault, LostReply};
pub use gate::{Gate, HoldPoint};
pub use request_log::{Execution, LoggedRequest, Reply};
pub use server::Sandbox;
pub use service::Service;
pub use setup::{
    ACCOUNT, AcceleratorSetup, CheckKind, CheckSetup, DatabaseSetup, Delays, DnsSetup,
    EndpointSetup, HealthCheckSetup, NodegroupSetup, RegionSetup, RoutingSetup, SandboxSetup,
};
pub use timeline::{Change, TimelineEvent};
pub use world::World;

/// What the sandbox makes of a request before any world sees it: service, operation and decoded
/// parameters, or in words why it is none. A caller's bytes are the only thing here that nobody
/// chose, so this is what `fuzz/` knocks at.
pub fn decode(
    parts: &http::request::Parts,
    body: &[u8],
) -> Result<(Service, String, serde_json::Value), String> {
    wire::read(parts, body)
        .map(|call| (call.service, call.operation, call.parameters))
        .map_err(|unreadable| unreadable.what)
}
