//! Whole numbers without a sign.

use std::ffi::{CStr, c_char, c_int, c_longlong, c_uint, c_ulonglong, c_void};
use std::sync::atomic::{AtomicU64, Ordering};

use redis_module::raw;

use super::register::refused;
use super::register::sealed::Register;
use super::{ConfigFlags, Refusal, config, privdata, set};
use crate::api::{required, unbound};
use crate::context::LoadContext;
use crate::error::Error;

/// A whole number from 0 on. Valkey 9.1 on takes all of `u64`; elsewhere a config whose greatest value is at most
/// `i64::MAX` is registered as a number with a sign, and any other names [`Error::Unsupported`] as the reason.
pub struct UintConfig {
    pub(super) name: &'static CStr,
    default: u64,
    min: u64,
    max: u64,
    flags: ConfigFlags,
    check: Option<fn(u64) -> Result<(), Refusal>>,
    value: AtomicU64,
}

/// Says that a number is read without a sign (valkeymodule.h, Valkey 9.1); the bit of Redis' unprefixed names.
const UNSIGNED: c_uint = 1 << 9;

type Get = unsafe extern "C" fn(*const c_char, *mut c_void) -> c_ulonglong;
type Set =
    unsafe extern "C" fn(*const c_char, c_ulonglong, *mut c_void, *mut *mut raw::RedisModuleString) -> c_int;
type RegisterFn = unsafe extern "C" fn(
    *mut raw::RedisModuleCtx,
    *const c_char,
    c_ulonglong,
    c_uint,
    c_ulonglong,
    c_ulonglong,
    Option<Get>,
    Option<Set>,
    Option<
        unsafe extern "C" fn(
            *mut raw::RedisModuleCtx,
            *mut c_void,
            *mut *mut raw::RedisModuleString,
        ) -> c_int,
    >,
    *mut c_void,
) -> c_int;

impl UintConfig {
    /// A whole number of any size.
    pub const fn new(name: &'static CStr, default: u64) -> Self {
        Self {
            name,
            default,
            min: 0,
            max: u64::MAX,
            flags: ConfigFlags::empty(),
            check: None,
            value: AtomicU64::new(default),
        }
    }

    /// The least and the greatest value; the default is one of them or between them.
    pub const fn range(mut self, min: u64, max: u64) -> Self {
        (self.min, self.max) = (min, max);
        self
    }

    /// How it may be set and shown.
    pub const fn flags(mut self, flags: ConfigFlags) -> Self {
        self.flags = flags;
        self
    }

    /// Looks at a new value before it is taken.
    pub const fn check(mut self, check: fn(u64) -> Result<(), Refusal>) -> Self {
        self.check = Some(check);
        self
    }

    /// The value, from any thread.
    #[inline]
    pub fn get(&self) -> u64 {
        self.value.load(Ordering::Relaxed)
    }
}

impl UintConfig {
    fn read(&self, text: &[u8]) -> Result<u64, Refusal> {
        let text = std::str::from_utf8(text).map_err(|_| "it is not a number")?;
        let value = text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten();
        self.checked(value.ok_or("it is not a number")?)
    }

    pub(super) fn checked(&self, value: u64) -> Result<u64, Refusal> {
        if !(self.min..=self.max).contains(&value) {
            return Err(format!("it must be between {} and {}", self.min, self.max).into());
        }
        self.check.map_or(Ok(()), |check| check(value))?;
        Ok(value)
    }

    pub(super) fn assign(&self, value: u64) -> Result<(), Refusal> {
        self.check.map_or(Ok(()), |check| check(value))?;
        self.value.store(value, Ordering::Relaxed);
        Ok(())
    }

    /// As a number with a sign, if each of its values is one.
    fn register_signed(
        &'static self,
        load: &LoadContext<'_>,
        default: u64,
        missing: Error,
    ) -> Result<c_int, Error> {
        let (Ok(default), Ok(min), Ok(max)) =
            (i64::try_from(default), i64::try_from(self.min), i64::try_from(self.max))
        else {
            return Err(missing);
        };
        let register = required!(RedisModule_RegisterNumericConfig);
        let (name, data, flags) = (self.name.as_ptr(), privdata(self), self.flags.known_bits());
        let (get, set) = (Some(get_signed as GetSigned), Some(set_signed as SetSigned));
        // SAFETY: R19: the private data is this static, which both callbacks take it for.
        Ok(unsafe { register(load.as_ptr(), name, default, flags, min, max, get, set, None, data) })
    }
}

