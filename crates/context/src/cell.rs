//! State of the module that lives on the server's main thread.

use std::cell::{Ref, RefCell, RefMut};

use crate::context::Context;
use crate::error::Error;

/// A static's contents, reachable only by who can show a [`Context`]: that proves that this is the
/// server's main thread, inside one of its callbacks, or what runs under the server's lock
/// ([`crate::ServerLock`]).
///
/// Borrows are checked when they are made, because the server calls back into the module (a call fires
/// a keyspace event, whose handler wants the same state): keep them short, and never across a call.
///
/// ```
/// use redis_context::{Context, MainCell};
/// static COUNT: MainCell<u64> = MainCell::new(0);
/// fn count(ctx: &Context<'_>) -> Result<u64, redis_context::Error> {
///     let mut count = COUNT.try_borrow_mut(ctx)?;
///     *count += 1;
///     Ok(*count)
/// }
/// ```
pub struct MainCell<T> {
    value: RefCell<T>,
}

// SAFETY: R6: every `Context` exists on the main thread only, and a borrow cannot outlive the `Context`
// it was made with, so one thread alone ever touches the value and its borrow count. A static's value is
// never dropped. `T` need not be `Send`: it is never seen elsewhere.
unsafe impl<T> Sync for MainCell<T> {}

impl<T> MainCell<T> {
    /// A cell holding `value`.
    pub const fn new(value: T) -> Self {
        Self { value: RefCell::new(value) }
    }

    /// Borrows the value; [`Error::Busy`] while an outer call has it borrowed for change.
    #[inline]
    pub fn try_borrow<'a>(&'a self, _proof: &'a Context<'_>) -> Result<Ref<'a, T>, Error> {
        self.value.try_borrow().map_err(|_| Error::Busy)
    }

    /// Borrows the value for change; [`Error::Busy`] while an outer call has it borrowed.
    #[inline]
    pub fn try_borrow_mut<'a>(&'a self, _proof: &'a Context<'_>) -> Result<RefMut<'a, T>, Error> {
        self.value.try_borrow_mut().map_err(|_| Error::Busy)
    }

    /// Borrows the value. Panics (which the callback's guard contains) while an outer call has it
    /// borrowed for change.
    #[inline]
    #[track_caller]
    pub fn borrow<'a>(&'a self, _proof: &'a Context<'_>) -> Ref<'a, T> {
        self.value.borrow()
    }

    /// Borrows the value for change. Panics (which the callback's guard contains) while an outer call
    /// has it borrowed.
    #[inline]
    #[track_caller]
    pub fn borrow_mut<'a>(&'a self, _proof: &'a Context<'_>) -> RefMut<'a, T> {
        self.value.borrow_mut()
    }

    /// Puts `value` in and returns the old one; [`Error::Busy`] while an outer call has it borrowed.
    pub fn replace(&self, proof: &Context<'_>, value: T) -> Result<T, Error> {
        Ok(std::mem::replace(&mut *self.try_borrow_mut(proof)?, value))
    }
}

impl<T: Default> MainCell<T> {
    /// Takes the value out and leaves the default; [`Error::Busy`] while an outer call has it borrowed.
    pub fn take(&self, proof: &Context<'_>) -> Result<T, Error> {
        self.replace(proof, T::default())
    }
}
