//! One slice: as many whole units as fit into its time, then the checkpoint.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use mirror_engine::expired::Verdict;
use mirror_engine::repair::{Admission, Answer, Settlement};
use mirror_engine::{Access, Batch, Op, OpKind, ReplId};
use redis_context::WriteContext;

use super::noted::{self, Noted};
use super::ops::{self, Refusal, Writer};
use super::run::{Current, Flush, MemoryGap, Stage};
use super::scan::{self, ScopeScan};
use super::{StartOver, load};
use crate::checkpoint;
use crate::link::{Fetched, Message, Request};
use crate::mirror::Mirror;

/// Bytes of the stream after which a position without effects is propagated, so that a crash does not fall
/// back further than the source's backlog reaches (1 MB by default; this is a quarter of it).
const PERSIST_BYTES: u64 = 256 * 1024;

/// Between two looks at the clock: this many small operations, or one that holds this many bytes.
const LOOK_OPS: usize = 16;
const LOOK_BYTES: usize = 4096;

/// How much clocks may differ: see [`MemoryGap`].
const CLOCKS_DIFFER: Duration = Duration::from_secs(30);

/// How long a failed fetch waits.
const FETCH_AGAIN: Duration = Duration::from_secs(1);

/// What one slice has done.
#[derive(Default)]
pub struct Unit {
    has_written: bool,
    must_persist: bool,
    reached: Option<(u64, u32)>,
    origins: Option<Arc<[ReplId]>>,
    db: Option<u32>,
}

impl Unit {
    /// Something was written: the checkpoint goes with it.
    pub fn wrote(&mut self) {
        self.has_written = true;
    }

    /// The checkpoint is propagated even if nothing was written.
    pub fn must_persist(&mut self) {
        self.must_persist = true;
    }

    /// Another db may be selected than the unit had selected last.
    pub fn lost_db(&mut self) {
        self.db = None;
    }

    /// Selects a db, if it isn't the one selected.
    fn select(&mut self, ctx: &Writer<'_, '_>, db: u32) -> Result<(), StartOver> {
        if self.db == Some(db) {
            return Ok(());
        }
        if ctx.select_db(db).is_err() {
            return Err(StartOver(format!(
                "this server has no db {db}: raise its `databases`, or map that db to another with DB .. TO"
            )));
        }
        self.db = Some(db);
        Ok(())
    }

    /// Everything up to this offset is applied.
    pub fn reached(&mut self, offset: u64, source_db: u32) {
        self.reached = Some((offset, source_db));
    }
}

/// Whether a slice goes on.
#[derive(PartialEq, Eq)]
enum Flow {
    GoOn,
    /// The time is spent, nothing is left, or what follows belongs to another unit.
    End,
}

impl Mirror {
    /// Whether a slice would find something to do.
    pub fn has_work(&self) -> bool {
        let run = &self.run;
        run.current.is_some()
            || run.flush.is_some()
            || matches!(run.stage, Stage::Sweeping(..))
            || self.start_over.is_some()
            || self.link.as_ref().is_some_and(|link| link.shared.queue.bytes() > 0)
    }

    /// Applies until `deadline`, or until the unit in hand is complete if that is later.
    pub fn slice(&mut self, ctx: &WriteContext<'_>, deadline: Instant) -> Result<(), StartOver> {
        if let Some(why) = self.start_over.take() {
            return Err(StartOver(why));
        }
        let mut unit = Unit::default();
        let outcome = self.fill(&Writer::new(ctx), &mut unit, deadline);
        self.commit(ctx, unit);
        outcome
    }

    fn fill(&mut self, ctx: &Writer<'_, '_>, unit: &mut Unit, deadline: Instant) -> Result<(), StartOver> {
        loop {
            let flow = if self.run.flush.is_some() {
                self.flush_step(ctx, unit)?
            } else if matches!(self.run.stage, Stage::Sweeping(..)) {
                // It walks over dbs: what was selected is not any more.
                unit.db = None;
                self.sweep_step(ctx, unit)?;
                Flow::GoOn
            } else if let Some(mut current) = self.run.current.take() {
                let flow = self.apply_batch(ctx, unit, &mut current, deadline);
                self.finish_batch(current);
                flow?
            } else {
                self.take_message(ctx, unit)?
            };
            if flow == Flow::End || Instant::now() >= deadline {
                return Ok(());
            }
        }
    }