impl Register for UintConfig {
    fn name(&self) -> &'static CStr {
        self.name
    }

    fn flags(&self) -> ConfigFlags {
        self.flags
    }

    fn register(&'static self, load: &LoadContext<'_>, given: Option<&[u8]>) -> Result<c_int, Error> {
        if !(self.min..=self.max).contains(&self.default) {
            return Err(Error::Invalid { what: "its range", reason: "the default is not in it" });
        }
        let default = given.map_or(Ok(self.default), |text| self.read(text));
        let default = default.map_err(|reason| refused(self.name, &reason))?;
        // SAFETY: R19: the function has this type (valkeymodule.h, Valkey 9.1).
        let register =
            match unsafe { unbound!(RedisModule_RegisterUnsignedNumericConfig: RegisterFn, "Valkey 9.1") } {
                Ok(register) => register,
                Err(missing) => return self.register_signed(load, default, missing),
            };
        let (name, data, flags) = (self.name.as_ptr(), privdata(self), self.flags.known_bits() | UNSIGNED);
        let (get, set) = (Some(get_unsigned as Get), Some(set_unsigned as Set));
        // SAFETY: R19: the private data is this static, which both callbacks take it for.
        Ok(unsafe { register(load.as_ptr(), name, default, flags, self.min, self.max, get, set, None, data) })
    }
}

type GetSigned = unsafe extern "C" fn(*const c_char, *mut c_void) -> c_longlong;
type SetSigned =
    unsafe extern "C" fn(*const c_char, c_longlong, *mut c_void, *mut *mut raw::RedisModuleString) -> c_int;

unsafe extern "C" fn get_unsigned(_name: *const c_char, data: *mut c_void) -> c_ulonglong {
    // SAFETY: R19: the static that was registered.
    unsafe { config::<UintConfig>(data) }.get()
}

/// Valkey 9.1 sets the default through the callback's type with a sign (performModuleConfigSetDefaultFromName,
/// config.c), which passes the same 64 bits.
unsafe extern "C" fn set_unsigned(
    _name: *const c_char,
    value: c_ulonglong,
    data: *mut c_void,
    err: *mut *mut raw::RedisModuleString,
) -> c_int {
    // SAFETY: R19: the static that was registered.
    let config = unsafe { config::<UintConfig>(data) };
    // SAFETY: R19: the server passes where to put a refusal.
    unsafe { set(err, || config.assign(value)) }
}

unsafe extern "C" fn get_signed(_name: *const c_char, data: *mut c_void) -> c_longlong {
    // SAFETY: R19: the static that was registered.
    unsafe { config::<UintConfig>(data) }.get().cast_signed()
}

unsafe extern "C" fn set_signed(
    _name: *const c_char,
    value: c_longlong,
    data: *mut c_void,
    err: *mut *mut raw::RedisModuleString,
) -> c_int {
    // SAFETY: R19: the static that was registered.
    let config = unsafe { config::<UintConfig>(data) };
    // SAFETY: R19: the server passes where to put a refusal.
    unsafe { set(err, || config.assign(value.cast_unsigned())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_without_a_sign_are_read_in_full() {
        static MASK: UintConfig =
            UintConfig::new(c"mask", 1).check(|n| if n == 13 { Err("no".into()) } else { Ok(()) });
        static SMALL: UintConfig = UintConfig::new(c"small", 5).range(5, 10);
        assert_eq!(MASK.read(b"18446744073709551615"), Ok(u64::MAX));
        for text in [&b"-1"[..], b"+1", b" 1", b"", b"x", b"18446744073709551616", b"13", b"\xff"] {
            assert!(MASK.read(text).is_err(), "{text:?}");
        }
        assert!(SMALL.read(b"4").is_err() && SMALL.read(b"11").is_err() && SMALL.read(b"7") == Ok(7));
    }
}
