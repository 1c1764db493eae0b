//! Commands about strings, their bits and counters, and HyperLogLogs, which are strings.

use super::cursor::{Cursor, Read};
use super::error::Problem;
use super::options::{Expiry, PRESENCE, Presence, Time, take_expiry};
use super::words::Items;

/// A command about strings (t_string.c, bitops.c, hyperloglog.c of Redis 8.6 and Valkey 9.1).
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum StringCommand<'a> {
    /// The key becomes a string, whatever it was: `SET key value [condition] [GET] [expiry]`, and as what they are short
    /// for `SETNX`, `SETEX`, `PSETEX`, `GETSET`.
    Set {
        /// The key.
        key: &'a [u8],
        /// All of the string.
        value: &'a [u8],
        /// What must hold.
        condition: Option<ValueCondition<'a>>,
        /// Of the key.
        expiry: Expiry,
    },
    /// Several keys, all or none: `MSET`, `MSETNX`, and `MSETEX count key value .. [NX|XX] [expiry]` (Redis 8.4, Valkey 9.1).
    SetMany {
        /// Keys and their values.
        pairs: Items<'a, (&'a [u8], &'a [u8])>,
        /// What must hold of all keys.
        condition: Option<Presence>,
        /// Of each key.
        expiry: Expiry,
    },
    /// `APPEND key value`.
    Append {
        /// The key.
        key: &'a [u8],
        /// What is put behind its string.
        value: &'a [u8],
    },
    /// `SETRANGE key offset value`.
    SetRange {
        /// The key.
        key: &'a [u8],
        /// In bytes; a shorter string is filled with zeros.
        offset: u64,
        /// What is written there. With nothing the command does nothing.
        value: &'a [u8],
    },
    /// `INCRBY key n`, and `INCR`, `DECR`, `DECRBY`.
    IncrBy {
        /// The key.
        key: &'a [u8],
        /// What is added; negative for `DECR` and `DECRBY`.
        by: i64,
    },
    /// `INCRBYFLOAT key n`. Sources replicate it as `SET`, because they calculate in `long double`.
    IncrByFloat {
        /// The key.
        key: &'a [u8],
        /// What is added, as near as an `f64` comes.
        by: f64,
    },
    /// `SETBIT key offset 0|1`.
    SetBit {
        /// The key.
        key: &'a [u8],
        /// In bits; 0 is the highest of the first byte.
        offset: u64,
        /// What the bit becomes.
        bit: bool,
    },
    /// `GETDEL key`. Sources replicate it as `DEL`.
    GetDel {
        /// The key.
        key: &'a [u8],
    },
    /// `GETEX key [expiry|PERSIST]`. Sources replicate it as `PEXPIREAT`, `PERSIST` or `DEL`.
    GetEx {
        /// The key.
        key: &'a [u8],
        /// Of the key.
        expiry: Expiry,
    },
    /// `BITOP operation destination source ..`.
    BitOp {
        /// How.
        operation: BitOperation,
        /// The key that is replaced.
        destination: &'a [u8],
        /// The keys that are read.
        sources: Items<'a, &'a [u8]>,
    },
    /// `PFADD key element ..`.
    PfAdd {
        /// The key.
        key: &'a [u8],
        /// What is counted; may be none.
        elements: Items<'a, &'a [u8]>,
    },
    /// `PFMERGE destination source ..`.
    PfMerge {
        /// The key that is added to.
        destination: &'a [u8],
        /// The keys that are read; may be none.
        sources: Items<'a, &'a [u8]>,
    },
}

