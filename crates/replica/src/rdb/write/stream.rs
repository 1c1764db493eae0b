//! Streams behind their nodes, in each version of the type.

use super::put::Out;
use crate::rdb::Target;
use crate::rdb::packed::listpack::Builder;
use crate::rdb::types::*;
use crate::rdb::value::{Group, Idempotency, Loss, Stream, StreamEntry, StreamId};

/// The type of streams that a target reads and that keeps the most.
pub(crate) fn stream_type(target: Target) -> u8 {
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

/// Writes what follows the nodes of a stream; answers what this type has no place for.
pub(crate) fn put_behind_nodes(out: &mut Out, stream: &Stream, type_byte: u8) -> Vec<Loss> {
    out.len(stream.meta.length);
    put_id(out, stream.meta.last_id);
    if type_byte != STREAM {
        put_id(out, stream.meta.first_id);
        put_id(out, stream.meta.max_deleted_id);
        out.len(stream.meta.entries_added);
    }
    out.len(stream.groups.len() as u64);
    stream.groups.iter().for_each(|group| put_group(out, group, type_byte));
    if type_byte == REDIS_STREAM_4 {
        put_idempotency(out, stream.idempotency.as_ref());
    }
    stream_losses(stream, type_byte)
}

fn put_id(out: &mut Out, id: StreamId) {
    out.len(id.ms);
    out.len(id.seq);
}

fn put_raw_id(out: &mut Out, id: StreamId) {
    out.put(&id.ms.to_be_bytes());
    out.put(&id.seq.to_be_bytes());
}

fn put_group(out: &mut Out, group: &Group, type_byte: u8) {
    out.string(&group.name);
    put_id(out, group.meta.last_id);
    if type_byte != STREAM {
        out.len(group.meta.entries_read.unwrap_or(u64::MAX));
    }
    out.len(group.pending.len() as u64);
    for pending in &group.pending {
        put_raw_id(out, pending.id);
        out.put(&pending.delivered_at_ms.to_le_bytes());
        out.len(pending.deliveries);
    }
    out.len(group.consumers.len() as u64);
    for consumer in &group.consumers {
        out.string(&consumer.name);
        out.put(&consumer.seen_at_ms.to_le_bytes());
        if matches!(type_byte, STREAM_3 | REDIS_STREAM_4) {
            out.put(&consumer.active_at_ms.unwrap_or(u64::MAX).to_le_bytes());
        }
        out.len(consumer.pending.len() as u64);
        consumer.pending.iter().for_each(|id| put_raw_id(out, *id));
    }
}

/// Settings a new stream has in Redis 8.6 (config.c: `stream-idmp-duration`, `stream-idmp-maxsize`).
const IDEMPOTENCY_DURATION_S: u64 = 100;
const IDEMPOTENCY_IDS_MAX: u64 = 100;

fn put_idempotency(out: &mut Out, idempotency: Option<&Idempotency>) {
    let Some(Idempotency { meta, producers }) = idempotency else {
        [IDEMPOTENCY_DURATION_S, IDEMPOTENCY_IDS_MAX, 0, 0, 0].iter().for_each(|n| out.len(*n));
        return;
    };
    out.len(meta.duration_s);
    out.len(meta.ids_max);
    out.len(producers.len() as u64);
    for producer in producers {
        out.string(&producer.name);
        out.len(producer.ids.len() as u64);
        for (iid, id) in &producer.ids {
            out.string(iid);
            put_id(out, *id);
        }
    }
    out.len(meta.added);
    out.len(meta.duplicates);
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

/// What servers put into a node by default (config.c: `stream-node-max-entries`, `stream-node-max-bytes`).
const NODE_ENTRIES_MAX: usize = 100;
const NODE_BYTES_MAX: usize = 4096;

/// Entry flags (stream.h).
const FLAG_NONE: i64 = 0;
const FLAG_SAME_FIELDS: i64 = 2;

/// Writes the entries as nodes, their number first.
pub(crate) fn put_nodes(out: &mut Out, entries: &[StreamEntry]) {
    let nodes = nodes(entries);
    out.len(nodes.len() as u64);
    for node in nodes {
        put_node(out, node);
    }
}

/// Cuts the entries as a server would that was given them one by one.
fn nodes(mut entries: &[StreamEntry]) -> Vec<&[StreamEntry]> {
    let mut nodes = Vec::new();
    while !entries.is_empty() {
        let (node, rest) = entries.split_at(node_len(entries));
        nodes.push(node);
        entries = rest;
    }
    nodes
}

fn node_len(entries: &[StreamEntry]) -> usize {
    let mut bytes = 0;
    for (at, entry) in entries.iter().enumerate() {
        if at == NODE_ENTRIES_MAX || bytes >= NODE_BYTES_MAX {
            return at;
        }
        bytes += entry.fields.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>();
    }
    entries.len()
}

/// `streamAppendItem` (t_stream.c): a master entry whose field names later entries may share, then the entries.
fn put_node(out: &mut Out, node: &[StreamEntry]) {
    let Some(first) = node.first() else { return };
    let mut listpack = Builder::new();
    listpack.int(node.len() as i64).int(0).int(first.fields.len() as i64);
    for (name, _) in &first.fields {
        listpack.push(name);
    }
    listpack.int(0);
    node.iter().for_each(|entry| put_entry(&mut listpack, first, entry));
    let mut key = Out::default();
    put_raw_id(&mut key, first.id);
    out.string(&key.bytes);
    out.string(&listpack.build());
}

fn put_entry(listpack: &mut Builder, first: &StreamEntry, entry: &StreamEntry) {
    let names = |entry: &StreamEntry| entry.fields.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    let same = names(first) == names(entry);
    listpack.int(if same { FLAG_SAME_FIELDS } else { FLAG_NONE });
    listpack.int(entry.id.ms.wrapping_sub(first.id.ms).cast_signed());
    listpack.int(entry.id.seq.wrapping_sub(first.id.seq).cast_signed());
    let fields = entry.fields.len() as i64;
    if !same {
        listpack.int(fields);
    }
    for (name, value) in &entry.fields {
        if !same {
            listpack.push(name);
        }
        listpack.push(value);
    }
    listpack.int(if same { fields + 3 } else { 2 * fields + 4 });
}
