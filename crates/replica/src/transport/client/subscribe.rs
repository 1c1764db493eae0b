//! Subscriptions, and waiting for what they bring.

use std::time::{Duration, Instant};

use crate::push::{Event, SubscriptionKind};
use crate::resp::{Frame, Value};

use super::link::{Arrived, Link};
use super::pushes::{Mode, Pushes};
use super::{Client, ClientError};

impl Client {
    /// Subscribes, and returns when all are confirmed. What is published goes to [`take_event`](Self::take_event), the
    /// confirmations too.
    ///
    /// # Errors
    /// The client speaks RESP2, the server refused all (the client stays usable), or as for
    /// [`command`](Self::command).
    pub fn subscribe(&mut self, kind: SubscriptionKind, names: &[&[u8]]) -> Result<(), ClientError> {
        self.need_resp3()?;
        if names.is_empty() {
            return Ok(());
        }
        self.within_call(|client, deadline| {
            subscribe(&mut client.link, &mut client.pushes, kind, names, deadline)
        })?
    }

    /// Ends subscriptions, all of this kind if no name is given, and returns when the server confirmed. Names that there
    /// is no subscription of are left out.
    ///
    /// # Errors
    /// As for [`subscribe`](Self::subscribe).
    pub fn unsubscribe(&mut self, kind: SubscriptionKind, names: &[&[u8]]) -> Result<(), ClientError> {
        self.need_resp3()?;
        let all = self.pushes.subscriptions.names(kind);
        let ending: Vec<&[u8]> =
            all.iter().map(Vec::as_slice).filter(|name| names.is_empty() || names.contains(name)).collect();
        if ending.is_empty() {
            return Ok(());
        }
        self.within_call(|client, deadline| {
            unsubscribe(&mut client.link, &mut client.pushes, kind, &ending, deadline)
        })?
    }

    /// The oldest event of the subscriptions that nobody took yet. Does not read: pushes are read by every call.
    pub fn take_event(&mut self) -> Option<Event> {
        self.pushes.subscriptions.take()
    }

    /// Waits for pushes until there is an event of the subscriptions, and takes it; None if there was none in time. Handlers
    /// run meanwhile.
    ///
    /// # Errors
    /// The connection failed; its last event is [`Event::Disconnected`].
    pub fn next_event(&mut self, timeout: Duration) -> Result<Option<Event>, ClientError> {
        let end = Instant::now() + timeout;
        loop {
            if let Some(event) = self.take_event() {
                return Ok(Some(event));
            }
            self.wait_for_pushes(end)?;
            if Instant::now() >= end {
                return Ok(self.take_event());
            }
        }
    }

    /// Hands out all pushes that have arrived, to handlers and to the inbox, without waiting for more (a millisecond at
    /// most). For a client that sends nothing for long.
    ///
    /// # Errors
    /// The connection failed.
    pub fn process_pending(&mut self) -> Result<(), ClientError> {
        self.move_if_due();
        self.within_call(|client, deadline| {
            client.drain(Mode::Passing)?;
            while Instant::now() < deadline && client.link.read_within(Duration::ZERO)? == Arrived::Bytes {
                client.drain(Mode::Passing)?;
            }
            Ok(())
        })
    }

    /// Reads once, until `end` at most, and hands out.
    fn wait_for_pushes(&mut self, end: Instant) -> Result<(), ClientError> {
        self.move_if_due();
        let now = Instant::now();
        // A move that becomes due meanwhile must not wait for the next push.
        let until = self.move_due_at().map_or(end, |due| due.min(end));
        self.within_call(|client, _| {
            client.link.read_within(until.saturating_duration_since(now))?;
            client.drain(Mode::Blocking)
        })
    }

    /// Nothing was asked, so there is no reply.
    fn drain(&mut self, mode: Mode) -> Result<(), ClientError> {
        self.pushes.drain(&mut self.link.decoder, mode)?;
        match self.link.decoder.peek_frame()? {
            Some(Frame::Reply(_)) => Err(ClientError::UnexpectedReply),
            _ => Ok(()),
        }
    }
}

/// With RESP3 the confirmations are pushes, one for each name, and there is no reply but a refusal (pubsub.c).
pub(super) fn subscribe(
    link: &mut Link,
    pushes: &mut Pushes,
    kind: SubscriptionKind,
    names: &[&[u8]],
    deadline: Instant,
) -> Result<Result<(), ClientError>, ClientError> {
    pushes.subscriptions.ask(kind, names);
    let command = kind.subscribe_command();
    send_names(link, command, names, deadline)?;
    let is_settled = |pushes: &Pushes| pushes.subscriptions.is_settled(kind, names);
    let confirmed = confirm(link, pushes, command, is_settled, deadline)?;
    if confirmed.is_err() {
        pushes.subscriptions.refuse(kind, names);
    }
    Ok(confirmed)
}

fn unsubscribe(
    link: &mut Link,
    pushes: &mut Pushes,
    kind: SubscriptionKind,
    names: &[&[u8]],
    deadline: Instant,
) -> Result<Result<(), ClientError>, ClientError> {
    let command = kind.unsubscribe_command();
    send_names(link, command, names, deadline)?;
    let is_over = |pushes: &Pushes| names.iter().all(|name| !pushes.subscriptions.contains(kind, name));
    confirm(link, pushes, command, is_over, deadline)
}

fn send_names(link: &mut Link, command: &str, names: &[&[u8]], deadline: Instant) -> Result<(), ClientError> {
    let args: Vec<&[u8]> = std::iter::once(command.as_bytes()).chain(names.iter().copied()).collect();
    link.send(&[&args], deadline)
}

/// The inner error leaves the connection usable.
fn confirm(
    link: &mut Link,
    pushes: &mut Pushes,
    request: &'static str,
    is_done: impl Fn(&Pushes) -> bool,
    deadline: Instant,
) -> Result<Result<(), ClientError>, ClientError> {
    while !is_done(pushes) {
        match pushes.next_reply(&mut link.decoder)? {
            Some(reply @ Value::Error(_)) => return Ok(Err(ClientError::Refused { request, reply })),
            Some(_) => return Err(ClientError::UnexpectedReply),
            None if is_done(pushes) => {}
            None => link.read(deadline)?,
        }
    }
    Ok(Ok(()))
}
