//! Commands about hashes.

use std::collections::BTreeMap;

use crate::callback::Entry;
use crate::keys::integer;
use crate::projection::tables::Tables;
use crate::projection::value::{Field, Item, Value};
use crate::typed::{Conditions, Expiry, HashCommand, Items, Time, Typed};

type Hash = BTreeMap<Vec<u8>, Field>;

pub(super) fn run(tables: &mut Tables, command: &Entry<'_>) -> Option<()> {
    let Ok(Typed::Hash(change)) = command.typed() else { return None };
    let (db, key) = (command.db(), command.arg(1)?);
    let mut item = tables.take(db, key).unwrap_or_else(|| Item::new(Value::Hash(Hash::new())));
    let Value::Hash(hash) = &mut item.value else { return None };
    match change {
        HashCommand::Set { fields, .. } => {
            fields.iter().for_each(|(name, value)| set(hash, name, value, None));
        }
        HashCommand::SetIfAbsent { field, value, .. } => set(hash, field, value, None),
        HashCommand::SetExpiring { expiry, fields, .. } => set_expiring(hash, expiry, fields)?,
        HashCommand::Delete { fields, .. } => fields.iter().for_each(|field| drop(hash.remove(field))),
        HashCommand::IncrBy { field, by, .. } => add(hash, field, by)?,
        // Conditions that hold for some fields alone are not known.
        HashCommand::Expire { time, conditions, fields, .. } if conditions == Conditions::default() => {
            let at = unix_ms(time)?;
            fields.iter().for_each(|field| expire(hash, field, Some(at)));
        }
        HashCommand::Persist { fields, .. } => fields.iter().for_each(|field| expire(hash, field, None)),
        _ => return None,
    }
    tables.put(db, key, item);
    Some(())
}

fn unix_ms(time: Time) -> Option<u64> {
    u64::try_from(time.unix_ms()?).ok()
}

fn set(hash: &mut Hash, name: &[u8], value: &[u8], expire_at_ms: Option<u64>) {
    hash.insert(name.to_vec(), Field { value: value.to_vec(), expire_at_ms });
}

fn add(hash: &mut Hash, name: &[u8], by: i64) -> Option<()> {
    let old = hash.get(name);
    let value = old.map_or(Some(0), |field| integer(&field.value))?.checked_add(by)?;
    let expire_at_ms = old.and_then(|field| field.expire_at_ms);
    set(hash, name, value.to_string().as_bytes(), expire_at_ms);
    Some(())
}

fn expire(hash: &mut Hash, field: &[u8], at: Option<u64>) {
    if let Some(field) = hash.get_mut(field) {
        field.expire_at_ms = at;
    }
}

fn set_expiring(hash: &mut Hash, expiry: Expiry, fields: Items<'_, (&[u8], &[u8])>) -> Option<()> {
    let (keeps, at) = match expiry {
        Expiry::Clear => (false, None),
        Expiry::Keep => (true, None),
        Expiry::Set(time) => (false, Some(unix_ms(time)?)),
    };
    for (name, value) in fields.iter() {
        let kept = hash.get(name).and_then(|field| field.expire_at_ms).filter(|_| keeps);
        set(hash, name, value, at.or(kept));
    }
    Some(())
}
