//! Where the keys of any command are.

use std::ffi::c_int;
use std::io;
use std::ptr;

use redis_module::raw;

use super::flags::KeyAccess;
use crate::api::required;
use crate::call::CallError;
use crate::context::Context;
use crate::string::RedisString;

/// A key among a command's arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommandKey {
    /// Its position; the command's name has 0.
    pub position: usize,
    /// How the command uses it. Empty for commands whose keys are always at the same places (GET, MSET): of those
    /// the server tells the places alone (`getKeysUsingLegacyRangeSpec`, db.c); COMMAND INFO has more.
    pub access: KeyAccess,
}

/// A list that the server has allocated for us.
struct Positions(*mut c_int);

impl Positions {
    /// The first `len` numbers.
    ///
    /// # Safety
    /// The list is NULL or has that many.
    unsafe fn read(&self, len: usize) -> &[c_int] {
        if self.0.is_null() {
            return &[];
        }
        // SAFETY: the caller's promise.
        unsafe { std::slice::from_raw_parts(self.0, len) }
    }
}

impl Drop for Positions {
    fn drop(&mut self) {
        let free = required!(RedisModule_Free);
        // SAFETY: R63: RM_Free takes NULL, and lists that RM_GetCommandKeysWithFlags has allocated.
        unsafe { free(self.0.cast()) };
    }
}

impl Context<'_> {
    /// Where the keys of a command are and how it uses them, in the server's order; `command` begins with its name.
    /// Nothing is run. No keys: an empty list, also for a module's command that key specs alone describe, which
    /// the server does not look at here (`getKeysFromCommand`, db.c).
    ///
    /// Redis before 8.6, and Valkey, forget a buffer of 8 bytes for each key when there are more than 6 (Redis 7.4
    /// on) or 256 of them (`RM_GetCommandKeysWithFlags`, module.c).
    ///
    /// # Errors
    /// [`CallError::UnknownCommand`], [`CallError::WrongArity`].
    pub fn command_keys(&self, command: &[&[u8]]) -> Result<Vec<CommandKey>, CallError> {
        let get = required!(RedisModule_GetCommandKeysWithFlags);
        let (mut len, mut flags) = (0, Positions(ptr::null_mut()));
        let ask = |argv: &mut [*mut raw::RedisModuleString], argc| {
            // SAFETY: R63: at least one live string, and where to put the number of keys and their flags.
            unsafe { get(self.as_ptr(), argv.as_mut_ptr(), argc, &raw mut len, &raw mut flags.0) }
        };
        let positions = find_keys(command, ask)?;
        let len = usize::try_from(len).unwrap_or_default();
        // SAFETY: R63: NULL, or as many as the server has counted.
        let (positions, flags) = unsafe { (positions.read(len), flags.read(len)) };
        Ok(positions.iter().zip(flags).map(|(&position, &flags)| key(position, flags)).collect())
    }

    /// Where the keys of a command are, as [`Context::command_keys`].
    ///
    /// # Errors
    /// As [`Context::command_keys`].
    pub fn command_key_positions(&self, command: &[&[u8]]) -> Result<Vec<usize>, CallError> {
        let get = required!(RedisModule_GetCommandKeys);
        let mut len = 0;
        let ask = |argv: &mut [*mut raw::RedisModuleString], argc| {
            // SAFETY: R63: at least one live string, and where to put the number of keys.
            unsafe { get(self.as_ptr(), argv.as_mut_ptr(), argc, &raw mut len) }
        };
        let positions = find_keys(command, ask)?;
        // SAFETY: R63: NULL, or as many as the server has counted.
        let positions = unsafe { positions.read(usize::try_from(len).unwrap_or_default()) };
        Ok(positions.iter().filter_map(|&position| usize::try_from(position).ok()).collect())
    }
}

fn key(position: c_int, flags: c_int) -> CommandKey {
    let access = KeyAccess::from_bits_truncate(u64::from(flags.cast_unsigned()));
    CommandKey { position: usize::try_from(position).unwrap_or_default(), access }
}

fn find_keys(
    command: &[&[u8]],
    ask: impl FnOnce(&mut [*mut raw::RedisModuleString], c_int) -> *mut c_int,
) -> Result<Positions, CallError> {
    let strings: Vec<RedisString> = command.iter().map(|arg| RedisString::new(arg)).collect();
    let mut argv: Vec<*mut raw::RedisModuleString> = strings.iter().map(RedisString::as_ptr).collect();
    let argc = c_int::try_from(argv.len()).map_err(|_| CallError::WrongArity)?;
    if argc == 0 {
        // The server reads the name without a look at the number (lookupCommand, server.c).
        return Err(CallError::UnknownCommand);
    }
    let positions = Positions(ask(&mut argv, argc));
    if !positions.0.is_null() {
        return Ok(positions);
    }
    match io::Error::last_os_error().raw_os_error().unwrap_or_default() {
        0 => Ok(positions),
        libc::ENOENT => Err(CallError::UnknownCommand),
        libc::EINVAL => Err(CallError::WrongArity),
        other => Err(CallError::Other(other)),
    }
}
