//! ACL categories.

use std::ffi::{CStr, c_int};
use std::ptr::NonNull;

use redis_module::raw;

use crate::api::api;
use crate::context::{Context, LoadContext};
use crate::error::Error;
use crate::log::LogLevel;

impl LoadContext<'_> {
    /// Adds an ACL category of the module's own (7.2 on). Its name holds letters, digits, `_` and `-`, at most 64.
    ///
    /// # Errors
    /// [`Error::Registration`] for another name, and around [`Error::Refused`] if it is taken, perhaps by this module's
    /// last load, or the server has 64 categories; [`Error::Unsupported`] on Redis 7.0.
    pub fn add_acl_category(&self, name: &'static CStr) -> Result<(), Error> {
        let named = |error: Error| error.of("the ACL category", name.to_bytes());
        check_category(name.to_bytes()).map_err(named)?;
        let add = api!(RedisModule_AddACLCategory, "Redis 7.4 and Valkey 7.2")?;
        // SAFETY: R12: OnLoad is running; the server copies the name.
        let status = unsafe { add(self.as_ptr(), name.as_ptr()) };
        if status == raw::REDISMODULE_OK as c_int {
            return Ok(());
        }
        Err(named(Error::Refused {
            function: "RedisModule_AddACLCategory",
            reason: "the name is taken, or there are 64 categories",
        }))
    }
}

fn check_category(name: &[u8]) -> Result<(), Error> {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    if (1..=64).contains(&name.len()) && name.iter().all(is_plain) {
        return Ok(());
    }
    Err(Error::Invalid { what: "its name", reason: "it holds letters, digits, _ and - alone, at most 64" })
}

/// Refuses categories that the server would write into its log as they stand.
pub(super) fn check(categories: &CStr) -> Result<(), Error> {
    let mut words = categories.to_bytes().split(|byte| *byte == b' ');
    words.try_for_each(check_category).map_err(|_| Error::Invalid {
        what: "its ACL categories",
        reason: "they are words of letters, digits, _ and -, with one space between",
    })
}

/// Sets the categories where the server has them; Redis 7.0 goes by the flags alone.
pub(super) fn set_categories(
    context: &Context<'_>,
    command: NonNull<raw::RedisModuleCommand>,
    categories: &CStr,
) -> Result<(), Error> {
    let Ok(set) = api!(RedisModule_SetCommandACLCategories, "Redis 7.2 and Valkey 7.2") else {
        context.log(LogLevel::Verbose, "ACL categories of modules came with Redis 7.2: left out");
        return Ok(());
    };
    // SAFETY: R12: OnLoad is running and the command is the module's.
    let status = unsafe { set(command.as_ptr(), categories.as_ptr()) };
    if status == raw::REDISMODULE_OK as c_int {
        return Ok(());
    }
    Err(Error::Refused {
        function: "RedisModule_SetCommandACLCategories",
        reason: "one of the categories does not exist",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn categories_are_words_with_one_space_between() {
        assert!(check(c"read my-category_2").is_ok());
        for categories in [c"", c" read", c"read  write", c"@read", c"read\n", c"\xff"] {
            assert!(check(categories).is_err(), "{categories:?}");
        }
    }
}
