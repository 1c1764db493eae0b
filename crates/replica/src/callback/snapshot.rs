//! From a snapshot's items to batches of commands.

use crate::connection::Place;
use crate::rdb::{Entry as Key, Item, Target};

use super::{Batch, Handler, HandlerError, LeftOut, Phase, Whereabouts};

/// A server that has a place for everything.
const EVERYTHING: Target = Target::redis(u8::MAX, 0, 0);

/// How much of a snapshot is handed over at once. A value is unpacked whole before: beyond the bytes named here, memory
/// is bounded by the limits on a snapshot's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchLimits {
    /// Commands of a batch, at most.
    pub commands: usize,
    /// Bytes of names and arguments after which a batch is delivered.
    pub bytes: usize,
}

impl Default for BatchLimits {
    fn default() -> Self {
        BatchLimits { commands: 1000, bytes: 1 << 20 }
    }
}

/// Collects a snapshot's commands and delivers them: for whoever drives a [`Connection`](crate::Connection) by hand.
#[derive(Debug)]
pub struct Unpacker {
    limits: BatchLimits,
    offset: u64,
    batch: Batch,
}

impl Unpacker {
    /// Delivers batches within `limits`.
    pub fn new(limits: BatchLimits) -> Self {
        Unpacker { limits, offset: 0, batch: Batch::new(Phase::Snapshot) }
    }

    /// A snapshot begins that is valid at `offset`; what is left of one that broke off is gone.
    pub fn begin(&mut self, offset: u64) {
        self.offset = offset;
        self.batch.clear(Phase::Snapshot);
    }

    /// Takes an item, and delivers what is collected when that is enough.
    ///
    /// # Errors
    /// The handler's.
    pub fn item(&mut self, item: &Item<'_>, handler: &mut impl Handler) -> Result<(), HandlerError> {
        match item {
            Item::Entry(key) => self.key(key, handler),
            Item::Rejected(rejected) => {
                handler.left_out(rejected.db, &rejected.key, LeftOut::Defect(rejected.defect))
            }
            Item::Function(library) => self.push(0, &[b"function", b"load", b"REPLACE", library], handler),
            _ => Ok(()),
        }
    }

    fn key(&mut self, key: &Key<'_>, handler: &mut impl Handler) -> Result<(), HandlerError> {
        let value = match key.object.decode() {
            Ok(value) => value,
            Err(defect) => return handler.left_out(key.db, &key.key, LeftOut::Defect(defect)),
        };
        let mut outcome = Ok(());
        let built = value.commands(&key.key, EVERYTHING, &mut |args| {
            if outcome.is_ok() {
                outcome = self.push(key.db, args, handler);
            }
        });
        outcome?;
        let losses = match built {
            Ok(losses) => losses,
            Err(reason) => return handler.left_out(key.db, &key.key, LeftOut::NotRestorable(reason)),
        };
        if let Some(at) = key.expire_at_ms {
            let at = itoa::Buffer::new().format(at).to_owned();
            self.push(key.db, &[b"pexpireat", &key.key, at.as_bytes()], handler)?;
        }
        if losses.is_empty() { Ok(()) } else { handler.left_out(key.db, &key.key, LeftOut::Parts(losses)) }
    }

    fn push(&mut self, db: u32, args: &[&[u8]], handler: &mut impl Handler) -> Result<(), HandlerError> {
        let at = Whereabouts { db, offset: self.offset, place: Place::Alone };
        self.batch.push(at, args.iter().copied());
        if self.batch.len() < self.limits.commands && self.batch.bytes() < self.limits.bytes {
            return Ok(());
        }
        self.flush(handler)
    }

    /// Delivers what is collected: to be called at the snapshot's end.
    ///
    /// # Errors
    /// The handler's.
    pub fn flush(&mut self, handler: &mut impl Handler) -> Result<(), HandlerError> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let outcome = handler.batch(&self.batch);
        self.batch.clear(Phase::Snapshot);
        outcome
    }
}
