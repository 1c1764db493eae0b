//! The server's radix tree, as a map of the module's own: byte strings in order, to values of any type.
//!
//! ```text
//! Dict::new() --insert, get, remove-->  values, owned by the dict
//!      |
//!      `--seek(DictSeek::From(key))-->  DictWalk  --next, prev, next_string, prev_string, reseek, compare-->
//! ```
//!
//! It is worth it where keys share prefixes or are wanted in order; it lives in the server's memory as everything of a
//! module does, and has nothing to do with the keyspace.

mod defrag;
mod key;
mod walk;

use std::ffi::{c_int, c_void};
use std::marker::PhantomData;
use std::ptr::{self, NonNull};

use redis_module::raw;

use crate::api::required;
use crate::error::Error;
use key::Kind;

pub use key::DictKey;
pub use walk::{DictComparison, DictSeek, DictWalk};

/// The longest key of a [`Dict`], in bytes.
pub const DICT_KEY_BYTES_MAX: usize = 1024 * 1024;

/// The server frees a tree by recursion, one call for each byte of the longest key at worst (rax.c,
/// `raxRecursiveFree`): longer keys are removed one by one beforehand.
const KEY_BYTES_FREED_AT_ONCE: usize = 4096;

/// A map from byte strings to values, in the order of the bytes: the server's radix tree. Dropping it drops the
/// values. All servers.
///
/// It may be kept (in a [`crate::MainCell`]), and does not leave its thread.
pub struct Dict<V: 'static> {
    raw: NonNull<raw::RedisModuleDict>,
    longest_key: usize,
    values: PhantomData<V>,
}

