//! Changing the server's configs.

use std::ffi::{CStr, c_int};
use std::ops::Deref;
use std::ptr;

use redis_module::raw;

use super::{ConfigKind, OK, ServerConfig};
use crate::api::api;
use crate::context::WriteContext;
use crate::error::Error;
use crate::key::refuse_while_open;
use crate::string::RedisString;

/// The longest value of a server's config that this crate sets, in bytes.
pub const SERVER_CONFIG_BYTES_MAX: usize = 1 << 20;

/// The configs, to change. Reads too.
///
/// A change is applied at once, or undone if that fails. It is neither announced by the `Config` event, nor replicated,
/// nor written to the configuration file (CONFIG REWRITE does that). What CONFIG SET may not change is refused here,
/// too: immutable configs, and protected ones as `enable-protected-configs` says.
#[derive(Clone, Copy)]
pub struct ServerConfigMut<'a> {
    read: ServerConfig<'a>,
}

impl WriteContext<'_> {
    /// The server's configs, the modules' among them, to change.
    ///
    /// # Errors
    /// [`Error::Unsupported`] before Redis 8.2, and on Valkey.
    pub fn server_config_mut(&self) -> Result<ServerConfigMut<'_>, Error> {
        Ok(ServerConfigMut { read: self.server_config()? })
    }
}

impl<'a> Deref for ServerConfigMut<'a> {
    type Target = ServerConfig<'a>;
    fn deref(&self) -> &ServerConfig<'a> {
        &self.read
    }
}

impl ServerConfigMut<'_> {
    /// Sets a config of any kind to what CONFIG SET would be given.
    ///
    /// # Errors
    /// [`Error::NoSuchConfig`]; [`Error::ConfigRefused`] with the server's reason; [`Error::KeyIsOpen`];
    /// [`Error::Invalid`] for a value with a NUL or longer than [`SERVER_CONFIG_BYTES_MAX`].
    pub fn set(&self, name: &CStr, value: &[u8]) -> Result<(), Error> {
        let set = api!(RedisModule_ConfigSet, "Redis 8.2")?;
        let value = checked(value)?;
        self.kind(name)?;
        let (ctx, name) = (self.read.ctx, name.as_ptr());
        // SAFETY: R62: a context with a client (R17), a live string without a NUL, and where to put a refusal.
        change(|err| unsafe { set(ctx, name, value.as_ptr(), err) })
    }

    /// Sets a switch.
    ///
    /// # Errors
    /// As [`ServerConfigMut::set`]; [`Error::NoSuchConfig`] also if the config is of another kind.
    pub fn set_bool(&self, name: &CStr, value: bool) -> Result<(), Error> {
        let set = api!(RedisModule_ConfigSetBool, "Redis 8.2")?;
        self.expect(name, ConfigKind::Bool)?;
        let (ctx, name) = (self.read.ctx, name.as_ptr());
        // SAFETY: R62: a context with a client (R17), and where to put a refusal.
        change(|err| unsafe { set(ctx, name, c_int::from(value), err) })
    }

    /// Sets what is chosen, by its name; of several things, with spaces between.
    ///
    /// # Errors
    /// As [`ServerConfigMut::set`]; [`Error::NoSuchConfig`] also if the config is of another kind.
    pub fn set_choice(&self, name: &CStr, value: &[u8]) -> Result<(), Error> {
        let set = api!(RedisModule_ConfigSetEnum, "Redis 8.2")?;
        let value = checked(value)?;
        self.expect(name, ConfigKind::Choice)?;
        let (ctx, name) = (self.read.ctx, name.as_ptr());
        // SAFETY: R62: a context with a client (R17), a live string, and where to put a refusal.
        change(|err| unsafe { set(ctx, name, value.as_ptr(), err) })
    }

    /// Sets a whole number or a size in bytes; a percentage is given as a negative number: -5 for `5%`.
    ///
    /// # Errors
    /// As [`ServerConfigMut::set`]; [`Error::NoSuchConfig`] also if the config is of another kind.
    pub fn set_number(&self, name: &CStr, value: i64) -> Result<(), Error> {
        let set = api!(RedisModule_ConfigSetNumeric, "Redis 8.2")?;
        self.expect(name, ConfigKind::Number)?;
        self.expect_mutable(name)?;
        let (ctx, name) = (self.read.ctx, name.as_ptr());
        // SAFETY: R62: the config exists, is a number and may be set now; a context with a client (R17).
        change(|err| unsafe { set(ctx, name, value, err) })
    }

    fn expect(&self, name: &CStr, kind: ConfigKind) -> Result<(), Error> {
        if self.kind(name)? == kind { Ok(()) } else { Err(Error::NoSuchConfig) }
    }

    /// Whether a number may be set. `RM_ConfigSetNumeric` reads through NULL if it may not (moduleSetNumericConfig,
    /// config.c, Redis 8.6.3); `RM_ConfigSetBool` of a number says so and does no more.
    fn expect_mutable(&self, name: &CStr) -> Result<(), Error> {
        let set_bool = api!(RedisModule_ConfigSetBool, "Redis 8.2")?;
        let mut err = ptr::null_mut();
        // SAFETY: R62: of a config that is no switch this changes nothing.
        unsafe { set_bool(self.read.ctx, name.as_ptr(), 0, &raw mut err) };
        // SAFETY: R5: NULL, or a new string: contexts of this crate have no automatic memory.
        match unsafe { RedisString::from_raw(err) } {
            Some(reason) => Err(refused(&reason)),
            None => Ok(()),
        }
    }
}

fn change(set: impl FnOnce(*mut *mut raw::RedisModuleString) -> c_int) -> Result<(), Error> {
    refuse_while_open()?;
    let mut err = ptr::null_mut();
    let status = set(&raw mut err);
    // SAFETY: R5: NULL, or a new string: contexts of this crate have no automatic memory.
    let reason = unsafe { RedisString::from_raw(err) };
    match (status, reason) {
        (OK, _) => Ok(()),
        (_, Some(reason)) => Err(refused(&reason)),
        (_, None) => Err(Error::ConfigRefused { reason: "no reason is given".to_owned() }),
    }
}

fn refused(reason: &RedisString) -> Error {
    Error::ConfigRefused { reason: String::from_utf8_lossy(reason.as_bytes()).into_owned() }
}

fn checked(value: &[u8]) -> Result<RedisString, Error> {
    if value.len() > SERVER_CONFIG_BYTES_MAX {
        return Err(Error::Invalid { what: "a config's value", reason: "it is longer than 1 MB" });
    }
    if value.contains(&0) {
        return Err(Error::Invalid { what: "a config's value", reason: "it holds a NUL" });
    }
    Ok(RedisString::new(value))
}
