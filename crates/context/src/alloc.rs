//! The module's memory is the server's: `used_memory` and `maxmemory` see it.
//!
//! [`ServerAlloc`] is installed by `module!` in the final cdylib, never in a test. Until the function table
//! is there (between `dlopen` and `RedisModule_OnLoad`) memory comes from a small arena inside the module;
//! such a block may be freed at any later time, which does nothing.

use std::alloc::{GlobalAlloc, Layout};
use std::cell::UnsafeCell;
use std::ffi::c_void;
use std::mem;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::api::{reached, table};

/// Allocates through the server.
pub struct ServerAlloc;

/// Every `RM_Alloc` has this alignment, also in builds that keep a size before each block (zmalloc.c,
/// `PREFIX_SIZE`).
const ALIGN_ALWAYS: usize = 8;

/// What the server's blocks are aligned to: 16, unless it keeps a size before each block. Found once, before
/// the first block is taken from the server.
static ALIGN: AtomicUsize = AtomicUsize::new(ALIGN_ALWAYS);

/// Bytes for what static constructors allocate. They cost nothing while they are not touched.
const ARENA_BYTES: usize = 1 << 20;

#[repr(C, align(4096))]
struct Arena {
    bytes: UnsafeCell<[u8; ARENA_BYTES]>,
    used: AtomicUsize,
}

// SAFETY: R9: `used` hands out disjoint ranges.
unsafe impl Sync for Arena {}

static ARENA: Arena = Arena { bytes: UnsafeCell::new([0; ARENA_BYTES]), used: AtomicUsize::new(0) };

impl Arena {
    /// Zeroed memory that is never given back, or NULL when the arena is full.
    fn take(&self, layout: Layout) -> *mut u8 {
        let base: *mut u8 = self.bytes.get().cast();
        let mut start = 0;
        let claim = self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
            start = used + base.wrapping_add(used).align_offset(layout.align());
            start.checked_add(layout.size()).filter(|&end| end <= ARENA_BYTES)
        });
        match claim {
            Ok(_) => base.wrapping_add(start),
            Err(_) => ptr::null_mut(),
        }
    }

    #[inline]
    fn owns(&self, block: *const u8) -> bool {
        block.addr().wrapping_sub(self.bytes.get().addr()) < ARENA_BYTES
    }
}

/// Above this a server without `RM_TryCalloc` and `RM_TryRealloc` (Redis 7.0) is asked by `RM_TryAlloc`: the functions it
/// has end it when there is no memory, and `try_reserve` is there to survive that.
const LARGE_BYTES: usize = 64 << 20;

type AllocFn = unsafe extern "C" fn(usize) -> *mut c_void;

/// `RM_TryAlloc` where it is (it may fail), `RM_Alloc` elsewhere (out of memory ends the server).
#[inline]
fn server_alloc() -> Option<AllocFn> {
    reached!(RedisModule_TryAlloc);
    table!(RedisModule_TryAlloc).or(table!(RedisModule_Alloc))
}

type CallocFn = unsafe extern "C" fn(usize, usize) -> *mut c_void;

/// What gives zeroed memory, if the server's function copes with this size.
#[inline]
fn server_calloc(size: usize) -> Option<CallocFn> {
    let (fallible, fatal) = (table!(RedisModule_TryCalloc), table!(RedisModule_Calloc));
    if fallible.is_some() {
        reached!(RedisModule_TryCalloc);
        return fallible;
    }
    if size > LARGE_BYTES {
        return None;
    }
    reached!(RedisModule_Calloc);
    fatal
}

type ReallocFn = unsafe extern "C" fn(*mut c_void, usize) -> *mut c_void;

/// What changes a block's size, if the server's function copes with this one.
#[inline]
fn server_realloc(size: usize) -> Option<ReallocFn> {
    let (fallible, fatal) = (table!(RedisModule_TryRealloc), table!(RedisModule_Realloc));
    if fallible.is_some() {
        reached!(RedisModule_TryRealloc);
        return fallible;
    }
    if size > LARGE_BYTES {
        return None;
    }
    reached!(RedisModule_Realloc);
    fatal
}

