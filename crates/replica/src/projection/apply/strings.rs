//! Commands about strings.

use crate::callback::Entry;
use crate::keys::integer;
use crate::projection::tables::Tables;
use crate::projection::value::{Item, Value};

use super::{int, time_ms};

/// The longest string a server makes (`proto-max-bulk-len`), in bytes.
pub(super) const STRING_BYTES_MAX: usize = 512 << 20;

pub(super) fn run(tables: &mut Tables, command: &Entry<'_>) -> Option<()> {
    let (db, key) = (command.db(), command.arg(1)?);
    match command.name() {
        b"set" => return set(tables, command),
        b"setnx" | b"getset" => {
            tables.put(db, key, Item::new(Value::String(command.arg(2)?.to_vec())));
        }
        b"append" => string(tables, db, key)?.extend_from_slice(command.arg(2)?),
        b"setrange" => return set_range(tables, command),
        b"incr" => add(tables, db, key, 1)?,
        b"decr" => add(tables, db, key, -1)?,
        b"incrby" => add(tables, db, key, int(command, 2)?)?,
        b"decrby" => add(tables, db, key, int(command, 2)?.checked_neg()?)?,
        _ => return None,
    }
    Some(())
}

fn set(tables: &mut Tables, command: &Entry<'_>) -> Option<()> {
    let (db, key) = (command.db(), command.arg(1)?);
    let mut item = Item::new(Value::String(command.arg(2)?.to_vec()));
    let mut at = 3;
    while at < command.arg_count() {
        at += match command.arg(at)?.to_ascii_uppercase().as_slice() {
            b"NX" | b"XX" | b"GET" => 1,
            b"IFEQ" | b"IFNE" | b"IFDEQ" | b"IFDNE" => 2,
            b"KEEPTTL" => {
                if tables.is_stale(db, key) {
                    return None;
                }
                item.expire_at_ms = tables.get_mut(db, key).and_then(|old| old.expire_at_ms);
                1
            }
            b"PXAT" => {
                item.expire_at_ms = Some(time_ms(command, at + 1)?);
                2
            }
            b"EXAT" => {
                item.expire_at_ms = Some(time_ms(command, at + 1)?.checked_mul(1000)?);
                2
            }
            _ => return None,
        };
    }
    tables.put(db, key, item);
    Some(())
}

/// The string at a key, made if there is none.
pub(super) fn string<'t>(tables: &'t mut Tables, db: u32, key: &[u8]) -> Option<&'t mut Vec<u8>> {
    if tables.get_mut(db, key).is_none() {
        tables.put(db, key, Item::new(Value::String(Vec::new())));
    }
    match &mut tables.get_mut(db, key)?.value {
        Value::String(bytes) => Some(bytes),
        _ => None,
    }
}

fn add(tables: &mut Tables, db: u32, key: &[u8], by: i64) -> Option<()> {
    let bytes = string(tables, db, key)?;
    let old = if bytes.is_empty() { 0 } else { integer(bytes)? };
    *bytes = old.checked_add(by)?.to_string().into_bytes();
    Some(())
}

fn set_range(tables: &mut Tables, command: &Entry<'_>) -> Option<()> {
    let (offset, new) = (usize::try_from(int(command, 2)?).ok()?, command.arg(3)?);
    let end = offset.checked_add(new.len()).filter(|end| *end <= STRING_BYTES_MAX)?;
    if new.is_empty() {
        return Some(());
    }
    let bytes = string(tables, command.db(), command.arg(1)?)?;
    bytes.resize(bytes.len().max(end), 0);
    bytes[offset..end].copy_from_slice(new);
    Some(())
}
