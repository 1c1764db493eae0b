//! Keys, opened for reading or for writing.
//!
//! ```text
//! Context       --open_read-->   ReadKey    type, length, expiry, values of each type
//! WriteContext  --open_write-->  WriteKey   all of that, and set, truncate, delete, unlink, expiry
//! ```
//!
//! A key is closed when it is dropped, and cannot outlive the context it was opened with. While a key is
//! open, commands, notifications and a second opening of the same key are refused with
//! [`Error::KeyIsOpen`]: each could free the value under the handle. Writes through a key neither
//! propagate nor notify: [`WriteContext::replicate`] and [`WriteContext::notify`] do.

mod elements;
mod eviction;
mod expire;
mod flags;
mod hash;
mod hash_fields;
mod list;
mod lookup;
mod open;
mod stream;
mod string;
mod zset;
mod zset_range;

use std::cell::Cell;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::Deref;

use redis_module::raw;

use crate::api::required;
use crate::context::{Context, WriteContext};
use crate::error::Error;
use crate::loading;
use crate::string::{RedisStr, RedisString};

pub use elements::{Element, ElementCursor};
pub use eviction::IDLE_MS_MAX;
pub use expire::EXPIRE_IN_MS_MAX;
pub use flags::OpenFlags;
pub use hash::{HASH_FIELDS_PER_CALL, HashCondition};
pub use list::ListEnd;
pub(crate) use open::{Walk, refuse_while_open};
pub use stream::{NewStreamId, STREAM_FIELDS_MAX, StreamId, StreamTrim};
pub use stream::{StreamEntries, StreamEntriesMut, StreamEntry, StreamEntryMut, StreamOrder};
pub use string::{STRING_BYTES_MAX, STRING_COMPACT_BYTES_MAX};
pub use zset::{ZsetAdded, ZsetCondition};
pub use zset_range::{ZsetRange, ZsetStart};

impl<'a> From<&'a RedisString> for RedisStr<'a> {
    fn from(string: &'a RedisString) -> Self {
        string.as_redis_str()
    }
}

/// What a key holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyType {
    /// There is no such key.
    Missing,
    /// A string.
    String,
    /// A list.
    List,
    /// A hash.
    Hash,
    /// A set.
    Set,
    /// A sorted set.
    SortedSet,
    /// A value of a module.
    Module,
    /// A stream.
    Stream,
    /// A type this crate has no name for, by the server's number.
    Unknown(i32),
}

impl KeyType {
    #[inline]
    fn from_raw(number: i32) -> Self {
        match number {
            0 => Self::Missing,
            1 => Self::String,
            2 => Self::List,
            3 => Self::Hash,
            4 => Self::Set,
            5 => Self::SortedSet,
            6 => Self::Module,
            7 => Self::Stream,
            other => Self::Unknown(other),
        }
    }
}

/// A key opened for reading; also what a [`WriteKey`] can read.
pub struct ReadKey<'k> {
    /// NULL for a key that does not exist, when it was opened for reading.
    raw: *mut raw::RedisModuleKey,
    /// Whether the server may hold a list iterator in the handle: see list.rs.
    list_iterated: Cell<bool>,
    /// Whether the server may hold a walk over a stream in the handle: see stream/walk.rs.
    stream_walked: Cell<bool>,
    context: PhantomData<&'k ()>,
}

/// A key opened for writing. Dropping it closes it and, for the sake of WATCH and client-side caching,
/// tells the server that it was modified.
pub struct WriteKey<'k>(ReadKey<'k>);

impl Context<'_> {
    /// Opens a key of the selected database for reading. A key that does not exist opens too:
    /// [`ReadKey::exists`] tells.
    ///
    /// # Errors
    /// [`Error::KeyIsOpen`] if this key is open.
    #[inline]
    pub fn open_read<'k, 'n>(&'k self, name: impl Into<RedisStr<'n>>) -> Result<ReadKey<'k>, Error> {
        self.open_read_with(name, OpenFlags::empty())
    }

    /// As [`Context::open_read`], with flags.
    ///
    /// # Errors
    /// Also [`Error::Unsupported`] for a flag this server lacks.
    #[inline]
    pub fn open_read_with<'k, 'n>(
        &'k self,
        name: impl Into<RedisStr<'n>>,
        flags: OpenFlags,
    ) -> Result<ReadKey<'k>, Error> {
        ReadKey::open(self, name.into(), raw::REDISMODULE_READ as i32 | flags.check()?)
    }
}

