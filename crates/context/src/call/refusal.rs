//! Commands that the server does not survive when a module runs them, or runs them now.
//!
//! They are known by name: an administrator who gives them another (`rename-command`) takes this protection away.

use std::ffi::CStr;

use redis_module::raw;

use super::{CallError, CallFlags, CallReply};
use crate::api::required;
use crate::client::is_connection;
use crate::context::Context;
use crate::events::is_dispatching;
use crate::filter;
use crate::loading;
use crate::reply::Reply;
use crate::server::server;
use crate::serving::is_serving;

/// A command that is looked at before it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Suspect {
    /// It writes to a connection that there is not, waits where it can't, or ends clients: never.
    Deadly,
    /// A script may run for long.
    Script,
    /// It changes the server's role, and so ends connections.
    Role,
    /// It changes what users may do, and so ends connections.
    Rights,
    /// It ends the wait of a client.
    Unblocks,
    /// It takes scripts or functions away, or adds one: for a script that runs Valkey 9 then loses its client
    /// (`engineTeardownModuleCtx`, scripting_engine.c, 9.1.2).
    Code,
    /// It takes the data away, or a module.
    Ground,
}

/// Whether a command may run now; `true` if it is a script.
#[inline]
pub(super) fn check<'b>(
    ctx: &Context<'_>,
    name: &CStr,
    first: impl Fn() -> Option<&'b [u8]>,
) -> Result<bool, CallError> {
    match suspect(name.to_bytes(), first) {
        None if is_serving() && is_of_another_module(ctx, name) => Err(CallError::NotWhileServing),
        None => Ok(false),
        Some(suspect) => judge(ctx, suspect),
    }
}

#[inline]
fn suspect<'b>(name: &[u8], first: impl Fn() -> Option<&'b [u8]>) -> Option<Suspect> {
    // Most commands are told from these by their first letter.
    let letter = name.first()? | 0x20;
    let is = |command: &[u8]| command[0] == letter && name.eq_ignore_ascii_case(command);
    let begins_with = |words: &[&[u8]]| {
        first().is_some_and(|first| words.iter().any(|word| first.eq_ignore_ascii_case(word)))
    };
    let found = match name.len() {
        3 if is(b"acl") && begins_with(&[b"setuser", b"deluser", b"load"]) => Suspect::Rights,
        4 if is(b"sync") || is(b"wait") && !server().is_since_7_2() => Suspect::Deadly,
        4 if is(b"eval") => Suspect::Script,
        5 if is(b"psync") => Suspect::Deadly,
        5 if is(b"fcall") => Suspect::Script,
        5 if is(b"debug") && begins_with(&[b"reload", b"loadaof"]) => Suspect::Ground,
        6 if is(b"client") && begins_with(&[b"kill", b"pause"]) => Suspect::Deadly,
        6 if is(b"client") && begins_with(&[b"unblock"]) => Suspect::Unblocks,
        6 if is(b"module") && begins_with(&[b"unload"]) => Suspect::Ground,
        6 if is(b"script") && begins_with(&[b"debug"]) => Suspect::Deadly,
        6 if is(b"script") && begins_with(&[b"flush", b"load"]) => Suspect::Code,
        7 if is(b"slaveof") || is(b"cluster") => Suspect::Role,
        7 if is(b"evalsha") || is(b"eval_ro") => Suspect::Script,
        8 if is(b"fcall_ro") => Suspect::Script,
        8 if is(b"failover") => Suspect::Deadly,
        8 if is(b"function") && begins_with(&[b"flush", b"delete", b"restore", b"load"]) => Suspect::Code,
        9 if is(b"replicaof") => Suspect::Role,
        10 if is(b"evalsha_ro") => Suspect::Script,
        _ => return None,
    };
    Some(found)
}

#[cold]
fn judge(ctx: &Context<'_>, suspect: Suspect) -> Result<bool, CallError> {
    let (flags, serving) = (flags(ctx), is_serving());
    let any = |bits: u32| flags & bits != 0;
    let in_script = any(raw::REDISMODULE_CTX_FLAGS_LUA);
    match suspect {
        Suspect::Deadly => Err(CallError::NotForModules),
        Suspect::Rights if frees_clients_at_once() => Err(CallError::NotForModules),
        Suspect::Ground if loading::forbids_writes(ctx) => Err(CallError::Loading),
        Suspect::Ground if is_dispatching(ctx) || in_script => Err(CallError::NotForModules),
        Suspect::Code if in_script => Err(CallError::NotForModules),
        Suspect::Role if any(raw::REDISMODULE_CTX_FLAGS_SLAVE) && may_be_of_primary(ctx, flags) => {
            Err(CallError::NotForModules)
        }
        Suspect::Rights | Suspect::Role | Suspect::Unblocks | Suspect::Ground if serving => {
            Err(CallError::NotWhileServing)
        }
        // One script at a time (scriptPrepareForRun, script.c).
        Suspect::Script if in_script => Err(CallError::NotForModules),
        // CLUSTER, which changes roles, is allowed in scripts.
        Suspect::Script if serving && any(raw::REDISMODULE_CTX_FLAGS_CLUSTER) => {
            Err(CallError::NotWhileServing)
        }
        // The server does not look what a script writes.
        Suspect::Script if loading::forbids_writes(ctx) => Err(CallError::Loading),
        Suspect::Script => Ok(true),
        _ => Ok(false),
    }
}

