//! TLS beside every server version of this machine: what is accepted, what is refused and in which words, and a
//! replication that is cut and resumed.

#![cfg(feature = "tls")]
#![allow(clippy::unwrap_used)]

mod client_certificates;
mod copies;
#[allow(dead_code, reason = "its text of help is tested elsewhere")]
#[path = "../../examples/copy/copying/mod.rs"]
mod copying;
mod flip;
mod links;
mod peers;
mod pushes;
mod readiness;
mod rehearsed;
mod server_certificates;
mod settings;

use std::net::SocketAddr;
use std::time::Duration;

use redis_mirror_test_support::{Authority, Installed, Options, Server, TlsPort, survey};
use redis_replica::resp::Value;
use redis_replica::transport::tls::{Roots, TlsConfig, TlsConnector, TlsFailure};
use redis_replica::transport::{Client, ClientConfig, ClientError, ConnectError, Stream, connect};

/// Far above what a handshake takes on a slow machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// The names in the servers' certificates.
const NAMES: [&str; 2] = ["localhost", "127.0.0.1"];

/// Runs `test` with each server version; says so if there is none.
fn with_each_server(test: impl Fn(&Installed)) {
    let (servers, left_out) = survey();
    left_out.iter().for_each(|reason| println!("skipped: {reason}"));
    if servers.is_empty() {
        println!(
            "skipped: no server found; set REDIS_MIRROR_TEST_SERVERS to a folder of <name>-server programs"
        );
    }
    for server in &servers {
        println!("with {server}");
        test(server);
    }
}

/// The versions of TLS a server may be restricted to.
const VERSIONS: [&str; 2] = ["TLSv1.2", "TLSv1.3"];

fn start(installed: &Installed, port: TlsPort, version: &str) -> Server {
    Server::start(installed, Options::new().tls(port).set("tls-protocols", format!("\"{version}\"")))
}

/// A port whose certificate is good for [`NAMES`].
fn good_port(authority: &Authority) -> TlsPort {
    TlsPort::new(authority.server(&NAMES), authority)
}

fn trusting(authority: &Authority) -> TlsConfig {
    TlsConfig { roots: Roots::Pem(authority.pem().into()), ..TlsConfig::default() }
}

fn secure(address: SocketAddr, host: &str, config: TlsConfig) -> Result<Stream, ConnectError> {
    secure_within(PATIENCE, address, host, config)
}

fn secure_within(
    patience: Duration,
    address: SocketAddr,
    host: &str,
    config: TlsConfig,
) -> Result<Stream, ConnectError> {
    let connector = TlsConnector::new(config).unwrap();
    connector.secure(connect(&[address], PATIENCE).unwrap(), host, patience)
}

/// Why there is no TLS.
#[track_caller]
fn failure(outcome: Result<Stream, ConnectError>) -> TlsFailure {
    match outcome {
        Err(ConnectError::Tls(failure)) => failure,
        other => panic!("expected a failure of TLS, got {other:?}"),
    }
}

fn ping(stream: Stream) -> Result<Value, ClientError> {
    let config = ClientConfig { timeout: PATIENCE, ..ClientConfig::default() };
    Client::new(stream, &config)?.command(&[b"PING"])
}

#[track_caller]
fn assert_answers(outcome: Result<Stream, ConnectError>) {
    let stream = outcome.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(ping(stream).unwrap(), Value::Simple(b"PONG".to_vec()));
}
