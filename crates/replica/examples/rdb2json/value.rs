//! Lines for keys, written piece by piece.

use std::io::{self, Write};

use redis_replica::rdb::{
    Entry, GroupMeta, HashField, IdempotencyMeta, Kind, Pending, Piece, Rejected, StreamEntry, StreamId,
    StreamMeta, Value, ValueBegin,
};

use crate::json::Json;

/// How deep the line, the value of a key, and a group or producer of a stream nest.
const LINE: usize = 1;
const VALUE: usize = 2;
const GROUP: usize = 4;

/// What was opened last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Line,
    Value,
    Entries,
    Group,
    Pending,
    Consumer,
    Claims,
    Producer,
    Ids,
}

/// The line being written.
pub struct Line<W> {
    json: Json<W>,
    place: Place,
    keys: u64,
}

impl<W: Write> Line<W> {
    pub const fn new(json: Json<W>) -> Self {
        Self { json, place: Place::Line, keys: 0 }
    }

    /// Keys written so far.
    pub const fn keys(&self) -> u64 {
        self.keys
    }

    pub fn flush(&mut self) -> io::Result<()> {
        self.json.flush()
    }

    pub fn aux(&mut self, name: &[u8], value: &[u8]) -> io::Result<()> {
        self.json.object()?;
        self.text("aux", name)?;
        self.text("value", value)?;
        self.json.close_to(0)
    }

    pub fn function(&mut self, code: &[u8]) -> io::Result<()> {
        self.json.object()?;
        self.text("function", code)?;
        self.json.close_to(0)
    }

    /// A key whose value is there.
    pub fn entry(&mut self, entry: &Entry<'_>) -> io::Result<()> {
        let kind = entry.object.kind();
        self.head(entry.db, &entry.key, Some(kind), entry.expire_at_ms)?;
        match entry.object.decode().map_err(io::Error::other)? {
            Value::String(bytes) => self.text("value", &bytes)?,
            Value::Module(module) => self.text("module", module.name().as_bytes())?,
            value => {
                self.open_value(kind)?;
                value.into_pieces().into_iter().try_for_each(|piece| self.piece(piece))?;
            }
        }
        self.end()
    }

    /// A key whose value follows in pieces.
    pub fn begin(&mut self, begun: &ValueBegin<'_>) -> io::Result<()> {
        self.head(begun.db, &begun.key, Some(begun.kind), begun.expire_at_ms)?;
        self.open_value(begun.kind)
    }

    fn head(&mut self, db: u32, key: &[u8], kind: Option<Kind>, expire_at_ms: Option<u64>) -> io::Result<()> {
        self.keys += 1;
        self.json.object()?;
        self.number("db", u64::from(db))?;
        self.text("key", key)?;
        if let Some(kind) = kind {
            self.text("type", name_of(kind).as_bytes())?;
        }
        expire_at_ms.map_or(Ok(()), |at_ms| self.number("expire_at_ms", at_ms))
    }

    fn open_value(&mut self, kind: Kind) -> io::Result<()> {
        self.json.name("value")?;
        self.place = Place::Value;
        if kind == Kind::Stream { self.json.object() } else { self.json.array() }
    }

    pub fn end(&mut self) -> io::Result<()> {
        self.place = Place::Line;
        self.json.close_to(0)
    }

    /// A key that broke a rule; the line may be open.
    pub fn rejected(&mut self, rejected: &Rejected<'_>) -> io::Result<()> {
        match self.json.depth() {
            0 => self.head(rejected.db, &rejected.key, None, None)?,
            _ => self.json.close_to(LINE)?,
        }
        self.text("error", rejected.defect.to_string().as_bytes())?;
        self.end()
    }

    pub fn piece(&mut self, piece: Piece) -> io::Result<()> {
        match piece {
            Piece::Elements(all) | Piece::Members(all) => {
                all.iter().try_for_each(|element| self.json.text(element))
            }
            Piece::Scored(all) => all.iter().try_for_each(|(member, score)| self.scored(member, *score)),
            Piece::Fields(all) => all.iter().try_for_each(|field| self.field(field)),
            Piece::Entries(all) => {
                self.list("entries", Place::Entries)?;
                all.iter().try_for_each(|entry| self.stream_entry(entry))
            }
            Piece::StreamMeta(meta) => self.stream_meta(&meta),
            Piece::Group { name, meta } => self.group(&name, &meta),
            Piece::Pending(all) => {
                self.list("pending", Place::Pending)?;
                all.iter().try_for_each(|pending| self.pending(pending))
            }
            Piece::Consumer { name, seen_at_ms, active_at_ms } => {
                self.consumer(&name, seen_at_ms, active_at_ms)
            }
            Piece::Claims(all) => {
                self.list("pending", Place::Claims)?;
                all.iter().try_for_each(|id| self.json.text(id.to_string().as_bytes()))
            }
            Piece::Producer { name } => self.producer(&name),
            Piece::IdempotentIds(all) => {
                self.list("ids", Place::Ids)?;
                all.iter().try_for_each(|(iid, id)| self.pair(iid, id.to_string().as_bytes()))
            }
            Piece::Idempotency(meta) => self.idempotency(&meta),
            _ => Ok(()),
        }
    }

