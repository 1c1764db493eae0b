//! What is sent and what comes back.

use redis::{FromRedisValue, Value, from_redis_value};

use crate::Error;

/// A record, or the end of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its type.
    pub type_name: String,
    /// Its id within the type.
    pub id: String,
    /// The version of its last change.
    pub version: u64,
    /// What was put; `None` if it was deleted.
    pub data: Option<Vec<u8>>,
    /// When, in milliseconds of Unix time.
    pub modified_at_ms: u64,
    /// When it ends, in milliseconds of Unix time.
    pub expires_at_ms: Option<u64>,
    /// Why it is gone: `user`, `capacity` or `ttl`.
    pub reason: Option<String>,
}

/// Up to where a reader has read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// Which history: `0` is the beginning.
    pub epoch: String,
    /// Which change of it.
    pub version: u64,
}

impl Cursor {
    /// Before the first change.
    pub fn start() -> Cursor {
        Cursor { epoch: "0".to_owned(), version: 0 }
    }
}

/// A part of a feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Where to go on.
    pub cursor: Cursor,
    /// What changed, in order.
    pub records: Vec<Record>,
    /// Whether there is more to read at once.
    pub more: bool,
}

/// One change to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Put<'a> {
    pub(crate) type_name: &'a str,
    pub(crate) id: &'a str,
    pub(crate) data: Option<&'a [u8]>,
    pub(crate) version: Option<u64>,
}

impl<'a> Put<'a> {
    /// The record becomes this.
    pub fn set(type_name: &'a str, id: &'a str, data: &'a [u8]) -> Put<'a> {
        Put { type_name, id, data: Some(data), version: None }
    }

    /// The record goes.
    pub fn delete(type_name: &'a str, id: &'a str) -> Put<'a> {
        Put { type_name, id, data: None, version: None }
    }

    /// Only if the record has this version; 0 says that there is none. Otherwise nothing of the batch is done, and the error
    /// is `RECVERSION`.
    #[must_use]
    pub fn if_version(self, version: u64) -> Put<'a> {
        Put { version: Some(version), ..self }
    }
}

/// A value out of a reply.
pub(crate) fn take<T: FromRedisValue>(value: Option<&Value>, what: &'static str) -> Result<T, Error> {
    let value = value.ok_or(Error::Reply(what))?;
    from_redis_value(value.clone()).map_err(|_| Error::Reply(what))
}

/// A field of a map, which comes as a flat array to clients that speak RESP2.
pub(crate) fn field<'v>(reply: &'v Value, name: &str) -> Option<&'v Value> {
    let is_it = |key: &Value| matches!(key, Value::BulkString(bytes) if bytes == name.as_bytes());
    match reply {
        Value::Array(items) => items.chunks_exact(2).find(|pair| is_it(&pair[0])).map(|pair| &pair[1]),
        Value::Map(pairs) => pairs.iter().find(|(key, _)| is_it(key)).map(|(_, value)| value),
        _ => None,
    }
}

pub(crate) fn record(reply: &Value) -> Result<Record, Error> {
    let Value::Array(parts) = reply else { return Err(Error::Reply("a record")) };
    Ok(Record {
        type_name: take(parts.first(), "a type")?,
        id: take(parts.get(1), "an id")?,
        version: take(parts.get(2), "a version")?,
        data: take(parts.get(4), "data")?,
        modified_at_ms: take(parts.get(5), "a time")?,
        expires_at_ms: take(parts.get(6), "an end")?,
        reason: parts.get(7).map(|reason| take(Some(reason), "a reason")).transpose()?,
    })
}

pub(crate) fn records(reply: Option<&Value>) -> Result<Vec<Record>, Error> {
    match reply {
        Some(Value::Array(items)) => items.iter().map(record).collect(),
        _ => Err(Error::Reply("records")),
    }
}

pub(crate) fn cursor(reply: &Value) -> Result<Cursor, Error> {
    let epoch = take(field(reply, "epoch"), "an epoch")?;
    Ok(Cursor { epoch, version: take(field(reply, "version"), "a version")? })
}

pub(crate) fn page(reply: &Value) -> Result<Page, Error> {
    let more: i64 = take(field(reply, "more"), "whether there is more")?;
    Ok(Page { cursor: cursor(reply)?, records: records(field(reply, "records"))?, more: more != 0 })
}
