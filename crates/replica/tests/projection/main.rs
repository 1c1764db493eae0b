//! Projections beside real servers.

#![cfg(feature = "net")]
#![allow(clippy::unwrap_used)]

mod compare;
mod tables;