/// What must hold of a key before it is set or deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ValueCondition<'a> {
    /// `NX`, `XX`.
    Key(Presence),
    /// `IFEQ value`: it holds this string (Valkey 8.1, Redis 8.4).
    Equal(&'a [u8]),
    /// `IFNE value`: it holds another string, or nothing (Redis 8.4).
    NotEqual(&'a [u8]),
    /// `IFDEQ digest`: the string's digest is this (Redis 8.4).
    DigestEqual(&'a [u8]),
    /// `IFDNE digest`: the string's digest is another (Redis 8.4).
    DigestNotEqual(&'a [u8]),
}

/// What `BITOP` does to each bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BitOperation {
    /// Set in all.
    And,
    /// Set in any.
    Or,
    /// Set in an odd number.
    Xor,
    /// Not set in the one source.
    Not,
    /// Set in the first and in no other (Redis 8.2).
    Diff,
    /// Set in another and not in the first (Redis 8.2).
    Diff1,
    /// Set in the first and in any other (Redis 8.2).
    AndOr,
    /// Set in exactly one (Redis 8.2).
    One,
}

const BIT_OPERATIONS: [(&str, BitOperation); 8] = [
    ("AND", BitOperation::And),
    ("OR", BitOperation::Or),
    ("XOR", BitOperation::Xor),
    ("NOT", BitOperation::Not),
    ("DIFF", BitOperation::Diff),
    ("DIFF1", BitOperation::Diff1),
    ("ANDOR", BitOperation::AndOr),
    ("ONE", BitOperation::One),
];

const KEEP_TTL: (&str, Expiry) = ("KEEPTTL", Expiry::Keep);

/// The command, if it is one of this family.
pub(super) fn parse<'a>(mut from: Cursor<'a>) -> Read<Option<StringCommand<'a>>> {
    let from = &mut from;
    let command = match from.command() {
        "set" => set(from)?,
        "setnx" => plain_set(from, Some(ValueCondition::Key(Presence::Absent)))?,
        "getset" => plain_set(from, None)?,
        "setex" => set_for(from, Time::InSeconds)?,
        "psetex" => set_for(from, Time::InMs)?,
        "mset" => set_many(from, None)?,
        "msetnx" => set_many(from, Some(Presence::Absent))?,
        "msetex" => set_many_expiring(from)?,
        "append" => StringCommand::Append { key: from.key()?, value: from.next("value")? },
        "setrange" => StringCommand::SetRange {
            key: from.key()?,
            offset: from.unsigned("offset")?,
            value: from.next("value")?,
        },
        "incr" => StringCommand::IncrBy { key: from.key()?, by: 1 },
        "decr" => StringCommand::IncrBy { key: from.key()?, by: -1 },
        "incrby" => StringCommand::IncrBy { key: from.key()?, by: from.int("increment")? },
        "decrby" => decrease(from)?,
        "incrbyfloat" => StringCommand::IncrByFloat { key: from.key()?, by: from.float("increment")? },
        "setbit" => set_bit(from)?,
        "getdel" => StringCommand::GetDel { key: from.key()? },
        "getex" => get_expiring(from)?,
        "bitop" => bit_operation(from)?,
        "pfadd" => StringCommand::PfAdd { key: from.key()?, elements: from.rest_or_none()? },
        "pfmerge" => StringCommand::PfMerge { destination: from.key()?, sources: from.rest_or_none()? },
        _ => return Ok(None),
    };
    from.end(Some(command))
}

fn set<'a>(from: &mut Cursor<'a>) -> Read<StringCommand<'a>> {
    let (key, value) = (from.key()?, from.next("value")?);
    let (mut condition, mut expiry) = (None, None);
    while from.left() > 0 {
        // GET changes the reply alone.
        let known = from.take("GET")
            || take_condition(from, &mut condition)?
            || take_expiry(from, &mut expiry, KEEP_TTL)?;
        if !known {
            return Err(from.unexpected());
        }
    }
    Ok(StringCommand::Set { key, value, condition, expiry: expiry.unwrap_or(Expiry::Clear) })
}

