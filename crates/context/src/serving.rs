//! Whether the server is in the middle of serving blocked clients.
//!
//! It then walks over the list of those that wait for a key, and calls this module from inside the walk
//! (`handleClientsBlockedOnKey`, blocked.c): what takes a client out of that list there frees the entry that
//! the walk reads next. So some commands are refused in the callbacks that may run inside it, and signals of
//! a client's own key are put off, which would make the walk endless.

use std::sync::atomic::{AtomicUsize, Ordering};

use redis_module::raw;

use crate::api::required;
use crate::context::Context;

/// How many callbacks run that the server may have called from inside such a walk.
static DEPTH: AtomicUsize = AtomicUsize::new(0);

/// A callback that may run inside such a walk.
pub(crate) struct Serving(());

impl Serving {
    #[inline]
    pub(crate) fn begin() -> Self {
        // Written by one thread at a time, the one that holds the server's lock.
        DEPTH.store(DEPTH.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        Self(())
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        DEPTH.store(DEPTH.load(Ordering::Relaxed) - 1, Ordering::Relaxed);
    }
}

#[inline]
pub(crate) fn is_serving() -> bool {
    DEPTH.load(Ordering::Relaxed) != 0
}

/// Whether a command could take blocked clients out of their lists: those that end a client's wait, those that change
/// users' rights, those that change the server's role, and scripts where they can call one of these (CLUSTER is allowed in scripts).
#[cold]
pub(crate) fn may_unblock(ctx: &Context<'_>, name: &[u8], first: Option<&[u8]>) -> bool {
    const ROLES: [&[u8]; 4] = [b"replicaof", b"slaveof", b"failover", b"cluster"];
    const SCRIPTS: [&[u8]; 6] = [b"eval", b"evalsha", b"eval_ro", b"evalsha_ro", b"fcall", b"fcall_ro"];
    let is = |command: &&[u8]| name.eq_ignore_ascii_case(command);
    // Those whose rights shrink may be closed at once.
    is(&&b"acl"[..])
        || is(&&b"client"[..]) && first.is_some_and(|first| first.eq_ignore_ascii_case(b"unblock"))
        || ROLES.iter().any(is)
        || SCRIPTS.iter().any(is) && is_cluster(ctx)
}

fn is_cluster(ctx: &Context<'_>) -> bool {
    let flags = required!(RedisModule_GetContextFlags);
    // SAFETY: R11: a live context.
    unsafe { flags(ctx.as_ptr()) }.cast_unsigned() & raw::REDISMODULE_CTX_FLAGS_CLUSTER != 0
}