impl WriteContext<'_> {
    /// Opens a key of the selected database for reading and writing, whether it exists or not.
    ///
    /// # Errors
    /// [`Error::KeyIsOpen`] if this key is open. [`Error::NotNow`] for the command of a client that was let through in the
    /// middle of a load ([`crate::CommandFlags::ALLOW_LOADING`]): the load ends the server when it comes to the same key.
    #[inline]
    pub fn open_write<'k, 'n>(&'k self, name: impl Into<RedisStr<'n>>) -> Result<WriteKey<'k>, Error> {
        self.open_write_with(name, OpenFlags::empty())
    }

    /// As [`WriteContext::open_write`], with flags.
    ///
    /// # Errors
    /// Also [`Error::Unsupported`] for a flag this server lacks.
    #[inline]
    pub fn open_write_with<'k, 'n>(
        &'k self,
        name: impl Into<RedisStr<'n>>,
        flags: OpenFlags,
    ) -> Result<WriteKey<'k>, Error> {
        let mode = (raw::REDISMODULE_READ | raw::REDISMODULE_WRITE) as i32 | flags.check()?;
        loading::refuse_write(self)?;
        let key = ReadKey::open(self, name.into(), mode)?;
        if key.raw.is_null() {
            return Err(Error::Refused { function: "RedisModule_OpenKey", reason: "it opened nothing" });
        }
        Ok(WriteKey(key))
    }
}

impl<'k> ReadKey<'k> {
    #[inline]
    fn new(raw: *mut raw::RedisModuleKey) -> Self {
        let (list_iterated, stream_walked) = (Cell::new(false), Cell::new(false));
        Self { raw, list_iterated, stream_walked, context: PhantomData }
    }

    #[inline]
    fn open(ctx: &'k Context<'_>, name: RedisStr<'_>, mode: i32) -> Result<Self, Error> {
        open::may_open(ctx, name)?;
        let open = required!(RedisModule_OpenKey);
        // SAFETY: R20: a live context and name; the server counts a reference to the name.
        let raw = unsafe { open(ctx.as_ptr(), name.as_ptr(), mode) };
        if !raw.is_null() {
            open::opened(raw);
        }
        Ok(Self::new(raw))
    }

    /// A key that the server opened for a callback and closes itself.
    ///
    /// # Safety
    /// `raw` is an open key for all of `'k`, and a [`Walk`] keeps others from being opened.
    pub(crate) unsafe fn borrowed(raw: *mut raw::RedisModuleKey) -> ManuallyDrop<Self> {
        ManuallyDrop::new(Self::new(raw))
    }

    /// The key's name; `None` for a missing key opened for reading.
    pub fn name(&self) -> Option<RedisStr<'_>> {
        if self.raw.is_null() {
            return None;
        }
        let name_of = required!(RedisModule_GetKeyNameFromModuleKey);
        // SAFETY: R20: an open key holds a reference to its name, for as long as it is open.
        unsafe { RedisStr::from_raw(name_of(self.raw).cast_mut()) }
    }

    /// The number of the key's database; `None` for a missing key opened for reading.
    pub fn db(&self) -> Option<u32> {
        if self.raw.is_null() {
            return None;
        }
        let db_of = required!(RedisModule_GetDbIdFromModuleKey);
        // SAFETY: R20: an open key, not NULL.
        u32::try_from(unsafe { db_of(self.raw) }).ok()
    }

    pub(crate) fn as_ptr(&self) -> *mut raw::RedisModuleKey {
        self.raw
    }

    /// What the key holds.
    #[inline]
    pub fn key_type(&self) -> KeyType {
        let key_type = required!(RedisModule_KeyType);
        // SAFETY: R20: an open key or NULL, which the server reads as "missing".
        KeyType::from_raw(unsafe { key_type(self.raw) })
    }

    /// Whether the key exists.
    #[inline]
    pub fn exists(&self) -> bool {
        self.key_type() != KeyType::Missing
    }

    /// The length of a string in bytes, or the number of elements of a list, hash, set, sorted set or
    /// stream. 0 for a missing key and for a module's value.
    pub fn value_len(&self) -> usize {
        let value_length = required!(RedisModule_ValueLength);
        // SAFETY: R20: an open key or NULL, whose length the server gives as 0.
        unsafe { value_length(self.raw) }
    }

    /// When the key expires, in milliseconds of the Unix epoch. `None` if it does not, or is missing.
    pub fn expire_at_ms(&self) -> Option<u64> {
        if !self.exists() {
            return None;
        }
        let get = required!(RedisModule_GetAbsExpire);
        // SAFETY: R20: an open key that exists.
        u64::try_from(unsafe { get(self.raw) }).ok()
    }

    /// Refuses a key of another type; a missing key is answered `false`.
    #[inline]
    fn holds(&self, wanted: KeyType) -> Result<bool, Error> {
        match self.key_type() {
            KeyType::Missing => Ok(false),
            found if found == wanted => Ok(true),
            _ => Err(Error::WrongType),
        }
    }
}

