//! Against real receivers on loopback that take, refuse, stumble and hang.

mod delivering;
mod letters;
mod receiver;
