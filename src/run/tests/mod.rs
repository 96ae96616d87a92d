//! Tests of the transition function and the engine.

mod abort;
mod apply;
mod consent;
mod drill;
mod engine;
mod evacuate;
mod fixture;
mod inherit;
mod live_drill;
mod restored;
mod shares;
mod steer;
mod table;
mod time;