    /// Applies a batch's operations. It ends early only between units.
    fn apply_batch(
        &mut self,
        ctx: &Writer<'_, '_>,
        unit: &mut Unit,
        current: &mut Current,
        deadline: Instant,
    ) -> Result<Flow, StartOver> {
        let batch = &current.work.batch;
        if unit.has_written && unit.origins.as_ref().is_some_and(|origins| **origins != **batch.origins()) {
            return Ok(Flow::End);
        }
        unit.origins = Some(Arc::clone(batch.origins()));
        let mut until_look = 0_usize;
        while let Some(op) = batch.ops().get(current.next) {
            if self.repairs.must_settle_before(op.offset) {
                self.settle_repairs(ctx, unit, Some(op.offset))?;
            }
            current.next += 1;
            self.apply_one(ctx, unit, batch, op)?;
            if op.boundary {
                if self.run.flush.is_some() {
                    return Ok(Flow::GoOn);
                }
                unit.reached(op.offset, op.source_db);
                // Looking at the clock costs a small operation's tenth.
                until_look = until_look.saturating_sub(batch.op_bytes(op).max(LOOK_BYTES / LOOK_OPS));
                if until_look == 0 {
                    until_look = LOOK_BYTES;
                    if Instant::now() >= deadline {
                        return Ok(Flow::End);
                    }
                }
            }
        }
        Ok(Flow::GoOn)
    }

    /// Keeps what is left of a batch; gives a finished one back to the link.
    fn finish_batch(&mut self, current: Current) {
        if current.next < current.work.batch.ops().len() {
            self.run.current = Some(current);
        } else if let Some(link) = &self.link {
            link.shared.give_back(current.work.batch, current.size);
        }
    }

    #[inline]
    fn apply_one(
        &mut self,
        ctx: &Writer<'_, '_>,
        unit: &mut Unit,
        batch: &Batch,
        op: &Op,
    ) -> Result<(), StartOver> {
        match op.kind {
            OpKind::Position => return Ok(()),
            OpKind::Resync(reason) => return Err(StartOver(reason.to_string())),
            _ => {}
        }
        if self.is_careful(op) && self.admit(ctx, batch, op)? == Admission::Skip {
            unit.wrote();
            return Ok(());
        }
        unit.wrote();
        self.counts.operations += 1;
        match op.kind {
            OpKind::FlushDb => self.begin_flush(ctx, unit, Some(op.db), op),
            OpKind::FlushAll => self.begin_flush(ctx, unit, None, op),
            OpKind::SwapDb { a, b } => swap_dbs(ctx, a, b),
            OpKind::Repair => Ok(()),
            _ => self.apply_keyed(ctx, unit, batch, op),
        }
    }

    fn apply_keyed(
        &mut self,
        ctx: &Writer<'_, '_>,
        unit: &mut Unit,
        batch: &Batch,
        op: &Op,
    ) -> Result<(), StartOver> {
        unit.select(ctx, op.db)?;
        if self.run.is_loading() {
            self.counts.keys_done += 1;
        }
        if let Err(refusal) = ops::apply(ctx, batch, op) {
            self.refused(batch, op, &refusal)?;
        }
        self.after_expiry(ctx, batch, op)?;
        let gone = noted::take(ctx);
        if gone.is_empty() { Ok(()) } else { self.expired_under_us(gone, batch, op) }
    }
}

/// Keys that are not what they are at the source.
impl Mirror {
    /// Whether operations have to be looked at before they are applied: almost never.
    #[inline]
    fn is_careful(&self, op: &Op) -> bool {
        op.kind == OpKind::Repair
            || !self.repairs.is_empty()
            || !self.expired.is_empty()
            || (self.forgot_expired && matches!(self.run.stage, Stage::Streaming))
    }

