//! The server's strings: any bytes, borrowed from a callback or owned.

mod buffer;
mod number;

pub use buffer::StringBuf;

use std::cmp::Ordering;
use std::fmt;
use std::marker::PhantomData;
use std::ptr::{self, NonNull};
use std::slice;

use redis_module::raw;

use crate::api::required;

/// A server string borrowed for `'cx`, usually the time of one callback. Binary safe; copying it copies a
/// pointer. [`RedisStr::to_owned`] makes a string that outlives the callback.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct RedisStr<'cx> {
    raw: NonNull<raw::RedisModuleString>,
    borrowed: PhantomData<&'cx RedisString>,
}

impl<'cx> RedisStr<'cx> {
    /// Wraps a server string; `None` for NULL.
    ///
    /// # Safety
    /// `raw` is NULL or a string that stays alive and unchanged for all of `'cx`, and this is the thread
    /// that may read it.
    #[inline]
    pub(crate) unsafe fn from_raw(raw: *mut raw::RedisModuleString) -> Option<Self> {
        NonNull::new(raw).map(|raw| Self { raw, borrowed: PhantomData })
    }

    /// The pointer, for calls that read the string or share it by counting a reference.
    pub(crate) fn as_ptr(&self) -> *mut raw::RedisModuleString {
        self.raw.as_ptr()
    }

    /// The pointers of several strings, for calls that read a vector of them.
    pub(crate) fn pointers(strings: &[Self]) -> *mut *mut raw::RedisModuleString {
        strings.as_ptr().cast_mut().cast()
    }

    /// The bytes, without a copy.
    #[inline]
    pub fn as_bytes(&self) -> &'cx [u8] {
        // SAFETY: R4: the string lives for 'cx and no safe call changes a string in place.
        unsafe { bytes_of(self.raw) }
    }

    /// The text, if the bytes are UTF-8.
    pub fn to_str(&self) -> Result<&'cx str, std::str::Utf8Error> {
        std::str::from_utf8(self.as_bytes())
    }

    /// A copy of its own.
    #[allow(clippy::should_implement_trait, reason = "as on str; ToOwned would need Borrow")]
    pub fn to_owned(&self) -> RedisString {
        let copy = required!(RedisModule_CreateStringFromString);
        // SAFETY: R5: a NULL context makes a string that only its owner frees.
        let raw = unsafe { copy(ptr::null_mut(), self.as_ptr()) };
        // SAFETY: R5: it never returns NULL: out of memory ends the server instead.
        unsafe { RedisString::from_new(raw) }
    }

    /// The same string, kept without a copy of its bytes: the server counts a reference. Its memory stays as large
    /// as the client's command made it, which [`RedisStr::to_owned`] avoids.
    #[inline]
    pub fn retain(&self) -> RedisString {
        let hold = required!(RedisModule_HoldString);
        // SAFETY: R5: with a NULL context RM_HoldString counts a reference, or copies a string on the stack.
        let raw = unsafe { hold(ptr::null_mut(), self.as_ptr()) };
        // SAFETY: R5: it returns the string it was given or a new one, never NULL.
        unsafe { RedisString::from_new(raw) }
    }

    /// Orders two strings by their bytes, then by their lengths, as the server does.
    pub fn compare(&self, other: &RedisStr<'_>) -> Ordering {
        // RM_StringCompare gives the difference of two lengths as an int (compareStringObjects, object.c).
        const LENGTH_MAX: usize = i32::MAX as usize;
        if self.as_bytes().len().max(other.as_bytes().len()) > LENGTH_MAX {
            return self.as_bytes().cmp(other.as_bytes());
        }
        let compare = required!(RedisModule_StringCompare);
        // SAFETY: R4: two live strings, which are only read.
        unsafe { compare(self.as_ptr(), other.as_ptr()) }.cmp(&0)
    }
}

impl AsRef<[u8]> for RedisStr<'_> {
    #[inline]
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl PartialEq for RedisStr<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for RedisStr<'_> {}

impl PartialEq<[u8]> for RedisStr<'_> {
    fn eq(&self, other: &[u8]) -> bool {
        self.as_bytes() == other
    }
}

