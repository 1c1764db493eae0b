//! What the rules of ACL users say about the module's commands.

use std::ffi::CStr;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::call::CallFlags;
use crate::cell::MainCell;
use crate::context::{Context, UnloadContext, WriteContext};
use crate::error::Error;
use crate::filter;
use crate::reply::Reply;
use crate::server::server;
use crate::user::{ModuleUser, Permission};

/// The module's commands, without their subcommands.
static NAMES: MainCell<Vec<&'static CStr>> = MainCell::new(Vec::new());

/// Whether the server has made a command that it has no bit for.
static IS_FULL: AtomicBool = AtomicBool::new(false);

const FULL: Error = Error::Refused {
    function: "RedisModule_CreateCommand",
    reason: "the server knows 1024 names of commands, those of modules that have gone among them: start it anew",
};

/// Notes a command that the server has just made, before anything more is said of it. A name keeps its number for as
/// long as the server runs, and a user that is given one of more than 1024 with a first argument has the server write
/// beyond a table (`ACLAddAllowedFirstArg`, acl.c). Such a command can't be permitted: that tells.
pub(super) fn note(ctx: &Context<'_>, name: &'static CStr) -> Result<(), Error> {
    NAMES.try_borrow_mut(ctx)?.push(name);
    let rule = super::name::rule(name)?;
    let user = ModuleUser::new(ctx, c"trial", &[c"allkeys", c"allchannels", &rule])?;
    match user.check_command(ctx, &[name.to_bytes()]) {
        Ok(Permission::Denied) => {
            IS_FULL.store(true, Ordering::Relaxed);
            Err(FULL)
        }
        _ => Ok(()),
    }
}

/// Refuses a load that goes on with a command which was refused.
pub(super) fn confirm() -> Result<(), Error> {
    if IS_FULL.load(Ordering::Relaxed) { Err(FULL) } else { Ok(()) }
}

/// The module goes.
pub(super) fn abandon(ctx: &Context<'_>) {
    IS_FULL.store(false, Ordering::Relaxed);
    drop(NAMES.take(ctx));
}

/// Refuses to go while the rules of a user name a command of the module: from 7.2 on the server applies all rules again
/// when a module has gone, and asserts that it knows all names (`ACLRecomputeCommandBitsFromCommandRulesAllUsers`,
/// acl.c). Valkey 9.1 refuses that by itself. Where ACL LIST is out of reach the module stays.
pub(crate) fn refuse_while_named(ctx: &UnloadContext<'_>) -> Result<(), Error> {
    let names = NAMES.try_borrow(ctx)?;
    if names.is_empty() || !server().is_since_7_2() {
        return Ok(());
    }
    let users =
        users(ctx).ok_or(Error::module("ACL LIST does not tell whether a user's rules name its commands"))?;
    match users.iter().find_map(|user| named(user, &names)) {
        Some(name) => Err(Error::module(format!(
            "ACL rules of a user name its command {}: delete the user, or give it other rules from nocommands on",
            name.to_string_lossy()
        ))),
        None => Ok(()),
    }
}

/// The users as ACL LIST describes them. Among them is the default user, unless another module has changed the command.
fn users(ctx: &UnloadContext<'_>) -> Option<Vec<Vec<u8>>> {
    // SAFETY: R11: the context of OnUnload, on the main thread, where MODULE UNLOAD runs; ACL LIST writes nothing.
    let ctx = unsafe { WriteContext::from_raw(ctx.as_ptr()) };
    let list = || ctx.call(c"ACL", CallFlags::empty(), &[b"LIST"]).ok().map(|reply| reply.to_reply());
    let Reply::Array(users) = filter::suspended(&ctx, list)? else { return None };
    let line = |user| if let Reply::Bulk(line) = user { Some(line) } else { None };
    let users: Vec<Vec<u8>> = users.into_iter().map(line).collect::<Option<_>>()?;
    users.iter().any(|user| user.starts_with(b"user default ")).then_some(users)
}

/// The command that a rule of a user is about: `user <name> .. +command -group|sub (~key +command|first)`.
fn named(user: &[u8], names: &[&'static CStr]) -> Option<&'static CStr> {
    let rules = user.split(|byte| *byte == b' ').skip(2);
    let commands = rules.filter_map(|rule| {
        let rule = rule.strip_prefix(b"(").unwrap_or(rule);
        let rule = rule.strip_suffix(b")").unwrap_or(rule);
        let command = rule.strip_prefix(b"+").or_else(|| rule.strip_prefix(b"-"))?;
        command.split(|byte| *byte == b'|').next()
    });
    let find = |command: &[u8]| names.iter().find(|name| name.to_bytes().eq_ignore_ascii_case(command));
    commands.into_iter().find_map(find).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_names_a_command_in_all_its_forms() {
        for rules in
            ["-@all +odd.x", "+@all -ODD.X", "+odd.x|first", "-@all (~key -@all +odd.x)", "(+odd.x ~key)"]
        {
            assert_eq!(named(format!("user me on {rules}").as_bytes(), &[c"y", c"Odd.x"]), Some(c"Odd.x"));
        }
        for rules in ["-@all +odd.xy", "~+odd.x", "+@odd.x", "odd.x", "+get|odd.x"] {
            assert_eq!(named(format!("user +odd.x on {rules}").as_bytes(), &[c"odd.x"]), None, "{rules}");
        }
    }
}
