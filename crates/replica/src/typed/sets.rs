//! Commands about sets.

use super::cursor::{Cursor, Read};
use super::options::SetOperation;
use super::words::Items;

/// A command about sets (t_set.c of Redis 8.6 and Valkey 9.1).
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum SetCommand<'a> {
    /// `SADD key member ..`.
    Add {
        /// The key.
        key: &'a [u8],
        /// The members.
        members: Items<'a, &'a [u8]>,
    },
    /// `SREM key member ..`. Sources replicate `SPOP` as this, too.
    Remove {
        /// The key.
        key: &'a [u8],
        /// The members.
        members: Items<'a, &'a [u8]>,
    },
    /// `SPOP key [count]`: members that only the source knows. Sources replicate it as `SREM` or `DEL`.
    Pop {
        /// The key.
        key: &'a [u8],
        /// How many, at most.
        count: u64,
    },
    /// `SMOVE from to member`.
    Move {
        /// The key that loses it.
        from: &'a [u8],
        /// The key that gets it.
        to: &'a [u8],
        /// The member.
        member: &'a [u8],
    },
    /// `SUNIONSTORE`, `SINTERSTORE`, `SDIFFSTORE`: `destination source ..`.
    Store {
        /// How.
        operation: SetOperation,
        /// The key that is replaced; deleted if the result is empty.
        destination: &'a [u8],
        /// The keys that are read.
        sources: Items<'a, &'a [u8]>,
    },
}

/// The command, if it is one of this family.
pub(super) fn parse<'a>(mut from: Cursor<'a>) -> Read<Option<SetCommand<'a>>> {
    let from = &mut from;
    let command = match from.command() {
        "sadd" => SetCommand::Add { key: from.key()?, members: from.rest()? },
        "srem" => SetCommand::Remove { key: from.key()?, members: from.rest()? },
        "spop" => SetCommand::Pop { key: from.key()?, count: from.count_or_one()? },
        "smove" => SetCommand::Move { from: from.key()?, to: from.key()?, member: from.next("member")? },
        "sunionstore" => store(from, SetOperation::Union)?,
        "sinterstore" => store(from, SetOperation::Intersection)?,
        "sdiffstore" => store(from, SetOperation::Difference)?,
        _ => return Ok(None),
    };
    from.end(Some(command))
}

fn store<'a>(from: &mut Cursor<'a>, operation: SetOperation) -> Read<SetCommand<'a>> {
    Ok(SetCommand::Store { operation, destination: from.key()?, sources: from.rest()? })
}
