//! Threads beside the server's.

use std::cell::Cell;
use std::io;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicI32, Ordering};
use std::thread::{Builder, JoinHandle};

use crate::module::Pin;

thread_local! {
    /// Whether `spawn` has started this thread: then no callback of the server is beneath what runs on it.
    static IS_OURS: Cell<bool> = const { Cell::new(false) };
}

/// The thread whose number is the process', before any fork.
static MAIN: AtomicI32 = AtomicI32::new(0);

/// Notes the main thread, whichever thread this is.
pub(crate) fn note_main() {
    // SAFETY: R2: it takes nothing.
    MAIN.store(unsafe { libc::getpid() }, Ordering::Relaxed);
}

/// Whether this is the server's main thread: not another module's that holds the lock, and not a forked child.
pub(crate) fn is_main() -> bool {
    // SAFETY: R2: it takes nothing.
    unsafe { libc::gettid() == MAIN.load(Ordering::Relaxed) }
}

/// Whether this is a forked child.
pub(crate) fn is_child() -> bool {
    // SAFETY: R2: it takes nothing.
    unsafe { libc::getpid() != MAIN.load(Ordering::Relaxed) }
}

/// Whether this thread may wait for the server's lock.
pub(crate) fn is_ours() -> bool {
    IS_OURS.get()
}

/// Starts a thread that receives no signals: the server handles those on its own threads. The name is cut
/// to the 15 bytes that the system shows. The thread never sees a `Context`; it reaches the server's data by
/// [`crate::MainThread::post`], a [`crate::Waker`] or [`crate::ServerLock::run`].
///
/// The module is not unloaded while `body` runs.
///
/// # Errors
/// The system's, when it has no thread to give.
pub fn spawn<T: Send + 'static>(
    name: &str,
    body: impl FnOnce() -> T + Send + 'static,
) -> io::Result<JoinHandle<T>> {
    spawn_beneath(name, move || {
        IS_OURS.set(true);
        body()
    })
}

/// Starts a thread as [`spawn`] does, which may not wait for the server's lock.
pub(crate) fn spawn_beneath<T: Send + 'static>(
    name: &str,
    body: impl FnOnce() -> T + Send + 'static,
) -> io::Result<JoinHandle<T>> {
    let cut = (0..=name.len().min(15)).rev().find(|end| name.is_char_boundary(*end)).unwrap_or(0);
    let name: String = name[..cut].chars().filter(|character| *character != '\0').collect();
    let before = block_signals()?;
    let pin = Pin::new();
    let spawned = Builder::new().name(name).spawn(move || {
        let _pin = pin;
        body()
    });
    restore_signals(&before);
    spawned
}

/// Blocks all signals for this thread; a thread started now inherits that. Gives the mask of before.
fn block_signals() -> io::Result<libc::sigset_t> {
    let mut all = MaybeUninit::uninit();
    let mut before = MaybeUninit::uninit();
    // SAFETY: R2: both sets are memory of ours, written before they are read.
    let status = unsafe {
        libc::sigfillset(all.as_mut_ptr());
        libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr())
    };
    if status != 0 {
        return Err(io::Error::from_raw_os_error(status));
    }
    // SAFETY: R2: the call succeeded, so it wrote the set.
    Ok(unsafe { before.assume_init() })
}

fn restore_signals(before: &libc::sigset_t) {
    // SAFETY: R2: a set that the system gave.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, before, ptr::null_mut()) };
}

// Not under Miri, which knows no signals.
#[cfg(all(test, not(miri)))]
mod tests {
    use super::*;

    #[test]
    fn a_thread_has_a_short_name_and_a_result() {
        let thread = spawn("a-name-of-many-letters\0", || std::thread::current().name().map(str::to_owned));
        let name = thread.expect("a thread").join().expect("no panic");
        assert_eq!(name.as_deref(), Some("a-name-of-many-"));
    }
}
