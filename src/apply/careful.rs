//! Keys that are not what they are at the source: gone by this server's clock, or refused. They are put
//! under repair, and written again when their values have been fetched.

use std::sync::Arc;
use std::time::Instant;

use mirror_engine::expired::Verdict;
use mirror_engine::repair::{Admission, Settlement};
use mirror_engine::{Access, Batch, Op, OpKind, Origin};

use super::noted::Noted;
use super::ops::{self, Refusal, Writer};
use super::run::{MemoryGap, Stage};
use super::slice::{Flow, Unit};
use super::{Halt, fields, scan};
use crate::mirror::Mirror;

impl Mirror {
    /// Whether operations have to be looked at before they are applied: almost never.
    #[inline]
    pub(super) fn is_careful(&self, op: &Op) -> bool {
        op.kind == OpKind::Repair
            || !self.repairs.is_empty()
            || !self.expired.is_empty()
            || (self.forgot_expired && matches!(self.run.stage, Stage::Streaming))
            || (self.fields_may_expire && matches!(self.run.stage, Stage::Streaming))
    }

    pub(super) fn admit(&mut self, ctx: &Writer<'_, '_>, batch: &Batch, op: &Op) -> Result<Admission, Halt> {
        if let Verdict::NeedsRepair(keys) = self.expired.check(batch, op) {
            self.repair_keys(&keys)?;
        }
        if self.forgot_expired {
            self.mind_the_gap(ctx, batch, op)?;
        }
        if self.fields_may_expire {
            self.mind_fields(ctx, batch, op)?;
        }
        self.repairs.admit(batch, op).map_err(|overflow| Halt::StartOver(overflow.to_string()))
    }

    pub(super) fn repair_keys(&mut self, keys: &[(u32, Vec<u8>)]) -> Result<(), Halt> {
        for (db, key) in keys {
            self.expired.forget(*db, key);
            self.repairs.add(*db, key).map_err(|overflow| Halt::StartOver(overflow.to_string()))?;
        }
        Ok(())
    }

    /// After a restart or a promotion nobody knows which keys had expired here: one that a command needs and
    /// that isn't there may be one of them.
    fn mind_the_gap(&mut self, ctx: &Writer<'_, '_>, batch: &Batch, op: &Op) -> Result<(), Halt> {
        if self.run.memory_gap.is_some_and(|gap| gap.is_over(op.offset)) {
            self.forgot_expired = false;
            self.fields_may_expire &= fields::are_there(ctx, &scan::dbs(ctx, &self.scope));
            self.run.memory_gap = None;
            return Ok(());
        }
        let uses = batch.keys(op);
        let mut missing = Vec::new();
        if batch.reads_unnamed_keys(op) {
            missing.extend(uses.clone().filter(|u| u.access.writes()).map(|u| (u.db, uses.name(u).to_vec())));
        }
        for used in uses.clone().filter(|used| matches!(used.access, Access::Read | Access::Update)) {
            let name = uses.name(used);
            let exists = ctx.select_db(used.db).is_ok() && exists(ctx, name);
            if !exists || (self.fields_may_expire && fields::is_hash(ctx, name)) {
                missing.push((used.db, name.to_vec()));
            }
        }
        // The slice selects anew what the operation needs.
        let _ = ctx.select_db(op.db);
        self.repair_keys(&missing)
    }

    /// This server refused an operation: the key here is not what it was at the source.
    pub(super) fn refused(&mut self, batch: &Batch, op: &Op, refusal: &Refusal) -> Result<(), Halt> {
        if *refusal != Refusal::MissingField {
            self.note_refusal(refusal.to_string());
        }
        let uses = batch.keys(op);
        let keys: Vec<_> = uses.clone().map(|used| (used.db, uses.name(used).to_vec())).collect();
        self.repair_keys(&keys)
    }

    /// An operation that sets an expiry which is past already: the key is gone here, or about to go, and no
    /// event tells.
    pub(super) fn after_expiry(&mut self, ctx: &Writer<'_, '_>, batch: &Batch, op: &Op) -> Result<(), Halt> {
        let Some(at) = batch.expire_at_ms(op) else { return Ok(()) };
        if u128::from(at) > ctx.now().as_millis() {
            return Ok(());
        }
        let key = batch.args(op).next().unwrap_or_default();
        self.note_gone(op.db, key);
        Ok(())
    }

