//! The server's own configs, and other modules': reading and changing them without CONFIG GET and CONFIG SET.
//! Redis 8.2 on; elsewhere each way in is [`Error::Unsupported`], and [`WriteContext::call`] runs the commands.

mod change;

pub use change::{SERVER_CONFIG_BYTES_MAX, ServerConfigMut};

use std::ffi::{CStr, CString, c_int};
use std::marker::PhantomData;
use std::ptr::{self, NonNull};

use redis_module::raw;

use crate::api::api;
use crate::context::Context;
#[cfg(doc)]
use crate::context::WriteContext;
use crate::error::Error;
use crate::string::RedisString;

/// Where the functions came in.
const SINCE: &str = "Redis 8.2";

const OK: c_int = raw::REDISMODULE_OK as c_int;

/// What a config holds, and which method reads it best. [`ServerConfig::get`] reads all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConfigKind {
    /// `yes` or `no`: [`ServerConfig::bool`].
    Bool,
    /// A whole number, a size in bytes or a percentage: [`ServerConfig::number`].
    Number,
    /// One or several names: [`ServerConfig::choice`].
    Choice,
    /// A text, or something of its own such as `save`.
    Text,
}

/// The configs, as [`Context::server_config`] gives them.
#[derive(Clone, Copy)]
pub struct ServerConfig<'a> {
    ctx: *mut raw::RedisModuleCtx,
    context: PhantomData<&'a Context<'a>>,
}

impl Context<'_> {
    /// The server's configs, the modules' among them, to read. Secrets such as `requirepass` are shown as they are.
    ///
    /// # Errors
    /// [`Error::Unsupported`] before Redis 8.2, and on Valkey.
    pub fn server_config(&self) -> Result<ServerConfig<'_>, Error> {
        api!(RedisModule_ConfigGetType, "Redis 8.2")?;
        Ok(ServerConfig { ctx: self.as_ptr(), context: PhantomData })
    }
}