impl<V: 'static> Dict<V> {
    /// An empty dict.
    pub fn new() -> Self {
        let create = required!(RedisModule_CreateDict);
        // SAFETY: R41: a NULL context makes a dict that only its owner frees.
        let raw = unsafe { create(ptr::null_mut()) };
        // SAFETY: R41: RM_CreateDict never returns NULL: out of memory ends the server instead.
        Self { raw: unsafe { NonNull::new_unchecked(raw) }, longest_key: 0, values: PhantomData }
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        let size = required!(RedisModule_DictSize);
        // SAFETY: R41: a dict of ours.
        usize::try_from(unsafe { size(self.raw.as_ptr()) }).unwrap_or(usize::MAX)
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value of a key.
    pub fn get<'k>(&self, key: impl Into<DictKey<'k>>) -> Option<&V> {
        // SAFETY: R41: a box of this dict's, which is borrowed.
        self.find(key.into()).map(|value| unsafe { value.as_ref() })
    }

    /// The value of a key, to change it.
    pub fn get_mut<'k>(&mut self, key: impl Into<DictKey<'k>>) -> Option<&mut V> {
        // SAFETY: R41: a box of this dict's, which is borrowed for change.
        self.find(key.into()).map(|mut value| unsafe { value.as_mut() })
    }

    /// Whether there is such a key.
    pub fn contains<'k>(&self, key: impl Into<DictKey<'k>>) -> bool {
        self.find(key.into()).is_some()
    }

    fn find(&self, key: DictKey<'_>) -> Option<NonNull<V>> {
        let dict = self.raw.as_ptr();
        let mut is_missing: c_int = 0;
        let value = match key.0 {
            Kind::Bytes(bytes) => {
                let get = required!(RedisModule_DictGetC);
                // SAFETY: R41: a dict of ours; the key's bytes are read.
                unsafe { get(dict, bytes.as_ptr().cast_mut().cast(), bytes.len(), &raw mut is_missing) }
            }
            Kind::String(string) => {
                let get = required!(RedisModule_DictGet);
                // SAFETY: R41: a dict of ours and a live string.
                unsafe { get(dict, string.as_ptr(), &raw mut is_missing) }
            }
        };
        NonNull::new(value.cast())
    }

    /// Sets a key's value, and gives back the one it had.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a key above [`DICT_KEY_BYTES_MAX`]; the value is dropped.
    pub fn insert<'k>(&mut self, key: impl Into<DictKey<'k>>, value: V) -> Result<Option<V>, Error> {
        let key = self.admit(key.into())?;
        let value = Box::into_raw(Box::new(value));
        if self.set(key, value) {
            return Ok(None);
        }
        let old = self.find(key);
        self.replace(key, value);
        // SAFETY: R41: a box that the dict no longer has.
        Ok(old.map(|old| unsafe { *Box::from_raw(old.as_ptr()) }))
    }

    /// Sets the value of a key that isn't there yet. Answers whether it did: otherwise the key keeps its value, and
    /// this one is dropped.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a key above [`DICT_KEY_BYTES_MAX`]; the value is dropped.
    pub fn insert_new<'k>(&mut self, key: impl Into<DictKey<'k>>, value: V) -> Result<bool, Error> {
        let key = self.admit(key.into())?;
        let value = Box::into_raw(Box::new(value));
        let is_new = self.set(key, value);
        if !is_new {
            // SAFETY: R41: the dict did not take it.
            drop(unsafe { Box::from_raw(value) });
        }
        Ok(is_new)
    }

    /// Removes a key, and gives back its value.
    pub fn remove<'k>(&mut self, key: impl Into<DictKey<'k>>) -> Option<V> {
        let dict = self.raw.as_ptr();
        let mut old: *mut c_void = ptr::null_mut();
        let out = (&raw mut old).cast();
        let status = match key.into().0 {
            Kind::Bytes(bytes) => {
                let remove = required!(RedisModule_DictDelC);
                // SAFETY: R41: a dict of ours that nobody walks over; the key's bytes are read.
                unsafe { remove(dict, bytes.as_ptr().cast_mut().cast(), bytes.len(), out) }
            }
            Kind::String(string) => {
                let remove = required!(RedisModule_DictDel);
                // SAFETY: R41: a dict of ours that nobody walks over, and a live string.
                unsafe { remove(dict, string.as_ptr(), out) }
            }
        };
        if status != raw::REDISMODULE_OK as c_int || old.is_null() {
            return None;
        }
        // SAFETY: R41: a box that the dict no longer has.
        Some(unsafe { *Box::from_raw(old.cast::<V>()) })
    }

    /// Removes all keys and drops their values.
    pub fn clear(&mut self) {
        *self = Self::new();
    }

    fn admit<'k>(&mut self, key: DictKey<'k>) -> Result<DictKey<'k>, Error> {
        let len = key.as_bytes().len();
        if len > DICT_KEY_BYTES_MAX {
            return Err(Error::Invalid { what: "the dict's key", reason: "at most 1 MB" });
        }
        self.longest_key = self.longest_key.max(len);
        Ok(key)
    }

    /// Adds a key; `false` if it is there.
    fn set(&mut self, key: DictKey<'_>, value: *mut V) -> bool {
        let dict = self.raw.as_ptr();
        let status = match key.0 {
            Kind::Bytes(bytes) => {
                let set = required!(RedisModule_DictSetC);
                // SAFETY: R41: a dict of ours that nobody walks over; the key is copied.
                unsafe { set(dict, bytes.as_ptr().cast_mut().cast(), bytes.len(), value.cast()) }
            }
            Kind::String(string) => {
                let set = required!(RedisModule_DictSet);
                // SAFETY: R41: a dict of ours that nobody walks over; the string is copied.
                unsafe { set(dict, string.as_ptr(), value.cast()) }
            }
        };
        status == raw::REDISMODULE_OK as c_int
    }

    fn replace(&mut self, key: DictKey<'_>, value: *mut V) {
        let dict = self.raw.as_ptr();
        match key.0 {
            Kind::Bytes(bytes) => {
                let replace = required!(RedisModule_DictReplaceC);
                // SAFETY: R41: a dict of ours that nobody walks over; whoever called has the old value.
                unsafe { replace(dict, bytes.as_ptr().cast_mut().cast(), bytes.len(), value.cast()) };
            }
            Kind::String(string) => {
                let replace = required!(RedisModule_DictReplace);
                // SAFETY: R41: as above.
                unsafe { replace(dict, string.as_ptr(), value.cast()) };
            }
        }
    }

    /// Takes any key out.
    fn pop(&mut self) -> Option<V> {
        let first = self.seek(DictSeek::First).next()?.0.to_vec();
        self.remove(first.as_slice())
    }
}

impl<V: 'static> Default for Dict<V> {
    fn default() -> Self {
        Self::new()
    }
}

/// Frees the tree, also if a value's `drop` panics.
struct Tree(NonNull<raw::RedisModuleDict>);

impl Drop for Tree {
    fn drop(&mut self) {
        let free = required!(RedisModule_FreeDict);
        // SAFETY: R41: made with a NULL context, freed once.
        unsafe { free(ptr::null_mut(), self.0.as_ptr()) };
    }
}

impl<V: 'static> Drop for Dict<V> {
    fn drop(&mut self) {
        let _tree = Tree(self.raw);
        if self.longest_key > KEY_BYTES_FREED_AT_ONCE {
            while self.pop().is_some() {}
            return;
        }
        let mut walk = self.seek(DictSeek::First);
        while let Some(value) = walk.next_pointer() {
            // SAFETY: R41: each box once, and nobody sees the dict any more.
            drop(unsafe { Box::from_raw(value.as_ptr()) });
        }
    }
}