/// Takes a condition, if one comes next: at most one (parseExtendedStringArgumentsOrReply in t_string.c), which may be
/// said twice.
fn take_condition<'a>(from: &mut Cursor<'a>, condition: &mut Option<ValueCondition<'a>>) -> Read<bool> {
    let taken = match from.take_one(&PRESENCE) {
        Some(presence) => Some(ValueCondition::Key(presence)),
        None => take_comparison(from)?,
    };
    let Some(taken) = taken else { return Ok(false) };
    if condition.replace(taken).is_some_and(|before| before != taken) {
        return Err(from.refuse(Problem::Conflict));
    }
    Ok(true)
}

/// Takes a condition about the key's string, if one comes next.
pub(super) fn take_comparison<'a>(from: &mut Cursor<'a>) -> Read<Option<ValueCondition<'a>>> {
    type Comparison<'a> = fn(&'a [u8]) -> ValueCondition<'a>;
    let comparisons: [(&str, Comparison<'a>); 4] = [
        ("IFEQ", ValueCondition::Equal),
        ("IFNE", ValueCondition::NotEqual),
        ("IFDEQ", ValueCondition::DigestEqual),
        ("IFDNE", ValueCondition::DigestNotEqual),
    ];
    from.take_one(&comparisons).map(|with| Ok(with(from.next("value to compare with")?))).transpose()
}

fn plain_set<'a>(from: &mut Cursor<'a>, condition: Option<ValueCondition<'a>>) -> Read<StringCommand<'a>> {
    Ok(StringCommand::Set { key: from.key()?, value: from.next("value")?, condition, expiry: Expiry::Clear })
}

fn set_for<'a>(from: &mut Cursor<'a>, unit: fn(i64) -> Time) -> Read<StringCommand<'a>> {
    let (key, expiry) = (from.key()?, Expiry::Set(unit(from.int("time")?)));
    Ok(StringCommand::Set { key, value: from.next("value")?, condition: None, expiry })
}

fn set_many<'a>(from: &mut Cursor<'a>, condition: Option<Presence>) -> Read<StringCommand<'a>> {
    Ok(StringCommand::SetMany { pairs: from.rest()?, condition, expiry: Expiry::Clear })
}

fn set_many_expiring<'a>(from: &mut Cursor<'a>) -> Read<StringCommand<'a>> {
    let (pairs, mut condition, mut expiry) = (from.counted()?, None, None);
    while from.left() > 0 {
        if let Some(presence) = from.take_one(&PRESENCE) {
            from.set(&mut condition, presence)?;
        } else if !take_expiry(from, &mut expiry, KEEP_TTL)? {
            return Err(from.unexpected());
        }
    }
    Ok(StringCommand::SetMany { pairs, condition, expiry: expiry.unwrap_or(Expiry::Clear) })
}

/// Its negative must be a number, too (decrbyCommand in t_string.c).
fn decrease<'a>(from: &mut Cursor<'a>) -> Read<StringCommand<'a>> {
    let (key, by) = (from.key()?, from.int("decrement")?);
    let by = by.checked_neg().ok_or(from.refuse(Problem::Invalid("decrement")))?;
    Ok(StringCommand::IncrBy { key, by })
}

fn set_bit<'a>(from: &mut Cursor<'a>) -> Read<StringCommand<'a>> {
    let (key, offset) = (from.key()?, from.unsigned("bit offset")?);
    Ok(StringCommand::SetBit { key, offset, bit: from.one("bit", &[("0", false), ("1", true)])? })
}

fn get_expiring<'a>(from: &mut Cursor<'a>) -> Read<StringCommand<'a>> {
    let (key, mut expiry) = (from.key()?, None);
    take_expiry(from, &mut expiry, ("PERSIST", Expiry::Clear))?;
    Ok(StringCommand::GetEx { key, expiry: expiry.unwrap_or(Expiry::Keep) })
}

fn bit_operation<'a>(from: &mut Cursor<'a>) -> Read<StringCommand<'a>> {
    let operation = from.one("bit operation", &BIT_OPERATIONS)?;
    Ok(StringCommand::BitOp { operation, destination: from.key()?, sources: from.rest()? })
}
