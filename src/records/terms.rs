//! Terms: within one, everything that was acknowledged is here. A promotion begins another; what is loaded belongs to
//! none.

use std::sync::atomic::{AtomicU64, Ordering};

use record_store::{EpochId, Limits, View, Write};
use redis_context::{Context, ContextFlags, RedisStr};

use super::configs;
use crate::registry::REGISTRY;

static TERM: AtomicU64 = AtomicU64::new(1);

/// This server was promoted.
pub fn begin() {
    TERM.fetch_add(1, Ordering::Relaxed);
}

/// Milliseconds of Unix time.
pub fn now(ctx: &Context<'_>) -> u64 {
    u64::try_from(ctx.now().as_millis()).unwrap_or(u64::MAX)
}

/// How a client sees the store in a key of the selected database. One that somebody else decides on may be behind.
pub fn view(ctx: &Context<'_>, key: RedisStr<'_>) -> View {
    let is_followed =
        ctx.flags().contains(ContextFlags::REPLICA) || is_mirrored(ctx, ctx.selected_db(), key.as_bytes());
    View { now: now(ctx), term: (!is_followed).then(|| TERM.load(Ordering::Relaxed)) }
}

/// Whether a mirror of this server writes the key: what ends there, its source says.
pub fn is_mirrored(ctx: &Context<'_>, db: u32, key: &[u8]) -> bool {
    let Ok(registry) = REGISTRY.try_borrow(ctx) else { return false };
    registry.mirrors.iter().any(|mirror| mirror.scope.contains(db, key))
}

/// Runs something with what a write needs to know.
pub fn with_write<R>(ctx: &Context<'_>, act: impl FnOnce(&Write<'_>) -> R) -> R {
    let limits: Limits = configs::limits();
    let fresh_epoch = || fresh_epoch(ctx);
    let term = TERM.load(Ordering::Relaxed);
    act(&Write { now: now(ctx), term, fresh_epoch: &fresh_epoch, limits: &limits })
}

fn fresh_epoch(ctx: &Context<'_>) -> EpochId {
    loop {
        let mut bits = [0; 8];
        ctx.random_bytes(&mut bits);
        if let Some(id) = EpochId::new(u64::from_ne_bytes(bits)) {
            return id;
        }
    }
}
