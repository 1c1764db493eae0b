//! Values too large to be held: told in pieces, or passed over.

use std::borrow::Cow;

use super::fields::key;
use super::{Lead, Reader, State};
use crate::rdb::cursor::Cursor;
use crate::rdb::item::{Item, Step, ValueBegin};
use crate::rdb::pieces::{Ending, Pieces, Told, comes_in_pieces};
use crate::rdb::skim::{Passed, Skimmed, Unskimmable, text_end};
use crate::rdb::types::{Kind, kind_of};
use crate::rdb::{Defect, Error, layout};

/// What a key takes beside its own bytes, at most: an encoding and two lengths.
const KEY_HEADER_BYTES: u64 = 19;

/// What is told of a key that can't be decoded, in bytes.
const KEY_SHOWN_MAX: usize = 512;

impl Reader {
    /// Whether a value of this type may come in pieces.
    pub(super) fn in_pieces(&self, byte: u8) -> bool {
        self.limits.pieces_above_bytes.is_some() && comes_in_pieces(byte, self.family)
    }

    /// Sets what an item of this type may take to be held whole.
    pub(super) fn limit_item(&mut self, byte: u8) {
        let whole = match self.limits.pieces_above_bytes {
            Some(bytes) if comes_in_pieces(byte, self.family) => bytes.min(self.limits.value_bytes),
            _ => self.limits.value_bytes,
        };
        self.skim.set_limits(whole, self.limits.elements);
    }

    /// Tells the key of a value that comes in pieces.
    pub(super) fn begin_pieces<'b>(
        &mut self,
        byte: u8,
        buf: &'b [u8],
        cause: Unskimmable,
    ) -> Result<Step<'b>, Error> {
        let start = self.lead.bytes + 1;
        let bytes_max = (start as u64).saturating_add(self.limits.key_bytes).saturating_add(KEY_HEADER_BYTES);
        let end = match text_end(buf, start).map_err(|cause| self.unskimmable(cause))? {
            Skimmed::Need(bytes) if bytes <= bytes_max => return Ok(Step::Need(self.to_usize(bytes)?)),
            Skimmed::Need(_) => return Ok(self.begin_passing(byte, buf, cause)),
            Skimmed::End(end) => end,
        };
        let Ok(key) = key(&mut Cursor::new(&buf[start..end]), &self.limits) else {
            return Ok(self.begin_passing(byte, buf, cause));
        };
        let Lead { expire_at_ms, idle_seconds, freq, metadata_classes, .. } = self.lead;
        self.pieces = Some(Box::new(Pieces::new(self.family, byte, self.db, key.to_vec())));
        self.state = State::InPieces;
        let kind = kind_of(byte, self.family).unwrap_or(Kind::Module);
        let (db, type_byte) = (self.db, byte);
        let begun =
            ValueBegin { db, key, kind, type_byte, expire_at_ms, idle_seconds, freq, metadata_classes };
        Ok(self.item(&buf[..end], Item::ValueBegin(begun)))
    }

    /// Goes on with a value in pieces.
    pub(super) fn piece<'b>(&mut self, buf: &'b [u8]) -> Result<Step<'b>, Error> {
        let Some(pieces) = &mut self.pieces else { return Err(self.corrupt_because("no value was begun")) };
        let told = match pieces.next(buf, &self.limits) {
            Ok(told) => told,
            Err(cause) => return Err(self.unskimmable(cause)),
        };
        let (consumed, item) = match told {
            Told::Need(bytes) => return Ok(Step::Need(self.to_usize(bytes)?)),
            Told::Piece(end, piece) => (end, Item::Piece(piece)),
            Told::Rejected(end, defect) => (end, Item::Rejected(pieces.rejected(defect))),
            Told::Passed(end) => (end, Item::Passed),
            Told::End(end, ending) => {
                self.state = State::Between;
                self.pieces = None;
                (end, if ending == Ending::Whole { Item::ValueEnd } else { Item::Passed })
            }
        };
        Ok(self.item(&buf[..consumed], item))
    }

    /// An item too large to be held: all that is known of it goes, and its key is told if it has one.
    pub(super) fn begin_passing<'b>(&mut self, byte: u8, buf: &'b [u8], cause: Unskimmable) -> Step<'b> {
        self.state = State::Passing;
        let consumed = self.skim.begin_passing();
        let item = match layout::value(byte, self.family) {
            Some(_) => self.too_large(byte, &buf[self.lead.bytes + 1..], self.limit_of(cause)),
            None => Item::Passed,
        };
        self.crc.update(&buf[..consumed]);
        self.offset += consumed as u64;
        self.lead = match item {
            Item::Rejected(_) => Lead::default(),
            // Metadata belongs to the key that follows, like what came before it.
            _ => Lead { bytes: 0, metadata_classes: self.lead.metadata_classes.max(1), ..self.lead },
        };
        Step::Item { consumed, item }
    }

    fn too_large<'b>(&self, type_byte: u8, body: &'b [u8], defect: Defect) -> Item<'b> {
        let key = key(&mut Cursor::new(body), &self.limits);
        let key = key.unwrap_or_else(|_| Cow::Borrowed(&body[..body.len().min(KEY_SHOWN_MAX)]));
        self.rejected(key, type_byte, defect)
    }

    /// Goes on passing over an item; `None` when nothing of it is left.
    pub(super) fn pass<'b>(&mut self, buf: &'b [u8]) -> Result<Option<Step<'b>>, Error> {
        let consumed = match self.skim.pass(buf).map_err(|cause| self.unskimmable(cause))? {
            Passed::Part { consumed: 0, need } => return Ok(Some(Step::Need(need))),
            Passed::Part { consumed, .. } => consumed,
            Passed::End(consumed) => {
                self.state = State::Between;
                self.skim.set_limits(self.limits.value_bytes, self.limits.elements);
                consumed
            }
        };
        if consumed == 0 {
            return Ok(None);
        }
        self.crc.update(&buf[..consumed]);
        self.offset += consumed as u64;
        Ok(Some(Step::Item { consumed, item: Item::Passed }))
    }
}
