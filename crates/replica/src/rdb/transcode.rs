//! A value in a type that an older server, or one of the other family, can read.

use super::skim::{Skim, Skimmed};
use super::types::*;
use super::value::{kept_expiry, lost_expiries};
use super::write::{
    Out, put_behind_nodes, put_plain_hash, put_redis_hash, put_scored, put_valkey_hash, stream_type,
};
use super::{Family, HashField, Loss, Object, Target, Value, layout};

/// Appends type byte and value; answers the type and what was lost, or `None` if there is no such form.
pub(crate) fn append(object: &Object<'_>, target: Target, out: &mut Vec<u8>) -> Option<(u8, Vec<Loss>)> {
    let start = out.len();
    out.push(0);
    let mut into = Out { bytes: std::mem::take(out), ..Out::default() };
    let written = put(object, target, &mut into);
    *out = into.bytes;
    let (type_byte, losses) = written?;
    out[start] = type_byte;
    Some((type_byte, losses))
}

fn put(object: &Object<'_>, target: Target, out: &mut Out) -> Option<(u8, Vec<Loss>)> {
    let type_byte = match object.decode_without_entries().ok()? {
        Value::String(bytes) => {
            out.string(&bytes);
            STRING
        }
        Value::List(elements) => {
            out.strings(&elements);
            LIST
        }
        Value::Set(members) => {
            out.strings(&members);
            SET
        }
        Value::ZSet(members) => {
            put_scored(out, &members);
            ZSET_2
        }
        Value::Hash(fields) => return Some(put_hash(out, &fields, target)),
        Value::Stream(stream) => {
            let type_byte = stream_type(target);
            out.put(nodes(object)?);
            return Some((type_byte, put_behind_nodes(out, &stream, type_byte)));
        }
        Value::Module(_) => return None,
    };
    Some((type_byte, Vec::new()))
}

fn put_hash(out: &mut Out, fields: &[HashField], target: Target) -> (u8, Vec<Loss>) {
    let lost = lost_expiries(fields, target);
    let losses = if lost > 0 { vec![Loss::FieldTtl(lost)] } else { Vec::new() };
    let expiry = |field: &HashField| kept_expiry(field, target);
    let type_byte = match target.family {
        _ if fields.iter().all(|field| expiry(field).is_none()) => {
            put_plain_hash(out, fields);
            HASH
        }
        Family::Redis => {
            put_redis_hash(out, fields, expiry);
            REDIS_HASH_METADATA
        }
        Family::Valkey => {
            put_valkey_hash(out, fields, expiry);
            VALKEY_HASH_2
        }
    };
    (type_byte, losses)
}

/// The serialized nodes of a stream, their count included: the same in every version of the type.
fn nodes<'b>(object: &Object<'b>) -> Option<&'b [u8]> {
    let parts = layout::value(object.type_byte(), object.family())?;
    let mut skim = Skim::new(u64::MAX, u64::MAX);
    skim.begin(&parts[..1], 0);
    match skim.run(object.body()) {
        Ok(Skimmed::End(end)) => object.body().get(..end),
        _ => None,
    }
}
