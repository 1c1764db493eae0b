//! The ids of a stream's entries.

use std::fmt;
use std::ptr;

use redis_module::raw;

use crate::api::required;
use crate::error::Error;
use crate::string::{RedisStr, RedisString};

/// The id of an entry: `ms-seq`, ordered by time and then by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct StreamId {
    /// Milliseconds of the Unix epoch, if the server chose the id.
    pub ms: u64,
    /// Tells entries of one millisecond apart.
    pub seq: u64,
}

impl StreamId {
    /// `0-0`, which no entry has; `-` in a range.
    pub const MIN: Self = Self::new(0, 0);
    /// The last possible id; `+` in a range.
    pub const MAX: Self = Self::new(u64::MAX, u64::MAX);

    /// An id out of its two numbers.
    pub const fn new(ms: u64, seq: u64) -> Self {
        Self { ms, seq }
    }

    /// Reads `ms-seq`, `ms` (its `seq` is 0), `-` or `+`, as the server does. All servers.
    ///
    /// # Errors
    /// [`Error::Invalid`] for anything else.
    pub fn parse<'s>(text: impl Into<RedisStr<'s>>) -> Result<Self, Error> {
        let parse = required!(RedisModule_StringToStreamID);
        let mut id = Self::MIN.to_raw();
        // SAFETY: R37: a live string, and where the id goes.
        let status = unsafe { parse(text.into().as_ptr(), &raw mut id) };
        if status == raw::REDISMODULE_OK as i32 {
            return Ok(Self::from_raw(id));
        }
        Err(Error::Invalid { what: "the stream id", reason: "it is written ms-seq, ms, - or +" })
    }

    /// The id as a server string, `ms-seq`: what XADD takes. All servers.
    pub fn to_redis_string(self) -> RedisString {
        let create = required!(RedisModule_CreateStringFromStreamID);
        let id = self.to_raw();
        // SAFETY: R37: the id is read during the call; a NULL context makes a string that only its owner frees.
        let string = unsafe { RedisString::from_raw(create(ptr::null_mut(), &raw const id)) };
        string.unwrap_or_else(|| RedisString::new(self.to_string().as_bytes()))
    }

    /// The smallest id above this one; `None` above [`StreamId::MAX`].
    pub const fn next(self) -> Option<Self> {
        match (self.seq.checked_add(1), self.ms.checked_add(1)) {
            (Some(seq), _) => Some(Self::new(self.ms, seq)),
            (None, Some(ms)) => Some(Self::new(ms, 0)),
            (None, None) => None,
        }
    }

    /// The greatest id below this one; `None` below [`StreamId::MIN`].
    pub const fn previous(self) -> Option<Self> {
        match (self.seq.checked_sub(1), self.ms.checked_sub(1)) {
            (Some(seq), _) => Some(Self::new(self.ms, seq)),
            (None, Some(ms)) => Some(Self::new(ms, u64::MAX)),
            (None, None) => None,
        }
    }

    pub(super) const fn to_raw(self) -> raw::RedisModuleStreamID {
        raw::RedisModuleStreamID { ms: self.ms, seq: self.seq }
    }

    pub(super) const fn from_raw(id: raw::RedisModuleStreamID) -> Self {
        Self::new(id.ms, id.seq)
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.ms, self.seq)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_carry_into_the_milliseconds() {
        assert_eq!(StreamId::new(1, u64::MAX).next(), Some(StreamId::new(2, 0)));
        assert_eq!(StreamId::new(2, 0).previous(), Some(StreamId::new(1, u64::MAX)));
        assert_eq!((StreamId::MAX.next(), StreamId::MIN.previous()), (None, None));
        assert_eq!(StreamId::new(7, 3).next().and_then(StreamId::previous), Some(StreamId::new(7, 3)));
    }

    #[test]
    fn ids_are_ordered_by_time_first() {
        assert!(StreamId::new(1, 9) < StreamId::new(2, 0) && StreamId::new(2, 0) < StreamId::new(2, 1));
        assert_eq!(StreamId::new(5, 6).to_string(), "5-6");
    }
}
