//! Replies as types of Rust.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::Hash;

use super::reply::{ReplyRef, ReplyView};
use crate::outcome::ErrorReply;
use crate::reply::Reply;
use crate::string::RedisString;

/// A type that a reply converts into, by [`super::CallReply::get`].
///
/// Either protocol will do: a map may come as an array of keys and values, a set as an array, a double and a whole
/// number as text, a truth value as 1 or 0. A reply that is an error is that error; another type than the one that is
/// asked for is an error that names both.
///
/// | reply | types |
/// |---|---|
/// | whole number | `i64`, `u64`, `f64` |
/// | double | `f64` |
/// | truth value | `bool` |
/// | string, verbatim text, big number | `&[u8]`, `Vec<u8>`, `&str` and `String` (UTF-8), [`RedisString`], numbers |
/// | null | `Option<T>` |
/// | anything but an error | `()`, [`Reply`] |
/// | array, set | `Vec<T>`, `HashSet<T>`, `BTreeSet<T>`; pairs `(A, B)` |
/// | map | `HashMap<K, V>`, `BTreeMap<K, V>`, `Vec<(K, V)>` |
pub trait FromReply<'r>: Sized {
    /// Converts a reply or a part of one.
    fn from_reply(reply: ReplyRef<'r>) -> Result<Self, ErrorReply>;
}

/// What a reply is instead of what was asked for.
#[cold]
fn mismatch(reply: ReplyRef<'_>, wanted: &str) -> ErrorReply {
    let found = match reply.view() {
        ReplyView::Error(_) => return reply.to_error(),
        ReplyView::Null => "null",
        ReplyView::Int(_) => "a whole number",
        ReplyView::Double(_) => "a double",
        ReplyView::Bool(_) => "a truth value",
        ReplyView::String(_) => "a string",
        ReplyView::Array(_) => "an array",
        ReplyView::Set(_) => "a set",
        ReplyView::Map(_) => "a map",
        ReplyView::BigNumber(_) => "a big number",
        ReplyView::Verbatim(..) => "a verbatim text",
        ReplyView::Unknown(_) => "of an unknown type",
    };
    ErrorReply::err(format!("a reply is {found}, and not {wanted}"))
}

fn parsed<N: std::str::FromStr>(text: &[u8]) -> Option<N> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

impl<'r> FromReply<'r> for i64 {
    fn from_reply(reply: ReplyRef<'r>) -> Result<Self, ErrorReply> {
        let value = match reply.view() {
            ReplyView::Int(value) => Some(value),
            ReplyView::Bool(value) => Some(value.into()),
            ReplyView::String(text) | ReplyView::BigNumber(text) => parsed(text),
            _ => None,
        };
        value.ok_or_else(|| mismatch(reply, "a whole number of 64 bits"))
    }
}

impl<'r> FromReply<'r> for u64 {
    fn from_reply(reply: ReplyRef<'r>) -> Result<Self, ErrorReply> {
        let value = match reply.view() {
            ReplyView::Int(value) => value.try_into().ok(),
            ReplyView::String(text) | ReplyView::BigNumber(text) => parsed(text),
            _ => None,
        };
        value.ok_or_else(|| mismatch(reply, "a whole number that is not negative"))
    }
}

impl<'r> FromReply<'r> for f64 {
    fn from_reply(reply: ReplyRef<'r>) -> Result<Self, ErrorReply> {
        let value = match reply.view() {
            ReplyView::Double(value) => Some(value),
            ReplyView::Int(value) => Some(value as f64),
            ReplyView::String(text) => parsed(text),
            _ => None,
        };
        value.ok_or_else(|| mismatch(reply, "a number"))
    }
}

impl<'r> FromReply<'r> for bool {
    fn from_reply(reply: ReplyRef<'r>) -> Result<Self, ErrorReply> {
        match reply.view() {
            ReplyView::Bool(value) => Ok(value),
            ReplyView::Int(value @ 0..=1) => Ok(value == 1),
            _ => Err(mismatch(reply, "a truth value")),
        }
    }
}

impl<'r> FromReply<'r> for &'r [u8] {
    fn from_reply(reply: ReplyRef<'r>) -> Result<Self, ErrorReply> {
        reply.as_bytes().ok_or_else(|| mismatch(reply, "a string"))
    }
}

impl<'r> FromReply<'r> for &'r str {
    fn from_reply(reply: ReplyRef<'r>) -> Result<Self, ErrorReply> {
        let bytes: &[u8] = reply.get()?;
        std::str::from_utf8(bytes).map_err(|_| ErrorReply::err("a reply is a string, and not UTF-8"))
    }
}

impl<'r> FromReply<'r> for Vec<u8> {
    fn from_reply(reply: ReplyRef<'r>) -> Result<Self, ErrorReply> {
        reply.get::<&[u8]>().map(<[u8]>::to_vec)
    }
}

