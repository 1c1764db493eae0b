//! Clients by their id: names, users, ends; what a client proves itself by.

use std::ffi::c_int;

use redis_module::raw;

use crate::api::{api, required, unbound};
use crate::blocked::is_leaving;
use crate::context::{CommandContext, Context};
use crate::error::Error;
use crate::filter;
use crate::server::server;
use crate::string::RedisString;

pub(crate) const NO_CLIENT: Error =
    Error::Invalid { what: "the client", reason: "there is no connection of that id" };
const NO_NAME: Error = Error::Invalid {
    what: "a client's name",
    reason: "it holds a space or a character that is not printable",
};

impl Context<'_> {
    /// The name that a client has given itself (CLIENT SETNAME). `None` if it has none, or there is no connection of
    /// that id.
    pub fn client_name(&self, id: u64) -> Option<RedisString> {
        let get = required!(RedisModule_GetClientNameById);
        // SAFETY: R33: a live context; the server counts a reference for us.
        let name = unsafe { get(self.as_ptr(), id) };
        // SAFETY: R5: a string of ours: contexts of this crate have no automatic memory.
        unsafe { RedisString::from_raw(name) }
    }

    /// Gives a client a name, as CLIENT SETNAME does; an empty one takes the name away.
    ///
    /// # Errors
    /// [`Error::Invalid`] if there is no connection of that id, or for a name with other bytes than `!` to `~`.
    pub fn set_client_name(&self, id: u64, name: &[u8]) -> Result<(), Error> {
        // The server looks at a name up to its first NUL only (networking.c, validateClientAttr).
        if name.contains(&0) {
            return Err(NO_NAME);
        }
        let set = required!(RedisModule_SetClientNameById);
        let name = RedisString::new(name);
        // SAFETY: R33: the server counts a reference of its own to the name.
        if unsafe { set(id, name.as_ptr()) } == raw::REDISMODULE_OK as c_int {
            return Ok(());
        }
        match std::io::Error::last_os_error().raw_os_error() {
            Some(libc::EINVAL) => Err(NO_NAME),
            _ => Err(NO_CLIENT),
        }
    }

    /// The name of the user that a client is authenticated as. `None` if there is no connection of that id, or it has
    /// no user, as the link to a primary.
    pub fn client_user_name(&self, id: u64) -> Option<RedisString> {
        let get = required!(RedisModule_GetClientUserNameById);
        // SAFETY: R33: unlike RM_GetCurrentUserName this copes with no user.
        let name = unsafe { get(self.as_ptr(), id) };
        // SAFETY: R5: a string of ours: contexts of this crate have no automatic memory.
        unsafe { RedisString::from_raw(name) }
    }

    /// Takes a client's user away and closes its connection: that of the client whose command is running after the
    /// reply, any other in the event loop's next turn.
    ///
    /// # Errors
    /// [`Error::Invalid`] if there is no connection of that id, or it is the client of a running `on_disconnect`, which
    /// the server may be freeing just now.
    pub fn close_client(&self, id: u64) -> Result<(), Error> {
        if is_leaving(id) || !may_be_connection(self, id) {
            return Err(NO_CLIENT);
        }
        let close = required!(RedisModule_DeauthenticateAndCloseClient);
        // SAFETY: R33: the client is freed later, by the event loop.
        let status = unsafe { close(self.as_ptr(), id) };
        if status == raw::REDISMODULE_OK as c_int { Ok(()) } else { Err(NO_CLIENT) }
    }

    /// The secret that the nodes of a cluster share for their modules, 40 bytes. `None` outside of a cluster. Redis 8.0.
    ///
    /// # Errors
    /// [`Error::Unsupported`] on other servers.
    pub fn internal_secret(&self) -> Result<Option<Vec<u8>>, Error> {
        let get = api!(RedisModule_GetInternalSecret, "Redis 8.0")?;
        let mut len = 0;
        // SAFETY: R47: the server answers where its secret is and how long.
        let secret = unsafe { get(self.as_ptr(), &raw mut len) };
        if secret.is_null() || len == 0 {
            return Ok(None);
        }
        // SAFETY: R47: `len` bytes, copied before anything else runs.
        Ok(Some(unsafe { std::slice::from_raw_parts(secret.cast::<u8>(), len) }.to_vec()))
    }
}