impl Drop for ReadKey<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.raw.is_null() {
            return;
        }
        open::closed(self.raw);
        let close = required!(RedisModule_CloseKey);
        // SAFETY: R20: opened by `open`, closed once, and its context is alive (`'k`).
        unsafe { close(self.raw) };
    }
}

impl<'k> Deref for WriteKey<'k> {
    type Target = ReadKey<'k>;
    fn deref(&self) -> &ReadKey<'k> {
        &self.0
    }
}

impl WriteKey<'_> {
    /// Lets the server's own iterator in the handle go, as is due before the value is freed or moved.
    #[inline]
    pub(crate) fn release_iterator(&mut self) {
        if self.list_iterated.get() {
            list::release_iterator(self);
        }
        if self.stream_walked.replace(false) {
            stream::end_walk(self);
        }
    }

    /// Sets when the key expires, in milliseconds of the Unix epoch. A time in the past is stored as it is:
    /// the server deletes the key when it next looks at it.
    ///
    /// # Errors
    /// [`Error::NoSuchKey`] if the key does not exist, [`Error::Invalid`] for a time past `i64::MAX`.
    #[inline]
    pub fn set_expire_at(&mut self, unix_ms: u64) -> Result<(), Error> {
        let Ok(unix_ms) = i64::try_from(unix_ms) else {
            return Err(Error::Invalid { what: "the time of expiry", reason: "it is past i64::MAX" });
        };
        self.set_abs_expire(unix_ms)
    }

    /// Makes the key stay for ever.
    ///
    /// # Errors
    /// [`Error::NoSuchKey`] if the key does not exist.
    pub fn remove_expire(&mut self) -> Result<(), Error> {
        self.set_abs_expire(i64::from(raw::REDISMODULE_NO_EXPIRE))
    }

    #[inline]
    fn set_abs_expire(&mut self, expire: i64) -> Result<(), Error> {
        self.release_iterator();
        let set = required!(RedisModule_SetAbsExpire);
        // SAFETY: R20: an open key; the server refuses one without a value. R35: it may move the value.
        let status = unsafe { set(self.raw, expire) };
        if status == raw::REDISMODULE_OK as i32 { Ok(()) } else { Err(Error::NoSuchKey) }
    }

    /// Deletes the key and frees its value at once. Answers whether it existed.
    pub fn delete(&mut self) -> bool {
        let existed = self.exists();
        self.release_iterator();
        let delete = required!(RedisModule_DeleteKey);
        // SAFETY: R20: a key open for writing; the server forgets the value it frees.
        existed && unsafe { delete(self.raw) } == raw::REDISMODULE_OK as i32
    }

    /// Deletes the key and has a large value freed by the server's background thread. Answers whether
    /// it existed.
    pub fn unlink(&mut self) -> bool {
        let existed = self.exists();
        self.release_iterator();
        let unlink = required!(RedisModule_UnlinkKey);
        // SAFETY: R20: as for `delete`.
        existed && unsafe { unlink(self.raw) } == raw::REDISMODULE_OK as i32
    }
}

fn selected_db(ctx: &Context<'_>) -> i32 {
    let selected = required!(RedisModule_GetSelectedDb);
    // SAFETY: R11: a live context.
    unsafe { selected(ctx.as_ptr()) }
}

/// # Safety
/// `key` is an open key.
unsafe fn is_of(key: *mut raw::RedisModuleKey, db: i32, name: RedisStr<'_>) -> bool {
    let db_of = required!(RedisModule_GetDbIdFromModuleKey);
    let name_of = required!(RedisModule_GetKeyNameFromModuleKey);
    // SAFETY: R20: an open key holds a reference to its name, for as long as it is open.
    let open = unsafe { RedisStr::from_raw(name_of(key).cast_mut()) };
    // SAFETY: R20: an open key knows its database.
    open.is_some_and(|open| open == name) && unsafe { db_of(key) } == db
}