impl PartialOrd for RedisStr<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for RedisStr<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.compare(other)
    }
}

impl fmt::Debug for RedisStr<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.as_bytes().escape_ascii())
    }
}

/// A server string this module owns a reference to. It has no context, so it may be kept.
///
/// It is not `Send`: the server counts references without atomics, and a string that was stored in the
/// keyspace shares its count with it. To hand bytes to another thread, copy them into a `Vec<u8>`.
pub struct RedisString {
    raw: NonNull<raw::RedisModuleString>,
}

impl RedisString {
    /// Copies `bytes` into a new string.
    #[inline]
    pub fn new(bytes: &[u8]) -> Self {
        let create = required!(RedisModule_CreateString);
        // SAFETY: R5: a NULL context makes a string that only its owner frees; the bytes are copied.
        let raw = unsafe { create(ptr::null_mut(), bytes.as_ptr().cast(), bytes.len()) };
        // SAFETY: R5: RM_CreateString never returns NULL: out of memory ends the server instead.
        unsafe { Self::from_new(raw) }
    }

    /// Takes over a reference to a new string.
    ///
    /// # Safety
    /// As for `from_raw`, and `raw` is not NULL.
    #[inline]
    unsafe fn from_new(raw: *mut raw::RedisModuleString) -> Self {
        // SAFETY: the caller's promise.
        Self { raw: unsafe { NonNull::new_unchecked(raw) } }
    }

    /// Takes over a reference; `None` for NULL.
    ///
    /// # Safety
    /// `raw` is NULL or a string whose one reference the caller gives up, and which no context's
    /// automatic memory frees.
    pub(crate) unsafe fn from_raw(raw: *mut raw::RedisModuleString) -> Option<Self> {
        NonNull::new(raw).map(|raw| Self { raw })
    }

    /// Gives the reference up to whoever takes the pointer.
    pub(crate) fn into_raw(self) -> *mut raw::RedisModuleString {
        std::mem::ManuallyDrop::new(self).as_ptr()
    }

    /// The pointer, for calls that read the string or share it by counting a reference.
    pub(crate) fn as_ptr(&self) -> *mut raw::RedisModuleString {
        self.raw.as_ptr()
    }

    /// The bytes, without a copy.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        // SAFETY: R4: the reference keeps the string alive; no safe call changes a string in place.
        unsafe { bytes_of(self.raw) }
    }

    /// A view of this string.
    #[inline]
    pub fn as_redis_str(&self) -> RedisStr<'_> {
        RedisStr { raw: self.raw, borrowed: PhantomData }
    }
}

impl Clone for RedisString {
    /// Another reference to the same string.
    fn clone(&self) -> Self {
        let retain = required!(RedisModule_RetainString);
        // SAFETY: R5: counts a reference, which the clone owns. No owned string lies on the stack, where the
        // server has no count to raise (RM_HoldString has copied it).
        unsafe { retain(ptr::null_mut(), self.as_ptr()) };
        Self { raw: self.raw }
    }
}

impl Drop for RedisString {
    #[inline]
    fn drop(&mut self) {
        let free = required!(RedisModule_FreeString);
        // SAFETY: R5: gives up the one reference this value owns.
        unsafe { free(ptr::null_mut(), self.as_ptr()) };
    }
}

impl AsRef<[u8]> for RedisString {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl PartialEq for RedisString {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for RedisString {}

impl fmt::Debug for RedisString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_redis_str().fmt(f)
    }
}

/// # Safety
/// The string is alive and unchanged for `'a`.
#[inline]
unsafe fn bytes_of<'a>(raw: NonNull<raw::RedisModuleString>) -> &'a [u8] {
    let pointer_and_length = required!(RedisModule_StringPtrLen);
    let mut len = 0;
    // SAFETY: R4: a live string; the server answers where its bytes are and how many.
    let start = unsafe { pointer_and_length(raw.as_ptr(), &raw mut len) };
    // SAFETY: R4: `len` bytes from `start` on are the string's for as long as it lives.
    unsafe { slice::from_raw_parts(start.cast(), len) }
}
