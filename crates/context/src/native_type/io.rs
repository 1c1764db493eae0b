//! What a type's values are saved to and loaded from: a snapshot, DUMP and RESTORE, COPY to another server.

use std::ops::Deref;

use redis_module::raw;

use super::stream::TypeStream;
use crate::api::required;
use crate::error::Error;
use crate::long_double::LongDouble;
use crate::string::{RedisStr, RedisString};

/// Writes values into a snapshot. The server notes a failed write itself and fails the save.
pub struct RdbWriter<'a> {
    stream: TypeStream<'a>,
    /// Written before the first value: see the format of auxiliary data.
    marker: Option<u64>,
}

impl<'a> RdbWriter<'a> {
    /// # Safety
    /// `io` is what the server passed to a save callback, for all of `'a`.
    pub(crate) unsafe fn new(io: *mut raw::RedisModuleIO, marker: Option<u64>) -> Self {
        // SAFETY: the caller's promise.
        Self { stream: unsafe { TypeStream::new(io) }, marker }
    }

    /// Whether nothing was written yet.
    pub(super) fn is_untouched(&self) -> bool {
        self.marker.is_some()
    }

    fn begin(&mut self) {
        if let Some(marker) = self.marker.take() {
            self.unsigned(marker);
        }
    }

    /// Writes a whole number without a sign.
    pub fn unsigned(&mut self, value: u64) {
        self.begin();
        let save = required!(RedisModule_SaveUnsigned);
        // SAFETY: R32: the callback's own stream.
        unsafe { save(self.stream.io, value) };
    }

    /// Writes a whole number.
    pub fn signed(&mut self, value: i64) {
        self.begin();
        let save = required!(RedisModule_SaveSigned);
        // SAFETY: R32: the callback's own stream.
        unsafe { save(self.stream.io, value) };
    }

    /// Writes a floating point number, bit by bit.
    pub fn double(&mut self, value: f64) {
        self.begin();
        let save = required!(RedisModule_SaveDouble);
        // SAFETY: R32: the callback's own stream.
        unsafe { save(self.stream.io, value) };
    }

    /// Writes a floating point number of single precision, bit by bit: half the size of a double.
    pub fn float(&mut self, value: f32) {
        self.begin();
        let save = required!(RedisModule_SaveFloat);
        // SAFETY: R32: the callback's own stream.
        unsafe { save(self.stream.io, value) };
    }

    /// Writes a `long double`, exactly, as text: it may be read on another kind of machine.
    ///
    /// # Errors
    /// [`Error::Unsupported`] on a server without it; every supported server has it.
    pub fn long_double(&mut self, value: LongDouble) -> Result<(), Error> {
        self.begin();
        // SAFETY: R32: the callback's own stream.
        unsafe { value.save(self.stream.io) }
    }

    /// Writes any bytes, with their length.
    pub fn bytes(&mut self, bytes: impl AsRef<[u8]>) {
        self.begin();
        let bytes = bytes.as_ref();
        let save = required!(RedisModule_SaveStringBuffer);
        // SAFETY: R32: the callback's own stream; `len` bytes are copied.
        unsafe { save(self.stream.io, bytes.as_ptr().cast(), bytes.len()) };
    }

    /// Writes a server string. What is written is the same as for [`RdbWriter::bytes`].
    pub fn string<'s>(&mut self, string: impl Into<RedisStr<'s>>) {
        self.begin();
        let save = required!(RedisModule_SaveString);
        // SAFETY: R32, R4: the callback's own stream; the string lives through the call, which reads it.
        unsafe { save(self.stream.io, string.into().as_ptr()) };
    }
}

impl<'a> Deref for RdbWriter<'a> {
    type Target = TypeStream<'a>;
    fn deref(&self) -> &Self::Target {
        &self.stream
    }
}

/// Reads values from a snapshot, in the order and of the kinds they were written. After one error every
/// further read fails too.
pub struct RdbReader<'a> {
    stream: TypeStream<'a>,
}

impl<'a> RdbReader<'a> {
    /// # Safety
    /// `io` is what the server passed to a load callback, for all of `'a`, and the module has declared that
    /// it handles read errors.
    pub(crate) unsafe fn new(io: *mut raw::RedisModuleIO) -> Self {
        // SAFETY: the caller's promise.
        Self { stream: unsafe { TypeStream::new(io) } }
    }

