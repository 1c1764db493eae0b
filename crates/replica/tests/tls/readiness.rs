//! A stream that is polled: what it holds must be asked for, because the descriptor is silent about it.

use std::io::{ErrorKind, Read, Write};

use redis_mirror_test_support::wait::wait_until;
use redis_mirror_test_support::{Authority, Installed, Server};
use redis_replica::transport::Stream;

use super::{VERSIONS, good_port, secure, start, trusting, with_each_server};

fn polled(installed: &Installed, version: &str) -> (Server, Stream) {
    let authority = Authority::new("ca");
    let server = start(installed, good_port(&authority), version);
    let mut stream = secure(server.tls_address(), "localhost", trusting(&authority)).unwrap();
    stream.use_readiness().unwrap();
    (server, stream)
}

/// Nothing there yet, as opposed to broken.
fn is_not_yet(outcome: &std::io::Result<usize>) -> bool {
    matches!(outcome, Err(error) if error.kind() == ErrorKind::WouldBlock)
}

/// One record is read in pieces of seven bytes: after the first, only `has_buffered` tells of the others.
#[test]
fn what_is_decrypted_is_told() {
    with_each_server(|installed| {
        for version in VERSIONS {
            let (_server, mut stream) = polled(installed, version);
            assert!(
                !stream.has_buffered() && is_not_yet(&stream.read(&mut [0; 7])),
                "{installed}, {version}"
            );
            assert_eq!(stream.write(b"ECHO 0123456789012345678901234567890123456789\r\n").unwrap(), 47);
            let mut reply = Vec::new();
            let mut piece = [0; 7];
            wait_until("the first bytes", || match stream.read(&mut piece) {
                Ok(count) => {
                    reply.extend_from_slice(&piece[..count]);
                    true
                }
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::WouldBlock);
                    false
                }
            });
            while stream.has_buffered() {
                match stream.read(&mut piece) {
                    Ok(count) => reply.extend_from_slice(&piece[..count]),
                    // It may say so once too often, never once too seldom.
                    Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
                }
            }
            assert_eq!(
                reply, b"$40\r\n0123456789012345678901234567890123456789\r\n",
                "{installed}, {version}"
            );
            assert!(is_not_yet(&stream.read(&mut piece)) && !stream.has_buffered());
        }
    });
}

/// A server that doesn't read: the stream takes no more than it can hold, tells that it wants to write, and loses
/// nothing.
#[test]
fn what_waits_to_be_sent_is_told_and_bounded() {
    with_each_server(|installed| {
        for version in VERSIONS {
            let (server, mut stream) = polled(installed, version);
            server.freeze();
            let pings = b"PING\r\n".repeat(100_000);
            let mut taken = 0;
            loop {
                match stream.write(&pings[taken % pings.len()..]) {
                    Ok(count) => taken += count,
                    Err(error) => {
                        assert_eq!(error.kind(), ErrorKind::WouldBlock, "{installed}: {error}");
                        break;
                    }
                }
            }
            assert!(stream.wants_write(), "{installed}: {taken} bytes were taken, and all sent");
            assert!(matches!(stream.flush(), Err(error) if error.kind() == ErrorKind::WouldBlock));
            server.thaw();
            // The last command may have been taken in part.
            let rest = b"PING\r\n".repeat(2).split_off(taken % 6);
            let expected = (taken + rest.len()) / 6 * b"+PONG\r\n".len();
            let (mut sent, mut replied) = (0, 0);
            wait_until("all replies", || {
                sent += stream.write(&rest[sent..]).unwrap_or(0);
                replied += read_pongs(&mut stream);
                replied == expected
            });
            assert!(!stream.wants_write());
        }
    });
}

/// Reads until there is nothing more; returns how many bytes of replies came.
fn read_pongs(stream: &mut Stream) -> usize {
    let mut buffer = vec![0; 64 << 10];
    let mut bytes = 0;
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => panic!("the server ended the connection"),
            Ok(count) => {
                assert!(buffer[..count].iter().all(|byte| b"+PONG\r\n".contains(byte)));
                bytes += count;
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return bytes,
            Err(error) => panic!("{error}"),
        }
    }
}

/// The end is told as an end, whether announced or not, and after all that came before it.
#[test]
fn the_end_is_an_end() {
    with_each_server(|installed| {
        for version in VERSIONS {
            let (mut server, mut stream) = polled(installed, version);
            assert_eq!(stream.write(b"PING\r\n").unwrap(), 6);
            let mut reply = Vec::new();
            wait_until("the reply", || {
                let mut piece = [0; 3];
                match stream.read(&mut piece) {
                    Ok(count) => reply.extend_from_slice(&piece[..count]),
                    Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
                }
                reply.len() == 7
            });
            server.kill();
            wait_until("the end", || match stream.read(&mut [0; 10]) {
                Ok(count) => {
                    assert_eq!(count, 0);
                    true
                }
                // The kernel of a killed server resets what it had not read.
                Err(error) => error.kind() == ErrorKind::ConnectionReset,
            });
        }
    });
}
