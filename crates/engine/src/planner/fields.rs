//! Hashes, and fields that expire. Where this server has no expiry of fields it is a loss, reported with the key's
//! name; the field's end still comes, as the HDEL that the source sends then.

use super::Loss;
use super::step::{Outcome, Planned, Step};
use crate::args::{Args, integer, is_word};
use crate::batch::OpKind;
use crate::command::{Base, KeyArgs, Unit, row};

/// The fields part of a command: `FIELDS n item ..`.
struct Fields {
    /// Where FIELDS stands.
    word: usize,
}

impl Fields {
    fn items(&self) -> usize {
        self.word + 2
    }
}

impl<A: Args + ?Sized> Step<'_, A> {
    /// `HSET key field value ..`, `HMSET`.
    #[inline]
    pub(super) fn hash_set(&mut self) -> Outcome {
        if self.args.arg_count().is_multiple_of(2) {
            return Ok(Planned::Refused(crate::command::RefusedReason::Malformed));
        }
        self.put_key(0)?;
        self.put_from(1)?;
        self.emit(OpKind::HashSet, Some(const { row("hset") }))
    }

    /// `FIELDS n item ..` to the end, with `each` arguments per field, starting at `word`.
    fn fields(&self, word: usize, each: usize) -> Option<Fields> {
        let count = integer(self.args.arg(word + 1)).and_then(|count| usize::try_from(count).ok())?;
        let rest = self.args.arg_count().checked_sub(word + 2)?;
        let fits = count > 0 && count.checked_mul(each) == Some(rest);
        (fits && is_word(&self.args, word, "FIELDS")).then_some(Fields { word })
    }

    /// `HEXPIRE key time [condition] FIELDS n field ..` and its kin.
    pub(super) fn field_expire(&mut self, keys: KeyArgs, unit: Unit, base: Base) -> Outcome {
        let fields = self.fields(2, 1).or_else(|| self.fields(3, 1));
        let (Some(_), Some(ms)) = (fields, self.time_ms(1, unit, base)) else { return self.refetch(keys) };
        if !self.local.has_field_expiry() {
            return self.lose(Loss::FieldExpiry);
        }
        self.put_key(0)?;
        self.out.push_number(u64::try_from(ms).unwrap_or(0))?;
        self.put_from(2)?;
        self.emit(OpKind::Call, Some(const { row("hpexpireat") }))
    }

    pub(super) fn field_persist(&mut self, keys: KeyArgs) -> Outcome {
        if self.local.has_field_expiry() { self.call(keys) } else { Ok(Planned::Nothing) }
    }

    /// `HGETDEL key FIELDS n field ..`: for us an HDEL.
    pub(super) fn hash_get_del(&mut self, keys: KeyArgs) -> Outcome {
        let Some(fields) = self.fields(1, 1) else { return self.refetch(keys) };
        self.put_key(0)?;
        self.put_from(fields.items())?;
        self.emit(OpKind::Call, Some(const { row("hdel") }))
    }

    /// `HGETEX key [expiry | PERSIST] FIELDS n field ..`: without an option it changes nothing.
    pub(super) fn hash_get_ex(&mut self, keys: KeyArgs) -> Outcome {
        if is_word(&self.args, 1, "FIELDS") {
            return Ok(Planned::Nothing);
        }
        if is_word(&self.args, 1, "PERSIST") {
            return self.hash_get_persist(keys);
        }
        let (Some(Some(ms)), Some(fields)) = (self.time_option(1), self.fields(3, 1)) else {
            return self.refetch(keys);
        };
        if !self.local.has_field_expiry() {
            return self.lose(Loss::FieldExpiry);
        }
        self.expire_fields(ms, fields)
    }

    fn expire_fields(&mut self, at_ms: i64, fields: Fields) -> Outcome {
        self.put_key(0)?;
        self.out.push_number(u64::try_from(at_ms).unwrap_or(0))?;
        self.put_from(fields.word)?;
        self.emit(OpKind::Call, Some(const { row("hpexpireat") }))
    }

    fn hash_get_persist(&mut self, keys: KeyArgs) -> Outcome {
        let Some(fields) = self.fields(2, 1) else { return self.refetch(keys) };
        if !self.local.has_field_expiry() {
            return Ok(Planned::Nothing);
        }
        self.put_key(0)?;
        self.put_from(fields.word)?;
        self.emit(OpKind::Call, Some(const { row("hpersist") }))
    }

    /// `HSETEX key [condition] [expiry | KEEPTTL] FIELDS n field value ..`. It becomes HSET, which ends the fields'
    /// expiry, and HPEXPIREAT, which every server with expiring fields knows.
    pub(super) fn hash_set_ex(&mut self, keys: KeyArgs) -> Outcome {
        let (mut at, mut expiry, mut keep) = (1, None, false);
        while at < self.args.arg_count() && !is_word(&self.args, at, "FIELDS") {
            if let Some(time) = self.time_option(at) {
                let Some(ms) = time else { return self.refetch(keys) };
                expiry = Some(ms);
                at += 2;
                continue;
            }
            match self.args.arg(at).to_ascii_uppercase().as_slice() {
                b"KEEPTTL" => keep = true,
                b"NX" | b"XX" | b"FNX" | b"FXX" => {}
                _ => return self.refetch(keys),
            }
            at += 1;
        }
        let Some(fields) = self.fields(at, 2) else { return self.refetch(keys) };
        if keep && self.local.has_field_expiry() {
            return self.hash_set_keeping(keys, fields);
        }
        self.hash_set_then_expire(fields, expiry)
    }

    fn hash_set_keeping(&mut self, keys: KeyArgs, fields: Fields) -> Outcome {
        if !self.local.knows(const { row("hsetex") }) {
            return self.refetch(keys);
        }
        self.put_key(0)?;
        self.out.push_arg(b"KEEPTTL")?;
        self.put_from(fields.word)?;
        self.emit(OpKind::Call, Some(const { row("hsetex") }))
    }

    fn hash_set_then_expire(&mut self, fields: Fields, expiry: Option<i64>) -> Outcome {
        self.put_key(0)?;
        self.put_from(fields.items())?;
        self.emit(OpKind::HashSet, Some(const { row("hset") }))?;
        let Some(ms) = expiry else { return Ok(Planned::Done) };
        if !self.local.has_field_expiry() {
            self.lose(Loss::FieldExpiry)?;
            return Ok(Planned::Done);
        }
        let names: Vec<usize> = (fields.items()..self.args.arg_count()).step_by(2).collect();
        self.put_key(0)?;
        self.out.push_number(u64::try_from(ms).unwrap_or(0))?;
        self.out.push_arg(b"FIELDS")?;
        self.out.push_number(names.len() as u64)?;
        names.into_iter().try_for_each(|name| self.put(name))?;
        self.emit(OpKind::Call, Some(const { row("hpexpireat") }))
    }
}
