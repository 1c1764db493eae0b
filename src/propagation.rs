//! Whether anybody needs the commands that repeat what a slice has written.
//!
//! The server drops what nobody needs (`shouldPropagate`, server.c: no AOF, no replica, no backlog), but
//! only after the module has put each command together, which costs a small write about two fifths of its time
//! (a million SETs took 0.57 s with it and 0.32 s without).
//!
//! It is safe to leave that out exactly as long as no replica counts from an offset that has been told. A
//! replica's offset is fixed when the child that makes its snapshot is forked (`replicationSetupSlaveForFullResync`,
//! replication.c), and it can attach without a fork only to a backlog. So what was found is good until the
//! next fork, and the server fires an event at each. Roles and replicas that change are asked about as well. A slot that
//! moves to another node all at once is followed by what is propagated too, and INFO doesn't say so: nodes of a cluster
//! propagate always.

use std::cell::Cell;

use redis_context::{Context, ContextFlags, MainCell};

static FOUND: MainCell<Cell<Option<bool>>> = MainCell::new(Cell::new(None));

/// Whether effects must be propagated now. True when it can't be told.
pub fn is_needed(ctx: &Context<'_>) -> bool {
    // Save points count what was propagated (`server.dirty`): without it they would never be reached.
    if ctx.flags().intersects(ContextFlags::AOF | ContextFlags::RDB | ContextFlags::CLUSTER) {
        return true;
    }
    let found = FOUND.borrow(ctx);
    match found.get() {
        Some(needed) => needed,
        None => {
            let needed = has_followers(ctx);
            found.set(Some(needed));
            needed
        }
    }
}

/// What was found may be true no longer.
pub fn forget(ctx: &Context<'_>) {
    FOUND.borrow(ctx).set(None);
}

fn has_followers(ctx: &Context<'_>) -> bool {
    let Some(info) = ctx.server_info(c"replication") else { return true };
    let is_zero = |field| info.unsigned(field) == Some(0);
    !(is_zero(c"connected_slaves") && is_zero(c"repl_backlog_active"))
}
