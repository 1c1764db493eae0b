//! The proxy's faults fall exactly where they were asked for.
#![forbid(unsafe_code)]
// A failed step of a test is the test's failure.
#![allow(clippy::unwrap_used)]

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use redis_mirror_test_support::wait::wait_until;
use redis_mirror_test_support::{Direction, Options, Proxy, Server, any_server, cmd};

/// A listener that keeps all it gets until the connection ends.
fn sink() -> (std::net::SocketAddr, Receiver<Vec<u8>>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for mut connection in listener.incoming().flatten() {
            let mut bytes = Vec::new();
            let _ = connection.read_to_end(&mut bytes);
            if sender.send(bytes).is_err() {
                return;
            }
        }
    });
    (address, receiver)
}

#[test]
fn a_cut_delivers_every_byte_before_it_and_none_after() {
    let (address, received) = sink();
    let proxy = Proxy::new(address);
    for cut in [1, 2, 7, 100, 70_000] {
        proxy.cut_after(Direction::ToServer, cut);
        let mut connection = TcpStream::connect(proxy.address()).unwrap();
        // May fail: the link is cut meanwhile.
        let _ = connection.write_all(&vec![b'x'; 200_000]);
        let got = received.recv_timeout(Duration::from_secs(20)).unwrap();
        assert_eq!(got.len() as u64, cut);
        assert!(matches!(connection.read(&mut [0; 1]), Ok(0) | Err(_)), "cut on this side too");
    }
    assert_eq!((proxy.bytes(Direction::ToServer), proxy.cuts()), (70_110, 5));
}

#[test]
fn a_cut_ends_connections_and_new_ones_work() {
    let server = Server::start(any_server(), Options::new());
    let proxy = Proxy::new(server.address());
    let mut client = redis_mirror_test_support::Client::connect(proxy.address()).unwrap();
    client.run("SET k v");
    proxy.cut();
    assert!(client.call("GET k").is_err());
    let mut again = redis_mirror_test_support::Client::connect(proxy.address()).unwrap();
    assert_eq!(again.text("GET k"), "v");
    assert_eq!((proxy.connections(), proxy.cuts()), (2, 1));
}

#[test]
fn trickled_bytes_arrive_one_by_one_and_whole() {
    let server = Server::start(any_server(), Options::new());
    let proxy = Proxy::new(server.address());
    proxy.trickle(Direction::ToServer);
    proxy.trickle(Direction::FromServer);
    let mut client = redis_mirror_test_support::Client::connect(proxy.address()).unwrap();
    let value = "x".repeat(3000);
    client.run(cmd!("SET", "k", &value));
    assert_eq!(client.text("GET k"), value);
}

#[test]
fn a_stall_holds_bytes_back_and_the_flow_brings_them() {
    let server = Server::start(any_server(), Options::new());
    let proxy = Proxy::new(server.address());
    let mut client = redis_mirror_test_support::Client::connect(proxy.address()).unwrap();
    client.run("PING");
    let before = proxy.bytes(Direction::FromServer);
    proxy.stall(Direction::FromServer);
    client.send(&cmd!("SET", "k", "v")).unwrap();
    wait_until("the write", || server.client().bytes("GET k").is_some());
    assert_eq!(proxy.bytes(Direction::FromServer), before);
    proxy.flow(Direction::FromServer);
    assert_eq!(client.receive().unwrap().as_text().as_deref(), Some("OK"));
}

#[test]
fn a_stalled_connection_can_be_cut() {
    let (address, received) = sink();
    let proxy = Proxy::new(address);
    proxy.stall(Direction::ToServer);
    let mut connection = TcpStream::connect(proxy.address()).unwrap();
    connection.write_all(b"never seen").unwrap();
    wait_until("the connection", || proxy.connections() == 1);
    proxy.cut();
    assert_eq!(received.recv_timeout(Duration::from_secs(20)).unwrap(), b"");
}

#[test]
fn refused_connections_end_at_once_until_accepted_again() {
    let server = Server::start(any_server(), Options::new());
    let proxy = Proxy::new(server.address());
    proxy.refuse();
    let refused =
        redis_mirror_test_support::Client::connect(proxy.address()).and_then(|mut c| c.call("PING"));
    assert!(refused.is_err());
    proxy.accept();
    let mut client = redis_mirror_test_support::Client::connect(proxy.address()).unwrap();
    assert_eq!(client.text("PING"), "PONG");
    assert_eq!(proxy.connections(), 1);
}

#[test]
fn a_peer_that_does_not_read_holds_up_nobody_else() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let proxy = Proxy::new(listener.local_addr().unwrap());
    let mut connection = TcpStream::connect(proxy.address()).unwrap();
    let (_deaf, _) = listener.accept().unwrap();
    let mut writer = connection.try_clone().unwrap();
    thread::spawn(move || writer.write_all(&vec![0; 64 << 20]));
    wait_until("the buffers to fill", || proxy.bytes(Direction::ToServer) > 100_000);
    proxy.cut();
    assert!(matches!(connection.read(&mut [0; 1]), Ok(0) | Err(_)));
}
