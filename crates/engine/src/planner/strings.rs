//! Strings and expiries. What reaches us has happened at the source: conditions (NX, XX, IFEQ ..) are dropped, so that
//! the effect doesn't depend on them a second time, and relative times become absolute.

use super::step::{Outcome, Planned, Step};
use crate::args::{Args, is_word};
use crate::batch::OpKind;
use crate::command::{Base, KeyArgs, Unit, row};

/// How a SET treats the key's expiry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lifetime {
    None,
    Keep,
    Until(u64),
}

impl<A: Args + ?Sized> Step<'_, A> {
    /// `SET key value [condition] [GET] [expiry]`.
    #[inline]
    pub(super) fn set(&mut self, keys: KeyArgs) -> Outcome {
        if self.args.arg_count() == 2 {
            return self.set_string(0, 1, None);
        }
        match self.lifetime(2) {
            Some(Lifetime::None) => self.set_string(0, 1, None),
            Some(Lifetime::Until(ms)) => self.set_string(0, 1, Some(ms)),
            Some(Lifetime::Keep) => self.set_keeping_expiry(0, 1),
            None => self.refetch(keys),
        }
    }

    /// Reads SET's options from `at` on; `None` when one isn't known.
    fn lifetime(&self, mut at: usize) -> Option<Lifetime> {
        let mut lifetime = Lifetime::None;
        while at < self.args.arg_count() {
            if let Some(time) = self.time_option(at) {
                lifetime = Lifetime::Until(u64::try_from(time?).ok()?);
                at += 2;
                continue;
            }
            at += match self.args.arg(at).to_ascii_uppercase().as_slice() {
                b"KEEPTTL" => {
                    lifetime = Lifetime::Keep;
                    1
                }
                b"NX" | b"XX" | b"GET" => 1,
                b"IFEQ" | b"IFNE" | b"IFDEQ" | b"IFDNE" => 2,
                _ => return None,
            };
        }
        Some(lifetime)
    }

    #[inline]
    pub(super) fn set_string(&mut self, key: usize, value: usize, expire_at_ms: Option<u64>) -> Outcome {
        self.put_key(key)?;
        self.put(value)?;
        self.emit(OpKind::SetString { expire_at_ms }, Some(const { row("set") }))
    }

    fn set_keeping_expiry(&mut self, key: usize, value: usize) -> Outcome {
        self.put_key(key)?;
        self.put(value)?;
        self.out.push_arg(b"KEEPTTL")?;
        self.emit(OpKind::Call, Some(const { row("set") }))
    }

    /// `SETEX key time value`.
    pub(super) fn set_ex(&mut self, keys: KeyArgs, unit: Unit) -> Outcome {
        match self.time_ms(1, unit, Base::Now).and_then(|ms| u64::try_from(ms).ok()) {
            Some(ms) => self.set_string(0, 2, Some(ms)),
            None => self.refetch(keys),
        }
    }

    /// `MSETEX n key value .. [condition] [expiry]`, key by key: the unit keeps them together.
    pub(super) fn mset_ex(&mut self, keys: KeyArgs) -> Outcome {
        let Some(lifetime) = self.lifetime(1 + 2 * keys.len()) else { return self.refetch(keys) };
        let scope = self.scope;
        let args = self.args;
        for (key, _) in keys.iter().filter(|(key, _)| scope.takes(args.arg(*key))) {
            match lifetime {
                Lifetime::None => self.set_string(key, key + 1, None)?,
                Lifetime::Until(ms) => self.set_string(key, key + 1, Some(ms))?,
                Lifetime::Keep => self.set_keeping_expiry(key, key + 1)?,
            };
        }
        Ok(Planned::Done)
    }

    /// `EXPIRE key time [condition]` and its kin.
    pub(super) fn expire(&mut self, keys: KeyArgs, unit: Unit, base: Base) -> Outcome {
        match self.time_ms(1, unit, base) {
            Some(ms) => self.expire_first(ms),
            None => self.refetch(keys),
        }
    }

    /// A time that isn't after 1970 deletes (`expireGenericCommand`, expire.c).
    fn expire_first(&mut self, at_ms: i64) -> Outcome {
        match u64::try_from(at_ms) {
            Ok(ms) if ms > 0 => {
                self.put_key(0)?;
                self.out.push_number(ms)?;
                self.emit(OpKind::Call, Some(const { row("pexpireat") }))
            }
            _ => self.delete_first(),
        }
    }

    pub(super) fn delete_first(&mut self) -> Outcome {
        self.put_key(0)?;
        self.emit(OpKind::Call, Some(const { row("del") }))
    }

    /// `GETEX key [expiry | PERSIST]`: without an option it changes nothing.
    pub(super) fn get_ex(&mut self, keys: KeyArgs) -> Outcome {
        if self.args.arg_count() == 1 {
            return Ok(Planned::Nothing);
        }
        if is_word(&self.args, 1, "PERSIST") {
            self.put_key(0)?;
            return self.emit(OpKind::Call, Some(const { row("persist") }));
        }
        match self.time_option(1) {
            Some(Some(ms)) => self.expire_first(ms),
            _ => self.refetch(keys),
        }
    }

    pub(super) fn sort(&mut self, keys: KeyArgs) -> Outcome {
        let same_keyspace = self.scope.takes_every_key() && self.scope.keeps_names();
        if !same_keyspace && crate::command::sort_reads_patterns(&self.args) {
            return self.refetch(keys);
        }
        self.call(keys)
    }

    /// `BITOP operation destination key ..`.
    pub(super) fn bit_op(&mut self, keys: KeyArgs) -> Outcome {
        let old = ["AND", "OR", "XOR", "NOT"].iter().any(|word| is_word(&self.args, 0, word));
        if old || self.local.has_bitop_differences() { self.call(keys) } else { self.refetch(keys) }
    }

    pub(super) fn geo_search_store(&mut self, keys: KeyArgs) -> Outcome {
        let polygon = (2..self.args.arg_count()).any(|at| is_word(&self.args, at, "BYPOLYGON"));
        if !polygon || self.local.has_polygons() { self.call(keys) } else { self.refetch(keys) }
    }
}
