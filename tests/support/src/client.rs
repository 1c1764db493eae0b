use std::io::{BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream};
use std::time::Duration;

use rustix::net::{AddressFamily, SocketType, bind, connect, socket};

use crate::resp::{accepted, classify, read_value};
use crate::wait::stretched;
use crate::{Command, Error, Result, Value};

/// A server that is silent for this long fails the test.
const SILENCE_MAX: Duration = Duration::from_secs(60);
/// Commands sent before their replies are read: below what any socket buffers, so neither side blocks.
const PIPELINE_BYTES: usize = 64 << 10;
const PIPELINE_COMMANDS: usize = 1000;

/// A plain, blocking connection to one server.
///
/// Methods named after the kind of reply (`run`, `int`, `text`, ..) are for tests: they panic with the command and the
/// server's words when something else comes. [`Client::call`] returns the failure.
#[derive(Debug)]
pub struct Client {
    peer: String,
    input: BufReader<TcpStream>,
    output: TcpStream,
}

impl Client {
    /// Connects.
    ///
    /// # Errors
    /// [`Error::Connection`] when nothing answers at the address.
    pub fn connect(address: SocketAddr) -> Result<Self> {
        let peer = address.to_string();
        Self::open(address).map_err(|source| Error::Connection { peer, source })
    }

    /// Connects from an address of this machine, which the server sees as the client's: all of 127.0.0.0/8 will do.
    ///
    /// # Errors
    /// Those of [`Client::connect`].
    pub fn connect_from(from: Ipv4Addr, address: SocketAddr) -> Result<Self> {
        let peer = address.to_string();
        let socket = bound(from, address).map_err(std::io::Error::from);
        socket
            .and_then(|socket| Self::over(socket, address))
            .map_err(|source| Error::Connection { peer, source })
    }

    fn open(address: SocketAddr) -> std::io::Result<Self> {
        Self::over(TcpStream::connect_timeout(&address, Duration::from_secs(5))?, address)
    }

    fn over(output: TcpStream, address: SocketAddr) -> std::io::Result<Self> {
        output.set_nodelay(true)?;
        output.set_read_timeout(Some(stretched(SILENCE_MAX)))?;
        output.set_write_timeout(Some(stretched(SILENCE_MAX)))?;
        let input = BufReader::with_capacity(64 << 10, output.try_clone()?);
        Ok(Client { peer: address.to_string(), input, output })
    }

    /// Sends a command and returns its reply.
    ///
    /// # Errors
    /// [`Error::Refused`] with the server's words, [`Error::Connection`], [`Error::Protocol`].
    pub fn call(&mut self, command: impl Into<Command>) -> Result<Value> {
        let command = command.into();
        self.send(&command)?;
        accepted(&command, self.receive()?)
    }

    /// Sends a command without waiting for its reply.
    ///
    /// # Errors
    /// [`Error::Connection`].
    pub fn send(&mut self, command: &Command) -> Result<()> {
        let mut wire = Vec::with_capacity(command.size() + 16);
        command.encode(&mut wire);
        self.send_raw(&wire)
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// [`Error::Connection`].
    pub fn send_raw(&mut self, bytes: &[u8]) -> Result<()> {
        self.output.write_all(bytes).map_err(|error| classify(&self.peer, error))
    }

    /// The next reply, which may be a [`Value::Error`].
    ///
    /// # Errors
    /// [`Error::Connection`], [`Error::Protocol`].
    pub fn receive(&mut self) -> Result<Value> {
        read_value(&mut self.input).map_err(|error| classify(&self.peer, error))
    }

    /// Sends many commands at full speed and returns their replies, errors among them.
    ///
    /// # Errors
    /// [`Error::Connection`], [`Error::Protocol`].
    pub fn pipeline<'a>(&mut self, commands: impl IntoIterator<Item = &'a Command>) -> Result<Vec<Value>> {
        let mut replies = Vec::new();
        let mut wire = Vec::with_capacity(PIPELINE_BYTES);
        let mut waiting = 0;
        for command in commands {
            command.encode(&mut wire);
            waiting += 1;
            if wire.len() >= PIPELINE_BYTES || waiting >= PIPELINE_COMMANDS {
                self.exchange(&mut wire, &mut waiting, &mut replies)?;
            }
        }
        self.exchange(&mut wire, &mut waiting, &mut replies)?;
        Ok(replies)
    }

    fn exchange(&mut self, wire: &mut Vec<u8>, waiting: &mut usize, replies: &mut Vec<Value>) -> Result<()> {
        self.send_raw(wire)?;
        wire.clear();
        for _ in 0..std::mem::take(waiting) {
            replies.push(self.receive()?);
        }
        Ok(())
    }

    /// How long a reply may take before [`Error::Connection`]; 60 s at first.
    ///
    /// # Errors
    /// [`Error::Connection`].
    pub fn set_patience(&mut self, patience: Duration) -> Result<()> {
        self.output.set_read_timeout(Some(stretched(patience))).map_err(|error| classify(&self.peer, error))
    }

    /// Runs a command that must succeed.
    ///
    /// # Panics
    /// When it doesn't.
    #[track_caller]
    pub fn run(&mut self, command: impl Into<Command>) -> Value {
        self.call(command).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Runs a command that must be refused, and returns the server's words.
    ///
    /// # Panics
    /// When it succeeds or the connection fails.
    #[track_caller]
    pub fn refusal(&mut self, command: impl Into<Command>) -> String {
        let command = command.into();
        match self.call(&command) {
            Err(Error::Refused { message, .. }) => message,
            Err(error) => panic!("{error}"),
            Ok(value) => panic!("{command}: succeeded with {value}, should have been refused"),
        }
    }

    /// Runs a command that answers an integer.
    ///
    /// # Panics
    /// When anything else comes.
    #[track_caller]
    pub fn int(&mut self, command: impl Into<Command>) -> i64 {
        self.typed(command, "an integer", Value::as_int)
    }

    /// Runs a command that answers text.
    ///
    /// # Panics
    /// When anything else comes.
    #[track_caller]
    pub fn text(&mut self, command: impl Into<Command>) -> String {
        self.typed(command, "text", Value::as_text)
    }

    /// Runs a command that answers a string or nil.
    ///
    /// # Panics
    /// When anything else comes.
    #[track_caller]
    pub fn bytes(&mut self, command: impl Into<Command>) -> Option<Vec<u8>> {
        match self.run(command) {
            Value::Nil => None,
            Value::Bytes(bytes) => Some(bytes),
            other => panic!("expected a string or nil, got {other}"),
        }
    }

    /// Runs a command that answers an array of strings.
    ///
    /// # Panics
    /// When anything else comes.
    #[track_caller]
    pub fn texts(&mut self, command: impl Into<Command>) -> Vec<String> {
        self.typed(command, "an array of strings", |value| {
            value.as_array()?.iter().map(Value::as_text).collect()
        })
    }

    #[track_caller]
    fn typed<T>(
        &mut self,
        command: impl Into<Command>,
        expected: &'static str,
        read: impl Fn(&Value) -> Option<T>,
    ) -> T {
        let command = command.into();
        let value = self.run(&command);
        read(&value).unwrap_or_else(|| panic!("{command}: expected {expected}, got {value}"))
    }
}

fn bound(from: Ipv4Addr, address: SocketAddr) -> rustix::io::Result<TcpStream> {
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None)?;
    bind(&socket, &SocketAddrV4::new(from, 0))?;
    connect(&socket, &address)?;
    Ok(socket.into())
}
