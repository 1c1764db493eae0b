//! Streams: nodes of entries, counters, groups with their pending entries and consumers, idempotent ids.

use std::collections::HashSet;
use std::ops::RangeInclusive;

use super::{Meter, Spare, Visit};
use crate::rdb::Defect;
use crate::rdb::cursor::{Cursor, Text};
use crate::rdb::packed::Elements;
use crate::rdb::packed::listpack::Listpack;
use crate::rdb::types::*;
use crate::rdb::value::{GroupMeta, IdempotencyMeta, StreamId, StreamMeta};

const fn invalid(rule: &'static str) -> Defect {
    Defect::invalid("stream", rule)
}

const CUT_ENTRY: Defect = invalid("an entry ends before its last element");
const NO_NUMBER: Defect = invalid("text where a number belongs");

/// Entry flags (stream.h).
const FLAG_DELETED: i64 = 1;
const FLAG_SAME_FIELDS: i64 = 2;

pub(super) fn walk<V: Visit>(
    type_byte: u8,
    cursor: &mut Cursor<'_>,
    meter: &mut Meter<'_>,
    spare: &mut Spare,
    visit: &mut V,
) -> Result<(), Defect> {
    let mut nodes = Nodes::default();
    for _ in 0..meter.count(cursor)? {
        node(&mut nodes, cursor, meter, spare, visit)?;
    }
    let meta = read_meta(type_byte, cursor, &nodes)?;
    visit.stream_meta(meta);
    let mut names = HashSet::new();
    for _ in 0..meter.count(cursor)? {
        group(type_byte, &mut names, cursor, meter, spare, visit)?;
    }
    if type_byte == REDIS_STREAM_4 { idempotency(cursor, meter, spare, visit) } else { Ok(()) }
}

/// What all nodes together said.
#[derive(Debug, Default)]
pub(crate) struct Nodes {
    first: Option<StreamId>,
    last: Option<StreamId>,
    /// Of the entries alive and deleted alike, and of the nodes.
    highest: Option<StreamId>,
    alive: u64,
}

pub(crate) fn node<V: Visit>(
    nodes: &mut Nodes,
    cursor: &mut Cursor<'_>,
    meter: &mut Meter<'_>,
    spare: &mut Spare,
    visit: &mut V,
) -> Result<(), Defect> {
    let key = meter.blob(cursor, &mut spare.member)?;
    let master = StreamId::from_bytes(key.try_into().map_err(|_| invalid("a node's key is no stream id"))?);
    if nodes.highest.is_some_and(|highest| highest >= master) {
        return Err(invalid("its nodes are not in ascending order"));
    }
    let mut elements = Listpack::new(meter.blob(cursor, &mut spare.blob)?)?;
    let alive = int(&mut elements)?;
    let deleted = int(&mut elements)?;
    let names = master_fields(&mut elements)?;
    if alive <= 0 || deleted < 0 {
        return Err(invalid("a node's counts are out of range"));
    }
    // Within a node the first entry may have the node's own id.
    let mut state = Node { master, names, alive: 0, deleted: 0, highest: None };
    while let Some(flags) = elements.next()? {
        entry(flags, &mut elements, &mut state, nodes, visit)?;
    }
    if (state.alive, state.deleted) != (alive, deleted) {
        return Err(invalid("a node's counts are not those of its entries"));
    }
    nodes.highest = state.highest.max(Some(master));
    Ok(())
}

/// A node while its entries are walked.
struct Node<'s> {
    master: StreamId,
    names: (u64, Listpack<'s>),
    alive: i64,
    deleted: i64,
    highest: Option<StreamId>,
}

fn int<'s>(elements: &mut Listpack<'s>) -> Result<i64, Defect> {
    match elements.next()?.ok_or(CUT_ENTRY)? {
        Text::Int(n) => Ok(n),
        _ => Err(NO_NUMBER),
    }
}

/// The names that most entries share, and where they stand.
fn master_fields<'s>(elements: &mut Listpack<'s>) -> Result<(u64, Listpack<'s>), Defect> {
    let count = u64::try_from(int(elements)?).map_err(|_| invalid("a negative number of fields"))?;
    let names = elements.clone();
    for _ in 0..count {
        elements.next()?.ok_or(CUT_ENTRY)?;
    }
    match int(elements)? {
        0 => Ok((count, names)),
        _ => Err(invalid("the master entry's end mark is missing")),
    }
}

fn entry<'s, V: Visit>(
    flags: Text<'s>,
    elements: &mut Listpack<'s>,
    node: &mut Node<'s>,
    nodes: &mut Nodes,
    visit: &mut V,
) -> Result<(), Defect> {
    let Text::Int(flags @ 0..=3) = flags else { return Err(invalid("an entry of unknown flags")) };
    let id = node.master.offset(int(elements)?, int(elements)?);
    if id < node.master || node.highest.is_some_and(|highest| highest >= id) {
        return Err(invalid("its entries are not in ascending order"));
    }
    node.highest = Some(id);
    if flags & FLAG_DELETED != 0 {
        node.deleted += 1;
        return fields(flags, elements, &node.names, |_, _| Ok(()));
    }
    node.alive += 1;
    nodes.alive += 1;
    nodes.first = nodes.first.or(Some(id));
    nodes.last = Some(id);
    visit.stream_entry(id);
    fields(flags, elements, &node.names, |name, value| visit.stream_field(name, value))
}