    fn check<R>(&self, value: R) -> Result<R, Error> {
        let failed = required!(RedisModule_IsIOError);
        // SAFETY: R32: the callback's own stream.
        if unsafe { failed(self.stream.io) } == 0 { Ok(value) } else { Err(Error::ShortRead) }
    }

    /// Reads a whole number without a sign.
    ///
    /// # Errors
    /// [`Error::ShortRead`] if the data ends or something else was written here.
    pub fn unsigned(&mut self) -> Result<u64, Error> {
        let load = required!(RedisModule_LoadUnsigned);
        // SAFETY: R32: the callback's own stream.
        self.check(unsafe { load(self.stream.io) })
    }

    /// Reads a whole number.
    ///
    /// # Errors
    /// [`Error::ShortRead`] if the data ends or something else was written here.
    pub fn signed(&mut self) -> Result<i64, Error> {
        let load = required!(RedisModule_LoadSigned);
        // SAFETY: R32: the callback's own stream.
        self.check(unsafe { load(self.stream.io) })
    }

    /// Reads a floating point number.
    ///
    /// # Errors
    /// [`Error::ShortRead`] if the data ends or something else was written here.
    pub fn double(&mut self) -> Result<f64, Error> {
        let load = required!(RedisModule_LoadDouble);
        // SAFETY: R32: the callback's own stream.
        self.check(unsafe { load(self.stream.io) })
    }

    /// Reads a floating point number of single precision.
    ///
    /// # Errors
    /// [`Error::ShortRead`] if the data ends or something else was written here.
    pub fn float(&mut self) -> Result<f32, Error> {
        let load = required!(RedisModule_LoadFloat);
        // SAFETY: R32: the callback's own stream.
        self.check(unsafe { load(self.stream.io) })
    }

    /// Reads a `long double`.
    ///
    /// It reads the text itself: `RM_LoadLongDouble` gives whatever was on its stack when the text is no number
    /// (module.c, Redis 7.0 to 8.6).
    ///
    /// # Errors
    /// [`Error::ShortRead`] if the data ends or something else was written here.
    pub fn long_double(&mut self) -> Result<LongDouble, Error> {
        let text = self.string()?;
        if matches!(text.as_bytes(), b"nan" | b"-nan") {
            return Ok(LongDouble::nan());
        }
        match text.as_redis_str().to_long_double() {
            Err(Error::Invalid { .. }) => Err(Error::ShortRead),
            read => read,
        }
    }

    /// Reads bytes. The server has them in memory before their length can be judged: at most 512 MB
    /// (`proto-max-bulk-len`) in a snapshot that a server wrote.
    ///
    /// # Errors
    /// [`Error::ShortRead`] if the data ends or something else was written here.
    pub fn bytes(&mut self) -> Result<Vec<u8>, Error> {
        let load = required!(RedisModule_LoadStringBuffer);
        let free = required!(RedisModule_Free);
        let mut len = 0;
        // SAFETY: R32: the callback's own stream; it returns a buffer of ours, or NULL.
        let start = unsafe { load(self.stream.io, &raw mut len) };
        if start.is_null() {
            return Err(Error::ShortRead);
        }
        // SAFETY: R32: `len` bytes from `start` on, ours until freed.
        let bytes = unsafe { std::slice::from_raw_parts(start.cast::<u8>(), len) }.to_vec();
        // SAFETY: R32: the buffer the server gave us, freed once.
        unsafe { free(start.cast()) };
        self.check(bytes)
    }

    /// Reads bytes into a server string, without another copy: as [`RdbReader::bytes`] otherwise. A value that keeps
    /// such a string is not `Send`, so this is for what is only passed on.
    ///
    /// # Errors
    /// [`Error::ShortRead`] if the data ends or something else was written here.
    pub fn string(&mut self) -> Result<RedisString, Error> {
        let load = required!(RedisModule_LoadString);
        // SAFETY: R32: the callback's own stream; it returns a string of ours, or NULL.
        let string = unsafe { RedisString::from_raw(load(self.stream.io)) };
        self.check(string)?.ok_or(Error::ShortRead)
    }
}

impl<'a> Deref for RdbReader<'a> {
    type Target = TypeStream<'a>;
    fn deref(&self) -> &Self::Target {
        &self.stream
    }
}
