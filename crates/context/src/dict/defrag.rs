//! A dict's memory: how much it is, and moving it to where memory is denser.

use std::alloc::Layout;
use std::ffi::{c_int, c_uchar, c_void};
use std::ptr::{self, NonNull};

use redis_module::raw;

use super::Dict;
use crate::api::{api, required};
use crate::defrag::DefragContext;
use crate::error::Error;
use crate::guard::guard;
use crate::memory::HeapSize;
use crate::string::RedisString;

impl<V: 'static> HeapSize for Dict<V> {
    /// Bytes that the tree takes, as the server estimates them by its nodes. What the values take is not counted.
    fn heap_size(&self) -> usize {
        let size = required!(RedisModule_MallocSizeDict);
        // SAFETY: R41: a dict of ours.
        unsafe { size(self.raw.as_ptr()) }
    }

    fn usable_size(&self) -> usize {
        self.heap_size()
    }
}

impl DefragContext<'_> {
    /// Moves a dict's tree and the boxes of its values, and has `visit` move what a value owns: a function, or a
    /// closure that captures nothing. Redis 8.0 on.
    ///
    /// `from` is `None` for the first step. If the callback's time ends before all is done, it is the key that the
    /// next step begins at: keep it, and answer [`crate::DefragProgress::ResumeAt`].
    ///
    /// ```compile_fail
    /// use redis_context::{DefragContext, Dict, RedisString};
    /// fn capture(defrag: &mut DefragContext<'_>, dict: &mut Dict<u64>, number: u64) {
    ///     let _ = defrag.dict(dict, &mut None, move |_, value| *value = number);
    /// }
    /// let _ = capture as fn(&mut DefragContext<'_>, &mut Dict<u64>, u64);
    /// ```
    ///
    /// # Errors
    /// [`Error::Unsupported`] on Valkey and older Redis.
    pub fn dict<V, F>(
        &mut self,
        dict: &mut Dict<V>,
        from: &mut Option<RedisString>,
        _visit: F,
    ) -> Result<(), Error>
    where
        V: 'static,
        F: Fn(&mut DefragContext<'_>, &mut V) + Copy + 'static,
    {
        const { assert!(size_of::<F>() == 0, "a visitor captures nothing") };
        let defrag = api!(RedisModule_DefragRedisModuleDict, "Redis 8.0")?;
        let mut at = from.take().map_or(ptr::null_mut(), RedisString::into_raw);
        // SAFETY: R53, R41: a dict of ours that nobody walks over, its values are boxes of `V`, and a string that is
        // ours alone, which the server frees or replaces.
        let new = unsafe { defrag(self.as_ptr(), dict.raw.as_ptr(), Some(visited::<V, F>), &raw mut at) };
        if let Some(new) = NonNull::new(new) {
            dict.raw = new;
        }
        // SAFETY: R5: a string of our own, or NULL.
        *from = unsafe { RedisString::from_raw(at) };
        Ok(())
    }
}

unsafe extern "C" fn visited<V: 'static, F: Fn(&mut DefragContext<'_>, &mut V) + Copy + 'static>(
    raw: *mut raw::RedisModuleDefragCtx,
    value: *mut c_void,
    _key: *mut c_uchar,
    _len: usize,
    moved: *mut *mut c_void,
) -> c_int {
    let mut value: *mut V = value.cast();
    // SAFETY: R53: what the server passes to this callback.
    let mut defrag = unsafe { DefragContext::new(raw) };
    // SAFETY: R53, R41: the value's box, which the dict alone has.
    if let Some(new) = unsafe { defrag.moved(value.cast(), Layout::new::<V>()) } {
        value = new.as_ptr().cast();
        // SAFETY: R53: where the server looks for the new place.
        unsafe { *moved = value.cast() };
    }
    guard(
        "a visit of a dict's value",
        || (),
        || {
            // SAFETY: R13: a value of `F` was given to `dict`, and it is Copy.
            let visit = unsafe { NonNull::<F>::dangling().as_ref() };
            // SAFETY: R41: the value at its place, which nobody else looks at.
            visit(&mut defrag, unsafe { &mut *value });
        },
    );
    0
}