/// The fields of an entry and the count of elements that closes it.
fn fields<'s>(
    flags: i64,
    elements: &mut Listpack<'s>,
    (shared, names): &(u64, Listpack<'s>),
    mut each: impl FnMut(Text<'s>, Text<'s>) -> Result<(), Defect>,
) -> Result<(), Defect> {
    let expected = if flags & FLAG_SAME_FIELDS != 0 {
        let mut names = names.clone();
        for _ in 0..*shared {
            each(names.next()?.ok_or(CUT_ENTRY)?, elements.next()?.ok_or(CUT_ENTRY)?)?;
        }
        shared.saturating_add(3)
    } else {
        let count = u64::try_from(int(elements)?).map_err(|_| invalid("a negative number of fields"))?;
        for _ in 0..count {
            each(elements.next()?.ok_or(CUT_ENTRY)?, elements.next()?.ok_or(CUT_ENTRY)?)?;
        }
        count.saturating_mul(2).saturating_add(4)
    };
    match u64::try_from(int(elements)?) == Ok(expected) {
        true => Ok(()),
        false => Err(invalid("an entry's number of elements is not what it says")),
    }
}

pub(crate) fn id(cursor: &mut Cursor<'_>) -> Result<StreamId, Defect> {
    Ok(StreamId { ms: cursor.count()?, seq: cursor.count()? })
}

pub(crate) fn read_meta(type_byte: u8, cursor: &mut Cursor<'_>, nodes: &Nodes) -> Result<StreamMeta, Defect> {
    let length = cursor.count()?;
    let last_id = id(cursor)?;
    if length != nodes.alive {
        return Err(invalid("its length is not its number of entries"));
    }
    if nodes.last.is_some_and(|last| last > last_id) {
        return Err(invalid("an entry beyond the last id"));
    }
    if type_byte == STREAM {
        // rdbLoadObject fills in the same for streams from before Redis 7.0.
        let first_id = nodes.first.unwrap_or_default();
        let max_deleted_id = StreamId::default();
        return Ok(StreamMeta { length, last_id, first_id, max_deleted_id, entries_added: length });
    }
    let (first_id, max_deleted_id) = (id(cursor)?, id(cursor)?);
    Ok(StreamMeta { length, last_id, first_id, max_deleted_id, entries_added: cursor.count()? })
}

fn group<V: Visit>(
    type_byte: u8,
    names: &mut HashSet<Vec<u8>>,
    cursor: &mut Cursor<'_>,
    meter: &mut Meter<'_>,
    spare: &mut Spare,
    visit: &mut V,
) -> Result<(), Defect> {
    let (name, meta) = group_head(type_byte, cursor, meter, &mut spare.member)?;
    visit.group(name, meta);
    if !names.insert(name.to_vec()) {
        return Err(Defect::Duplicate("consumer group"));
    }
    let mut pending = pending(cursor, meter, visit)?;
    let mut names = HashSet::new();
    for _ in 0..meter.count(cursor)? {
        consumer(type_byte, &mut names, &mut pending, cursor, meter, spare, visit)?;
    }
    match pending.iter().all(|(_, owned)| *owned) {
        true => Ok(()),
        false => Err(invalid("a pending entry without a consumer")),
    }
}

/// A group's name and position.
pub(crate) fn group_head<'s, 'b: 's>(
    type_byte: u8,
    cursor: &mut Cursor<'b>,
    meter: &mut Meter<'_>,
    spare: &'s mut Vec<u8>,
) -> Result<(&'s [u8], GroupMeta), Defect> {
    let name = meter.blob(cursor, spare)?;
    let last_id = id(cursor)?;
    let entries_read = match type_byte {
        STREAM => None,
        // SCG_INVALID_ENTRIES_READ: the number of entries read isn't known.
        _ => Some(cursor.count()?).filter(|read| *read != u64::MAX),
    };
    Ok((name, GroupMeta { last_id, entries_read }))
}

/// The group's pending entries in ascending order, and whether a consumer owns each.
type Pending = Vec<(StreamId, bool)>;

fn pending<V: Visit>(
    cursor: &mut Cursor<'_>,
    meter: &mut Meter<'_>,
    visit: &mut V,
) -> Result<Pending, Defect> {
    let mut pending = Pending::new();
    for _ in 0..meter.count(cursor)? {
        let last = pending.last().map(|(last, _)| *last);
        pending.push((pending_entry(last, cursor, visit)?, false));
    }
    Ok(pending)
}

