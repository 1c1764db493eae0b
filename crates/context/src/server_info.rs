//! Reading INFO's fields.

use std::ffi::{CStr, c_int};
use std::marker::PhantomData;
use std::ptr::{self, NonNull};

use redis_module::raw;

use crate::api::required;
use crate::context::Context;
use crate::string::RedisString;

/// INFO's fields of one section, or of all, as they were when it was made. Making one costs as much as an INFO.
pub struct ServerInfo<'cx> {
    raw: NonNull<raw::RedisModuleServerInfoData>,
    context: PhantomData<(&'cx Context<'cx>, *mut ())>,
}

impl Context<'_> {
    /// Reads a section of INFO, such as `c"replication"`; `c"everything"` for all of them. `None` should the
    /// server have nothing to give.
    pub fn server_info(&self, section: &CStr) -> Option<ServerInfo<'_>> {
        let get = required!(RedisModule_GetServerInfo);
        // SAFETY: R7: a NULL context only means that the data is freed by hand, in `Drop`.
        let raw = unsafe { get(ptr::null_mut(), section.as_ptr()) };
        NonNull::new(raw).map(|raw| ServerInfo { raw, context: PhantomData })
    }
}

impl ServerInfo<'_> {
    /// A field's text.
    pub fn text(&self, field: &CStr) -> Option<&[u8]> {
        let get = required!(RedisModule_ServerInfoGetFieldC);
        // SAFETY: R7: the text belongs to the data and lives as long.
        let text = unsafe { get(self.raw.as_ptr(), field.as_ptr()) };
        // SAFETY: R7: a C string.
        (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_bytes())
    }

    /// A field's text as a string of the server, which outlives the data.
    pub fn string(&self, field: &CStr) -> Option<RedisString> {
        let get = required!(RedisModule_ServerInfoGetField);
        // SAFETY: R7: live data; with a NULL context the string is ours (R5).
        let string = unsafe { get(ptr::null_mut(), self.raw.as_ptr(), field.as_ptr()) };
        // SAFETY: R5: NULL, or a new string of ours.
        unsafe { RedisString::from_raw(string) }
    }

    /// A field that is a whole number from 0 on.
    pub fn unsigned(&self, field: &CStr) -> Option<u64> {
        let get = required!(RedisModule_ServerInfoGetFieldUnsigned);
        let mut status = 0;
        // SAFETY: R7: live data.
        let value = unsafe { get(self.raw.as_ptr(), field.as_ptr(), &raw mut status) };
        (status == raw::REDISMODULE_OK as c_int).then_some(value)
    }

    /// A field that is a whole number.
    pub fn signed(&self, field: &CStr) -> Option<i64> {
        let get = required!(RedisModule_ServerInfoGetFieldSigned);
        let mut status = 0;
        // SAFETY: R7: live data.
        let value = unsafe { get(self.raw.as_ptr(), field.as_ptr(), &raw mut status) };
        (status == raw::REDISMODULE_OK as c_int).then_some(value)
    }

    /// A field that is a number; a `%` after it is refused by the server.
    pub fn double(&self, field: &CStr) -> Option<f64> {
        let get = required!(RedisModule_ServerInfoGetFieldDouble);
        let mut status = 0;
        // SAFETY: R7: live data.
        let value = unsafe { get(self.raw.as_ptr(), field.as_ptr(), &raw mut status) };
        (status == raw::REDISMODULE_OK as c_int).then_some(value)
    }
}

impl Drop for ServerInfo<'_> {
    fn drop(&mut self) {
        let free = required!(RedisModule_FreeServerInfo);
        // SAFETY: R7: freed once, with the context it was made with.
        unsafe { free(ptr::null_mut(), self.raw.as_ptr()) };
    }
}
