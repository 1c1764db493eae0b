//! A full resync: laid over the live keys, then swept.

use mirror_engine::PlanError;
use mirror_engine::checkpoint::State;
use redis_replica::{Position, ReplId};

use super::Halt;
use super::ops::{self, Writer};
use super::run::{Loading, Stage};
use super::scan::ScopeScan;
use super::slice::Unit;
use crate::link::Seen;
use crate::mirror::Mirror;
use crate::registry::present_replids;

/// The walk that deletes what the snapshot did not contain.
pub struct Sweep {
    scan: ScopeScan,
    seen: Box<Seen>,
}

impl Mirror {
    /// The source sends everything anew. Until the end no position is valid: a crash half-way must not go
    /// on from a mixed base.
    pub fn begin_load(&mut self, ctx: &Writer<'_, '_>, replid: Option<ReplId>, offset: u64, unit: &mut Unit) {
        // It took a new id when we came as its first replica: the link could not know.
        if replid.is_some_and(|id| present_replids(ctx).contains(&id)) {
            self.failure = Some(PlanError::SourceIsSelf.to_string());
            return;
        }
        let checkpoint = &mut self.stored.checkpoint;
        if checkpoint.position.is_some_and(|position| Some(position.replid) != replid) {
            checkpoint.totals.history_forks += 1;
        }
        checkpoint.totals.full_resyncs += 1;
        checkpoint.state = State::Resyncing;
        checkpoint.position = None;
        self.repairs.clear();
        self.expired.clear();
        self.forgot_expired = false;
        self.fields_may_expire = false;
        self.counts.keys_done = 0;
        let is_fresh = std::mem::take(&mut self.is_fresh);
        self.run.values = None;
        self.run.memory_gap = None;
        self.run.stage = Stage::Loading(Loading { replid, offset, db: 0, is_fresh });
        unit.must_persist();
    }

    /// Every entry of the snapshot is applied.
    pub fn end_snapshot(&mut self, ctx: &Writer<'_, '_>, seen: Box<Seen>, db: u32, unit: &mut Unit) {
        let Stage::Loading(loading) = self.run.stage else { return };
        let loading = Loading { db, ..loading };
        if loading.is_fresh {
            return self.end_load(loading, unit);
        }
        let sweep = Sweep { scan: ScopeScan::new(ctx, &self.scope), seen };
        self.run.stage = Stage::Sweeping(loading, Box::new(sweep));
    }

    /// Deletes some of the keys that the snapshot did not contain.
    pub fn sweep_step(&mut self, ctx: &Writer<'_, '_>, unit: &mut Unit) -> Result<(), Halt> {
        let Stage::Sweeping(loading, sweep) = &mut self.run.stage else { return Ok(()) };
        let (loading, mut met) = (*loading, Vec::new());
        unit.lost_db();
        let Some(db) = sweep.scan.step(ctx, &mut met) else {
            self.end_load(loading, unit);
            return Ok(());
        };
        for key in met {
            let seen = sweep.seen.contains(db, &key);
            if !seen
                .map_err(|error| Halt::StartOver(format!("the list of seen keys can't be read: {error}")))?
            {
                delete(ctx, db, &key)?;
                self.counts.swept += 1;
                unit.wrote();
            }
        }
        Ok(())
    }

    fn end_load(&mut self, loading: Loading, unit: &mut Unit) {
        let checkpoint = &mut self.stored.checkpoint;
        let Loading { replid, offset, db, .. } = loading;
        checkpoint.state = if replid.is_some() { State::Streaming } else { State::Resyncing };
        checkpoint.position = replid.map(|replid| Position { replid, offset, db });
        self.run.stage = Stage::Streaming;
        unit.reached(offset, db);
        unit.must_persist();
    }
}

/// Deletes a key of the scope.
pub fn delete(ctx: &Writer<'_, '_>, db: u32, key: &[u8]) -> Result<(), Halt> {
    ctx.select_db(db).map_err(|error| Halt::StartOver(error.to_string()))?;
    ops::call(ctx, c"unlink", &[key]).map_err(|refusal| Halt::StartOver(refusal.to_string()))
}
