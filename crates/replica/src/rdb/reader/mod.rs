//! The incremental reader: items of a snapshot from bytes that arrive in any pieces.

mod fields;
mod large;

use std::borrow::Cow;

use super::cursor::Cursor;
use super::item::{Entry, Item, Rejected, Step};
use super::object::{ModuleType, Object};
use super::pieces::Pieces;
use super::skim::{Skim, Skimmed, Unskimmable, whole_text_end};
use super::types::*;
use super::{Defect, Error, Family, Limits, Validator, crc, layout};
use fields::{aux, decimal, expiry, key, numbers, slot_import, text};

/// Bytes of the magic and version.
const HEADER_BYTES: usize = 9;
const CHECKSUM_BYTES: usize = 8;

/// Reads a snapshot without IO: the caller owns the buffer and says what is in it.
///
/// Hand [`next`](Self::next) all bytes that were not consumed yet; it answers with an item and how many bytes it took,
/// or with how many bytes must be there before it makes sense to ask again. Nothing is looked at twice however the
/// bytes arrive. Memory is bounded by [`Limits`].
pub struct Reader {
    limits: Limits,
    state: State,
    family: Family,
    version: u16,
    /// Bytes of the snapshot before the buffer.
    offset: u64,
    db: u32,
    crc: crc::Running,
    skim: Skim,
    lead: Lead,
    validator: Validator,
    pieces: Option<Box<Pieces>>,
}

/// What stands between items.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Header,
    Between,
    /// The item that begins with this byte, after the lead, is being skimmed.
    Within(u8),
    /// The rest of an item that is too large to be held is passed over.
    Passing,
    /// The key of a value that comes in pieces is awaited; this is why the value doesn't come whole.
    Naming(u8, Unskimmable),
    /// A value is told in pieces.
    InPieces,
    Ended,
}

/// What came before an entry and belongs to it.
#[derive(Debug, Clone, Copy, Default)]
struct Lead {
    bytes: usize,
    expire_at_ms: Option<u64>,
    idle_seconds: Option<u64>,
    freq: Option<u8>,
    metadata_classes: u64,
}

