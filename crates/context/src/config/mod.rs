//! The module's own configs: `CONFIG GET mirror.x`, `CONFIG SET`, and the configuration file.
//!
//! A config is a `static`; its value is read from any thread without the server. Registered once, while the
//! module loads, by [`crate::LoadContext::configs`].

mod choices;
mod defaults;
mod enumeration;
mod names;
mod number;
mod register;
mod switch;
mod text;
mod unsigned;

pub use choices::{Chosen, FlagsConfig};
pub use defaults::Defaults;
pub use enumeration::{ConfigEnum, EnumConfig};
pub use number::IntConfig;
pub use register::Config;
pub(crate) use register::abandon;
pub use switch::BoolConfig;
pub use text::StringConfig;
pub use unsigned::UintConfig;

use std::borrow::Cow;
use std::ffi::{c_int, c_void};

use redis_module::raw;

use crate::guard::guard;
use crate::string::RedisString;

bitflags::bitflags! {
    /// How a config may be set and shown. That a number may be written as a size, and that several choices may be
    /// made, is said by its type: [`IntConfig::memory`], [`FlagsConfig`].
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub struct ConfigFlags: u32 {
        /// Set by the configuration file or the load's arguments only.
        const IMMUTABLE = raw::REDISMODULE_CONFIG_IMMUTABLE;
        /// Its value is a secret. The servers take the flag and heed it nowhere yet (`maskModuleConfigFlags`,
        /// module.c, up to Redis 8.6 and Valkey 9.1): SLOWLOG and MONITOR show what CONFIG SET is given.
        const SENSITIVE = raw::REDISMODULE_CONFIG_SENSITIVE;
        /// CONFIG GET shows it by its exact name only.
        const HIDDEN = raw::REDISMODULE_CONFIG_HIDDEN;
        /// Set only as `enable-protected-configs` allows.
        const PROTECTED = raw::REDISMODULE_CONFIG_PROTECTED;
        /// Not set while the server loads its data.
        const DENY_LOADING = raw::REDISMODULE_CONFIG_DENY_LOADING;
        /// Its name is not put behind the module's and a dot. It may hold one dot, and another name after a `|`.
        /// Redis 8.0 on; elsewhere the registration names [`crate::Error::Unsupported`].
        const UNPREFIXED = raw::REDISMODULE_CONFIG_UNPREFIXED;
    }
}

impl ConfigFlags {
    /// Without bits that mean something else to the server.
    fn known_bits(self) -> u32 {
        (self & Self::all()).bits()
    }
}

/// Why a value is refused, in words for the administrator.
pub type Refusal = Cow<'static, str>;

/// The server's status codes.
const OK: c_int = raw::REDISMODULE_OK as c_int;
const ERR: c_int = raw::REDISMODULE_ERR as c_int;

/// Runs a setter behind the guard; a refusal's text is the server's from then on.
///
/// # Safety
/// `err` is NULL or takes a string.
unsafe fn set(err: *mut *mut raw::RedisModuleString, setter: impl FnOnce() -> Result<(), Refusal>) -> c_int {
    let refused = guard("a config's check", || Err("internal error".into()), setter);
    let Err(reason) = refused else { return OK };
    let line: Vec<u8> =
        reason.bytes().map(|byte| if byte.is_ascii_control() { b' ' } else { byte }).collect();
    if !err.is_null() {
        // SAFETY: R19: the server frees the string after it has shown it.
        unsafe { *err = std::mem::ManuallyDrop::new(RedisString::new(&line)).as_ptr() };
    }
    ERR
}

/// The config behind a callback's private data.
///
/// # Safety
/// `privdata` is the `&'static C` that was registered with the callback.
unsafe fn config<C>(privdata: *mut c_void) -> &'static C {
    // SAFETY: the caller's promise.
    unsafe { &*privdata.cast::<C>() }
}

/// The private data of a static's callbacks.
fn privdata<C>(config: &'static C) -> *mut c_void {
    std::ptr::from_ref(config).cast_mut().cast()
}
