//! Commands outside the table.

use super::step::Planned;
use super::{PlanError, Planner};
use crate::args::Args;
use crate::batch::{Batch, OpKind, Place, ResyncReason};
use crate::command::{RefusedReason, refused};

impl Planner {
    pub(super) fn outside_the_table<A: Args + ?Sized>(
        &mut self,
        place: Place,
        args: &A,
        out: &mut Batch,
    ) -> Result<Planned, PlanError> {
        let name = args.arg(0);
        if name.eq_ignore_ascii_case(b"MIRROR.CHECKPOINT") {
            return self.note_origins(args);
        }
        if name.get(..7).is_some_and(|front| front.eq_ignore_ascii_case(b"MIRROR.")) {
            return Ok(Planned::Nothing);
        }
        let reason = refused(name);
        if reason == RefusedReason::SlotRemoval {
            out.push_op(out.mark(), OpKind::Resync(ResyncReason::SlotRemoval), None, place);
        }
        Ok(Planned::Refused(reason))
    }
}
