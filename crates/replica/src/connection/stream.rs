//! The command stream: what is data, what only moves the offset, and how far it has come.

use crate::resp::{CommandParser, CommandView, Parsed};

use super::buffer::Buffer;
use super::{Command, Error, Event, Limits, Place};

/// What a command of the stream is to a replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Data,
    Select,
    Multi,
    Exec,
    Ping,
    Replconf,
}

/// Whether the source has asked for an acknowledgement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AckRequest {
    None,
    Wanted,
}

pub(super) struct Stream {
    parser: CommandParser,
    /// Bytes that must wait before the parser is asked again.
    need: usize,
    /// Offset behind the last whole command.
    offset: u64,
    db: u32,
    db_max: u32,
    place: Place,
    progress: Progress,
    ack_request: AckRequest,
    annotations: Annotations,
    /// Where the transaction began that is not complete.
    multi_at: u64,
}

/// What a line that begins with `#` is: servers write such into their files (`aof-timestamp-enabled`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Annotations {
    Refused,
    PassedOver,
}

/// Whether the offset moved since it was last told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    Told,
    Untold,
}

impl Stream {
    pub(super) fn new(offset: u64, db: u32, limits: &Limits) -> Self {
        Stream {
            parser: CommandParser::new(limits.resp),
            need: 1,
            offset,
            db,
            db_max: limits.db_max,
            place: Place::Alone,
            progress: Progress::Told,
            ack_request: AckRequest::None,
            annotations: Annotations::Refused,
            multi_at: offset,
        }
    }

    pub(super) fn with_annotations(self, annotations: Annotations) -> Self {
        Stream { annotations, ..self }
    }

    /// The offset behind the last unit that is complete: a command, or a whole transaction.
    pub(super) fn settled(&self) -> u64 {
        if self.place == Place::Alone { self.offset } else { self.multi_at }
    }

    pub(super) fn set_limits(&mut self, limits: &Limits) {
        self.parser.set_limits(limits.resp);
        self.db_max = limits.db_max;
    }

    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    pub(super) fn db(&self) -> u32 {
        self.db
    }

    /// Whether the source asked for an acknowledgement since the last call.
    pub(super) fn take_ack_request(&mut self) -> AckRequest {
        std::mem::replace(&mut self.ack_request, AckRequest::None)
    }

    /// The next event of the bytes in `buffer`.
    pub(super) fn poll<'a>(&'a mut self, buffer: &'a mut Buffer) -> Result<Option<Event<'a>>, Error> {
        while buffer.len() >= self.need {
            match self.parser.parse(buffer.bytes())? {
                Parsed::Need(need) => self.need = need,
                Parsed::Nothing(len) => self.skip(len, buffer)?,
                Parsed::Inline(len) => self.annotation(len, buffer)?,
                Parsed::Command(len) => {
                    let role = role(self.parser.view(buffer.bytes()).name());
                    if role == Role::Multi {
                        self.multi_at = self.offset;
                    }
                    self.take(len)?;
                    if let Some(event) = self.boundary(role)? {
                        buffer.consume(len);
                        return Ok(Some(event));
                    }
                    if role == Role::Data {
                        return Ok(Some(self.command(buffer.consume(len))));
                    }
                    self.internal(role, buffer.consume(len))?;
                }
            }
        }
        Ok(self.progress())
    }

    /// Moves the offset over `len` bytes: only ever over whole commands.
    fn take(&mut self, len: usize) -> Result<(), Error> {
        self.need = 1;
        self.offset = self.offset.saturating_add(len as u64);
        if self.offset > i64::MAX as u64 { Err(Error::OffsetOverflow) } else { Ok(()) }
    }

    fn skip(&mut self, len: usize, buffer: &mut Buffer) -> Result<(), Error> {
        buffer.consume(len);
        self.progress = Progress::Untold;
        self.take(len)
    }

    fn annotation(&mut self, len: usize, buffer: &mut Buffer) -> Result<(), Error> {
        match (self.annotations, buffer.bytes().first()) {
            (Annotations::PassedOver, Some(b'#')) => self.skip(len, buffer),
            _ => Err(Error::OutOfStep),
        }
    }

    fn command<'a>(&'a mut self, bytes: &'a [u8]) -> Event<'a> {
        self.progress = Progress::Told;
        let view = self.parser.view(bytes);
        Event::Command(Command { db: self.db, view, end_offset: self.offset, place: self.place })
    }

    fn boundary(&mut self, role: Role) -> Result<Option<Event<'static>>, Error> {
        let (place, event) = match (role, self.place) {
            (Role::Multi, Place::Alone) => {
                (Place::InTransaction, Event::MultiBegin { end_offset: self.offset })
            }
            (Role::Exec, Place::InTransaction) => {
                (Place::Alone, Event::MultiEnd { end_offset: self.offset, db: self.db })
            }
            (Role::Multi, Place::InTransaction) => return Err(Error::NestedMulti),
            (Role::Exec, Place::Alone) => return Err(Error::ExecWithoutMulti),
            _ => return Ok(None),
        };
        self.place = place;
        self.progress = Progress::Told;
        Ok(Some(event))
    }

    fn internal(&mut self, role: Role, bytes: &[u8]) -> Result<(), Error> {
        self.progress = Progress::Untold;
        let view = self.parser.view(bytes);
        match role {
            Role::Select => self.db = selected_db(view, self.db_max)?,
            Role::Replconf if asks_for_ack(view) => self.ack_request = AckRequest::Wanted,
            _ => {}
        }
        Ok(())
    }

    fn progress(&mut self) -> Option<Event<'static>> {
        if self.place == Place::InTransaction || self.progress == Progress::Told {
            return None;
        }
        self.progress = Progress::Told;
        Some(Event::Progress { end_offset: self.offset, db: self.db })
    }
}

/// The servers' replication code itself sends only these beside data (replicationFeedSlaves, replicationCron
/// and sendGetackToReplicas in replication.c, and propagateNow's MULTI/EXEC in server.c).
#[inline]
fn role(name: &[u8]) -> Role {
    match name.len() {
        4 if name.eq_ignore_ascii_case(b"EXEC") => Role::Exec,
        4 if name.eq_ignore_ascii_case(b"PING") => Role::Ping,
        5 if name.eq_ignore_ascii_case(b"MULTI") => Role::Multi,
        6 if name.eq_ignore_ascii_case(b"SELECT") => Role::Select,
        8 if name.eq_ignore_ascii_case(b"REPLCONF") => Role::Replconf,
        _ => Role::Data,
    }
}

fn selected_db(view: CommandView<'_>, db_max: u32) -> Result<u32, Error> {
    let digits = view.get(1).filter(|digits| view.len() == 2 && digits.iter().all(u8::is_ascii_digit));
    let db = digits.and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
    db.filter(|db| *db <= db_max).ok_or(Error::InvalidSelect)
}

fn asks_for_ack(view: CommandView<'_>) -> bool {
    view.get(1).is_some_and(|option| option.eq_ignore_ascii_case(b"GETACK"))
}
