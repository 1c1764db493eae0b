//! A link on which one byte changes.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Connects whoever comes to a server, and changes one byte of what that sends on the first connection. Its threads
/// end with their connections, the one that listens with the test.
pub(super) struct Flipper {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl Flipper {
    pub(super) fn new(server: SocketAddr, at: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = TcpStream::connect(server) else { return };
                let flipped = (count.fetch_add(1, Ordering::SeqCst) == 0).then_some(at);
                pump(client.try_clone().unwrap(), server.try_clone().unwrap(), None);
                pump(server, client, flipped);
            }
        });
        Flipper { address, connections }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

fn pump(mut from: TcpStream, mut to: TcpStream, flipped: Option<usize>) {
    thread::spawn(move || {
        let (mut chunk, mut passed) = ([0; 4096], 0);
        while let Ok(count @ 1..) = from.read(&mut chunk) {
            if let Some(at) = flipped.filter(|at| (passed..passed + count).contains(at)) {
                chunk[at - passed] ^= 1;
            }
            passed += count;
            if to.write_all(&chunk[..count]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(std::net::Shutdown::Both);
    });
}
