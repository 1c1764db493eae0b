//! Which life of the module this is.
//!
//! Its code may stay in memory after an unload, or a load that failed (a thread-local's destructor keeps it), and be
//! loaded again. A static may then hold a handle of something that the server has forgotten, or given to another: a
//! handle remembers the life it was made in.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::Error;

static LIVES: AtomicU64 = AtomicU64::new(0);

/// From one load of the module to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Life(u64);

impl Life {
    /// The module is loaded, perhaps once more.
    pub(crate) fn begin() {
        LIVES.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn now() -> Self {
        Self(LIVES.load(Ordering::Relaxed))
    }

    /// Refuses a handle of an earlier life.
    #[inline]
    pub(crate) fn check(self, what: &'static str) -> Result<(), Error> {
        if self == Self::now() { Ok(()) } else { Err(stale(what)) }
    }
}

#[cold]
fn stale(what: &'static str) -> Error {
    Error::Refused {
        function: what,
        reason: "it is of the time before this module was loaded again: make it anew",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_of_an_earlier_life_is_refused() {
        let life = Life::now();
        assert_eq!(life.check("a handle"), Ok(()));
        Life::begin();
        assert!(life.check("a handle").is_err());
    }
}
