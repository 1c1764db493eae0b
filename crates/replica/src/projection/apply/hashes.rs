//! Commands about hashes.

use std::collections::BTreeMap;

use crate::callback::Entry;
use crate::keys::integer;
use crate::projection::tables::Tables;
use crate::projection::value::{Field, Item, Value};

use super::{int, is_word, time_ms};

type Hash = BTreeMap<Vec<u8>, Field>;

pub(super) fn run(tables: &mut Tables, command: &Entry<'_>) -> Option<()> {
    let (db, key) = (command.db(), command.arg(1)?);
    let mut item = tables.take(db, key).unwrap_or_else(|| Item::new(Value::Hash(Hash::new())));
    let Value::Hash(hash) = &mut item.value else { return None };
    match command.name() {
        b"hset" | b"hmset" | b"hsetnx" => set(hash, command)?,
        b"hdel" => command.args().skip(2).for_each(|field| drop(hash.remove(field))),
        b"hincrby" => add(hash, command)?,
        b"hpexpireat" => {
            let at = time_ms(command, 2)?;
            fields(command, 3)?.for_each(|field| expire(hash, field, Some(at)));
        }
        b"hpersist" => fields(command, 2)?.for_each(|field| expire(hash, field, None)),
        b"hsetex" => set_expiring(hash, command)?,
        _ => return None,
    }
    tables.put(db, key, item);
    Some(())
}

fn set(hash: &mut Hash, command: &Entry<'_>) -> Option<()> {
    for at in (2..command.arg_count()).step_by(2) {
        let field = Field { value: command.arg(at + 1)?.to_vec(), expire_at_ms: None };
        hash.insert(command.arg(at)?.to_vec(), field);
    }
    Some(())
}

fn add(hash: &mut Hash, command: &Entry<'_>) -> Option<()> {
    let (name, by) = (command.arg(2)?, int(command, 3)?);
    let old = hash.get(name);
    let value = old.map_or(Some(0), |field| integer(&field.value))?.checked_add(by)?;
    let expire_at_ms = old.and_then(|field| field.expire_at_ms);
    hash.insert(name.to_vec(), Field { value: value.to_string().into_bytes(), expire_at_ms });
    Some(())
}

fn expire(hash: &mut Hash, field: &[u8], at: Option<u64>) {
    if let Some(field) = hash.get_mut(field) {
        field.expire_at_ms = at;
    }
}

/// The names behind `FIELDS n`, which must stand at `at`: conditions that hold for some fields alone are not known.
fn fields<'b>(command: &Entry<'b>, at: usize) -> Option<impl Iterator<Item = &'b [u8]> + use<'b>> {
    let count = usize::try_from(int(command, at + 1)?).ok()?;
    let is_whole = is_word(command, at, "FIELDS") && command.arg_count() == at + 2 + count;
    is_whole.then(|| command.args().skip(at + 2))
}

/// `HSETEX key [FNX|FXX] [KEEPTTL|PXAT ms] FIELDS n field value ..`
fn set_expiring(hash: &mut Hash, command: &Entry<'_>) -> Option<()> {
    let (mut at, mut expire_at_ms, mut keeps) = (2, None, false);
    while !is_word(command, at, "FIELDS") {
        at += match command.arg(at)?.to_ascii_uppercase().as_slice() {
            b"FNX" | b"FXX" => 1,
            b"KEEPTTL" => {
                keeps = true;
                1
            }
            b"PXAT" => {
                expire_at_ms = Some(time_ms(command, at + 1)?);
                2
            }
            _ => return None,
        };
    }
    for at in (at + 2..command.arg_count()).step_by(2) {
        let (name, value) = (command.arg(at)?, command.arg(at + 1)?.to_vec());
        let kept = hash.get(name).and_then(|field| field.expire_at_ms).filter(|_| keeps);
        hash.insert(name.to_vec(), Field { value, expire_at_ms: expire_at_ms.or(kept) });
    }
    Some(())
}
