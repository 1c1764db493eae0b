//! What a type's methods write to and read from.

use std::ffi::CStr;
use std::marker::PhantomData;

use redis_module::raw;

use crate::api::required;
use crate::error::Error;
use crate::string::RedisString;

/// Writes values into a snapshot. The server notes a failed write itself and fails the save.
pub struct RdbWriter<'a> {
    io: *mut raw::RedisModuleIO,
    /// Written before the first value: see the format of auxiliary data.
    marker: Option<u64>,
    callback: PhantomData<&'a mut ()>,
}

impl RdbWriter<'_> {
    /// # Safety
    /// `io` is what the server passed to a save callback, for all of `'_`.
    pub(crate) unsafe fn new(io: *mut raw::RedisModuleIO, marker: Option<u64>) -> Self {
        Self { io, marker, callback: PhantomData }
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
        unsafe { save(self.io, value) };
    }

    /// Writes a whole number.
    pub fn signed(&mut self, value: i64) {
        self.begin();
        let save = required!(RedisModule_SaveSigned);
        // SAFETY: R32: the callback's own stream.
        unsafe { save(self.io, value) };
    }

    /// Writes a floating point number, bit by bit.
    pub fn double(&mut self, value: f64) {
        self.begin();
        let save = required!(RedisModule_SaveDouble);
        // SAFETY: R32: the callback's own stream.
        unsafe { save(self.io, value) };
    }

    /// Writes any bytes, with their length.
    pub fn bytes(&mut self, bytes: impl AsRef<[u8]>) {
        self.begin();
        let bytes = bytes.as_ref();
        let save = required!(RedisModule_SaveStringBuffer);
        // SAFETY: R32: the callback's own stream; `len` bytes are copied.
        unsafe { save(self.io, bytes.as_ptr().cast(), bytes.len()) };
    }
}

/// Reads values from a snapshot, in the order and of the kinds they were written. After one error every
/// further read fails too.
pub struct RdbReader<'a> {
    io: *mut raw::RedisModuleIO,
    callback: PhantomData<&'a mut ()>,
}

impl RdbReader<'_> {
    /// # Safety
    /// `io` is what the server passed to a load callback, for all of `'_`, and the module has declared that
    /// it handles read errors.
    pub(crate) unsafe fn new(io: *mut raw::RedisModuleIO) -> Self {
        Self { io, callback: PhantomData }
    }

    fn check<R>(&self, value: R) -> Result<R, Error> {
        let failed = required!(RedisModule_IsIOError);
        // SAFETY: R32: the callback's own stream.
        if unsafe { failed(self.io) } == 0 { Ok(value) } else { Err(Error::ShortRead) }
    }

    /// Reads a whole number without a sign.
    ///
    /// # Errors
    /// [`Error::ShortRead`] if the data ends or something else was written here.
    pub fn unsigned(&mut self) -> Result<u64, Error> {
        let load = required!(RedisModule_LoadUnsigned);
        // SAFETY: R32: the callback's own stream.
        self.check(unsafe { load(self.io) })
    }

    /// Reads a whole number.
    ///
    /// # Errors
    /// [`Error::ShortRead`] if the data ends or something else was written here.
    pub fn signed(&mut self) -> Result<i64, Error> {
        let load = required!(RedisModule_LoadSigned);
        // SAFETY: R32: the callback's own stream.
        self.check(unsafe { load(self.io) })
    }

    /// Reads a floating point number.
    ///
    /// # Errors
    /// [`Error::ShortRead`] if the data ends or something else was written here.
    pub fn double(&mut self) -> Result<f64, Error> {
        let load = required!(RedisModule_LoadDouble);
        // SAFETY: R32: the callback's own stream.
        self.check(unsafe { load(self.io) })
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
        let start = unsafe { load(self.io, &raw mut len) };
        if start.is_null() {
            return Err(Error::ShortRead);
        }
        // SAFETY: R32: `len` bytes from `start` on, ours until freed.
        let bytes = unsafe { std::slice::from_raw_parts(start.cast::<u8>(), len) }.to_vec();
        // SAFETY: R32: the buffer the server gave us, freed once.
        unsafe { free(start.cast()) };
        self.check(bytes)
    }
}

/// Writes commands into an AOF that is being rewritten.
pub struct AofWriter<'a> {
    io: *mut raw::RedisModuleIO,
    callback: PhantomData<&'a mut ()>,
}

impl AofWriter<'_> {
    /// # Safety
    /// `io` is what the server passed to an AOF callback, for all of `'_`.
    pub(crate) unsafe fn new(io: *mut raw::RedisModuleIO) -> Self {
        Self { io, callback: PhantomData }
    }

    /// Writes one command. A command this server doesn't know fails the rewrite, and the server logs it.
    pub fn command(&mut self, name: &CStr, arguments: &[&[u8]]) {
        let owned: Vec<RedisString> = arguments.iter().map(|bytes| RedisString::new(bytes)).collect();
        let mut pointers: Vec<*mut raw::RedisModuleString> = owned.iter().map(RedisString::as_ptr).collect();
        let emit = required!(RedisModule_EmitAOF);
        // SAFETY: R32: "v" reads an array of strings and its length; they live through the call.
        unsafe { emit(self.io, name.as_ptr(), c"v".as_ptr(), pointers.as_mut_ptr(), pointers.len()) };
    }
}

/// Adds up what makes two values equal, for DEBUG DIGEST: elements in an order that matters, in groups
/// whose own order doesn't.
pub struct Digest<'a> {
    digest: *mut raw::RedisModuleDigest,
    callback: PhantomData<&'a mut ()>,
}

impl Digest<'_> {
    /// # Safety
    /// `digest` is what the server passed to a digest callback, for all of `'_`.
    pub(super) unsafe fn new(digest: *mut raw::RedisModuleDigest) -> Self {
        Self { digest, callback: PhantomData }
    }

    /// Adds bytes to the present group.
    pub fn bytes(&mut self, bytes: impl AsRef<[u8]>) {
        let bytes = bytes.as_ref();
        let add = required!(RedisModule_DigestAddStringBuffer);
        // SAFETY: R32: the callback's own digest; `len` bytes are read.
        unsafe { add(self.digest, bytes.as_ptr().cast(), bytes.len()) };
    }

    /// Adds a number to the present group.
    pub fn int(&mut self, value: i64) {
        let add = required!(RedisModule_DigestAddLongLong);
        // SAFETY: R32: the callback's own digest.
        unsafe { add(self.digest, value) };
    }

    /// Ends a group.
    pub fn end_group(&mut self) {
        let end = required!(RedisModule_DigestEndSequence);
        // SAFETY: R32: the callback's own digest.
        unsafe { end(self.digest) };
    }
}
