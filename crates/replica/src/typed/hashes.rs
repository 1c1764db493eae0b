//! Commands about hashes.

use super::cursor::{Cursor, Read};
use super::options::{Conditions, Expiry, PRESENCE, Presence, Time, expire_time, take_expiry};
use super::words::{Element, Items};

/// A command about hashes (t_hash.c of Redis 8.6 and Valkey 9.1).
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum HashCommand<'a> {
    /// `HSET key field value ..`, `HMSET`. Ends the fields' expiry.
    Set {
        /// The key.
        key: &'a [u8],
        /// Fields and their values.
        fields: Items<'a, (&'a [u8], &'a [u8])>,
    },
    /// `HSETNX key field value`: only if the field is not there.
    SetIfAbsent {
        /// The key.
        key: &'a [u8],
        /// The field.
        field: &'a [u8],
        /// Its value.
        value: &'a [u8],
    },
    /// `HSETEX key [NX|XX] [FNX|FXX] [expiry|KEEPTTL] FIELDS count field value ..` (Redis 8.0, Valkey 9.0).
    SetExpiring {
        /// The key.
        key: &'a [u8],
        /// `NX`, `XX`: what must hold of the key (Valkey 9.1).
        key_condition: Option<Presence>,
        /// `FNX`, `FXX`: what must hold of all fields.
        condition: Option<Presence>,
        /// Of each field.
        expiry: Expiry,
        /// Fields and their values.
        fields: Items<'a, (&'a [u8], &'a [u8])>,
    },
    /// `HDEL key field ..`, and `HGETDEL key FIELDS count field ..` (Redis 8.0, Valkey 9.1), which sources replicate as
    /// `HDEL`. Also how sources tell that fields have expired.
    Delete {
        /// The key.
        key: &'a [u8],
        /// The fields.
        fields: Items<'a, &'a [u8]>,
    },
    /// `HINCRBY key field n`. Leaves the field's expiry.
    IncrBy {
        /// The key.
        key: &'a [u8],
        /// The field.
        field: &'a [u8],
        /// What is added.
        by: i64,
    },
    /// `HINCRBYFLOAT key field n`. Sources replicate it as `HSET`, because they calculate in `long double`.
    IncrByFloat {
        /// The key.
        key: &'a [u8],
        /// The field.
        field: &'a [u8],
        /// What is added, as near as an `f64` comes.
        by: f64,
    },
    /// `HEXPIRE`, `HPEXPIRE`, `HEXPIREAT`, `HPEXPIREAT`: `key time [NX|XX|GT|LT] FIELDS count field ..` (Redis 7.4, Valkey
    /// 9.0). Sources replicate them as `HPEXPIREAT`.
    Expire {
        /// The key.
        key: &'a [u8],
        /// When.
        time: Time,
        /// What must hold of a field's expiry; it may hold of some fields alone.
        conditions: Conditions,
        /// The fields.
        fields: Items<'a, &'a [u8]>,
    },
    /// `HPERSIST key FIELDS count field ..` (Redis 7.4, Valkey 9.0).
    Persist {
        /// The key.
        key: &'a [u8],
        /// The fields.
        fields: Items<'a, &'a [u8]>,
    },
    /// `HGETEX key [expiry|PERSIST] FIELDS count field ..` (Redis 8.0, Valkey 9.0). Sources replicate it as `HPEXPIREAT`,
    /// `HPERSIST` or `HDEL`.
    GetExpiring {
        /// The key.
        key: &'a [u8],
        /// Of each field.
        expiry: Expiry,
        /// The fields.
        fields: Items<'a, &'a [u8]>,
    },
}

/// The command, if it is one of this family.
pub(super) fn parse<'a>(mut from: Cursor<'a>) -> Read<Option<HashCommand<'a>>> {
    let from = &mut from;
    let command = match from.command() {
        "hset" | "hmset" => HashCommand::Set { key: from.key()?, fields: from.rest()? },
        "hsetnx" => HashCommand::SetIfAbsent {
            key: from.key()?,
            field: from.next("field")?,
            value: from.next("value")?,
        },
        "hsetex" => set_expiring(from)?,
        "hdel" => HashCommand::Delete { key: from.key()?, fields: from.rest()? },
        "hgetdel" => HashCommand::Delete { key: from.key()?, fields: fields(from, |_| Ok(false))? },
        "hincrby" => {
            HashCommand::IncrBy { key: from.key()?, field: from.next("field")?, by: from.int("increment")? }
        }
        "hincrbyfloat" => HashCommand::IncrByFloat {
            key: from.key()?,
            field: from.next("field")?,
            by: from.float("increment")?,
        },
        "hexpire" | "hpexpire" | "hexpireat" | "hpexpireat" => expire(from)?,
        "hpersist" => HashCommand::Persist { key: from.key()?, fields: fields(from, |_| Ok(false))? },
        "hgetex" => get_expiring(from)?,
        _ => return Ok(None),
    };
    from.end(Some(command))
}

/// `FIELDS count ..` among options that `option` takes, in any order, as Redis from 8.0 on allows.
fn fields<'a, T: Element<'a>>(
    from: &mut Cursor<'a>,
    mut option: impl FnMut(&mut Cursor<'a>) -> Read<bool>,
) -> Read<Items<'a, T>> {
    while from.left() > 0 {
        if from.take("FIELDS") {
            let found = from.counted()?;
            while option(from)? {}
            return from.end(found);
        }
        if !option(from)? {
            return Err(from.unexpected());
        }
    }
    from.next("FIELDS").and_then(|_| Err(from.unexpected()))
}

fn set_expiring<'a>(from: &mut Cursor<'a>) -> Read<HashCommand<'a>> {
    const FIELD_PRESENCE: [(&str, Presence); 2] = [("FNX", Presence::Absent), ("FXX", Presence::Present)];
    let (key, mut key_condition, mut condition, mut expiry) = (from.key()?, None, None, None);
    let fields = fields(from, |from| {
        if let Some(presence) = from.take_one(&FIELD_PRESENCE) {
            from.set(&mut condition, presence)?;
        } else if let Some(presence) = from.take_one(&PRESENCE) {
            from.set(&mut key_condition, presence)?;
        } else {
            return take_expiry(from, &mut expiry, ("KEEPTTL", Expiry::Keep));
        }
        Ok(true)
    })?;
    let expiry = expiry.unwrap_or(Expiry::Clear);
    Ok(HashCommand::SetExpiring { key, key_condition, condition, expiry, fields })
}

fn expire<'a>(from: &mut Cursor<'a>) -> Read<HashCommand<'a>> {
    let (key, time, mut conditions) = (from.key()?, expire_time(from)?, Conditions::default());
    let fields = fields(from, |from| conditions.take(from))?;
    Ok(HashCommand::Expire { key, time, conditions, fields })
}

fn get_expiring<'a>(from: &mut Cursor<'a>) -> Read<HashCommand<'a>> {
    let (key, mut expiry) = (from.key()?, None);
    let fields = fields(from, |from| take_expiry(from, &mut expiry, ("PERSIST", Expiry::Clear)))?;
    Ok(HashCommand::GetExpiring { key, expiry: expiry.unwrap_or(Expiry::Keep), fields })
}
