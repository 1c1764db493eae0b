//! Commands about streams, as sources of Redis 7.0 and Valkey on replicate them (t_stream.c).

use crate::callback::{Entry, Phase};
use crate::projection::stream::{Group, Pending, Stream};
use crate::projection::tables::Tables;
use crate::projection::value::{Item, Value};
use crate::rdb::StreamId;
use crate::typed::{Delivery, GroupStart, Items, Kept, References, StreamCommand, Trim, Typed};

pub(super) fn run(tables: &mut Tables, command: &Entry<'_>) -> Option<()> {
    let change = match command.typed() {
        Ok(Typed::Stream(change)) => change,
        _ if changes_nothing_here(command) => return Some(()),
        _ => return None,
    };
    let key_at = if command.name() == b"xgroup" { 2 } else { 1 };
    let (db, key) = (command.db(), command.arg(key_at)?);
    let mut item = tables.take(db, key).unwrap_or_else(|| Item::new(Value::Stream(Box::default())));
    let Value::Stream(stream) = &mut item.value else { return None };
    match change {
        StreamCommand::CreateGroup { .. }
        | StreamCommand::SetGroupId { .. }
        | StreamCommand::DestroyGroup { .. }
        | StreamCommand::CreateConsumer { .. }
        | StreamCommand::DeleteConsumer { .. } => change_groups(stream, change)?,
        StreamCommand::Claim { .. } => claim(stream, change, command.phase())?,
        _ => change_entries(stream, change)?,
    }
    tables.put(db, key, item);
    Some(())
}

/// What is about producers alone, and an XADD that was a producer's repetition: sources put an id in place of every `*`,
/// unless nothing was added (`xaddCommand`, Redis 8.6).
fn changes_nothing_here(command: &Entry<'_>) -> bool {
    match command.name() {
        b"xcfgset" | b"xidmprecord" => true,
        b"xadd" => command.typed().is_err_and(|error| command.arg(error.argument) == Some(b"*")),
        _ => false,
    }
}

fn change_entries(stream: &mut Stream, change: StreamCommand<'_>) -> Option<()> {
    match change {
        StreamCommand::Add { trim: then, id, fields, .. } => {
            add(stream, id, fields)?;
            then.map_or(Some(()), |then| trim(stream, then))
        }
        StreamCommand::Trim { trim: how, .. } => trim(stream, how),
        StreamCommand::SetId { id, entries_added, max_deleted, .. } => {
            stream.last_id = id;
            stream.entries_added = entries_added.unwrap_or(stream.entries_added);
            let told = max_deleted.filter(|id| *id != StreamId::default());
            stream.max_deleted_id = told.unwrap_or(stream.max_deleted_id);
            Some(())
        }
        StreamCommand::Delete { references, ids, .. } => {
            ids.iter().for_each(|id| delete(stream, id, references));
            Some(())
        }
        StreamCommand::Acknowledge { group, ids, .. } => {
            let group = stream.groups.get_mut(group)?;
            ids.iter().for_each(|id| drop(group.pending.remove(&id)));
            Some(())
        }
        StreamCommand::AcknowledgeAndDelete { group, references, ids, .. } => {
            for id in ids {
                if stream.groups.get_mut(group)?.pending.remove(&id).is_some() {
                    delete(stream, id, references);
                }
            }
            Some(())
        }
        _ => None,
    }
}

fn add(stream: &mut Stream, id: StreamId, fields: Items<'_, (&[u8], &[u8])>) -> Option<()> {
    if id <= stream.last_id {
        return None;
    }
    let fields = fields.iter().map(|(name, value)| (name.to_vec(), value.to_vec())).collect();
    stream.entries.insert(id, fields);
    stream.last_id = id;
    stream.entries_added += 1;
    Some(())
}

fn delete(stream: &mut Stream, id: StreamId, references: References) {
    match references {
        References::Keep => {}
        References::Delete => stream.forget(id),
        References::Acknowledged if stream.is_referenced(id) => return,
        References::Acknowledged => {}
    }
    if stream.entries.remove(&id).is_some() {
        stream.max_deleted_id = stream.max_deleted_id.max(id);
    }
}

/// Which entries a server passes over because a group still needs them, it decides node by node (`streamTrim`): such a
/// trim is not known. It also tells its replicas what was left by an approximate one as if none had been passed over.
fn trim(stream: &mut Stream, how: Trim) -> Option<()> {
    if how.approximate {
        return None;
    }
    let excess = match how.keep {
        Kept::Newest(count) => stream.entries.len().saturating_sub(usize::try_from(count).ok()?),
        Kept::From(id) => stream.entries.range(..id).count(),
    };
    let seen = excess + usize::from(matches!(how.keep, Kept::From(_)));
    let passes_over = |id: &StreamId| stream.is_referenced(*id);
    if how.references == References::Acknowledged && stream.entries.keys().take(seen).any(passes_over) {
        return None;
    }
    for _ in 0..excess {
        let (id, _) = stream.entries.pop_first()?;
        if how.references == References::Delete {
            stream.forget(id);
        }
    }
    Some(())
}

fn change_groups(stream: &mut Stream, change: StreamCommand<'_>) -> Option<()> {
    match change {
        StreamCommand::CreateGroup { group, start, .. } => {
            let last_id = begin(stream, start);
            stream.groups.insert(group.to_vec(), Group { last_id, ..Group::default() });
        }
        StreamCommand::SetGroupId { group, start, .. } => {
            let last_id = begin(stream, start);
            stream.groups.get_mut(group)?.last_id = last_id;
        }
        StreamCommand::DestroyGroup { group, .. } => drop(stream.groups.remove(group)),
        StreamCommand::CreateConsumer { group, consumer, .. } => {
            stream.groups.get_mut(group)?.consumers.insert(consumer.to_vec());
        }
        StreamCommand::DeleteConsumer { group, consumer, .. } => {
            let group = stream.groups.get_mut(group)?;
            group.consumers.remove(consumer);
            group.pending.retain(|_, pending| pending.consumer != consumer);
        }
        _ => return None,
    }
    Some(())
}

fn begin(stream: &Stream, start: GroupStart) -> StreamId {
    match start {
        GroupStart::Id(id) => id,
        GroupStart::Last => stream.last_id,
    }
}

/// What a source says of a pending entry, it says in full: owner, time and count. Of one that is deleted from the stream it
/// says that to have it forgotten (`xclaimCommand`), but in a snapshot, that it is still pending.
fn claim(stream: &mut Stream, change: StreamCommand<'_>, phase: Phase) -> Option<()> {
    let StreamCommand::Claim {
        group,
        consumer,
        ids,
        delivery: Some(Delivery::AtMs(at)),
        delivery_count: Some(deliveries),
        force: true,
        last_id,
        ..
    } = change
    else {
        return None;
    };
    let delivered_at_ms = u64::try_from(at).ok()?;
    let Stream { entries, groups, .. } = stream;
    let group = groups.get_mut(group)?;
    group.last_id = group.last_id.max(last_id.unwrap_or_default());
    group.consumers.insert(consumer.to_vec());
    for id in ids {
        if phase == Phase::Snapshot || entries.contains_key(&id) {
            let pending = Pending { consumer: consumer.to_vec(), delivered_at_ms, deliveries };
            group.pending.insert(id, pending);
        } else {
            group.pending.remove(&id);
        }
    }
    Some(())
}
