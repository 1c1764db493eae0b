//! One side of a TLS connection without its socket: records in, plaintext out, and the other way round.
//!
//! ```text
//!   socket -> incoming -> (decrypted in place) -> the reader, or `plaintext` if its room ends within a record
//!   writer -> (encrypted) -> outgoing -> socket
//! ```
//!
//! Every buffer is bounded: `incoming` has a fixed size, `plaintext` holds at most what one filling of it decrypts to,
//! `outgoing` at most one fragment and a few messages of the handshake.

use std::ops::Range;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::client::{ClientConnectionData, UnbufferedClientConnection};
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncodeTlsData, EncryptError, InsufficientSizeError, UnbufferedStatus,
    WriteTraffic,
};
use rustls_pki_types::ServerName;

use super::failure::{TlsFailure, protocol};

/// Bytes of `incoming`. Must hold the largest record (16 KiB and a little) and the largest handshake message that
/// the TLS library accepts (64 KiB less one, in its records).
const INCOMING_BYTES: usize = 80 << 10;

/// Plaintext that is encrypted at a time: one full record (RFC 8446, section 5.1).
const FRAGMENT_BYTES: usize = 16 << 10;

/// Limit on what waits to be sent: a fragment, and answers to a peer that asks without reading.
const OUTGOING_BYTES_MAX: usize = 64 << 10;

/// Enough for a close_notify of any version.
const CLOSE_NOTIFY_BYTES: usize = 256;

/// How a server's answer begins: an alert or a handshake record (RFC 8446, section 5.1).
const FIRST_BYTES: [u8; 2] = [0x15, 0x16];

/// What a look at the received records gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// The handshake goes on when more was received.
    Handshake,
    /// The connection is established; nothing more can be decrypted before more was received.
    Traffic,
    /// The reader's room is used up.
    Full,
    /// The peer has said that nothing follows.
    Closed,
}

pub(super) struct Session {
    tls: UnbufferedClientConnection,
    name: String,
    incoming: Box<[u8]>,
    /// The received and unprocessed part of `incoming`.
    received: Range<usize>,
    plaintext: Vec<u8>,
    /// How much of `plaintext` was read.
    taken: usize,
    outgoing: Vec<u8>,
    /// How much of `outgoing` was sent.
    sent: usize,
    /// Whether the peer has sent anything.
    has_heard: bool,
    next: Next,
    failure: Option<TlsFailure>,
}

impl Session {
    /// A session that has not begun, with the server called `name`.
    pub(super) fn new(config: Arc<ClientConfig>, name: &str) -> Result<Self, TlsFailure> {
        let server =
            ServerName::try_from(name).map_err(|_| TlsFailure::InvalidName { name: name.to_owned() })?;
        let tls = UnbufferedClientConnection::new(config, server.to_owned())
            .map_err(|error| TlsFailure::from_rustls(&error, name))?;
        Ok(Session {
            tls,
            name: name.to_owned(),
            incoming: vec![0; INCOMING_BYTES].into_boxed_slice(),
            received: 0..0,
            plaintext: Vec::new(),
            taken: 0,
            outgoing: Vec::new(),
            sent: 0,
            has_heard: false,
            next: Next::Handshake,
            failure: None,
        })
    }

    /// Decrypts into `into` what can be had without more input; returns how many bytes.
    ///
    /// # Errors
    /// The connection has failed; what was decrypted before has been read.
    pub(super) fn read(&mut self, into: &mut [u8]) -> Result<usize, TlsFailure> {
        let mut count = self.take_plaintext(into);
        while self.failure.is_none() && self.next != Next::Closed {
            if count == into.len() && count > 0 {
                self.next = Next::Full;
                break;
            }
            let (decrypted, next) = self.process(&mut into[count..], b"");
            count += decrypted;
            if let Some(next) = next {
                self.next = next;
                break;
            }
        }
        match &self.failure {
            Some(failure) if count == 0 => Err(failure.clone()),
            _ => Ok(count),
        }
    }

    /// Goes on with the handshake as far as the received bytes allow.
    ///
    /// # Errors
    /// The handshake has failed.
    pub(super) fn shake_hands(&mut self) -> Result<Next, TlsFailure> {
        self.read(&mut [])?;
        Ok(self.next)
    }

