//! Walks over the entries of a stream.
//!
//! The server keeps the walk in the key, and trusts its caller twice: the fields of an entry are all read before the
//! next entry is asked for, and nothing is asked for after the last one. Otherwise it reads fields as if they were
//! numbers, and ends (t_stream.c, `streamIteratorGetID`). Here what was not read is skipped, and a walk that has
//! ended is stopped.

use std::ffi::{c_int, c_long};
use std::marker::PhantomData;
use std::ops::{Bound, Deref, DerefMut, RangeBounds};
use std::ptr;

use redis_module::raw;

use super::StreamId;
use crate::api::required;
use crate::error::Error;
use crate::key::{KeyType, ReadKey, WriteKey};
use crate::string::RedisString;

/// In which order entries come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum StreamOrder {
    /// The oldest first, as XRANGE.
    #[default]
    Ascending,
    /// The newest first, as XREVRANGE.
    Descending,
}

impl ReadKey<'_> {
    /// Walks over the entries whose ids are in `range`, such as `..`, `first..=last` or `last_seen..`; a missing key
    /// has none. All servers.
    ///
    /// # Errors
    /// [`Error::WrongType`] if the key holds something else, [`Error::Refused`] while another walk over this key is
    /// on its way, [`Error::Invalid`] for a range from beyond [`StreamId::MAX`] or to before [`StreamId::MIN`].
    pub fn stream_range(
        &self,
        range: impl RangeBounds<StreamId>,
        order: StreamOrder,
    ) -> Result<StreamEntries<'_>, Error> {
        Ok(StreamEntries { cursor: Cursor::start(self, &Limits::of(&range)?, order)?, walked: PhantomData })
    }
}

impl WriteKey<'_> {
    /// As [`ReadKey::stream_range`], to delete entries on the way. Nothing else changes the stream meanwhile.
    ///
    /// # Errors
    /// As [`ReadKey::stream_range`].
    pub fn stream_range_mut(
        &mut self,
        range: impl RangeBounds<StreamId>,
        order: StreamOrder,
    ) -> Result<StreamEntriesMut<'_>, Error> {
        let limits = Limits::of(&range)?;
        self.release_iterator();
        Ok(StreamEntriesMut { cursor: Cursor::start(self, &limits, order)?, walked: PhantomData })
    }
}

/// Stops a walk that was forgotten (`mem::forget`): the server ends if a key that is walked over is deleted and then
/// closed (module.c, `moduleCloseKey`). It must not be called while a walk is borrowed.
pub(in crate::key) fn end_walk(key: &mut WriteKey<'_>) {
    let stop = required!(RedisModule_StreamIteratorStop);
    // SAFETY: R37: an open key; without a walk, or without a stream, the server does nothing.
    unsafe { stop(key.as_ptr()) };
}

/// A range as the server takes it.
struct Limits {
    start: Option<StreamId>,
    end: Option<StreamId>,
    is_exclusive: bool,
}

impl Limits {
    /// The server knows ranges that exclude both ends or none: a mixed one is made inclusive.
    fn of(range: &impl RangeBounds<StreamId>) -> Result<Self, Error> {
        use Bound::{Excluded, Included, Unbounded};
        let (start, end, is_exclusive) = match (range.start_bound(), range.end_bound()) {
            (Excluded(start), Excluded(end)) => (Some(*start), Some(*end), true),
            (Excluded(start), Unbounded) => (Some(*start), None, true),
            (Unbounded, Excluded(end)) => (None, Some(*end), true),
            (Excluded(start), Included(end)) => (Some(start.next().ok_or(EMPTY)?), Some(*end), false),
            (Included(start), Excluded(end)) => (Some(*start), Some(end.previous().ok_or(EMPTY)?), false),
            (Included(start), Included(end)) => (Some(*start), Some(*end), false),
            (Included(start), Unbounded) => (Some(*start), None, false),
            (Unbounded, Included(end)) => (None, Some(*end), false),
            (Unbounded, Unbounded) => (None, None, false),
        };
        Ok(Self { start, end, is_exclusive })
    }
}

const EMPTY: Error =
    Error::Invalid { what: "the range of ids", reason: "no id is outside of 0-0 to the last one" };

/// Where a walk is. The server keeps it in the key, which whoever holds this has borrowed.
struct Cursor {
    key: *mut raw::RedisModuleKey,
    /// Fields of the current entry that were not read yet.
    fields_left: c_long,
    is_on_its_way: bool,
}

impl Cursor {
    fn start(key: &ReadKey<'_>, limits: &Limits, order: StreamOrder) -> Result<Self, Error> {
        let exists = key.holds(KeyType::Stream)?;
        let mut cursor = Self { key: key.as_ptr(), fields_left: 0, is_on_its_way: false };
        if !exists {
            return Ok(cursor);
        }
        let mut flags = 0;
        if limits.is_exclusive {
            flags |= raw::REDISMODULE_STREAM_ITERATOR_EXCLUSIVE as c_int;
        }
        if order == StreamOrder::Descending {
            flags |= raw::REDISMODULE_STREAM_ITERATOR_REVERSE as c_int;
        }
        let (mut start, mut end) = (limits.start.map(StreamId::to_raw), limits.end.map(StreamId::to_raw));
        let pointer =
            |id: &mut Option<raw::RedisModuleStreamID>| id.as_mut().map_or(ptr::null_mut(), ptr::from_mut);
        let begin = required!(RedisModule_StreamIteratorStart);
        // SAFETY: R37: an open key that holds a stream; the ids are read during the call, NULL is "no limit".
        let status = unsafe { begin(cursor.key, flags, pointer(&mut start), pointer(&mut end)) };
        if status != raw::REDISMODULE_OK as c_int {
            return Err(not_started());
        }
        cursor.is_on_its_way = true;
        key.stream_walked.set(true);
        Ok(cursor)
    }

