//! What CONFIG REWRITE writes behind the module's path.

use std::ffi::c_int;

use redis_module::raw;

use crate::api::unbound;
use crate::context::Context;
use crate::error::Error;
use crate::module::is_in_transit;
use crate::string::RedisString;

/// The most arguments of [`Context::update_load_arguments`].
pub const LOAD_ARGUMENTS_MAX: usize = 1024;

type Update =
    unsafe extern "C" fn(*mut raw::RedisModuleCtx, *mut *mut raw::RedisModuleString, c_int) -> c_int;

impl Context<'_> {
    /// Replaces the arguments that the module was loaded with: MODULE LIST shows them, and CONFIG REWRITE writes them
    /// behind `loadmodule`, for the next start. Valkey 8.1 on. Settings are kept better by [`crate::config`], which
    /// every server rewrites.
    ///
    /// # Errors
    /// [`Error::Unsupported`] elsewhere; [`Error::Refused`] while the module is loaded or unloaded;
    /// [`Error::Invalid`] for an argument that is empty or holds spaces, quotes or control bytes, which the server
    /// writes into its configuration file as they stand (`moduleLoadQueueEntryToLoadmoduleOptionStr`, module.c), and
    /// for more than [`LOAD_ARGUMENTS_MAX`].
    pub fn update_load_arguments(&self, arguments: &[&[u8]]) -> Result<(), Error> {
        // SAFETY: R63: the function has this type (valkeymodule.h, Valkey 8.1).
        let update = unsafe { unbound!(RedisModule_UpdateRuntimeArgs: Update, "Valkey 8.1") }?;
        if is_in_transit() {
            return Err(Error::Refused {
                function: "RedisModule_UpdateRuntimeArgs",
                reason: "the module is being loaded or unloaded: do it in a command, a timer or an event",
            });
        }
        check(arguments)?;
        // The first one is skipped: a command's name, for a command that passes its arguments on.
        let strings: Vec<RedisString> =
            std::iter::once(&b""[..]).chain(arguments.iter().copied()).map(RedisString::new).collect();
        let mut argv: Vec<*mut raw::RedisModuleString> = strings.iter().map(RedisString::as_ptr).collect();
        let argc = c_int::try_from(argv.len()).map_err(|_| TOO_MANY)?;
        // SAFETY: R63: the module is loaded; at least one live string, of which the server counts references.
        unsafe { update(self.as_ptr(), argv.as_mut_ptr(), argc) };
        Ok(())
    }
}

const TOO_MANY: Error = Error::Invalid { what: "the module's arguments", reason: "there are more than 1024" };

fn check(arguments: &[&[u8]]) -> Result<(), Error> {
    let is_plain = |byte: &u8| *byte > b' ' && !matches!(byte, b'"' | b'\'' | b'\\' | 0x7f);
    if arguments.len() > LOAD_ARGUMENTS_MAX {
        return Err(TOO_MANY);
    }
    if arguments.iter().all(|argument| !argument.is_empty() && argument.iter().all(is_plain)) {
        return Ok(());
    }
    Err(Error::Invalid {
        what: "an argument of the module",
        reason: "it is empty or holds a space, a quote, a backslash or a control byte",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_cannot_break_the_configuration_file() {
        assert_eq!(check(&[b"name", b"1%s", "\u{e9}".as_bytes(), b"\xff", b"#x"]), Ok(()));
        for argument in
            [&b""[..], b"a b", b"a\nrequirepass x", b"\"", b"it's", b"\0", b"\\", b"a\tb", b"\x7f"]
        {
            assert!(check(&[b"fine", argument]).is_err(), "{argument:?}");
        }
        assert!(check(&vec![&b"x"[..]; LOAD_ARGUMENTS_MAX + 1]).is_err());
    }
}
