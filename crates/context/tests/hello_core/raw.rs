//! Replies byte by byte, for what the protocol's reader hides.

use std::io::{Read, Write};
use std::net::TcpStream;

use redis_mirror_test_support::Server;

/// A connection that shows the bytes of each reply.
pub struct RawClient(TcpStream);

impl RawClient {
    pub fn new(server: &Server, protocol: u8) -> Self {
        let stream = TcpStream::connect(server.address()).expect("the server listens");
        let patience = Some(std::time::Duration::from_secs(30));
        stream.set_read_timeout(patience).expect("a time is set");
        let mut client = Self(stream);
        client.ask(&format!("HELLO {protocol}"));
        client
    }

    /// The bytes between a command and the next reply.
    pub fn ask(&mut self, line: &str) -> String {
        const END: &[u8] = b"$9\r\n--mark--!\r\n";
        self.0.write_all(format!("{line}\r\nECHO --mark--!\r\n").as_bytes()).expect("the server reads");
        let mut reply = Vec::new();
        while !reply.ends_with(END) {
            let mut chunk = [0; 4096];
            let len = self.0.read(&mut chunk).expect("the server answers");
            assert!(
                len != 0,
                "the server has closed the connection after {:?}",
                reply.escape_ascii().to_string()
            );
            reply.extend_from_slice(&chunk[..len]);
        }
        reply.truncate(reply.len() - END.len());
        String::from_utf8_lossy(&reply).into_owned()
    }
}
