//! The commands that rebuild a value on a server that can't take it serialized, or that only takes commands.

use std::collections::{BTreeMap, HashSet};

use super::{
    Group, GroupMeta, HashField, IdempotencyMeta, Loss, Pending, Stream, StreamEntry, StreamId, StreamMeta,
    Value, kept_expiry, lost_expiries,
};
use crate::rdb::{NotRestorable, Target, types};

/// Takes one command with its arguments.
pub(super) type Sink<'s> = dyn FnMut(&[&[u8]]) + 's;

/// Arguments of one command, at most: long values are built in steps that don't hold up a server.
const ARGUMENTS_MAX: usize = 512;
/// Bytes of one command, unless a single element exceeds them.
const COMMAND_BYTES_MAX: usize = 1 << 20;

impl Value {
    /// Hands `sink` the commands that build this value under `key`, which must not exist, and says what they can't
    /// carry over. Key expiry is the caller's.
    ///
    /// Strings come as `SET`, lists `RPUSH`, sets `SADD`, sorted sets `ZADD`, hashes `HSET` and `HPEXPIREAT`, streams
    /// `XADD`, `XSETID`, `XGROUP` and `XCLAIM`, in chunks.
    ///
    /// # Errors
    /// [`NotRestorable`] for module values: no command builds them.
    pub fn commands(
        &self,
        key: &[u8],
        target: Target,
        sink: &mut Sink<'_>,
    ) -> Result<Vec<Loss>, NotRestorable> {
        match self {
            Self::String(bytes) => sink(&[b"SET", key, bytes]),
            Self::List(elements) => chunks(&[b"RPUSH", key], elements.iter().map(|e| [e.as_slice()]), sink),
            Self::Set(members) => chunks(&[b"SADD", key], members.iter().map(|m| [m.as_slice()]), sink),
            Self::ZSet(members) => zadd(key, members, sink),
            Self::Hash(fields) => return Ok(hash(key, fields, target, sink)),
            Self::Stream(stream) => return Ok(self::stream(key, stream, target, sink)),
            Self::Module(_) => return Err(module(target)),
        }
        Ok(Vec::new())
    }
}

const fn module(target: Target) -> NotRestorable {
    NotRestorable { type_byte: types::MODULE_2, source_family: target.family, target }
}

