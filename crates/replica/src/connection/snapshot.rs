//! How a snapshot is wrapped, and its reading.

use crate::rdb;

use super::buffer::Buffer;
use super::{Error, Event, SnapshotScope};

/// Length of the mark that ends a snapshot of unknown length (`CONFIG_RUN_ID_SIZE` in server.h).
const MARK_BYTES: usize = 40;

/// What tells where the snapshot ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// `$<n>`: this many bytes (a source that saves to disk first).
    Length(u64),
    /// `$EOF:<mark>`: until the mark (a source that sends as it saves).
    Mark([u8; MARK_BYTES]),
    /// Nothing: it ends where its own end is (a file).
    Own,
}

impl Framing {
    /// Parses the header line, without its line end.
    pub(super) fn parse(line: &[u8]) -> Result<Self, Error> {
        if let Some(mark) = line.strip_prefix(b"$EOF:") {
            return mark.try_into().map(Framing::Mark).map_err(|_| Error::InvalidSnapshotHeader);
        }
        let digits = line.strip_prefix(b"$").unwrap_or_default();
        let valid = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
        let length = std::str::from_utf8(digits).ok().filter(|_| valid).and_then(|text| text.parse().ok());
        length.map(Framing::Length).ok_or(Error::InvalidSnapshotHeader)
    }
}

/// A snapshot on its way. Its end is where the reader finds it; the framing must agree.
pub(super) struct Snapshot {
    framing: Framing,
    reader: rdb::Reader,
    /// Bytes that must wait in the buffer before the reader is asked again.
    need: usize,
    /// Bytes of the snapshot consumed.
    bytes: u64,
    ended: bool,
    stream_db: u32,
}

impl Snapshot {
    pub(super) fn new(framing: Framing, limits: rdb::Limits) -> Self {
        Snapshot { framing, reader: rdb::Reader::new(limits), need: 1, bytes: 0, ended: false, stream_db: 0 }
    }

    pub(super) fn set_limits(&mut self, limits: rdb::Limits) {
        self.reader.set_limits(limits);
    }

    pub(super) fn is_diskless(&self) -> bool {
        matches!(self.framing, Framing::Mark(_))
    }

    /// The database selected when the stream begins. A source that is a replica itself hands its own source's
    /// stream on as it comes, without a SELECT for us (`repl-stream-db`, rdbPopulateSaveInfo in rdb.c).
    pub(super) fn stream_db(&self) -> u32 {
        self.stream_db
    }

    /// Whether all items are told and only the framing's end is missing.
    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    /// The next item, as far as it is in scope; `on_error` is told why there is none.
    ///
    /// An entry is made where the caller wants it: to hand it on from result to result takes longer than its checks.
    #[inline]
    pub(super) fn poll_item<'a>(
        &mut self,
        buffer: &'a mut Buffer,
        scope: SnapshotScope,
        on_error: impl FnOnce(&Error),
    ) -> Result<Option<Event<'a>>, Error> {
        let limit = buffer.limit();
        let (waiting, start) = buffer.split();
        let left = self.left();
        let window = &waiting[..waiting.len().min(usize::try_from(left).unwrap_or(usize::MAX))];
        if window.len() < self.need && (window.len() as u64) < left {
            return Ok(None);
        }
        if scope == SnapshotScope::Everything
            && let Some((consumed, entry)) = self.reader.string_entry(window)
        {
            self.consumed(consumed, start);
            return Ok(Some(Event::Snapshot(rdb::Item::Entry(entry))));
        }
        self.item_of_any_kind(window, start, limit, scope).inspect_err(on_error)
    }

    fn item_of_any_kind<'a>(
        &mut self,
        window: &'a [u8],
        start: &mut usize,
        limit: usize,
        scope: SnapshotScope,
    ) -> Result<Option<Event<'a>>, Error> {
        match self.reader.next_of_any_kind(window)? {
            rdb::Step::Need(need) => {
                self.need = self.check_need(need.max(window.len() + 1), self.left(), limit)?;
                Ok(None)
            }
            rdb::Step::Item { consumed, item } => {
                self.consumed(consumed, start);
                self.note(&item)?;
                Ok(Some(Event::Snapshot(scope.admit(item))))
            }
        }
    }

    fn consumed(&mut self, bytes: usize, start: &mut usize) {
        *start += bytes;
        self.need = 1;
        self.bytes += bytes as u64;
    }

    fn note(&mut self, item: &rdb::Item<'_>) -> Result<(), Error> {
        match item {
            rdb::Item::End => self.ended = true,
            rdb::Item::Aux { key, value } if key.as_ref() == b"repl-stream-db" => {
                self.stream_db = stream_db(value).ok_or(Error::InvalidStreamDb)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn check_need(&self, need: usize, left: u64, limit: usize) -> Result<usize, Error> {
        match self.framing {
            Framing::Length(announced) if need as u64 > left => Err(Error::SnapshotTooLong { announced }),
            _ if need > limit => Err(Error::BufferFull { limit }),
            _ => Ok(need),
        }
    }

    /// Bytes up to the announced length; endless without one.
    fn left(&self) -> u64 {
        match self.framing {
            Framing::Length(length) => length - self.bytes,
            Framing::Mark(_) | Framing::Own => u64::MAX,
        }
    }

    /// The length of the snapshot in bytes, once its framing has ended too.
    pub(super) fn poll_end(&self, buffer: &mut Buffer) -> Result<Option<u64>, Error> {
        match self.framing {
            Framing::Length(length) if length == self.bytes => Ok(Some(self.bytes)),
            Framing::Length(length) => Err(Error::SnapshotTooShort { missing: length - self.bytes }),
            Framing::Mark(mark) => self.poll_mark(&mark, buffer),
            Framing::Own => Ok(Some(self.bytes)),
        }
    }

    fn poll_mark(&self, mark: &[u8; MARK_BYTES], buffer: &mut Buffer) -> Result<Option<u64>, Error> {
        let arrived = &buffer.bytes()[..buffer.len().min(MARK_BYTES)];
        if !mark.starts_with(arrived) {
            return Err(Error::EndMarkMissing);
        }
        if arrived.len() < MARK_BYTES {
            return Ok(None);
        }
        buffer.consume(MARK_BYTES);
        Ok(Some(self.bytes))
    }
}

/// The aux field's value; -1 means none.
fn stream_db(value: &[u8]) -> Option<u32> {
    let db: i64 = std::str::from_utf8(value).ok()?.parse().ok()?;
    if db == -1 { Some(0) } else { u32::try_from(db).ok() }
}
