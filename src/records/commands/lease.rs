//! `RECORD.LEASE key name ACQUIRE holder PX ms [BLOCK ms] | RENEW holder token PX ms | RELEASE holder token | TRY id ms`

use std::time::Duration;

use record_store::lease::Wish;
use redis_context::{Arg, Args, CommandContext, CommandInfo, Error, ErrorReply, Outcome, RedisStr, Reply};

use super::{UPDATES, info};
use crate::records::candidates::{self, Candidate, Undelivered};
use crate::records::waiting::{self, WAITING};
use crate::records::writing::{Missing, place, write};
use crate::records::{events, memory, replies, rights, terms};

static ACQUIRE: [Arg; 3] = [
    Arg::string(c"holder").token(c"ACQUIRE"),
    Arg::integer(c"milliseconds").token(c"PX"),
    Arg::integer(c"timeout").token(c"BLOCK").optional().summary(c"In milliseconds; 0 waits for ever."),
];
static RENEW: [Arg; 3] = [
    Arg::string(c"holder").token(c"RENEW"),
    Arg::integer(c"token"),
    Arg::integer(c"milliseconds").token(c"PX"),
];
static RELEASE: [Arg; 2] = [Arg::string(c"holder").token(c"RELEASE"), Arg::integer(c"token")];
static TRY: [Arg; 2] = [
    Arg::string(c"id").token(c"TRY"),
    Arg::integer(c"milliseconds").summary(c"0 gives it back if this id holds it."),
];
static FORMS: [Arg; 4] = [
    Arg::block(c"acquire", &ACQUIRE),
    Arg::block(c"renew", &RENEW),
    Arg::block(c"release", &RELEASE),
    Arg::block(c"try", &TRY),
];

pub static INFO: CommandInfo = info(
    c"Takes, renews or gives back a lease: one holder at a time, each acquisition with a greater token.",
    c"O(log N) with N the leases of the store",
    -5,
    UPDATES,
    &[Arg::key(c"key", 0), Arg::string(c"name"), Arg::one_of(c"form", &FORMS)],
);

pub fn run<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Outcome, ErrorReply> {
    let (key, name) = (args.next_arg()?, args.next_arg()?.as_bytes());
    if args.take_keyword("ACQUIRE") {
        acquire(ctx, key, name, args)
    } else if args.take_keyword("RENEW") {
        renew(ctx, key, name, args)
    } else if args.take_keyword("RELEASE") {
        release(ctx, key, name, args)
    } else if args.take_keyword("TRY") {
        try_lease(ctx, key, name, args)
    } else {
        Err(Error::Syntax.into())
    }
}

fn acquire<'cx>(
    ctx: &CommandContext<'cx>,
    key: RedisStr<'cx>,
    name: &[u8],
    mut args: Args<'cx>,
) -> Result<Outcome, ErrorReply> {
    let holder = args.next_arg()?.as_bytes();
    let ttl_ms = px(&mut args)?;
    let block = if args.take_keyword("BLOCK") { Some(args.next_u64()?) } else { None };
    args.finish()?;
    candidates::grant_ended(ctx, &place(ctx, key), name)?;
    refuse_without_memory(ctx, key, name)?;
    let wish = write(ctx, key, Missing::Create, |store, write| store.acquire(write, name, holder, ttl_ms))?;
    match (wish.ok_or(Error::NoSuchKey)?, block) {
        (held @ Wish::Held { .. }, Some(block)) => wait(ctx, key, name, (holder, ttl_ms), (block, held)),
        (wish, _) => Ok(replies::wish(wish).into()),
    }
}

