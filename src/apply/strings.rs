//! Strings that harm a server when somebody uses them as a HyperLogLog. In a snapshot they are found before the server
//! sees them; in the stream they may also be put together bit by bit.

use mirror_engine::{Batch, Op};
use redis_context::RedisString;
use redis_replica::rdb::check_string;

use super::ops::{self, Refusal, Writer};

/// How a sparse HyperLogLog begins (hyperloglog.c).
const SPARSE: &[u8; 5] = b"HYLL\x01";

/// Refuses a value that would harm: it is then fetched, and named as one that can't be held.
#[inline]
pub fn check(value: &[u8]) -> Result<(), Refusal> {
    if value.starts_with(SPARSE) { check_string(value).map_err(refusal) } else { Ok(()) }
}

/// Looks at what an operation has put together, and removes it if it would harm.
pub fn check_built(ctx: &Writer<'_, '_>, batch: &Batch, op: &Op) -> Result<(), Refusal> {
    let uses = batch.keys(op);
    for name in uses.clone().filter(|used| used.access.writes()).map(|used| uses.name(used)) {
        if let Err(defect) = check_key(ctx, name) {
            ops::call(ctx, c"unlink", &[name])?;
            return Err(defect);
        }
    }
    Ok(())
}

fn check_key(ctx: &Writer<'_, '_>, name: &[u8]) -> Result<(), Refusal> {
    let name = RedisString::new(name);
    let Ok(key) = ctx.open_read(&name) else { return Ok(()) };
    match key.string_prefix() {
        Ok(Some(prefix)) if prefix == *SPARSE => check(&key.string().unwrap_or_default().unwrap_or_default()),
        _ => Ok(()),
    }
}

fn refusal(defect: redis_replica::rdb::Defect) -> Refusal {
    Refusal::Refused(defect.to_string())
}
