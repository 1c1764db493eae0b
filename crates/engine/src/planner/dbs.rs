//! Commands that concern dbs or reach from one into another.

use super::step::{Outcome, Planned, Step};
use crate::args::{Args, db_number, is_word};
use crate::batch::{OpKind, ResyncReason};
use crate::command::{RefusedReason, row};

impl<A: Args + ?Sized> Step<'_, A> {
    /// The local db of a source's db, if the key at `at` is in scope there.
    fn inside(&self, source_db: u32, at: usize) -> Option<u32> {
        self.scope.map_db(source_db).filter(|_| self.scope.takes(self.args.arg(at)))
    }

    /// `MOVE key db`.
    pub(super) fn move_between_dbs(&mut self) -> Outcome {
        let Some(to) = db_number(self.args.arg(1)) else {
            return Ok(Planned::Refused(RefusedReason::Malformed));
        };
        match (self.inside(self.place.source_db, 0), self.inside(to, 0)) {
            (None, None) => Ok(Planned::Nothing),
            (None, Some(to)) => self.refetch_in(to, 0),
            (Some(from), None) => {
                self.place.db = from;
                self.delete_first()
            }
            (Some(from), Some(to)) => {
                self.place.db = from;
                self.put_key(0)?;
                self.out.push_number(u64::from(to))?;
                self.emit(OpKind::Call, Some(const { row("move") }))
            }
        }
    }

    /// `COPY from to [DB n] [REPLACE]`. It has happened, so whatever is here in its place gives way.
    pub(super) fn copy(&mut self) -> Outcome {
        let Some(to_db) = self.copy_db() else { return Ok(Planned::Refused(RefusedReason::Malformed)) };
        let Some(to) = self.inside(to_db, 1) else { return Ok(Planned::Nothing) };
        let Some(from) = self.inside(self.place.source_db, 0) else { return self.refetch_in(to, 1) };
        self.place.db = from;
        self.put_key(0)?;
        self.put_key(1)?;
        if from != to {
            self.out.push_arg(b"DB")?;
            self.out.push_number(u64::from(to))?;
        }
        self.out.push_arg(b"REPLACE")?;
        self.emit(OpKind::Call, Some(const { row("copy") }))
    }

    fn copy_db(&self) -> Option<u32> {
        let (mut at, mut db) = (2, self.place.source_db);
        while at < self.args.arg_count() {
            if is_word(&self.args, at, "DB") {
                db = db_number(self.args.arg(at + 1))?;
                at += 2;
            } else if is_word(&self.args, at, "REPLACE") {
                at += 1;
            } else {
                return None;
            }
        }
        Some(db)
    }

    fn refetch_in(&mut self, local_db: u32, key: usize) -> Outcome {
        self.place.db = local_db;
        self.put_key(key)?;
        self.counters.refetched_keys += 1;
        self.emit(OpKind::Repair, Some(self.command))
    }

    /// `SWAPDB a b`.
    pub(super) fn swap_dbs(&mut self) -> Outcome {
        let (Some(a), Some(b)) = (db_number(self.args.arg(0)), db_number(self.args.arg(1))) else {
            return Ok(Planned::Refused(RefusedReason::Malformed));
        };
        match (self.scope.map_db(a), self.scope.map_db(b)) {
            (None, None) => Ok(Planned::Nothing),
            _ if a == b => Ok(Planned::Nothing),
            (Some(a), Some(b)) if self.scope.whole_db(a) && self.scope.whole_db(b) => {
                self.emit(OpKind::SwapDb { a, b }, None)
            }
            _ => self.emit(OpKind::Resync(ResyncReason::PartialSwapDb), None),
        }
    }

    /// `FLUSHDB`.
    pub(super) fn flush_db(&mut self) -> Outcome {
        let Some(db) = self.scope.map_db(self.place.source_db) else { return Ok(Planned::Nothing) };
        self.place.db = db;
        self.emit(OpKind::FlushDb, None)
    }
}
