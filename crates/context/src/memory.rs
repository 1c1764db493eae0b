//! How much memory the server's allocator spends on what the module has.

use std::alloc::Layout;

use crate::alloc::{ServerBlock, server_block};
use crate::api::required;
use crate::string::RedisString;

/// What an owner's own block takes of the server's memory, the allocator's rounding included: for
/// [`crate::NativeType::memory_usage`]. What the elements own is not counted: add it.
pub trait HeapSize {
    /// Bytes that the allocator has taken for the block; 0 if there is none.
    fn heap_size(&self) -> usize;

    /// Bytes of the block that its owner could use: on a server that keeps a size before each block a little less
    /// than [`HeapSize::heap_size`].
    fn usable_size(&self) -> usize;
}

/// # Safety
/// As for [`server_block`].
unsafe fn start_of(block: *const u8, layout: Layout) -> Option<*mut u8> {
    // SAFETY: the caller's promise.
    match unsafe { server_block(block.cast_mut(), layout) }? {
        ServerBlock::Plain(start) | ServerBlock::Inside(start) => Some(start),
    }
}

/// # Safety
/// As for [`server_block`].
unsafe fn heap_size(block: *const u8, layout: Layout) -> usize {
    // SAFETY: the caller's promise.
    let Some(start) = (unsafe { start_of(block, layout) }) else { return 0 };
    let size = required!(RedisModule_MallocSize);
    // SAFETY: R9: the start of a live block of the server's allocator.
    unsafe { size(start.cast()) }
}

/// # Safety
/// As for [`server_block`].
unsafe fn usable_size(block: *const u8, layout: Layout) -> usize {
    // SAFETY: the caller's promise.
    let Some(start) = (unsafe { start_of(block, layout) }) else { return 0 };
    let size = required!(RedisModule_MallocUsableSize);
    // SAFETY: R9: the start of a live block of the server's allocator.
    unsafe { size(start.cast()) }
}

/// Implements [`HeapSize`] by where the block is and its layout.
macro_rules! block {
    ([$($generics:tt)*] $owner:ty, $this:ident => $block:expr, $layout:expr) => {
        impl<$($generics)*> HeapSize for $owner {
            fn heap_size(&self) -> usize {
                let $this = self;
                // SAFETY: R9: the owner's own block, of our allocator.
                unsafe { heap_size($block, $layout) }
            }

            fn usable_size(&self) -> usize {
                let $this = self;
                // SAFETY: R9: the owner's own block, of our allocator.
                unsafe { usable_size($block, $layout) }
            }
        }
    };
}

block!([U] Box<U>, this => (&raw const **this).cast(), Layout::new::<U>());
block!([U] Box<[U]>, this => this.as_ptr().cast(), Layout::for_value(&**this));
block!([] Box<str>, this => this.as_ptr(), Layout::for_value(&**this));
block!([U] Vec<U>, this => this.as_ptr().cast(), capacity_of::<U>(this.capacity()));
block!([] String, this => this.as_ptr(), capacity_of::<u8>(this.capacity()));

/// What a vector's block was allocated with.
fn capacity_of<U>(capacity: usize) -> Layout {
    // A vector of that capacity exists.
    Layout::array::<U>(capacity).unwrap_or(Layout::new::<()>())
}

impl HeapSize for RedisString {
    /// Bytes that the string takes, all its references together.
    fn heap_size(&self) -> usize {
        let size = required!(RedisModule_MallocSizeString);
        // SAFETY: R5: a live string that is an allocation of its own: this module has a reference to it, which the
        // server gives of no string on its stack or inside another object.
        unsafe { size(self.as_ptr()) }
    }

    /// Bytes of text that it holds.
    fn usable_size(&self) -> usize {
        self.as_bytes().len()
    }
}
