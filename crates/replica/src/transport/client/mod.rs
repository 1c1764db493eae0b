//! A small blocking client: one command at a time, or one transaction; with RESP3 also subscriptions and tracking.

mod config;
mod error;
mod handover;
mod hello;
mod link;
mod pushes;
mod session;
mod subscribe;
mod tracking;

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::connection::{Credentials, auth_refusal};
use crate::push::{Processed, Processor, Subscriptions, VoidProcessor};
use crate::resp::{Limits, Value};

use super::stream::Stream;
pub(super) use link::Link;
use pushes::{Mode, Pushes};
use session::Session;

pub use config::{ClientConfig, Protocol, PushConfig};
pub use error::ClientError;
pub use handover::{ClientHandle, Mover};
pub use pushes::ConnectionHandle;
pub use tracking::{OwnChanges, TrackedKeys, Tracking};

/// A blocking client over one connection.
///
/// With RESP3 every call reads pushes, before and behind its replies, and hands them out: to the handlers of the
/// [`Processor`], on the caller's thread, and to the [`Subscriptions`], for [`take_event`](Self::take_event).
///
/// A client that follows moves ([`PushConfig::mover`]) takes along its authentication, selected db, subscriptions and
/// tracking, and nothing else (CLIENT SETNAME and the like); while keys are watched or a transaction is open it stays.
#[derive(Debug)]
pub struct Client {
    link: Link,
    pushes: Pushes,
    timeout: Duration,
    limits: Limits,
    is_resp3: bool,
    health: Health,
    credentials: Option<Credentials>,
    mover: Option<Arc<dyn Mover>>,
    move_failure: Option<ClientError>,
    tracking: Option<Tracking>,
    session: Session,
}

#[derive(Debug, PartialEq, Eq)]
enum Health {
    Usable,
    Broken,
    /// And everybody knows.
    Ended,
}

impl Client {
    /// A client over `stream`, authenticated if the configuration says so.
    ///
    /// # Errors
    /// AUTH or HELLO was refused, or the connection failed.
    pub fn new(stream: Stream, config: &ClientConfig) -> Result<Self, ClientError> {
        let (push_config, is_resp3) = match &config.protocol {
            Protocol::Resp2 => {
                (PushConfig { processor: Arc::new(VoidProcessor), ..PushConfig::default() }, false)
            }
            Protocol::Resp3(pushes) => (pushes.clone(), true),
        };
        let PushConfig { processor, inbox, mover } = push_config;
        if mover.is_some() {
            handover::follow_moves(&*processor)?;
        }
        let mut client = Client {
            link: Link::new(stream, config.limits),
            pushes: Pushes {
                processor,
                subscriptions: Subscriptions::new(inbox),
                client: ClientHandle::default(),
                connection: ConnectionHandle { number: 1, peer: None, client_id: None },
                processed: Processed::default(),
            },
            timeout: config.timeout,
            limits: config.limits,
            is_resp3,
            health: Health::Usable,
            // A password is kept only where it is needed again.
            credentials: config.credentials.clone().filter(|_| mover.is_some()),
            mover,
            move_failure: None,
            tracking: None,
            session: Session::default(),
        };
        client.begin(config)?;
        Ok(client)
    }

    /// How long each further call may take, from sending to the last reply.
    pub fn set_timeout(&mut self, timeout: Duration) {
        self.timeout = timeout;
    }

    /// Sends one command and returns its reply. An error reply is a [`Value::Error`].
    ///
    /// # Errors
    /// There is no reply, and the client is of no use afterwards; or the command is one of those that can't be sent like
    /// this ([`ClientError::NotACall`]).
    pub fn command(&mut self, args: &[&[u8]]) -> Result<Value, ClientError> {
        let mut replies = self.pipeline(&[args])?;
        replies.pop().ok_or(ClientError::UnexpectedReply)
    }

