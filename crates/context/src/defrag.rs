//! Active defragmentation: the server asks for allocations to be moved to where memory is denser.
//!
//! It works only in servers built with the jemalloc of their own source tree (CONFIG SET activedefrag yes says no
//! otherwise, as with Debian's packages); elsewhere none of this is ever called.
//!
//! ```text
//! a value     NativeType::defrag            in one go, or from cursor to cursor if its free effort is large
//! the rest    LoadContext::on_defrag        what the module has beside its values, once in each cycle
//! a cycle     LoadContext::on_defrag_cycle  its begin and its end
//! ```
//!
//! What can be moved is what has one owner that is at hand, by `&mut`: a `Box`, a `Vec`, a `String`, a
//! [`RedisString`] that nobody shares. The server copies its bytes to a new place, as every move of a Rust value does.

mod register;

use std::alloc::Layout;
use std::ffi::{c_int, c_ulong};
use std::marker::PhantomData;
use std::num::NonZeroUsize;
use std::ptr::{self, NonNull};

use redis_module::raw;

use crate::alloc::{ServerBlock, server_block};
use crate::api::{api, required, unbound};
use crate::error::Error;
use crate::server::{Family, server};
use crate::string::{RedisStr, RedisString};

pub(crate) use register::abandon;

/// How far a callback has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DefragProgress {
    /// All has been looked at.
    Done,
    /// There is more: call again, with this as [`DefragContext::resume_at`]. A server that allows no break here does
    /// not call again, but neither does it tell a callback to stop.
    ResumeAt(NonZeroUsize),
}

/// Moves allocations, in a callback that the server calls for it.
pub struct DefragContext<'a> {
    raw: *mut raw::RedisModuleDefragCtx,
    callback: PhantomData<&'a mut ()>,
}

impl<'a> DefragContext<'a> {
    /// # Safety
    /// `raw` is what the server passed to a defragmentation callback that runs for all of `'a`.
    pub(crate) unsafe fn new(raw: *mut raw::RedisModuleDefragCtx) -> Self {
        Self { raw, callback: PhantomData }
    }

    pub(crate) fn as_ptr(&self) -> *mut raw::RedisModuleDefragCtx {
        self.raw
    }

    /// Moves a box, if that helps. Answers whether it was moved.
    ///
    /// What is aligned to more than the server's allocator does by itself (16 bytes) stays where it is.
    pub fn boxed<U>(&mut self, boxed: &mut Box<U>) -> bool {
        let block: *mut U = &raw mut **boxed;
        // SAFETY: R53: the box's own block; it is replaced below.
        let Some(new) = (unsafe { self.moved(block.cast(), Layout::new::<U>()) }) else { return false };
        // SAFETY: R53: the same value at its new place; the old box is gone, so it must not be dropped.
        unsafe { ptr::write(boxed, Box::from_raw(new.cast().as_ptr())) };
        true
    }

    /// Moves a boxed slice, as [`DefragContext::boxed`].
    pub fn boxed_slice<U>(&mut self, boxed: &mut Box<[U]>) -> bool {
        let (block, len) = (boxed.as_mut_ptr(), boxed.len());
        // SAFETY: R53: the slice's own block; it is replaced below.
        let Some(new) = (unsafe { self.moved(block.cast(), Layout::for_value(&**boxed)) }) else {
            return false;
        };
        let new = ptr::slice_from_raw_parts_mut(new.cast::<U>().as_ptr(), len);
        // SAFETY: R53: the same elements at their new place; the old box is gone, so it must not be dropped.
        unsafe { ptr::write(boxed, Box::from_raw(new)) };
        true
    }

    /// Moves a vector's elements, as [`DefragContext::boxed`].
    pub fn vec<U>(&mut self, vec: &mut Vec<U>) -> bool {
        let (block, len, capacity) = (vec.as_mut_ptr(), vec.len(), vec.capacity());
        let Ok(layout) = Layout::array::<U>(capacity) else { return false };
        // SAFETY: R53: the vector's own block; it is replaced below.
        let Some(new) = (unsafe { self.moved(block.cast(), layout) }) else { return false };
        // SAFETY: R53: the same elements at their new place; the old vector is gone, so it must not be dropped.
        unsafe { ptr::write(vec, Vec::from_raw_parts(new.cast().as_ptr(), len, capacity)) };
        true
    }

    /// Moves a text's bytes, as [`DefragContext::boxed`].
    pub fn string(&mut self, string: &mut String) -> bool {
        // SAFETY: R53: the bytes are moved, not changed: they stay UTF-8.
        self.vec(unsafe { string.as_mut_vec() })
    }

    /// Moves a server string, if that helps and nobody else has a reference to it. Answers whether it was moved.
    ///
    /// # Errors
    /// [`Error::Unsupported`] on a server without it; every supported server has it.
    pub fn redis_string(&mut self, string: &mut RedisString) -> Result<bool, Error> {
        let defrag = defrag_string()?;
        // SAFETY: R53: a live string; the server leaves one alone that has another owner.
        let new = unsafe { defrag(self.raw, string.as_ptr()) };
        // SAFETY: R53: the reference that `string` had, or NULL.
        let Some(new) = (unsafe { RedisString::from_raw(new) }) else { return Ok(false) };
        // SAFETY: R53: the old string is gone, so it must not be dropped.
        unsafe { ptr::write(string, new) };
        Ok(true)
    }

