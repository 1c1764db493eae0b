//! A small blocking client: one command at a time, or one transaction.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use crate::connection::{Credentials, Error, auth_refusal};
use crate::resp::{Decoder, Frame, Limits, ProtocolError, Value, encode_command};

use super::stream::{Stream, is_timeout};

/// Pushes kept for the user at most.
const PUSHES_KEPT: usize = 1024;
const READ_BYTES: usize = 16 << 10;

/// The settings of a client.
#[derive(Debug, Clone)]
pub struct ClientConfig {
    /// For AUTH; None sends none.
    pub credentials: Option<Credentials>,
    /// For one call, from sending to the last reply.
    pub timeout: Duration,
    /// What one reply may make us hold.
    pub limits: Limits,
}

impl Default for ClientConfig {
    fn default() -> Self {
        ClientConfig { credentials: None, timeout: Duration::from_secs(10), limits: Limits::default() }
    }
}

/// Why a call failed. Except for [`NotQueued`](ClientError::NotQueued) and [`Aborted`](ClientError::Aborted), replies
/// and commands no longer match afterwards: the client is of no use and says [`Broken`](ClientError::Broken).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// Reading or writing failed.
    #[error("the connection failed: {0}")]
    Io(#[from] io::Error),
    /// The time given was not enough.
    #[error("the server did not answer in time")]
    Timeout,
    /// The server closed the connection.
    #[error("the server closed the connection")]
    Closed,
    /// What arrived is no RESP, or too large.
    #[error("the reply can't be read: {0}")]
    Protocol(#[from] ProtocolError),
    /// AUTH was refused.
    #[error(transparent)]
    Auth(Error),
    /// The server did not queue a command of a transaction; none of it was run.
    #[error("command {index} of the transaction was refused: nothing was run")]
    NotQueued {
        /// Which command, from 0.
        index: usize,
        /// The error reply: the peer's words.
        reply: Value,
    },
    /// A transaction was not run, because a watched key changed or the server refused EXEC.
    #[error("the transaction was not run")]
    Aborted,
    /// A reply of a type that does not fit the request.
    #[error("the reply does not fit the request: the peer may be no Redis or Valkey server")]
    UnexpectedReply,
    /// An earlier call failed.
    #[error("an earlier call failed: connect again")]
    Broken,
}

/// A blocking client over one connection.
#[derive(Debug)]
pub struct Client {
    stream: Stream,
    decoder: Decoder,
    timeout: Duration,
    pushes: VecDeque<Vec<Value>>,
    pushes_dropped: u64,
    health: Health,
}

#[derive(Debug, PartialEq, Eq)]
enum Health {
    Usable,
    Broken,
}

impl Client {
    /// A client over `stream`, authenticated if the configuration says so.
    ///
    /// # Errors
    /// AUTH was refused, or the connection failed.
    pub fn new(stream: Stream, config: &ClientConfig) -> Result<Self, ClientError> {
        let mut client = Client {
            stream,
            decoder: Decoder::new(config.limits),
            timeout: config.timeout,
            pushes: VecDeque::new(),
            pushes_dropped: 0,
            health: Health::Usable,
        };
        if let Some(credentials) = &config.credentials {
            client.authenticate(credentials)?;
        }
        Ok(client)
    }

    /// How long each further call may take, from sending to the last reply.
    pub fn set_timeout(&mut self, timeout: Duration) {
        self.timeout = timeout;
    }

    /// Sends one command and returns its reply. An error reply is a [`Value::Error`].
    ///
    /// # Errors
    /// There is no reply; the client is of no use afterwards.
    pub fn command(&mut self, args: &[&[u8]]) -> Result<Value, ClientError> {
        let mut replies = self.pipeline(&[args])?;
        replies.pop().ok_or(ClientError::UnexpectedReply)
    }

    /// Sends several commands at once and returns their replies in order.
    ///
    /// # Errors
    /// As for [`command`](Self::command).
    pub fn pipeline(&mut self, commands: &[&[&[u8]]]) -> Result<Vec<Value>, ClientError> {
        if self.health == Health::Broken {
            return Err(ClientError::Broken);
        }
        self.health = Health::Broken;
        let replies = self.exchange(commands)?;
        self.health = Health::Usable;
        Ok(replies)
    }

    /// Runs `commands` between MULTI and EXEC and returns the replies of each: all see one state of the data.
    ///
    /// # Errors
    /// As for [`command`](Self::command), or nothing was run.
    pub fn transaction(&mut self, commands: &[&[&[u8]]]) -> Result<Vec<Value>, ClientError> {
        let (multi, exec): (&[&[u8]], &[&[u8]]) = (&[b"MULTI"], &[b"EXEC"]);
        let all: Vec<&[&[u8]]> =
            std::iter::once(multi).chain(commands.iter().copied()).chain(std::iter::once(exec)).collect();
        let mut replies = self.pipeline(&all)?;
        let executed = replies.pop().ok_or(ClientError::UnexpectedReply)?;
        if let Some(index) = replies.iter().position(|reply| reply.as_error().is_some()) {
            return Err(not_queued(index, replies.swap_remove(index)));
        }
        match executed {
            Value::Array(results) if results.len() == commands.len() => Ok(results),
            Value::Null | Value::Error(_) => Err(ClientError::Aborted),
            _ => Err(ClientError::UnexpectedReply),
        }
    }

    /// The oldest push that arrived between replies.
    pub fn take_push(&mut self) -> Option<Vec<Value>> {
        self.pushes.pop_front()
    }

    /// How many pushes were dropped because nobody took them.
    pub fn pushes_dropped(&self) -> u64 {
        self.pushes_dropped
    }

    /// The connection.
    pub fn stream(&self) -> &Stream {
        &self.stream
    }

    fn authenticate(&mut self, credentials: &Credentials) -> Result<(), ClientError> {
        match self.command(&credentials.auth_args())? {
            Value::Simple(_) => Ok(()),
            Value::Error(text) => Err(ClientError::Auth(auth_refusal(&text, credentials))),
            _ => Err(ClientError::UnexpectedReply),
        }
    }

    fn exchange(&mut self, commands: &[&[&[u8]]]) -> Result<Vec<Value>, ClientError> {
        let deadline = Instant::now() + self.timeout;
        let mut request = Zeroizing::new(Vec::new());
        // Reserved at once: a buffer that grows leaves copies of a password behind.
        request.reserve(commands.iter().map(|args| crate::resp::encoded_command_len(args)).sum());
        commands.iter().for_each(|args| encode_command(args, &mut request));
        self.send(&request, deadline)?;
        (0..commands.len()).map(|_| self.reply(deadline)).collect()
    }

    fn send(&mut self, mut request: &[u8], deadline: Instant) -> Result<(), ClientError> {
        while !request.is_empty() {
            self.stream.set_write_timeout(time_left(deadline)?)?;
            match self.stream.write(request) {
                Ok(0) => return Err(ClientError::Closed),
                Ok(sent) => request = &request[sent..],
                Err(error) if is_timeout(&error) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn reply(&mut self, deadline: Instant) -> Result<Value, ClientError> {
        loop {
            match self.decoder.poll_frame()? {
                Some(Frame::Reply(value)) => return Ok(value),
                Some(Frame::Push(push)) => self.keep_push(push),
                None => self.read(deadline)?,
            }
        }
    }

    fn read(&mut self, deadline: Instant) -> Result<(), ClientError> {
        let mut chunk = [0; READ_BYTES];
        self.stream.set_read_timeout(time_left(deadline)?)?;
        match self.stream.read(&mut chunk) {
            Ok(0) => Err(ClientError::Closed),
            Ok(len) => {
                self.decoder.receive(&chunk[..len]);
                Ok(())
            }
            Err(error) if is_timeout(&error) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn keep_push(&mut self, push: Vec<Value>) {
        if self.pushes.len() == PUSHES_KEPT {
            self.pushes.pop_front();
            self.pushes_dropped += 1;
        }
        self.pushes.push_back(push);
    }
}

fn time_left(deadline: Instant) -> Result<Duration, ClientError> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(ClientError::Timeout) } else { Ok(left) }
}

/// Reply 0 is MULTI's own.
fn not_queued(reply_index: usize, reply: Value) -> ClientError {
    match reply_index.checked_sub(1) {
        Some(index) => ClientError::NotQueued { index, reply },
        None => ClientError::Aborted,
    }
}
