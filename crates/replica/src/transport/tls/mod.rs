//! TLS for a link (feature `tls`): rustls with ring, TLS 1.2 and 1.3.
//!
//! A [`TlsConfig`] says whom to trust and who we are; [`TlsConnector::new`] reads and checks all of it once;
//! [`TlsConnector::secure`] turns a connected [`Stream`](super::Stream) into an encrypted one.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use redis_replica::transport::tls::{Roots, TlsConfig, TlsConnector};
//! use redis_replica::transport::{Client, ClientConfig, Endpoint, connect, resolve};
//!
//! let roots = Roots::Pem(std::fs::read("ca.crt")?);
//! let connector = TlsConnector::new(TlsConfig { roots, ..TlsConfig::default() })?;
//! let (endpoint, patience) = (Endpoint::new("redis.example.org", 6380), Duration::from_secs(5));
//! let stream = connect(&resolve(&endpoint, patience)?, patience)?;
//! let stream = connector.secure(stream, &endpoint.host, patience)?;
//! let mut client = Client::new(stream, &ClientConfig::default())?;
//! client.command(&[b"PING"])?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | what fails | the error | when |
//! |---|---|---|
//! | the settings: a file without a certificate, a key of another one | [`TlsError`] | [`TlsConnector::new`] |
//! | the handshake, whoever is to blame | [`TlsFailure`] in [`ConnectError::Tls`](super::ConnectError::Tls) | [`TlsConnector::secure`] |
//! | the established connection | [`TlsFailure`] in an [`io::Error`](std::io::Error), see [`TlsFailure::of`] | reads and writes |
//!
//! No error contains what a file or the peer says. Texts are PEM, at most 4 MiB each; time-outs are for the whole
//! handshake. A connection holds 80 KiB of received records, what one filling of those decrypts to, and at most 64 KiB
//! to send; sessions are not resumed.
//!
//! A server that wants a client certificate may refuse ours only after the handshake (TLS 1.3): the first read or
//! write then tells the reason. The end of a connection is the end of its bytes, announced or not: what is replicated
//! says itself where it is complete.

mod any_certificate;
mod config;
mod connector;
mod failure;
mod session;
mod stream;

pub use config::{ClientIdentity, Roots, TlsConfig, TlsError, Verification};
pub use connector::TlsConnector;
pub use failure::TlsFailure;
pub use stream::TlsStream;
