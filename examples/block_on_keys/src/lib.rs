//! Clients that wait for keys of any type.
//!
//! `2>` is what a second client says meanwhile.
//!
//! ```text
//! > KEYS.POP jobs 2 0            # waits for two elements
//! 2> RPUSH jobs a                (integer) 1      # it waits on
//! 2> RPUSH jobs b                (integer) 2
//! 1) "a"
//! 2) "b"
//! > KEYS.POP jobs 2 100          (nil)            # nobody came for 100 ms
//! > KEYS.GET answer 0            # a string, which no command of the server's waits for
//! 2> KEYS.SET answer 42          OK
//! "42"
//! > RPUSH todo x                 (integer) 1
//! > KEYS.GONE todo 0             # until it is gone: from Redis 7.2
//! 2> LPOP todo                   "x"
//! OK
//! > KEYS.GET never 0
//! 2> KEYS.GIVEUP                 (integer) 1
//! (error) GIVENUP nobody will set never
//! ```
#![forbid(unsafe_code)]

use std::time::Duration;

use redis_context::{
    Arg, Args, CallFlags, Command, CommandContext, CommandFlags, CommandInfo, Error, ErrorReply, FromReply,
    KeysUnblocker, LoadContext, LogLevel, MainCell, NotifyFlags, Outcome, Ready, RedisStr, Reply,
    WriteContext,
};

redis_context::module! {
    name: "block_on_keys",
    version: 1,
    init: init,
}

/// How many elements are popped at once.
const POPPED_MAX: u64 = 10_000;

/// The clients of KEYS.GET. They need not be kept to be served, only to be given up.
static GETTING: MainCell<Vec<KeysUnblocker<String>>> = MainCell::new(Vec::new());

static POP: CommandInfo = CommandInfo {
    summary: Some(c"Pops so many elements at once, and waits until there are so many."),
    arity: 4,
    args: &[Arg::key(c"key", 0), Arg::integer(c"count"), Arg::integer(c"milliseconds")],
    ..CommandInfo::EMPTY
};
static GET: CommandInfo = CommandInfo {
    summary: Some(c"The string at a key, as soon as KEYS.SET has set it."),
    arity: 3,
    args: &[Arg::key(c"key", 0), Arg::integer(c"milliseconds")],
    ..CommandInfo::EMPTY
};
static SET: CommandInfo = CommandInfo {
    summary: Some(c"Sets a string, and serves who waits for it."),
    arity: 3,
    args: &[Arg::key(c"key", 0), Arg::string(c"value")],
    ..CommandInfo::EMPTY
};
static GONE: CommandInfo = CommandInfo {
    summary: Some(c"Waits until a list, sorted set, stream or module's value is gone."),
    arity: 3,
    args: &[Arg::key(c"key", 0), Arg::integer(c"milliseconds")],
    ..CommandInfo::EMPTY
};
static GIVE_UP: CommandInfo = CommandInfo {
    summary: Some(c"Ends all waits of KEYS.GET, and answers how many."),
    arity: 1,
    ..CommandInfo::EMPTY
};

fn init(load: &LoadContext<'_>) -> Result<(), Error> {
    let write = CommandFlags::WRITE | CommandFlags::DENY_OOM;
    let read = CommandFlags::READONLY | CommandFlags::BLOCKING;
    let pop_flags = write | CommandFlags::BLOCKING;
    load.command(Command::new(c"keys.pop").flags(pop_flags).keys(1, 1, 1).info(&POP), pop)?;
    load.command(Command::new(c"keys.get").flags(read).keys(1, 1, 1).info(&GET), get)?;
    load.command(Command::new(c"keys.set").flags(write).keys(1, 1, 1).info(&SET), set)?;
    load.command(Command::new(c"keys.gone").flags(read).keys(1, 1, 1).info(&GONE), gone)?;
    load.command(Command::new(c"keys.giveup").info(&GIVE_UP), give_up)?;
    // The server signals a list only when it comes into being: here whoever waits hears of each element.
    load.subscribe(NotifyFlags::LIST, |ctx, event| {
        if let Err(error) = ctx.signal_key_ready(event.key) {
            ctx.log(LogLevel::Warning, format!("a list was not signalled: {error}"));
        }
    })
}

