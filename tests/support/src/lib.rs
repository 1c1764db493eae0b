//! Real servers, topologies, faults and oracles for the tests of redis-mirror.
//!
//! | to | use |
//! |---|---|
//! | find the installed versions of Redis and Valkey | [`servers`], [`Installed`] |
//! | start one with its own folder and port, kill it, start it again | [`Server`], [`Options`] |
//! | talk to it | [`Client`], [`cmd!`], [`Value`] |
//! | wait for something without sleeping and hoping | [`wait`] |
//! | fill it with every type and encoding, keep every write command coming | [`workload`] |
//! | measure with the same data as every bench | [`sets`] |
//! | be a source that lies, floods, stalls or is no server at all | [`FakeSource`], [`Play`] |
//! | cut, stall or slow the link at an exact byte | [`Proxy`] |
//! | prove that two servers hold the same | [`digest`] |
//! | make certificates and give a server a port with TLS | [`Authority`], [`TlsPort`] |
//! | mirror one version by another and see what is left over | [`run_pair`] |
//! | start a source, a mirror and its replica at once | [`Topology`] |
//! | start the nodes of a cluster | [`Cluster`] |
//!
//! Methods come in two kinds: those that return a [`Result`] for programs and for failures a test provokes,
//! and those documented to panic, which show the server's log: a test that fails should say why by itself.
#![forbid(unsafe_code)]

mod client;
mod cluster;
mod command;
pub mod digest;
mod error;
mod fake;
mod folder;
mod info;
mod installed;
mod limits;
mod mirror;
mod module;
mod options;
mod pair;
mod port;
mod proxy;
mod random;
mod resp;
mod sentinel;
mod server;
pub mod sets;
mod tls;
mod topology;
mod traffic;
pub mod wait;
pub mod workload;

pub use client::Client;
pub use cluster::Cluster;
pub use command::{Arg, Command};
pub use error::{Error, Result};
pub use fake::{FAKE_REPLID, FakeSource, Play};
pub use folder::Folder;
pub use info::Info;
pub use installed::{
    Family, Installed, Version, any_server, defrag_servers, old_servers, server, servers, survey,
};
pub use limits::raise_file_limit;
pub use mirror::Status;
pub use module::module_under_test;
pub use options::Options;
pub use pair::{PairOutcome, PairPlan, run_pair};
pub use proxy::{Direction, Proxy};
pub use random::Random;
pub use resp::Value;
pub use sentinel::{SentinelOptions, Sentinels};
pub use server::Server;
pub use tls::{Authority, ClientCertificates, Identity, TlsPort};
pub use topology::{MirrorOptions, Topology, wait_applied};
pub use traffic::Traffic;
