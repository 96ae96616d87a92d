//! What the core costs. `cargo bench --bench core`; figures and what they mean: `docs/benchmarks.md`.
//!
//! Nothing here asserts a time: hosts differ. What is compared is measured side by side in one run.

mod controller;
mod detection;
mod ledger;
mod planning;
mod quorum;
mod running;
mod world;

fn main() {
    divan::main();
}
