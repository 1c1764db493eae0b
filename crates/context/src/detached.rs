//! A context for the callbacks that get none of their own: saving and loading a type, INFO.
//!
//! The context that the server makes for those (`RM_GetContextFromIO`) has no client, and opening a key with
//! it reads through NULL (module.c). A detached one has, so one is made while the module loads and kept.

use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use redis_module::raw;

use crate::api::required;
use crate::context::Context;

static DETACHED: AtomicPtr<raw::RedisModuleCtx> = AtomicPtr::new(ptr::null_mut());

/// Makes the context, once.
pub(crate) fn prepare(ctx: &Context<'_>) {
    if DETACHED.load(Ordering::Acquire).is_null() {
        let detach = required!(RedisModule_GetDetachedThreadSafeContext);
        // SAFETY: R27: a live context of this module; the new one is never freed.
        DETACHED.store(unsafe { detach(ctx.as_ptr()) }, Ordering::Release);
    }
}

/// Whether there is such a context.
pub(crate) fn is_prepared() -> bool {
    !DETACHED.load(Ordering::Acquire).is_null()
}

/// Gives the context up, because the module goes and the server frees what the context points to.
pub(crate) fn abandon() {
    let detached = DETACHED.swap(ptr::null_mut(), Ordering::AcqRel);
    let free = required!(RedisModule_FreeThreadSafeContext);
    if !detached.is_null() {
        // SAFETY: R27: made by `prepare`; nobody reaches it any more.
        unsafe { free(detached) };
    }
}

/// Runs `body` with the context. It panics, inside the callback's guard, if none was prepared.
///
/// # Safety
/// Main thread (or the one thread of a forked child), inside a callback of the server.
pub(crate) unsafe fn with<R>(body: impl for<'a> FnOnce(&'a Context<'a>) -> R) -> R {
    let raw = DETACHED.load(Ordering::Acquire);
    assert!(!raw.is_null(), "registered before a context was prepared");
    // SAFETY: R27: made by `prepare`, alive for ever.
    body(&unsafe { Context::from_raw(raw) })
}