/// Whether an id is that of a connection, or of no client at all. Valkey 9 also finds the clients that calls of modules
/// are made with, and then reads their connection through NULL (9.1.2, `VM_GetClientInfoById`): there it is asked for
/// what it shows of them.
pub(crate) fn may_be_connection(ctx: &Context<'_>, id: u64) -> bool {
    !server().is_valkey_since(9, 0) || is_listed(ctx, &id.to_string())
}

/// Whether an id is that of a connection.
#[cold]
pub(crate) fn is_connection(ctx: &Context<'_>, id: u64) -> bool {
    let find = required!(RedisModule_GetClientInfoById);
    // SAFETY: R33: with NULL the server only looks whether there is such a client.
    may_be_connection(ctx, id) && unsafe { find(std::ptr::null_mut(), id) } == raw::REDISMODULE_OK as c_int
}

#[cold]
fn is_listed(ctx: &Context<'_>, id: &str) -> bool {
    let (call, text) = (required!(RedisModule_Call), required!(RedisModule_CallReplyStringPtr));
    let free = required!(RedisModule_FreeCallReply);
    let (list, by_id) = ("LIST", "ID");
    let ask = || {
        let (ctx, name, format) = (ctx.as_ptr(), c"CLIENT".as_ptr(), c"bbb".as_ptr());
        // SAFETY: R15: three buffers with their lengths.
        unsafe {
            call(ctx, name, format, list.as_ptr(), 4_usize, by_id.as_ptr(), 2_usize, id.as_ptr(), id.len())
        }
    };
    let reply = filter::suspended(ctx, ask);
    if reply.is_null() {
        return false;
    }
    let mut len = 0;
    // SAFETY: R16: a reply of ours; its text lives until it is freed.
    let line = unsafe { text(reply, &raw mut len) };
    // SAFETY: R16: `len` bytes, if it has a text.
    let line = (!line.is_null()).then(|| unsafe { std::slice::from_raw_parts(line.cast::<u8>(), len) });
    let is_listed = line.is_some_and(|line| is_connected(&String::from_utf8_lossy(line)));
    // SAFETY: R16: freed once.
    unsafe { free(reply) };
    is_listed
}

/// Reads a line of CLIENT LIST.
fn is_connected(line: &str) -> bool {
    line.split(' ').find_map(|field| field.strip_prefix("fd=")).is_some_and(|fd| fd != "-1")
}

/// The certificate of the client that a callback is about.
pub(crate) fn certificate(ctx: &Context<'_>, id: u64) -> Option<RedisString> {
    if !may_be_connection(ctx, id) {
        return None;
    }
    let get = required!(RedisModule_GetClientCertificate);
    // SAFETY: R33: the client whose callback runs: nobody else uses its connection meanwhile.
    let certificate = unsafe { get(ctx.as_ptr(), id) };
    // SAFETY: R5: a string of ours: contexts of this crate have no automatic memory.
    unsafe { RedisString::from_raw(certificate) }
}

impl CommandContext<'_> {
    /// The certificate the client has shown, in PEM form. `None` without TLS, without a certificate, and for what has
    /// no connection of its own.
    pub fn client_certificate(&self) -> Option<RedisString> {
        certificate(self, self.client_id())
    }

    /// Whether the command must be obeyed: it comes from the primary or the AOF, where nothing may be refused. Valkey
    /// 8.1; elsewhere [`crate::ContextFlags::REPLICATED`] tells of the primary, and the id of the client of the AOF.
    ///
    /// # Errors
    /// [`Error::Unsupported`] on other servers.
    pub fn must_obey_client(&self) -> Result<bool, Error> {
        type MustObey = unsafe extern "C" fn(*mut raw::RedisModuleCtx) -> c_int;
        // SAFETY: R47: the type that valkeymodule.h gives it.
        let must_obey = unsafe { unbound!(RedisModule_MustObeyClient: MustObey, "Valkey 8.1") }?;
        // SAFETY: R11: the context of a command, which has a client.
        Ok(unsafe { must_obey(self.as_ptr()) } != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_without_a_descriptor_is_no_connection() {
        assert!(is_connected("id=3 addr=127.0.0.1:1 laddr=127.0.0.1:2 fd=8 name= age=0"));
        assert!(!is_connected("id=1 addr= laddr= fd=-1 name= age=1"));
        assert!(!is_connected(""));
    }
}