/// KEYS.POP key count milliseconds
fn pop<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Outcome, ErrorReply> {
    let key = args.next_arg()?;
    let count = args.next_u64()?;
    let timeout = Duration::from_millis(args.next_u64()?);
    if !(1..=POPPED_MAX).contains(&count) {
        return Err(ErrorReply::err("the count is from 1 to 10000"));
    }
    if let Some(elements) = try_pop(ctx, key, count)? {
        return Ok(Reply::from(elements).into());
    }
    let blocked = ctx
        .block_on_keys(&[key], count)
        .on_ready(|ctx, key, count| Ok(try_pop(ctx, key, *count)?.map_or(Ready::NotYet, Ready::serve)))
        .timeout(timeout)
        .start()?;
    Ok(blocked.into())
}

/// The first `count` elements, if there are so many. Replicas are told what was popped, not who waited.
fn try_pop(ctx: &WriteContext<'_>, key: RedisStr<'_>, count: u64) -> Result<Option<Vec<String>>, ErrorReply> {
    let len: u64 = call(ctx, c"LLEN", &[key.as_bytes()])?;
    if len < count {
        return Ok(None);
    }
    call(ctx, c"LPOP", &[key.as_bytes(), count.to_string().as_bytes()]).map(Some)
}

fn call<T: for<'r> FromReply<'r>>(
    ctx: &WriteContext<'_>,
    name: &std::ffi::CStr,
    args: &[&[u8]],
) -> Result<T, ErrorReply> {
    ctx.call(name, CallFlags::REPLICATE, args).map_err(Error::from)?.get()
}

/// KEYS.GET key milliseconds
fn get<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Outcome, Error> {
    let key = args.next_arg()?;
    let timeout = Duration::from_millis(args.next_u64()?);
    if let Some(value) = string(ctx, key)? {
        return Ok(Reply::Bulk(value).into());
    }
    let name = String::from_utf8_lossy(key.as_bytes()).into_owned();
    let (blocked, unblocker) = ctx
        .block_on_keys(&[key], name)
        .on_ready(|ctx, key, _| Ok(string(ctx, key)?.map_or(Ready::NotYet, Ready::serve)))
        .on_timeout(|_, name| Err(ErrorReply::new("GIVENUP", format!("nobody will set {name}"))))
        .timeout(timeout)
        .start()?;
    let mut getting = GETTING.try_borrow_mut(ctx)?;
    getting.retain(KeysUnblocker::is_waiting);
    getting.push(unblocker);
    Ok(blocked.into())
}

fn string(ctx: &WriteContext<'_>, key: RedisStr<'_>) -> Result<Option<Vec<u8>>, Error> {
    ctx.open_read(key)?.string()
}

/// KEYS.SET key value
fn set<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let (key, value) = (args.next_arg()?, args.next_arg()?);
    ctx.call(c"SET", CallFlags::REPLICATE, &[key.as_bytes(), value.as_bytes()])?;
    ctx.signal_key_ready(key)?;
    Ok(Reply::OK)
}

/// KEYS.GONE key milliseconds
fn gone<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Outcome, Error> {
    let key = args.next_arg()?;
    let timeout = Duration::from_millis(args.next_u64()?);
    if !ctx.open_read(key)?.exists() {
        return Ok(Reply::OK.into());
    }
    let blocked = ctx
        .block_on_keys(&[key], ())
        .on_ready(|ctx, key, ()| {
            Ok(if ctx.open_read(key)?.exists() { Ready::NotYet } else { Ready::serve(Reply::OK) })
        })
        .wake_on_deletion()
        .timeout(timeout)
        .start()?;
    Ok(blocked.into())
}

/// KEYS.GIVEUP
fn give_up<'cx>(ctx: &CommandContext<'cx>, _: Args<'cx>) -> Result<Reply, Error> {
    let mut ended = 0;
    for unblocker in GETTING.take(ctx)? {
        ended += i64::from(unblocker.unblock(ctx)?);
    }
    Ok(Reply::Int(ended))
}
