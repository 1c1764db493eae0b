//! Records of a value in pieces: proven as strictly as those of a whole value, and decoded.
//!
//! Two rules can't be kept in bounded memory to the letter: that names are unique is known of those remembered
//! ([`Seen`]), and that each pending entry has one owner is known by a sum ([`Owed`]).

use super::plan::Record;
use super::seen::{Owed, Seen};
use crate::rdb::cursor::{Cursor, Text};
use crate::rdb::types::{self, Kind};
use crate::rdb::value::{HashField, IdempotencyMeta, Pending, Piece, StreamEntry, StreamId};
use crate::rdb::walk::stream::{self, Nodes};
use crate::rdb::walk::{self, Meter, Spare, Visit};
use crate::rdb::{Defect, Family, Limits};

/// So many records of one kind, and what their decoding takes.
struct Run<'r, 'b> {
    count: usize,
    cursor: Cursor<'b>,
    meter: Meter<'r>,
    spare: Spare,
}

pub(super) struct Check {
    family: Family,
    type_byte: u8,
    kind: Kind,
    spare: Spare,
    /// Members, fields, groups or producers.
    names: Seen,
    /// Consumers of a group, ids of a producer.
    inner: Seen,
    nodes: Nodes,
    owed: Owed,
    earliest_ms: u64,
    settings: (u64, u64),
    elements: u64,
}

impl Check {
    pub(super) fn new(family: Family, type_byte: u8) -> Self {
        Self {
            family,
            type_byte,
            kind: types::kind_of(type_byte, family).unwrap_or(Kind::Module),
            spare: Spare::default(),
            names: Seen::default(),
            inner: Seen::default(),
            nodes: Nodes::default(),
            owed: Owed::default(),
            earliest_ms: 0,
            settings: (0, 0),
            elements: 0,
        }
    }

    /// So many records are announced.
    pub(super) fn count(&mut self, record: Record, count: u64) -> Result<(), Defect> {
        match record {
            Record::Element if count == 0 => return Err(self.empty()),
            // A group's head clears what belongs to the one before.
            Record::Group => self.names.clear(),
            Record::Consumer | Record::IdempotentId => self.inner.clear(),
            Record::Producer => self.names.clear(),
            _ => {}
        }
        Ok(())
    }

    const fn empty(&self) -> Defect {
        Defect::Empty(match self.kind {
            Kind::List => "list",
            Kind::Set => "set",
            Kind::ZSet => "sorted set",
            _ => "hash",
        })
    }

    /// The value is over.
    pub(super) fn end(&mut self) -> Result<(), Defect> {
        self.settle()?;
        // Empty nodes are skipped by the server, an empty list is refused.
        if self.kind == Kind::List && self.elements == 0 { Err(self.empty()) } else { Ok(()) }
    }

    fn settle(&mut self) -> Result<(), Defect> {
        match self.owed.settle() {
            true => Ok(()),
            false => Err(Defect::invalid("stream", "its consumers don't own each pending entry once")),
        }
    }

    /// Decodes so many records; `None` if there is nothing to tell of them.
    pub(super) fn records(
        &mut self,
        record: Record,
        count: usize,
        bytes: &[u8],
        limits: &Limits,
    ) -> Result<Option<Piece>, Defect> {
        let (cursor, meter) = (Cursor::new(bytes), Meter::new(limits));
        let mut run = Run { count, cursor, meter, spare: std::mem::take(&mut self.spare) };
        let piece = self.decode(record, &mut run);
        run.spare.shrink();
        self.spare = run.spare;
        let piece = piece?;
        run.cursor.finish()?;
        Ok(piece)
    }

    fn decode(&mut self, record: Record, run: &mut Run<'_, '_>) -> Result<Option<Piece>, Defect> {
        Ok(Some(match record {
            Record::Earliest => {
                self.earliest_ms = walk::earliest_expiry(&mut run.cursor)?;
                return Ok(None);
            }
            Record::Settings => {
                self.settings = stream::idempotency_settings(&mut run.cursor)?;
                return self.settle().map(|()| None);
            }
            Record::Element => return self.elements(run),
            Record::Node => self.nodes(run)?,
            Record::Meta => {
                Piece::StreamMeta(stream::read_meta(self.type_byte, &mut run.cursor, &self.nodes)?)
            }
            Record::Group => self.group(run)?,
            Record::Pending => self.pending(run)?,
            Record::Consumer => self.consumer(run)?,
            Record::Claim => self.claims(run)?,
            Record::Producer => self.producer(run)?,
            Record::IdempotentId => self.idempotent_ids(run)?,
            Record::Counters => self.counters(&mut run.cursor)?,
        }))
    }

    fn elements(&mut self, run: &mut Run<'_, '_>) -> Result<Option<Piece>, Defect> {
        let kind = (self.family, self.type_byte);
        let mut tell = Tell::new(piece_of(self.kind), &mut self.names);
        let mut elements = 0;
        for _ in 0..run.count {
            elements += walk::record(
                kind,
                self.earliest_ms,
                &mut run.cursor,
                &mut run.meter,
                &mut run.spare,
                &mut tell,
            )?;
        }
        self.elements += elements;
        Ok((elements > 0).then_some(tell.piece))
    }

    fn nodes(&mut self, run: &mut Run<'_, '_>) -> Result<Piece, Defect> {
        let mut tell = Tell::new(Piece::Entries(Vec::new()), &mut self.names);
        for _ in 0..run.count {
            stream::node(&mut self.nodes, &mut run.cursor, &mut run.meter, &mut run.spare, &mut tell)?;
        }
        Ok(tell.piece)
    }

