//! Commands with their arguments understood: numbers parsed, options named, repeated parts as lists. Without IO, and
//! without copying: all of it borrows from the command's arguments.
//!
//! Modelled are the data commands that sources of Redis 7.0 to 8.6 and Valkey 8.0 to 9.1 replicate, in the forms that
//! clients may send, too. What several commands say is one variant: `SETEX`, `PSETEX`, `SETNX` and `GETSET` are
//! [`StringCommand::Set`]. The servers' own parsers say what an argument means; each family names the file.
//!
//! [`Typed::Other`] are commands that are not modelled on purpose: those whose options are a small program, or that take a
//! server's own algorithms to carry out (`BITFIELD`, `SORT .. STORE`, `GEORADIUS .. STORE`, `GEOSEARCHSTORE`), the blocking ones (`BLPOP` and
//! the like, which sources replicate as the others), `PFCOUNT` (which stores its count), `PFDEBUG`, `XCFGSET`, `XIDMPRECORD`, and all that [`crate::keys`] does not
//! list. Their arguments, and as a rule their keys, can be had from the entry.
//!
//! ```
//! use redis_replica::typed::{Expiry, StringCommand, Time, Typed};
//!
//! let args: [&[u8]; 5] = [b"SET", b"k", b"v", b"PXAT", b"1700000000000"];
//! let Typed::String(StringCommand::Set { key, value, expiry, .. }) = Typed::parse(args.as_slice())? else { panic!() };
//! assert_eq!((key, value), (b"k".as_slice(), b"v".as_slice()));
//! assert_eq!(expiry, Expiry::Set(Time::AtMs(1_700_000_000_000)));
//! # Ok::<(), redis_replica::typed::TypedError>(())
//! ```

mod cursor;
mod error;
mod hashes;
mod keys;
mod lists;
mod options;
mod server;
mod sets;
mod streams;
mod strings;
#[cfg(test)]
mod tests;
mod words;
mod zsets;

pub use error::{Problem, TypedError};
pub use hashes::HashCommand;
pub use keys::KeyCommand;
pub use lists::{ListCommand, Side};
pub use options::{Conditions, End, Expiry, Order, Presence, SetOperation, Time};
pub use server::ServerCommand;
pub use sets::SetCommand;
pub use streams::{Delivery, GroupStart, Idempotency, Kept, References, StreamCommand, Trim};
pub use strings::{BitOperation, StringCommand, ValueCondition};
pub use words::{Element, Items, ItemsIter, Words};
pub use zsets::{Aggregate, LexBound, MemberRange, Place, ScoreBound, ScoredMember, SortedSetCommand};

use cursor::Cursor;

use crate::keys::lookup;

/// A command, understood. Two that say the same are equal, whatever they are written like.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Typed<'a> {
    /// About a string.
    String(StringCommand<'a>),
    /// About a key, whatever it holds.
    Key(KeyCommand<'a>),
    /// About a hash.
    Hash(HashCommand<'a>),
    /// About a list.
    List(ListCommand<'a>),
    /// About a set.
    Set(SetCommand<'a>),
    /// About a sorted set.
    SortedSet(SortedSetCommand<'a>),
    /// About a stream.
    Stream(StreamCommand<'a>),
    /// About whole databases, or a message.
    Server(ServerCommand<'a>),
    /// Not known, or not modelled. See the [module](self).
    Other,
}

impl<'a> Typed<'a> {
    /// Understands a command, its name first and in any case.
    ///
    /// # Errors
    /// A command that is modelled, with arguments that don't fit it.
    pub fn parse(command: impl Into<Words<'a>>) -> Result<Self, TypedError> {
        let words = command.into();
        let Some(name) = words.get(0).and_then(known_name) else { return Ok(Typed::Other) };
        let from = Cursor::new(name, words);
        Ok(match name.as_bytes().first() {
            Some(b'h') => hashes::parse(from)?.map(Typed::Hash),
            Some(b'l') => lists::parse(from)?.map(Typed::List),
            Some(b'x') => streams::parse(from)?.map(Typed::Stream),
            Some(b'z') => zsets::parse(from)?.map(Typed::SortedSet),
            _ => by_turns(from)?,
        }
        .unwrap_or(Typed::Other))
    }
}

/// Families whose names' first letters don't tell them apart.
fn by_turns<'a>(from: Cursor<'a>) -> Result<Option<Typed<'a>>, TypedError> {
    if let Some(command) = strings::parse(from)? {
        return Ok(Some(Typed::String(command)));
    }
    if let Some(command) = keys::parse(from)? {
        return Ok(Some(Typed::Key(command)));
    }
    if let Some(command) = sets::parse(from)? {
        return Ok(Some(Typed::Set(command)));
    }
    if let Some(command) = lists::parse(from)? {
        return Ok(Some(Typed::List(command)));
    }
    if let Some(command) = zsets::parse(from)? {
        return Ok(Some(Typed::SortedSet(command)));
    }
    Ok(server::parse(from)?.map(Typed::Server))
}

/// The name in small letters, of a command that may be modelled.
fn known_name(name: &[u8]) -> Option<&'static str> {
    const WITHOUT_KEYS: [&str; 2] = ["publish", "spublish"];
    match lookup(name) {
        Some(row) => row.name.to_str().ok(),
        None => WITHOUT_KEYS.into_iter().find(|known| name.eq_ignore_ascii_case(known.as_bytes())),
    }
}