    /// Opens a list of the current object, unless it is the one that is open.
    fn list(&mut self, name: &str, place: Place) -> io::Result<()> {
        if self.place == place {
            return Ok(());
        }
        self.place = place;
        self.json.name(name)?;
        self.json.array()
    }

    /// Opens the next object of a list of the object at `depth`, and that list with the first.
    fn next_of(&mut self, name: &str, depth: usize, first: bool, place: Place) -> io::Result<()> {
        if first {
            self.json.close_to(depth)?;
            self.json.name(name)?;
            self.json.array()?;
        } else {
            self.json.close_to(depth + 1)?;
        }
        self.place = place;
        self.json.object()
    }

    fn scored(&mut self, member: &[u8], score: f64) -> io::Result<()> {
        let depth = self.json.depth();
        self.json.array()?;
        self.json.text(member)?;
        self.json.score(score)?;
        self.json.close_to(depth)
    }

    fn field(&mut self, field: &HashField) -> io::Result<()> {
        let depth = self.json.depth();
        self.json.object()?;
        self.text("field", &field.field)?;
        self.text("value", &field.value)?;
        field.expire_at_ms.map_or(Ok(()), |at_ms| self.number("expire_at_ms", at_ms))?;
        self.json.close_to(depth)
    }

    fn pair(&mut self, name: &[u8], value: &[u8]) -> io::Result<()> {
        let depth = self.json.depth();
        self.json.array()?;
        self.json.text(name)?;
        self.json.text(value)?;
        self.json.close_to(depth)
    }

    fn stream_entry(&mut self, entry: &StreamEntry) -> io::Result<()> {
        let depth = self.json.depth();
        self.json.object()?;
        self.id("id", entry.id)?;
        self.json.name("fields")?;
        self.json.array()?;
        entry.fields.iter().try_for_each(|(name, value)| self.pair(name, value))?;
        self.json.close_to(depth)
    }

    fn stream_meta(&mut self, meta: &StreamMeta) -> io::Result<()> {
        self.list("entries", Place::Entries)?;
        self.json.close_to(VALUE)?;
        self.place = Place::Value;
        self.number("length", meta.length)?;
        self.id("last_id", meta.last_id)?;
        self.id("first_id", meta.first_id)?;
        self.id("max_deleted_id", meta.max_deleted_id)?;
        self.number("entries_added", meta.entries_added)
    }

    fn group(&mut self, name: &[u8], meta: &GroupMeta) -> io::Result<()> {
        let first = self.place == Place::Value;
        self.next_of("groups", VALUE, first, Place::Group)?;
        self.text("name", name)?;
        self.id("last_id", meta.last_id)?;
        self.optional("entries_read", meta.entries_read)
    }

    fn pending(&mut self, pending: &Pending) -> io::Result<()> {
        let depth = self.json.depth();
        self.json.object()?;
        self.id("id", pending.id)?;
        self.number("delivered_at_ms", pending.delivered_at_ms)?;
        self.number("deliveries", pending.deliveries)?;
        self.json.close_to(depth)
    }

    fn consumer(&mut self, name: &[u8], seen_at_ms: u64, active_at_ms: Option<u64>) -> io::Result<()> {
        let first = !matches!(self.place, Place::Consumer | Place::Claims);
        self.next_of("consumers", GROUP, first, Place::Consumer)?;
        self.text("name", name)?;
        self.number("seen_at_ms", seen_at_ms)?;
        self.optional("active_at_ms", active_at_ms)
    }

    fn producer(&mut self, name: &[u8]) -> io::Result<()> {
        let first = !matches!(self.place, Place::Producer | Place::Ids);
        self.next_of("producers", VALUE, first, Place::Producer)?;
        self.text("name", name)
    }

    fn idempotency(&mut self, meta: &IdempotencyMeta) -> io::Result<()> {
        self.json.close_to(VALUE)?;
        self.json.name("idempotency")?;
        self.json.object()?;
        self.number("duration_s", meta.duration_s)?;
        self.number("ids_max", meta.ids_max)?;
        self.number("added", meta.added)?;
        self.number("duplicates", meta.duplicates)
    }

    fn text(&mut self, name: &str, text: &[u8]) -> io::Result<()> {
        self.json.name(name)?;
        self.json.text(text)
    }

    fn number(&mut self, name: &str, number: u64) -> io::Result<()> {
        self.json.name(name)?;
        self.json.number(number)
    }

    fn optional(&mut self, name: &str, number: Option<u64>) -> io::Result<()> {
        self.json.name(name)?;
        match number {
            Some(number) => self.json.number(number),
            None => self.json.null(),
        }
    }

    fn id(&mut self, name: &str, id: StreamId) -> io::Result<()> {
        self.text(name, id.to_string().as_bytes())
    }
}

const fn name_of(kind: Kind) -> &'static str {
    match kind {
        Kind::String => "string",
        Kind::List => "list",
        Kind::Set => "set",
        Kind::ZSet => "zset",
        Kind::Hash => "hash",
        Kind::Stream => "stream",
        Kind::Module => "module",
    }
}