impl<'r> FromReply<'r> for String {
    fn from_reply(reply: ReplyRef<'r>) -> Result<Self, ErrorReply> {
        reply.get::<&str>().map(str::to_owned)
    }
}

impl<'r> FromReply<'r> for RedisString {
    fn from_reply(reply: ReplyRef<'r>) -> Result<Self, ErrorReply> {
        let is_error = reply.is_error();
        reply.to_redis_string().filter(|_| !is_error).ok_or_else(|| mismatch(reply, "a string"))
    }
}

impl<'r> FromReply<'r> for Reply {
    fn from_reply(reply: ReplyRef<'r>) -> Result<Self, ErrorReply> {
        if reply.is_error() { Err(reply.to_error()) } else { Ok(reply.to_reply()) }
    }
}

impl<'r> FromReply<'r> for () {
    fn from_reply(reply: ReplyRef<'r>) -> Result<Self, ErrorReply> {
        if reply.is_error() { Err(reply.to_error()) } else { Ok(()) }
    }
}

impl<'r, T: FromReply<'r>> FromReply<'r> for Option<T> {
    fn from_reply(reply: ReplyRef<'r>) -> Result<Self, ErrorReply> {
        if matches!(reply.view(), ReplyView::Null) { Ok(None) } else { reply.get().map(Some) }
    }
}

/// Elements that a list of them is made of: all but single bytes, whose list is a string.
pub trait Element {}

macro_rules! elements {
    ($($type:ty),*) => { $(impl Element for $type {})* };
}

elements!(i64, u64, f64, bool, &[u8], &str, Vec<u8>, String, RedisString, Reply);
impl<T> Element for Option<T> {}
impl<A, B> Element for (A, B) {}
impl<T: Element> Element for Vec<T> {}

impl<'r, T: FromReply<'r> + Element> FromReply<'r> for Vec<T> {
    fn from_reply(reply: ReplyRef<'r>) -> Result<Self, ErrorReply> {
        match reply.view() {
            ReplyView::Array(items) | ReplyView::Set(items) => items.map(ReplyRef::get).collect(),
            _ => Err(mismatch(reply, "a list")),
        }
    }
}

/// A list of two.
impl<'r, A: FromReply<'r>, B: FromReply<'r>> FromReply<'r> for (A, B) {
    fn from_reply(reply: ReplyRef<'r>) -> Result<Self, ErrorReply> {
        let ReplyView::Array(mut items) = reply.view() else { return Err(mismatch(reply, "a pair")) };
        match (items.next(), items.next(), items.next()) {
            (Some(first), Some(second), None) => Ok((first.get()?, second.get()?)),
            _ => Err(mismatch(reply, "a list of two")),
        }
    }
}

fn list<'r, T: FromReply<'r>, C: FromIterator<T>>(reply: ReplyRef<'r>) -> Result<C, ErrorReply> {
    match reply.view() {
        ReplyView::Array(items) | ReplyView::Set(items) => items.map(ReplyRef::get).collect(),
        _ => Err(mismatch(reply, "a set")),
    }
}

impl<'r, T: FromReply<'r> + Eq + Hash> FromReply<'r> for HashSet<T> {
    fn from_reply(reply: ReplyRef<'r>) -> Result<Self, ErrorReply> {
        list(reply)
    }
}

impl<'r, T: FromReply<'r> + Ord> FromReply<'r> for BTreeSet<T> {
    fn from_reply(reply: ReplyRef<'r>) -> Result<Self, ErrorReply> {
        list(reply)
    }
}

/// A map, or the flat array that stands for one in RESP2.
fn map<'r, K, V, C>(reply: ReplyRef<'r>) -> Result<C, ErrorReply>
where
    K: FromReply<'r>,
    V: FromReply<'r>,
    C: FromIterator<(K, V)>,
{
    match reply.view() {
        ReplyView::Map(pairs) => pairs.map(|(key, value)| Ok((key.get()?, value.get()?))).collect(),
        ReplyView::Array(mut items) if items.len() % 2 == 0 => std::iter::from_fn(|| {
            let (key, value) = (items.next()?, items.next()?);
            Some(key.get().and_then(|key| Ok((key, value.get()?))))
        })
        .collect(),
        _ => Err(mismatch(reply, "a map")),
    }
}

impl<'r, K: FromReply<'r> + Eq + Hash, V: FromReply<'r>> FromReply<'r> for HashMap<K, V> {
    fn from_reply(reply: ReplyRef<'r>) -> Result<Self, ErrorReply> {
        map(reply)
    }
}

impl<'r, K: FromReply<'r> + Ord, V: FromReply<'r>> FromReply<'r> for BTreeMap<K, V> {
    fn from_reply(reply: ReplyRef<'r>) -> Result<Self, ErrorReply> {
        map(reply)
    }
}
