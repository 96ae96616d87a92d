//! The production actuator against the sandbox, over HTTP: every action, happy and not.
//!
//! The two know nothing of one another's code; what they share is AWS's own wire protocols.

mod aurora;
mod chain;
mod dns;
mod nodes;
mod readiness;
mod reads;
mod routing;
mod stage;
mod traffic;
mod trouble;
