//! The server's event loop: waking it from other threads, handing it jobs, watching file descriptors.
//!
//! ```text
//! any thread     Waker::wake ----------.            MainThread::post ---.
//!                                      v                                v
//! event loop   [AFTER_SLEEP: jobs] -> [file events] -> [BEFORE_SLEEP: watchers] -> [sleep]
//! ```
//!
//! File events also fire in the middle of a busy script and of a load, when the module must do nothing. So
//! the callbacks given to the server only take notes; jobs and watchers run in the EventLoop server event,
//! which never fires there.

mod post;
mod wake;
mod watch;

use std::ffi::{c_int, c_void};
use std::os::fd::RawFd;

use redis_module::raw;

use crate::api::required;
use crate::context::Context;
use crate::error::Error;
use crate::thread::{is_child, is_main};

pub use post::{MainThread, POSTED_JOBS_MAX, QueueFull};
pub use wake::Waker;
pub use watch::{FdWatcher, Readiness};

/// Has the server forget what a module watches whose load has failed: no server does, and it would call code that
/// is gone. The descriptors stay open, for the module may still have them.
pub(crate) fn abandon(ctx: &Context<'_>) {
    for (fd, mask) in wake::abandon(ctx).into_iter().chain(watch::abandon(ctx)) {
        // SAFETY: R26: OnLoad is running: the main thread.
        unsafe { forget(fd, mask) };
    }
    post::abandon(ctx);
}

/// Has the server watch a file descriptor.
///
/// # Safety
/// `data` is what `callback` expects, until the descriptor is forgotten again; the descriptor stays open
/// as long. Main thread only.
unsafe fn add(
    fd: RawFd,
    mask: u32,
    callback: unsafe extern "C" fn(c_int, *mut c_void, c_int),
    data: *mut c_void,
) -> Result<(), Error> {
    if !is_main() {
        return Err(Error::Refused {
            function: "RedisModule_EventLoopAdd",
            reason: "only the main thread changes what it watches",
        });
    }
    let add = required!(RedisModule_EventLoopAdd);
    // SAFETY: R26: the caller's promise.
    let status = unsafe { add(fd, mask as c_int, Some(callback), data) };
    if status == raw::REDISMODULE_OK as c_int {
        return Ok(());
    }
    let errno = std::io::Error::last_os_error().raw_os_error().unwrap_or(0);
    Err(Error::Os { call: "RedisModule_EventLoopAdd", errno })
}

/// Has the server forget a file descriptor.
///
/// # Safety
/// Main thread, or one that holds the server's lock.
unsafe fn forget(fd: RawFd, mask: u32) {
    // A child has the server's epoll, and would have the server itself forget it.
    if is_child() {
        return;
    }
    let forget = required!(RedisModule_EventLoopDel);
    // SAFETY: R26: a descriptor that is not watched is a no-op.
    unsafe { forget(fd, mask as c_int) };
}
