//! What a key holds here.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::stream::Stream;

/// A key's value and expiry.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// Its value: never an empty collection, but perhaps a stream without entries.
    pub value: Value,
    /// When it expires: milliseconds since 1970.
    pub expire_at_ms: Option<u64>,
}

impl Item {
    pub(super) fn new(value: Value) -> Self {
        Item { value, expire_at_ms: None }
    }
}

/// A value.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// A string.
    String(Vec<u8>),
    /// A list, from left to right.
    List(VecDeque<Vec<u8>>),
    /// A set.
    Set(BTreeSet<Vec<u8>>),
    /// Members of a sorted set with their scores.
    ZSet(BTreeMap<Vec<u8>, f64>),
    /// Fields of a hash.
    Hash(BTreeMap<Vec<u8>, Field>),
    /// A stream.
    Stream(Box<Stream>),
}

/// A field of a hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Its value.
    pub value: Vec<u8>,
    /// When it expires: milliseconds since 1970.
    pub expire_at_ms: Option<u64>,
}

impl Value {
    /// Whether a server would have removed the key.
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Value::String(_) | Value::Stream(_) => false,
            Value::List(list) => list.is_empty(),
            Value::Set(set) => set.is_empty(),
            Value::ZSet(zset) => zset.is_empty(),
            Value::Hash(hash) => hash.is_empty(),
        }
    }
}
