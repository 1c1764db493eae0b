//! A value in a type that an older server, or one of the other family, can read.

use super::skim::{Skim, Skimmed};
use super::types::*;
use super::value::{kept_expiry, lost_expiries};
use super::{Family, Group, HashField, Idempotency, Loss, Object, Stream, StreamId, Target, Value, layout};

/// Appends type byte and value; answers the type and what was lost, or `None` if there is no such form.
pub(crate) fn append(object: &Object<'_>, target: Target, out: &mut Vec<u8>) -> Option<(u8, Vec<Loss>)> {
    let start = out.len();
    out.push(0);
    let Written(type_byte, losses) = match object.decode_without_entries().ok()? {
        Value::String(bytes) => {
            put_string(out, &bytes);
            STRING.into()
        }
        Value::List(elements) => put_strings(out, &elements, LIST),
        Value::Set(members) => put_strings(out, &members, SET),
        Value::ZSet(members) => put_scored(out, &members),
        Value::Hash(fields) => put_hash(out, &fields, target),
        Value::Stream(stream) => put_stream(out, nodes(object)?, &stream, target),
        Value::Module(_) => return None,
    };
    out[start] = type_byte;
    Some((type_byte, losses))
}

/// The type a value was written as, and what was lost.
struct Written(u8, Vec<Loss>);

impl From<u8> for Written {
    fn from(type_byte: u8) -> Self {
        Self(type_byte, Vec::new())
    }
}

/// `rdbSaveLen`.
fn put_len(out: &mut Vec<u8>, len: u64) {
    match len {
        0..=0x3f => out.push(len as u8),
        0x40..=0x3fff => out.extend_from_slice(&[0x40 | (len >> 8) as u8, len as u8]),
        0x4000..=0xffff_ffff => {
            out.push(0x80);
            out.extend_from_slice(&(len as u32).to_be_bytes());
        }
        _ => {
            out.push(0x81);
            out.extend_from_slice(&len.to_be_bytes());
        }
    }
}

