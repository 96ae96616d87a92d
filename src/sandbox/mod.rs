//! Floor 4: a small world that speaks AWS's real wire protocols on loopback, with the product that
//! lives in it and the product's users.

pub mod network;
pub mod plane;
pub mod product;
pub mod users;

#[cfg(test)]
mod fake_plane;
