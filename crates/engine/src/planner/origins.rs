//! Units that other mirrors have passed on: applied, dropped, or refused because mirrors feed each other.

use std::sync::Arc;

use super::step::Planned;
use super::{Cut, ORIGINS_MAX, PlanError, Planner};
use crate::args::{Args, Tail};
use crate::batch::{Batch, KeyUses, Mark, Op, OpKind, Place};
use crate::checkpoint;
use crate::command::RefusedReason;
use crate::origins::Origin;

impl Planner {
    /// Reads a checkpoint of the source's own mirrors for the origins of its unit.
    pub(super) fn note_origins<A: Args + ?Sized>(&mut self, args: &A) -> Result<Planned, PlanError> {
        let Some(unit) = &mut self.unit else { return Ok(Planned::Nothing) };
        let Ok(origins) = checkpoint::read_origins(&Tail(args)) else {
            return Ok(Planned::Refused(RefusedReason::Malformed));
        };
        for origin in origins {
            if !unit.origins.contains(&origin) {
                unit.origins.push(origin);
            }
        }
        if unit.origins.len() >= ORIGINS_MAX { Err(PlanError::TooManyOrigins) } else { Ok(Planned::Nothing) }
    }

    /// Ends a unit that brought its origins along. Nothing of it stays in the batch if it is refused.
    pub(super) fn end_foreign_unit(
        &mut self,
        mark: Mark,
        mut origins: Vec<Origin>,
        place: Place,
        out: &mut Batch,
    ) -> Result<Cut, PlanError> {
        self.judge_origins(mark, &mut origins, out).inspect_err(|_| out.rewind(mark))?;
        if out.ops_since(mark).is_empty() {
            self.counters.looped_units += 1;
            out.push_position(place);
            return Ok(Cut::None);
        }
        out.end_unit(place.source_db, place.offset);
        let here =
            self.plain_origins.iter().filter(|origin| !origins.contains(origin)).cloned().collect::<Vec<_>>();
        origins.extend(here);
        self.place_unit(mark, Arc::from(origins), out)
    }

    /// Takes those operations out whose effect is here already: they passed through this server under the very names
    /// that they would have here now. Under other names they are effects of their own, but only once: what comes back
    /// under ever new names would never end.
    fn judge_origins(
        &mut self,
        mark: Mark,
        origins: &mut [Origin],
        out: &mut Batch,
    ) -> Result<(), PlanError> {
        for origin in origins.iter_mut() {
            origin.pass(self.scope.key_map()).map_err(|_| PlanError::TooManyOrigins)?;
        }
        let mut visits = 0;
        for origin in origins.iter().filter(|origin| self.own.contains(&origin.id)) {
            visits += 1;
            if origin.may_be_unmoved() {
                out.retain_since(mark, |op, uses| !is_unmoved(origin, op, uses));
            }
        }
        let feeds = visits > 1 && !out.ops_since(mark).is_empty();
        if feeds { Err(PlanError::MirrorsFeedEachOther) } else { Ok(()) }
    }
}

/// Whether an operation is about names that are what they were at their origin, all of them.
fn is_unmoved(origin: &Origin, op: &Op, mut uses: KeyUses<'_>) -> bool {
    match op.kind {
        OpKind::SwapDb { a, b } => origin.is_unmoved_in(a) && origin.is_unmoved_in(b),
        OpKind::Resync(_) => origin.moved.is_none(),
        _ => origin.is_unmoved_in(op.db) && uses.all(|used| origin.is_unmoved_in(used.db)),
    }
}
