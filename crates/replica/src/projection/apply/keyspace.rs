//! Commands about keys, whatever they hold.

use crate::callback::Entry;
use crate::keys::integer;
use crate::projection::tables::Tables;
use crate::projection::value::{Item, Value};
use crate::typed::{Expiry, StringCommand, Typed};

use super::{int, is_word, time_ms};

/// Whole databases.
pub(super) fn sweep(tables: &mut Tables, command: &Entry<'_>) -> Option<()> {
    match command.name() {
        b"flushall" => tables.flush(None),
        b"flushdb" => tables.flush(Some(command.db())),
        b"swapdb" => {
            let (one, other) = (db_number(command.arg(1)?)?, db_number(command.arg(2)?)?);
            if one != other {
                tables.swap(one, other);
            }
        }
        _ => return None,
    }
    Some(())
}

/// Messages, and functions: what they do is replicated as what it is.
pub(super) fn is_about_no_key(command: &Entry<'_>) -> bool {
    matches!(command.name(), b"publish" | b"spublish" | b"function")
}

/// Commands that do the same to each of their keys, kept or not, stale or not.
pub(super) fn each_key(tables: &mut Tables, command: &Entry<'_>) -> Option<()> {
    match command.name() {
        b"del" | b"unlink" => command.args().skip(1).for_each(|key| drop(tables.take(command.db(), key))),
        b"delex" | b"delifeq" | b"getdel" => drop(tables.take(command.db(), command.arg(1)?)),
        b"mset" | b"msetnx" | b"msetex" => set_many(tables, command)?,
        _ => return None,
    }
    Some(())
}

fn set_many(tables: &mut Tables, command: &Entry<'_>) -> Option<()> {
    let Ok(Typed::String(StringCommand::SetMany { pairs, expiry, .. })) = command.typed() else {
        return None;
    };
    let db = command.db();
    let at = match expiry {
        Expiry::Set(time) => Some(u64::try_from(time.unix_ms()?).ok()?),
        Expiry::Keep if pairs.iter().any(|(key, _)| tables.is_stale(db, key)) => return None,
        Expiry::Keep | Expiry::Clear => None,
    };
    for (key, value) in pairs {
        let old = tables.get_mut(db, key).and_then(|old| old.expire_at_ms);
        let kept = old.filter(|_| expiry == Expiry::Keep);
        tables.put(db, key, Item { value: Value::String(value.to_vec()), expire_at_ms: at.or(kept) });
    }
    Some(())
}

/// The database that COPY and MOVE write to.
pub(super) fn other_db(command: &Entry<'_>) -> Option<u32> {
    match command.name() {
        b"move" => db_number(command.arg(2)?),
        b"copy" => {
            let at = (3..command.arg_count()).find(|at| is_word(command, *at, "DB"))?;
            db_number(command.arg(at + 1)?)
        }
        _ => None,
    }
}

fn db_number(text: &[u8]) -> Option<u32> {
    integer(text).and_then(|number| u32::try_from(number).ok())
}

pub(super) fn run(tables: &mut Tables, command: &Entry<'_>) -> Option<()> {
    let (db, key) = (command.db(), command.arg(1)?);
    match command.name() {
        b"rename" | b"renamenx" => {
            let item = tables.take(db, key)?;
            tables.put(db, command.arg(2)?, item);
        }
        b"copy" => {
            let item = tables.get_mut(db, key)?.clone();
            tables.put(other_db(command).unwrap_or(db), command.arg(2)?, item);
        }
        b"move" => {
            let item = tables.take(db, key)?;
            tables.put(other_db(command)?, key, item);
        }
        b"pexpireat" => tables.get_mut(db, key)?.expire_at_ms = Some(time_ms(command, 2)?),
        b"expireat" => {
            let at = u64::try_from(int(command, 2)?.checked_mul(1000)?).ok()?;
            tables.get_mut(db, key)?.expire_at_ms = Some(at);
        }
        b"persist" => tables.get_mut(db, key)?.expire_at_ms = None,
        _ => return None,
    }
    Some(())
}