fn put_string(out: &mut Vec<u8>, bytes: &[u8]) {
    put_len(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn put_strings(out: &mut Vec<u8>, strings: &[Vec<u8>], type_byte: u8) -> Written {
    put_len(out, strings.len() as u64);
    strings.iter().for_each(|string| put_string(out, string));
    type_byte.into()
}

fn put_scored(out: &mut Vec<u8>, members: &[(Vec<u8>, f64)]) -> Written {
    put_len(out, members.len() as u64);
    for (member, score) in members {
        put_string(out, member);
        out.extend_from_slice(&score.to_bits().to_le_bytes());
    }
    ZSET_2.into()
}

fn put_hash(out: &mut Vec<u8>, fields: &[HashField], target: Target) -> Written {
    let lost = lost_expiries(fields, target);
    let losses = if lost > 0 { vec![Loss::FieldTtl(lost)] } else { Vec::new() };
    let expiry = |field: &HashField| kept_expiry(field, target);
    let type_byte = match target.family {
        _ if fields.iter().all(|field| expiry(field).is_none()) => put_plain_hash(out, fields),
        Family::Redis => put_redis_hash(out, fields, expiry),
        Family::Valkey => put_valkey_hash(out, fields, expiry),
    };
    Written(type_byte, losses)
}

fn put_plain_hash(out: &mut Vec<u8>, fields: &[HashField]) -> u8 {
    put_len(out, fields.len() as u64);
    for field in fields {
        put_string(out, &field.field);
        put_string(out, &field.value);
    }
    HASH
}

/// `rdbSaveObject`, Redis 7.4: the earliest expiry, then each counted from it, plus 1.
fn put_redis_hash(out: &mut Vec<u8>, fields: &[HashField], expiry: impl Fn(&HashField) -> Option<u64>) -> u8 {
    let earliest = fields.iter().filter_map(&expiry).min().unwrap_or_default();
    out.extend_from_slice(&earliest.to_le_bytes());
    put_len(out, fields.len() as u64);
    for field in fields {
        put_len(out, expiry(field).map_or(0, |at| at - earliest + 1));
        put_string(out, &field.field);
        put_string(out, &field.value);
    }
    REDIS_HASH_METADATA
}

fn put_valkey_hash(
    out: &mut Vec<u8>,
    fields: &[HashField],
    expiry: impl Fn(&HashField) -> Option<u64>,
) -> u8 {
    put_len(out, fields.len() as u64);
    for field in fields {
        put_string(out, &field.field);
        put_string(out, &field.value);
        out.extend_from_slice(&expiry(field).unwrap_or(u64::MAX).to_le_bytes());
    }
    VALKEY_HASH_2
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

fn stream_type(target: Target) -> u8 {
    if target.has_stream_idempotency() {
        REDIS_STREAM_4
    } else if target.has_consumer_active_time() {
        STREAM_3
    } else if target.has_stream_counters() {
        STREAM_2
    } else {
        STREAM
    }
}

fn put_stream(out: &mut Vec<u8>, nodes: &[u8], stream: &Stream, target: Target) -> Written {
    let type_byte = stream_type(target);
    out.extend_from_slice(nodes);
    put_len(out, stream.meta.length);
    put_id(out, stream.meta.last_id);
    if type_byte != STREAM {
        put_id(out, stream.meta.first_id);
        put_id(out, stream.meta.max_deleted_id);
        put_len(out, stream.meta.entries_added);
    }
    put_len(out, stream.groups.len() as u64);
    stream.groups.iter().for_each(|group| put_group(out, group, type_byte));
    if type_byte == REDIS_STREAM_4 {
        put_idempotency(out, stream.idempotency.as_ref());
    }
    Written(type_byte, stream_losses(stream, type_byte))
}

fn put_id(out: &mut Vec<u8>, id: StreamId) {
    put_len(out, id.ms);
    put_len(out, id.seq);
}

fn put_raw_id(out: &mut Vec<u8>, id: StreamId) {
    out.extend_from_slice(&id.ms.to_be_bytes());
    out.extend_from_slice(&id.seq.to_be_bytes());
}

fn put_group(out: &mut Vec<u8>, group: &Group, type_byte: u8) {
    put_string(out, &group.name);
    put_id(out, group.meta.last_id);
    if type_byte != STREAM {
        put_len(out, group.meta.entries_read.unwrap_or(u64::MAX));
    }
    put_len(out, group.pending.len() as u64);
    for pending in &group.pending {
        put_raw_id(out, pending.id);
        out.extend_from_slice(&pending.delivered_at_ms.to_le_bytes());
        put_len(out, pending.deliveries);
    }
    put_len(out, group.consumers.len() as u64);
    for consumer in &group.consumers {
        put_string(out, &consumer.name);
        out.extend_from_slice(&consumer.seen_at_ms.to_le_bytes());
        if matches!(type_byte, STREAM_3 | REDIS_STREAM_4) {
            out.extend_from_slice(&consumer.active_at_ms.unwrap_or(u64::MAX).to_le_bytes());
        }
        put_len(out, consumer.pending.len() as u64);
        consumer.pending.iter().for_each(|id| put_raw_id(out, *id));
    }
}

/// Settings a new stream has in Redis 8.6 (config.c: `stream-idmp-duration`, `stream-idmp-maxsize`).
const IDEMPOTENCY_DURATION_S: u64 = 100;
const IDEMPOTENCY_IDS_MAX: u64 = 100;

fn put_idempotency(out: &mut Vec<u8>, idempotency: Option<&Idempotency>) {
    let Some(Idempotency { meta, producers }) = idempotency else {
        [IDEMPOTENCY_DURATION_S, IDEMPOTENCY_IDS_MAX, 0, 0, 0].iter().for_each(|n| put_len(out, *n));
        return;
    };
    put_len(out, meta.duration_s);
    put_len(out, meta.ids_max);
    put_len(out, producers.len() as u64);
    for producer in producers {
        put_string(out, &producer.name);
        put_len(out, producer.ids.len() as u64);
        for (iid, id) in &producer.ids {
            put_string(out, iid);
            put_id(out, *id);
        }
    }
    put_len(out, meta.added);
    put_len(out, meta.duplicates);
}

fn stream_losses(stream: &Stream, type_byte: u8) -> Vec<Loss> {
    let forgotten = match &stream.idempotency {
        Some(idempotency) if type_byte != REDIS_STREAM_4 => idempotency.ids(),
        _ => 0,
    };
    let times = match type_byte {
        STREAM | STREAM_2 => stream.consumers_with_own_active_time(),
        _ => 0,
    };
    let counters = if type_byte == STREAM { stream.groups.len() as u64 + 1 } else { 0 };
    [
        (forgotten, Loss::StreamIdempotency(forgotten)),
        (times, Loss::ConsumerTimes(times)),
        (counters, Loss::StreamCounters(counters)),
    ]
    .into_iter()
    .filter_map(|(count, loss)| (count > 0).then_some(loss))
    .collect()
}