/// Finds the server's alignment. Called once, after the table is filled and before anything else.
pub(crate) fn probe() {
    let (Some(alloc), Some(free)) = (server_alloc(), table!(RedisModule_Free)) else { return };
    // SAFETY: R9: a block is taken and given back.
    let block = unsafe { alloc(64) };
    if block.addr().is_multiple_of(16) {
        ALIGN.store(16, Ordering::Relaxed);
    }
    // SAFETY: R9: the block was taken just now.
    unsafe { free(block) };
}

/// Whether the server's own alignment will do. As in std: an allocator may align a block that is smaller than
/// the alignment to its size only.
#[inline]
pub(crate) fn is_plain(layout: Layout) -> bool {
    let align = layout.align();
    (align <= ALIGN_ALWAYS || align <= ALIGN.load(Ordering::Relaxed)) && align <= layout.size() || align == 1
}

/// Where the server's block begins that a block of this allocator lies in.
pub(crate) enum ServerBlock {
    /// There: the two are the same.
    Plain(*mut u8),
    /// Before it: the block lies inside, where its alignment wants it.
    Inside(*mut u8),
}

/// Finds the server's block. `None` for what is no block of the server's: of no bytes, or the arena's.
///
/// # Safety
/// `block` is live, and was allocated by [`ServerAlloc`] with `layout`, unless that is of no bytes.
pub(crate) unsafe fn server_block(block: *mut u8, layout: Layout) -> Option<ServerBlock> {
    if layout.size() == 0 || ARENA.owns(block) {
        None
    } else if is_plain(layout) {
        Some(ServerBlock::Plain(block))
    } else {
        // SAFETY: R9: `alloc_aligned` left the start there.
        Some(ServerBlock::Inside(unsafe { block.cast::<*mut u8>().sub(1).read() }))
    }
}

/// An aligned block inside a larger one, whose start is kept in the eight bytes before it.
#[cold]
unsafe fn alloc_aligned(alloc: AllocFn, layout: Layout) -> *mut u8 {
    let align = layout.align().max(2 * ALIGN_ALWAYS);
    // SAFETY: R9: at most isize::MAX + 16 bytes, which does not wrap.
    let outer: *mut u8 = unsafe { alloc(layout.size() + align) }.cast();
    if outer.is_null() {
        return outer;
    }
    // `outer` is a multiple of 8 and `align` of 16: from 8 to `align` bytes are in front.
    let inner = outer.wrapping_add(align - outer.addr() % align);
    // SAFETY: R9: the eight bytes before `inner` are inside the larger block.
    unsafe { inner.cast::<*mut u8>().sub(1).write(outer) };
    inner
}

// SAFETY: R9: each block is aligned and as large as asked for, disjoint from all others, and freed by the
// function that belongs to how it was taken: by its address (arena) and its layout (plain or aligned).
unsafe impl GlobalAlloc for ServerAlloc {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Some(alloc) = server_alloc() else { return ARENA.take(layout) };
        if is_plain(layout) {
            // SAFETY: R9: the size is not zero.
            unsafe { alloc(layout.size()).cast() }
        } else {
            // SAFETY: R9: as above.
            unsafe { alloc_aligned(alloc, layout) }
        }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        let calloc = server_calloc(layout.size());
        match calloc {
            // SAFETY: R9: the size is not zero.
            Some(calloc) if is_plain(layout) => unsafe { calloc(1, layout.size()).cast() },
            _ => {
                // SAFETY: the caller's promise is the same one.
                let block = unsafe { self.alloc(layout) };
                if !block.is_null() {
                    // SAFETY: R9: the block is `size` bytes long.
                    unsafe { block.write_bytes(0, layout.size()) };
                }
                block
            }
        }
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if ARENA.owns(block) {
            return;
        }
        // The block came from the server, so the table is filled.
        let Some(free) = table!(RedisModule_Free) else { return };
        reached!(RedisModule_Free);
        let outer = if is_plain(layout) {
            block
        } else {
            // SAFETY: R9: `alloc_aligned` left the start there.
            unsafe { block.cast::<*mut u8>().sub(1).read() }
        };
        // SAFETY: R9: the start of a block of the server's.
        unsafe { free(outer.cast()) };
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: the caller promises that the size fits the alignment.
        let new_layout = unsafe { Layout::from_size_align_unchecked(new_size, layout.align()) };
        let realloc = server_realloc(new_size);
        match realloc {
            Some(realloc) if is_plain(layout) && is_plain(new_layout) && !ARENA.owns(block) => {
                // SAFETY: R9: a plain block of the server's stays one.
                unsafe { realloc(block.cast(), new_size).cast() }
            }
            // SAFETY: the caller's promise is the same one.
            _ => unsafe { self.move_block(block, layout, new_layout) },
        }
    }
}