    /// Puts a value into a new box, in memory that the allocator has not just got back: for structures that are
    /// rebuilt rather than moved. Redis 8.0 on.
    ///
    /// # Errors
    /// [`Error::Unsupported`] on Valkey and older Redis; the value is dropped then.
    pub fn new_box<U>(&mut self, value: U) -> Result<Box<U>, Error> {
        let alloc = api!(RedisModule_DefragAllocRaw, "Redis 8.0")?;
        let layout = Layout::new::<U>();
        if layout.size() == 0 || !crate::alloc::is_plain(layout) {
            return Ok(Box::new(value));
        }
        // SAFETY: R53: a block of the server's allocator of that size, which ends the server if there is none.
        let block: *mut U = unsafe { alloc(self.raw, layout.size()) }.cast();
        // SAFETY: R53: the block is new, large enough and aligned, as the server's are; our allocator frees it.
        Ok(unsafe {
            block.write(value);
            Box::from_raw(block)
        })
    }

    /// Takes a value out of its box, and gives the block back so that nobody gets it again at once: the counterpart
    /// of [`DefragContext::new_box`]. Redis 8.0 on.
    ///
    /// # Errors
    /// [`Error::Unsupported`] on Valkey and older Redis; the value is dropped then.
    pub fn take_box<U>(&mut self, boxed: Box<U>) -> Result<U, Error> {
        let free = api!(RedisModule_DefragFreeRaw, "Redis 8.0")?;
        let block = Box::into_raw(boxed);
        // SAFETY: R53: a box of this type.
        let found = unsafe { server_block(block.cast(), Layout::new::<U>()) };
        let Some(ServerBlock::Plain(start)) = found else {
            // SAFETY: R53: made by `into_raw` just now.
            return Ok(*unsafe { Box::from_raw(block) });
        };
        // SAFETY: R53: the value is moved out, and its block is freed once, without dropping it.
        unsafe {
            let value = block.read();
            free(self.raw, start.cast());
            Ok(value)
        }
    }

    /// Whether the callback's time is over: it is to return [`DefragProgress::ResumeAt`]. Never true where the
    /// server allows no break.
    pub fn should_stop(&self) -> bool {
        let stop = required!(RedisModule_DefragShouldStop);
        // SAFETY: R53: the callback's own context.
        unsafe { stop(self.raw) != 0 }
    }

    /// Where the last call has stopped; 0 if this is the first. The value may have changed since.
    pub fn resume_at(&self) -> usize {
        let get = required!(RedisModule_DefragCursorGet);
        let mut cursor: c_ulong = 0;
        // SAFETY: R53: the callback's own context; the server writes one number, or nothing and says so.
        let status = unsafe { get(self.raw, &raw mut cursor) };
        if status == raw::REDISMODULE_OK as c_int { usize::try_from(cursor).unwrap_or(0) } else { 0 }
    }

    /// The key whose value is defragmented, from Redis 8.0 on; `None` for what belongs to no key, and always on Valkey
    /// and older Redis, which pass something that is no key (defrag.c).
    pub fn key(&self) -> Option<RedisStr<'a>> {
        if !knows_its_key() {
            return None;
        }
        let key = required!(RedisModule_GetKeyNameFromDefragCtx);
        // SAFETY: R51, R53: the callback's own context; the name lives for all of `'a`.
        unsafe { RedisStr::from_raw(key(self.raw).cast_mut()) }
    }

    /// The number of the key's database; `None` for what belongs to no key.
    pub fn db(&self) -> Option<u32> {
        let db = required!(RedisModule_GetDbIdFromDefragCtx);
        // SAFETY: R53: the callback's own context.
        u32::try_from(unsafe { db(self.raw) }).ok()
    }

    /// Tells the server how far the callback has come; answers what the callback returns.
    pub(crate) fn finish(&mut self, progress: DefragProgress) -> c_int {
        let DefragProgress::ResumeAt(at) = progress else { return 0 };
        let set = required!(RedisModule_DefragCursorSet);
        // SAFETY: R53: the callback's own context; without a cursor the server refuses.
        let status = unsafe { set(self.raw, at.get() as c_ulong) };
        c_int::from(status == raw::REDISMODULE_OK as c_int)
    }

    /// Moves a block. `None` if it stays; otherwise the old one is gone and its bytes are at the new place.
    ///
    /// # Safety
    /// `block` was allocated with `layout` by the global allocator, and the caller is its only owner.
    pub(crate) unsafe fn moved(&mut self, block: *mut u8, layout: Layout) -> Option<NonNull<u8>> {
        // A block inside a larger one would lose its alignment.
        // SAFETY: the caller's promise.
        let ServerBlock::Plain(start) = (unsafe { server_block(block, layout) })? else { return None };
        let defrag = required!(RedisModule_DefragAlloc);
        // SAFETY: R53: the start of a block of the server's allocator.
        NonNull::new(unsafe { defrag(self.raw, start.cast()) }.cast())
    }
}

type DefragString = unsafe extern "C" fn(
    *mut raw::RedisModuleDefragCtx,
    *mut raw::RedisModuleString,
) -> *mut raw::RedisModuleString;

/// Whether the server tells the callbacks of a defragmentation their key. Redis before 8.0 and every Valkey up to 9.1
/// pass the bytes of its name as if they were a string object (`defragModule` and `defragLaterItem`, defrag.c): to read
/// it ends the server.
pub(crate) fn knows_its_key() -> bool {
    server().is_redis_since(8, 0)
}

/// Valkey has renamed it, and has the old name in its header alone.
fn defrag_string() -> Result<DefragString, Error> {
    match server().family {
        Family::Redis => api!(RedisModule_DefragRedisModuleString, "Redis 7.0"),
        // SAFETY: R53: the function has this type (module.c, VM_DefragValkeyModuleString).
        Family::Valkey => unsafe {
            unbound!(RedisModule_DefragValkeyModuleString: DefragString, "Valkey 8.0")
        },
    }
}
