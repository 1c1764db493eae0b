//! One slice: as many whole units as fit into its time, then the checkpoint.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use mirror_engine::repair::Admission;
use mirror_engine::{Batch, Op, OpKind, Origin};
use redis_context::{ContextFlags, LogLevel, WriteContext};

use super::ops::{self, Writer};
use super::run::{Current, Stage};
use super::{Halt, flush, load, noted};
use crate::checkpoint;
use crate::fault::{self, Site};
use crate::mirror::Mirror;

/// Bytes of the stream after which a position without effects is propagated, so that a crash does not fall
/// back further than the source's backlog reaches (1 MB by default; this is a quarter of it).
const PERSIST_BYTES: u64 = 256 * 1024;

/// Keys that flushes inside one transaction may look at: some tens of milliseconds.
const SCAN_INSIDE_MAX: u64 = 100_000;

/// Between two looks at the memory inside a transaction.
const LOOK_AT_MEMORY_OPS: usize = 8;

/// Between two looks at the clock: this many small operations, or one that holds this many bytes.
const LOOK_OPS: usize = 16;
const LOOK_BYTES: usize = 4096;

/// What one slice has done.
#[derive(Default)]
pub struct Unit {
    has_written: bool,
    must_persist: bool,
    reached: Option<(u64, u32)>,
    origins: Option<Arc<[Origin]>>,
    db: Option<u32>,
    /// Whether the operation in hand is a unit of the source by itself.
    is_alone: bool,
    /// Keys looked at for flushes inside transactions.
    scanned: u64,
    /// Operations inside transactions.
    inside: usize,
}

impl Unit {
    /// Whether the operation in hand is a unit of the source by itself, so that it may be spread over slices.
    pub fn is_alone(&self) -> bool {
        self.is_alone
    }

    /// Looks at the memory in the middle of a transaction, which the gate has let in and can't stop: its commands may
    /// ask for more than their bytes tell, as COPY does.
    fn mind_memory(&mut self, ctx: &Writer<'_, '_>) -> Result<(), Halt> {
        self.inside += 1;
        if self.inside.is_multiple_of(LOOK_AT_MEMORY_OPS) && ctx.server_flags().contains(ContextFlags::OOM) {
            return Err(Halt::StartOver(
                "a transaction of the source takes more memory than this server has: raise maxmemory"
                    .to_owned(),
            ));
        }
        Ok(())
    }

    /// Counts keys that are looked at inside a transaction, which holds the main thread until its end.
    pub fn scan_inside(&mut self, keys: u64) -> Result<(), Halt> {
        self.scanned += keys;
        if self.scanned <= SCAN_INSIDE_MAX {
            return Ok(());
        }
        Err(Halt::StartOver("a transaction of the source flushes part of a large db".to_owned()))
    }

    /// Takes in effects that came by `origins`, unless it holds some that came otherwise: a unit tells one list.
    pub fn joins(&mut self, origins: &Arc<[Origin]>) -> bool {
        if self.has_written && self.origins.as_ref().is_some_and(|own| **own != **origins) {
            return false;
        }
        self.origins = Some(Arc::clone(origins));
        true
    }

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
    pub fn select(&mut self, ctx: &Writer<'_, '_>, db: u32) -> Result<(), Halt> {
        if self.db == Some(db) {
            return Ok(());
        }
        if ctx.select_db(db).is_err() {
            return Err(Halt::Fail(format!(
                "this server has no db {db}: raise its `databases`, or map that db to another with DB .. TO"
            )));
        }
        self.db = Some(db);
        Ok(())
    }

    /// Up to where the unit has applied the stream, if it has.
    pub fn applied(&self) -> Option<u64> {
        self.reached.map(|(offset, _)| offset)
    }

    /// Everything up to this offset is applied.
    pub fn reached(&mut self, offset: u64, source_db: u32) {
        self.reached = Some((offset, source_db));
    }
}

/// Whether a slice goes on.
#[derive(PartialEq, Eq)]
pub enum Flow {
    GoOn,
    /// The time is spent, nothing is left, or what follows belongs to another unit.
    End,
}

impl Mirror {
    /// Whether a slice would find something to do.
    pub fn has_work(&self) -> bool {
        let run = &self.run;
        self.loss_to_tell
            || run.current.is_some()
            || run.flush.is_some()
            || matches!(run.stage, Stage::Sweeping(..))
            || self.start_over.is_some()
            || self.may_settle(None)
            || self.link.as_ref().is_some_and(|link| link.shared.queue.bytes() > 0)
    }

    /// Applies until `deadline`, or until the unit in hand is complete if that is later.
    pub fn slice(&mut self, ctx: &WriteContext<'_>, deadline: Instant) -> Result<(), Halt> {
        if self.loss_to_tell {
            self.tell_loss(ctx);
            return Ok(());
        }
        if let Some(why) = self.start_over.take() {
            return Err(Halt::StartOver(why));
        }
        let mut unit = Unit::default();
        let outcome = self.fill(&Writer::new(ctx), &mut unit, deadline);
        self.commit(ctx, unit);
        outcome
    }