impl ServerConfig<'_> {
    /// What kind of config `name` is.
    ///
    /// # Errors
    /// [`Error::NoSuchConfig`].
    pub fn kind(&self, name: &CStr) -> Result<ConfigKind, Error> {
        let get = api!(RedisModule_ConfigGetType, "Redis 8.2")?;
        let mut kind = raw::RedisModuleConfigType_REDISMODULE_CONFIG_TYPE_STRING;
        // SAFETY: R62: the server copies the name and writes one number.
        if unsafe { get(name.as_ptr(), &raw mut kind) } != OK {
            return Err(Error::NoSuchConfig);
        }
        Ok(match kind {
            raw::RedisModuleConfigType_REDISMODULE_CONFIG_TYPE_BOOL => ConfigKind::Bool,
            raw::RedisModuleConfigType_REDISMODULE_CONFIG_TYPE_NUMERIC => ConfigKind::Number,
            raw::RedisModuleConfigType_REDISMODULE_CONFIG_TYPE_ENUM => ConfigKind::Choice,
            _ => ConfigKind::Text,
        })
    }

    /// A config's value as CONFIG GET shows it, whatever its kind.
    ///
    /// # Errors
    /// [`Error::NoSuchConfig`].
    pub fn get(&self, name: &CStr) -> Result<RedisString, Error> {
        let get = api!(RedisModule_ConfigGet, "Redis 8.2")?;
        let mut value = ptr::null_mut();
        // SAFETY: R62: the server copies the name and gives a new string, ours (R5).
        let status = unsafe { get(self.ctx, name.as_ptr(), &raw mut value) };
        // SAFETY: R5: NULL, or a new string: contexts of this crate have no automatic memory.
        let value = unsafe { RedisString::from_raw(value) };
        value.filter(|_| status == OK).ok_or(Error::NoSuchConfig)
    }

    /// A switch.
    ///
    /// # Errors
    /// [`Error::NoSuchConfig`], also if the config is of another kind.
    pub fn bool(&self, name: &CStr) -> Result<bool, Error> {
        let get = api!(RedisModule_ConfigGetBool, "Redis 8.2")?;
        let mut value = 0;
        // SAFETY: R62: the server copies the name and writes one number.
        let status = unsafe { get(self.ctx, name.as_ptr(), &raw mut value) };
        if status == OK { Ok(value != 0) } else { Err(Error::NoSuchConfig) }
    }

    /// A whole number, or a size in bytes. A percentage is negative: -5 for `5%`; a number above `i64::MAX` too.
    ///
    /// # Errors
    /// [`Error::NoSuchConfig`], also if the config is of another kind.
    pub fn number(&self, name: &CStr) -> Result<i64, Error> {
        let get = api!(RedisModule_ConfigGetNumeric, "Redis 8.2")?;
        let mut value = 0;
        // SAFETY: R62: the server copies the name and writes one number.
        let status = unsafe { get(self.ctx, name.as_ptr(), &raw mut value) };
        if status == OK { Ok(value) } else { Err(Error::NoSuchConfig) }
    }

    /// The name of what is chosen; of several things, their names with spaces between.
    ///
    /// # Errors
    /// [`Error::NoSuchConfig`], also if the config is of another kind.
    pub fn choice(&self, name: &CStr) -> Result<RedisString, Error> {
        let get = api!(RedisModule_ConfigGetEnum, "Redis 8.2")?;
        let mut value = ptr::null_mut();
        // SAFETY: R62: the server copies the name and gives a new string, ours (R5).
        let status = unsafe { get(self.ctx, name.as_ptr(), &raw mut value) };
        // SAFETY: R5: NULL, or a new string: contexts of this crate have no automatic memory.
        let value = unsafe { RedisString::from_raw(value) };
        value.filter(|_| status == OK).ok_or(Error::NoSuchConfig)
    }

    /// The names that match a glob pattern, ASCII case aside, in no order; all of them for `c"*"`. Hidden ones match
    /// by their exact name alone.
    ///
    /// # Errors
    /// [`Error::Unsupported`] as [`Context::server_config`].
    pub fn names(&self, pattern: &CStr) -> Result<Vec<CString>, Error> {
        let next = api!(RedisModule_ConfigIteratorNext, "Redis 8.2")?;
        let names = Names::create(pattern)?;
        let mut found = Vec::new();
        loop {
            // SAFETY: R62: nothing else runs between two steps.
            let name = unsafe { next(names.raw.as_ptr()) };
            if name.is_null() {
                return Ok(found);
            }
            // SAFETY: R62: the config's own name, which is copied before the next step.
            found.push(unsafe { CStr::from_ptr(name) }.to_owned());
        }
    }
}

/// A walk through the configs' names.
struct Names {
    raw: NonNull<raw::RedisModuleConfigIterator>,
    release: unsafe extern "C" fn(*mut raw::RedisModuleCtx, *mut raw::RedisModuleConfigIterator),
}

impl Names {
    fn create(pattern: &CStr) -> Result<Self, Error> {
        let create = api!(RedisModule_ConfigIteratorCreate, "Redis 8.2")?;
        let release = api!(RedisModule_ConfigIteratorRelease, "Redis 8.2")?;
        // SAFETY: R62: a NULL context only means that the walk is released by hand, in `Drop`.
        let raw = NonNull::new(unsafe { create(ptr::null_mut(), pattern.as_ptr()) });
        let missing = Error::Unsupported { function: "RedisModule_ConfigIteratorCreate", since: SINCE };
        Ok(Self { raw: raw.ok_or(missing)?, release })
    }
}

impl Drop for Names {
    fn drop(&mut self) {
        // SAFETY: R62: released once, with the context it was made with.
        unsafe { (self.release)(ptr::null_mut(), self.raw.as_ptr()) };
    }
}
