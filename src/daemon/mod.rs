//! Floor 5: the loop that performs what the core decides, and the only place that names concrete
//! adapters.

pub mod clock;
pub mod snapshot;
pub mod stats;
