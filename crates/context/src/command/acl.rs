//! ACL categories.

use std::ffi::{CStr, c_int};
use std::ptr::NonNull;

use redis_module::raw;

use crate::api::api;
use crate::context::{Context, LoadContext};
use crate::error::Error;
use crate::log::LogLevel;

impl LoadContext<'_> {
    /// Adds an ACL category of the module's own (7.2 on). Its name holds letters, digits, `_` and `-`.
    pub fn add_acl_category(&self, name: &'static CStr) -> Result<(), Error> {
        let add = api!(RedisModule_AddACLCategory, "Redis 7.4 and Valkey 7.2")?;
        // SAFETY: R12: OnLoad is running; the server copies the name.
        let status = unsafe { add(self.as_ptr(), name.as_ptr()) };
        if status == raw::REDISMODULE_OK as c_int {
            return Ok(());
        }
        Err(Error::Refused {
            function: "RedisModule_AddACLCategory",
            reason: "the name is taken or not valid, or there are 64 categories",
        })
    }
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
