//! Walking over the keys of a database, a few at a time.

use std::ffi::{c_int, c_void};
use std::ops::ControlFlow;

use redis_module::raw;

use crate::api::required;
use crate::context::Context;
use crate::guard::guard;
use crate::key::{ReadKey, Walk, refuse_while_open};
use crate::string::RedisStr;

/// Where a walk over the keys stands. It may be kept between callbacks: keys that are there from the walk's
/// begin to its end are seen at least once, others perhaps; a key may be seen twice (as with SCAN).
pub struct ScanCursor(Cursor);

/// A cursor of the server's, for a walk of either kind.
pub(crate) struct Cursor {
    raw: *mut raw::RedisModuleScanCursor,
}

// SAFETY: R36: a block of memory with two numbers, which belongs to no thread; `&mut` keeps its users apart.
unsafe impl Send for Cursor {}

impl Cursor {
    pub(crate) fn new() -> Self {
        let create = required!(RedisModule_ScanCursorCreate);
        // SAFETY: R29: it allocates; freed by `drop`.
        Self { raw: unsafe { create() } }
    }

    pub(crate) fn restart(&mut self) {
        let restart = required!(RedisModule_ScanCursorRestart);
        // SAFETY: R29: a live cursor, and no step is running (`&mut`).
        unsafe { restart(self.raw) };
    }

    pub(crate) fn as_ptr(&mut self) -> *mut raw::RedisModuleScanCursor {
        self.raw
    }
}

impl Drop for Cursor {
    fn drop(&mut self) {
        let destroy = required!(RedisModule_ScanCursorDestroy);
        // SAFETY: R29: made by `new`, freed once.
        unsafe { destroy(self.raw) };
    }
}

/// What is left of a walk, over keys or over elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScanProgress {
    /// There may be more: step again.
    More,
    /// The walk is over. Further steps see nothing until the cursor is restarted.
    Done,
    /// The visitor broke off. What the same step had not shown yet is not shown later either: restart to
    /// see it.
    Stopped,
}

impl ScanProgress {
    /// Reads what the visitor and the server answered.
    pub(crate) fn of(flow: ControlFlow<()>, more: c_int) -> Self {
        match (flow, more) {
            (ControlFlow::Break(()), _) => Self::Stopped,
            (_, 0) => Self::Done,
            _ => Self::More,
        }
    }
}

impl ScanCursor {
    /// A cursor before the first key.
    pub fn new(_server: &Context<'_>) -> Self {
        Self(Cursor::new())
    }

    /// Begins again before the first key.
    pub fn restart(&mut self) {
        self.0.restart();
    }

    /// Takes one step in the selected database: shows a few keys (perhaps none) to `visit`, with the key
    /// opened for reading. Every step of a walk must have the same database selected.
    ///
    /// No other key can be opened and no command run in `visit` ([`crate::Error::KeyIsOpen`]): note the
    /// names and do it after the step.
    ///
    /// A panic in `visit` breaks the step off.
    ///
    /// # Panics
    /// If a key is open or another walk takes a step, which the callback's guard contains: reading a key that
    /// the walk shows may free the value under the other handle, and so would a change by it free the entry
    /// that the walk comes to next.
    #[track_caller]
    pub fn step(
        &mut self,
        ctx: &Context<'_>,
        visit: impl FnMut(&Context<'_>, RedisStr<'_>, Option<&ReadKey<'_>>) -> ControlFlow<()>,
    ) -> ScanProgress {
        assert!(refuse_while_open().is_ok(), "a key is open, or another walk takes a step");
        let mut step = Step { visit, flow: ControlFlow::Continue(()) };
        let (data, callback) = step.callback();
        let _walk = Walk::begin();
        let scan = required!(RedisModule_Scan);
        // SAFETY: R29: a live context and cursor; `data` outlives the call, which alone uses it.
        let more = unsafe { scan(ctx.as_ptr(), self.0.as_ptr(), callback, data) };
        ScanProgress::of(step.flow, more)
    }
}

struct Step<F> {
    visit: F,
    flow: ControlFlow<()>,
}

impl<F> Step<F>
where
    F: FnMut(&Context<'_>, RedisStr<'_>, Option<&ReadKey<'_>>) -> ControlFlow<()>,
{
    fn callback(&mut self) -> (*mut c_void, raw::RedisModuleScanCB) {
        ((&raw mut *self).cast(), Some(Self::scanned))
    }

    unsafe extern "C" fn scanned(
        ctx: *mut raw::RedisModuleCtx,
        name: *mut raw::RedisModuleString,
        key: *mut raw::RedisModuleKey,
        data: *mut c_void,
    ) {
        // SAFETY: R29: the `Step` of the call that is running, used by nobody else meanwhile.
        let step = unsafe { &mut *data.cast::<Self>() };
        if step.flow.is_break() {
            return;
        }
        step.flow = guard(
            "a walk over the keys",
            || ControlFlow::Break(()),
            || {
                // SAFETY: R29: what the server passes lives through this callback.
                let (ctx, name) = unsafe { (Context::from_raw(ctx), RedisStr::from_raw(name)) };
                let Some(name) = name else { return ControlFlow::Continue(()) };
                if key.is_null() {
                    return (step.visit)(&ctx, name, None);
                }
                // SAFETY: R20: the server opened it and closes it after this callback; `step` holds a
                // `Walk`.
                let key = unsafe { ReadKey::borrowed(key) };
                (step.visit)(&ctx, name, Some(&key))
            },
        );
    }
}
