//! The API over real sockets.

mod figures;
mod limits;
mod members;
mod openmetrics;
mod pages;
mod support;