/// Commands that begin with `head` and go on with as many groups of arguments as one may hold.
pub(super) fn chunks<'v, const N: usize>(
    head: &[&'v [u8]],
    groups: impl Iterator<Item = [&'v [u8]; N]>,
    sink: &mut Sink<'_>,
) {
    let mut command = head.to_vec();
    let mut bytes = 0;
    for group in groups {
        let more: usize = group.iter().map(|argument| argument.len()).sum();
        let full = command.len() + N > ARGUMENTS_MAX || bytes + more > COMMAND_BYTES_MAX;
        if full && command.len() > head.len() {
            sink(&command);
            command.truncate(head.len());
            bytes = 0;
        }
        command.extend_from_slice(&group);
        bytes += more;
    }
    if command.len() > head.len() {
        sink(&command);
    }
}

pub(super) fn zadd(key: &[u8], members: &[(Vec<u8>, f64)], sink: &mut Sink<'_>) {
    // The shortest text that reads back as the same number; `inf` and `-inf` as the servers spell them.
    let scores: Vec<String> = members.iter().map(|(_, score)| format!("{score:?}")).collect();
    let pairs = members.iter().zip(&scores).map(|((member, _), score)| [score.as_bytes(), member.as_slice()]);
    chunks(&[b"ZADD", key], pairs, sink);
}

pub(super) fn hash(key: &[u8], fields: &[HashField], target: Target, sink: &mut Sink<'_>) -> Vec<Loss> {
    let pairs = fields.iter().map(|field| [field.field.as_slice(), field.value.as_slice()]);
    chunks(&[b"HSET", key], pairs, sink);
    expire_fields(key, fields, target, sink);
    match lost_expiries(fields, target) {
        0 => Vec::new(),
        lost => vec![Loss::FieldTtl(lost)],
    }
}

fn expire_fields(key: &[u8], fields: &[HashField], target: Target, sink: &mut Sink<'_>) {
    let mut by_time: BTreeMap<u64, Vec<&[u8]>> = BTreeMap::new();
    for field in fields {
        if let Some(at) = kept_expiry(field, target) {
            by_time.entry(at).or_default().push(&field.field);
        }
    }
    for (at, names) in by_time {
        for names in names.chunks(ARGUMENTS_MAX) {
            let (at, count) = (at.to_string(), names.len().to_string());
            let head: [&[u8]; 5] = [b"HPEXPIREAT", key, at.as_bytes(), b"FIELDS", count.as_bytes()];
            sink(&[&head, names].concat());
        }
    }
}

fn stream(key: &[u8], stream: &Stream, target: Target, sink: &mut Sink<'_>) -> Vec<Loss> {
    xadd(key, &stream.entries, sink);
    set_id(key, &stream.meta, stream.entries.is_empty(), target, sink);
    if let Some(idempotency) = &stream.idempotency {
        set_idempotency(key, &idempotency.meta, target, sink);
    }
    let present: HashSet<StreamId> = stream.entries.iter().map(|entry| entry.id).collect();
    let deleted = stream.groups.iter().map(|group| self::group(key, group, &present, target, sink)).sum();
    losses(stream, target, deleted)
}

pub(super) fn xadd(key: &[u8], entries: &[StreamEntry], sink: &mut Sink<'_>) {
    for entry in entries {
        let id = entry.id.to_string();
        let mut command: Vec<&[u8]> = vec![b"XADD", key, id.as_bytes()];
        entry.fields.iter().for_each(|(name, value)| command.extend([name.as_slice(), value]));
        sink(&command);
    }
}

pub(super) fn set_id(key: &[u8], meta: &StreamMeta, empty: bool, target: Target, sink: &mut Sink<'_>) {
    if empty {
        // As the servers' AOF rewrite makes an empty stream: an entry that is trimmed at once.
        let id = meta.last_id.max(StreamId { ms: 0, seq: 1 }).to_string();
        sink(&[b"XADD", key, b"MAXLEN", b"0", id.as_bytes(), b"x", b"y"]);
    }
    let last_id = meta.last_id.to_string();
    if !target.has_stream_counters() {
        return sink(&[b"XSETID", key, last_id.as_bytes()]);
    }
    let (added, deleted) = (meta.entries_added.to_string(), meta.max_deleted_id.to_string());
    let counters: [&[u8]; 4] = [b"ENTRIESADDED", added.as_bytes(), b"MAXDELETEDID", deleted.as_bytes()];
    sink(&[&[b"XSETID", key, last_id.as_bytes()], &counters[..]].concat());
}

/// The settings; no command can add the remembered ids themselves.
pub(super) fn set_idempotency(key: &[u8], meta: &IdempotencyMeta, target: Target, sink: &mut Sink<'_>) {
    if !target.has_stream_idempotency() {
        return;
    }
    let (duration, ids_max) = (meta.duration_s.to_string(), meta.ids_max.to_string());
    let settings: [&[u8]; 4] = [b"IDMP-DURATION", duration.as_bytes(), b"IDMP-MAXSIZE", ids_max.as_bytes()];
    sink(&[&[b"XCFGSET", key], &settings[..]].concat());
}

pub(super) fn create_group(key: &[u8], name: &[u8], meta: &GroupMeta, target: Target, sink: &mut Sink<'_>) {
    let last_id = meta.last_id.to_string();
    let mut create: Vec<&[u8]> = vec![b"XGROUP", b"CREATE", key, name, last_id.as_bytes()];
    let read = meta.entries_read.map(|read| read.to_string());
    if let Some(read) = read.as_ref().filter(|_| target.has_stream_counters()) {
        create.extend([b"ENTRIESREAD".as_slice(), read.as_bytes()]);
    }
    sink(&create);
}

/// Builds a group; answers how many of its pending entries no longer are in the stream.
fn group(key: &[u8], group: &Group, present: &HashSet<StreamId>, target: Target, sink: &mut Sink<'_>) -> u64 {
    create_group(key, &group.name, &group.meta, target, sink);
    let pending: BTreeMap<StreamId, &Pending> = group.pending.iter().map(|p| (p.id, p)).collect();
    let mut deleted = 0;
    for consumer in &group.consumers {
        sink(&[b"XGROUP", b"CREATECONSUMER", key, &group.name, &consumer.name]);
        for pending in consumer.pending.iter().filter_map(|id| pending.get(id)) {
            if present.contains(&pending.id) {
                claim(key, &group.name, &consumer.name, pending, sink);
            } else {
                deleted += 1;
            }
        }
    }
    deleted
}

pub(super) fn claim(key: &[u8], group: &[u8], consumer: &[u8], pending: &Pending, sink: &mut Sink<'_>) {
    let (id, time) = (pending.id.to_string(), pending.delivered_at_ms.to_string());
    let count = pending.deliveries.to_string();
    let head: [&[u8]; 6] = [b"XCLAIM", key, group, consumer, b"0", id.as_bytes()];
    let tail: [&[u8]; 6] = [b"TIME", time.as_bytes(), b"RETRYCOUNT", count.as_bytes(), b"FORCE", b"JUSTID"];
    sink(&[head, tail].concat());
}

fn losses(stream: &Stream, target: Target, deleted: u64) -> Vec<Loss> {
    let forgotten = stream.idempotency.as_ref().map_or(0, |idempotency| idempotency.ids());
    let consumers = stream.groups.iter().map(|group| group.consumers.len() as u64).sum();
    let mut all = stream_losses(forgotten, consumers, stream.groups.len() as u64, target);
    all.extend((deleted > 0).then_some(Loss::PendingDeleted(deleted)));
    all
}

/// What commands can't carry over of a stream with so many idempotent ids, consumers and groups.
pub(super) fn stream_losses(forgotten: u64, consumers: u64, groups: u64, target: Target) -> Vec<Loss> {
    let counters = if target.has_stream_counters() { 0 } else { groups + 1 };
    let all = [
        (forgotten, Loss::StreamIdempotency(forgotten)),
        (consumers, Loss::ConsumerTimes(consumers)),
        (counters, Loss::StreamCounters(counters)),
    ];
    all.into_iter().filter_map(|(count, loss)| (count > 0).then_some(loss)).collect()
}
