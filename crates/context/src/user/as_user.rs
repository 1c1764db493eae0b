//! Calls with the rights of a user of the module's own.

use std::ptr;

use redis_module::raw;

use super::ModuleUser;
use crate::api::required;
use crate::cell::MainCell;
use crate::context::WriteContext;
use crate::error::Error;
use crate::server::server;

/// Whose rights contexts have now, innermost last.
static ACTING: MainCell<Vec<Acting>> = MainCell::new(Vec::new());

#[derive(Clone, Copy)]
struct Acting {
    ctx: *mut raw::RedisModuleCtx,
    user: *const raw::RedisModuleUser,
}

impl<'cx> WriteContext<'cx> {
    /// Runs `body`, in which calls with [`crate::CallFlags::AS_USER`] have the rights of `user` instead of the client's
    /// own. What they may not do is [`crate::CallError::NotPermitted`] and stands in ACL LOG. Afterwards, also after a
    /// panic, all is as before. Redis 7.2 and Valkey 7.2.
    ///
    /// For a user of the server's ACL use [`ModuleUser::copy_of`].
    ///
    /// # Errors
    /// [`Error::Unsupported`] on Redis 7.0, which crashes when it denies such a call; [`Error::Busy`] when called
    /// while the list of users is in use.
    pub fn as_user<R>(&self, user: &ModuleUser, body: impl FnOnce(&Self) -> R) -> Result<R, Error> {
        if !server().is_since_7_2() {
            return Err(Error::Unsupported {
                function: "CallFlags::AS_USER",
                since: "Redis 7.2 and Valkey 7.2",
            });
        }
        let acting = Acting { ctx: self.as_ptr(), user: user.as_ptr() };
        ACTING.try_borrow_mut(self)?.push(acting);
        let undo = Undo(self);
        set(acting);
        let result = body(self);
        drop(undo);
        Ok(result)
    }
}

struct Undo<'a, 'cx>(&'a WriteContext<'cx>);

impl Drop for Undo<'_, '_> {
    fn drop(&mut self) {
        let ctx = self.0.as_ptr();
        let mut acting = ACTING.borrow_mut(self.0);
        acting.pop();
        let outer = acting.iter().rfind(|outer| outer.ctx == ctx).copied();
        set(outer.unwrap_or(Acting { ctx, user: ptr::null() }));
    }
}

fn set(acting: Acting) {
    let set = required!(RedisModule_SetContextUser);
    // SAFETY: R46: a live context; the user is borrowed until `Undo` has set the one before.
    unsafe { set(acting.ctx, acting.user) };
}
