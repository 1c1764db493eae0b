//! The one place where a panic stops: every `extern "C"` function of this crate runs its body here.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::log::{LogLevel, log_fmt};

/// Whether nothing of the module has run since it was loaded.
static FRESH: AtomicBool = AtomicBool::new(false);

/// The module was loaded just now.
pub(crate) fn begin_fresh() {
    FRESH.store(true, Ordering::Relaxed);
}

/// Whether the module was loaded just now, and nothing of it has run since.
pub(crate) fn is_fresh() -> bool {
    FRESH.load(Ordering::Relaxed)
}

/// Runs `body`; if it panics, logs `what` and returns what `fallback` makes.
///
/// The state that `body` touched may be half-changed: `MainCell` borrows are released by unwinding,
/// owned values are dropped, and nothing else is shared.
#[inline]
pub(crate) fn guard<R>(what: &'static str, fallback: impl FnOnce() -> R, body: impl FnOnce() -> R) -> R {
    FRESH.store(false, Ordering::Relaxed);
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(result) => result,
        Err(payload) => {
            caught(what, payload);
            fallback()
        }
    }
}

/// Drops what may hold values of the module's, whose own `drop` may panic.
pub(crate) fn drop_guarded<T>(value: T) {
    guard("a drop", || (), || drop(value));
}

#[cold]
fn caught(what: &'static str, payload: Box<dyn Any + Send>) {
    discard(payload);
    log_fmt(LogLevel::Warning, format_args!("a panic was caught in {what}; the server carries on"));
}

/// Drops a panic's payload, whose own `drop` may panic in turn.
fn discard(payload: Box<dyn Any + Send>) {
    if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        std::mem::forget(second);
    }
}

/// Sends panics to the server's log. The default hook writes to stderr and, with `RUST_BACKTRACE=1`,
/// opens files through libc, which aborts Debian's Valkey (its libc and its modules have two
/// allocators): this one takes no backtrace.
pub(crate) fn install_panic_hook() {
    std::panic::set_hook(Box::new(|info| {
        let message = message(info.payload());
        match info.location() {
            Some(at) => log_fmt(
                LogLevel::Warning,
                format_args!("panic at {}:{}:{}: {message}", at.file(), at.line(), at.column()),
            ),
            None => log_fmt(LogLevel::Warning, format_args!("panic: {message}")),
        }
    }));
}

fn message(payload: &dyn Any) -> &str {
    if let Some(text) = payload.downcast_ref::<&'static str>() {
        text
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text
    } else {
        "no message"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(not(miri))]
    struct DropPanics;
    #[cfg(not(miri))]
    impl Drop for DropPanics {
        fn drop(&mut self) {
            panic!("second");
        }
    }

    #[test]
    fn a_panic_becomes_the_fallback() {
        assert_eq!(guard("a test", || 7, || panic!("first")), 7);
        assert_eq!(guard("a test", || 7, || 8), 8);
    }

    /// Not under Miri, which finds that the second payload is never freed: dropping that one might panic, too.
    #[cfg(not(miri))]
    #[test]
    fn a_payload_that_panics_on_drop_is_contained() {
        assert_eq!(guard("a test", || 7, || std::panic::panic_any(DropPanics)), 7);
    }
}
