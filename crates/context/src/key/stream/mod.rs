//! Streams: entries added, deleted and trimmed here, walked over in [`walk`].

mod id;
mod walk;

use std::ffi::c_int;
use std::ptr;

use redis_module::raw;

use super::{KeyType, WriteKey};
use crate::api::required;
use crate::error::Error;
use crate::string::RedisStr;

pub use id::StreamId;
pub(super) use walk::end_walk;
pub use walk::{StreamEntries, StreamEntriesMut, StreamEntry, StreamEntryMut, StreamOrder};

/// How many fields one entry may have: as many as XADD has room for (1,048,576 arguments, networking.c).
pub const STREAM_FIELDS_MAX: usize = 524_286;

/// Up to this many fields are passed to the server without an allocation.
const FIELDS_INLINE: usize = 16;

/// The id of an entry to add.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NewStreamId {
    /// The server chooses one, as for `*`: replicate XADD with the id that it chose.
    Auto,
    /// This one, which must be above all that the stream ever had.
    At(StreamId),
}

/// How closely a stream is trimmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum StreamTrim {
    /// To the entry.
    #[default]
    Exact,
    /// As `~`: less, if that saves work. At most 100 times `stream-node-max-entries` go at once.
    Approximate,
}

impl StreamTrim {
    fn bits(self) -> c_int {
        match self {
            Self::Exact => 0,
            Self::Approximate => raw::REDISMODULE_STREAM_TRIM_APPROX as c_int,
        }
    }
}

impl WriteKey<'_> {
    /// Adds an entry to a stream, which is made if the key is missing. Answers the entry's id. Clients that wait
    /// for the stream are served once the key is closed. All servers.
    ///
    /// # Errors
    /// [`Error::WrongType`] if the key holds something else. [`Error::Invalid`] for an id that isn't above the last
    /// one, for no fields (no command could replicate such an entry) or more than [`STREAM_FIELDS_MAX`], and for more
    /// than 1 GB in them.
    pub fn stream_add(
        &mut self,
        id: NewStreamId,
        fields: &[(RedisStr<'_>, RedisStr<'_>)],
    ) -> Result<StreamId, Error> {
        self.holds(KeyType::Stream)?;
        if fields.is_empty() || fields.len() > STREAM_FIELDS_MAX {
            return Err(Error::Invalid { what: "the number of fields", reason: "it is 1 to 524286" });
        }
        if fields.len() > FIELDS_INLINE {
            let mut pointers: Vec<_> = fields.iter().flat_map(|(f, v)| [f.as_ptr(), v.as_ptr()]).collect();
            return self.stream_add_pointers(id, &mut pointers);
        }
        let mut pointers = [ptr::null_mut(); 2 * FIELDS_INLINE];
        for (slot, (field, value)) in pointers.chunks_exact_mut(2).zip(fields) {
            slot.copy_from_slice(&[field.as_ptr(), value.as_ptr()]);
        }
        self.stream_add_pointers(id, &mut pointers[..2 * fields.len()])
    }

    /// `pointers` are those of live strings: fields and their values in turn.
    fn stream_add_pointers(
        &mut self,
        id: NewStreamId,
        pointers: &mut [*mut raw::RedisModuleString],
    ) -> Result<StreamId, Error> {
        let add = required!(RedisModule_StreamAdd);
        let (flags, id) = match id {
            NewStreamId::Auto => (raw::REDISMODULE_STREAM_ADD_AUTOID as c_int, StreamId::MIN),
            NewStreamId::At(id) => (0, id),
        };
        let mut id = id.to_raw();
        let count = (pointers.len() / 2) as i64;
        // SAFETY: R37: a key open for writing that holds a stream or nothing, `count` fields and values that live
        // through the call, and where the id goes.
        let status = unsafe { add(self.as_ptr(), flags, &raw mut id, pointers.as_mut_ptr(), count) };
        if status == raw::REDISMODULE_OK as c_int {
            return Ok(StreamId::from_raw(id));
        }
        Err(refused_entry())
    }

    /// Deletes the entry of this id, and answers whether it existed. A stream that is empty stays. All servers.
    ///
    /// # Errors
    /// [`Error::WrongType`] if the key holds something else.
    pub fn stream_delete(&mut self, id: StreamId) -> Result<bool, Error> {
        if !self.holds(KeyType::Stream)? {
            return Ok(false);
        }
        self.release_iterator();
        let mut id = id.to_raw();
        let delete = required!(RedisModule_StreamDelete);
        // SAFETY: R37: a key open for writing that holds a stream and that nobody walks over.
        let status = unsafe { delete(self.as_ptr(), &raw mut id) };
        Ok(status == raw::REDISMODULE_OK as c_int)
    }

    /// Deletes the oldest entries until `len` are left; answers how many were deleted. All servers.
    ///
    /// # Errors
    /// [`Error::WrongType`] if the key holds something else.
    pub fn stream_trim_to_len(&mut self, len: u64, how: StreamTrim) -> Result<u64, Error> {
        if !self.holds(KeyType::Stream)? {
            return Ok(0);
        }
        self.release_iterator();
        let trim = required!(RedisModule_StreamTrimByLength);
        let len = i64::try_from(len).unwrap_or(i64::MAX);
        // SAFETY: R37: a key open for writing that holds a stream and that nobody walks over.
        deleted("RedisModule_StreamTrimByLength", unsafe { trim(self.as_ptr(), how.bits(), len) })
    }

    /// Deletes the entries below `id`; answers how many were deleted. All servers.
    ///
    /// # Errors
    /// [`Error::WrongType`] if the key holds something else.
    pub fn stream_trim_below(&mut self, id: StreamId, how: StreamTrim) -> Result<u64, Error> {
        if !self.holds(KeyType::Stream)? {
            return Ok(0);
        }
        self.release_iterator();
        let mut id = id.to_raw();
        let trim = required!(RedisModule_StreamTrimByID);
        // SAFETY: R37: a key open for writing that holds a stream and that nobody walks over.
        let count = unsafe { trim(self.as_ptr(), how.bits(), &raw mut id) };
        deleted("RedisModule_StreamTrimByID", count)
    }
}

fn deleted(function: &'static str, count: i64) -> Result<u64, Error> {
    u64::try_from(count).map_err(|_| Error::Refused { function, reason: "no reason is left" })
}

/// Why the server took no entry (module.c, `RM_StreamAdd`). Read before anything else is called.
fn refused_entry() -> Error {
    // SAFETY: R2: the thread's own errno.
    let reason = match unsafe { *libc::__errno_location() } {
        libc::EDOM => "it is not above the last id of the stream",
        libc::EFBIG => "the stream has reached the last possible id",
        libc::ERANGE => {
            return Error::Invalid { what: "the entry", reason: "at most 1 GB in all its fields" };
        }
        _ => return Error::Refused { function: "RedisModule_StreamAdd", reason: "no reason is given" },
    };
    Error::Invalid { what: "the entry's id", reason }
}
