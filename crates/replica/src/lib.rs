//! A replication client for Redis and Valkey: snapshot, then live commands, resumed after every break.

#![forbid(unsafe_code)]

pub mod resp;
