//! The second connection of a dual-channel synchronization, beside the one that is pumped.

use std::io::{Read, Write};
use std::time::Instant;

use rustix::event::PollFlags;

use crate::connection::Connection;

use super::dial::{Dial, Dialing};
use super::driver::{LinkError, READ_BYTES};
use super::stream::{Stream, is_timeout};
use super::wake::Bell;

/// Opened when the connection wants it, closed when it no longer does.
pub(super) struct Second {
    dial: Dial,
    state: State,
    chunk: Vec<u8>,
}

enum State {
    Absent,
    Dialing(Dialing),
    Open(Stream),
}

/// Whether anything arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    Some,
    None,
}

impl Second {
    /// Over `dial`, which leads to where the first connection went.
    pub(super) fn new(dial: Dial) -> Self {
        Second { dial, state: State::Absent, chunk: Vec::new() }
    }

    /// Does what can be done without waiting.
    pub(super) fn attend(&mut self, connection: &mut Connection, bell: &Bell) -> Result<Progress, LinkError> {
        if !connection.wants_channel() {
            (self.state, self.chunk) = (State::Absent, Vec::new());
            return Ok(Progress::None);
        }
        match &mut self.state {
            State::Absent => {
                self.state = State::Dialing(self.dial.clone().begin(bell)?);
                Ok(Progress::None)
            }
            State::Dialing(dialing) => {
                let Some(outcome) = dialing.outcome()? else { return Ok(Progress::None) };
                let mut stream = outcome?.stream;
                stream.use_readiness()?;
                self.state = State::Open(stream);
                self.chunk = vec![0; READ_BYTES];
                connection.channel_opened(Instant::now());
                Ok(Progress::Some)
            }
            State::Open(stream) => exchange(stream, &mut self.chunk, connection),
        }
    }

    /// What to wait for beside the first connection.
    pub(super) fn interest(&self, connection: &mut Connection) -> Option<(&Stream, PollFlags)> {
        let State::Open(stream) = &self.state else { return None };
        let mut interest = PollFlags::IN;
        interest.set(PollFlags::OUT, stream.wants_write() || connection.poll_channel_transmit().is_some());
        Some((stream, interest))
    }
}

fn exchange(
    stream: &mut Stream,
    chunk: &mut [u8],
    connection: &mut Connection,
) -> Result<Progress, LinkError> {
    send(stream, connection)?;
    match stream.read(chunk) {
        Ok(0) => Err(LinkError::Closed),
        Ok(len) => {
            connection.receive_channel(&chunk[..len], Instant::now());
            Ok(Progress::Some)
        }
        Err(error) if is_timeout(&error) => Ok(Progress::None),
        Err(error) => Err(error.into()),
    }
}

fn send(stream: &mut Stream, connection: &mut Connection) -> Result<(), LinkError> {
    while let Some(bytes) = connection.poll_channel_transmit() {
        match stream.write(bytes) {
            Ok(0) => return Err(LinkError::Closed),
            Ok(sent) => connection.channel_transmitted(sent),
            Err(error) if is_timeout(&error) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
    match stream.flush() {
        Err(error) if !is_timeout(&error) => Err(error.into()),
        _ => Ok(()),
    }
}
