//! What a command may be called.

use std::ffi::{CStr, CString};

use crate::context::Context;
use crate::error::Error;
use crate::user::ModuleUser;

/// The longest name of a command or a subcommand, in bytes.
pub(super) const NAME_BYTES_MAX: usize = 128;

/// What would end or open something where names are written: rules and selectors of ACL users and their files, lines
/// and fields of INFO, the configuration file, the server's own `group|sub`.
const RESERVED: &[u8] = b"\"#'(),:=@\\|";

/// Refuses a name that some server takes and then can't write down. Redis 7.0 looks at nothing, and ends if the name
/// is empty (`lookupCommandBySdsLogic`, server.c).
pub(super) fn check(name: &CStr) -> Result<(), Error> {
    let invalid = |reason| Err(Error::Invalid { what: "its name", reason });
    let name = name.to_bytes();
    if name.is_empty() {
        invalid("it is empty")
    } else if name.len() > NAME_BYTES_MAX {
        invalid("it is longer than 128 bytes")
    } else if !name.iter().all(|byte| byte.is_ascii_graphic() && !RESERVED.contains(byte)) {
        invalid("it holds printable ASCII without spaces and \" # ' ( ) , : = @ \\ |")
    } else {
        Ok(())
    }
}

/// Refuses the name of a command that the configuration has renamed or taken away (`rename-command`): the server finds
/// it only among the original names, and asserts that it isn't there (`RM_CreateCommand`, module.c). Rules of users
/// are about original names, so a user that gets one tells.
pub(super) fn check_originals(ctx: &Context<'_>, name: &CStr) -> Result<(), Error> {
    match ModuleUser::new(ctx, c"trial", &[&rule(name)?]) {
        Ok(_) => Err(TAKEN),
        Err(Error::Invalid { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

/// The rule that permits a command.
pub(super) fn rule(name: &CStr) -> Result<CString, Error> {
    CString::new([b"+", name.to_bytes()].concat()).map_err(|_| TAKEN)
}

const TAKEN: Error = Error::Refused {
    function: "RedisModule_CreateCommand",
    reason: "the name is taken, by a command that rename-command may hide",
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_no_server_can_write_down_are_refused() {
        for name in [c"a", c"ft.search", c"_FT.Config", c"50%s%n", c"a-b/c*d+[e]!"] {
            assert_eq!(check(name), Ok(()), "{name:?}");
        }
        for name in [c"", c"a b", c"a\n", c"a|b", c"a\"b", c"a'b", c"\xff", c"a\x7f", c"a:b", c"@a", c"(a"] {
            assert!(check(name).is_err(), "{name:?}");
        }
        let name = |len| CString::new(vec![b'x'; len]).expect("without a NUL");
        assert!(check(&name(NAME_BYTES_MAX)).is_ok() && check(&name(NAME_BYTES_MAX + 1)).is_err());
    }
}
