//! A source that sends bytes made before, as fast as they are taken.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread::{self, JoinHandle};

pub const REPLID: &str = "0123456789abcdef0123456789abcdef01234567";

/// What is sent behind the handshake.
pub struct Play {
    reply: Vec<u8>,
    payload: Vec<u8>,
    is_snapshot: bool,
}

impl Play {
    /// A stream that is continued: redis-event loses what arrives with the end of a snapshot.
    pub fn stream(payload: Vec<u8>) -> Self {
        Play { reply: b"+CONTINUE\r\n".to_vec(), payload, is_snapshot: false }
    }

    pub fn snapshot(payload: Vec<u8>) -> Self {
        let header = format!("+FULLRESYNC {REPLID} 0\r\n${}\r\n", payload.len());
        Play { reply: header.into_bytes(), payload, is_snapshot: true }
    }

    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    pub fn reply(&self) -> &[u8] {
        &self.reply
    }

    pub fn is_snapshot(&self) -> bool {
        self.is_snapshot
    }

    /// Plays it to one peer while `read` runs.
    pub fn play_to<T>(&self, read: impl FnOnce(SocketAddr) -> T) -> T {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("its address");
        let (reply, payload) = (self.reply.clone(), self.payload.clone());
        let source: JoinHandle<()> = thread::spawn(move || {
            let (socket, _) = listener.accept().expect("a peer");
            // A peer that panics closes early.
            let _ = play(socket, &reply, &payload);
        });
        let told = read(address);
        source.join().expect("the source");
        told
    }
}

fn play(mut socket: TcpStream, reply: &[u8], payload: &[u8]) -> std::io::Result<()> {
    let mut lines = BufReader::new(socket.try_clone()?);
    let mut line = String::new();
    while lines.read_line(&mut line)? > 0 {
        if line.starts_with('*') {
            let words = line[1..].trim_end().parse().unwrap_or(0);
            let name = command(&mut lines, words)?;
            if name.eq_ignore_ascii_case("PSYNC") {
                break;
            }
            socket.write_all(b"+OK\r\n")?;
        }
        line.clear();
    }
    socket.write_all(reply)?;
    socket.write_all(payload)?;
    // Acknowledgements that nobody reads would reset the connection, and what is under way with it.
    socket.shutdown(std::net::Shutdown::Write)?;
    lines.read_to_end(&mut Vec::new()).map(|_| ())
}

/// Reads a command's arguments; answers its name.
fn command(lines: &mut impl BufRead, words: usize) -> std::io::Result<String> {
    let mut name = String::new();
    for number in 0..words {
        let mut text = String::new();
        lines.read_line(&mut String::new())?;
        lines.read_line(&mut text)?;
        if number == 0 {
            name = text.trim_end().to_owned();
        }
    }
    Ok(name)
}
