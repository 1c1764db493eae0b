//! What several commands' options say.

use std::mem::discriminant;

use super::cursor::{Cursor, Read};
use super::error::Problem;

/// When something expires. Counts are as sent: servers take times before now, too, and then delete at once.
///
/// From Redis 7.0 and Valkey on sources replicate times as [`Time::AtMs`] (expireGenericCommand in expire.c,
/// setGenericCommand in t_string.c).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Time {
    /// `EX`: this many seconds from when the source ran the command.
    InSeconds(i64),
    /// `PX`: this many milliseconds from when the source ran the command.
    InMs(i64),
    /// `EXAT`: seconds since 1970.
    AtSeconds(i64),
    /// `PXAT`: milliseconds since 1970.
    AtMs(i64),
}

impl Time {
    /// Milliseconds since 1970; None if it counts from the source's clock, or is beyond any time.
    pub fn unix_ms(self) -> Option<i64> {
        match self {
            Time::AtSeconds(seconds) => seconds.checked_mul(1000),
            Time::AtMs(ms) => Some(ms),
            Time::InSeconds(_) | Time::InMs(_) => None,
        }
    }
}

/// What becomes of an expiry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Expiry {
    /// There is none afterwards.
    Clear,
    /// It stays as it was: `KEEPTTL`.
    Keep,
    /// It is this afterwards.
    Set(Time),
}

impl Expiry {
    /// Whether the servers take both in one command, and heed the last (parseExtendedStringArgumentsOrReply in t_string.c).
    fn is_like(self, other: Self) -> bool {
        match (self, other) {
            (Expiry::Set(one), Expiry::Set(other)) => discriminant(&one) == discriminant(&other),
            _ => self == other,
        }
    }
}

/// Whether something must be there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Presence {
    /// `NX`, `FNX`: only if it is not.
    Absent,
    /// `XX`, `FXX`: only if it is.
    Present,
}

/// How a new number must compare with the one that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Order {
    /// `GT`: greater.
    Greater,
    /// `LT`: less.
    Less,
}

/// Conditions of `ZADD` and of the commands that set an expiry. All must hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Conditions {
    /// `NX` or `XX`, about the member, or about the expiry.
    pub presence: Option<Presence>,
    /// `GT` or `LT`.
    pub order: Option<Order>,
}

pub(super) const PRESENCE: [(&str, Presence); 2] = [("NX", Presence::Absent), ("XX", Presence::Present)];
const ORDER: [(&str, Order); 2] = [("GT", Order::Greater), ("LT", Order::Less)];

impl Conditions {
    /// Takes one condition, if one comes next. `NX` goes with no other (parseExtendedExpireArgumentsOrReply in expire.c,
    /// zaddGenericCommand in t_zset.c); the same one twice is fine.
    pub(super) fn take(&mut self, from: &mut Cursor<'_>) -> Read<bool> {
        let before = *self;
        if let Some(presence) = from.take_one(&PRESENCE) {
            self.presence = Some(presence);
        } else if let Some(order) = from.take_one(&ORDER) {
            self.order = Some(order);
        } else {
            return Ok(false);
        }
        let changed = |old: bool, same: bool| old && !same;
        let conflict = changed(before.presence.is_some(), before.presence == self.presence)
            || changed(before.order.is_some(), before.order == self.order)
            || (self.presence == Some(Presence::Absent) && self.order.is_some());
        if conflict { Err(from.refuse(Problem::Conflict)) } else { Ok(true) }
    }
}

/// Takes `EX`, `PX`, `EXAT` or `PXAT` and its number, or a word that stands for another expiry.
pub(super) fn take_expiry(
    from: &mut Cursor<'_>,
    expiry: &mut Option<Expiry>,
    word: (&str, Expiry),
) -> Read<bool> {
    type Unit = fn(i64) -> Time;
    let units: [(&str, Unit); 4] =
        [("EX", Time::InSeconds), ("PX", Time::InMs), ("EXAT", Time::AtSeconds), ("PXAT", Time::AtMs)];
    let taken = if let Some(unit) = from.take_one(&units) {
        Expiry::Set(unit(from.int("time")?))
    } else if let Some(other) = from.take_one(&[word]) {
        other
    } else {
        return Ok(false);
    };
    match expiry.replace(taken) {
        Some(before) if !before.is_like(taken) => Err(from.refuse(Problem::Conflict)),
        _ => Ok(true),
    }
}

/// The unit of the time that `EXPIRE` and its like (`suffix` behind any `p`, `h` or `hp`) take as an argument.
pub(super) fn expire_time(from: &mut Cursor<'_>) -> Read<Time> {
    let name = from.command();
    let count = from.int("time")?;
    Ok(match (name.trim_start_matches('h').starts_with('p'), name.ends_with("at")) {
        (false, false) => Time::InSeconds(count),
        (false, true) => Time::AtSeconds(count),
        (true, false) => Time::InMs(count),
        (true, true) => Time::AtMs(count),
    })
}

/// An end of a list, or of a sorted set by score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum End {
    /// The left end of a list; the lowest scores.
    First,
    /// The right end of a list; the highest scores.
    Last,
}

/// How sets are put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SetOperation {
    /// What is in any of them.
    Union,
    /// What is in all of them.
    Intersection,
    /// What is in the first and in no other.
    Difference,
}
