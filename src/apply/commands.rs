//! Which of the table's commands this server has and lets the mirrors run.
//!
//! The engine's table is an allow-list. The server's own judgement is a second one: each command is held against a
//! user that may do nothing administrative, so that a command whose meaning a server (or another module) has changed
//! is refused. Asked once: `RM_Call`'s check of each call ends Redis 7.0 at the first refusal.

use std::ffi::CStr;

use mirror_engine::LocalServer;
use mirror_engine::command::TABLE;
use redis_context::{
    CallFlags, Error, Family, LogLevel, ModuleUser, Permission, ReplyRef, ReplyView, WriteContext, server,
};
use redis_replica::rdb::Target;

/// What the mirrors may run: nothing that configures, connects or runs scripts. The commands behind are called
/// dangerous because they are slow or destroy data, which a source may do to its mirror's scope.
const RIGHTS: [&CStr; 14] = [
    c"on",
    c"~*",
    c"&*",
    c"+@all",
    c"-@admin",
    c"-@dangerous",
    c"-@scripting",
    c"-@connection",
    c"+restore",
    c"+restore-asking",
    c"+flushall",
    c"+flushdb",
    c"+swapdb",
    c"+sort",
];

/// XGROUP CREATE key group id.
const XGROUP_CREATE_ARITY: usize = 5;

/// What this server can do, asked of itself.
pub fn local_server(ctx: &WriteContext<'_>) -> LocalServer {
    let server = server();
    let version = (server.version.major, server.version.minor, server.version.patch);
    let target = match server.family {
        Family::Redis => Target::redis(version.0, version.1, version.2),
        Family::Valkey => Target::valkey(version.0, version.1, version.2),
    };
    match allowed(ctx) {
        Ok(names) => LocalServer::new(target, names.iter().map(String::as_bytes)),
        Err(error) => {
            ctx.log(
                LogLevel::Warning,
                format!("this server can't tell its commands ({error}): taken from its version"),
            );
            LocalServer::by_release(target)
        }
    }
}

/// The table's commands that this server has and would let a harmless user run.
fn allowed(ctx: &WriteContext<'_>) -> Result<Vec<String>, Error> {
    let user = ModuleUser::new(ctx, c"mirror", &RIGHTS)?;
    let names: Vec<&[u8]> = TABLE.iter().map(|command| command.name().as_bytes()).collect();
    let args: Vec<&[u8]> = std::iter::once(&b"INFO"[..]).chain(names).collect();
    let reply = ctx.call(c"command", CallFlags::ERRORS_AS_REPLIES, &args)?;
    let ReplyView::Array(rows) = reply.view() else { return Err(Error::module("COMMAND INFO gave no list")) };
    let known = rows.filter_map(known);
    Ok(known.filter(|(name, arity)| may(ctx, &user, name, *arity)).map(|(name, _)| name).collect())
}

/// The name and the arity of a row of COMMAND INFO; none for a command that the server lacks.
fn known(row: ReplyRef<'_>) -> Option<(String, usize)> {
    let ReplyView::Array(mut fields) = row.view() else { return None };
    let name = String::from_utf8(fields.next()?.as_bytes()?.to_vec()).ok()?;
    let ReplyView::Int(arity) = fields.next()?.view() else { return None };
    Some((name, usize::try_from(arity.unsigned_abs()).ok()?))
}

fn may(ctx: &WriteContext<'_>, user: &ModuleUser, name: &str, arity: usize) -> bool {
    let mut command = vec![name.as_bytes()];
    // The one container among them: its own name is no command.
    let is_container = name == "xgroup";
    command.extend(is_container.then_some(&b"create"[..]));
    command.resize(if is_container { XGROUP_CREATE_ARITY } else { arity.max(1) }, b"0");
    let is_allowed = user.check_command(ctx, &command) == Ok(Permission::Allowed);
    if !is_allowed {
        ctx.log(
            LogLevel::Verbose,
            format!("mirrors do not use {name}: this server counts it among those that administrate"),
        );
    }
    is_allowed
}
