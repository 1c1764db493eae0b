//! Authenticating a client.

use std::collections::BTreeMap;
use std::ffi::{c_int, c_void};
use std::ptr;
use std::rc::Rc;

use redis_module::raw;

use crate::api::required;
use crate::cell::MainCell;
use crate::client::may_be_connection;
use crate::context::{CommandContext, Context};
use crate::detached;
use crate::error::Error;
use crate::guard::guard;
use crate::module::Pin;
use crate::user::ModuleUser;

type OnChange = Box<dyn for<'cx> FnOnce(&Context<'cx>, u64)>;

/// As whom a client is to be authenticated.
#[must_use = "give it to CommandContext::authenticate, or return it from a handler of AUTH"]
pub struct Grant {
    who: Who,
    on_change: Option<OnChange>,
}

enum Who {
    Acl(Vec<u8>),
    Module(Rc<ModuleUser>),
}

impl Grant {
    /// As a user of the server's ACL.
    pub fn acl_user(name: impl AsRef<[u8]>) -> Self {
        Self { who: Who::Acl(name.as_ref().to_vec()), on_change: None }
    }

    /// As a user of the module's own, who must be `on`. Keep the user: when the last `Rc` is dropped, the client loses
    /// its rights and its connection.
    pub fn module_user(user: Rc<ModuleUser>) -> Self {
        Self { who: Who::Module(user), on_change: None }
    }

    /// Has `hear` called once, with the client's id, when the client is somebody else: authenticated anew, reset, or
    /// gone. Until then the module can't be unloaded.
    pub fn on_change(mut self, hear: impl for<'cx> FnOnce(&Context<'cx>, u64) + 'static) -> Self {
        self.on_change = Some(Box::new(hear));
        self
    }
}

/// Who hears of a client's change, by the number the server was given for it: called twice, it finds nothing.
static WATCHES: MainCell<Watches> = MainCell::new(Watches { last: 0, by_number: BTreeMap::new() });

struct Watches {
    last: usize,
    by_number: BTreeMap<usize, (OnChange, Pin)>,
}

const REFUSED: Error = Error::Refused {
    function: "RedisModule_AuthenticateClientWithUser",
    reason: "there is no such user, or the user is off",
};

impl CommandContext<'_> {
    /// Authenticates the client whose command this is. What it runs next, it runs as the new user.
    ///
    /// # Errors
    /// [`Error::Refused`] if the user does not exist or is off, and for what has no connection or no user of its own:
    /// scripts, calls, the AOF, the link to a primary.
    pub fn authenticate(&self, grant: Grant) -> Result<(), Error> {
        authenticate(self, self.client_id(), grant)
    }
}

/// Authenticates the client of the context.
pub(super) fn authenticate(ctx: &Context<'_>, client: u64, grant: Grant) -> Result<(), Error> {
    // The server would set the user of the client that all scripts share, and never tell of its change.
    if !may_be_connection(ctx, client) || ctx.client_user_name(client).is_none() {
        return Err(Error::Refused {
            function: "RedisModule_AuthenticateClientWithUser",
            reason: "only a connection that has a user can become another",
        });
    }
    let watch = grant.on_change.map(|hear| watch(ctx, hear)).transpose()?;
    let callback: raw::RedisModuleUserChangedFunc = watch.is_some().then_some(changed);
    let data = ptr::without_provenance_mut::<c_void>(watch.unwrap_or_default());
    let granted = match grant.who {
        Who::Acl(name) => as_acl_user(ctx, &name, callback, data),
        Who::Module(user) => as_module_user(ctx, &user, callback, data),
    };
    if granted.is_err()
        && let Some(watch) = watch
    {
        WATCHES.try_borrow_mut(ctx)?.by_number.remove(&watch);
    }
    granted
}

fn watch(ctx: &Context<'_>, hear: OnChange) -> Result<usize, Error> {
    detached::prepare(ctx);
    let mut watches = WATCHES.try_borrow_mut(ctx)?;
    watches.last += 1;
    let number = watches.last;
    watches.by_number.insert(number, (hear, Pin::new()));
    Ok(number)
}

fn as_acl_user(
    ctx: &Context<'_>,
    name: &[u8],
    callback: raw::RedisModuleUserChangedFunc,
    data: *mut c_void,
) -> Result<(), Error> {
    let authenticate = required!(RedisModule_AuthenticateClientWithACLUser);
    let (text, len) = (name.as_ptr().cast(), name.len());
    // SAFETY: R47: a context whose client has a connection; `changed` takes a number for a pointer.
    let status = unsafe { authenticate(ctx.as_ptr(), text, len, callback, data, ptr::null_mut()) };
    accepted(status)
}

fn as_module_user(
    ctx: &Context<'_>,
    user: &ModuleUser,
    callback: raw::RedisModuleUserChangedFunc,
    data: *mut c_void,
) -> Result<(), Error> {
    user.has_clients(ctx)?;
    let authenticate = required!(RedisModule_AuthenticateClientWithUser);
    // SAFETY: R47: a context whose client has a connection; the user is freed only after its clients were let go.
    let status = unsafe { authenticate(ctx.as_ptr(), user.as_ptr(), callback, data, ptr::null_mut()) };
    accepted(status)
}

fn accepted(status: c_int) -> Result<(), Error> {
    if status == raw::REDISMODULE_OK as c_int { Ok(()) } else { Err(REFUSED) }
}

unsafe extern "C" fn changed(client: u64, data: *mut c_void) {
    guard(
        "the change of a client's user",
        || (),
        || {
            let hear = |ctx: &Context<'_>| {
                let watch = WATCHES.borrow_mut(ctx).by_number.remove(&data.addr());
                if let Some((hear, _pin)) = watch {
                    hear(ctx, client);
                }
            };
            // SAFETY: R27: inside a callback of the server; `watch` has prepared the context.
            unsafe { detached::with(hear) };
        },
    );
}