impl ServerAlloc {
    #[cold]
    unsafe fn move_block(&self, block: *mut u8, layout: Layout, new_layout: Layout) -> *mut u8 {
        // SAFETY: R9: the new size is not zero.
        let new = unsafe { self.alloc(new_layout) };
        if !new.is_null() {
            // SAFETY: R9: both blocks hold that many bytes and are disjoint.
            unsafe { ptr::copy_nonoverlapping(block, new, layout.size().min(new_layout.size())) };
            // SAFETY: the caller gives up the old block.
            unsafe { self.dealloc(block, layout) };
        }
        new
    }
}

/// The C allocator of the process, for the C code inside the module.
///
/// A server may be built so that the module's `malloc` is the C library's while the C library's own inner
/// calls reach jemalloc (Debian's Valkey from 8.1 on): what `realpath` allocates must then not be given to the
/// C library's `free`. `module!` defines these names in the module and forwards them to what the process as a
/// whole calls by them.
pub mod process {
    use super::*;
    use std::ffi::{CStr, c_int};

    /// A function of the process, looked up by its name at the first call.
    struct Symbol {
        name: &'static CStr,
        address: AtomicUsize,
    }

    impl Symbol {
        const fn new(name: &'static CStr) -> Self {
            Self { name, address: AtomicUsize::new(0) }
        }

        #[inline]
        fn get(&self) -> usize {
            match self.address.load(Ordering::Relaxed) {
                0 => self.look_up(),
                address => address,
            }
        }

        #[cold]
        fn look_up(&self) -> usize {
            // SAFETY: R10: the handle of the program itself, which is never closed.
            let program = unsafe { libc::dlopen(ptr::null(), libc::RTLD_LAZY) };
            // SAFETY: R10: a valid handle and a C string.
            let address = unsafe { libc::dlsym(program, self.name.as_ptr()) }.expose_provenance();
            self.address.store(address, Ordering::Relaxed);
            address
        }
    }

