//! Files in place of a link, without IO: what a server saved, told as a link would tell it.
//!
//! ```text
//!   snapshot | snapshot commands .. | commands ..          (an RDB file, an AOF with and without preamble)
//!   and then further files of commands                     (the increments of an AOF directory)
//! ```

use crate::position::{Position, ReplId};
use crate::rdb;

use super::buffer::Buffer;
use super::snapshot::{Framing, Snapshot};
use super::stream::{Annotations, Stream};
use super::{Error, Event, Limits, SnapshotScope};

/// Bytes that tell a snapshot from commands.
const MAGIC_BYTES: usize = 6;

/// What a server saved, as the events of a link: [`Event::FullResync`], items, [`Event::SnapshotEnd`], commands.
///
/// Offsets count the bytes of commands, over all files. Give each file's bytes to [`receive`](Self::receive), take all
/// events in between, and end it by [`no_more`](Self::no_more) and [`end_file`](Self::end_file).
pub struct Recording {
    limits: Limits,
    buffer: Buffer,
    phase: Phase,
    source: SavedAt,
    /// Offset at which the present file begins.
    file_begins_at: u64,
    is_file_over: bool,
    failure: Option<Error>,
}

enum Phase {
    /// Nothing is known of the first file yet.
    Unknown,
    Snapshot(Box<Snapshot>),
    /// Commands follow, and the end of the snapshot is to be told.
    Begun {
        bytes: u64,
        db: u32,
    },
    Stream(Box<Stream>),
}

/// What the snapshot says about its place in the source's history.
#[derive(Debug, Clone, Copy, Default)]
struct SavedAt {
    replid: Option<ReplId>,
    offset: Option<u64>,
    /// The offset of an AOF's base is not that of its end.
    is_aof_base: bool,
    db: u32,
}

/// How a file ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tail {
    /// Behind a whole command, or a whole snapshot.
    Whole,
    /// Within a command or transaction: the end of an AOF whose server was killed while it wrote. So many bytes at its
    /// end are no whole unit; what they hold was not told, or only as commands of a transaction without end.
    Incomplete {
        /// The bytes.
        bytes: u64,
    },
    /// Within the snapshot: the file is of no use.
    InSnapshot,
}

impl Recording {
    /// Nothing was received yet.
    pub fn new(limits: Limits) -> Self {
        Recording {
            limits,
            buffer: Buffer::new(limits.buffer_bytes),
            phase: Phase::Unknown,
            source: SavedAt::default(),
            file_begins_at: 0,
            is_file_over: false,
            failure: None,
        }
    }

    /// Takes the next bytes of the present file.
    pub fn receive(&mut self, bytes: &[u8]) {
        self.is_file_over = false;
        if self.failure.is_none() && self.buffer.push(bytes).is_err() {
            self.failure = Some(Error::BufferFull { limit: self.limits.buffer_bytes });
        }
    }

    /// The next event, or None until something is received.
    ///
    /// # Errors
    /// What was saved can't be read any further; every further call gives the same error.
    pub fn poll_event(&mut self) -> Result<Option<Event<'_>>, Error> {
        if let Some(error) = &self.failure {
            return Err(error.clone());
        }
        match self.change_phase() {
            Ok(None) => {}
            Ok(event) => return Ok(event),
            Err(error) => {
                self.failure = Some(error.clone());
                return Err(error);
            }
        }
        let event = match &mut self.phase {
            Phase::Snapshot(snapshot) if !snapshot.has_ended() => snapshot
                .poll_item(&mut self.buffer, SnapshotScope::Everything, |_| {})
                .map(|event| event.inspect(|event| self.source.note(event))),
            Phase::Stream(stream) => stream.poll(&mut self.buffer),
            _ => Ok(None),
        };
        if let Err(error) = &event {
            self.failure = Some(error.clone());
        }
        event
    }

    /// Says that the present file has no more bytes. Take the events that may still come, then call
    /// [`end_file`](Self::end_file).
    pub fn no_more(&mut self) {
        self.is_file_over = true;
    }

    /// Ends the present file. What follows belongs to the next one, which holds commands and begins in database 0
    /// (loadSingleAppendOnlyFile in aof.c).
    pub fn end_file(&mut self) -> Tail {
        let tail = match &self.phase {
            Phase::Snapshot(_) => Tail::InSnapshot,
            Phase::Stream(stream) => match stream.offset() - stream.settled() + self.buffer.len() as u64 {
                0 => Tail::Whole,
                bytes => Tail::Incomplete { bytes },
            },
            Phase::Unknown | Phase::Begun { .. } => Tail::Whole,
        };
        if let Phase::Stream(stream) = &self.phase {
            self.file_begins_at = stream.offset();
            self.phase = Phase::Stream(Box::new(stream_at(self.file_begins_at, 0, &self.limits)));
            self.buffer.consume(self.buffer.len());
        }
        tail
    }

    /// Where in the source's history the snapshot was taken: a link can go on there, as long as the source still has
    /// what followed. None before the snapshot is complete, for the base of an AOF, and if the file does not tell.
    pub fn saved_at(&self) -> Option<Position> {
        let SavedAt { replid, offset, is_aof_base, db } = self.source;
        let is_known = !is_aof_base && matches!(self.phase, Phase::Begun { .. } | Phase::Stream(_));
        Some(Position { replid: replid?, offset: offset?, db }).filter(|_| is_known)
    }

    fn change_phase(&mut self) -> Result<Option<Event<'static>>, Error> {
        match &self.phase {
            Phase::Unknown => Ok(self.recognize()),
            Phase::Snapshot(snapshot) if snapshot.has_ended() => {
                let bytes = snapshot.poll_end(&mut self.buffer)?.unwrap_or_default();
                self.source.db = snapshot.stream_db();
                // A preamble says nothing about the commands behind it.
                self.phase = Phase::Begun { bytes, db: 0 };
                self.change_phase()
            }
            Phase::Begun { bytes, db } => {
                let (bytes, db) = (*bytes, *db);
                self.phase = Phase::Stream(Box::new(stream_at(0, db, &self.limits)));
                Ok(Some(Event::SnapshotEnd { bytes, offset: 0, db }))
            }
            _ => Ok(None),
        }
    }

    fn recognize(&mut self) -> Option<Event<'static>> {
        let waiting = self.buffer.bytes();
        if waiting.len() < MAGIC_BYTES && !self.is_file_over {
            return None;
        }
        let is_snapshot = waiting.starts_with(b"REDIS") || waiting.starts_with(b"VALKEY");
        self.phase = if is_snapshot {
            Phase::Snapshot(Box::new(Snapshot::new(Framing::Own, self.limits.rdb)))
        } else {
            Phase::Begun { bytes: 0, db: 0 }
        };
        Some(Event::FullResync { replid: None, offset: 0 })
    }
}

fn stream_at(offset: u64, db: u32, limits: &Limits) -> Stream {
    Stream::new(offset, db, limits).with_annotations(Annotations::PassedOver)
}

impl SavedAt {
    fn note(&mut self, event: &Event<'_>) {
        let Event::Snapshot(rdb::Item::Aux { key, value }) = event else { return };
        match key.as_ref() {
            b"repl-id" => self.replid = ReplId::from_bytes(value).ok(),
            b"repl-offset" => {
                self.offset = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok())
            }
            b"aof-base" | b"aof-preamble" => self.is_aof_base = value.as_ref() != b"0",
            _ => {}
        }
    }
}

impl std::fmt::Debug for Recording {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Recording").field("buffered", &self.buffer.len()).finish_non_exhaustive()
    }
}
