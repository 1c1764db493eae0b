//! Values too large to be held whole, told record by record: an element, a node of a list, an entry's node, ..
//!
//! Records are gathered into pieces whose borders depend on the bytes alone, never on how they arrive. What is held is
//! one piece: [`PIECE_BYTES`] and one record, unpacked.

mod check;
mod plan;
mod seen;

use std::borrow::Cow;

use super::cursor::{Cursor, Length};
use super::skim::{Passed, Skim, Skimmed, Unskimmable, length_end};
use super::value::Piece;
use super::{Defect, Family, Limits, Rejected};
use check::Check;
use plan::{Phase, Plan};

pub(super) use plan::comes_in_pieces;

/// A piece is told when it has so many serialized bytes, or so many records.
const PIECE_BYTES: usize = 64 << 10;
const PIECE_RECORDS: usize = 1024;

/// What the reader goes on with.
pub(super) enum Told {
    /// So many bytes must be in the buffer.
    Need(u64),
    /// A piece that ends here.
    Piece(usize, Piece),
    /// The value breaks a rule. Its rest, from here on, is passed over.
    Rejected(usize, Defect),
    /// Bytes of no further interest up to here.
    Passed(usize),
    /// The value ended here, whole; or rejected before.
    End(usize, Ending),
}

/// How a value in pieces ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    Whole,
    Rejected,
}

/// A value on its way.
pub(super) struct Pieces {
    type_byte: u8,
    db: u32,
    key: Vec<u8>,
    plan: Plan,
    check: Check,
    skim: Skim,
    /// Whether the skim is within a record.
    within: bool,
    /// Where the current piece begins and its whole records end, in the buffer; and their number.
    start: usize,
    at: usize,
    records: usize,
    rejected: bool,
}

impl Pieces {
    pub(super) fn new(family: Family, type_byte: u8, db: u32, key: Vec<u8>) -> Self {
        Self {
            type_byte,
            db,
            key,
            plan: Plan::new(family, type_byte),
            check: Check::new(family, type_byte),
            skim: Skim::new(u64::MAX, u64::MAX),
            within: false,
            start: 0,
            at: 0,
            records: 0,
            rejected: false,
        }
    }

    pub(super) fn rejected<'b>(&self, defect: Defect) -> Rejected<'b> {
        Rejected { db: self.db, key: Cow::Owned(self.key.clone()), type_byte: self.type_byte, defect }
    }

    /// Goes on in `buf`, which holds all bytes behind those of the last answer but `Need`.
    pub(super) fn next(&mut self, buf: &[u8], limits: &Limits) -> Result<Told, Unskimmable> {
        loop {
            let told = match self.plan.phase() {
                Phase::End => Some(self.end()),
                Phase::Count => self.count(buf)?,
                Phase::Records(_) if self.rejected => self.pass(buf)?,
                Phase::Records(_) => self.records(buf, limits)?,
            };
            match told {
                Some(told @ Told::Need(_)) => return Ok(told),
                Some(told) => {
                    (self.start, self.at, self.records) = (0, 0, 0);
                    return Ok(told);
                }
                None => {}
            }
        }
    }

    fn end(&mut self) -> Told {
        match self.check.end() {
            _ if self.rejected => Told::End(self.at, Ending::Rejected),
            Ok(()) => Told::End(self.at, Ending::Whole),
            Err(defect) => self.reject(defect),
        }
    }

    fn reject(&mut self, defect: Defect) -> Told {
        self.rejected = true;
        Told::Rejected(self.at, defect)
    }

    /// A number of records that follow.
    fn count(&mut self, buf: &[u8]) -> Result<Option<Told>, Unskimmable> {
        let end = match length_end(buf, self.at)? {
            Skimmed::Need(bytes) => return Ok(Some(Told::Need(bytes))),
            Skimmed::End(end) => end,
        };
        let Ok(Length::Count(count)) = Cursor::new(&buf[self.at..end]).length() else {
            return Err(Unskimmable::Corrupt("a string encoding where a number belongs"));
        };
        self.at = end;
        let checked = self.check.count(self.plan.record(), count);
        self.plan.counted(count);
        if self.rejected {
            return Ok(None);
        }
        Ok(checked.err().map(|defect| self.reject(defect)))
    }

    /// Finds records until they make a piece.
    fn records(&mut self, buf: &[u8], limits: &Limits) -> Result<Option<Told>, Unskimmable> {
        if self.records == 0 && !self.within {
            self.start = self.at;
        }
        if !self.within {
            self.within = true;
            self.skim.begin(self.plan.parts(), self.at);
        }
        self.skim.set_limits(limits.value_bytes.saturating_add(self.at as u64), u64::MAX);
        self.at = match self.skim.run(buf) {
            Ok(Skimmed::Need(bytes)) => return Ok(Some(Told::Need(bytes))),
            Ok(Skimmed::End(end)) => end,
            Err(Unskimmable::Corrupt(what)) => return Err(Unskimmable::Corrupt(what)),
            Err(cause) => return Ok(Some(self.too_large(cause, limits))),
        };
        self.within = false;
        self.records += 1;
        let more = self.plan.recorded();
        if more && self.records < PIECE_RECORDS && self.at - self.start < PIECE_BYTES {
            return Ok(None);
        }
        Ok(Some(self.piece(buf, limits)))
    }

    fn piece(&mut self, buf: &[u8], limits: &Limits) -> Told {
        let record = self.plan.record();
        let piece = self.check.records(record, self.records, &buf[self.start..self.at], limits);
        if !self.plan.has_more() {
            self.plan.advance();
        }
        match piece {
            Ok(Some(piece)) => Told::Piece(self.at, piece),
            Ok(None) => Told::Passed(self.at),
            Err(defect) => self.reject(defect),
        }
    }

    /// A record beyond the limits: the records before it in its piece go with it.
    fn too_large(&mut self, cause: Unskimmable, limits: &Limits) -> Told {
        let got = match cause {
            Unskimmable::TooLarge(end) => end.saturating_sub(self.at as u64),
            Unskimmable::TooMany(count) => count,
            Unskimmable::Corrupt(_) => 0,
        };
        self.at = self.skim.begin_passing();
        self.skim.set_limits(u64::MAX, u64::MAX);
        self.reject(Defect::Limit { what: "size of one element", got, limit: limits.value_bytes })
    }

    /// Passes over a record of a rejected value.
    fn pass(&mut self, buf: &[u8]) -> Result<Option<Told>, Unskimmable> {
        if !self.within {
            self.within = true;
            self.skim.begin(self.plan.parts(), self.at);
        }
        match self.skim.pass(buf)? {
            Passed::Part { consumed: 0, need } => return Ok(Some(Told::Need(need as u64))),
            Passed::Part { consumed, .. } => return Ok(Some(Told::Passed(consumed))),
            Passed::End(end) => self.at = end,
        }
        self.within = false;
        if !self.plan.recorded() {
            self.plan.advance();
        }
        Ok((self.at >= PIECE_BYTES).then_some(Told::Passed(self.at)))
    }
}
