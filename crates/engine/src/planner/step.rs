//! One command on its way into a batch.

use redis_replica::rdb::{Family, Validator};

use super::{Counters, LocalServer, Loss, PlanLimits};
use crate::args::{Args, Tail, integer};
use crate::batch::{Batch, BatchFull, Mark, OpKind, Place};
use crate::command::{Base, Command, KeyArgs, Keys, RefusedReason, Rule, Unit, row};
use crate::scope::Scope;

/// A command may put together this many keys here. The bytes of one that names more, or one large key over and over,
/// say nothing of its work; its result is fetched.
const READ_KEYS_MAX: usize = 256;

/// What became of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Planned {
    /// Operations were appended.
    Done,
    /// It has no effect in scope.
    Nothing,
    /// It was refused.
    Refused(RefusedReason),
}

pub(super) type Outcome = Result<Planned, BatchFull>;

/// A command, what it is judged by, and where its operations go.
pub(super) struct Step<'a, A: ?Sized> {
    pub command: &'static Command,
    pub args: Tail<'a, A>,
    pub scope: &'a Scope,
    pub local: &'a LocalServer,
    pub counters: &'a mut Counters,
    pub now_ms: Option<u64>,
    pub source_family: Option<Family>,
    pub validator: &'a mut Validator,
    pub limits: PlanLimits,
    /// Its db is the local one once [`Step::plan`] has looked it up.
    pub place: Place,
    /// Where the op that is being written begins.
    pub mark: Mark,
    pub out: &'a mut Batch,
}

