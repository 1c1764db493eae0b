//! Work in a forked child, which has a copy of all data as it is at this moment.
//!
//! ```text
//! server   ctx.fork(child, done) --> ForkedChild --------------------------> done(ctx, end)
//!                    |                                                        ^
//! child              '--> child(ctx): reads, computes, writes files  -- exit -'
//! ```

use std::ffi::{c_int, c_void};
use std::ops::Deref;
use std::ptr;

use redis_module::raw;

use crate::api::required;
use crate::cell::MainCell;
use crate::context::{Context, WriteContext};
use crate::detached;
use crate::error::Error;
use crate::guard::guard;
use crate::module::Pin;
use crate::thread::is_main;

/// What a child exits with when its closure panicked, as Rust's programs do.
pub const EXIT_PANICKED: u8 = 101;

/// How a child has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ChildEnd {
    /// Its closure returned this; [`EXIT_PANICKED`] after a panic.
    Exited(u8),
    /// A signal killed it. SIGUSR1 also stands for the exit code 255, by which the server marks children it has ended.
    Killed(i32),
}

/// A child's view of the server: a copy that nobody else sees. It reads, and reports how far it is. Threads of the
/// module do not exist here, and a lock that one of them held when the child was made is never given back.
pub struct ChildContext<'cx>(Context<'cx>);

impl<'cx> Deref for ChildContext<'cx> {
    type Target = Context<'cx>;
    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl ChildContext<'_> {
    /// Tells the server how far the child is, from 0 to 1, and how much memory it has copied: INFO shows both
    /// (`current_fork_perc`, `current_cow_size`).
    pub fn heartbeat(&self, progress: f64) {
        let send = required!(RedisModule_SendChildHeartbeat);
        let progress = if progress.is_finite() { progress.clamp(0.0, 1.0) } else { 0.0 };
        // SAFETY: R50: in the child, which has the pipe to the server.
        unsafe { send(progress) };
    }
}

/// A child that runs. Dropping it changes nothing.
#[derive(Debug, PartialEq, Eq)]
pub struct ForkedChild {
    pid: c_int,
}

type Done = Box<dyn for<'cx> FnOnce(&Context<'cx>, ChildEnd)>;

/// The child that runs, and what is to be done at its end. The server knows one at a time.
static CHILD: MainCell<Option<(c_int, Done, Pin)>> = MainCell::new(None);

const ANOTHER: Error = Error::Refused {
    function: "RedisModule_Fork",
    reason: "another child is running (BGSAVE, BGREWRITEAOF, a replica's snapshot, a module's)",
};

impl WriteContext<'_> {
    /// Forks: `child` runs in a copy of the process, which then exits with what it returns (a panic:
    /// [`EXIT_PANICKED`]). `done` hears of its end on the main thread, at the next turn of the server's clock; not if
    /// the child was killed by [`ForkedChild::kill`] or by the server's shutdown.
    ///
    /// Memory is copied as either side changes it. While a child runs there is no BGSAVE and no rewrite of the AOF.
    ///
    /// # Errors
    /// [`Error::Refused`] if a child is running, of the server's or of any module; [`Error::Os`] if the system has no
    /// process to give. [`Error::Busy`] under the server's lock: only the main thread forks.
    pub fn fork(
        &self,
        child: impl for<'cx> FnOnce(&ChildContext<'cx>) -> u8 + 'static,
        done: impl for<'cx> FnOnce(&Context<'cx>, ChildEnd) + 'static,
    ) -> Result<ForkedChild, Error> {
        if !is_main() {
            return Err(Error::Busy);
        }
        detached::prepare(self);
        let fork = required!(RedisModule_Fork);
        // SAFETY: R50: the main thread; `child_ended` needs no data.
        match unsafe { fork(Some(child_ended), ptr::null_mut()) } {
            0 => run_child(self, child),
            -1 => Err(no_child()),
            pid => {
                // One that the server has ended by itself, as a shutdown does that then fails, may be there.
                drop(CHILD.replace(self, Some((pid, Box::new(done), Pin::new())))?);
                Ok(ForkedChild { pid })
            }
        }
    }
}

fn no_child() -> Error {
    match std::io::Error::last_os_error().raw_os_error() {
        Some(libc::EEXIST | libc::EALREADY) | None => ANOTHER,
        Some(errno) => Error::Os { call: "fork", errno },
    }
}

/// Runs the child's closure and exits, whatever it does.
fn run_child(ctx: &Context<'_>, child: impl for<'cx> FnOnce(&ChildContext<'cx>) -> u8) -> ! {
    // SAFETY: R50: the context of the callback that forked, which never returns here.
    let ctx = ChildContext(unsafe { Context::from_raw(ctx.as_ptr()) });
    let code = guard("a forked child", || EXIT_PANICKED, || child(&ctx));
    let exit = required!(RedisModule_ExitFromChild);
    // SAFETY: R50: in the child; it does not return.
    unsafe { exit(c_int::from(code)) };
    // SAFETY: R50: nor does this.
    unsafe { libc::_exit(c_int::from(EXIT_PANICKED)) }
}

impl ForkedChild {
    /// The child's process id.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Kills the child and waits for its end, unless it has ended: `true` if this is what ended it. Then `done` is
    /// dropped without being called.
    pub fn kill(self, ctx: &Context<'_>) -> bool {
        let kill = required!(RedisModule_KillForkChild);
        // SAFETY: R50: the server looks whether this is its child of a module.
        if unsafe { kill(self.pid) } != raw::REDISMODULE_OK as c_int {
            return false;
        }
        if let Ok(mut child) = CHILD.try_borrow_mut(ctx) {
            let killed = child.take_if(|(pid, ..)| *pid == self.pid);
            drop(child);
            drop(killed);
        }
        true
    }
}

unsafe extern "C" fn child_ended(code: c_int, signal: c_int, _data: *mut c_void) {
    let tell = |ctx: &Context<'_>| {
        let end = match (signal, u8::try_from(code)) {
            (0, Ok(code)) => ChildEnd::Exited(code),
            _ => ChildEnd::Killed(signal),
        };
        let child = CHILD.borrow_mut(ctx).take();
        if let Some((_, done, _pin)) = child {
            done(ctx, end);
        }
    };
    // SAFETY: R27: inside a callback of the server; `fork` has prepared the context.
    guard("the end of a forked child", || (), || unsafe { detached::with(tell) });
}
