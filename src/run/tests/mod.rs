//! Tests of the transition function and the engine.

mod apply;
mod engine;
mod fixture;
mod table;
