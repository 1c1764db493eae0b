//! What the store promises, one story each.
#![allow(clippy::unwrap_used)]

mod cursors;
mod faults;
mod filters;
mod guarantees;
mod limits;
#[path = "../common/server.rs"]
mod server;