/// Whether a command belongs to another module, which does not know that this one is being served.
#[cold]
fn is_of_another_module(ctx: &Context<'_>, name: &CStr) -> bool {
    let (own, call) = (required!(RedisModule_GetCommand), required!(RedisModule_Call));
    // SAFETY: R12: a live context; the name is read during the call, and a command of another module is NULL.
    if !unsafe { own(ctx.as_ptr(), name.as_ptr()) }.is_null() {
        return false;
    }
    let (word, name) = ("INFO", name.to_bytes());
    let ask = || {
        let (ctx, command, format) = (ctx.as_ptr(), c"COMMAND".as_ptr(), c"bb".as_ptr());
        // SAFETY: R15: two buffers with their lengths.
        unsafe { call(ctx, command, format, word.as_ptr(), word.len(), name.as_ptr(), name.len()) }
    };
    let reply = filter::suspended(ctx, ask);
    // SAFETY: R16: a reply of this context, owned from here on.
    let Ok(reply) = (unsafe { CallReply::from_call(reply, CallFlags::empty()) }) else { return false };
    // One command: its name, its arity, its flags ..
    let Reply::Array(commands) = reply.to_reply() else { return false };
    let Some(Reply::Array(command)) = commands.first() else { return false };
    let Some(Reply::Array(flags) | Reply::Set(flags)) = command.get(2) else { return false };
    flags.iter().any(|flag| matches!(flag, Reply::Bulk(flag) if flag == b"module"))
}

fn flags(ctx: &Context<'_>) -> u32 {
    let flags = required!(RedisModule_GetContextFlags);
    // SAFETY: R11: a live context.
    unsafe { flags(ctx.as_ptr()) }.cast_unsigned()
}

/// Whether the command that runs may be the primary's: the server frees that connection when its role changes. The
/// context of a call inside a call does not tell; it has no connection.
fn may_be_of_primary(ctx: &Context<'_>, flags: u32) -> bool {
    let id = required!(RedisModule_GetClientId);
    // SAFETY: R17: every context has a client.
    let id = unsafe { id(ctx.as_ptr()) };
    flags & raw::REDISMODULE_CTX_FLAGS_REPLICATED != 0 || !is_connection(ctx, id)
}

/// Whether the server frees the clients whose rights shrink while their commands run (`ACLKillPubsubClientsIfNeeded`,
/// acl.c): Redis 7.0, and Valkey before 9.0.
fn frees_clients_at_once() -> bool {
    let server = server();
    !server.is_redis_since(7, 2) && !server.is_valkey_since(9, 0)
}

/// Whether a command makes no sense without a connection: it subscribes, monitors, replicates, or ends the server.
pub(super) fn needs_connection(name: &[u8]) -> bool {
    const NAMES: [&[u8]; 10] = [
        b"subscribe",
        b"psubscribe",
        b"ssubscribe",
        b"monitor",
        b"shutdown",
        b"sync",
        b"psync",
        b"replicaof",
        b"slaveof",
        b"failover",
    ];
    NAMES.iter().any(|known| name.eq_ignore_ascii_case(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_known_in_any_case_and_by_their_first_word() {
        let suspect = |name: &str, first: &'static str| suspect(name.as_bytes(), || Some(first.as_bytes()));
        assert_eq!(suspect("EvalSha", "x"), Some(Suspect::Script));
        assert_eq!(suspect("client", "KILL"), Some(Suspect::Deadly));
        assert_eq!(suspect("client", "unblock"), Some(Suspect::Unblocks));
        assert_eq!(suspect("client", "list"), None);
        assert_eq!(suspect("ACL", "SetUser"), Some(Suspect::Rights));
        assert_eq!(suspect("acl", "list"), None);
        assert_eq!(suspect("function", "list"), None);
        assert_eq!(suspect("get", "setuser"), None);
    }
}