    /// Encrypts a first part of `from` into what is to be sent; returns its length. What was received has to be
    /// decrypted before, and is kept for the reader.
    ///
    /// # Errors
    /// The connection has failed.
    pub(super) fn write(&mut self, from: &[u8]) -> Result<usize, TlsFailure> {
        let from = &from[..from.len().min(FRAGMENT_BYTES)];
        loop {
            if let Some(failure) = &self.failure {
                return Err(failure.clone());
            }
            match self.process(&mut [], from) {
                (_, Some(Next::Traffic)) => return Ok(from.len()),
                (_, Some(Next::Closed)) => self.next = Next::Closed,
                (_, Some(_)) => return Err(protocol("the handshake is not complete")),
                (_, None) => {}
            }
        }
    }

    /// Lets the library take one step: decrypt a record into `into`, encrypt `from` once the connection is
    /// established, or say why it can't.
    fn process(&mut self, into: &mut [u8], from: &[u8]) -> (usize, Option<Next>) {
        let UnbufferedStatus { discard, state } =
            self.tls.process_tls_records(&mut self.incoming[self.received.clone()]);
        let mut sink = Sink { into, count: 0, rest: &mut self.plaintext };
        let outcome = match state {
            Ok(state) => step(state, &mut sink, &mut self.outgoing, from),
            Err(error) => Err(TlsFailure::from_rustls(&error, &self.name)),
        };
        let count = sink.count;
        self.received.start += discard;
        match outcome {
            Ok(next) => (count, next),
            Err(failure) => {
                self.fail(failure);
                (count, None)
            }
        }
    }

    /// Keeps the reason, and has the peer told by the alert that the library has prepared.
    fn fail(&mut self, failure: TlsFailure) {
        self.failure = Some(failure);
        let status = self.tls.process_tls_records(&mut self.incoming[self.received.clone()]);
        if let Ok(ConnectionState::EncodeTlsData(mut alert)) = status.state {
            // The peer learns it from the end of the connection otherwise.
            let _ = encode(&mut alert, &mut self.outgoing);
        }
    }

    fn take_plaintext(&mut self, into: &mut [u8]) -> usize {
        let rest = &self.plaintext[self.taken..];
        let count = rest.len().min(into.len());
        into[..count].copy_from_slice(&rest[..count]);
        self.taken += count;
        if self.taken == self.plaintext.len() {
            self.plaintext.clear();
            self.taken = 0;
        }
        count
    }

    /// Where received bytes go; [`received`](Self::received) tells how many came.
    ///
    /// # Errors
    /// There is no room: the peer sends a message that has no end.
    pub(super) fn room(&mut self) -> Result<&mut [u8], TlsFailure> {
        if self.received.start > 0 {
            self.incoming.copy_within(self.received.clone(), 0);
            self.received = 0..self.received.len();
        }
        match &mut self.incoming[self.received.end..] {
            [] => Err(protocol("a message is too large")),
            room => Ok(room),
        }
    }

    /// `count` bytes, one or more, were put into the room. The first byte tells a peer that speaks something else.
    pub(super) fn received(&mut self, count: usize) {
        self.received.end += count;
        if !self.has_heard && !FIRST_BYTES.contains(&self.incoming[self.received.start]) {
            self.failure = Some(TlsFailure::NotTls);
        }
        self.has_heard = true;
    }

    /// Nothing more will be received.
    pub(super) fn received_end(&mut self) {
        self.next = Next::Closed;
    }

    /// The bytes to send now.
    pub(super) fn unsent(&self) -> &[u8] {
        &self.outgoing[self.sent..]
    }

    /// The first `count` unsent bytes are on their way.
    pub(super) fn sent(&mut self, count: usize) {
        self.sent += count;
        if self.sent >= self.outgoing.len() {
            self.outgoing.clear();
            self.sent = 0;
        }
    }

    /// Says to the peer that nothing follows, if nothing else waits to be sent.
    pub(super) fn close(&mut self) {
        if self.failure.is_some() || !self.unsent().is_empty() {
            return;
        }
        let status = self.tls.process_tls_records(&mut self.incoming[self.received.clone()]);
        if let Ok(ConnectionState::WriteTraffic(mut traffic)) = status.state {
            self.outgoing.resize(CLOSE_NOTIFY_BYTES, 0);
            let len = traffic.queue_close_notify(&mut self.outgoing).unwrap_or(0);
            self.outgoing.truncate(len);
        }
    }

