//! Switches.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::sync::atomic::{AtomicBool, Ordering};

use redis_module::raw;

use super::register::refused;
use super::register::sealed::Register;
use super::{ConfigFlags, Refusal, config, privdata, set};
use crate::api::required;
use crate::context::LoadContext;
use crate::error::Error;

/// `yes` or `no`.
pub struct BoolConfig {
    pub(super) name: &'static CStr,
    default: bool,
    flags: ConfigFlags,
    check: Option<fn(bool) -> Result<(), Refusal>>,
    value: AtomicBool,
}

impl BoolConfig {
    /// A switch.
    pub const fn new(name: &'static CStr, default: bool) -> Self {
        let value = AtomicBool::new(default);
        Self { name, default, flags: ConfigFlags::empty(), check: None, value }
    }

    /// How it may be set and shown.
    pub const fn flags(mut self, flags: ConfigFlags) -> Self {
        self.flags = flags;
        self
    }

    /// Looks at a new value before it is taken.
    pub const fn check(mut self, check: fn(bool) -> Result<(), Refusal>) -> Self {
        self.check = Some(check);
        self
    }

    /// The value, from any thread.
    #[inline]
    pub fn get(&self) -> bool {
        self.value.load(Ordering::Relaxed)
    }
}

impl BoolConfig {
    fn read(&self, text: &[u8]) -> Result<bool, Refusal> {
        let value = match text.to_ascii_lowercase().as_slice() {
            b"yes" => true,
            b"no" => false,
            _ => return Err("it must be yes or no".into()),
        };
        self.check.map_or(Ok(()), |check| check(value))?;
        Ok(value)
    }

    pub(super) fn assign(&self, value: bool) -> Result<(), Refusal> {
        self.check.map_or(Ok(()), |check| check(value))?;
        self.value.store(value, Ordering::Relaxed);
        Ok(())
    }
}

impl Register for BoolConfig {
    fn name(&self) -> &'static CStr {
        self.name
    }

    fn flags(&self) -> ConfigFlags {
        self.flags
    }

    fn register(&'static self, load: &LoadContext<'_>, given: Option<&[u8]>) -> Result<c_int, Error> {
        let default = given
            .map_or(Ok(self.default), |text| self.read(text))
            .map_err(|reason| refused(self.name, &reason))?;
        let register = required!(RedisModule_RegisterBoolConfig);
        let (default, flags) = (c_int::from(default), self.flags.known_bits());
        let (name, data) = (self.name.as_ptr(), privdata(self));
        // SAFETY: R19: the private data is this static, which both callbacks take it for.
        Ok(unsafe {
            register(load.as_ptr(), name, default, flags, Some(get_bool), Some(set_bool), None, data)
        })
    }
}

unsafe extern "C" fn get_bool(_name: *const c_char, data: *mut c_void) -> c_int {
    // SAFETY: R19: the static that was registered.
    c_int::from(unsafe { config::<BoolConfig>(data) }.get())
}

unsafe extern "C" fn set_bool(
    _name: *const c_char,
    value: c_int,
    data: *mut c_void,
    err: *mut *mut raw::RedisModuleString,
) -> c_int {
    // SAFETY: R19: the static that was registered.
    let config = unsafe { config::<BoolConfig>(data) };
    // SAFETY: R19: the server passes where to put a refusal.
    unsafe { set(err, || config.assign(value != 0)) }
}
