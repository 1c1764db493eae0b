//! From a snapshot's items to batches of commands.

use crate::connection::Place;
use crate::rdb::{Entry as Key, Item, Loss, NotRestorable, Piece, Rebuild, Target, Value, ValueBegin};

use super::{Batch, Handler, HandlerError, LeftOut, Phase, Whereabouts};

/// A server that has a place for everything.
const EVERYTHING: Target = Target::redis(u8::MAX, 0, 0);

/// How much of a snapshot is handed over at once.
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
///
/// Values above the reader's limit for whole ones ([`Limits::pieces_above_bytes`](crate::rdb::Limits)) are unpacked piece
/// by piece; what is held then is one piece and one batch. Large values take several commands, which may be of several
/// batches. One that turns out to be broken halfway is deleted again by a `DEL`, and told to be left out.
///
/// A pending entry that is deleted from its stream comes as `XCLAIM` like the others, which servers take without effect:
/// [`LeftOut::Parts`] tells how many there are of a stream that comes whole.
#[derive(Debug)]
pub struct Unpacker {
    limits: BatchLimits,
    offset: u64,
    batch: Batch,
    begun: Option<Begun>,
}

/// A key whose value is being unpacked.
#[derive(Debug)]
struct Begun {
    db: u32,
    key: Vec<u8>,
    expire_at_ms: Option<u64>,
    rebuild: Rebuild,
}

impl Begun {
    fn new(db: u32, key: &[u8], expire_at_ms: Option<u64>) -> Self {
        Begun { db, key: key.to_vec(), expire_at_ms, rebuild: Rebuild::new(key, EVERYTHING) }
    }
}

impl Unpacker {
    /// Delivers batches within `limits`.
    pub fn new(limits: BatchLimits) -> Self {
        Unpacker { limits, offset: 0, batch: Batch::new(Phase::Snapshot), begun: None }
    }

    /// A snapshot begins that is valid at `offset`; what is left of one that broke off is gone.
    pub fn begin(&mut self, offset: u64) {
        self.offset = offset;
        self.batch.clear(Phase::Snapshot);
        self.begun = None;
    }

    /// Takes an item, and delivers what is collected when that is enough.
    ///
    /// # Errors
    /// The handler's.
    pub fn item(&mut self, item: &Item<'_>, handler: &mut impl Handler) -> Result<(), HandlerError> {
        match item {
            Item::Entry(key) => self.key(key, handler),
            Item::ValueBegin(ValueBegin { db, key, expire_at_ms, .. }) => {
                self.begun = Some(Begun::new(*db, key, *expire_at_ms));
                Ok(())
            }
            Item::Piece(piece) => self.piece(piece, handler),
            Item::ValueEnd => self.end(None, handler),
            Item::Rejected(rejected) => {
                if self.begun.take().is_some() {
                    self.push(rejected.db, &[b"del", &rejected.key], handler)?;
                }
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
        let deleted = match &value {
            Value::Module(_) => {
                let (type_byte, source_family) = (key.object.type_byte(), key.object.family());
                let reason = NotRestorable { type_byte, source_family, target: EVERYTHING };
                return handler.left_out(key.db, &key.key, LeftOut::NotRestorable(reason));
            }
            Value::Stream(stream) => stream.deleted_pending(),
            _ => 0,
        };
        self.begun = Some(Begun::new(key.db, &key.key, key.expire_at_ms));
        if let Value::String(bytes) = &value {
            self.push(key.db, &[b"set", &key.key, bytes], handler)?;
        }
        for piece in value.into_pieces() {
            self.piece(&piece, handler)?;
        }
        self.end((deleted > 0).then_some(Loss::PendingDeleted(deleted)), handler)
    }

    fn piece(&mut self, piece: &Piece, handler: &mut impl Handler) -> Result<(), HandlerError> {
        let Some(mut begun) = self.begun.take() else { return Ok(()) };
        let mut outcome = Ok(());
        begun.rebuild.piece(piece, &mut |args| {
            if outcome.is_ok() {
                outcome = self.push(begun.db, args, handler);
            }
        });
        self.begun = Some(begun);
        outcome
    }

    /// The value that was begun is complete.
    fn end(&mut self, loss: Option<Loss>, handler: &mut impl Handler) -> Result<(), HandlerError> {
        let Some(Begun { db, key, expire_at_ms, rebuild }) = self.begun.take() else { return Ok(()) };
        if let Some(at) = expire_at_ms {
            let at = itoa::Buffer::new().format(at).to_owned();
            self.push(db, &[b"pexpireat", &key, at.as_bytes()], handler)?;
        }
        let losses: Vec<Loss> = rebuild.finish().into_iter().chain(loss).collect();
        if losses.is_empty() { Ok(()) } else { handler.left_out(db, &key, LeftOut::Parts(losses)) }
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