    fn admit(&mut self, ctx: &Writer<'_, '_>, batch: &Batch, op: &Op) -> Result<Admission, StartOver> {
        if let Verdict::NeedsRepair(keys) = self.expired.check(batch, op) {
            self.repair_keys(&keys)?;
        }
        if self.forgot_expired {
            self.mind_the_gap(ctx, batch, op)?;
        }
        self.repairs.admit(batch, op).map_err(|overflow| StartOver(overflow.to_string()))
    }

    fn repair_keys(&mut self, keys: &[(u32, Vec<u8>)]) -> Result<(), StartOver> {
        for (db, key) in keys {
            self.expired.forget(*db, key);
            self.repairs.add(*db, key).map_err(|overflow| StartOver(overflow.to_string()))?;
        }
        Ok(())
    }

    /// After a restart or a promotion nobody knows which keys had expired here: one that a command needs and
    /// that isn't there may be one of them.
    fn mind_the_gap(&mut self, ctx: &Writer<'_, '_>, batch: &Batch, op: &Op) -> Result<(), StartOver> {
        if self.run.memory_gap.is_some_and(|gap| gap.is_over(op.offset)) {
            self.forgot_expired = false;
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
            if !exists {
                missing.push((used.db, name.to_vec()));
            }
        }
        // The slice selects anew what the operation needs.
        let _ = ctx.select_db(op.db);
        self.repair_keys(&missing)
    }

    /// This server refused an operation: the key here is not what it was at the source.
    fn refused(&mut self, batch: &Batch, op: &Op, refusal: &Refusal) -> Result<(), StartOver> {
        self.last_refusal = Some(refusal.to_string());
        let uses = batch.keys(op);
        let keys: Vec<_> = uses.clone().map(|used| (used.db, uses.name(used).to_vec())).collect();
        self.repair_keys(&keys)
    }

    /// An operation that sets an expiry which is past already: the key is gone here, or about to go, and no
    /// event tells.
    fn after_expiry(&mut self, ctx: &Writer<'_, '_>, batch: &Batch, op: &Op) -> Result<(), StartOver> {
        let Some(at) = batch.expire_at_ms(op) else { return Ok(()) };
        if u128::from(at) > ctx.now().as_millis() {
            return Ok(());
        }
        let key = batch.args(op).next().unwrap_or_default();
        self.expired.note(op.db, key).map_err(|overflow| StartOver(overflow.to_string()))
    }

    /// Keys whose time had come when the operation looked at them. The operation may have worked on nothing
    /// where the source still had a value.
    fn expired_under_us(&mut self, gone: Vec<Noted>, batch: &Batch, op: &Op) -> Result<(), StartOver> {
        for noted in gone.iter().filter(|noted| self.scope.contains(noted.db, &noted.key)) {
            self.expired.note(noted.db, &noted.key).map_err(|overflow| StartOver(overflow.to_string()))?;
        }
        let Verdict::NeedsRepair(keys) = self.expired.check(batch, op) else { return Ok(()) };
        self.repair_keys(&keys)?;
        // The operation's own results join, as if it had not been applied.
        self.repairs.admit(batch, op).map(|_| ()).map_err(|overflow| StartOver(overflow.to_string()))
    }

    /// A key went away by itself, or somebody else wrote to it.
    pub fn hear(&mut self, noted: &Noted) {
        if noted.is_gone {
            if self.expired.note(noted.db, &noted.key).is_err() {
                self.start_over.get_or_insert("more keys expired here than can be remembered".to_owned());
            }
            return;
        }
        self.counts.local_writes += 1;
        self.is_fresh = false;
        self.run.is_not_alone();
    }