    /// Keys whose time had come when the operation looked at them. The operation may have worked on nothing
    /// where the source still had a value.
    pub(super) fn expired_under_us(&mut self, gone: Vec<Noted>, batch: &Batch, op: &Op) -> Result<(), Halt> {
        for noted in &gone {
            if self.scope.contains(noted.db, &noted.key) {
                self.note_gone(noted.db, &noted.key);
            }
        }
        let Verdict::NeedsRepair(keys) = self.expired.check(batch, op) else { return Ok(()) };
        self.repair_keys(&keys)?;
        // The operation's own results join, as if it had not been applied.
        self.repairs.admit(batch, op).map(|_| ()).map_err(|overflow| Halt::StartOver(overflow.to_string()))
    }

    /// A key went away by itself, or somebody else wrote to it.
    pub fn hear(&mut self, noted: &Noted) {
        if noted.is_gone {
            self.note_gone(noted.db, &noted.key);
            return;
        }
        self.counts.local_writes += 1;
        self.is_fresh = false;
        self.run.is_not_alone();
    }

    /// Remembers a key that went away here by itself. More than can be remembered are all forgotten, and
    /// from then on a key that a command needs and that isn't there is taken for one of them.
    fn note_gone(&mut self, db: u32, key: &[u8]) {
        if self.expired.note(db, key).is_err() {
            self.expired.clear();
            self.forgot_expired = true;
            self.run.memory_gap = None;
        }
    }

    /// Whether fetched values wait for nothing but a unit.
    pub(super) fn may_settle(&self, next: Option<u64>) -> bool {
        self.repairs.may_settle(self.applied().unwrap_or(0), next)
    }

    /// Applies fetched values if the stream has come to where they belong. [`Flow::End`]: the unit holds what came another
    /// way, they are for the next. They have come from the source itself, whatever the operations around them have passed
    /// through: followers that took them for older than they are, or for somebody else's, would be wrong.
    pub(super) fn settle_repairs(
        &mut self,
        ctx: &Writer<'_, '_>,
        unit: &mut Unit,
        next: Option<u64>,
    ) -> Result<Flow, Halt> {
        let applied = unit.applied().or(self.applied()).unwrap_or(0);
        if !self.repairs.may_settle(applied, next) {
            return Ok(Flow::GoOn);
        }
        if self.source_origins().is_some_and(|origins| !unit.joins(&origins)) {
            return Ok(Flow::End);
        }
        let Settlement::Apply(keys) = self.repairs.settle(applied, next) else { return Ok(Flow::GoOn) };
        let Some(values) = self.run.values.take() else { return Ok(Flow::GoOn) };
        unit.lost_db();
        for op in values.batch.ops() {
            unit.wrote();
            self.apply_fetched(ctx, &values.batch, op)?;
        }
        for (db, key) in &keys {
            let may_come_back = values.hides_expired && ctx.select_db(*db).is_ok() && !exists(ctx, key);
            if may_come_back {
                self.note_gone(*db, key);
            } else {
                self.expired.forget(*db, key);
            }
        }
        self.counts.repaired += keys.len() as u64;
        Ok(Flow::GoOn)
    }

    /// The origins of what comes from the source and from nowhere before.
    fn source_origins(&self) -> Option<Arc<[Origin]>> {
        let id = self.stored.checkpoint.position?.replid;
        Some(Arc::from([self.scope.source_origin(id)]))
    }
}

impl Mirror {
    /// Writes a fetched value. One that this server refuses all the same would be refused again: it is
    /// quarantined.
    fn apply_fetched(&mut self, ctx: &Writer<'_, '_>, batch: &Batch, op: &Op) -> Result<(), Halt> {
        ctx.select_db(op.db).map_err(|error| Halt::StartOver(error.to_string()))?;
        if let Err(refusal) = ops::apply(ctx, batch, op) {
            let key = batch.args(op).next().unwrap_or_default().to_vec();
            self.quarantine.add(op.db, key, refusal.to_string());
        }
        self.after_expiry(ctx, batch, op)
    }
}

impl MemoryGap {
    fn is_over(&self, offset: u64) -> bool {
        self.until_offset.is_none_or(|until| offset > until) && Instant::now() >= self.until
    }
}

fn exists(ctx: &Writer<'_, '_>, key: &[u8]) -> bool {
    let name = redis_context::RedisString::new(key);
    ctx.open_read(&name).is_ok_and(|key| key.exists())
}
