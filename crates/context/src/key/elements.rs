//! Walking over the elements of a hash, a set or a sorted set, a few at a time.

use std::ffi::c_void;
use std::ops::ControlFlow;

use redis_module::raw;

use super::{KeyType, ReadKey};
use crate::api::required;
use crate::context::Context;
use crate::error::Error;
use crate::guard::guard;
use crate::scan::{Cursor, ScanProgress};
use crate::string::RedisStr;

/// Where a walk over the elements of a key stands. It may be kept between callbacks, while the key is closed:
/// elements that are there from the walk's begin to its end are seen at least once, others perhaps; an element may be
/// seen twice (as with HSCAN). One cursor goes with one key.
pub struct ElementCursor(Cursor);

/// An element that a walk shows, for as long as it does.
#[derive(Debug, Clone, Copy)]
pub struct Element<'e> {
    name: RedisStr<'e>,
    value: Option<RedisStr<'e>>,
    is_scored: bool,
}

impl<'e> Element<'e> {
    /// The field of a hash, the member of a set or of a sorted set.
    pub fn name(&self) -> RedisStr<'e> {
        self.name
    }

    /// The value of a hash's field, the score of a sorted set's member as text; a set has none.
    pub fn value(&self) -> Option<RedisStr<'e>> {
        self.value
    }

    /// The score of a sorted set's member; `None` in a hash or a set.
    pub fn score(&self) -> Option<f64> {
        let text = if self.is_scored { self.value? } else { return None };
        text.to_str().ok()?.parse().ok()
    }
}

impl ElementCursor {
    /// A cursor before the first element.
    pub fn new(_server: &Context<'_>) -> Self {
        Self(Cursor::new())
    }

    /// Begins again before the first element.
    pub fn restart(&mut self) {
        self.0.restart();
    }

    /// Takes one step: shows a few elements of `key` (perhaps none) to `visit`. A small value is shown as a whole, in
    /// one step. A missing key has no elements.
    ///
    /// The key can't change meanwhile, and no command runs; other keys can be read. Fields of hashes whose time has
    /// come are left out (Redis 8.0 on, unless the key was opened with [`crate::OpenFlags::ACCESS_EXPIRED`]).
    ///
    /// A panic in `visit` breaks the step off.
    ///
    /// # Errors
    /// [`Error::WrongType`] unless the key holds a hash, a set or a sorted set.
    pub fn step(
        &mut self,
        key: &ReadKey<'_>,
        visit: impl FnMut(Element<'_>) -> ControlFlow<()>,
    ) -> Result<ScanProgress, Error> {
        let is_scored = match key.key_type() {
            KeyType::Missing => return Ok(ScanProgress::Done),
            KeyType::Hash | KeyType::Set => false,
            KeyType::SortedSet => true,
            _ => return Err(Error::WrongType),
        };
        let mut step = Step { visit, is_scored, flow: ControlFlow::Continue(()) };
        let (data, callback) = step.callback();
        let scan = required!(RedisModule_ScanKey);
        // SAFETY: R36: an open key that nothing changes meanwhile, and a live cursor; `data` outlives the
        // call, which alone uses it.
        let more = unsafe { scan(key.as_ptr(), self.0.as_ptr(), callback, data) };
        Ok(ScanProgress::of(step.flow, more))
    }
}

struct Step<F> {
    visit: F,
    is_scored: bool,
    flow: ControlFlow<()>,
}

impl<F: FnMut(Element<'_>) -> ControlFlow<()>> Step<F> {
    fn callback(&mut self) -> (*mut c_void, raw::RedisModuleScanKeyCB) {
        ((&raw mut *self).cast(), Some(Self::scanned))
    }

    unsafe extern "C" fn scanned(
        _key: *mut raw::RedisModuleKey,
        name: *mut raw::RedisModuleString,
        value: *mut raw::RedisModuleString,
        data: *mut c_void,
    ) {
        // SAFETY: R36: the `Step` of the call that is running, used by nobody else meanwhile.
        let step = unsafe { &mut *data.cast::<Self>() };
        if step.flow.is_break() {
            return;
        }
        step.flow = guard(
            "a walk over the elements of a key",
            || ControlFlow::Break(()),
            || {
                // SAFETY: R36: both are the server's until this callback returns.
                let (name, value) = unsafe { (RedisStr::from_raw(name), RedisStr::from_raw(value)) };
                let element = name.map(|name| Element { name, value, is_scored: step.is_scored });
                element.map_or(ControlFlow::Continue(()), &mut step.visit)
            },
        );
    }
}