/// One pending entry behind `last` of the same group.
pub(crate) fn pending_entry<V: Visit>(
    last: Option<StreamId>,
    cursor: &mut Cursor<'_>,
    visit: &mut V,
) -> Result<StreamId, Defect> {
    let id = StreamId::from_bytes(cursor.array()?);
    let (delivered_at, deliveries) = (cursor.u64_le()?, cursor.count()?);
    if last.is_some_and(|last| last >= id) {
        return Err(invalid("a group's pending entries are not in ascending order"));
    }
    visit.pending(id, delivered_at, deliveries);
    Ok(id)
}

fn consumer<V: Visit>(
    type_byte: u8,
    names: &mut HashSet<Vec<u8>>,
    pending: &mut Pending,
    cursor: &mut Cursor<'_>,
    meter: &mut Meter<'_>,
    spare: &mut Spare,
    visit: &mut V,
) -> Result<(), Defect> {
    let (name, seen_at, active_at) = consumer_head(type_byte, cursor, meter, &mut spare.member)?;
    visit.consumer(name, seen_at, active_at);
    if !names.insert(name.to_vec()) {
        return Err(Defect::Duplicate("consumer"));
    }
    for _ in 0..meter.count(cursor)? {
        let id = StreamId::from_bytes(cursor.array()?);
        claim(pending, id)?;
        visit.claim(id);
    }
    Ok(())
}

/// A consumer's name, and when it was last seen and active.
pub(crate) fn consumer_head<'s, 'b: 's>(
    type_byte: u8,
    cursor: &mut Cursor<'b>,
    meter: &mut Meter<'_>,
    spare: &'s mut Vec<u8>,
) -> Result<(&'s [u8], u64, Option<u64>), Defect> {
    let name = meter.blob(cursor, spare)?;
    let seen_at = cursor.u64_le()?;
    let active_at = match type_byte {
        STREAM | STREAM_2 => Some(seen_at),
        // -1: it never got an entry.
        _ => Some(cursor.u64_le()?).filter(|at| *at != u64::MAX),
    };
    Ok((name, seen_at, active_at))
}

/// A pending entry has one owner: the server frees it with each consumer that holds it.
fn claim(pending: &mut Pending, id: StreamId) -> Result<(), Defect> {
    let at = pending
        .binary_search_by_key(&id, |(id, _)| *id)
        .map_err(|_| invalid("a consumer's pending entry that its group doesn't have"))?;
    match std::mem::replace(&mut pending[at].1, true) {
        false => Ok(()),
        true => Err(invalid("a pending entry owned twice")),
    }
}

/// What `XCFGSET` accepts (Redis 8.6), and `RESTORE` too.
const IDEMPOTENCY_DURATION_S: RangeInclusive<u64> = 1..=86_400;
const IDEMPOTENCY_IDS_MAX: RangeInclusive<u64> = 1..=10_000;

/// Redis 8.6: how long and how many idempotent ids are kept, those of each producer, and two counters.
fn idempotency<V: Visit>(
    cursor: &mut Cursor<'_>,
    meter: &mut Meter<'_>,
    spare: &mut Spare,
    visit: &mut V,
) -> Result<(), Defect> {
    let (duration_s, ids_max) = idempotency_settings(cursor)?;
    let mut names = HashSet::new();
    for _ in 0..meter.count(cursor)? {
        let name = meter.blob(cursor, &mut spare.member)?;
        visit.producer(name);
        if !names.insert(name.to_vec()) {
            return Err(Defect::Duplicate("producer"));
        }
        idempotent_ids(cursor, meter, spare, visit)?;
    }
    let (added, duplicates) = (cursor.count()?, cursor.count()?);
    visit.idempotency(IdempotencyMeta { duration_s, ids_max, added, duplicates });
    Ok(())
}

/// Seconds that ids are remembered, and how many of each producer.
pub(crate) fn idempotency_settings(cursor: &mut Cursor<'_>) -> Result<(u64, u64), Defect> {
    let (duration_s, ids_max) = (cursor.count()?, cursor.count()?);
    match IDEMPOTENCY_DURATION_S.contains(&duration_s) && IDEMPOTENCY_IDS_MAX.contains(&ids_max) {
        true => Ok((duration_s, ids_max)),
        false => Err(invalid("its idempotency settings are out of range")),
    }
}

fn idempotent_ids<V: Visit>(
    cursor: &mut Cursor<'_>,
    meter: &mut Meter<'_>,
    spare: &mut Spare,
    visit: &mut V,
) -> Result<(), Defect> {
    let mut seen = HashSet::new();
    for _ in 0..meter.count(cursor)? {
        let iid = meter.blob(cursor, &mut spare.member)?;
        if !seen.insert(iid.to_vec()) {
            return Err(Defect::Duplicate("idempotent id"));
        }
        visit.idempotent_id(iid, id(cursor)?);
    }
    Ok(())
}