/// Waits until it is this client's turn; where clients can't wait, the answer is who holds it.
fn wait(
    ctx: &CommandContext<'_>,
    key: RedisStr<'_>,
    name: &[u8],
    (holder, ttl_ms): (&[u8], u64),
    (timeout_ms, held): (u64, Wish),
) -> Result<Outcome, ErrorReply> {
    let place = place(ctx, key);
    let number = waiting::number(ctx, &place)?;
    events::hear(ctx)?;
    let (late, gone) = (place.clone(), place.clone());
    let lost = Undelivered { place: place.clone(), lease: name.into(), holder: holder.into() };
    let started = ctx
        .block::<Result<Wish, ErrorReply>>()
        .timeout(Duration::from_millis(timeout_ms))
        .on_reply(|_, answer| answer.map(replies::wish))
        .on_timeout(move |ctx| {
            waiting::leave(ctx, &late, number);
            Ok(Reply::Null)
        })
        .on_disconnect(move |ctx| waiting::leave(ctx, &gone, number))
        .on_undelivered(move |ctx, answer| candidates::note_undelivered(ctx, lost, &answer))
        .start();
    let (blocked, client) = match started {
        Ok(started) => started,
        Err(Error::BlockingDenied) => return Ok(replies::wish(held).into()),
        Err(error) => return Err(error.into()),
    };
    let rights = rights::Waiting::new(ctx, &[b"record.lease", key.as_bytes(), name, b"ACQUIRE", holder]);
    let candidate = Candidate { holder: holder.into(), ttl_ms, rights, client };
    WAITING.try_borrow_mut(ctx)?.get_or_insert_default().add_candidate(place, number, name, candidate);
    Ok(blocked.into())
}

fn renew<'cx>(
    ctx: &CommandContext<'cx>,
    key: RedisStr<'cx>,
    name: &[u8],
    mut args: Args<'cx>,
) -> Result<Outcome, ErrorReply> {
    let (holder, token) = (args.next_arg()?.as_bytes(), args.next_u64()?);
    let ttl_ms = px(&mut args)?;
    args.finish()?;
    let wish =
        write(ctx, key, Missing::Leave, |store, write| store.renew(write, name, (holder, token), ttl_ms))?;
    wish.map(|wish| replies::wish(wish).into()).ok_or_else(not_held)
}

fn release<'cx>(
    ctx: &CommandContext<'cx>,
    key: RedisStr<'cx>,
    name: &[u8],
    mut args: Args<'cx>,
) -> Result<Outcome, ErrorReply> {
    let (holder, token) = (args.next_arg()?.as_bytes(), args.next_u64()?);
    args.finish()?;
    let released = write(ctx, key, Missing::Leave, |store, write| {
        store.release(write, name, (holder, token)).map(|commit| ((), commit))
    })?;
    released.map(|()| Reply::OK.into()).ok_or_else(not_held)
}

fn try_lease<'cx>(
    ctx: &CommandContext<'cx>,
    key: RedisStr<'cx>,
    name: &[u8],
    mut args: Args<'cx>,
) -> Result<Outcome, ErrorReply> {
    let (id, ttl_ms) = (args.next_arg()?.as_bytes(), args.next_u64()?);
    args.finish()?;
    candidates::grant_ended(ctx, &place(ctx, key), name)?;
    if ttl_ms != 0 {
        refuse_without_memory(ctx, key, name)?;
    }
    let wish = write(ctx, key, Missing::Create, |store, write| store.try_lease(write, name, id, ttl_ms))?;
    Ok(replies::wish(wish.ok_or(Error::NoSuchKey)?).into())
}

/// Whoever holds a lease must not lose it for want of memory: it's a new one that takes some.
fn refuse_without_memory(ctx: &CommandContext<'_>, key: RedisStr<'_>, name: &[u8]) -> Result<(), ErrorReply> {
    memory::refuse_new(ctx, key, |store| store.lease(name, terms::now(ctx)).is_some())
}

fn px(args: &mut Args<'_>) -> Result<u64, ErrorReply> {
    if !args.take_keyword("PX") {
        return Err(Error::Syntax.into());
    }
    super::numbers::positive(args)
}

fn not_held() -> ErrorReply {
    crate::records::writing::refusal(&record_store::LeaseError::NotHeld)
}
