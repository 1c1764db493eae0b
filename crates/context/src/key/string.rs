//! String values.

use redis_module::raw;

use super::{KeyType, ReadKey, WriteKey};
use crate::api::required;
use crate::error::Error;
use crate::keyspace::is_telling;
use crate::string::RedisStr;

/// The longest string that [`WriteKey::truncate`] makes, in bytes (module.c, `RM_StringTruncate`).
pub const STRING_BYTES_MAX: usize = 512 * 1024 * 1024;

/// No server keeps a string longer than this in a compact form, in bytes. Redis stops at 44
/// (`OBJ_ENCODING_EMBSTR_SIZE_LIMIT`, object.c), Valkey at what fits a cache line or two with the key.
pub const STRING_COMPACT_BYTES_MAX: usize = 512;

impl ReadKey<'_> {
    /// Appends the key's string to `buffer`, and answers whether there was one.
    ///
    /// # Errors
    /// [`Error::WrongType`] if the key holds something else.
    pub fn read_string(&self, buffer: &mut Vec<u8>) -> Result<bool, Error> {
        let bytes = self.string_bytes()?;
        buffer.extend_from_slice(bytes.unwrap_or_default());
        Ok(bytes.is_some())
    }

    /// The first bytes of the key's string; `None` if there is no such key, or if it holds fewer.
    ///
    /// # Errors
    /// [`Error::WrongType`] if the key holds something else.
    pub fn string_prefix<const LEN: usize>(&self) -> Result<Option<[u8; LEN]>, Error> {
        Ok(self.string_bytes()?.and_then(|bytes| bytes.first_chunk().copied()))
    }

    /// The key's string where the server keeps it, without a copy; `None` if there is no such key. What could
    /// change or free it waits until the view is gone: commands and a second opening of the key are refused
    /// while the key is open, and changes through the key need it whole.
    ///
    /// # Errors
    /// [`Error::WrongType`] if the key holds something else. [`Error::Refused`] in a listener to keyspace events, for
    /// strings of up to [`STRING_COMPACT_BYTES_MAX`]: read them afterwards ([`crate::NotificationContext::after`]).
    #[inline]
    pub fn string_bytes(&self) -> Result<Option<&[u8]>, Error> {
        if self.raw.is_null() {
            return Ok(None);
        }
        if is_telling() {
            self.refuse_compact()?;
        }
        let direct_access = required!(RedisModule_StringDMA);
        let mut len = 0;
        // SAFETY: R20: an open key, of whatever type; for reading only.
        let start = unsafe { direct_access(self.raw, &raw mut len, raw::REDISMODULE_READ as i32) };
        if start.is_null() {
            return Err(Error::WrongType);
        }
        // A missing key that is open for writing reads as a text of no bytes.
        if len == 0 && !self.exists() {
            return Ok(None);
        }
        // SAFETY: R64: `len` bytes that stay while the key is open and borrowed.
        Ok(Some(unsafe { std::slice::from_raw_parts(start.cast(), len) }))
    }

    /// Reading replaces a value in a compact form by a plain one, and the command that caused the event may go on with
    /// the one that was there (INCRBYFLOAT, COPY, LCS and others, t_string.c).
    #[cold]
    fn refuse_compact(&self) -> Result<(), Error> {
        if self.key_type() == KeyType::String && self.value_len() <= STRING_COMPACT_BYTES_MAX {
            return Err(Error::Refused {
                function: "RedisModule_StringDMA",
                reason: "the command that caused this event may hold the value: read it in a job afterwards",
            });
        }
        Ok(())
    }

    /// The key's string, copied; `None` if there is no such key.
    ///
    /// # Errors
    /// [`Error::WrongType`] if the key holds something else.
    pub fn string(&self) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.string_bytes()?.map(<[u8]>::to_vec))
    }
}

impl WriteKey<'_> {
    /// Replaces whatever the key holds by a string and removes its expiry. The value is shared, not copied:
    /// make it for this call and drop it. A shared value stays as it is, while SET would store a number
    /// in its compact form.
    ///
    /// # Errors
    /// [`Error::Refused`] if the server refuses.
    #[inline]
    pub fn set_string<'v>(&mut self, value: impl Into<RedisStr<'v>>) -> Result<(), Error> {
        self.release_iterator();
        let set = required!(RedisModule_StringSet);
        // SAFETY: R20: a key open for writing; the server counts a reference to the value.
        let status = unsafe { set(self.raw, value.into().as_ptr()) };
        if status == raw::REDISMODULE_OK as i32 {
            Ok(())
        } else {
            Err(Error::Refused { function: "RedisModule_StringSet", reason: "the key is being iterated" })
        }
    }

    /// Writes `bytes` over the string that the key holds, in the memory it has; its expiry stays. It is the
    /// fastest way to change an existing string: the server looks the key up once, when it is opened. The
    /// value is stored plainly, which SET does too from 45 bytes on (`OBJ_ENCODING_EMBSTR_SIZE_LIMIT`,
    /// object.c).
    ///
    /// # Errors
    /// [`Error::NoSuchKey`] if the key does not exist, [`Error::WrongType`] if it holds something else,
    /// [`Error::Invalid`] above [`STRING_BYTES_MAX`].
    pub fn overwrite_string(&mut self, bytes: &[u8]) -> Result<(), Error> {
        if !self.holds(KeyType::String)? {
            return Err(Error::NoSuchKey);
        }
        self.truncate(bytes.len())?;
        let direct_access = required!(RedisModule_StringDMA);
        let mut len = 0;
        // SAFETY: R20: a key open for writing that holds a string; nobody else has a view of it.
        let start = unsafe { direct_access(self.raw, &raw mut len, raw::REDISMODULE_WRITE as i32) };
        if start.is_null() || len != bytes.len() {
            return Err(Error::WrongType);
        }
        // SAFETY: R20, R64: the string is `len` bytes of the server's. `bytes` can't be a view of it: such a
        // view borrows the key, and of another key's string no memory is shared (StringDMA for writing unshares).
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), start.cast::<u8>(), len) };
        Ok(())
    }

    /// Makes the string `len` bytes long: cuts it, or pads it with zero bytes. A missing key becomes `len`
    /// zero bytes, and stays missing for 0.
    ///
    /// # Errors
    /// [`Error::WrongType`] if the key holds something else, [`Error::Invalid`] above
    /// [`STRING_BYTES_MAX`].
    pub fn truncate(&mut self, len: usize) -> Result<(), Error> {
        self.holds(KeyType::String)?;
        if len > STRING_BYTES_MAX {
            return Err(Error::Invalid { what: "the string's length", reason: "at most 512 MB" });
        }
        let truncate = required!(RedisModule_StringTruncate);
        // SAFETY: R20: a key open for writing that is missing or holds a string.
        let status = unsafe { truncate(self.raw, len) };
        if status == raw::REDISMODULE_OK as i32 { Ok(()) } else { Err(Error::WrongType) }
    }
}
