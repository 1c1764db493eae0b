//! Callbacks for what the module has beside its values.

use std::ffi::c_int;

use redis_module::raw;

use super::{DefragContext, DefragProgress};
use crate::api::{api, required};
use crate::cell::MainCell;
use crate::context::{Context, LoadContext};
use crate::detached;
use crate::error::Error;
use crate::guard::guard;

type Move = dyn for<'cx> Fn(&Context<'cx>, &mut DefragContext<'_>) -> DefragProgress;
type Note = dyn for<'cx> Fn(&Context<'cx>);

static MOVE: MainCell<Option<Box<Move>>> = MainCell::new(None);
static BEGIN: MainCell<Option<Box<Note>>> = MainCell::new(None);
static END: MainCell<Option<Box<Note>>> = MainCell::new(None);

impl LoadContext<'_> {
    /// Has `body` called once in each cycle of defragmentation, to move what belongs to no key: state in a
    /// [`MainCell`]. One for each module: a later one takes its place.
    ///
    /// From Redis 8.0 on it may stop when it is told to, and is called again ([`DefragContext::should_stop`]); on
    /// Valkey and older Redis it is not told to. The cycle may run while the server is inside a busy script or a
    /// load, and so inside a callback of this module that has called the server: borrow with
    /// [`MainCell::try_borrow_mut`], and leave what is in use for the next cycle.
    ///
    /// # Errors
    /// [`Error::Refused`] if the server refuses.
    pub fn on_defrag(
        &self,
        body: impl for<'cx> Fn(&Context<'cx>, &mut DefragContext<'_>) -> DefragProgress + 'static,
    ) -> Result<(), Error> {
        detached::prepare(self);
        MOVE.replace(self, Some(Box::new(body)))?;
        match api!(RedisModule_RegisterDefragFunc2, "Redis 8.0") {
            Ok(register) => {
                // SAFETY: R53, R12: OnLoad's context and a function of this module.
                accepted("RedisModule_RegisterDefragFunc2", unsafe { register(self.as_ptr(), Some(steps)) })
            }
            Err(_) => {
                let register = required!(RedisModule_RegisterDefragFunc);
                // SAFETY: R53, R12: as above.
                accepted("RedisModule_RegisterDefragFunc", unsafe { register(self.as_ptr(), Some(one_go)) })
            }
        }
    }

    /// Has `begin` and `end` called at the begin and the end of each cycle. Redis 8.0 on. One pair for each module:
    /// a later one takes its place.
    ///
    /// # Errors
    /// [`Error::Unsupported`] on Valkey and older Redis, [`Error::Refused`] if the server refuses.
    pub fn on_defrag_cycle(
        &self,
        begin: impl for<'cx> Fn(&Context<'cx>) + 'static,
        end: impl for<'cx> Fn(&Context<'cx>) + 'static,
    ) -> Result<(), Error> {
        let register = api!(RedisModule_RegisterDefragCallbacks, "Redis 8.0")?;
        detached::prepare(self);
        BEGIN.replace(self, Some(Box::new(begin)))?;
        END.replace(self, Some(Box::new(end)))?;
        // SAFETY: R53, R12: OnLoad's context and functions of this module.
        let status = unsafe { register(self.as_ptr(), Some(cycle_begins), Some(cycle_ends)) };
        accepted("RedisModule_RegisterDefragCallbacks", status)
    }
}

fn accepted(function: &'static str, status: c_int) -> Result<(), Error> {
    if status == raw::REDISMODULE_OK as c_int {
        Ok(())
    } else {
        Err(Error::Refused { function, reason: "no reason is given" })
    }
}

/// The module goes: should its code be loaded again, it has registered nothing.
pub(crate) fn abandon(ctx: &Context<'_>) {
    let _ = (MOVE.take(ctx), BEGIN.take(ctx), END.take(ctx));
}

unsafe extern "C" fn steps(raw: *mut raw::RedisModuleDefragCtx) -> c_int {
    guard(
        "a module's defragmentation",
        || 0,
        || {
            // SAFETY: R53: what the server passes to this callback.
            let mut defrag = unsafe { DefragContext::new(raw) };
            // SAFETY: R27, R53: the main thread, in a callback of the server.
            let progress = unsafe {
                detached::with(|ctx| match &*MOVE.borrow(ctx) {
                    Some(body) => body(ctx, &mut defrag),
                    None => DefragProgress::Done,
                })
            };
            defrag.finish(progress)
        },
    )
}

unsafe extern "C" fn one_go(raw: *mut raw::RedisModuleDefragCtx) {
    // SAFETY: R53: the caller's promise is the same one.
    unsafe { steps(raw) };
}

fn note(cell: &MainCell<Option<Box<Note>>>) {
    let body = || {
        // SAFETY: R27, R53: the main thread, in a callback of the server.
        unsafe {
            detached::with(|ctx| {
                if let Some(body) = &*cell.borrow(ctx) {
                    body(ctx);
                }
            });
        }
    };
    guard("a note of a defragmentation cycle", || (), body);
}

unsafe extern "C" fn cycle_begins(_: *mut raw::RedisModuleDefragCtx) {
    note(&BEGIN);
}

unsafe extern "C" fn cycle_ends(_: *mut raw::RedisModuleDefragCtx) {
    note(&END);
}
