//! Commands about lists.

use super::cursor::{Cursor, Read};
use super::options::End;
use super::words::Items;

/// A command about lists (t_list.c of Redis 8.6 and Valkey 9.1). The blocking forms are replicated as these.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum ListCommand<'a> {
    /// `LPUSH`, `RPUSH`, `LPUSHX`, `RPUSHX`: `key element ..`.
    Push {
        /// The key.
        key: &'a [u8],
        /// Where; the last element ends up outermost.
        end: End,
        /// Whether only to a list that exists: the forms with `X`.
        if_exists: bool,
        /// What is added, one after the other.
        elements: Items<'a, &'a [u8]>,
    },
    /// `LPOP key [count]`, `RPOP key [count]`.
    Pop {
        /// The key.
        key: &'a [u8],
        /// From where.
        end: End,
        /// How many, at most.
        count: u64,
    },
    /// `LMPOP count key .. LEFT|RIGHT [COUNT n]`. Sources replicate it as `LPOP` or `RPOP`.
    PopFirstFound {
        /// The keys; the first that is a list is taken.
        keys: Items<'a, &'a [u8]>,
        /// From where.
        end: End,
        /// How many, at most.
        count: u64,
    },
    /// `LSET key index element`.
    Set {
        /// The key.
        key: &'a [u8],
        /// From 0; negative ones count from the right end, which is -1.
        index: i64,
        /// What stands there afterwards.
        element: &'a [u8],
    },
    /// `LTRIM key first last`.
    Trim {
        /// The key.
        key: &'a [u8],
        /// The index of the first element that stays, as in `LSET`.
        first: i64,
        /// The index of the last that stays.
        last: i64,
    },
    /// `LREM key count element`.
    Remove {
        /// The key.
        key: &'a [u8],
        /// How many at most, from the left; from the right if negative; 0 for all.
        count: i64,
        /// Those equal to this.
        element: &'a [u8],
    },
    /// `LINSERT key BEFORE|AFTER pivot element`.
    Insert {
        /// The key.
        key: &'a [u8],
        /// On which side of the pivot.
        side: Side,
        /// The leftmost element equal to this.
        pivot: &'a [u8],
        /// What is added.
        element: &'a [u8],
    },
    /// `LMOVE from to LEFT|RIGHT LEFT|RIGHT`, `RPOPLPUSH from to`.
    Move {
        /// The key that loses an element.
        from: &'a [u8],
        /// The key that gets it; may be the same.
        to: &'a [u8],
        /// The end that it is taken from.
        from_end: End,
        /// The end that it is put to.
        to_end: End,
    },
}

/// A side of an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// To the left of it.
    Before,
    /// To the right of it.
    After,
}

const ENDS: [(&str, End); 2] = [("LEFT", End::First), ("RIGHT", End::Last)];
const SIDES: [(&str, Side); 2] = [("BEFORE", Side::Before), ("AFTER", Side::After)];

/// The command, if it is one of this family.
pub(super) fn parse<'a>(mut from: Cursor<'a>) -> Read<Option<ListCommand<'a>>> {
    let from = &mut from;
    let command = match from.command() {
        "lpush" => push(from, End::First, false)?,
        "lpushx" => push(from, End::First, true)?,
        "rpush" => push(from, End::Last, false)?,
        "rpushx" => push(from, End::Last, true)?,
        "lpop" => ListCommand::Pop { key: from.key()?, end: End::First, count: from.count_or_one()? },
        "rpop" => ListCommand::Pop { key: from.key()?, end: End::Last, count: from.count_or_one()? },
        "lmpop" => pop_first_found(from)?,
        "lset" => {
            ListCommand::Set { key: from.key()?, index: from.int("index")?, element: from.next("element")? }
        }
        "ltrim" => ListCommand::Trim {
            key: from.key()?,
            first: from.int("first index")?,
            last: from.int("last index")?,
        },
        "lrem" => ListCommand::Remove {
            key: from.key()?,
            count: from.int("count")?,
            element: from.next("element")?,
        },
        "linsert" => ListCommand::Insert {
            key: from.key()?,
            side: from.one("side", &SIDES)?,
            pivot: from.next("pivot")?,
            element: from.next("element")?,
        },
        "lmove" => ListCommand::Move {
            from: from.key()?,
            to: from.key()?,
            from_end: from.one("end of the list", &ENDS)?,
            to_end: from.one("end of the list", &ENDS)?,
        },
        "rpoplpush" => {
            ListCommand::Move { from: from.key()?, to: from.key()?, from_end: End::Last, to_end: End::First }
        }
        _ => return Ok(None),
    };
    from.end(Some(command))
}

fn push<'a>(from: &mut Cursor<'a>, end: End, if_exists: bool) -> Read<ListCommand<'a>> {
    Ok(ListCommand::Push { key: from.key()?, end, if_exists, elements: from.rest()? })
}

fn pop_first_found<'a>(from: &mut Cursor<'a>) -> Read<ListCommand<'a>> {
    let (keys, end) = (from.counted()?, from.one("end of the list", &ENDS)?);
    Ok(ListCommand::PopFirstFound { keys, end, count: from.count_option()? })
}
