//! Projections beside real servers.

#![cfg(feature = "net")]
#![allow(clippy::unwrap_used)]

mod asker;
mod compare;
mod extra;
mod stale;
mod tables;