    fn group(&mut self, run: &mut Run<'_, '_>) -> Result<Piece, Defect> {
        self.settle()?;
        let (name, meta) =
            stream::group_head(self.type_byte, &mut run.cursor, &mut run.meter, &mut run.spare.member)?;
        unique(&mut self.names, name, "consumer group")?;
        Ok(Piece::Group { name: name.to_vec(), meta })
    }

    fn pending(&mut self, run: &mut Run<'_, '_>) -> Result<Piece, Defect> {
        let mut tell = Tell::new(Piece::Pending(Vec::new()), &mut self.names);
        for _ in 0..run.count {
            let id = stream::pending_entry(self.owed.last(), &mut run.cursor, &mut tell)?;
            self.owed.owe(id);
        }
        Ok(tell.piece)
    }

    fn consumer(&mut self, run: &mut Run<'_, '_>) -> Result<Piece, Defect> {
        let (name, seen_at_ms, active_at_ms) =
            stream::consumer_head(self.type_byte, &mut run.cursor, &mut run.meter, &mut run.spare.member)?;
        unique(&mut self.inner, name, "consumer")?;
        Ok(Piece::Consumer { name: name.to_vec(), seen_at_ms, active_at_ms })
    }

    fn claims(&mut self, run: &mut Run<'_, '_>) -> Result<Piece, Defect> {
        let mut claims = Vec::with_capacity(run.count);
        for _ in 0..run.count {
            let id = StreamId::from_bytes(run.cursor.array()?);
            self.owed.claim(id);
            claims.push(id);
        }
        Ok(Piece::Claims(claims))
    }

    fn producer(&mut self, run: &mut Run<'_, '_>) -> Result<Piece, Defect> {
        let name = run.meter.blob(&mut run.cursor, &mut run.spare.member)?;
        unique(&mut self.names, name, "producer")?;
        Ok(Piece::Producer { name: name.to_vec() })
    }

    fn idempotent_ids(&mut self, run: &mut Run<'_, '_>) -> Result<Piece, Defect> {
        let mut ids = Vec::with_capacity(run.count);
        for _ in 0..run.count {
            let iid = run.meter.blob(&mut run.cursor, &mut run.spare.member)?;
            unique(&mut self.inner, iid, "idempotent id")?;
            ids.push((iid.to_vec(), stream::id(&mut run.cursor)?));
        }
        Ok(Piece::IdempotentIds(ids))
    }

    fn counters(&self, cursor: &mut Cursor<'_>) -> Result<Piece, Defect> {
        let (duration_s, ids_max) = self.settings;
        let (added, duplicates) = (cursor.count()?, cursor.count()?);
        Ok(Piece::Idempotency(IdempotencyMeta { duration_s, ids_max, added, duplicates }))
    }
}

fn unique(seen: &mut Seen, name: &[u8], part: &'static str) -> Result<(), Defect> {
    if seen.is_new(name) { Ok(()) } else { Err(Defect::Duplicate(part)) }
}

/// An empty piece of a value that is no stream.
const fn piece_of(kind: Kind) -> Piece {
    match kind {
        Kind::Set => Piece::Members(Vec::new()),
        Kind::ZSet => Piece::Scored(Vec::new()),
        Kind::Hash => Piece::Fields(Vec::new()),
        _ => Piece::Elements(Vec::new()),
    }
}

/// Keeps what it is told of.
struct Tell<'c> {
    piece: Piece,
    names: &'c mut Seen,
    text: Vec<u8>,
}

impl<'c> Tell<'c> {
    const fn new(piece: Piece, names: &'c mut Seen) -> Self {
        Self { piece, names, text: Vec::new() }
    }

    fn unique(&mut self, name: Text<'_>, part: &'static str) -> Result<Vec<u8>, Defect> {
        let name = name.bytes(&mut self.text)?;
        unique(self.names, name, part)?;
        Ok(name.to_vec())
    }
}

impl Visit for Tell<'_> {
    fn element(&mut self, text: Text<'_>) -> Result<(), Defect> {
        if let Piece::Elements(elements) = &mut self.piece {
            elements.push(text.to_vec()?);
        }
        Ok(())
    }

    fn member(&mut self, text: Text<'_>) -> Result<(), Defect> {
        let member = self.unique(text, "member")?;
        if let Piece::Members(members) = &mut self.piece {
            members.push(member);
        }
        Ok(())
    }

    fn scored(&mut self, member: Text<'_>, score: f64) -> Result<(), Defect> {
        let member = self.unique(member, "member")?;
        if let Piece::Scored(members) = &mut self.piece {
            members.push((member, score));
        }
        Ok(())
    }

    fn field(&mut self, field: Text<'_>, value: Text<'_>, expire_at_ms: u64) -> Result<(), Defect> {
        let field = self.unique(field, "field")?;
        if let Piece::Fields(fields) = &mut self.piece {
            let expire_at_ms = Some(expire_at_ms).filter(|at| *at != 0);
            fields.push(HashField { field, value: value.to_vec()?, expire_at_ms });
        }
        Ok(())
    }

    fn stream_entry(&mut self, id: StreamId) {
        if let Piece::Entries(entries) = &mut self.piece {
            entries.push(StreamEntry { id, fields: Vec::new() });
        }
    }

    fn stream_field(&mut self, name: Text<'_>, value: Text<'_>) -> Result<(), Defect> {
        let pair = (name.to_vec()?, value.to_vec()?);
        if let Piece::Entries(entries) = &mut self.piece
            && let Some(entry) = entries.last_mut()
        {
            entry.fields.push(pair);
        }
        Ok(())
    }

    fn pending(&mut self, id: StreamId, delivered_at_ms: u64, deliveries: u64) {
        if let Piece::Pending(pending) = &mut self.piece {
            pending.push(Pending { id, delivered_at_ms, deliveries });
        }
    }
}
