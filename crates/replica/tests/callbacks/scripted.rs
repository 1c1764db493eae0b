//! A source that is no server: it answers by a script, for faults that no server makes.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use redis_replica::resp::{CommandParser, Limits, Parsed};

pub const REPLID: &str = "0123456789abcdef0123456789abcdef01234567";

/// An empty snapshot without checksum.
pub const EMPTY: &[u8] = b"REDIS0011\xff\0\0\0\0\0\0\0\0";

/// What each connection is answered, by its number and the request.
pub type Script = Arc<dyn Fn(usize, &str) -> Answer + Send + Sync>;

pub enum Answer {
    Bytes(Vec<u8>),
    Close,
}

pub fn full_sync(stream: &[u8]) -> Vec<u8> {
    let head = format!("+FULLRESYNC {REPLID} 100\r\n${}\r\n", EMPTY.len());
    [head.as_bytes(), EMPTY, stream].concat()
}

/// Takes a connection and answers it as far as PSYNC, which is left unanswered.
pub fn accept_psync(listener: &TcpListener) -> TcpStream {
    let (mut socket, _) = listener.accept().unwrap();
    let mut chunk = [0; 4096];
    loop {
        let len = socket.read(&mut chunk).unwrap();
        if chunk[..len].windows(5).any(|word| word == b"PSYNC") {
            return socket;
        }
        socket.write_all(b"+OK\r\n").unwrap();
    }
}

/// One command as bytes.
pub fn command(words: &str) -> Vec<u8> {
    let args: Vec<&[u8]> = words.split(' ').map(str::as_bytes).collect();
    let mut out = Vec::new();
    redis_replica::resp::encode_command(&args, &mut out);
    out
}

/// Serves for as long as the test runs; the second part is what was asked.
pub fn serve(script: Script) -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&asked);
    thread::spawn(move || {
        for (number, socket) in listener.incoming().enumerate() {
            let (script, log) = (Arc::clone(&script), Arc::clone(&log));
            let socket = socket.unwrap();
            thread::spawn(move || answer(socket, number, &script, &log));
        }
    });
    (address, asked)
}

fn answer(mut socket: TcpStream, number: usize, script: &Script, log: &Mutex<Vec<String>>) {
    let mut waiting = Vec::new();
    let mut chunk = [0; 4096];
    let mut parser = CommandParser::new(Limits::default());
    while let Ok(len @ 1..) = socket.read(&mut chunk) {
        waiting.extend_from_slice(&chunk[..len]);
        while !waiting.is_empty() {
            let taken = match parser.parse(&waiting).unwrap() {
                Parsed::Need(_) => break,
                Parsed::Command(len) => {
                    let words: Vec<_> =
                        parser.view(&waiting).args().map(|arg| String::from_utf8_lossy(arg)).collect();
                    let request = words.join(" ");
                    log.lock().unwrap().push(request.clone());
                    match script(number, &request) {
                        Answer::Bytes(bytes) if socket.write_all(&bytes).is_ok() => {}
                        _ => return,
                    }
                    len
                }
                Parsed::Nothing(len) | Parsed::Inline(len) => len,
            };
            waiting.drain(..taken);
        }
    }
}

/// Answers the handshake, `data` to PSYNC, nothing to acknowledgements.
pub fn usual(request: &str, data: &[u8]) -> Answer {
    if request.starts_with("PSYNC") {
        Answer::Bytes(data.to_vec())
    } else if request.starts_with("REPLCONF ACK") {
        Answer::Bytes(Vec::new())
    } else {
        Answer::Bytes(b"+OK\r\n".to_vec())
    }
}
