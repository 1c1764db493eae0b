//! A string that grows.

use std::fmt;
use std::ptr;

use super::{RedisStr, RedisString};
use crate::api::required;
use crate::error::Error;
use crate::key::STRING_BYTES_MAX;

/// A server string that is being written: nobody else sees it before it is finished. It is what a C module makes by
/// `CreateStringPrintf`: `write!(buf, ..)` appends Rust's formats.
///
/// ```
/// use redis_context::{Error, RedisString, StringBuf};
/// fn path(name: &[u8], number: u32) -> Result<RedisString, Error> {
///     use std::fmt::Write;
///     let mut path = StringBuf::new(b"jobs:");
///     path.push(name)?;
///     write!(path, ":{number:04}").map_err(|_| Error::module("the path is too long"))?;
///     Ok(path.finish())
/// }
/// ```
pub struct StringBuf(RedisString);

impl StringBuf {
    /// A string that begins with these bytes.
    pub fn new(start: &[u8]) -> Self {
        Self(RedisString::new(start))
    }

    /// Appends any bytes.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the string would be longer than [`STRING_BYTES_MAX`]; it stays as it was.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), Error> {
        if self.len().saturating_add(bytes.len()) > STRING_BYTES_MAX {
            return Err(Error::Invalid { what: "a string", reason: "it is longer than 512 MB" });
        }
        let append = required!(RedisModule_StringAppendBuffer);
        // SAFETY: R60: the only reference; the server copies the bytes, which are not the string's own.
        unsafe { append(ptr::null_mut(), self.0.as_ptr(), bytes.as_ptr().cast(), bytes.len()) };
        Ok(())
    }

    /// Gives back the memory that is kept for growing, if it is more than a tenth of the string.
    pub fn trim(&mut self) {
        let trim = required!(RedisModule_TrimStringAllocation);
        // SAFETY: R60: the only reference, and nobody looks at the bytes.
        unsafe { trim(self.0.as_ptr()) };
    }

    /// The bytes so far.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// How many bytes there are.
    pub fn len(&self) -> usize {
        self.as_bytes().len()
    }

    /// Whether there is no byte.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The string, which does not change any more.
    pub fn finish(self) -> RedisString {
        self.0
    }
}

impl From<RedisStr<'_>> for StringBuf {
    /// A copy, to append to.
    fn from(string: RedisStr<'_>) -> Self {
        Self(string.to_owned())
    }
}

impl fmt::Write for StringBuf {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push(text.as_bytes()).map_err(|_| fmt::Error)
    }
}

impl fmt::Debug for StringBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