    fn fill(&mut self, ctx: &Writer<'_, '_>, unit: &mut Unit, deadline: Instant) -> Result<(), Halt> {
        loop {
            let flow = if self.run.flush.is_some() {
                self.flush_step(ctx, unit)?
            } else if matches!(self.run.stage, Stage::Sweeping(..)) {
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
    ) -> Result<Flow, Halt> {
        let batch = &current.work.batch;
        if !joins(unit, batch) {
            return Ok(Flow::End);
        }
        let mut until_look = 0_usize;
        let mut is_between_units = true;
        while let Some(op) = batch.ops().get(current.next) {
            if is_between_units && needs_a_later_clock(ctx, batch, op) {
                return Ok(Flow::End);
            }
            unit.is_alone = is_between_units && op.boundary;
            if !is_between_units {
                unit.mind_memory(ctx)?;
            }
            is_between_units = op.boundary;
            if self.repairs.must_settle_before(op.offset)
                && (self.settle_repairs(ctx, unit, Some(op.offset))? == Flow::End || !joins(unit, batch))
            {
                return Ok(Flow::End);
            }
            current.next += 1;
            self.apply_one(ctx, unit, batch, op)?;
            if op.boundary {
                if self.run.flush.is_some() {
                    return Ok(Flow::GoOn);
                }
                unit.reached(op.offset, op.source_db);
                // A look at the clock after each small operation shows up in a profile (3% of SET).
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
    ) -> Result<(), Halt> {
        match op.kind {
            OpKind::Position => return Ok(()),
            OpKind::Resync(reason) => return Err(Halt::StartOver(reason.to_string())),
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
            OpKind::SwapDb { a, b } => flush::swap_dbs(ctx, a, b),
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
    ) -> Result<(), Halt> {
        unit.select(ctx, op.db)?;
        if self.run.is_loading() {
            self.counts.keys_done += 1;
        }
        if let Err(refusal) = ops::apply(ctx, batch, op) {
            self.refused(batch, op, &refusal)?;
        }
        if batch.takes_unseen_memory(op) && ctx.server_flags().contains(ContextFlags::OOM) {
            return Err(take_back(ctx, batch, op));
        }
        fault::hit(Site::Slice);
        if !self.fields_may_expire && batch.brings_field_expiry(op) {
            self.fields_may_expire = true;
        }
        self.after_expiry(ctx, batch, op)?;
        let gone = noted::take(ctx);
        if gone.is_empty() { Ok(()) } else { self.expired_under_us(gone, batch, op) }
    }
}

/// Takes the origins of a batch into the unit, if it has any: one that only moves the position has none.
fn joins(unit: &mut Unit, batch: &Batch) -> bool {
    batch.origins().is_empty() || unit.joins(batch.origins())
}

/// Removes what an operation has made: this server has no memory for it, and other people's keys would go instead.
fn take_back(ctx: &Writer<'_, '_>, batch: &Batch, op: &Op) -> Halt {
    let uses = batch.keys(op);
    for used in uses.clone().filter(|used| used.access.writes()) {
        if let Err(halt) = load::delete(ctx, used.db, uses.name(used)) {
            return halt;
        }
    }
    Halt::StartOver(
        "a command of the source takes more memory than this server has: raise maxmemory".to_owned(),
    )
}

/// Whether the server would take an operation's time for one of the future, only because it has looked at its clock
/// before the slice began: from 7.2 on it stands still during an execution unit (`commandTimeSnapshot`, server.c).
fn needs_a_later_clock(ctx: &Writer<'_, '_>, batch: &Batch, op: &Op) -> bool {
    let Some(at) = batch.delivered_at_ms(op) else { return false };
    let is_ahead_of = |now: std::time::Duration| u128::from(at) > now.as_millis();
    ctx.cached_now().is_ok_and(is_ahead_of) && !is_ahead_of(ctx.now())
}

/// The end of a unit.
impl Mirror {
    /// Ends the unit: the position in memory, and with the effects of the unit wherever they go.
    fn commit(&mut self, ctx: &WriteContext<'_>, unit: Unit) {
        let checkpoint = &mut self.stored.checkpoint;
        if let (Some(position), Some((offset, db))) = (&mut checkpoint.position, unit.reached) {
            (position.offset, position.db) = (offset, db);
        }
        if self.repairs.has_changed() {
            checkpoint.pending = self.repairs.pending();
        }
        if let Some(origins) = unit.origins {
            checkpoint.origins = origins.to_vec();
        }
        let applied = checkpoint.position.map(|position| position.offset);
        let far = applied.is_some_and(|applied| applied.saturating_sub(self.run.persisted) >= PERSIST_BYTES);
        let is_due = unit.must_persist || far || (unit.has_written && applied.is_some());
        if is_due {
            checkpoint::replicate_change(ctx, &self.stored, &self.repairs.take_untold());
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

    /// Tells that the position was given up, in the unit that is being written.
    pub fn tell_loss(&mut self, ctx: &WriteContext<'_>) {
        self.loss_to_tell = false;
        checkpoint::replicate(ctx, &self.stored);
    }

    /// Gives the position up, in the data's history too: the unit may be half applied. Returns the reason.
    pub fn halt(&mut self, ctx: &WriteContext<'_>, halt: Halt) -> String {
        self.forget_position();
        checkpoint::replicate(ctx, &self.stored);
        match halt {
            Halt::StartOver(why) => {
                ctx.log(LogLevel::Notice, format!("mirror {}: full resync: {why}", self.name()));
                self.note_refusal(why.clone());
                self.delay_restart();
                why
            }
            Halt::Fail(why) => {
                ctx.log(LogLevel::Warning, format!("mirror {}: {why}", self.name()));
                self.failure = Some(why.clone());
                why
            }
        }
    }
}
