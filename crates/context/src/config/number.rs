//! Whole numbers and sizes.

use std::ffi::{CStr, c_char, c_int, c_longlong, c_uint, c_void};
use std::sync::atomic::{AtomicI64, Ordering};

use redis_module::raw;

use super::register::refused;
use super::register::sealed::Register;
use super::{ConfigFlags, Refusal, config, privdata, set};
use crate::api::required;
use crate::context::LoadContext;
use crate::error::Error;

/// A whole number, or a size in bytes that may be written as `100mb`.
pub struct IntConfig {
    pub(super) name: &'static CStr,
    default: i64,
    min: i64,
    max: i64,
    flags: ConfigFlags,
    memory: bool,
    check: Option<fn(i64) -> Result<(), Refusal>>,
    value: AtomicI64,
}

impl IntConfig {
    /// A whole number.
    pub const fn new(name: &'static CStr, default: i64) -> Self {
        Self {
            name,
            default,
            min: i64::MIN,
            max: i64::MAX,
            flags: ConfigFlags::empty(),
            memory: false,
            check: None,
            value: AtomicI64::new(default),
        }
    }

    /// A size in bytes, 0 or more.
    pub const fn memory(name: &'static CStr, default: i64) -> Self {
        let mut config = Self::new(name, default);
        (config.min, config.memory) = (0, true);
        config
    }

    /// The least and the greatest value; the default is one of them or between them.
    pub const fn range(mut self, min: i64, max: i64) -> Self {
        (self.min, self.max) = (min, max);
        self
    }

    /// How it may be set and shown.
    pub const fn flags(mut self, flags: ConfigFlags) -> Self {
        self.flags = flags;
        self
    }

    /// Looks at a new value before it is taken.
    pub const fn check(mut self, check: fn(i64) -> Result<(), Refusal>) -> Self {
        self.check = Some(check);
        self
    }

    /// The value, from any thread.
    #[inline]
    pub fn get(&self) -> i64 {
        self.value.load(Ordering::Relaxed)
    }
}

impl IntConfig {
    /// Reads a value as the configuration file would have it.
    fn read(&self, text: &[u8]) -> Result<i64, Refusal> {
        let text = std::str::from_utf8(text).map_err(|_| "it is not a number")?;
        let value = if self.memory { bytes(text) } else { text.parse().ok() }.ok_or("it is not a number")?;
        self.checked(value)
    }

    fn checked(&self, value: i64) -> Result<i64, Refusal> {
        if !(self.min..=self.max).contains(&value) {
            return Err(format!("it must be between {} and {}", self.min, self.max).into());
        }
        self.check.map_or(Ok(()), |check| check(value))?;
        Ok(value)
    }

    fn check_range(&self) -> Result<(), Error> {
        if self.memory && self.min < 0 {
            return Err(Error::Invalid { what: "its range", reason: "a size is 0 or more" });
        }
        if !(self.min..=self.max).contains(&self.default) {
            return Err(Error::Invalid { what: "its range", reason: "the default is not in it" });
        }
        Ok(())
    }

    pub(super) fn assign(&self, value: i64) -> Result<(), Refusal> {
        self.value.store(self.checked(value)?, Ordering::Relaxed);
        Ok(())
    }
}

/// A size with its unit, as `memtoull` (util.c) reads it: `kb` is 1024, `k` is 1000.
fn bytes(text: &str) -> Option<i64> {
    let unit = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(unit);
    let factor = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" => 1000,
        "kb" => 1 << 10,
        "m" => 1_000_000,
        "mb" => 1 << 20,
        "g" => 1_000_000_000,
        "gb" => 1 << 30,
        _ => return None,
    };
    digits.parse::<i64>().ok()?.checked_mul(factor)
}

impl Register for IntConfig {
    fn name(&self) -> &'static CStr {
        self.name
    }

    fn flags(&self) -> ConfigFlags {
        self.flags
    }

    fn register(&'static self, load: &LoadContext<'_>, given: Option<&[u8]>) -> Result<c_int, Error> {
        self.check_range()?;
        let default = given
            .map_or(Ok(self.default), |text| self.read(text))
            .map_err(|reason| refused(self.name, &reason))?;
        let register = required!(RedisModule_RegisterNumericConfig);
        let memory = if self.memory { raw::REDISMODULE_CONFIG_MEMORY } else { 0 };
        let flags: c_uint = self.flags.known_bits() | memory;
        let (name, data) = (self.name.as_ptr(), privdata(self));
        let (min, max) = (self.min, self.max);
        // SAFETY: R19: the private data is this static, which both callbacks take it for.
        Ok(unsafe {
            register(
                load.as_ptr(),
                name,
                default,
                flags,
                min,
                max,
                Some(get_number),
                Some(set_number),
                None,
                data,
            )
        })
    }
}

unsafe extern "C" fn get_number(_name: *const c_char, data: *mut c_void) -> c_longlong {
    // SAFETY: R19: the static that was registered.
    unsafe { config::<IntConfig>(data) }.get()
}

unsafe extern "C" fn set_number(
    _name: *const c_char,
    value: c_longlong,
    data: *mut c_void,
    err: *mut *mut raw::RedisModuleString,
) -> c_int {
    // SAFETY: R19: the static that was registered.
    let config = unsafe { config::<IntConfig>(data) };
    let setter = || {
        config.check.map_or(Ok(()), |check| check(value))?;
        config.value.store(value, Ordering::Relaxed);
        Ok(())
    };
    // SAFETY: R19: the server passes where to put a refusal.
    unsafe { set(err, setter) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_has_the_default_in_it() {
        static RIGHT: IntConfig = IntConfig::new(c"right", 5).range(5, 5);
        static WRONG: [IntConfig; 3] = [
            IntConfig::new(c"low", 4).range(5, 6),
            IntConfig::new(c"empty", 5).range(6, 4),
            IntConfig::memory(c"size", 5).range(-1, 6),
        ];
        assert!(RIGHT.check_range().is_ok() && WRONG.iter().all(|config| config.check_range().is_err()));
    }

    #[test]
    fn numbers_and_sizes_are_read_as_the_server_reads_them() {
        static COUNT: IntConfig = IntConfig::new(c"count", 1)
            .range(-5, 100)
            .check(|n| if n == 13 { Err("no".into()) } else { Ok(()) });
        static SIZE: IntConfig = IntConfig::memory(c"size", 1);
        assert_eq!((COUNT.read(b"-5"), COUNT.read(b"100")), (Ok(-5), Ok(100)));
        for text in [&b"101"[..], b"x", b"", b"1mb", b"13", b"\xff"] {
            assert!(COUNT.read(text).is_err(), "{text:?}");
        }
        for (text, value) in [("7", 7), ("2k", 2000), ("2KB", 2048), ("3mb", 3 << 20), ("1gb", 1 << 30)] {
            assert_eq!(SIZE.read(text.as_bytes()), Ok(value));
        }
        for text in ["-1", "1tb", "mb", "99999999999gb"] {
            assert!(SIZE.read(text.as_bytes()).is_err(), "{text}");
        }
    }
}