    /// Applies fetched values if the stream has come to where they belong.
    fn settle_repairs(
        &mut self,
        ctx: &Writer<'_, '_>,
        unit: &mut Unit,
        next: Option<u64>,
    ) -> Result<(), StartOver> {
        let applied = unit.reached.map(|(offset, _)| offset).or(self.applied()).unwrap_or(0);
        let Settlement::Apply(keys) = self.repairs.settle(applied, next) else { return Ok(()) };
        let Some(values) = self.run.values.take() else { return Ok(()) };
        unit.lost_db();
        for op in values.batch.ops() {
            unit.wrote();
            self.apply_fetched(ctx, &values.batch, op)?;
        }
        for (db, key) in &keys {
            self.expired.forget(*db, key);
        }
        self.counts.repaired += keys.len() as u64;
        Ok(())
    }
}

impl Mirror {
    /// Writes a fetched value. One that this server refuses all the same would be refused again: it is
    /// quarantined.
    fn apply_fetched(&mut self, ctx: &Writer<'_, '_>, batch: &Batch, op: &Op) -> Result<(), StartOver> {
        ctx.select_db(op.db).map_err(|error| StartOver(error.to_string()))?;
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

/// Messages.
impl Mirror {
    fn take_message(&mut self, ctx: &Writer<'_, '_>, unit: &mut Unit) -> Result<Flow, StartOver> {
        let Some((message, size)) = self.link.as_ref().and_then(|link| link.shared.queue.pop()) else {
            self.settle_repairs(ctx, unit, None)?;
            return Ok(Flow::End);
        };
        if let Message::Work(work) = message {
            self.run.current = Some(Current { work, size, next: 0 });
            return Ok(Flow::GoOn);
        }
        if let Some(link) = &self.link {
            link.shared.release(size);
        }
        match message {
            Message::FullResync { replid, offset } => self.begin_load(ctx, replid, offset, unit),
            Message::Continue { replid, first, source_offset } => {
                self.go_on(replid, first, source_offset, unit);
            }
            Message::SnapshotEnd { seen, db, .. } => self.end_snapshot(ctx, seen, db, unit),
            Message::Fetched(fetched) => self.take_fetched(fetched),
            Message::SourceOffset { waiter, offset } => self.waiters.set_offset(waiter, offset),
            Message::Work(_) => {}
        }
        Ok(Flow::GoOn)
    }

    fn go_on(&mut self, replid: ReplId, first: bool, source_offset: Option<u64>, unit: &mut Unit) {
        let checkpoint = &mut self.stored.checkpoint;
        checkpoint.totals.partial_resyncs += 1;
        if let Some(position) = &mut checkpoint.position {
            position.replid = replid;
            unit.must_persist();
        }
        if first {
            self.run.stage = Stage::Streaming;
        }
        if first && self.forgot_expired {
            let until = Instant::now() + CLOCKS_DIFFER;
            self.run.memory_gap = Some(MemoryGap { until_offset: source_offset, until });
        }
    }

    fn take_fetched(&mut self, fetched: Fetched) {
        if fetched.round != self.run.round {
            return;
        }
        let applied = self.applied().unwrap_or(0);
        match fetched.values {
            Ok(values) => {
                if self.repairs.fetched(values.offset, applied) == Answer::Keep {
                    self.run.values = Some(values);
                }
            }
            Err(why) => {
                self.repairs.fetch_failed();
                self.run.fetch_after = Some(Instant::now() + FETCH_AGAIN);
                self.last_refusal = Some(why);
            }
        }
    }

    /// Asks the source for the values of the keys under repair, if that is due.
    pub fn request_fetch(&mut self) {
        let Some(link) = &self.link else { return };
        if self.run.fetch_after.is_some_and(|at| Instant::now() < at) {
            return;
        }
        let Some(keys) = self.repairs.take_fetch() else { return };
        self.run.fetch_after = None;
        self.run.round += 1;
        let keys = keys.iter().filter_map(|(db, key)| self.scope.unmap(*db, key)).collect();
        link.shared.request(Request::Fetch { round: self.run.round, keys });
    }

    /// Up to where the stream is applied.
    pub fn applied(&self) -> Option<u64> {
        self.stored.checkpoint.position.map(|position| position.offset)
    }
}

/// Flushes, swaps and the end of a unit.
impl Mirror {
    fn begin_flush(
        &mut self,
        ctx: &Writer<'_, '_>,
        unit: &mut Unit,
        db: Option<u32>,
        op: &Op,
    ) -> Result<(), StartOver> {
        unit.lost_db();
        let dbs = db.map_or_else(|| scan::dbs(ctx, &self.scope), |db| vec![db]);
        let (whole, parts): (Vec<u32>, Vec<u32>) = dbs.into_iter().partition(|db| self.scope.whole_db(*db));
        for db in whole {
            ctx.select_db(db).map_err(|error| StartOver(error.to_string()))?;
            ops::call(ctx, c"flushdb", &[b"ASYNC"]).map_err(|refusal| StartOver(refusal.to_string()))?;
        }
        if parts.is_empty() {
            return Ok(());
        }
        let scan = match db {
            Some(db) => ScopeScan::of_db(ctx, &self.scope, db),
            None => ScopeScan::new(ctx, &self.scope),
        };
        self.run.flush = Some(Flush { scan, then: (op.offset, op.source_db) });
        if op.boundary {
            return Ok(());
        }
        // Inside a transaction it can't be spread over slices, and no position is reached yet.
        let mut inside = Unit::default();
        while self.run.flush.is_some() {
            self.flush_step(ctx, &mut inside)?;
        }
        Ok(())
    }

    fn flush_step(&mut self, ctx: &Writer<'_, '_>, unit: &mut Unit) -> Result<Flow, StartOver> {
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

    /// Ends the unit: the position in memory, and with the effects of the unit wherever they go.
    fn commit(&mut self, ctx: &WriteContext<'_>, unit: Unit) {
        let checkpoint = &mut self.stored.checkpoint;
        if let (Some(position), Some((offset, db))) = (&mut checkpoint.position, unit.reached) {
            (position.offset, position.db) = (offset, db);
        }
        checkpoint.pending = if self.repairs.is_empty() { Vec::new() } else { self.repairs.pending() };
        if let Some(origins) = unit.origins {
            checkpoint.origins = origins.to_vec();
        }
        let applied = checkpoint.position.map(|position| position.offset);
        let far = applied.is_some_and(|applied| applied.saturating_sub(self.run.persisted) >= PERSIST_BYTES);
        let is_due = unit.must_persist || far || (unit.has_written && applied.is_some());
        if is_due {
            checkpoint::replicate(ctx, &self.stored);
            self.run.persisted = applied.unwrap_or(0);
        }
        if let (Some(applied), Stage::Streaming) = (applied, &self.run.stage) {
            self.tell_applied(applied);
        }
        self.request_fetch();
    }

    fn tell_applied(&mut self, applied: u64) {
        if let Some(link) = &self.link {
            link.shared.applied.store(applied, Ordering::Release);
        }
        if self.repairs.is_empty() {
            self.waiters.applied(applied);
        }
    }

    /// Gives the position up, in the data's history too.
    pub fn start_over(&mut self, ctx: &WriteContext<'_>, why: &str) {
        ctx.log(redis_context::LogLevel::Notice, format!("mirror {}: full resync: {why}", self.name()));
        self.forget_position();
        self.last_refusal = Some(why.to_owned());
        checkpoint::replicate(ctx, &self.stored);
        self.delay_restart();
    }
}

fn exists(ctx: &Writer<'_, '_>, key: &[u8]) -> bool {
    let name = redis_context::RedisString::new(key);
    ctx.open_read(&name).is_ok_and(|key| key.exists())
}

fn swap_dbs(ctx: &Writer<'_, '_>, a: u32, b: u32) -> Result<(), StartOver> {
    let (a, b) = (a.to_string(), b.to_string());
    ops::call(ctx, c"swapdb", &[a.as_bytes(), b.as_bytes()]).map_err(|refusal| StartOver(refusal.to_string()))
}
