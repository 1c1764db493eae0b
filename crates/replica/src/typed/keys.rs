//! Commands about keys, whatever they hold.

use super::cursor::{Cursor, Read};
use super::options::{Conditions, Time, expire_time};
use super::strings::{ValueCondition, take_comparison};
use super::words::Items;

/// A command about keys (db.c, expire.c, cluster.c of Redis 8.6 and Valkey 9.1).
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum KeyCommand<'a> {
    /// `DEL key ..`, `UNLINK key ..`.
    Delete {
        /// The keys.
        keys: Items<'a, &'a [u8]>,
    },
    /// `DELEX key [condition]` (Redis 8.4), `DELIFEQ key value` (Valkey 9.0).
    DeleteIf {
        /// The key.
        key: &'a [u8],
        /// What must hold of its string.
        condition: Option<ValueCondition<'a>>,
    },
    /// `EXPIRE`, `PEXPIRE`, `EXPIREAT`, `PEXPIREAT`: `key time [NX|XX|GT|LT]`. Sources replicate them as `PEXPIREAT`, or as
    /// `DEL` or `UNLINK` if the time has passed.
    Expire {
        /// The key.
        key: &'a [u8],
        /// When.
        time: Time,
        /// What must hold of the expiry that is there.
        conditions: Conditions,
    },
    /// `PERSIST key`.
    Persist {
        /// The key.
        key: &'a [u8],
    },
    /// `RENAME from to`, `RENAMENX from to`.
    Rename {
        /// The key that is gone afterwards.
        from: &'a [u8],
        /// The key that it becomes, with its expiry.
        to: &'a [u8],
        /// Whether `to` is replaced, if it exists: not by `RENAMENX`.
        replace: bool,
    },
    /// `COPY from to [DB n] [REPLACE]`.
    Copy {
        /// The key that stays.
        from: &'a [u8],
        /// The key that becomes the same.
        to: &'a [u8],
        /// The database of `to`; None for the command's own.
        db: Option<u32>,
        /// Whether `to` is replaced, if it exists.
        replace: bool,
    },
    /// `MOVE key db`.
    Move {
        /// The key, in the command's database and afterwards in the other one.
        key: &'a [u8],
        /// The other database.
        db: u32,
    },
    /// `RESTORE key ttl payload [REPLACE] [ABSTTL] [IDLETIME s] [FREQ n]`, `RESTORE-ASKING`.
    Restore {
        /// The key.
        key: &'a [u8],
        /// When it expires. Sources replicate it as [`Time::AtMs`].
        expiry: Option<Time>,
        /// The value as `DUMP` gives it: type, value, version and checksum.
        payload: &'a [u8],
        /// Whether the key is replaced, if it exists.
        replace: bool,
        /// Seconds since its last use.
        idle_seconds: Option<u64>,
        /// How often it has been used, on the servers' logarithmic scale.
        frequency: Option<u8>,
    },
}

/// The command, if it is one of this family.
pub(super) fn parse<'a>(mut from: Cursor<'a>) -> Read<Option<KeyCommand<'a>>> {
    let from = &mut from;
    let command = match from.command() {
        "del" | "unlink" => KeyCommand::Delete { keys: from.rest()? },
        "delex" => KeyCommand::DeleteIf { key: from.key()?, condition: take_comparison(from)? },
        "delifeq" => {
            let (key, value) = (from.key()?, from.next("value to compare with")?);
            KeyCommand::DeleteIf { key, condition: Some(ValueCondition::Equal(value)) }
        }
        "expire" | "pexpire" | "expireat" | "pexpireat" => expire(from)?,
        "persist" => KeyCommand::Persist { key: from.key()? },
        "rename" => KeyCommand::Rename { from: from.key()?, to: from.key()?, replace: true },
        "renamenx" => KeyCommand::Rename { from: from.key()?, to: from.key()?, replace: false },
        "copy" => copy(from)?,
        "move" => KeyCommand::Move { key: from.key()?, db: from.db()? },
        "restore" | "restore-asking" => restore(from)?,
        _ => return Ok(None),
    };
    from.end(Some(command))
}

fn expire<'a>(from: &mut Cursor<'a>) -> Read<KeyCommand<'a>> {
    let (key, time, mut conditions) = (from.key()?, expire_time(from)?, Conditions::default());
    while conditions.take(from)? {}
    Ok(KeyCommand::Expire { key, time, conditions })
}

fn copy<'a>(args: &mut Cursor<'a>) -> Read<KeyCommand<'a>> {
    let (from, to, mut db, mut replace) = (args.key()?, args.key()?, None, false);
    while args.left() > 0 {
        if args.take("REPLACE") {
            replace = true;
        } else if args.take("DB") {
            // Of several the last counts (copyCommand in db.c).
            db = Some(args.db()?);
        } else {
            return Err(args.unexpected());
        }
    }
    Ok(KeyCommand::Copy { from, to, db, replace })
}

fn restore<'a>(from: &mut Cursor<'a>) -> Read<KeyCommand<'a>> {
    let (key, ttl, payload) = (from.key()?, from.unsigned("time")?, from.next("payload")?);
    let (mut replace, mut absolute, mut idle_seconds, mut frequency) = (false, false, None, None);
    while from.left() > 0 {
        if from.take("REPLACE") {
            replace = true;
        } else if from.take("ABSTTL") {
            absolute = true;
        } else if from.take("IDLETIME") {
            idle_seconds = Some(from.unsigned("idle time")?);
        } else if from.take("FREQ") {
            let number = |word: &[u8]| u8::try_from(crate::keys::integer(word)?).ok();
            frequency = Some(from.parse("frequency", number)?);
        } else {
            return Err(from.unexpected());
        }
    }
    // `integer` gave it, so it fits.
    let ttl = i64::try_from(ttl).unwrap_or(i64::MAX);
    let unit = if absolute { Time::AtMs } else { Time::InMs };
    let expiry = (ttl != 0).then_some(unit(ttl));
    Ok(KeyCommand::Restore { key, expiry, payload, replace, idle_seconds, frequency })
}
