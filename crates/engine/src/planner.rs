//! What the source's commands and snapshot values mean here.
//!
//! A [`Planner`] is given, in the source's order, everything that a connection delivers, and appends the operations to
//! do to a [`Batch`] that its caller owns. The rules: a command whose keys are all in scope is applied with its keys
//! renamed; one that writes nothing in scope only moves the offset; one that crosses the filter is split where its parts
//! are independent, and otherwise its written keys are fetched again ([`OpKind::Repair`](crate::OpKind)). What the local
//! server doesn't know is rewritten or fetched. What isn't in [`command::TABLE`] is refused.

use std::sync::Arc;

use redis_replica::rdb::{self, Family, Validator};

use crate::args::{Args, Tail};
use crate::batch::{Batch, BatchFull, Mark, Place};
use crate::command;
use crate::origins::Origin;
use crate::scope::Scope;
use redis_replica::ReplId;

mod across;
mod counters;
mod dbs;
mod fields;
mod local;
mod origins;
mod records;
mod refuse;
mod snapshot;
mod step;
mod streams;
mod strings;
#[cfg(test)]
mod tests;

pub use counters::{Counters, Loss, LostKey, RefusedCount};
pub use local::LocalServer;
use step::{Planned, Step};

/// The most replication ids that a unit may have passed through.
pub const ORIGINS_MAX: usize = 16;

/// The most replication ids of this server's own past.
pub const OWN_IDS_MAX: usize = 64;

/// Bounds on what a source may make the planner hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlanLimits {
    /// Operations of one unit.
    pub unit_ops_max: usize,
    /// Memory of one unit, in bytes: its arguments, and what each argument and operation takes beside them.
    pub unit_bytes_max: usize,
}

impl Default for PlanLimits {
    fn default() -> Self {
        PlanLimits { unit_ops_max: 1_000_000, unit_bytes_max: 256 << 20 }
    }
}

/// Why the stream can't be planned any further. The batch holds what came before.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// The source is this very server, or a replica of it.
    #[error("the source is this server or shares its history: a mirror needs another source")]
    SourceIsSelf,
    /// MULTI inside MULTI.
    #[error("the source sent MULTI inside MULTI: its stream is damaged")]
    NestedMulti,
    /// EXEC without MULTI.
    #[error("the source sent EXEC without MULTI: its stream is damaged")]
    ExecWithoutMulti,
    /// A transaction above the limits.
    #[error(
        "a transaction of the source is too large: {ops} commands of at most {}, {bytes} bytes of at most {}: \
         raise mirror.unit-ops-max or mirror.unit-max", limits.unit_ops_max, limits.unit_bytes_max
    )]
    UnitTooLarge {
        /// Its operations so far.
        ops: usize,
        /// What it takes so far, in bytes.
        bytes: usize,
        /// The limits it is beyond.
        limits: PlanLimits,
    },
    /// More servers in a chain or ring than supported.
    #[error("a unit has passed through more than {ORIGINS_MAX} servers: shorten the chain of mirrors")]
    TooManyOrigins,
    /// A unit came back to this server for the second time, each time under other names.
    #[error(
        "mirrors feed each other: what this server wrote came back under other names, and again: let the MATCH or \
         EXCEPT of one of the mirrors in the ring leave out what the others bring"
    )]
    MirrorsFeedEachOther,
    /// [`Cut::Before`] was answered and the batch was not sent off.
    #[error("the held unit was not taken: send the batch off, clear it, then go on")]
    HeldUnit,
    /// The caller let the batch grow without sending it off.
    #[error(transparent)]
    BatchFull(#[from] BatchFull),
}

/// Whether the batch must be sent off before planning goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Cut {
    /// The batch may grow further.
    None,
    /// The unit that just ended has other origins than those in the batch. The planner holds it back: send the batch off
    /// and pass an empty one to the next call (or to [`Planner::deliver_held`]), which puts the unit there first.
    Before,
}

/// A unit that is being filled.
#[derive(Debug)]
struct OpenUnit {
    mark: Mark,
    origins: Vec<Origin>,
}

