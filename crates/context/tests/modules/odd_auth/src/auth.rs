//! OA.LOGIN and AUTH, in every way.

use std::sync::{Mutex, PoisonError};

use redis_context::{
    Args, AuthContext, AuthUnblocker, Command, CommandContext, Context, Error, ErrorReply, Grant,
    LoadContext, RedisStr, Reply, Verdict, thread,
};

use crate::users::{USER, user};
use crate::{ANY, note};

/// Those who wait for OA.DECIDE.
static WAITING: Mutex<Vec<AuthUnblocker<String>>> = Mutex::new(Vec::new());

pub fn register(load: &LoadContext<'_>) -> Result<(), Error> {
    match load.on_auth(decide) {
        Err(error @ Error::Unsupported { .. }) => note(load, error.to_string()),
        registered => registered?,
    }
    if let Err(error) = load.on_auth(decide) {
        note(load, format!("twice: {error}"));
    }
    load.command(Command::new(c"oa.login").flags(ANY), |ctx: &CommandContext<'_>, mut args: Args<'_>| {
        let name = String::from_utf8_lossy(args.next_arg()?.as_bytes()).into_owned();
        let grant = if name == "module" { Grant::module_user(user(ctx)?) } else { Grant::acl_user(&name) };
        ctx.authenticate(heard(grant, name)).map(|()| Reply::OK)
    })?;
    load.command(Command::new(c"oa.decide").flags(ANY), |_: &CommandContext<'_>, mut args: Args<'_>| {
        let finding = args.next_str()?.to_owned();
        let mut waiting = lock();
        let first = if waiting.is_empty() { None } else { Some(waiting.remove(0)) };
        let found = first.is_some();
        drop(waiting);
        let end = move || match first {
            Some(unblocker) if finding != "drop" => unblocker.unblock(finding),
            _ => {}
        };
        let ended = thread::spawn("decide", end).map(|thread| thread.join().is_ok());
        Ok::<_, Error>(Reply::Int(i64::from(found && ended.unwrap_or(false))))
    })?;
    load.command(Command::new(c"oa.waiting").flags(ANY), |_: &CommandContext<'_>, _: Args<'_>| {
        Ok::<_, Error>(Reply::Int(lock().len() as i64))
    })
}

fn lock() -> std::sync::MutexGuard<'static, Vec<AuthUnblocker<String>>> {
    WAITING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Notes the change; closes the client once more when its name says so.
fn heard(grant: Grant, name: String) -> Grant {
    grant.on_change(move |ctx, client| {
        note(ctx, format!("changed {name}"));
        if name == "closer" {
            note(ctx, format!("closing again: {:?}", ctx.close_client(client)));
        }
        assert!(name != "panicker", "in the change of a user");
    })
}

/// The user's name says what becomes of it.
fn decide<'a>(
    ctx: &AuthContext<'a>,
    name: RedisStr<'a>,
    password: RedisStr<'a>,
) -> Result<Verdict, ErrorReply> {
    let name = String::from_utf8_lossy(name.as_bytes()).into_owned();
    note(ctx, format!("auth {name:?} {:?}", password.as_bytes().escape_ascii().to_string()));
    if name == "cert" {
        note(ctx, format!("cert {}", ctx.client_certificate().is_some()));
    }
    if name == "later" || name == "laterpanic" {
        let (blocked, unblocker) = ctx.block(|ctx, finding: String| settle(ctx, &finding))?;
        note(ctx, format!("again {:?}", ctx.block(|_, _: ()| Ok(Verdict::Denied)).err()));
        lock().push(unblocker);
        assert!(name != "laterpanic", "after it was blocked");
        return Ok(blocked.into());
    }
    settle(ctx, &name)
}

fn settle(ctx: &Context<'_>, word: &str) -> Result<Verdict, ErrorReply> {
    match word.split_once(':') {
        Some(("acl", user)) => Ok(heard(Grant::acl_user(user), user.to_owned()).into()),
        Some(("error", text)) => Err(ErrorReply::new("ODD", text)),
        _ if word == "denied" => Ok(Verdict::Denied),
        _ if word == "panic" => panic!("in a handler of AUTH"),
        _ if word == "module" => {
            let user = USER.borrow(ctx).clone().ok_or_else(|| ErrorReply::err("no user"))?;
            Ok(Grant::module_user(user).into())
        }
        _ => Ok(Verdict::NotHandled),
    }
}
