//! Serialized values: those of a snapshot, and those that RESTORE brings in the stream.

use redis_replica::rdb::{self, Defect, Entry, Kind, Rejected};

use super::counters::Loss;
use super::records;
use super::step::{Outcome, Step};
use super::{PlanError, Planner};
use crate::args::{Args, integer, is_word};
use crate::batch::{Batch, BatchFull, OpKind, Place};
use crate::command::{KeyArgs, row};

impl Planner {
    /// Plans a key of a snapshot: a string as it is, any other value as a payload that this server's RESTORE takes. What
    /// is lost on the way is counted and the key named. Nothing is appended for keys out of scope, and for values that can't be
    /// had here: those of other modules, and record stores that are damaged or too large.
    pub fn snapshot_entry(&mut self, entry: &Entry<'_>, out: &mut Batch) -> Result<(), PlanError> {
        let Some(db) = self.scope.map_db(entry.db).filter(|_| self.scope.takes(&entry.key)) else {
            self.counters.snapshot_filtered += 1;
            return Ok(());
        };
        let place = Place { db, source_db: entry.db, offset: 0 };
        let mark = out.mark();
        self.load(entry, place, out).inspect_err(|_| out.rewind(mark))?;
        if out.ops_since(mark).is_empty() {
            out.rewind(mark);
            return Ok(());
        }
        self.counters.snapshot_keys += 1;
        out.end_unit(entry.db, 0);
        if out.origins().is_empty() {
            out.set_origins(self.plain_origins.clone());
        }
        Ok(())
    }

    /// Notes a key of a snapshot whose value breaks a rule of its format or is beyond a limit. It is not applied: the
    /// key is not what it is at the source.
    pub fn snapshot_rejected(&mut self, rejected: &Rejected<'_>) {
        match self.scope.map_db(rejected.db).filter(|_| self.scope.takes(&rejected.key)) {
            Some(db) => self.counters.lose(db, self.scope.rename(&rejected.key), rejected.defect.into()),
            None => self.counters.snapshot_filtered += 1,
        }
    }

    /// Plans that the source has no such key (a fetch said so): it goes here too.
    pub fn absent(&mut self, source_db: u32, key: &[u8], out: &mut Batch) -> Result<(), PlanError> {
        let Some(db) = self.scope.map_db(source_db).filter(|_| self.scope.takes(key)) else { return Ok(()) };
        let mark = out.mark();
        let (front, back) = self.scope.rename(key);
        out.push_joined(front, back)?;
        out.push_op(mark, OpKind::Call, Some(row("unlink")), Place { db, source_db, offset: 0 });
        out.end_unit(source_db, 0);
        Ok(())
    }

    /// Plans that the source's value can't be had or used (a fetch said so): the key goes here, and is named.
    pub fn left_out(
        &mut self,
        source_db: u32,
        key: &[u8],
        loss: Loss,
        out: &mut Batch,
    ) -> Result<(), PlanError> {
        if let Some(db) = self.scope.map_db(source_db).filter(|_| self.scope.takes(key)) {
            self.counters.lose(db, self.scope.rename(key), loss);
        }
        self.absent(source_db, key, out)
    }

    fn load(&mut self, entry: &Entry<'_>, place: Place, out: &mut Batch) -> Result<(), BatchFull> {
        let mark = out.mark();
        let key = self.scope.rename(&entry.key);
        let expire_at_ms = entry.expire_at_ms;
        // A payload of another module's type would reach that module's own parser unchecked.
        if entry.object.kind() == Kind::Module
            && let Err(loss) = records::check_value(&entry.object, self.limits)
        {
            self.counters.lose(place.db, key, loss);
            return Ok(());
        }
        out.push_joined(key.0, key.1)?;
        if let Some(text) = entry.object.string() {
            out.push_arg(&text)?;
            out.push_op(mark, OpKind::LoadString { expire_at_ms }, None, place);
            return Ok(());
        }
        let target = self.local.target();
        match out.push_written(|bytes| entry.object.payload_for(target, bytes))? {
            Ok(losses) => {
                losses.into_iter().for_each(|loss| self.counters.lose(place.db, key, loss.into()));
                out.push_op(mark, OpKind::LoadRestore { expire_at_ms }, None, place);
            }
            Err(_) => self.counters.lose(place.db, key, Loss::ModuleValue),
        }
        Ok(())
    }
}

impl From<Defect> for Loss {
    fn from(defect: Defect) -> Loss {
        match defect {
            Defect::Limit { what, got, limit } => Loss::TooLarge { what, got, limit },
            _ => Loss::Malformed,
        }
    }
}

impl From<rdb::Loss> for Loss {
    fn from(loss: rdb::Loss) -> Loss {
        match loss {
            rdb::Loss::FieldTtl(_) => Loss::FieldExpiry,
            rdb::Loss::StreamIdempotency(_) => Loss::StreamIdempotency,
            _ => Loss::StreamDetails,
        }
    }
}

/// What a RESTORE says beside its payload.
struct RestoreOptions {
    absolute: bool,
}

impl<A: Args + ?Sized> Step<'_, A> {
    /// `RESTORE key ttl payload [REPLACE] [ABSTTL] [IDLETIME s] [FREQ n]`. A payload that can't be proven well-formed
    /// never reaches this server: the key is fetched, which proves it again.
    pub(super) fn restore(&mut self, keys: KeyArgs) -> Outcome {
        let (Some(options), Some(family)) = (self.restore_options(), self.source_family) else {
            return self.refetch(keys);
        };
        let Some(expire_at_ms) = self.restore_expiry(&options) else { return self.refetch(keys) };
        let args = self.args;
        let Ok(object) = self.validator.dump(args.arg(2), family) else { return self.refetch(keys) };
        if object.kind() == Kind::Module {
            match records::check_value(&object, self.limits) {
                Ok(()) => {}
                Err(Loss::ModuleValue) => return self.lose(Loss::ModuleValue),
                Err(_) => return self.refetch(keys),
            }
        }
        self.put_key(0)?;
        if let Some(text) = object.string() {
            self.out.push_arg(&text)?;
            return self.emit(OpKind::SetString { expire_at_ms }, None);
        }
        let target = self.local.target();
        match self.out.push_written(|bytes| object.payload_for(target, bytes))? {
            Ok(losses) => {
                losses.into_iter().try_for_each(|loss| self.lose(loss.into()).map(|_| ()))?;
                self.emit(OpKind::LoadRestore { expire_at_ms }, None)
            }
            Err(_) => {
                self.out.rewind(self.mark);
                self.lose(Loss::ModuleValue)
            }
        }
    }

    fn restore_options(&self) -> Option<RestoreOptions> {
        let (mut at, mut absolute) = (3, false);
        while at < self.args.arg_count() {
            at += match () {
                () if is_word(&self.args, at, "REPLACE") => 1,
                () if is_word(&self.args, at, "ABSTTL") => {
                    absolute = true;
                    1
                }
                () if is_word(&self.args, at, "IDLETIME") || is_word(&self.args, at, "FREQ") => 2,
                () => return None,
            };
        }
        Some(RestoreOptions { absolute })
    }

    /// The outer `None`: no number, or relative to a clock that isn't known.
    fn restore_expiry(&self, options: &RestoreOptions) -> Option<Option<u64>> {
        let ttl = integer(self.args.arg(1)).and_then(|ttl| u64::try_from(ttl).ok())?;
        match (ttl, options.absolute) {
            (0, _) => Some(None),
            (at, true) => Some(Some(at)),
            (ttl, false) => self.now_ms?.checked_add(ttl).map(Some),
        }
    }
}
