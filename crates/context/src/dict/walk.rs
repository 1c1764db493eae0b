//! Walks over a dict, in the order of its keys.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::marker::PhantomData;
use std::ptr::{self, NonNull};

use redis_module::raw;

use super::Dict;
use super::key::{DictKey, Kind};
use crate::api::required;
use crate::string::RedisString;

/// Where a walk begins.
#[derive(Debug, Clone, Copy)]
pub enum DictSeek<'k> {
    /// At the smallest key.
    First,
    /// At the greatest key.
    Last,
    /// At this key, or nowhere.
    Exactly(DictKey<'k>),
    /// At the smallest key above this one.
    Above(DictKey<'k>),
    /// At the smallest key that isn't below this one.
    From(DictKey<'k>),
    /// At the greatest key below this one.
    Below(DictKey<'k>),
    /// At the greatest key that isn't above this one.
    UpTo(DictKey<'k>),
}

impl<'k> DictSeek<'k> {
    /// [`DictSeek::Exactly`].
    pub fn exactly(key: impl Into<DictKey<'k>>) -> Self {
        Self::Exactly(key.into())
    }

    /// [`DictSeek::Above`].
    pub fn above(key: impl Into<DictKey<'k>>) -> Self {
        Self::Above(key.into())
    }

    /// [`DictSeek::From`].
    pub fn from(key: impl Into<DictKey<'k>>) -> Self {
        Self::From(key.into())
    }

    /// [`DictSeek::Below`].
    pub fn below(key: impl Into<DictKey<'k>>) -> Self {
        Self::Below(key.into())
    }

    /// [`DictSeek::UpTo`].
    pub fn up_to(key: impl Into<DictKey<'k>>) -> Self {
        Self::UpTo(key.into())
    }

    /// The operator as the server writes it, and the key it applies to.
    fn parts(self) -> (&'static CStr, DictKey<'k>) {
        let none = DictKey(Kind::Bytes(&[]));
        match self {
            Self::First => (c"^", none),
            Self::Last => (c"$", none),
            Self::Exactly(key) => (c"==", key),
            Self::Above(key) => (c">", key),
            Self::From(key) => (c">=", key),
            Self::Below(key) => (c"<", key),
            Self::UpTo(key) => (c"<=", key),
        }
    }
}

/// How a key compares with another: see [`DictWalk::compare`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DictComparison {
    /// The same.
    Equal,
    /// Above it.
    Above,
    /// Above it or the same.
    AtLeast,
    /// Below it.
    Below,
    /// Below it or the same.
    AtMost,
}

impl DictComparison {
    fn operator(self) -> *const c_char {
        let operator = match self {
            Self::Equal => c"==",
            Self::Above => c">",
            Self::AtLeast => c">=",
            Self::Below => c"<",
            Self::AtMost => c"<=",
        };
        operator.as_ptr()
    }
}

/// A walk over a [`Dict`], which can't be changed meanwhile.
///
/// After a seek the first step takes the key that was sought, whichever way it goes; each later step moves first and
/// takes the key it has come to. Steps in both directions may be mixed; beyond either end the walk is over until it is
/// sent elsewhere.
pub struct DictWalk<'d, V: 'static> {
    raw: NonNull<raw::RedisModuleDictIter>,
    dict: PhantomData<&'d Dict<V>>,
}

impl<V: 'static> Dict<V> {
    /// Begins a walk.
    pub fn seek(&self, to: DictSeek<'_>) -> DictWalk<'_, V> {
        let (operator, key) = to.parts();
        let (dict, operator) = (self.raw.as_ptr(), operator.as_ptr());
        let raw = match key.0 {
            Kind::Bytes(bytes) => {
                let start = required!(RedisModule_DictIteratorStartC);
                // SAFETY: R41: a dict of ours, an operator that the server knows; the key is copied.
                unsafe { start(dict, operator, bytes.as_ptr().cast_mut().cast(), bytes.len()) }
            }
            Kind::String(string) => {
                let start = required!(RedisModule_DictIteratorStart);
                // SAFETY: R41: as above, with a live string.
                unsafe { start(dict, operator, string.as_ptr()) }
            }
        };
        // SAFETY: R41: never NULL: out of memory ends the server instead.
        DictWalk { raw: unsafe { NonNull::new_unchecked(raw) }, dict: PhantomData }
    }
}

type Step = unsafe extern "C" fn(*mut raw::RedisModuleDictIter, *mut usize, *mut *mut c_void) -> *mut c_void;
type StringStep = unsafe extern "C" fn(
    *mut raw::RedisModuleCtx,
    *mut raw::RedisModuleDictIter,
    *mut *mut c_void,
) -> *mut raw::RedisModuleString;

impl<'d, V: 'static> DictWalk<'d, V> {
    /// The next key up, and its value. The key's bytes stay until the next step.
    #[allow(clippy::should_implement_trait, reason = "an iterator's items outlive the next step")]
    pub fn next(&mut self) -> Option<(&[u8], &'d V)> {
        self.step(required!(RedisModule_DictNextC))
    }

    /// The next key down, and its value.
    pub fn prev(&mut self) -> Option<(&[u8], &'d V)> {
        self.step(required!(RedisModule_DictPrevC))
    }

    /// As [`DictWalk::next`], with the key as a server string that may be kept.
    pub fn next_string(&mut self) -> Option<(RedisString, &'d V)> {
        self.string_step(required!(RedisModule_DictNext))
    }

    /// As [`DictWalk::prev`], with the key as a server string that may be kept.
    pub fn prev_string(&mut self) -> Option<(RedisString, &'d V)> {
        self.string_step(required!(RedisModule_DictPrev))
    }

    /// Goes elsewhere in the same dict.
    pub fn reseek(&mut self, to: DictSeek<'_>) {
        let (operator, key) = to.parts();
        let (walk, operator) = (self.raw.as_ptr(), operator.as_ptr());
        match key.0 {
            Kind::Bytes(bytes) => {
                let reseek = required!(RedisModule_DictIteratorReseekC);
                // SAFETY: R41: a walk of ours, an operator that the server knows; the key is copied.
                unsafe { reseek(walk, operator, bytes.as_ptr().cast_mut().cast(), bytes.len()) };
            }
            Kind::String(string) => {
                let reseek = required!(RedisModule_DictIteratorReseek);
                // SAFETY: R41: as above, with a live string.
                unsafe { reseek(walk, operator, string.as_ptr()) };
            }
        }
    }

    /// Compares the key that the last step took, or the one that was sought if there was no step yet, with another;
    /// `false` beyond the ends.
    pub fn compare<'k>(&self, how: DictComparison, key: impl Into<DictKey<'k>>) -> bool {
        let walk = self.raw.as_ptr();
        let status = match key.into().0 {
            Kind::Bytes(bytes) => {
                let compare = required!(RedisModule_DictCompareC);
                // SAFETY: R41: a walk of ours; the key's bytes are read.
                unsafe { compare(walk, how.operator(), bytes.as_ptr().cast_mut().cast(), bytes.len()) }
            }
            Kind::String(string) => {
                let compare = required!(RedisModule_DictCompare);
                // SAFETY: R41: a walk of ours and a live string.
                unsafe { compare(walk, how.operator(), string.as_ptr()) }
            }
        };
        status == raw::REDISMODULE_OK as c_int
    }

    /// The next value, to drop it.
    pub(super) fn next_pointer(&mut self) -> Option<NonNull<V>> {
        let next = required!(RedisModule_DictNextC);
        let (mut len, mut value) = (0, ptr::null_mut());
        // SAFETY: R41: a walk of ours, and where the answers go.
        let key = unsafe { next(self.raw.as_ptr(), &raw mut len, &raw mut value) };
        if key.is_null() { None } else { NonNull::new(value.cast()) }
    }

    fn step(&mut self, step: Step) -> Option<(&[u8], &'d V)> {
        let (mut len, mut value) = (0, ptr::null_mut());
        // SAFETY: R41: a walk of ours, and where the answers go.
        let key = unsafe { step(self.raw.as_ptr(), &raw mut len, &raw mut value) };
        if key.is_null() {
            return None;
        }
        // SAFETY: R41: the walk's own copy of the key, which the next step changes: it borrows the walk for change.
        let key = unsafe { std::slice::from_raw_parts(key.cast::<u8>(), len) };
        // SAFETY: R41: a box of the dict's, which is borrowed for `'d`.
        Some((key, unsafe { &*value.cast::<V>() }))
    }

    fn string_step(&mut self, step: StringStep) -> Option<(RedisString, &'d V)> {
        let mut value = ptr::null_mut();
        // SAFETY: R41, R5: a walk of ours; with a NULL context the string is ours.
        let key = unsafe { RedisString::from_raw(step(ptr::null_mut(), self.raw.as_ptr(), &raw mut value)) }?;
        // SAFETY: R41: a box of the dict's, which is borrowed for `'d`.
        Some((key, unsafe { &*value.cast::<V>() }))
    }
}

impl<V: 'static> Drop for DictWalk<'_, V> {
    fn drop(&mut self) {
        let stop = required!(RedisModule_DictIteratorStop);
        // SAFETY: R41: a walk of ours, ended once.
        unsafe { stop(self.raw.as_ptr()) };
    }
}