impl<A: Args + ?Sized> Step<'_, A> {
    #[inline]
    pub(super) fn plan(mut self) -> Outcome {
        let Ok(keys) = self.command.keys(&self.args) else {
            return Ok(Planned::Refused(RefusedReason::Malformed));
        };
        match self.command.rule {
            Rule::Move => return self.move_between_dbs(),
            Rule::Copy => return self.copy(),
            Rule::SwapDb => return self.swap_dbs(),
            Rule::FlushDb => return self.flush_db(),
            Rule::FlushAll => return self.emit(OpKind::FlushAll, None),
            _ => {}
        }
        let Some(db) = self.scope.map_db(self.place.source_db) else { return Ok(Planned::Nothing) };
        self.place.db = db;
        if self.scope.takes_every_key() {
            return self.all_in_scope(keys);
        }
        self.judge_keys(keys)
    }

    fn judge_keys(&mut self, keys: KeyArgs) -> Outcome {
        if let Keys::First(access) = self.command.keys {
            let inside = access.writes() && self.scope.takes(self.args.arg(0));
            return if inside { self.all_in_scope(keys) } else { Ok(Planned::Nothing) };
        }
        let (mut inside, mut written_inside) = (0, false);
        for (at, access) in keys.iter() {
            if self.scope.takes(self.args.arg(at)) {
                inside += 1;
                written_inside |= access.writes();
            }
        }
        match written_inside {
            false => Ok(Planned::Nothing),
            true if inside == keys.len() => self.all_in_scope(keys),
            true => self.across(keys),
        }
    }

    #[inline]
    fn all_in_scope(&mut self, keys: KeyArgs) -> Outcome {
        match self.command.rule {
            Rule::Set => self.set(keys),
            Rule::HashSet => self.hash_set(),
            Rule::Plain => self.call(keys),
            Rule::SetValue => self.set_string(0, 1, None),
            rule => self.special(rule, keys),
        }
    }

    fn special(&mut self, rule: Rule, keys: KeyArgs) -> Outcome {
        if !keys.iter().any(|(_, access)| access.writes()) {
            return Ok(Planned::Nothing);
        }
        match rule {
            Rule::SetEx(unit) => self.set_ex(keys, unit),
            Rule::DeleteIf => self.delete_first(),
            Rule::MSet => self.call_as(const { row("mset") }, keys),
            Rule::MSetEx => self.mset_ex(keys),
            Rule::Rename => self.call_as(const { row("rename") }, keys),
            Rule::Sort => self.sort(keys),
            Rule::Expire(unit, base) => self.expire(keys, unit, base),
            Rule::GetEx => self.get_ex(keys),
            Rule::Restore => self.restore(keys),
            Rule::FieldExpire(unit, base) => self.field_expire(keys, unit, base),
            Rule::FieldPersist => self.field_persist(keys),
            Rule::HSetEx => self.hash_set_ex(keys),
            Rule::HGetDel => self.hash_get_del(keys),
            Rule::HGetEx => self.hash_get_ex(keys),
            Rule::StreamTrim => self.stream_trim(keys),
            Rule::StreamClaim => self.stream_claim(keys),
            Rule::XDelEx => self.stream_delete(keys),
            Rule::StreamIdempotency => self.stream_idempotency(keys),
            Rule::BitOp => self.bit_op(keys),
            Rule::GeoSearchStore => self.geo_search_store(keys),
            Rule::RecordCommit => self.record_commit(keys),
            Rule::Refetch => self.refetch(keys),
            _ => self.call(keys),
        }
    }

    /// The command as it is, its keys renamed; fetched instead where this server doesn't know it.
    #[inline]
    pub(super) fn call(&mut self, keys: KeyArgs) -> Outcome {
        if self.local.knows(self.command) && keys.read() <= READ_KEYS_MAX {
            return self.call_as(self.command, keys);
        }
        self.refetch(keys)
    }

    /// The same arguments under another name.
    #[inline]
    pub(super) fn call_as(&mut self, command: &'static Command, keys: KeyArgs) -> Outcome {
        let mut keys = keys.iter().map(|(at, _)| at).peekable();
        for at in 0..self.args.arg_count() {
            match keys.next_if_eq(&at) {
                Some(_) => self.put_key(at)?,
                None => self.out.push_arg(self.args.arg(at))?,
            }
        }
        self.emit(OpKind::Call, Some(command))
    }

    /// Writes the local name of the key at `at`.
    #[inline]
    pub(super) fn put_key(&mut self, at: usize) -> Result<(), BatchFull> {
        let (front, back) = self.scope.rename(self.args.arg(at));
        self.out.push_joined(front, back)
    }

    /// Writes the argument at `at`.
    #[inline]
    pub(super) fn put(&mut self, at: usize) -> Result<(), BatchFull> {
        self.out.push_arg(self.args.arg(at))
    }

    /// Writes the arguments from `at` on.
    pub(super) fn put_from(&mut self, at: usize) -> Result<(), BatchFull> {
        (at..self.args.arg_count()).try_for_each(|at| self.put(at))
    }

    /// Closes the op whose arguments were written.
    #[inline]
    pub(super) fn emit(&mut self, kind: OpKind, command: Option<&'static Command>) -> Outcome {
        self.out.push_op(self.mark, kind, command, self.place);
        self.mark = self.out.mark();
        Ok(Planned::Done)
    }

    /// Has the written keys in scope fetched from the source; arguments written so far are dropped.
    pub(super) fn refetch(&mut self, keys: KeyArgs) -> Outcome {
        self.out.rewind(self.mark);
        for (at, access) in keys.iter() {
            if access.writes() && self.scope.takes(self.args.arg(at)) {
                self.put_key(at)?;
                self.counters.refetched_keys += 1;
            }
        }
        self.emit(OpKind::Repair, Some(self.command))
    }

    /// Notes that the first key isn't exact here.
    pub(super) fn lose(&mut self, loss: Loss) -> Outcome {
        self.counters.lose(self.place.db, self.scope.rename(self.args.arg(0)), loss);
        Ok(Planned::Nothing)
    }

    /// Whether the source is a Redis before 7.0: only of such a one the clock is asked.
    pub(super) fn is_from_old_source(&self) -> bool {
        self.now_ms.is_some()
    }

    /// A time argument as Unix time in milliseconds; `None` when it is no number, or relative to a clock not known.
    pub(super) fn time_ms(&self, at: usize, unit: Unit, base: Base) -> Option<i64> {
        let time = integer(self.args.arg(at))?;
        let millis = match unit {
            Unit::Seconds => time.checked_mul(1000)?,
            Unit::Milliseconds => time,
        };
        match base {
            Base::Epoch => Some(millis),
            Base::Now => millis.checked_add(i64::try_from(self.now_ms?).ok()?),
        }
    }

    /// The time that an option such as EX or PXAT at `at` gives; the outer `None` when there is no such option.
    pub(super) fn time_option(&self, at: usize) -> Option<Option<i64>> {
        let (unit, base) = match self.args.arg(at).to_ascii_uppercase().as_slice() {
            b"EX" => (Unit::Seconds, Base::Now),
            b"PX" => (Unit::Milliseconds, Base::Now),
            b"EXAT" => (Unit::Seconds, Base::Epoch),
            b"PXAT" => (Unit::Milliseconds, Base::Epoch),
            _ => return None,
        };
        Some(self.time_ms(at + 1, unit, base))
    }
}
