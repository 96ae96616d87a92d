//! The configuration: raw file and environment in, a valid [`Config`] out, once, at the edge.

mod types;

pub use types::*;
