//! Values made at random, for what is written and read again.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use crate::rdb::{
    Consumer, Group, GroupMeta, HashField, Idempotency, IdempotencyMeta, Pending, Producer, Stream,
    StreamEntry, StreamId, StreamMeta, Value,
};

/// Texts of many lengths, numbers, and what compresses.
fn text() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => prop::collection::vec(any::<u8>(), 0..12),
        3 => any::<i64>().prop_flat_map(|n| (0..63u32).prop_map(move |shift| (n >> shift).to_string().into_bytes())),
        1 => prop::collection::vec(any::<u8>(), 12..400),
        1 => (any::<u8>(), 20..3000usize).prop_map(|(byte, len)| vec![byte; len]),
        1 => Just(b"007".to_vec()),
    ]
}

fn names(max: usize) -> impl Strategy<Value = Vec<Vec<u8>>> {
    prop::collection::btree_set(text(), 1..max).prop_map(|names| names.into_iter().collect())
}

fn score() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<i32>().prop_map(f64::from),
        any::<f64>().prop_map(|n| if n.is_nan() || n == 0.0 { 1.5 } else { n }),
        Just(f64::INFINITY),
        Just(f64::NEG_INFINITY),
    ]
}

fn zset() -> impl Strategy<Value = Value> {
    prop::collection::btree_map(text(), score(), 1..60).prop_map(|all| Value::ZSet(all.into_iter().collect()))
}

/// The latest time a field can expire in Redis.
const EXPIRE_MAX: u64 = (1 << 46) - 1;

fn hash(expiring: bool) -> impl Strategy<Value = Value> {
    let expiry = if expiring { prop::option::of(1..=EXPIRE_MAX).boxed() } else { Just(None).boxed() };
    prop::collection::btree_map(text(), (text(), expiry), 1..60).prop_map(|all| {
        let field = |(field, (value, expire_at_ms))| HashField { field, value, expire_at_ms };
        Value::Hash(all.into_iter().map(field).collect())
    })
}

fn id() -> impl Strategy<Value = StreamId> {
    prop_oneof![
        (0..40u64, 0..5u64).prop_map(|(ms, seq)| StreamId { ms, seq }),
        (any::<u64>(), any::<u64>()).prop_map(|(ms, seq)| StreamId { ms, seq }),
    ]
}

fn entries() -> impl Strategy<Value = Vec<StreamEntry>> {
    let fields = prop_oneof![
        text().prop_map(|value| vec![(b"shared".to_vec(), value)]),
        prop::collection::vec((text(), text()), 1..4),
    ];
    prop::collection::btree_map(id(), fields, 0..150)
        .prop_map(|all| all.into_iter().map(|(id, fields)| StreamEntry { id, fields }).collect())
}

fn consumer_times() -> impl Strategy<Value = (u64, Option<u64>)> {
    (any::<u32>(), prop::option::of(any::<u32>()))
        .prop_map(|(seen, active)| (u64::from(seen), active.map(u64::from)))
}

/// A group whose pending entries are dealt out to its consumers.
fn group(name: Vec<u8>) -> impl Strategy<Value = Group> {
    let owed = prop::collection::btree_map(id(), (any::<u32>(), 0..9u64, any::<usize>()), 0..40);
    let consumers = prop::collection::btree_map(text(), consumer_times(), 1..4);
    (id(), prop::option::of(any::<u32>()), owed, consumers).prop_map(
        move |(last_id, read, owed, consumers)| {
            let mut consumers: Vec<_> = consumers.into_iter().map(consumer).collect();
            let count = consumers.len();
            owed.iter().for_each(|(id, (.., owner))| consumers[owner % count].pending.push(*id));
            let pending = |(id, (at, deliveries, _)): (StreamId, (u32, u64, usize))| Pending {
                id,
                delivered_at_ms: u64::from(at),
                deliveries,
            };
            let meta = GroupMeta { last_id, entries_read: read.map(u64::from) };
            Group { name: name.clone(), meta, pending: owed.into_iter().map(pending).collect(), consumers }
        },
    )
}

