//! The API over real sockets.

mod figures;
mod limits;
mod openmetrics;
mod pages;
mod support;
