//! Whether the server is in the middle of serving blocked clients.
//!
//! It then walks over the list of those that wait for a key, and calls this module from inside the walk
//! (`handleClientsBlockedOnKey`, blocked.c): what takes a client out of that list there frees the entry that
//! the walk reads next. So some commands are refused in the callbacks that may run inside it, and signals of
//! a client's own key are put off, which would make the walk endless.

use std::sync::atomic::{AtomicUsize, Ordering};

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
