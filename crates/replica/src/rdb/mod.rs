//! Snapshots and values in the servers' own serialization (RDB): read in pieces, validated in depth, passed on to a
//! server of any version, or decoded.
//!
//! [`Reader`] turns the bytes of a snapshot into [`Item`]s. A key's value comes as an [`Object`]: still serialized, but
//! proven well-formed before any server sees it (`RESTORE` does not check deeply by default). From there
//!
//! - [`Object::payload_for`] makes what `RESTORE` takes on a given [`Target`], re-encoding what that server can't read,
//! - [`Object::decode`] makes a [`Value`], and [`Value::commands`] the commands that rebuild it.
//!
//! - [`Writer`] writes either, and values made otherwise, into a snapshot of any version.
//!
//! A value that shall not be held whole is told in pieces ([`Limits::pieces_above_bytes`]), and [`Rebuild`] makes the
//! commands of those.
//!
//! What can't be used costs as little as its framing allows. A value that breaks a rule or is beyond a limit is named
//! and passed over ([`Item::Rejected`]); a module's value is passed on, never looked into. A type byte that the family
//! doesn't define has no known end: it ends the reading ([`Error::UnknownType`]), as does a newer version at its header
//! ([`Error::UnsupportedVersion`]), for what is known may mean something else there. A `DUMP` payload's end is known:
//! there it is [`Defect::UnknownType`], for that key alone.
//!
//! [`Validator::dump`] does for one `DUMP` reply what the reader does for a snapshot.
//!
//! | Family | Versions | Value types |
//! |---|---|---|
//! | Redis | 1-13 (until 8.6), and Valkey until 8.1 | 0-5, 7, 9-26 |
//! | Valkey | 80 (9.x) | 0-5, 7, 9-22 |

mod crc;
mod cursor;
mod error;
mod family;
mod item;
mod layout;
mod limits;
mod lzf;
mod object;
mod packed;
mod payload;
mod pieces;
mod reader;
mod skim;
#[cfg(test)]
mod tests;
mod transcode;
mod types;
mod validate;
mod value;
mod walk;
mod write;

pub use error::{Defect, Error};
pub use family::{Family, Target, footer_version, restorable};
pub use item::{Entry, Item, Rejected, Step, ValueBegin};
pub use limits::Limits;
pub use object::{LoadedField, ModuleFields, ModuleType, Object};
pub use payload::NotRestorable;
pub use reader::Reader;
pub use types::{Kind, kind_of};
pub use validate::{Validator, check_string, parse_dump};
pub use value::{
    Consumer, Group, GroupMeta, HashField, Idempotency, IdempotencyMeta, Loss, Pending, Piece, Producer,
    Rebuild, Stream, StreamEntry, StreamId, StreamMeta, Value,
};
pub use write::{Encoding, Key, ModuleAuxTime, ModuleField, Strings, WriteError, Writer};