    /// Whether a read returns without more input.
    pub(super) fn has_buffered(&self) -> bool {
        !self.plaintext.is_empty() || matches!(self.next, Next::Full | Next::Closed) || self.failure.is_some()
    }

    /// Whether the peer has said that nothing follows, or nothing follows.
    pub(super) fn is_closed(&self) -> bool {
        self.next == Next::Closed
    }
}

/// Where plaintext goes: first to the reader, then into the rest.
struct Sink<'a> {
    into: &'a mut [u8],
    count: usize,
    rest: &'a mut Vec<u8>,
}

impl Sink<'_> {
    fn take(&mut self, payload: &[u8]) {
        let room = &mut self.into[self.count..];
        let (now, later) = payload.split_at(payload.len().min(room.len()));
        room[..now.len()].copy_from_slice(now);
        self.count += now.len();
        self.rest.extend_from_slice(later);
    }
}

/// `None` when the library is to be asked again at once.
fn step(
    state: ConnectionState<'_, '_, ClientConnectionData>,
    sink: &mut Sink<'_>,
    outgoing: &mut Vec<u8>,
    from: &[u8],
) -> Result<Option<Next>, TlsFailure> {
    match state {
        ConnectionState::ReadTraffic(mut traffic) => {
            while let Some(record) = traffic.next_record() {
                sink.take(record.map_err(|_| protocol("a record can't be decrypted"))?.payload);
            }
            Ok(None)
        }
        ConnectionState::EncodeTlsData(mut data) => encode(&mut data, outgoing).map(|()| None),
        ConnectionState::TransmitTlsData(data) => {
            // It stands in `outgoing`, in order with all that follows.
            data.done();
            Ok(None)
        }
        ConnectionState::WriteTraffic(mut traffic) => {
            if !from.is_empty() {
                encrypt(&mut traffic, from, outgoing)?;
            }
            Ok(Some(Next::Traffic))
        }
        ConnectionState::BlockedHandshake => Ok(Some(Next::Handshake)),
        ConnectionState::PeerClosed | ConnectionState::Closed => Ok(Some(Next::Closed)),
        _ => Err(protocol("the TLS library wants something that is not known here")),
    }
}

/// Puts a prepared message behind what waits to be sent.
fn encode(
    data: &mut EncodeTlsData<'_, ClientConnectionData>,
    outgoing: &mut Vec<u8>,
) -> Result<(), TlsFailure> {
    let start = outgoing.len();
    match data.encode(&mut []) {
        Ok(_) => return Ok(()),
        Err(EncodeError::InsufficientSize(needed)) => grow(outgoing, needed)?,
        Err(EncodeError::AlreadyEncoded) => return Err(protocol("the TLS library repeats itself")),
    }
    data.encode(&mut outgoing[start..]).map_err(|_| protocol("the TLS library changes its mind"))?;
    Ok(())
}

/// Puts `from`, encrypted, behind what waits to be sent.
fn encrypt(
    traffic: &mut WriteTraffic<'_, ClientConnectionData>,
    from: &[u8],
    outgoing: &mut Vec<u8>,
) -> Result<(), TlsFailure> {
    let start = outgoing.len();
    match traffic.encrypt(from, &mut []) {
        Ok(_) => return Ok(()),
        Err(EncryptError::InsufficientSize(needed)) => grow(outgoing, needed)?,
        Err(EncryptError::EncryptExhausted) => return Err(protocol("its keys are used up: connect again")),
    }
    let count = traffic
        .encrypt(from, &mut outgoing[start..])
        .map_err(|_| protocol("its keys are used up: connect again"))?;
    outgoing.truncate(start + count);
    Ok(())
}

fn grow(outgoing: &mut Vec<u8>, needed: InsufficientSizeError) -> Result<(), TlsFailure> {
    let len = outgoing.len() + needed.required_size;
    if len > OUTGOING_BYTES_MAX {
        return Err(protocol("the peer asks for more than it reads"));
    }
    outgoing.resize(len, 0);
    Ok(())
}
