//! Members over real sockets of the loopback interface. Nothing waits for a time to pass: every wait
//! is for a condition, with a generous bound on the whole.

mod bounds;
mod certificates;
mod frames;
mod refused;
mod support;
mod talking;