impl Reader {
    /// A reader at the start of a snapshot.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            state: State::Header,
            family: Family::Redis,
            version: 0,
            offset: 0,
            db: 0,
            crc: crc::Running::new(),
            skim: Skim::new(limits.value_bytes, limits.elements),
            lead: Lead::default(),
            validator: Validator::new(limits),
            pieces: None,
        }
    }

    /// Sets other limits, also for the item that is being read.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
        self.validator.set_limits(limits);
        match self.state {
            State::Passing => {}
            State::Within(byte) => self.limit_item(byte),
            _ => self.skim.set_limits(limits.value_bytes, limits.elements),
        }
    }

    /// Bytes of the snapshot consumed so far.
    #[must_use]
    pub const fn offset(&self) -> u64 {
        self.offset
    }

    /// The next item at the front of `buf`, which holds all bytes not consumed so far.
    ///
    /// # Errors
    /// [`Error`] if the snapshot can't be read any further. A single bad value is no error but [`Item::Rejected`], and
    /// so is one beyond the limits: it is never held, only passed over.
    pub fn next<'b>(&mut self, buf: &'b [u8]) -> Result<Step<'b>, Error> {
        match self.string_entry(buf) {
            Some((consumed, entry)) => Ok(Step::Item { consumed, item: Item::Entry(entry) }),
            None => self.next_of_any_kind(buf),
        }
    }

    /// The next item where [`string_entry`](Self::string_entry) gave none.
    pub(crate) fn next_of_any_kind<'b>(&mut self, buf: &'b [u8]) -> Result<Step<'b>, Error> {
        loop {
            let byte = match self.state {
                State::Header => return self.header(buf),
                State::Ended => return Err(Error::Ended),
                State::Passing => match self.pass(buf)? {
                    Some(step) => return Ok(step),
                    None => continue,
                },
                State::Naming(byte, cause) => return self.begin_pieces(byte, buf, cause),
                State::InPieces => return self.piece(buf),
                State::Within(byte) => byte,
                State::Between => match buf.get(self.lead.bytes) {
                    None => return Ok(Step::Need(self.lead.bytes + 1)),
                    Some(&byte) => self.begin(byte)?,
                },
            };
            match self.skim.run(buf) {
                Err(Unskimmable::Corrupt(what)) => return Err(self.corrupt_because(what)),
                Err(cause) if self.in_pieces(byte) => self.state = State::Naming(byte, cause),
                Err(cause) => return Ok(self.begin_passing(byte, buf, cause)),
                Ok(Skimmed::Need(bytes)) => return Ok(Step::Need(self.to_usize(bytes)?)),
                Ok(Skimmed::End(end)) => {
                    self.state = State::Between;
                    if !self.lead_in(byte, &buf[..end])? {
                        return self.finish(byte, &buf[..end]);
                    }
                    if let Some((consumed, entry)) = self.string_entry(buf) {
                        return Ok(Step::Item { consumed, item: Item::Entry(entry) });
                    }
                }
            }
        }
    }

    /// The next item, if it is a sound key whose value is one string and all of it is in `buf`: what most items are. It
    /// is told beside the others because its end needs no [`Skim`], and because an item that is handed from result to
    /// result takes longer on its way than it took to check; a call alone takes an eighth of all.
    #[inline(always)]
    pub(crate) fn string_entry<'b>(&mut self, buf: &'b [u8]) -> Option<(usize, Entry<'b>)> {
        if !matches!(self.state, State::Between) {
            return None;
        }
        let start = self.lead.bytes + 1;
        let type_byte = *buf.get(self.lead.bytes)?;
        let Some([layout::Part::Str]) = layout::value(type_byte, self.family) else { return None };
        let key_end = whole_text_end(buf, start)?;
        let end = whole_text_end(buf, key_end).filter(|end| *end as u64 <= self.limits.value_bytes)?;
        let key = key(&mut Cursor::new(&buf[start..key_end]), &self.limits).ok()?;
        let body = &buf[key_end..end];
        self.validator.prove(self.family, type_byte, body).ok()?;
        let entry = self.entry_of(key, Object::new(self.family, self.version, type_byte, body));
        self.consume(&buf[..end]);
        Some((end, entry))
    }

    fn header<'b>(&mut self, buf: &'b [u8]) -> Result<Step<'b>, Error> {
        let Some(head) = buf.first_chunk::<HEADER_BYTES>() else { return Ok(Step::Need(HEADER_BYTES)) };
        let (family, digits) = match head {
            [b'R', b'E', b'D', b'I', b'S', digits @ ..] => (Family::Redis, digits.as_slice()),
            [b'V', b'A', b'L', b'K', b'E', b'Y', digits @ ..] => (Family::Valkey, digits.as_slice()),
            _ => return Err(Error::BadMagic),
        };
        let version = decimal(digits).ok_or(Error::BadMagic)?;
        let known = match family {
            Family::Redis => 1..=13,
            Family::Valkey => 80..=80,
        };
        if !known.contains(&version) {
            return Err(Error::UnsupportedVersion { family, version });
        }
        (self.family, self.version, self.state) = (family, version, State::Between);
        Ok(self.item(&buf[..HEADER_BYTES], Item::Header { family, version }))
    }

    /// Looks up the layout that belongs to the byte after the lead.
    fn begin(&mut self, byte: u8) -> Result<u8, Error> {
        let at = self.lead.bytes + 1;
        if self.limits.pieces_above_bytes.is_some() {
            self.limit_item(byte);
        }
        if let Some(parts) = layout::value(byte, self.family) {
            self.skim.begin_keyed(parts, at);
        } else if byte == OP_EOF {
            // Snapshots before version 5 (Redis 2.4 and older) have no checksum.
            self.skim.begin(if self.version >= 5 { &[layout::Part::Bytes(8)] } else { &[] }, at);
        } else if let Some(parts) = layout::opcode(byte, self.family) {
            self.skim.begin(parts, at);
        } else {
            let offset = self.offset + self.lead.bytes as u64;
            return Err(Error::UnknownType { family: self.family, version: self.version, byte, offset });
        }
        self.state = State::Within(byte);
        Ok(byte)
    }

    /// Takes in what only qualifies the entry that follows.
    fn lead_in(&mut self, byte: u8, whole: &[u8]) -> Result<bool, Error> {
        let mut cursor = Cursor::new(&whole[self.lead.bytes + 1..]);
        let lead = &mut self.lead;
        let taken = match byte {
            OP_EXPIRETIME => cursor.array().map(|time| {
                lead.expire_at_ms = expiry(i64::from(i32::from_le_bytes(time)).saturating_mul(1000), -1000);
            }),
            OP_EXPIRETIME_MS => {
                cursor.u64_le().map(|time| lead.expire_at_ms = expiry(time.cast_signed(), -1))
            }
            OP_IDLE => cursor.count().map(|idle| lead.idle_seconds = Some(idle)),
            OP_FREQ => cursor.byte().map(|freq| lead.freq = Some(freq)),
            OP_KEY_META_OR_SLOT_IMPORT if self.family == Family::Redis => {
                cursor.count().map(|classes| lead.metadata_classes = classes)
            }
            _ => return Ok(false),
        };
        lead.bytes = whole.len();
        taken.map(|()| true).map_err(|defect| self.corrupt(defect))
    }

    /// Makes the item that ends where `whole` ends.
    fn finish<'b>(&mut self, byte: u8, whole: &'b [u8]) -> Result<Step<'b>, Error> {
        let body = &whole[self.lead.bytes + 1..];
        if layout::value(byte, self.family).is_some() {
            let item = self.entry(byte, body);
            return Ok(self.item(whole, item));
        }
        if self.lead.bytes > 0 {
            return Err(self.corrupt_because("an expiry or access time that no key follows"));
        }
        if byte == OP_EOF {
            return self.end(whole);
        }
        let item = self.opcode(byte, Cursor::new(body))?;
        Ok(self.item(whole, item))
    }

    fn opcode<'b>(&mut self, byte: u8, mut cursor: Cursor<'b>) -> Result<Item<'b>, Error> {
        let item = match byte {
            OP_SELECTDB => return self.select(cursor),
            OP_AUX => aux(&mut cursor, &self.limits),
            OP_RESIZEDB => numbers(&mut cursor).map(|[keys, expires]| Item::ResizeDb { keys, expires }),
            OP_FUNCTION2 => text(&mut cursor, &self.limits).map(Item::Function),
            OP_MODULE_AUX => cursor.count().map(|id| Item::ModuleAux(ModuleType(id))),
            OP_SLOT_INFO => {
                numbers(&mut cursor).map(|[slot, keys, expires]| Item::SlotInfo { slot, keys, expires })
            }
            _ => slot_import(&mut cursor, &self.limits),
        };
        item.map_err(|defect| self.corrupt(defect))
    }

    fn select<'b>(&mut self, mut cursor: Cursor<'b>) -> Result<Item<'b>, Error> {
        let db = cursor.count().map_err(|defect| self.corrupt(defect))?;
        match u32::try_from(db) {
            Ok(db) if db <= self.limits.db_max => {
                self.db = db;
                Ok(Item::SelectDb(db))
            }
            _ => Err(self.limit("database number", db, u64::from(self.limits.db_max))),
        }
    }

    /// A key and its value. Only their extent is known to be right so far.
    fn entry<'b>(&mut self, type_byte: u8, body: &'b [u8]) -> Item<'b> {
        let mut cursor = Cursor::new(body);
        let key = match key(&mut cursor, &self.limits) {
            Ok(key) => key,
            Err(defect) => return self.rejected(Cow::Borrowed(body), type_byte, defect),
        };
        match self.validator.object(self.family, self.version, type_byte, cursor.rest()) {
            Err(defect) => self.rejected(key, type_byte, defect),
            Ok(object) => Item::Entry(self.entry_of(key, object)),
        }
    }

    #[inline]
    fn entry_of<'b>(&self, key: Cow<'b, [u8]>, object: Object<'b>) -> Entry<'b> {
        let Lead { expire_at_ms, idle_seconds, freq, metadata_classes, .. } = self.lead;
        Entry { db: self.db, key, expire_at_ms, idle_seconds, freq, metadata_classes, object }
    }

    fn rejected<'b>(&self, key: Cow<'b, [u8]>, type_byte: u8, defect: Defect) -> Item<'b> {
        Item::Rejected(Rejected { db: self.db, key, type_byte, defect })
    }

    fn end<'b>(&mut self, whole: &'b [u8]) -> Result<Step<'b>, Error> {
        self.state = State::Ended;
        let (covered, stored) = match whole.split_last_chunk::<CHECKSUM_BYTES>() {
            Some((covered, stored)) if self.version >= 5 => (covered, u64::from_le_bytes(*stored)),
            _ => (whole, 0),
        };
        self.crc.update(covered);
        let computed = self.crc.finish();
        if stored != 0 && stored != computed {
            return Err(Error::Checksum { stored, computed });
        }
        self.offset += whole.len() as u64;
        Ok(Step::Item { consumed: whole.len(), item: Item::End })
    }

    fn item<'b>(&mut self, whole: &'b [u8], item: Item<'b>) -> Step<'b> {
        self.consume(whole);
        Step::Item { consumed: whole.len(), item }
    }

    #[inline]
    fn consume(&mut self, whole: &[u8]) {
        self.crc.update(whole);
        self.offset += whole.len() as u64;
        self.lead = Lead::default();
    }

    fn to_usize(&self, bytes: u64) -> Result<usize, Error> {
        usize::try_from(bytes).map_err(|_| self.limit("item size", bytes, usize::MAX as u64))
    }

    fn unskimmable(&self, cause: Unskimmable) -> Error {
        match cause {
            Unskimmable::Corrupt(what) => self.corrupt_because(what),
            cause => self.corrupt(self.limit_of(cause)),
        }
    }

    const fn limit_of(&self, cause: Unskimmable) -> Defect {
        match cause {
            Unskimmable::TooMany(got) => {
                Defect::Limit { what: "number of elements", got, limit: self.limits.elements }
            }
            Unskimmable::TooLarge(got) => Defect::Limit { what: "size", got, limit: self.limits.value_bytes },
            Unskimmable::Corrupt(rule) => Defect::invalid("item", rule),
        }
    }

    fn corrupt(&self, defect: Defect) -> Error {
        match defect {
            Defect::Limit { what, got, limit } => self.limit(what, got, limit),
            Defect::Invalid { rule, .. } => self.corrupt_because(rule),
            _ => self.corrupt_because("an item's fields don't fill its extent"),
        }
    }

    const fn corrupt_because(&self, what: &'static str) -> Error {
        Error::Corrupt { what, offset: self.offset }
    }

    const fn limit(&self, what: &'static str, got: u64, limit: u64) -> Error {
        Error::Limit { what, got, limit, offset: self.offset }
    }
}