    /// Sends several commands at once and returns their replies in order.
    ///
    /// # Errors
    /// As for [`command`](Self::command).
    pub fn pipeline(&mut self, commands: &[&[&[u8]]]) -> Result<Vec<Value>, ClientError> {
        if let Some((command, instead)) = commands.iter().find_map(|args| session::no_call(args)) {
            return Err(ClientError::NotACall { command, instead });
        }
        self.move_if_due();
        let replies = self.within_call(|client, deadline| client.exchange(commands, deadline))?;
        commands.iter().zip(&replies).for_each(|(args, reply)| self.session.note(args, reply));
        self.move_if_due();
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

    /// Where handlers of pushes are registered.
    pub fn processor(&self) -> &Arc<dyn Processor> {
        &self.pushes.processor
    }

    /// What this client is subscribed to, and the events that wait; clones may be used elsewhere.
    pub fn subscriptions(&self) -> &Subscriptions {
        &self.pushes.subscriptions
    }

    /// What became of the pushes that went to the processor, since the client was made.
    pub fn processed(&self) -> Processed {
        self.pushes.processed
    }

    /// Which connection this is, and who the server takes us for.
    pub fn connection(&self) -> ConnectionHandle {
        self.pushes.connection
    }

    /// The connection.
    pub fn stream(&self) -> &Stream {
        &self.link.stream
    }

    fn begin(&mut self, config: &ClientConfig) -> Result<(), ClientError> {
        self.note_connection(None);
        let credentials = config.credentials.as_ref();
        if self.is_resp3 {
            let client_id = self.within_call(|client, deadline| client.greet(credentials, deadline))?;
            self.note_connection(client_id);
        } else if let Some(credentials) = credentials {
            self.authenticate(credentials)?;
        }
        Ok(())
    }

    fn greet(
        &mut self,
        credentials: Option<&Credentials>,
        deadline: Instant,
    ) -> Result<Option<i64>, ClientError> {
        let client_id = hello::greet(&mut self.link, &mut self.pushes, credentials, deadline)?;
        if self.mover.is_some() {
            handover::ask_for_announcements(&mut self.link, &mut self.pushes, deadline)?;
        }
        Ok(client_id)
    }

    fn authenticate(&mut self, credentials: &Credentials) -> Result<(), ClientError> {
        match self.command(&credentials.auth_args())? {
            Value::Simple(_) => Ok(()),
            Value::Error(text) => Err(ClientError::Auth(auth_refusal(&text, credentials))),
            _ => Err(ClientError::UnexpectedReply),
        }
    }

    fn exchange(&mut self, commands: &[&[&[u8]]], deadline: Instant) -> Result<Vec<Value>, ClientError> {
        self.pushes.drain(&mut self.link.decoder, Mode::Passing)?;
        self.link.send(commands, deadline)?;
        let replies = (0..commands.len()).map(|_| reply(&mut self.link, &mut self.pushes, deadline));
        let replies = replies.collect::<Result<Vec<_>, _>>()?;
        self.pushes.drain(&mut self.link.decoder, Mode::Passing)?;
        Ok(replies)
    }

    /// Runs a call. One that fails, or doesn't return, leaves replies and commands that no longer match.
    fn within_call<T>(
        &mut self,
        call: impl FnOnce(&mut Self, Instant) -> Result<T, ClientError>,
    ) -> Result<T, ClientError> {
        if self.is_broken() {
            return Err(ClientError::Broken);
        }
        self.health = Health::Broken;
        let deadline = Instant::now() + self.timeout;
        let result = call(self, deadline);
        match &result {
            Ok(_) => self.health = Health::Usable,
            Err(_) => self.end(),
        }
        result
    }

    /// Says once that the connection has ended.
    fn end(&mut self) {
        if std::mem::replace(&mut self.health, Health::Ended) != Health::Ended {
            self.pushes.subscriptions.disconnected();
            self.pushes.tell_handlers_disconnected();
        }
    }

    fn is_broken(&self) -> bool {
        self.health != Health::Usable
    }

    fn need_resp3(&self) -> Result<(), ClientError> {
        if self.is_resp3 { Ok(()) } else { Err(ClientError::NeedsResp3) }
    }

    fn note_connection(&mut self, client_id: Option<i64>) {
        self.pushes.connection.client_id = client_id;
        self.pushes.connection.peer = self.link.stream.peer_addr().ok();
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.end();
    }
}

/// The next reply over `link`.
fn reply(link: &mut Link, pushes: &mut Pushes, deadline: Instant) -> Result<Value, ClientError> {
    loop {
        match pushes.next_reply(&mut link.decoder)? {
            Some(value) => return Ok(value),
            None => link.read(deadline)?,
        }
    }
}

/// One command and its reply over `link`.
fn ask(
    link: &mut Link,
    pushes: &mut Pushes,
    args: &[&[u8]],
    deadline: Instant,
) -> Result<Value, ClientError> {
    link.send(&[args], deadline)?;
    reply(link, pushes, deadline)
}

/// Reply 0 is MULTI's own.
fn not_queued(reply_index: usize, reply: Value) -> ClientError {
    match reply_index.checked_sub(1) {
        Some(index) => ClientError::NotQueued { index, reply },
        None => ClientError::Aborted,
    }
}
