//! A panic while one mirror is served ends that mirror: not the server, and not the other mirrors.
//!
//! What the panic interrupted is half done, so the position is given up, in the data's history too.

use std::panic::{AssertUnwindSafe, catch_unwind};

use redis_context::LogLevel;

use crate::mirror::Mirror;
use crate::registry::Registry;

/// Runs `act`; `None` if it panicked. The panic hook has logged it.
#[inline]
pub fn caught<R>(act: impl FnOnce() -> R) -> Option<R> {
    // Its own drop may panic in turn.
    catch_unwind(AssertUnwindSafe(act)).map_err(std::mem::forget).ok()
}

impl Mirror {
    /// Runs `act`; `None` if it panicked, and then the mirror has failed.
    #[inline]
    pub fn contain<R>(&mut self, what: &str, act: impl FnOnce(&mut Self) -> R) -> Option<R> {
        let outcome = caught(|| act(self));
        if outcome.is_none() {
            self.poison(what);
        }
        outcome
    }

    /// Stops the mirror until the user asks for a resync. Its link is ended by `supervise`.
    #[cold]
    pub fn poison(&mut self, what: &str) {
        let why = format!("internal error {what}: see the log; MIRROR.RESYNC starts the mirror again");
        redis_context::log(LogLevel::Warning, format!("mirror {}: {why}", self.name()));
        self.forget_position();
        self.loss_to_tell = true;
        self.waiters.fail_all(&why);
        self.failure = Some(why);
    }
}

impl Registry {
    /// Runs `act` on all of the state. If it panics, nobody knows which mirrors it left half-changed.
    pub fn contain(&mut self, what: &str, act: impl FnOnce(&mut Self)) {
        if caught(|| act(self)).is_none() {
            self.mirrors.iter_mut().for_each(|mirror| mirror.poison(what));
        }
    }

    /// A walk has panicked: the mirror that was being purged is no longer, and holds part of its keys.
    pub fn forget_walk(&mut self) {
        let Self { mirrors, jobs, .. } = self;
        for mirror in mirrors.iter_mut().filter(|mirror| mirror.is_dropping) {
            if !jobs.iter().any(|job| job.purges(&mirror.stored.definition.name)) {
                mirror.is_dropping = false;
                mirror.poison("while its keys were being purged");
            }
        }
    }
}
