//! Waking the event loop.

use std::ffi::{c_int, c_void};
use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;
use std::sync::Arc;

use redis_module::raw;

use super::add;
use crate::cell::MainCell;
use crate::context::Context;
use crate::error::Error;
use crate::module::Pin;

/// Wakes the server's event loop from any thread, by an eventfd. What is to be done is said elsewhere (a
/// queue of the module's own), and done in the EventLoop event.
///
/// Until [`Waker::drain`] is called the loop does not sleep at all: leave the waker undrained as long as
/// there is work for the next turn, and drain it before looking whether there is any. It lasts as long as
/// the process: dropping the last clone closes nothing, and a module that made one can't be unloaded.
#[derive(Clone)]
pub struct Waker {
    fd: Arc<Registered>,
}

/// Registered with the event loop for good: taking it off again must happen on the main thread, and a
/// clone may be dropped on any.
struct Registered(ManuallyDrop<OwnedFd>);

/// The descriptors of all wakers, none of which is ever closed; the server calls this module's code for them.
static WAKERS: MainCell<Vec<(RawFd, Pin)>> = MainCell::new(Vec::new());

/// What the server watches for wakers; they are forgotten.
pub(super) fn abandon(ctx: &Context<'_>) -> Vec<(RawFd, u32)> {
    let fds = WAKERS.take(ctx).unwrap_or_default();
    fds.into_iter().map(|(fd, _)| (fd, raw::REDISMODULE_EVENTLOOP_READABLE)).collect()
}

impl Waker {
    /// A waker, registered with the event loop.
    ///
    /// # Errors
    /// [`Error::Os`] if there is no file descriptor left, or the server's `maxclients` allows no more.
    pub fn new(main: &Context<'_>) -> Result<Self, Error> {
        // SAFETY: R26: it takes two numbers and returns a descriptor or -1.
        let fd = unsafe { libc::eventfd(0, libc::EFD_NONBLOCK | libc::EFD_CLOEXEC) };
        if fd < 0 {
            return Err(Error::Os { call: "eventfd", errno: last_errno() });
        }
        // SAFETY: R26: a new descriptor that nobody else has.
        let owned = unsafe { OwnedFd::from_raw_fd(fd) };
        // SAFETY: R26: the callback reads no data, and the descriptor is never closed once it is added.
        unsafe { add(fd, raw::REDISMODULE_EVENTLOOP_READABLE, woken, ptr::null_mut()) }?;
        WAKERS.borrow_mut(main).push((fd, Pin::new()));
        Ok(Self { fd: Arc::new(Registered(ManuallyDrop::new(owned))) })
    }

    /// Makes the event loop turn, now if it sleeps. From any thread; cheap when it is awake already.
    pub fn wake(&self) {
        let one: u64 = 1;
        // SAFETY: R26: eight bytes of our own into an open eventfd. It fails only when the counter is full,
        // and then the loop is awake.
        unsafe { libc::write(self.raw(), (&raw const one).cast(), size_of::<u64>()) };
    }

    /// Lets the event loop sleep again. Wakes that come later count anew.
    pub fn drain(&self, _main: &Context<'_>) {
        let mut count: u64 = 0;
        // SAFETY: R26: eight bytes of our own out of an open eventfd. It fails only when nobody woke it.
        unsafe { libc::read(self.raw(), (&raw mut count).cast(), size_of::<u64>()) };
    }

    fn raw(&self) -> c_int {
        self.fd.0.as_raw_fd()
    }
}

/// Waking is all there is to it.
unsafe extern "C" fn woken(_fd: c_int, _data: *mut c_void, _mask: c_int) {}

fn last_errno() -> i32 {
    io::Error::last_os_error().raw_os_error().unwrap_or(0)
}
