//! Strings and numbers, as the server converts them.

use std::ffi::c_int;
use std::ptr;

use redis_module::raw;

use super::{RedisStr, RedisString};
use crate::api::required;
use crate::error::Error;

const OK: c_int = raw::REDISMODULE_OK as c_int;

impl RedisStr<'_> {
    /// The whole number that the string is: no `+`, no leading zeros, no spaces.
    ///
    /// # Errors
    /// [`Error::NotAnInteger`].
    #[inline]
    pub fn to_i64(&self) -> Result<i64, Error> {
        let convert = required!(RedisModule_StringToLongLong);
        let mut value = 0;
        // SAFETY: R4: a live string; the server writes one number.
        let status = unsafe { convert(self.as_ptr(), &raw mut value) };
        if status == OK { Ok(value) } else { Err(Error::NotAnInteger) }
    }

    /// The whole number from 0 on that the string is, as [`RedisStr::to_i64`].
    ///
    /// # Errors
    /// [`Error::NotAnInteger`].
    pub fn to_u64(&self) -> Result<u64, Error> {
        // Beyond i64 the server would take spaces, signs and leading zeros, and stop at a NUL (string2ull, util.c).
        let bytes = self.as_bytes();
        if !bytes.iter().all(u8::is_ascii_digit) || bytes.starts_with(b"0") && bytes.len() > 1 {
            return Err(Error::NotAnInteger);
        }
        let convert = required!(RedisModule_StringToULongLong);
        let mut value = 0;
        // SAFETY: R4: a live string; the server writes one number.
        let status = unsafe { convert(self.as_ptr(), &raw mut value) };
        if status == OK { Ok(value) } else { Err(Error::NotAnInteger) }
    }

    /// The number that the string is, written as C writes it; `inf` and `-inf` too, NaN never (`string2d`, util.c).
    /// Whether a hexadecimal number is one depends on the server.
    ///
    /// # Errors
    /// [`Error::NotANumber`].
    pub fn to_f64(&self) -> Result<f64, Error> {
        let convert = required!(RedisModule_StringToDouble);
        let mut value = 0.0;
        // SAFETY: R4: a live string; the server writes one number.
        let status = unsafe { convert(self.as_ptr(), &raw mut value) };
        if status == OK { Ok(value) } else { Err(Error::NotANumber) }
    }
}

impl RedisString {
    /// The decimal digits of a whole number.
    pub fn from_i64(value: i64) -> Self {
        let create = required!(RedisModule_CreateStringFromLongLong);
        // SAFETY: R5: a NULL context makes a string that only its owner frees; it is never NULL.
        unsafe { Self::from_new(create(ptr::null_mut(), value)) }
    }

    /// The decimal digits of a whole number without a sign.
    pub fn from_u64(value: u64) -> Self {
        let create = required!(RedisModule_CreateStringFromULongLong);
        // SAFETY: R5: as above.
        unsafe { Self::from_new(create(ptr::null_mut(), value)) }
    }

    /// A number as the server writes it in replies: the shortest digits that give the same number, or 17 of them
    /// (`d2string`, util.c); `inf`, `-inf` and `nan`.
    pub fn from_f64(value: f64) -> Self {
        let create = required!(RedisModule_CreateStringFromDouble);
        // SAFETY: R5: as above.
        unsafe { Self::from_new(create(ptr::null_mut(), value)) }
    }
}
