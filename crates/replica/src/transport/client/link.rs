//! One connection of a client: bytes out, frames in.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use crate::resp::{Decoder, Limits, encode_command, encoded_command_len};

use super::super::stream::{Stream, is_timeout};
use super::ClientError;

const READ_BYTES: usize = 16 << 10;

#[derive(Debug)]
pub(in crate::transport) struct Link {
    pub(in crate::transport) stream: Stream,
    pub(in crate::transport) decoder: Decoder,
}

/// What one read brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::transport) enum Arrived {
    Bytes,
    Nothing,
}

impl Link {
    pub(in crate::transport) fn new(stream: Stream, limits: Limits) -> Self {
        Link { stream, decoder: Decoder::new(limits) }
    }

    pub(in crate::transport) fn send(
        &mut self,
        commands: &[&[&[u8]]],
        deadline: Instant,
    ) -> Result<(), ClientError> {
        let mut request = Zeroizing::new(Vec::new());
        // Reserved at once: a buffer that grows leaves copies of a password behind.
        request.reserve(commands.iter().map(|args| encoded_command_len(args)).sum());
        commands.iter().for_each(|args| encode_command(args, &mut request));
        self.write(&request, deadline)
    }

    fn write(&mut self, mut request: &[u8], deadline: Instant) -> Result<(), ClientError> {
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

    /// Reads once, waiting until `deadline` at most.
    pub(in crate::transport) fn read(&mut self, deadline: Instant) -> Result<(), ClientError> {
        self.read_within(time_left(deadline)?).map(|_| ())
    }

    /// Reads once, waiting for `patience` at most (a millisecond at least).
    pub(in crate::transport) fn read_within(&mut self, patience: Duration) -> Result<Arrived, ClientError> {
        let mut chunk = [0; READ_BYTES];
        self.stream.set_read_timeout(patience)?;
        match self.stream.read(&mut chunk) {
            Ok(0) => Err(ClientError::Closed),
            Ok(len) => {
                self.decoder.receive(&chunk[..len]);
                Ok(Arrived::Bytes)
            }
            Err(error) if is_timeout(&error) => Ok(Arrived::Nothing),
            Err(error) => Err(error.into()),
        }
    }
}

fn time_left(deadline: Instant) -> Result<Duration, ClientError> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(ClientError::Timeout) } else { Ok(left) }
}
