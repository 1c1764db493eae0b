//! A server of our own, for what real ones don't do: messages in many records, key updates without end, an end that is
//! only announced.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use redis_mirror_test_support::Authority;
use redis_mirror_test_support::wait::wait_until;
use redis_replica::transport::Stream;
use redis_replica::transport::tls::TlsFailure;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, SupportedProtocolVersion, version};

use super::{NAMES, PATIENCE, secure, trusting};

struct Peer {
    tls: ServerConnection,
    socket: TcpStream,
}

impl Peer {
    /// Sends what the library has prepared, byte by byte; after each byte it waits until the client has sent something.
    fn send_in_step(&mut self) {
        for byte in self.prepared() {
            self.socket.write_all(&[byte]).unwrap();
            self.receive();
        }
    }

    fn send(&mut self) {
        let bytes = self.prepared();
        self.socket.write_all(&bytes).unwrap();
    }

    fn prepared(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        while self.tls.wants_write() {
            self.tls.write_tls(&mut bytes).unwrap();
        }
        bytes
    }

    fn receive(&mut self) {
        assert!(self.tls.read_tls(&mut self.socket).unwrap() > 0, "the client left");
        self.tls.process_new_packets().unwrap();
    }

    fn received(&mut self) -> Vec<u8> {
        let mut plaintext = Vec::new();
        // It ends with "nothing more yet".
        let _ = self.tls.reader().read_to_end(&mut plaintext);
        plaintext
    }
}

/// Serves one connection: the handshake, then `behaviour`.
fn serve(
    authority: &Authority,
    version: &'static SupportedProtocolVersion,
    behaviour: impl FnOnce(&mut Peer) + Send + 'static,
) -> (SocketAddr, JoinHandle<()>) {
    let identity = authority.server(&NAMES);
    let chain = vec![CertificateDer::from_pem_slice(identity.chain_pem.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(identity.key_pem.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_protocol_versions(&[version]).unwrap();
    let mut config = builder.with_no_client_auth().with_single_cert(chain, key).unwrap();
    config.max_fragment_size = Some(64);
    config.send_tls13_tickets = 4;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let thread = thread::spawn(move || {
        let (socket, _) = listener.accept().unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut peer = Peer { tls: ServerConnection::new(Arc::new(config)).unwrap(), socket };
        while peer.tls.is_handshaking() {
            peer.receive();
            // The tickets stay: they are sent by `behaviour`.
            if peer.tls.is_handshaking() {
                peer.send();
            }
        }
        if peer.tls.protocol_version() == Some(rustls::ProtocolVersion::TLSv1_2) {
            peer.send();
        }
        behaviour(&mut peer);
    });
    (address, thread)
}

fn polled(address: SocketAddr, authority: &Authority) -> Stream {
    let mut stream = secure(address, "localhost", trusting(authority)).unwrap();
    stream.use_readiness().unwrap();
    stream
}

/// Reads once: what came, or None if there is nothing yet.
fn read(stream: &mut Stream) -> Option<Vec<u8>> {
    let mut piece = [0; 16];
    match stream.read(&mut piece) {
        Ok(count) => Some(piece[..count].to_vec()),
        Err(error) if error.kind() == ErrorKind::WouldBlock => None,
        Err(error) => panic!("{error}"),
    }
}

/// The tickets after the handshake and the data behind them arrive byte by byte, spread over many records, while we
/// write: no half of a message is lost or in the way.
#[test]
fn we_write_while_a_message_is_half_received() {
    for version in [&version::TLS12, &version::TLS13] {
        let authority = Authority::new("ca");
        let answer: Vec<u8> = (0..=255).collect();
        let expected = answer.clone();
        let (address, served) = serve(&authority, version, move |peer| {
            peer.tls.writer().write_all(&answer).unwrap();
            peer.send_in_step();
            let received = peer.received();
            assert!(received.len() > 300, "{}", received.len());
            assert!(received.iter().enumerate().all(|(index, byte)| *byte == index as u8));
            // Until the client leaves: an end with bytes unread would take from it what it has not read.
            let _ = peer.socket.read_to_end(&mut Vec::new());
        });
        let mut stream = polled(address, &authority);
        let (mut written, mut replied) = (0usize, Vec::new());
        wait_until("the answer", || {
            // Many at a time: a wait between any two would take too long.
            for _ in 0..100 {
                if replied.len() < expected.len() && stream.write(&[written as u8]).is_ok() {
                    written += 1;
                }
                replied.extend(read(&mut stream).unwrap_or_default());
            }
            replied.len() >= expected.len()
        });
        assert_eq!(replied, expected);
        drop(stream);
        served.join().unwrap();
    }
}

#[test]
fn key_updates_without_end_break_the_connection() {
    let authority = Authority::new("ca");
    let (address, served) = serve(&authority, &version::TLS13, |peer| {
        for _ in 0..1000 {
            peer.tls.refresh_traffic_keys().unwrap();
            let bytes = peer.prepared();
            if peer.socket.write_all(&bytes).is_err() {
                return;
            }
        }
        let _ = peer.socket.read_to_end(&mut Vec::new());
    });
    let mut stream = secure(address, "localhost", trusting(&authority)).unwrap();
    stream.set_read_timeout(PATIENCE).unwrap();
    let error = stream.read(&mut [0; 10]).unwrap_err();
    assert_eq!(
        TlsFailure::of(&error),
        Some(&TlsFailure::Protocol { reason: "the peer breaks the rules" }),
        "{error}"
    );
    drop(stream);
    served.join().unwrap();
}

/// Announced, but the socket stays open: it is an end all the same, and what follows is nobody's.
#[test]
fn an_announced_end_is_the_end() {
    for version in [&version::TLS12, &version::TLS13] {
        let authority = Authority::new("ca");
        let (address, served) = serve(&authority, version, |peer| {
            peer.tls.writer().write_all(b"last words").unwrap();
            peer.tls.send_close_notify();
            let mut bytes = peer.prepared();
            bytes.extend_from_slice(b"not TLS at all");
            peer.socket.write_all(&bytes).unwrap();
            let _ = peer.socket.read_to_end(&mut Vec::new());
        });
        let mut stream = polled(address, &authority);
        let mut words = Vec::new();
        wait_until("the end", || match read(&mut stream) {
            Some(piece) if piece.is_empty() => true,
            Some(piece) => {
                words.extend(piece);
                false
            }
            None => false,
        });
        assert_eq!(words, b"last words");
        assert!(stream.has_buffered(), "an end is something to read");
        assert_eq!(read(&mut stream), Some(Vec::new()));
        drop(stream);
        served.join().unwrap();
    }
}
