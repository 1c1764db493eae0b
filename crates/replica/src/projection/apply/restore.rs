//! `RESTORE`: a value as `DUMP` serialized it.

use std::collections::BTreeMap;

use crate::callback::Entry;
use crate::projection::stream::{Group, Pending, Stream};
use crate::projection::tables::Tables;
use crate::projection::value::{Field, Item, Value};
use crate::rdb::{self, Family, Limits, parse_dump};
use crate::typed::{KeyCommand, Typed};

/// The versions that Valkey counts for itself begin here (rdb.h); below it both families mean the same types.
const VALKEY_VERSION_MIN: u16 = 80;

/// Bytes of a payload's version and checksum.
const FOOTER_BYTES: usize = 10;

pub(super) fn run(tables: &mut Tables, command: &Entry<'_>) -> Option<()> {
    let Ok(Typed::Key(KeyCommand::Restore { key, expiry, payload, .. })) = command.typed() else {
        return None;
    };
    let expire_at_ms = match expiry {
        Some(time) => Some(u64::try_from(time.unix_ms()?).ok()?),
        None => None,
    };
    let object = parse_dump(payload, family(payload)?, Limits::default()).ok()?;
    let value = value(object.decode().ok()?)?;
    tables.put(command.db(), key, Item { value, expire_at_ms });
    Some(())
}

fn family(payload: &[u8]) -> Option<Family> {
    let footer = payload.len().checked_sub(FOOTER_BYTES)?;
    let version = u16::from_le_bytes(*payload.get(footer..)?.first_chunk()?);
    Some(if version >= VALKEY_VERSION_MIN { Family::Valkey } else { Family::Redis })
}

/// None for a module's value.
fn value(decoded: rdb::Value) -> Option<Value> {
    Some(match decoded {
        rdb::Value::String(bytes) => Value::String(bytes),
        rdb::Value::List(elements) => Value::List(elements.into()),
        rdb::Value::Set(members) => Value::Set(members.into_iter().collect()),
        rdb::Value::ZSet(members) => Value::ZSet(members.into_iter().collect()),
        rdb::Value::Hash(fields) => Value::Hash(fields.into_iter().map(field).collect()),
        rdb::Value::Stream(stream) => Value::Stream(Box::new(self::stream(*stream))),
        rdb::Value::Module(_) => return None,
    })
}

fn field(field: rdb::HashField) -> (Vec<u8>, Field) {
    (field.field, Field { value: field.value, expire_at_ms: field.expire_at_ms })
}

fn stream(stream: rdb::Stream) -> Stream {
    let rdb::StreamMeta { last_id, max_deleted_id, entries_added, .. } = stream.meta;
    Stream {
        entries: stream.entries.into_iter().map(|entry| (entry.id, entry.fields)).collect(),
        last_id,
        max_deleted_id,
        entries_added,
        groups: stream.groups.into_iter().map(group).collect(),
    }
}

fn group(group: rdb::Group) -> (Vec<u8>, Group) {
    let told: BTreeMap<_, _> = group.pending.iter().map(|pending| (pending.id, pending)).collect();
    let mut made = Group { last_id: group.meta.last_id, ..Group::default() };
    for consumer in group.consumers {
        for id in &consumer.pending {
            if let Some(rdb::Pending { delivered_at_ms, deliveries, .. }) = told.get(id) {
                let (delivered_at_ms, deliveries) = (*delivered_at_ms, *deliveries);
                let pending = Pending { consumer: consumer.name.clone(), delivered_at_ms, deliveries };
                made.pending.insert(*id, pending);
            }
        }
        made.consumers.insert(consumer.name);
    }
    (group.name, made)
}