    macro_rules! forward {
        ($(#[$doc:meta])* $name:ident ( $($arg:ident : $ty:ty),* ) -> $ret:ty, else $missing:expr) => {
            $(#[$doc])*
            ///
            /// # Safety
            /// As for the C function of that name.
            pub unsafe fn $name($($arg: $ty),*) -> $ret {
                static SYMBOL: Symbol = match CStr::from_bytes_with_nul(concat!(stringify!($name), "\0").as_bytes()) {
                    Ok(name) => Symbol::new(name),
                    Err(_) => panic!("a symbol's name holds no NUL"),
                };
                match SYMBOL.get() {
                    0 => $missing,
                    address => {
                        let function = ptr::with_exposed_provenance::<c_void>(address);
                        // SAFETY: R10: the symbol of that name has this type.
                        let function = unsafe {
                            mem::transmute::<*const c_void, unsafe extern "C" fn($($ty),*) -> $ret>(function)
                        };
                        // SAFETY: the caller's promise.
                        unsafe { function($($arg),*) }
                    }
                }
            }
        };
    }

    forward! {
        /// Allocates.
        malloc(size: usize) -> *mut c_void, else ptr::null_mut()
    }
    forward! {
        /// Allocates zeroed memory.
        calloc(count: usize, size: usize) -> *mut c_void, else ptr::null_mut()
    }
    forward! {
        /// Changes a block's size.
        realloc(block: *mut c_void, size: usize) -> *mut c_void, else ptr::null_mut()
    }
    forward! {
        /// Allocates aligned memory.
        posix_memalign(out: *mut *mut c_void, align: usize, size: usize) -> c_int, else libc::ENOMEM
    }
    forward! {
        /// Allocates aligned memory.
        aligned_alloc(align: usize, size: usize) -> *mut c_void, else ptr::null_mut()
    }
    forward! {
        /// Allocates aligned memory.
        memalign(align: usize, size: usize) -> *mut c_void, else ptr::null_mut()
    }
    forward! {
        /// How many bytes a block has.
        malloc_usable_size(block: *mut c_void) -> usize, else 0
    }
    forward! {
        /// Gives a block back.
        free(block: *mut c_void) -> (), else ()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Without a server every block is the arena's: aligned, disjoint, zeroed, and freed by doing nothing.
    #[test]
    fn the_arena_serves_until_the_server_does() {
        let mut seen: Vec<(usize, usize)> = Vec::new();
        for (size, align) in [(1, 1), (24, 8), (3, 16), (64, 64), (100, 4096), (7, 1)] {
            let layout = Layout::from_size_align(size, align).expect("a valid layout");
            // SAFETY: the size is not zero.
            let block = unsafe { ServerAlloc.alloc_zeroed(layout) };
            assert!(block.addr().is_multiple_of(align) && ARENA.owns(block));
            assert!(seen.iter().all(|&(start, end)| block.addr() >= end || block.addr() + size <= start));
            seen.push((block.addr(), block.addr() + size));
            // SAFETY: the block was made with this layout.
            let grown = unsafe { ServerAlloc.realloc(block, layout, size * 2) };
            assert!(grown.addr().is_multiple_of(align));
            // SAFETY: the block has that size and alignment.
            unsafe { ServerAlloc.dealloc(grown, Layout::from_size_align_unchecked(size * 2, align)) };
        }
        let huge = Layout::from_size_align(ARENA_BYTES + 1, 1).expect("a valid layout");
        // SAFETY: the size is not zero.
        assert!(unsafe { ServerAlloc.alloc(huge) }.is_null());
    }

    unsafe extern "C" fn odd_malloc(size: usize) -> *mut c_void {
        // As a server that keeps a size before each block: aligned to 8 and no more.
        // SAFETY: a plain allocation.
        unsafe { libc::malloc(size + 24) }.wrapping_byte_add(8)
    }

    #[test]
    fn aligned_blocks_remember_where_they_begin() {
        for align in [16, 32, 64, 4096] {
            for size in [1, 16, 100, 5000] {
                let layout = Layout::from_size_align(size, align).expect("a valid layout");
                // SAFETY: the size is not zero.
                let block = unsafe { alloc_aligned(odd_malloc, layout) };
                assert!(block.addr().is_multiple_of(align));
                // SAFETY: alloc_aligned left the start there.
                let outer = unsafe { block.cast::<*mut u8>().sub(1).read() };
                assert!(outer.addr() + 8 <= block.addr() && block.addr() <= outer.addr() + align);
                // SAFETY: odd_malloc moved the start by 8.
                unsafe { libc::free(outer.wrapping_sub(8).cast()) };
            }
        }
    }

    /// Not under Miri, which has no symbols to look up.
    #[cfg(not(miri))]
    #[test]
    fn forwarders_reach_the_process() {
        // SAFETY: plain use of the C allocator.
        unsafe {
            let block = process::realloc(process::malloc(10), 100);
            assert!(!block.is_null() && process::malloc_usable_size(block) >= 100);
            process::free(block);
            let mut aligned = ptr::null_mut();
            assert_eq!(process::posix_memalign(&raw mut aligned, 256, 10), 0);
            assert!(aligned.addr().is_multiple_of(256));
            process::free(aligned);
        }
    }
}
