//! Threads beside the server's.

use std::io;
use std::mem::MaybeUninit;
use std::ptr;
use std::thread::{Builder, JoinHandle};

use crate::module::Pin;

/// Starts a thread that receives no signals: the server handles those on its own threads. The name is cut
/// to the 15 bytes that the system shows. The thread never sees a `Context`; it reaches the main thread
/// by [`crate::MainThread::post`] or a [`crate::Waker`].
///
/// The module is not unloaded while `body` runs.
///
/// # Errors
/// The system's, when it has no thread to give.
pub fn spawn<T: Send + 'static>(
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