/// Plans one mirror's stream.
#[derive(Debug)]
pub struct Planner {
    scope: Arc<Scope>,
    local: LocalServer,
    limits: PlanLimits,
    own: Vec<ReplId>,
    source: Option<ReplId>,
    /// The origins of a unit that brings none: the source alone.
    plain_origins: Arc<[Origin]>,
    source_now_ms: Option<u64>,
    source_family: Option<Family>,
    validator: Validator,
    unit: Option<OpenUnit>,
    held: Batch,
    counters: Counters,
}

impl Planner {
    /// A planner for one mirror on this server.
    pub fn new(scope: Arc<Scope>, local: LocalServer, limits: PlanLimits) -> Planner {
        Planner {
            scope,
            local,
            limits,
            own: Vec::new(),
            source: None,
            plain_origins: Arc::default(),
            source_now_ms: None,
            source_family: None,
            validator: Validator::new(rdb::Limits::default()),
            unit: None,
            held: Batch::new(),
            counters: Counters::default(),
        }
    }

    /// Sets other limits: on units, and on the values that RESTORE brings in the stream.
    pub fn set_limits(&mut self, limits: PlanLimits, values: rdb::Limits) {
        self.limits = limits;
        self.validator.set_limits(values);
    }

    /// Sets this server's own replication ids, the present one first: units that passed through it are not applied
    /// again. Ids past [`OWN_IDS_MAX`] are left out.
    pub fn set_own_replids(&mut self, own: &[ReplId]) {
        self.own = own.iter().copied().take(OWN_IDS_MAX).collect();
    }

    /// Begins (or goes on, under a new id) behind FULLRESYNC or CONTINUE. A unit left open by a broken link is
    /// forgotten and taken out of `out`: the source sends it again.
    pub fn start(&mut self, replid: ReplId, out: &mut Batch) -> Result<(), PlanError> {
        if let Some(unit) = self.unit.take() {
            out.rewind(unit.mark);
            out.set_open_unit(false);
        }
        if self.own.contains(&replid) {
            return Err(PlanError::SourceIsSelf);
        }
        if self.source != Some(replid) {
            self.source = Some(replid);
            self.plain_origins = Arc::from([self.scope.source_origin(replid)]);
        }
        Ok(())
    }

    /// Sets the clock of a source before 7.0 (Unix time in milliseconds): the base of relative expiries, which no later
    /// one sends. Without it such commands lead to a refetch.
    pub fn set_source_now(&mut self, now_ms: u64) {
        self.source_now_ms = Some(now_ms);
    }

    /// Sets the source's family: RESTORE payloads in the stream can't be read without it, and lead to a refetch.
    pub fn set_source_family(&mut self, family: Family) {
        self.source_family = Some(family);
    }

    /// What has been planned, filtered, refused and lost.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The same, to reset lists that were shown.
    pub fn counters_mut(&mut self) -> &mut Counters {
        &mut self.counters
    }

    /// The scope it plans for.
    pub fn scope(&self) -> &Arc<Scope> {
        &self.scope
    }

    /// Whether a transaction is open: the batch can't be sent off now.
    pub fn in_unit(&self) -> bool {
        self.unit.is_some()
    }

    /// Whether a unit waits for an empty batch ([`Cut::Before`]).
    pub fn holds_unit(&self) -> bool {
        !self.held.is_empty()
    }

    /// Puts a held unit into `out`, which must be empty.
    pub fn deliver_held(&mut self, out: &mut Batch) -> Result<(), PlanError> {
        if self.held.is_empty() {
            return Ok(());
        }
        if !out.is_empty() {
            return Err(PlanError::HeldUnit);
        }
        std::mem::swap(&mut self.held, out);
        self.held.clear();
        Ok(())
    }

    /// Plans one command, its name first among `args`, read while `source_db` was selected and ending at the source's
    /// `end_offset`. SELECT, PING, REPLCONF, MULTI and EXEC never come here.
    pub fn command<A: Args + ?Sized>(
        &mut self,
        source_db: u32,
        args: &A,
        end_offset: u64,
        out: &mut Batch,
    ) -> Result<Cut, PlanError> {
        self.deliver_held(out)?;
        self.counters.commands += 1;
        let place = Place { db: 0, source_db, offset: end_offset };
        if self.unit.is_some() {
            self.plan(place, args, out)?;
            self.check_unit(out)?;
            return Ok(Cut::None);
        }
        let mark = out.mark();
        self.plan(place, args, out).inspect_err(|_| out.rewind(mark))?;
        self.end_unit(mark, None, place, out)
    }

