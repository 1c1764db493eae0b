//! Whole numbers and sizes.

use std::ffi::{CStr, c_char, c_int, c_longlong, c_uint, c_void};
use std::sync::atomic::{AtomicI64, Ordering};

use redis_module::raw;

use super::register::sealed::Register;
use super::{ConfigFlags, Refusal, config, privdata, set};
use crate::api::required;
use crate::context::LoadContext;

/// A whole number, or a size in bytes that may be written as `100mb`.
pub struct IntConfig {
    name: &'static CStr,
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

    /// The least and the greatest value.
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

impl Register for IntConfig {
    fn name(&self) -> &'static CStr {
        self.name
    }

    fn register(&'static self, load: &LoadContext<'_>) -> c_int {
        let register = required!(RedisModule_RegisterNumericConfig);
        let memory = if self.memory { raw::REDISMODULE_CONFIG_MEMORY } else { 0 };
        let flags: c_uint = self.flags.bits() | memory;
        let (name, data) = (self.name.as_ptr(), privdata(self));
        let (default, min, max) = (self.default, self.min, self.max);
        // SAFETY: R19: the private data is this static, which both callbacks take it for.
        unsafe {
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
        }
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
