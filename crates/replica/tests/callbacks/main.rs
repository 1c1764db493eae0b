//! The callbacks, statement by statement, beside real servers where a server can show it.

#![cfg(feature = "net")]
#![allow(clippy::unwrap_used)]

mod calls;
mod commands;
mod filters;
mod large;
mod links;
mod phases;
mod recorder;
mod scripted;
mod starting;
mod typed;
