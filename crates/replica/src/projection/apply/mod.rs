//! What commands do to tables.
//!
//! A source replicates a command because it has changed something: conditions (`NX`, `XX`, `GT` of `PEXPIREAT`) have held and
//! are not looked at again, and what can't be done here as it was done there is not known.

mod bits;
mod hashes;
mod keyspace;
mod lists;
mod restore;
mod sets;
mod sort;
mod streams;
mod strings;
mod zsets;

use crate::callback::Entry;
use crate::keys::{Access, Tail, integer, lookup};

use super::tables::Tables;

/// What became of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Its effect is in the tables, or its keys are dropped.
    Applied,
    /// The keys it writes are stale.
    Unhandled,
}

/// Applies one command.
pub(super) fn apply(tables: &mut Tables, command: &Entry<'_>) -> Outcome {
    if keyspace::sweep(tables, command).is_some() || keyspace::each_key(tables, command).is_some() {
        return Outcome::Applied;
    }
    if keyspace::is_about_no_key(command) {
        return Outcome::Applied;
    }
    let Some(uses) = uses(command) else {
        tables.note_unknown();
        return Outcome::Unhandled;
    };
    if !uses.iter().any(|(db, key, access)| access.writes() && tables.is_kept(*db, key)) {
        return Outcome::Applied;
    }
    if uses.iter().all(|(db, key, access)| is_usable(tables, *db, key, *access))
        && run(tables, command).is_some()
    {
        return Outcome::Applied;
    }
    let moves = command.name().starts_with(b"rename") || command.name() == b"move";
    for (db, key, access) in uses {
        match access {
            Access::Read => {}
            Access::Remove => drop(tables.take(db, key)),
            // What is moved is gone from here, whatever it was.
            Access::Update if moves => drop(tables.take(db, key)),
            Access::Update | Access::Overwrite => tables.make_stale(db, key),
        }
    }
    Outcome::Unhandled
}

/// Whether all that a command needs of a key is here.
fn is_usable(tables: &Tables, db: u32, key: &[u8], access: Access) -> bool {
    match access {
        Access::Read | Access::Update => tables.is_kept(db, key) && !tables.is_stale(db, key),
        Access::Overwrite => tables.is_kept(db, key),
        Access::Remove => true,
    }
}

/// The keys of a command, each in its database; None if they can't be told.
fn uses<'b>(command: &Entry<'b>) -> Option<Vec<(u32, &'b [u8], Access)>> {
    let keys = lookup(command.name())?.find(&Tail(command)).ok()?;
    let mut uses: Vec<_> = keys
        .iter()
        .map(|(at, access)| (command.db(), command.arg(at + 1).unwrap_or_default(), access))
        .collect();
    if let Some(db) = keyspace::other_db(command) {
        match command.name() {
            b"copy" => uses.get_mut(1)?.0 = db,
            _ => uses.push((db, command.arg(1)?, Access::Overwrite)),
        }
    }
    Some(uses)
}

/// Tells each key that a command writes, as far as `tables` keeps it.
pub(super) fn writes(command: &Entry<'_>, tables: &Tables, mut tell: impl FnMut(u32, &[u8])) {
    for (db, key, access) in uses(command).unwrap_or_default() {
        if access.writes() && tables.is_kept(db, key) {
            tell(db, key);
        }
    }
}

fn run(tables: &mut Tables, command: &Entry<'_>) -> Option<()> {
    let group = [
        strings::run as fn(&mut Tables, &Entry<'_>) -> Option<()>,
        keyspace::run,
        lists::run,
        sets::run,
        zsets::run,
        hashes::run,
        streams::run,
        bits::run,
        sort::run,
        restore::run,
    ];
    let at = match command.name() {
        b"set" | b"setnx" | b"getset" | b"append" | b"setrange" | b"incr" | b"decr" | b"incrby"
        | b"decrby" => 0,
        b"rename" | b"renamenx" | b"copy" | b"move" | b"pexpireat" | b"expireat" | b"persist" => 1,
        b"lpush" | b"rpush" | b"lpushx" | b"rpushx" | b"lpop" | b"rpop" | b"lset" | b"lrem" | b"linsert"
        | b"ltrim" | b"lmove" | b"rpoplpush" => 2,
        b"sadd" | b"srem" | b"smove" | b"sunionstore" | b"sinterstore" | b"sdiffstore" => 3,
        b"hset" | b"hmset" | b"hsetnx" | b"hdel" | b"hincrby" | b"hpexpireat" | b"hpersist" | b"hsetex" => 5,
        b"setbit" | b"bitop" | b"bitfield" => 7,
        b"sort" => 8,
        b"restore" | b"restore-asking" => 9,
        name if name.starts_with(b"z") => 4,
        name if name.starts_with(b"x") => 6,
        _ => return None,
    };
    group[at](tables, command)
}

/// An argument as an integer.
fn int(command: &Entry<'_>, index: usize) -> Option<i64> {
    integer(command.arg(index)?)
}

/// An argument as a time in milliseconds since 1970.
fn time_ms(command: &Entry<'_>, index: usize) -> Option<u64> {
    u64::try_from(int(command, index)?).ok()
}

fn is_word(command: &Entry<'_>, index: usize, word: &str) -> bool {
    command.arg(index).is_some_and(|arg| arg.eq_ignore_ascii_case(word.as_bytes()))
}
