//! Keys that are no longer this node's: who waits there is told.
//!
//! A slot that moves takes its keys with it, one by one, and each tells of itself by its deletion. A client that waits at
//! a key that is not there yet hears of nothing, so in a cluster it is looked now and then.

use std::cell::Cell;
use std::time::{Duration, Instant};

use redis_context::{
    CallError, CallFlags, Context, ContextFlags, Error, EventContext, MainCell, WriteContext,
};

use super::waiting::WAITING;

/// How often the slots of keys that are waited for are looked at.
const LOOK: Duration = Duration::from_secs(1);

static LOOKED: MainCell<Cell<Option<Instant>>> = MainCell::new(Cell::new(None));

/// Looks at the slots of all keys that are waited for, when it is time to.
pub fn look(ctx: &EventContext<'_>) -> Result<(), Error> {
    let is_due = LOOKED.borrow(ctx).get().is_none_or(|looked| looked.elapsed() >= LOOK);
    if !is_due || !ctx.flags().contains(ContextFlags::CLUSTER) || !is_anybody_waiting(ctx)? {
        return Ok(());
    }
    LOOKED.borrow(ctx).set(Some(Instant::now()));
    // Not a replica, nor in a pause: then slots don't move either.
    let Ok(ctx) = ctx.may_write_now() else { return Ok(()) };
    let places = WAITING.try_borrow(&ctx)?.as_ref().map_or_else(Vec::new, |waiting| waiting.places());
    for place in places {
        if !is_here(&ctx, &place.key)
            && let Some(waiting) = WAITING.try_borrow_mut(&ctx)?.as_mut()
        {
            waiting.fail_all(&place);
        }
    }
    Ok(())
}

fn is_anybody_waiting(ctx: &Context<'_>) -> Result<bool, Error> {
    Ok(WAITING.try_borrow(ctx)?.as_ref().is_some_and(|waiting| waiting.len() != 0))
}

/// A call is refused as a client's command is (`getNodeByQuery`, cluster.c); TYPE counts as no use of the key.
fn is_here(ctx: &WriteContext<'_>, key: &[u8]) -> bool {
    !matches!(ctx.call(c"type", CallFlags::empty(), &[key]), Err(CallError::NotMySlot))
}