fn consumer((name, (seen_at_ms, active_at_ms)): (Vec<u8>, (u64, Option<u64>))) -> Consumer {
    Consumer { name, seen_at_ms, active_at_ms, pending: Vec::new() }
}

fn groups() -> impl Strategy<Value = Vec<Group>> {
    prop::collection::btree_set(text(), 0..4)
        .prop_flat_map(|names| names.into_iter().map(group).collect::<Vec<_>>())
}

fn idempotency() -> impl Strategy<Value = Idempotency> {
    let ids = prop::collection::btree_map(text(), id(), 0..20);
    let producers: BoxedStrategy<BTreeMap<Vec<u8>, _>> =
        prop::collection::btree_map(text(), ids, 0..3).boxed();
    producers.prop_map(|producers| Idempotency {
        meta: IdempotencyMeta { duration_s: 60, ids_max: 50, added: 7, duplicates: 1 },
        producers: producers
            .into_iter()
            .map(|(name, ids)| Producer { name, ids: ids.into_iter().collect() })
            .collect(),
    })
}

fn stream() -> impl Strategy<Value = Value> {
    (entries(), groups(), idempotency(), any::<u32>()).prop_map(|(entries, groups, idempotency, more)| {
        let edge = |entry: Option<&StreamEntry>| entry.map_or(StreamId::default(), |entry| entry.id);
        let meta = StreamMeta {
            length: entries.len() as u64,
            last_id: edge(entries.last()),
            first_id: edge(entries.first()),
            max_deleted_id: StreamId { ms: 3, seq: 1 },
            entries_added: entries.len() as u64 + u64::from(more),
        };
        Value::Stream(Box::new(Stream { entries, meta, groups, idempotency: Some(idempotency) }))
    })
}

/// A value of any kind but a module's.
pub fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        text().prop_map(Value::String),
        prop::collection::vec(text(), 1..80).prop_map(Value::List),
        names(80).prop_map(Value::Set),
        prop::collection::btree_set(any::<i64>(), 1..40).prop_map(numbers),
        zset(),
        hash(false),
        hash(true),
        stream(),
    ]
}

fn numbers(all: BTreeSet<i64>) -> Value {
    let shift = all.len() as u32 % 50;
    let all: BTreeSet<i64> = all.into_iter().map(|n| n >> shift).collect();
    Value::Set(all.into_iter().map(|n| n.to_string().into_bytes()).collect())
}

/// The value as an encoding can tell it: order where none is kept, and what the type has no place for.
pub fn told_by(mut value: Value, type_byte: u8) -> Value {
    match &mut value {
        Value::Set(members) => members.sort(),
        Value::ZSet(members) => members.sort_by(|a, b| a.0.cmp(&b.0)),
        Value::Hash(fields) => {
            fields.sort_by(|a, b| a.field.cmp(&b.field));
            if !matches!(type_byte, 22..=25) {
                fields.iter_mut().for_each(|field| field.expire_at_ms = None);
            }
        }
        Value::Stream(stream) => forget(stream, type_byte),
        _ => {}
    }
    value
}

fn forget(stream: &mut Stream, type_byte: u8) {
    if type_byte != 26 {
        stream.idempotency = None;
    }
    if type_byte == 15 {
        let max_deleted_id = StreamId::default();
        stream.meta = StreamMeta { max_deleted_id, entries_added: stream.meta.length, ..stream.meta };
    }
    for group in &mut stream.groups {
        group.meta.entries_read = group.meta.entries_read.filter(|_| type_byte != 15);
        for consumer in &mut group.consumers {
            if matches!(type_byte, 15 | 19) {
                consumer.active_at_ms = Some(consumer.seen_at_ms);
            }
        }
    }
}
