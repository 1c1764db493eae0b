//! A value in a given encoding.

use super::packed;
use super::plain::{
    put_plain_hash, put_redis_hash, put_redis_hash_rc, put_scored, put_text_scored, put_valkey_hash,
};
use super::put::Out;
use super::stream::{put_behind_nodes, put_nodes};
use super::{Encoding, WriteError};
use crate::rdb::{Consumer, HashField, Kind, Loss, Stream, Value};

/// Appends the value without its type byte; answers what the encoding has no place for.
pub(super) fn put(out: &mut Out, value: &Value, encoding: Encoding) -> Result<Vec<Loss>, WriteError> {
    let refused = |rule| WriteError::NotEncodable { encoding, rule };
    unmistakable(value).map_err(refused)?;
    match value {
        Value::String(bytes) if encoding == Encoding::String => out.string(bytes),
        Value::List(elements) if encoding.kind() == Kind::List => {
            list(out, elements, encoding).map_err(refused)?
        }
        Value::Set(members) if encoding.kind() == Kind::Set => {
            set(out, members, encoding).map_err(refused)?
        }
        Value::ZSet(members) if encoding.kind() == Kind::ZSet => {
            zset(out, members, encoding).map_err(refused)?
        }
        Value::Hash(fields) if encoding.kind() == Kind::Hash => {
            hash(out, fields, encoding).map_err(refused)?;
            return Ok(lost_expiries(fields, encoding));
        }
        Value::Stream(stream) if encoding.kind() == Kind::Stream => {
            return Ok(self::stream(out, stream, encoding));
        }
        value => return Err(WriteError::WrongKind { encoding, kind: value.kind() }),
    }
    Ok(Vec::new())
}

/// No number of the value is one that stands for none where it is serialized: it would be lost without a word.
fn unmistakable(value: &Value) -> Result<(), &'static str> {
    const NONE: Option<u64> = Some(u64::MAX);
    match value {
        Value::Hash(fields) if fields.iter().any(|field| matches!(field.expire_at_ms, Some(0) | NONE)) => {
            Err("an expiry of 0 or 2^64 - 1 means that a field doesn't expire")
        }
        Value::Stream(stream) if stream.groups.iter().any(|group| group.meta.entries_read == NONE) => {
            Err("entries read of 2^64 - 1 mean that the number isn't known")
        }
        Value::Stream(stream) if consumers(stream).any(|consumer| consumer.active_at_ms == NONE) => {
            Err("an active time of 2^64 - 1 means that a consumer never was")
        }
        _ => Ok(()),
    }
}

fn consumers(stream: &Stream) -> impl Iterator<Item = &Consumer> {
    stream.groups.iter().flat_map(|group| &group.consumers)
}

fn list(out: &mut Out, elements: &[Vec<u8>], encoding: Encoding) -> Result<(), &'static str> {
    match encoding {
        Encoding::ListZiplist => packed::put(out, packed::ziplist(elements.iter().map(Vec::as_slice)))?,
        Encoding::ListQuicklist => packed::quicklist(out, elements)?,
        Encoding::ListQuicklist2 => packed::quicklist_2(out, elements)?,
        _ => out.strings(elements),
    }
    Ok(())
}

fn set(out: &mut Out, members: &[Vec<u8>], encoding: Encoding) -> Result<(), &'static str> {
    match encoding {
        Encoding::SetIntset => packed::put(out, packed::intset(members)?)?,
        Encoding::SetListpack => packed::put(out, packed::listpack(members.iter().map(Vec::as_slice)))?,
        _ => out.strings(members),
    }
    Ok(())
}

fn zset(out: &mut Out, members: &[(Vec<u8>, f64)], encoding: Encoding) -> Result<(), &'static str> {
    match encoding {
        Encoding::ZSet => put_text_scored(out, members),
        Encoding::ZSet2 => put_scored(out, members),
        encoding => {
            let scores = packed::in_order(members);
            let texts = scores.iter().flat_map(|(member, score)| [*member, score.as_bytes()]);
            packed::put(
                out,
                match encoding {
                    Encoding::ZSetZiplist => packed::ziplist(texts),
                    _ => packed::listpack(texts),
                },
            )?;
        }
    }
    Ok(())
}

fn hash(out: &mut Out, fields: &[HashField], encoding: Encoding) -> Result<(), &'static str> {
    let pairs = fields.iter().map(|field| (field.field.as_slice(), field.value.as_slice()));
    let texts = pairs.clone().flat_map(|(field, value)| [field, value]);
    match encoding {
        Encoding::HashZipmap => packed::put(out, packed::zipmap(pairs))?,
        Encoding::HashZiplist => packed::put(out, packed::ziplist(texts))?,
        Encoding::HashListpack => packed::put(out, packed::listpack(texts))?,
        Encoding::HashExpiringRc => put_redis_hash_rc(out, fields),
        Encoding::HashExpiring => put_redis_hash(out, fields, |field| field.expire_at_ms),
        Encoding::ValkeyHashExpiring => put_valkey_hash(out, fields, |field| field.expire_at_ms),
        Encoding::HashListpackExpiringRc => packed::put(out, packed::expiring(fields))?,
        Encoding::HashListpackExpiring => {
            let earliest = fields.iter().filter_map(|field| field.expire_at_ms).min();
            out.put(&earliest.unwrap_or(NO_EXPIRY).to_le_bytes());
            packed::put(out, packed::expiring(fields))?;
        }
        _ => put_plain_hash(out, fields),
    }
    Ok(())
}

/// No field expires (ebuckets.h: `EB_EXPIRE_TIME_INVALID`).
const NO_EXPIRY: u64 = 1 << 48;

fn lost_expiries(fields: &[HashField], encoding: Encoding) -> Vec<Loss> {
    let lost = fields.iter().filter(|field| field.expire_at_ms.is_some()).count() as u64;
    if lost == 0 || encoding.keeps_field_expiry() { Vec::new() } else { vec![Loss::FieldTtl(lost)] }
}

fn stream(out: &mut Out, stream: &Stream, encoding: Encoding) -> Vec<Loss> {
    put_nodes(out, &stream.entries);
    put_behind_nodes(out, stream, encoding.type_byte())
}
