//! Texts: any bytes.

use std::cell::RefCell;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::sync::{Arc, PoisonError, RwLock};

use redis_module::raw;

use super::register::refused;
use super::register::sealed::Register;
use super::{ConfigFlags, Refusal, config, privdata, set};
use crate::api::required;
use crate::context::LoadContext;
use crate::error::Error;
use crate::guard::guard;
use crate::string::{RedisStr, RedisString};

/// Looks at a new value before it is taken.
type Check = fn(&[u8]) -> Result<(), Refusal>;

/// A text of at most [`StringConfig::BYTES_MAX`] bytes, which may be any but the default with a NUL behind it.
///
/// Valkey 8.1.0 and 8.1.1 write a `"` and a `\` of any text as they stand (`sdscatrepr`, sds.c): after CONFIG REWRITE they
/// read another value, or don't start. A check can refuse both there.
pub struct StringConfig {
    pub(super) name: &'static CStr,
    default: &'static CStr,
    flags: ConfigFlags,
    check: Option<Check>,
    value: RwLock<Option<Arc<[u8]>>>,
    /// The default that the server was told, if the load's arguments gave one.
    given: RwLock<Option<CString>>,
    shown: Shown,
}

/// What the getter gave the server last: the server copies it after the getter has returned, and never frees it.
struct Shown(RefCell<Option<RedisString>>);

// SAFETY: R19: getters run on the main thread only, and nothing else touches the field.
unsafe impl Sync for Shown {}
// SAFETY: R19: as above; a static is never dropped.
unsafe impl Send for Shown {}

impl StringConfig {
    /// The longest value in bytes.
    pub const BYTES_MAX: usize = 64 * 1024;

    /// A text.
    pub const fn new(name: &'static CStr, default: &'static CStr) -> Self {
        Self {
            name,
            default,
            flags: ConfigFlags::empty(),
            check: None,
            value: RwLock::new(None),
            given: RwLock::new(None),
            shown: Shown(RefCell::new(None)),
        }
    }

    /// How it may be set and shown.
    pub const fn flags(mut self, flags: ConfigFlags) -> Self {
        self.flags = flags;
        self
    }

    /// Looks at a new value before it is taken.
    pub const fn check(mut self, check: fn(&[u8]) -> Result<(), Refusal>) -> Self {
        self.check = Some(check);
        self
    }

    /// The value, from any thread. It takes a lock that is held only to count a reference.
    pub fn get(&self) -> Arc<[u8]> {
        let value = self.value.read().unwrap_or_else(PoisonError::into_inner);
        value.as_ref().map_or_else(|| Arc::from(self.default.to_bytes()), Arc::clone)
    }

    pub(super) fn set(&self, bytes: &[u8]) -> Result<(), Refusal> {
        if bytes.len() > Self::BYTES_MAX {
            return Err("it is longer than 65536 bytes".into());
        }
        self.check.map_or(Ok(()), |check| check(bytes))?;
        self.check_rewrite(bytes)?;
        let new = Some(Arc::from(bytes));
        *self.value.write().unwrap_or_else(PoisonError::into_inner) = new;
        Ok(())
    }

    /// CONFIG REWRITE compares a value with the default up to a NUL, and leaves out what it finds equal
    /// (`rewriteConfigSdsOption`, config.c).
    fn check_rewrite(&self, bytes: &[u8]) -> Result<(), Refusal> {
        let given = self.given.read().unwrap_or_else(PoisonError::into_inner);
        let default = given.as_deref().unwrap_or(self.default).to_bytes();
        match bytes.strip_prefix(default) {
            Some([0, ..]) => Err("CONFIG REWRITE would take it for the default, which a NUL follows".into()),
            _ => Ok(()),
        }
    }

    fn read(&self, text: &[u8]) -> Result<CString, Refusal> {
        if text.len() > Self::BYTES_MAX {
            return Err("it is longer than 65536 bytes".into());
        }
        self.check.map_or(Ok(()), |check| check(text))?;
        CString::new(text).map_err(|_| "it holds a NUL".into())
    }

    fn show(&self) -> *mut raw::RedisModuleString {
        let string = RedisString::new(&self.get());
        let pointer = string.as_ptr();
        *self.shown.0.borrow_mut() = Some(string);
        pointer
    }
}

impl Register for StringConfig {
    fn name(&self) -> &'static CStr {
        self.name
    }

    fn flags(&self) -> ConfigFlags {
        self.flags
    }

    fn register(&'static self, load: &LoadContext<'_>, given: Option<&[u8]>) -> Result<c_int, Error> {
        let given = given.map(|text| self.read(text)).transpose();
        let given = given.map_err(|reason| refused(self.name, &reason))?;
        self.given.write().unwrap_or_else(PoisonError::into_inner).clone_from(&given);
        let default = given.as_deref().unwrap_or(self.default);
        let register = required!(RedisModule_RegisterStringConfig);
        let (name, default, flags) = (self.name.as_ptr(), default.as_ptr(), self.flags.known_bits());
        let data = privdata(self);
        // SAFETY: R19: the private data is this static, which both callbacks take it for; the server copies the
        // default.
        Ok(unsafe {
            register(load.as_ptr(), name, default, flags, Some(get_text), Some(set_text), None, data)
        })
    }

    fn forget(&'static self) {
        *self.value.write().unwrap_or_else(PoisonError::into_inner) = None;
        *self.given.write().unwrap_or_else(PoisonError::into_inner) = None;
        *self.shown.0.borrow_mut() = None;
    }
}

unsafe extern "C" fn get_text(_name: *const c_char, data: *mut c_void) -> *mut raw::RedisModuleString {
    // SAFETY: R19: the static that was registered.
    let config = unsafe { config::<StringConfig>(data) };
    guard("a config's value", std::ptr::null_mut, || config.show())
}

unsafe extern "C" fn set_text(
    _name: *const c_char,
    value: *mut raw::RedisModuleString,
    data: *mut c_void,
    err: *mut *mut raw::RedisModuleString,
) -> c_int {
    // SAFETY: R19: the static that was registered.
    let config = unsafe { config::<StringConfig>(data) };
    // SAFETY: R4: the server keeps the value until the setter has returned.
    let value = unsafe { RedisStr::from_raw(value) };
    // SAFETY: R19: the server passes where to put a refusal.
    unsafe { set(err, || config.set(value.as_ref().map_or(&[], |value| value.as_bytes()))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_text_leaves_the_old_one() {
        static PATH: StringConfig = StringConfig::new(c"path", c"/tmp")
            .check(|path| if path.starts_with(b"/") { Ok(()) } else { Err("a path begins with /".into()) });
        assert_eq!(&*PATH.get(), b"/tmp");
        assert!(PATH.set(b"/var\0\xff").is_ok());
        assert!(
            PATH.set(b"/tmp\0").is_err() && PATH.set(b"/tmp2\0").is_ok() && PATH.set(b"/var\0\xff").is_ok()
        );
        assert!(PATH.set(b"var").is_err() && PATH.set(&vec![b'/'; 70_000]).is_err());
        assert_eq!(&*PATH.get(), b"/var\0\xff");
    }
}
