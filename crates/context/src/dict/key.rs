//! What a dict takes as a key.

use crate::string::{RedisStr, RedisString};

/// A key of a [`crate::Dict`]: bytes of any kind, or a server string, which is passed on as it is.
#[derive(Debug, Clone, Copy)]
pub struct DictKey<'k>(pub(super) Kind<'k>);

#[derive(Debug, Clone, Copy)]
pub(super) enum Kind<'k> {
    Bytes(&'k [u8]),
    String(RedisStr<'k>),
}

impl<'k> DictKey<'k> {
    /// The key's bytes.
    pub fn as_bytes(&self) -> &'k [u8] {
        match self.0 {
            Kind::Bytes(bytes) => bytes,
            Kind::String(string) => string.as_bytes(),
        }
    }
}

impl<'k> From<&'k [u8]> for DictKey<'k> {
    fn from(bytes: &'k [u8]) -> Self {
        Self(Kind::Bytes(bytes))
    }
}

impl<'k, const LEN: usize> From<&'k [u8; LEN]> for DictKey<'k> {
    fn from(bytes: &'k [u8; LEN]) -> Self {
        Self(Kind::Bytes(bytes))
    }
}

impl<'k> From<&'k str> for DictKey<'k> {
    fn from(text: &'k str) -> Self {
        Self(Kind::Bytes(text.as_bytes()))
    }
}

impl<'k> From<RedisStr<'k>> for DictKey<'k> {
    fn from(string: RedisStr<'k>) -> Self {
        Self(Kind::String(string))
    }
}

impl<'k> From<&'k RedisString> for DictKey<'k> {
    fn from(string: &'k RedisString) -> Self {
        Self(Kind::String(string.as_redis_str()))
    }
}