    /// The next entry's id and its number of fields.
    fn next(&mut self) -> Option<(StreamId, c_long)> {
        if !self.is_on_its_way {
            return None;
        }
        while self.skip_field() {}
        let next = required!(RedisModule_StreamIteratorNextID);
        let (mut id, mut fields) = (StreamId::MIN.to_raw(), 0);
        // SAFETY: R37: a walk on its way, whose current entry was read to its end or deleted.
        let status = unsafe { next(self.key, &raw mut id, &raw mut fields) };
        if status != raw::REDISMODULE_OK as c_int {
            self.stop();
            return None;
        }
        self.fields_left = fields;
        Some((StreamId::from_raw(id), fields))
    }

    fn skip_field(&mut self) -> bool {
        let next = required!(RedisModule_StreamIteratorNextField);
        // SAFETY: R37: a walk on its way; with NULLs the server skips a field, and refuses when there is none.
        self.take_field(|key| unsafe { next(key, ptr::null_mut(), ptr::null_mut()) })
    }

    fn next_field(&mut self) -> Option<(RedisString, RedisString)> {
        let next = required!(RedisModule_StreamIteratorNextField);
        let (mut field, mut value) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: R37: a walk on its way, and where the two new strings go.
        let is_there = self.take_field(|key| unsafe { next(key, &raw mut field, &raw mut value) });
        if !is_there {
            return None;
        }
        // SAFETY: R5: two strings of our own; the context has no automatic memory.
        unsafe { Some((RedisString::from_raw(field)?, RedisString::from_raw(value)?)) }
    }

    fn take_field(&mut self, take: impl FnOnce(*mut raw::RedisModuleKey) -> c_int) -> bool {
        if self.fields_left <= 0 {
            return false;
        }
        self.fields_left -= 1;
        take(self.key) == raw::REDISMODULE_OK as c_int
    }

    fn delete(&mut self) -> bool {
        let delete = required!(RedisModule_StreamIteratorDelete);
        self.fields_left = 0;
        // SAFETY: R37: a walk on its way in a key open for writing. The server begins the walk anew after the
        // entry, of which nothing is left to read.
        unsafe { delete(self.key) == raw::REDISMODULE_OK as c_int }
    }

    fn stop(&mut self) {
        if std::mem::take(&mut self.is_on_its_way) {
            let stop = required!(RedisModule_StreamIteratorStop);
            // SAFETY: R37: the walk that `start` began; the key is still open, for it is borrowed.
            unsafe { stop(self.key) };
        }
    }
}

impl Drop for Cursor {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Read before anything else is called (module.c, `RM_StreamIteratorStart`).
fn not_started() -> Error {
    // SAFETY: R2: the thread's own errno.
    match unsafe { *libc::__errno_location() } {
        libc::EDOM => EMPTY,
        _ => Error::Refused {
            function: "RedisModule_StreamIteratorStart",
            reason: "another walk over this key is on its way",
        },
    }
}

/// A walk over a stream; it ends when it is dropped.
pub struct StreamEntries<'w> {
    cursor: Cursor,
    walked: PhantomData<&'w ReadKey<'w>>,
}

impl StreamEntries<'_> {
    /// The next entry; `None` after the last one. Fields of the entry before that were not read are skipped.
    pub fn next_entry(&mut self) -> Option<StreamEntry<'_>> {
        let (id, field_count) = self.cursor.next()?;
        Some(StreamEntry { cursor: &mut self.cursor, id, field_count })
    }
}

/// A walk over a stream that may delete entries; it ends when it is dropped.
pub struct StreamEntriesMut<'w> {
    cursor: Cursor,
    walked: PhantomData<&'w mut WriteKey<'w>>,
}

impl StreamEntriesMut<'_> {
    /// As [`StreamEntries::next_entry`].
    pub fn next_entry(&mut self) -> Option<StreamEntryMut<'_>> {
        let (id, field_count) = self.cursor.next()?;
        Some(StreamEntryMut(StreamEntry { cursor: &mut self.cursor, id, field_count }))
    }
}

/// An entry that a walk has come to.
pub struct StreamEntry<'e> {
    cursor: &'e mut Cursor,
    id: StreamId,
    field_count: c_long,
}

impl StreamEntry<'_> {
    /// The entry's id.
    pub fn id(&self) -> StreamId {
        self.id
    }

    /// How many fields the entry has, read or not.
    pub fn field_count(&self) -> usize {
        usize::try_from(self.field_count).unwrap_or_default()
    }

    /// The next field and its value, in the order in which they were added; `None` after the last one. Each is a
    /// string of its own.
    pub fn next_field(&mut self) -> Option<(RedisString, RedisString)> {
        self.cursor.next_field()
    }
}

/// An entry that a walk has come to, which may be deleted.
pub struct StreamEntryMut<'e>(StreamEntry<'e>);

impl StreamEntryMut<'_> {
    /// Deletes the entry; the walk goes on after it. Answers whether the server did it, which it always does.
    pub fn delete(self) -> bool {
        self.0.cursor.delete()
    }
}

impl<'e> Deref for StreamEntryMut<'e> {
    type Target = StreamEntry<'e>;
    fn deref(&self) -> &StreamEntry<'e> {
        &self.0
    }
}

impl<'e> DerefMut for StreamEntryMut<'e> {
    fn deref_mut(&mut self) -> &mut StreamEntry<'e> {
        &mut self.0
    }
}