    /// The source's MULTI: what follows, up to EXEC, is one unit.
    pub fn multi(&mut self, out: &mut Batch) -> Result<(), PlanError> {
        self.deliver_held(out)?;
        if self.unit.is_some() {
            return Err(PlanError::NestedMulti);
        }
        self.unit = Some(OpenUnit { mark: out.mark(), origins: Vec::new() });
        out.set_open_unit(true);
        Ok(())
    }

    /// The source's EXEC, ending at `end_offset`.
    pub fn exec(&mut self, source_db: u32, end_offset: u64, out: &mut Batch) -> Result<Cut, PlanError> {
        let unit = self.unit.take().ok_or(PlanError::ExecWithoutMulti)?;
        out.set_open_unit(false);
        let place = Place { db: 0, source_db, offset: end_offset };
        let origins = (!unit.origins.is_empty()).then_some(unit.origins);
        self.end_unit(unit.mark, origins, place, out)
    }

    /// The source's offset moved without a command (PING and the like). Inside a transaction nothing is noted: a
    /// position there would be no cut.
    pub fn progress(&mut self, source_db: u32, offset: u64, out: &mut Batch) -> Result<(), PlanError> {
        self.deliver_held(out)?;
        if self.unit.is_none() {
            out.push_position(Place { db: 0, source_db, offset });
        }
        Ok(())
    }

    fn plan<A: Args + ?Sized>(&mut self, place: Place, args: &A, out: &mut Batch) -> Result<(), PlanError> {
        let planned = match command::lookup(args.arg(0)) {
            Some(row) => Step {
                command: row,
                args: Tail(args),
                scope: &self.scope,
                local: &self.local,
                counters: &mut self.counters,
                now_ms: self.source_now_ms,
                source_family: self.source_family,
                validator: &mut self.validator,
                limits: self.limits,
                place,
                mark: out.mark(),
                out,
            }
            .plan()?,
            None => self.outside_the_table(place, args, out)?,
        };
        match planned {
            Planned::Done => self.counters.planned += 1,
            Planned::Nothing => self.counters.filtered += 1,
            Planned::Refused(reason) => self.counters.refuse(args.arg(0), reason),
        }
        Ok(())
    }

    fn check_unit(&self, out: &Batch) -> Result<(), PlanError> {
        let mark = self.unit.as_ref().map_or_else(|| out.mark(), |unit| unit.mark);
        let (ops, bytes) = (out.ops_since(mark).len(), out.size_since(mark));
        let fits = ops <= self.limits.unit_ops_max && bytes <= self.limits.unit_bytes_max;
        if fits { Ok(()) } else { Err(PlanError::UnitTooLarge { ops, bytes, limits: self.limits }) }
    }

    #[inline]
    fn end_unit(
        &mut self,
        mark: Mark,
        origins: Option<Vec<Origin>>,
        place: Place,
        out: &mut Batch,
    ) -> Result<Cut, PlanError> {
        if out.ops_since(mark).is_empty() {
            out.push_position(place);
            return Ok(Cut::None);
        }
        if let Some(origins) = origins {
            return self.end_foreign_unit(mark, origins, place, out);
        }
        out.end_unit(place.source_db, place.offset);
        if Arc::ptr_eq(out.origins(), &self.plain_origins) {
            return Ok(Cut::None);
        }
        self.place_unit(mark, self.plain_origins.clone(), out)
    }

    /// Leaves the unit in the batch if the origins agree, or holds it back.
    fn place_unit(&mut self, mark: Mark, origins: Arc<[Origin]>, out: &mut Batch) -> Result<Cut, PlanError> {
        if out.origins().is_empty() || mark == Mark::default() {
            out.set_origins(origins);
            return Ok(Cut::None);
        }
        if **out.origins() == *origins {
            return Ok(Cut::None);
        }
        self.held.set_origins(origins);
        out.move_unit(mark, &mut self.held)?;
        Ok(Cut::Before)
    }
}
