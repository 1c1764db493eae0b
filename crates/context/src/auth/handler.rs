//! The handler of AUTH and HELLO .. AUTH.

use std::cell::Cell;
use std::ffi::c_int;
use std::ops::Deref;
use std::rc::Rc;

use redis_module::raw;

use super::block::BlockedAuth;
use super::grant::{Grant, authenticate};
use crate::api::{api, required};
use crate::cell::MainCell;
use crate::client::certificate;
use crate::context::{Context, LoadContext};
use crate::error::Error;
use crate::guard::guard;
use crate::outcome::ErrorReply;
use crate::string::{RedisStr, RedisString};

/// What a handler says of an AUTH. An error says "denied", in the handler's own words.
#[must_use]
pub enum Verdict {
    /// This is for somebody else: the next module, or the server's own passwords.
    NotHandled,
    /// Denied in the server's words, `WRONGPASS`.
    Denied,
    /// The client is authenticated as this user.
    Granted(Grant),
    /// It is decided later: see [`AuthContext::block`].
    Blocked(BlockedAuth),
}

impl From<Grant> for Verdict {
    fn from(grant: Grant) -> Self {
        Self::Granted(grant)
    }
}

impl From<BlockedAuth> for Verdict {
    fn from(blocked: BlockedAuth) -> Self {
        Self::Blocked(blocked)
    }
}

/// A client authenticates itself. It writes nothing: an AUTH is also handled in the middle of a busy script and of a
/// load.
pub struct AuthContext<'cx> {
    base: Context<'cx>,
    pub(super) blocked: Cell<bool>,
}

impl<'cx> Deref for AuthContext<'cx> {
    type Target = Context<'cx>;
    fn deref(&self) -> &Self::Target {
        &self.base
    }
}

impl AuthContext<'_> {
    /// The client's id.
    pub fn client_id(&self) -> u64 {
        client_id(self)
    }

    /// The certificate the client has shown, in PEM form. `None` without TLS and without a certificate.
    pub fn client_certificate(&self) -> Option<RedisString> {
        certificate(self, self.client_id())
    }
}

fn client_id(ctx: &Context<'_>) -> u64 {
    let get = required!(RedisModule_GetClientId);
    // SAFETY: R17: a context with a client.
    unsafe { get(ctx.as_ptr()) }
}

type Handler = dyn for<'a> Fn(&AuthContext<'a>, RedisStr<'a>, RedisStr<'a>) -> Result<Verdict, ErrorReply>;

static HANDLER: MainCell<Option<Rc<Handler>>> = MainCell::new(None);

pub(super) fn abandon(ctx: &Context<'_>) {
    drop(HANDLER.take(ctx));
}

impl LoadContext<'_> {
    /// Has `handler` decide on every AUTH and HELLO .. AUTH, before the server looks at its own passwords: with the
    /// user's name (`default` if the client gave none) and the password. A panic denies. What other modules' calls
    /// authenticate does not reach it. Redis 7.2 and Valkey 7.2.
    ///
    /// # Errors
    /// [`Error::Unsupported`] on Redis 7.0: there a command can authenticate its client
    /// ([`crate::CommandContext::authenticate`]). [`Error::Refused`] if the module has a handler.
    pub fn on_auth<F, V, E>(&self, handler: F) -> Result<(), Error>
    where
        F: for<'a> Fn(&AuthContext<'a>, RedisStr<'a>, RedisStr<'a>) -> Result<V, E> + 'static,
        V: Into<Verdict>,
        E: Into<ErrorReply>,
    {
        const TWICE: Error = Error::Refused {
            function: "RedisModule_RegisterAuthCallback",
            reason: "the module has a handler of AUTH",
        };
        let register = api!(RedisModule_RegisterAuthCallback, "Redis 7.2 and Valkey 7.2")?;
        let mut slot = HANDLER.try_borrow_mut(self)?;
        if slot.is_some() {
            return Err(TWICE);
        }
        *slot = Some(Rc::new(move |ctx, user, password| {
            handler(ctx, user, password).map(Into::into).map_err(Into::into)
        }));
        // SAFETY: R47: OnLoad is running; the server forgets the function when the module goes.
        unsafe { register(self.as_ptr(), Some(asked)) };
        Ok(())
    }
}

pub(super) const HANDLED: c_int = raw::REDISMODULE_AUTH_HANDLED as c_int;
pub(super) const NOT_HANDLED: c_int = raw::REDISMODULE_AUTH_NOT_HANDLED as c_int;

unsafe extern "C" fn asked(
    ctx: *mut raw::RedisModuleCtx,
    user: *mut raw::RedisModuleString,
    password: *mut raw::RedisModuleString,
    error: *mut *mut raw::RedisModuleString,
) -> c_int {
    guard(
        "an AUTH",
        || HANDLED,
        || {
            // SAFETY: R47: the context of this callback and the arguments of its client.
            let (base, user, password) =
                unsafe { (Context::from_raw(ctx), RedisStr::from_raw(user), RedisStr::from_raw(password)) };
            let ctx = AuthContext { base, blocked: Cell::new(false) };
            let (Some(user), Some(password)) = (user, password) else { return NOT_HANDLED };
            let handler = HANDLER.borrow(&ctx).clone();
            let Some(handler) = handler.filter(|_| is_connection(&ctx)) else { return NOT_HANDLED };
            let verdict = guard("a handler of AUTH", panicked, || handler(&ctx, user, password));
            if ctx.blocked.get() {
                // The server asserts that a blocked client was handled.
                return HANDLED;
            }
            // SAFETY: R47: where the server looks for the error's text.
            unsafe { settle(&ctx, verdict, error) }
        },
    )
}

pub(super) fn panicked() -> Result<Verdict, ErrorReply> {
    Err(ErrorReply::err("internal error: the authentication failed, see the server's log"))
}

/// Whether the client is one: not that of a call, whose AUTH the server could not settle.
fn is_connection(ctx: &AuthContext<'_>) -> bool {
    ctx.client_info_of(ctx.client_id(), |_| ()).is_some()
}

/// Does what the verdict says, and gives the server's word for it.
///
/// # Safety
/// The context is that of a callback of an AUTH, and `error` is where the server looks for the error's text.
pub(super) unsafe fn settle(
    ctx: &Context<'_>,
    verdict: Result<Verdict, ErrorReply>,
    error: *mut *mut raw::RedisModuleString,
) -> c_int {
    let denied = match verdict {
        Ok(Verdict::NotHandled) => return NOT_HANDLED,
        Ok(Verdict::Denied | Verdict::Blocked(_)) => return HANDLED,
        Ok(Verdict::Granted(grant)) => match authenticate(ctx, client_id(ctx), grant) {
            Ok(()) => return HANDLED,
            Err(refused) => ErrorReply::from(refused),
        },
        Err(denied) => denied,
    };
    let line = RedisString::new(&denied.line());
    // SAFETY: R47: the server takes over the one reference, and reads up to the NUL of the line.
    unsafe { *error = line.into_raw() };
    HANDLED
}
