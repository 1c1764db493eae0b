//! The module's code in memory.

use std::ffi::c_void;
use std::mem::MaybeUninit;

/// Keeps the code where it is when the server closes the module, for as long as the process lives; whether that has
/// succeeded. A server that loads the file again finds the code, and its statics, as they were.
pub(crate) fn keep() -> bool {
    let mut found = MaybeUninit::<libc::Dl_info>::zeroed();
    let here = (keep as fn() -> bool as *const c_void).cast();
    // SAFETY: R65: an address in the module, and memory of ours that is written to, or left zeroed.
    let (status, found) = unsafe { (libc::dladdr(here, found.as_mut_ptr()), found.assume_init()) };
    if status == 0 || found.dli_fname.is_null() {
        return false;
    }
    let flags = libc::RTLD_NOW | libc::RTLD_NOLOAD | libc::RTLD_NODELETE;
    // SAFETY: R65: the linker's own name of what is loaded already. The handle is never closed.
    !unsafe { libc::dlopen(found.dli_fname, flags) }.is_null()
}
