//! The commands that rebuild a value that comes in pieces.

use std::collections::BTreeMap;

use super::commands::{
    Sink, chunks, claim, create_group, hash, set_id, set_idempotency, stream_losses, xadd, zadd,
};
use super::{Loss, Pending, Piece, StreamId};
use crate::rdb::Target;

/// Rebuilds one key from the pieces of its value, as [`Value::commands`](super::Value::commands) does from the whole.
///
/// Memory is that of one piece; for a stream also the pending entries of one group (64 bytes each), because the source
/// tells all of them before it tells whose they are.
///
/// ```
/// use redis_replica::rdb::{Piece, Rebuild, Target};
///
/// let mut rebuild = Rebuild::new(b"key", Target::redis(7, 0, 0));
/// let mut commands = Vec::new();
/// let mut sink = |command: &[&[u8]]| commands.push(command.join(&b' '));
/// rebuild.piece(&Piece::Elements(vec![b"a".to_vec(), b"b".to_vec()]), &mut sink);
/// rebuild.piece(&Piece::Elements(vec![b"c".to_vec()]), &mut sink);
/// assert!(rebuild.finish().is_empty());
/// assert_eq!(commands, [b"RPUSH key a b".to_vec(), b"RPUSH key c".to_vec()]);
/// ```
#[derive(Debug)]
pub struct Rebuild {
    key: Vec<u8>,
    target: Target,
    entries: bool,
    group: Vec<u8>,
    consumer: Vec<u8>,
    pending: BTreeMap<StreamId, Pending>,
    lost_expiries: u64,
    forgotten: u64,
    consumers: u64,
    groups: u64,
    is_stream: bool,
}

impl Rebuild {
    /// For a key that must not exist on the target. If the value turns out to be broken
    /// ([`Item::Rejected`](crate::rdb::Item::Rejected)), what was built of it must be deleted.
    #[must_use]
    pub fn new(key: &[u8], target: Target) -> Self {
        Self {
            key: key.to_vec(),
            target,
            entries: false,
            group: Vec::new(),
            consumer: Vec::new(),
            pending: BTreeMap::new(),
            lost_expiries: 0,
            forgotten: 0,
            consumers: 0,
            groups: 0,
            is_stream: false,
        }
    }

    /// Hands `sink` the commands for the next piece: at most 512 arguments and, unless one element is larger, 1 MiB
    /// each.
    ///
    /// A pending entry whose entry was deleted from the stream is claimed in vain; see [`Self::finish`].
    pub fn piece(&mut self, piece: &Piece, sink: &mut Sink<'_>) {
        let key = self.key.as_slice();
        match piece {
            Piece::Elements(all) => chunks(&[b"RPUSH", key], all.iter().map(|e| [e.as_slice()]), sink),
            Piece::Members(all) => chunks(&[b"SADD", key], all.iter().map(|m| [m.as_slice()]), sink),
            Piece::Scored(all) => zadd(key, all, sink),
            Piece::Fields(fields) => {
                for loss in hash(key, fields, self.target, sink) {
                    self.lost_expiries += if let Loss::FieldTtl(count) = loss { count } else { 0 };
                }
            }
            piece => self.stream_piece(piece, sink),
        }
    }

    fn stream_piece(&mut self, piece: &Piece, sink: &mut Sink<'_>) {
        self.is_stream = true;
        match piece {
            Piece::Entries(entries) => {
                self.entries = true;
                xadd(&self.key, entries, sink);
            }
            Piece::StreamMeta(meta) => set_id(&self.key, meta, !self.entries, self.target, sink),
            Piece::Group { name, meta } => {
                self.groups += 1;
                self.group.clone_from(name);
                self.pending.clear();
                create_group(&self.key, name, meta, self.target, sink);
            }
            Piece::Pending(pending) => self.pending.extend(pending.iter().map(|entry| (entry.id, *entry))),
            Piece::Consumer { name, .. } => {
                self.consumers += 1;
                self.consumer.clone_from(name);
                sink(&[b"XGROUP", b"CREATECONSUMER", &self.key, &self.group, name]);
            }
            Piece::Claims(ids) => ids.iter().for_each(|id| self.claim(*id, sink)),
            Piece::IdempotentIds(ids) => self.forgotten += ids.len() as u64,
            Piece::Idempotency(meta) => set_idempotency(&self.key, meta, self.target, sink),
            _ => {}
        }
    }

    fn claim(&mut self, id: StreamId, sink: &mut Sink<'_>) {
        if let Some(pending) = self.pending.remove(&id) {
            claim(&self.key, &self.group, &self.consumer, &pending, sink);
        }
    }

    /// What the commands could not carry over. Pending entries whose entry was deleted are not among it: only the
    /// target's replies to `XCLAIM`, empty for those, tell them.
    #[must_use]
    pub fn finish(self) -> Vec<Loss> {
        let fields = (self.lost_expiries > 0).then_some(Loss::FieldTtl(self.lost_expiries));
        let stream = if self.is_stream {
            stream_losses(self.forgotten, self.consumers, self.groups, self.target)
        } else {
            Vec::new()
        };
        fields.into_iter().chain(stream).collect()
    }
}
