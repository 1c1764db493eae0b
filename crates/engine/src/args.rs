//! What the planner reads from a command's arguments.

pub(crate) use redis_replica::keys::{Args, Tail, integer, is_word};

/// A db number.
pub(crate) fn db_number(text: &[u8]) -> Option<u32> {
    integer(text).and_then(|number| u32::try_from(number).ok())
}
