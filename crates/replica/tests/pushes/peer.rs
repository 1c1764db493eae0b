//! A peer that answers commands as a closure says, for what no server at hand does.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use redis_replica::resp::{CommandParser, Limits, Parsed};
use redis_replica::transport::{Client, ClientConfig, connect};

/// What peers heard, in the order it happened: those that share a journal are ordered among each other.
pub type Journal = Arc<Mutex<Vec<String>>>;

pub struct Peer {
    address: SocketAddr,
    journal: Journal,
}

impl Peer {
    /// Takes connections one after the other. `answer` gets each command's words and appends what is sent.
    pub fn start(answer: impl Fn(&str, &mut Vec<u8>) + Send + 'static) -> Self {
        Self::named("peer", Journal::default(), answer)
    }

    /// The same, with a name in a journal that others write too.
    pub fn named(
        name: &'static str,
        journal: Journal,
        answer: impl Fn(&str, &mut Vec<u8>) + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let heard = journal.clone();
        // The thread ends with the test's process.
        thread::spawn(move || {
            for stream in listener.incoming() {
                serve(&mut stream.unwrap(), name, &heard, &answer);
                heard.lock().unwrap().push(format!("{name}: closed"));
            }
        });
        Peer { address, journal }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn journal(&self) -> Vec<String> {
        self.journal.lock().unwrap().clone()
    }

    pub fn client(&self, config: &ClientConfig) -> Client {
        Client::new(connect(&[self.address], Duration::from_secs(30)).unwrap(), config).unwrap()
    }
}

/// Until the other side closes.
fn serve(stream: &mut TcpStream, name: &str, journal: &Journal, answer: &impl Fn(&str, &mut Vec<u8>)) {
    let (mut heard, mut chunk) = (Vec::new(), [0; 4096]);
    let mut parser = CommandParser::new(Limits::default());
    loop {
        while let Ok(Parsed::Command(len)) = parser.parse(&heard) {
            let words: Vec<_> = parser.view(&heard).args().map(String::from_utf8_lossy).collect();
            let words = words.join(" ");
            heard.drain(..len);
            journal.lock().unwrap().push(format!("{name}: {words}"));
            let mut out = Vec::new();
            answer(&words, &mut out);
            if stream.write_all(&out).is_err() {
                return;
            }
        }
        match stream.read(&mut chunk) {
            Ok(0) | Err(_) => return,
            Ok(len) => heard.extend_from_slice(&chunk[..len]),
        }
    }
}
