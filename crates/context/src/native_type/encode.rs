//! A value as bytes and back, by the type's own `save` and `load`.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{NativeType, TypeHandle, frame};
use crate::api::required;
use crate::context::Context;
use crate::error::Error;
use crate::string::{RedisStr, RedisString};

/// Whether the module itself has asked for the `save` or `load` that runs, and what went wrong in it.
enum Transit {
    Idle,
    Running,
    Failed(Error),
}

static TRANSIT: Mutex<Transit> = Mutex::new(Transit::Idle);

fn transit() -> MutexGuard<'static, Transit> {
    TRANSIT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Notes why a `save` or `load` failed; `false` if the server has asked for it.
pub(super) fn failed(error: &Error) -> bool {
    let mut transit = transit();
    let is_running = !matches!(*transit, Transit::Idle);
    if is_running {
        *transit = Transit::Failed(error.clone());
    }
    is_running
}

/// Runs a call into the server that calls back into types of this module; an error if one of them fails.
pub(crate) fn run<R>(call: impl FnOnce() -> R) -> Result<R, Error> {
    // Auxiliary data may hold values that are encoded on their own.
    let outer = std::mem::replace(&mut *transit(), Transit::Running);
    let result = call();
    match std::mem::replace(&mut *transit(), outer) {
        Transit::Failed(error) => Err(error),
        _ => Ok(result),
    }
}

impl<T: NativeType> TypeHandle<T> {
    /// The value as bytes: what [`NativeType::save`] writes, without a version or checksum.
    ///
    /// # Errors
    /// [`Error::Module`] if `save` panics, [`Error::Refused`] if the server gives nothing.
    pub fn encode(self, _main: &Context<'_>, value: &T) -> Result<RedisString, Error> {
        let (save, of) = (required!(RedisModule_SaveDataTypeToString), self.live()?);
        let value = std::ptr::from_ref(value).cast_mut().cast();
        let mut string = None;
        // SAFETY: R52, R5: a value of this type, which `save` only reads; without a context the string is ours, or NULL. It is
        // freed if `save` fails half-way.
        run(|| string = unsafe { RedisString::from_raw(save(std::ptr::null_mut(), value, of)) })?;
        string.ok_or(Error::Refused {
            function: "RedisModule_SaveDataTypeToString",
            reason: "the value could not be written",
        })
    }

    /// The value that [`TypeHandle::encode`] has made bytes of. `version` is the [`NativeType::VERSION`] of then:
    /// keep it beside the bytes. Any bytes will do: what no server can have written is refused before `load` sees it.
    ///
    /// # Errors
    /// [`Error::ShortRead`] for bytes that are cut short or corrupt, and what [`NativeType::load`] says.
    pub fn decode<'s>(
        self,
        _main: &Context<'_>,
        bytes: impl Into<RedisStr<'s>>,
        version: u16,
    ) -> Result<T, Error> {
        let bytes = bytes.into();
        if !frame::is_sound(bytes.as_bytes()) {
            return Err(Error::ShortRead);
        }
        let (load, of) = (required!(RedisModule_LoadDataTypeFromStringEncver), self.live()?);
        // SAFETY: R52: a live string that is well-formed, and this type, whose `load` gives a box of its `T`.
        let value = run(|| unsafe { load(bytes.as_ptr(), of, i32::from(version)) })?;
        let value: *mut T = value.cast();
        if value.is_null() {
            return Err(Error::ShortRead);
        }
        // SAFETY: R31: a box that `load` has made, given up by the server.
        Ok(*unsafe { Box::from_raw(value) })
    }
}

/// What the callbacks pass on when they panicked.
pub(super) fn panicked() -> Error {
    Error::module("the type's own code panicked: see the server's log")
}
