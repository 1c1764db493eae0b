//! The client that is being freed while its `on_disconnect` runs.
//!
//! The server has looked for it among the clients to close by then (`freeClient`, networking.c): put there once more, it
//! would be freed twice.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::api::required;
use crate::context::{BlockedContext, Context};

/// Its id; 0, which no client has, when there is none.
static CLIENT: AtomicU64 = AtomicU64::new(0);

/// A client is leaving until this is dropped.
pub(crate) struct Leaving {
    outer: u64,
}

impl Leaving {
    pub(super) fn begin(ctx: &BlockedContext<'_>) -> Self {
        let id = required!(RedisModule_GetClientId);
        // SAFETY: R28: the context of a blocked client's callback, whose client is still there.
        Self::of(unsafe { id(Context::as_ptr(ctx)) })
    }

    /// The client of this id leaves, perhaps one that another module has blocked.
    pub(crate) fn of(client: u64) -> Self {
        // Written by one thread at a time, the one that holds the server's lock.
        Self { outer: CLIENT.swap(client, Ordering::Relaxed) }
    }
}

impl Drop for Leaving {
    fn drop(&mut self) {
        CLIENT.store(self.outer, Ordering::Relaxed);
    }
}

/// The client whose `on_disconnect` runs; 0 for none.
pub(crate) fn leaving_client() -> u64 {
    CLIENT.load(Ordering::Relaxed)
}

/// Whether this is the client whose `on_disconnect` runs.
pub(crate) fn is_leaving(client: u64) -> bool {
    client != 0 && leaving_client() == client
}
