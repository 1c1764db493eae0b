//! Peers that speak something else, or nothing.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use redis_mirror_test_support::{Authority, Options, Server};
use redis_replica::transport::tls::{TlsConfig, TlsFailure};
use redis_replica::transport::{ClientError, connect};

use super::{PATIENCE, failure, good_port, ping, secure, secure_within, start, trusting, with_each_server};

/// Time for a handshake that can't succeed.
const SHORT: Duration = Duration::from_millis(300);

fn config() -> TlsConfig {
    trusting(&Authority::new("ca"))
}

/// A peer for one connection.
fn peer(behaviour: impl FnOnce(TcpStream) + Send + 'static) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (address, thread::spawn(move || behaviour(listener.accept().unwrap().0)))
}

/// A server's port without TLS waits for the end of a line that never comes, unless the random bytes of the handshake
/// contain one: then it answers with an error.
#[test]
fn a_port_without_tls_is_suspected() {
    with_each_server(|installed| {
        let server = Server::start(installed, Options::new());
        match failure(secure_within(SHORT, server.address(), "localhost", config())) {
            TlsFailure::TimedOut { waited } => assert_eq!(waited, SHORT),
            TlsFailure::NotTls | TlsFailure::Closed => {}
            other => panic!("{installed}: {other:?}"),
        }
    });
}

#[test]
fn a_port_with_tls_is_suspected_without() {
    with_each_server(|installed| {
        for version in super::VERSIONS {
            let server = start(installed, good_port(&Authority::new("ca")), version);
            let outcome = ping(connect(&[server.tls_address()], PATIENCE).unwrap());
            assert!(
                matches!(&outcome, Err(ClientError::Closed | ClientError::Io(_) | ClientError::Protocol(_))),
                "{installed}: {outcome:?}"
            );
        }
    });
}

#[test]
fn a_silent_peer_is_left_in_time() {
    let (address, served) = peer(|mut socket| {
        let mut hello = Vec::new();
        // Until we leave.
        let _ = socket.read_to_end(&mut hello);
        assert!(hello.windows(9).any(|part| part == b"localhost"), "the name is asked for (SNI)");
    });
    let began = Instant::now();
    let refused = failure(secure_within(SHORT, address, "localhost", config()));
    assert_eq!(refused, TlsFailure::TimedOut { waited: SHORT });
    assert!(began.elapsed() >= SHORT);
    served.join().unwrap();
}

/// The deadline is for the whole handshake, not for each byte.
#[test]
fn a_peer_that_drips_is_left_in_time() {
    let (address, served) = peer(|mut socket| {
        socket.set_nodelay(true).unwrap();
        // The head of a handshake record of 16,000 bytes, and then those.
        let record = [0x16, 3, 3, 0x3e, 0x80].into_iter().chain(std::iter::repeat(2));
        for byte in record {
            if socket.write_all(&[byte]).is_err() {
                return;
            }
            thread::sleep(Duration::from_millis(5));
        }
    });
    let refused = failure(secure_within(SHORT, address, "localhost", config()));
    assert_eq!(refused, TlsFailure::TimedOut { waited: SHORT });
    served.join().unwrap();
}

#[test]
fn an_address_is_not_asked_for_by_name() {
    let (address, served) = peer(|mut socket| {
        let mut hello = Vec::new();
        let _ = socket.read_to_end(&mut hello);
        assert!(!hello.windows(9).any(|part| part == b"127.0.0.1"), "RFC 6066, section 3");
    });
    failure(secure_within(SHORT, address, "127.0.0.1", config()));
    served.join().unwrap();
}

/// What peers may say instead of TLS, and what they may say of it that is wrong. None of their bytes is told.
#[test]
fn hostile_answers_have_names() {
    let endless_handshake: Vec<u8> =
        [0x16, 3, 3, 0x40, 0, 2, 0, 0xff, 0xff].into_iter().chain([7; 200_000]).collect();
    let alert = |code: u8| vec![0x15, 3, 3, 0, 2, 2, code];
    let cases: Vec<(&str, Vec<u8>, TlsFailure)> = vec![
        ("RESP", b"-ERR SENTINEL\r\n".to_vec(), TlsFailure::NotTls),
        ("HTTP", b"HTTP/1.1 400 SENTINEL\r\n\r\n".to_vec(), TlsFailure::NotTls),
        ("nothing", Vec::new(), TlsFailure::Closed),
        ("half a record", vec![0x16, 3, 3, 0, 50, 2], TlsFailure::Closed),
        (
            "unknown CA",
            alert(48),
            TlsFailure::ClientCertificateRefused { reason: "its authority is not trusted there" },
        ),
        ("handshake failure", alert(40), TlsFailure::HandshakeRefused),
        ("protocol version", alert(70), TlsFailure::HandshakeRefused),
        ("unknown name", alert(112), TlsFailure::NameRefused { name: "localhost".into() }),
        ("internal error", alert(80), TlsFailure::Alert { code: 80 }),
        (
            "a record too long",
            [vec![0x16, 3, 3, 0xff, 0xff], vec![2; 70_000]].concat(),
            TlsFailure::Protocol { reason: "a message is too large" },
        ),
        (
            "an endless message",
            endless_handshake,
            TlsFailure::Protocol { reason: "a message can't be read or comes at the wrong time" },
        ),
        (
            "data before the handshake",
            vec![0x16, 3, 3, 0, 4, 14, 0, 0, 0],
            TlsFailure::Protocol { reason: "a handshake message comes at the wrong time" },
        ),
    ];
    for (what, answer, expected) in cases {
        let (address, served) = peer(move |mut socket| {
            let mut hello = [0; 4096];
            assert!(socket.read(&mut hello).unwrap() > 0);
            // It may leave before it has read all.
            let _ = socket.write_all(&answer);
            let _ = socket.shutdown(std::net::Shutdown::Write);
            let _ = socket.read_to_end(&mut Vec::new());
        });
        let refused = failure(secure(address, "localhost", config()));
        assert_eq!(refused, expected, "{what}");
        assert!(!refused.to_string().contains("SENTINEL"), "{what}: {refused}");
        served.join().unwrap();
    }
}

/// An encrypted stream is not encrypted again, and a host that is no name fails before a byte is sent.
#[test]
fn wrong_uses_are_refused() {
    let (address, served) = peer(|mut socket| {
        assert_eq!(socket.read(&mut [0; 10]).unwrap(), 0);
    });
    let refused = failure(secure(address, "no name", config()));
    assert_eq!(refused, TlsFailure::InvalidName { name: "no name".into() });
    served.join().unwrap();
    with_each_server(|installed| {
        let authority = Authority::new("ca");
        let server = start(installed, good_port(&authority), "TLSv1.3");
        let stream = secure(server.tls_address(), "localhost", trusting(&authority)).unwrap();
        let connector = redis_replica::transport::tls::TlsConnector::new(trusting(&authority)).unwrap();
        assert_eq!(failure(connector.secure(stream, "localhost", PATIENCE)), TlsFailure::AlreadySecured);
    });
}
