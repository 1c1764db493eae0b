//! The data commands a mirror applies: an allow-list, compiled in.
//!
//! Key positions are ours because a source's own COMMAND reply is not to be trusted, and this server can only be asked
//! on its main thread. The test `real_servers_commands` proves them against COMMAND GETKEYSANDFLAGS of every server at hand,
//! and that no write command of theirs is missing both here and in [`REFUSED`].

use std::ffi::CStr;

mod refused;
mod table;
#[cfg(test)]
mod tests;

pub use redis_replica::keys::{Access, KeyArgs, KeyArgsIter, Malformed};
pub(crate) use redis_replica::keys::{Keys, sort_reads_patterns};
pub use refused::{REFUSED, Refused, RefusedReason, refused};
pub(crate) use table::row;
pub use table::{RECORD_APPLY, TABLE, lookup};

/// A release of a server: major, minor.
pub type Release = (u8, u8);

/// Which releases of the two families know a command; `None` is none of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Since {
    /// First release of Redis.
    pub redis: Option<Release>,
    /// First release of Valkey.
    pub valkey: Option<Release>,
}

/// One row of the table.
#[derive(Debug)]
pub struct Command {
    pub(crate) name: &'static CStr,
    pub(crate) args_min: u8,
    pub(crate) keys: Keys,
    pub(crate) rule: Rule,
    pub(crate) since: Since,
}

/// How a command is planned when the plain way (map its keys, apply it) isn't the whole story.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    /// Deterministic, options the same everywhere.
    Plain,
    /// `SET key value ..`.
    Set,
    /// `SETNX key value`, `GETSET key value`: a plain SET once it has happened at the source.
    SetValue,
    /// `SETEX key time value`, the time counted in these.
    SetEx(Unit),
    /// `HSET key field value ..`, `HMSET`.
    HashSet,
    /// `DEL key ..`, `UNLINK key ..`.
    Delete,
    /// `DELEX key ..`, `DELIFEQ key ..`: what is replicated has deleted.
    DeleteIf,
    /// `MSET key value ..`, `MSETNX`.
    MSet,
    /// `MSETEX n key value .. options`.
    MSetEx,
    /// `RENAME from to`, `RENAMENX`.
    Rename,
    /// `MOVE key db`.
    Move,
    /// `COPY from to [DB n] [REPLACE]`.
    Copy,
    /// `LMOVE from to side side`, `RPOPLPUSH from to`: the source loses one element.
    MoveElement,
    /// `SMOVE from to member`.
    SMove,
    /// `SORT key ..`.
    Sort,
    /// `EXPIRE key time ..`.
    Expire(Unit, Base),
    /// `GETEX key ..`.
    GetEx,
    /// `RESTORE key ttl payload ..`.
    Restore,
    /// `HEXPIRE key time [condition] FIELDS n ..`.
    FieldExpire(Unit, Base),
    /// `HPERSIST ..`: nothing to do where fields have no expiry.
    FieldPersist,
    /// `HSETEX ..`.
    HSetEx,
    /// `HGETDEL key FIELDS n ..`.
    HGetDel,
    /// `HGETEX key [option] FIELDS n ..`.
    HGetEx,
    /// `XADD`, `XTRIM`: newer trimming words.
    StreamTrim,
    /// `XCLAIM key group consumer min-idle id ..`: what old sources claim though it is gone.
    StreamClaim,
    /// `XDELEX key [mode] IDS n ..`.
    XDelEx,
    /// `XIDMPRECORD`, `XCFGSET`: state that servers without it can't hold.
    StreamIdempotency,
    /// `BITOP operation ..`: newer operations.
    BitOp,
    /// `GEOSEARCHSTORE ..`: newer shapes.
    GeoSearchStore,
    /// Not deterministic, or not applied here: its written keys are fetched again.
    Refetch,
    /// `RECORD.APPLY key COMMIT commit`.
    RecordCommit,
    /// `SWAPDB a b`.
    SwapDb,
    /// `FLUSHDB`.
    FlushDb,
    /// `FLUSHALL`.
    FlushAll,
}

/// What a time is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    Seconds,
    Milliseconds,
}

/// What a time is counted from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Base {
    Now,
    Epoch,
}

impl Command {
    /// The name in small letters, ending in NUL for the server's call.
    pub fn c_name(&self) -> &'static CStr {
        self.name
    }

    /// The name in small letters.
    pub fn name(&self) -> &'static str {
        self.name.to_str().unwrap_or_default()
    }

    /// The releases that know it.
    pub fn since(&self) -> Since {
        self.since
    }

    /// Its place in [`TABLE`].
    pub fn index(&'static self) -> usize {
        table::index(self)
    }

    /// Which of `args` (the name not among them) are keys, and how each is used. A command whose keys can't be told
    /// is malformed: it must not be applied.
    #[inline]
    pub fn keys<A: crate::Args + ?Sized>(&self, args: &A) -> Result<KeyArgs, Malformed> {
        if args.arg_count() < usize::from(self.args_min) { Err(Malformed) } else { self.keys.find(args) }
    }
}

impl PartialEq for Command {
    fn eq(&self, other: &Command) -> bool {
        self.name == other.name
    }
}

impl Eq for Command {}
