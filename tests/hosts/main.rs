//! Three hosts: real processes, each in a network namespace of its own, and everything that befalls
//! hosts and networks, at several points of a run.
//!
//! ```text
//!   hub: the test, the emulated AWS, the product, the reference targets
//!   10.86.0.1 ──┬── bridge ──┬──────────────┐
//!               │            │              │
//!           10.86.1.1    10.86.1.2      10.86.1.3      one namespace each
//!           paris        milan          stockholm      failoverd, mutual TLS, a folder, an access key
//! ```
//!
//! A namespace needs root. A test that cannot have one says so and passes, unless
//! `FAILOVERD_HOSTS=required`. One that can lays its network, starts this program once more inside of
//! it for the test proper ([`play`]), and takes the network away whatever became of that.
//!
//! Every member stands outside of the Region that is lost, so that any two of them can agree on its
//! loss and whoever leads may be struck. What a member did is read from the sandbox's request log,
//! where each has an access key of its own; what it knows from its metrics and its log. Waits are for
//! conditions, and bounded.

#![cfg(target_os = "linux")]

// The daemon's own harness, of which not everything is used here.
#[path = "../daemon/child.rs"]
#[allow(dead_code, reason = "shared with tests/daemon")]
mod child;
#[path = "../daemon/disk.rs"]
#[allow(dead_code, reason = "shared with tests/daemon")]
mod disk;
#[path = "../daemon/metrics.rs"]
#[allow(dead_code, reason = "shared with tests/daemon")]
mod metrics;
#[path = "../daemon/stage.rs"]
#[allow(dead_code, reason = "shared with tests/daemon")]
mod stage;
#[path = "../daemon/trio.rs"]
#[allow(dead_code, reason = "shared with tests/daemon")]
mod trio;
#[path = "../daemon/wait.rs"]
mod wait;

mod clocks;
mod disks;
mod kills;
mod late;
mod net;
mod partitions;
mod play;
mod scene;
mod slow;
mod stops;
mod strangers;
