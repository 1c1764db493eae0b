//! The source's wholesale commands: FLUSHDB, FLUSHALL, SWAPDB, on the mirror's scope.

use mirror_engine::Op;

use super::ops::{self, Writer};
use super::run::Flush;
use super::scan::{self, ScopeScan};
use super::slice::{Flow, Unit};
use super::{Halt, load};
use crate::mirror::Mirror;

impl Mirror {
    pub(super) fn begin_flush(
        &mut self,
        ctx: &Writer<'_, '_>,
        unit: &mut Unit,
        db: Option<u32>,
        op: &Op,
    ) -> Result<(), Halt> {
        unit.lost_db();
        let dbs = db.map_or_else(|| scan::dbs(ctx, &self.scope), |db| vec![db]);
        let (whole, parts): (Vec<u32>, Vec<u32>) = dbs.into_iter().partition(|db| self.scope.whole_db(*db));
        for db in whole {
            ctx.select_db(db).map_err(|error| Halt::StartOver(error.to_string()))?;
            ops::call(ctx, c"flushdb", &[b"ASYNC"])
                .map_err(|refusal| Halt::StartOver(refusal.to_string()))?;
        }
        if parts.is_empty() {
            return Ok(());
        }
        let scan = match db {
            Some(db) => ScopeScan::of_db(ctx, &self.scope, db),
            None => ScopeScan::new(ctx, &self.scope),
        };
        if unit.is_alone() {
            self.run.flush = Some(Flush { scan, then: (op.offset, op.source_db) });
            return Ok(());
        }
        // Inside a transaction it can't be spread over slices: half of that would be stored without its position.
        let keys_of = |db: &u32| ctx.with_db(*db, || ctx.db_size()).unwrap_or(0);
        unit.scan_inside(parts.iter().map(keys_of).sum())?;
        self.run.flush = Some(Flush { scan, then: (op.offset, op.source_db) });
        let mut inside = Unit::default();
        while self.run.flush.is_some() {
            self.flush_step(ctx, &mut inside)?;
        }
        Ok(())
    }

    pub(super) fn flush_step(&mut self, ctx: &Writer<'_, '_>, unit: &mut Unit) -> Result<Flow, Halt> {
        let Some(flush) = &mut self.run.flush else { return Ok(Flow::GoOn) };
        let mut met = Vec::new();
        let Some(db) = flush.scan.step(ctx, &mut met) else {
            unit.reached(flush.then.0, flush.then.1);
            self.run.flush = None;
            return Ok(Flow::GoOn);
        };
        unit.lost_db();
        for key in met {
            load::delete(ctx, db, &key)?;
            unit.wrote();
        }
        Ok(Flow::GoOn)
    }
}

/// Exchanges two whole dbs.
pub fn swap_dbs(ctx: &Writer<'_, '_>, a: u32, b: u32) -> Result<(), Halt> {
    let (a, b) = (a.to_string(), b.to_string());
    ops::call(ctx, c"swapdb", &[a.as_bytes(), b.as_bytes()])
        .map_err(|refusal| Halt::StartOver(refusal.to_string()))
}
