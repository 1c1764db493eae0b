//! Values in pieces, and pieces put together.

use super::{
    Consumer, Group, GroupMeta, HashField, IdempotencyMeta, Pending, Producer, Stream, StreamEntry, StreamId,
    StreamMeta, Value,
};
use crate::rdb::Kind;

/// Part of a value that is told bit by bit. A piece is never empty.
///
/// Lists, sets, sorted sets and hashes come as pieces of one variant. A stream comes as entries, its counters, then each
/// group: the group, all its pending entries, each of its consumers followed by what of them it owns; in the end what
/// it remembers of its producers.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Piece {
    /// Elements of a list, from left to right.
    Elements(Vec<Vec<u8>>),
    /// Members of a set.
    Members(Vec<Vec<u8>>),
    /// Members of a sorted set with their scores.
    Scored(Vec<(Vec<u8>, f64)>),
    /// Fields of a hash.
    Fields(Vec<HashField>),
    /// Entries of a stream, ascending.
    Entries(Vec<StreamEntry>),
    /// A stream's counters and edges.
    StreamMeta(StreamMeta),
    /// A group of a stream.
    Group {
        /// Its name.
        name: Vec<u8>,
        /// Its position.
        meta: GroupMeta,
    },
    /// Pending entries of all consumers of the last group, ascending.
    Pending(Vec<Pending>),
    /// A consumer of the last group.
    Consumer {
        /// Its name.
        name: Vec<u8>,
        /// When it last tried: milliseconds since 1970.
        seen_at_ms: u64,
        /// When it last got an entry, `None` if never.
        active_at_ms: Option<u64>,
    },
    /// Ids of the group's pending entries that are the last consumer's.
    Claims(Vec<StreamId>),
    /// A producer of a stream (Redis 8.6).
    Producer {
        /// Its name.
        name: Vec<u8>,
    },
    /// Remembered ids of the last producer and the entry each stands for, oldest first.
    IdempotentIds(Vec<(Vec<u8>, StreamId)>),
    /// Settings and counters of a stream's idempotency: always the last piece, if there are any.
    Idempotency(IdempotencyMeta),
}

impl Value {
    /// A value without an element, for [`Self::push`]; `None` for modules, whose values don't come in pieces.
    #[must_use]
    pub fn empty(kind: Kind) -> Option<Self> {
        Some(match kind {
            Kind::String => Self::String(Vec::new()),
            Kind::List => Self::List(Vec::new()),
            Kind::Set => Self::Set(Vec::new()),
            Kind::ZSet => Self::ZSet(Vec::new()),
            Kind::Hash => Self::Hash(Vec::new()),
            Kind::Stream => Self::Stream(Box::default()),
            Kind::Module => return None,
        })
    }

    /// Appends a piece. One that belongs to a value of another kind is given back.
    ///
    /// # Errors
    /// The piece itself.
    pub fn push(&mut self, piece: Piece) -> Result<(), Piece> {
        match (self, piece) {
            (Self::List(all), Piece::Elements(more)) | (Self::Set(all), Piece::Members(more)) => {
                all.extend(more)
            }
            (Self::ZSet(all), Piece::Scored(more)) => all.extend(more),
            (Self::Hash(all), Piece::Fields(more)) => all.extend(more),
            (Self::Stream(stream), piece) => return stream.push(piece),
            (_, piece) => return Err(piece),
        }
        Ok(())
    }

    /// The value as pieces; a string and a module's value have none.
    #[must_use]
    pub fn into_pieces(self) -> Vec<Piece> {
        match self {
            Self::List(elements) => vec![Piece::Elements(elements)],
            Self::Set(members) => vec![Piece::Members(members)],
            Self::ZSet(members) => vec![Piece::Scored(members)],
            Self::Hash(fields) => vec![Piece::Fields(fields)],
            Self::Stream(stream) => stream.into_pieces(),
            Self::String(_) | Self::Module(_) => Vec::new(),
        }
    }
}

impl Stream {
    fn push(&mut self, piece: Piece) -> Result<(), Piece> {
        match piece {
            Piece::Entries(entries) => self.entries.extend(entries),
            Piece::StreamMeta(meta) => self.meta = meta,
            Piece::Group { name, meta } => {
                self.groups.push(Group { name, meta, pending: Vec::new(), consumers: Vec::new() });
            }
            Piece::Producer { name } => {
                let producer = Producer { name, ids: Vec::new() };
                self.idempotency.get_or_insert_default().producers.push(producer);
            }
            Piece::IdempotentIds(ids) => {
                let producers = &mut self.idempotency.get_or_insert_default().producers;
                producers.last_mut().into_iter().for_each(|producer| producer.ids.extend_from_slice(&ids));
            }
            Piece::Idempotency(meta) => self.idempotency.get_or_insert_default().meta = meta,
            piece => {
                return match self.groups.last_mut() {
                    Some(group) => group.push(piece),
                    None => Err(piece),
                };
            }
        }
        Ok(())
    }

    fn into_pieces(self) -> Vec<Piece> {
        let mut pieces = Vec::new();
        if !self.entries.is_empty() {
            pieces.push(Piece::Entries(self.entries));
        }
        pieces.push(Piece::StreamMeta(self.meta));
        pieces.extend(self.groups.into_iter().flat_map(Group::into_pieces));
        if let Some(idempotency) = self.idempotency {
            pieces.extend(idempotency.producers.into_iter().flat_map(Producer::into_pieces));
            pieces.push(Piece::Idempotency(idempotency.meta));
        }
        pieces
    }
}

impl Group {
    fn push(&mut self, piece: Piece) -> Result<(), Piece> {
        match piece {
            Piece::Pending(pending) => self.pending.extend(pending),
            Piece::Consumer { name, seen_at_ms, active_at_ms } => {
                self.consumers.push(Consumer { name, seen_at_ms, active_at_ms, pending: Vec::new() });
            }
            Piece::Claims(ids) => {
                self.consumers.last_mut().into_iter().for_each(|consumer| consumer.pending.extend(&ids));
            }
            piece => return Err(piece),
        }
        Ok(())
    }

    fn into_pieces(self) -> Vec<Piece> {
        let mut pieces = vec![Piece::Group { name: self.name, meta: self.meta }];
        if !self.pending.is_empty() {
            pieces.push(Piece::Pending(self.pending));
        }
        for Consumer { name, seen_at_ms, active_at_ms, pending } in self.consumers {
            pieces.push(Piece::Consumer { name, seen_at_ms, active_at_ms });
            if !pending.is_empty() {
                pieces.push(Piece::Claims(pending));
            }
        }
        pieces
    }
}

impl Producer {
    fn into_pieces(self) -> Vec<Piece> {
        let mut pieces = vec![Piece::Producer { name: self.name }];
        if !self.ids.is_empty() {
            pieces.push(Piece::IdempotentIds(self.ids));
        }
        pieces
    }
}
