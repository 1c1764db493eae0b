//! A module for tests of the shared API: functions of each kind, functions that fail, and imports that don't fit.
//! It imports what it exports itself; `UNLOADABLE` as the load's argument leaves that out. `LISTENER` is for a copy of
//! it, which imports alone.
#![forbid(unsafe_code)]

use redis_context::{
    Args, Command, CommandContext, CommandFlags, Context, Error, ErrorReply, LoadContext, MainCell,
    NotifyFlags, RedisString, Reply,
};

redis_context::module! {
    name: "shared_probe",
    version: 1,
    init: init,
    deinit: |_| Ok(()),
}

redis_context::shared_api! {
    /// One function for each kind of value.
    pub trait ProbeApi: "probe" version 7 {
        /// All kinds of numbers.
        fn numbers(small: i64, large: u64, double: f64, yes: bool) -> bool;
        /// The bytes, twice.
        fn twice(bytes: &[u8]) -> Vec<u8>;
        /// A part of the number, if there is one.
        fn half(of: i64) -> Option<i64>;
        /// Refuses.
        fn refuse(why: &[u8]) -> Vec<u8>;
        /// Panics.
        fn panics();
        /// Calls the next one down, until none is left.
        fn nested(depth: i64) -> i64;
        /// A double.
        fn sum(left: f64, right: f64) -> f64;
        /// A number.
        fn next(number: u64) -> u64;
        /// What a key holds.
        fn read(key: &[u8]) -> Option<Vec<u8>>;
    }
    /// The functions of this very module.
    pub struct Probe;
}

mod other_version {
    redis_context::shared_api! {
        pub trait Api: "counters" version 2 {
            fn add(name: &[u8], by: i64) -> i64;
        }
        pub struct Others;
    }
}

mod other_functions {
    redis_context::shared_api! {
        pub trait Api: "counters" version 1 {
            fn add(name: &[u8], by: u64) -> i64;
            fn get(name: &[u8]) -> Option<i64>;
            fn largest() -> Option<Vec<u8>>;
            fn clear();
        }
        pub struct Others;
    }
}

static STALE: MainCell<Option<Probe>> = MainCell::new(None);

struct Functions;

impl ProbeApi for Functions {
    fn numbers(_: &Context<'_>, small: i64, large: u64, double: f64, yes: bool) -> Result<bool, Error> {
        Ok((small, large, double.is_nan(), yes) == (i64::MIN, u64::MAX, true, true))
    }

    fn twice(_: &Context<'_>, bytes: &[u8]) -> Result<Vec<u8>, Error> {
        Ok([bytes, bytes].concat())
    }

    fn half(_: &Context<'_>, of: i64) -> Result<Option<i64>, Error> {
        Ok((of % 2 == 0).then_some(of / 2))
    }

    fn refuse(_: &Context<'_>, why: &[u8]) -> Result<Vec<u8>, Error> {
        Err(Error::module(String::from_utf8_lossy(why)))
    }

    fn panics(_: &Context<'_>) -> Result<(), Error> {
        panic!("in a shared function")
    }

    fn nested(ctx: &Context<'_>, depth: i64) -> Result<i64, Error> {
        if depth == 0 { Ok(0) } else { Ok(Probe::import(ctx)?.nested(ctx, depth - 1)? + 1) }
    }

    fn sum(_: &Context<'_>, left: f64, right: f64) -> Result<f64, Error> {
        Ok(left + right)
    }

    fn next(_: &Context<'_>, number: u64) -> Result<u64, Error> {
        Ok(number + 1)
    }

    fn read(ctx: &Context<'_>, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        let key = ctx.open_read(&RedisString::new(key))?;
        Ok(key.string_bytes()?.map(|bytes| bytes.to_vec()))
    }
}

fn init(load: &LoadContext<'_>) -> Result<(), Error> {
    if load.args().take_keyword("listener") {
        return listen(load);
    }
    load.command(Command::new(c"ap.kinds"), kinds)?;
    load.command(Command::new(c"ap.twice"), twice)?;
    load.command(Command::new(c"ap.refuse"), refuse)?;
    load.command(Command::new(c"ap.panics"), panics)?;
    load.command(Command::new(c"ap.nested"), nested)?;
    load.command(Command::new(c"ap.other"), other)?;
    load.command(Command::new(c"ap.open").flags(CommandFlags::WRITE).keys(1, 1, 1), open)?;
    load.command(Command::new(c"ap.stale"), stale)?;
    load.command(Command::new(c"ap.read"), |ctx: &CommandContext<'_>, mut args: Args<'_>| {
        let read = Probe::import(ctx)?.read(ctx, args.next_arg()?.as_bytes())?;
        Ok::<_, Error>(read.map_or(Reply::Null, Reply::Bulk))
    })?;
    if load.args().take_keyword("unloadable") {
        return Ok(());
    }
    Functions::export(load)?;
    // The name is taken by now.
    assert!(Functions::export(load).is_err());
    Ok(())
}

/// What the exporter has answered inside of an event.
static HEARD: MainCell<Vec<String>> = MainCell::new(Vec::new());

/// As another module: asks the exporter for each string that is set. AP.HEARD tells what it answered.
fn listen(load: &LoadContext<'_>) -> Result<(), Error> {
    load.command(Command::new(c"ap.heard"), |ctx: &CommandContext<'_>, _: Args<'_>| {
        Ok::<_, Error>(Reply::array(HEARD.take(ctx)?))
    })?;
    load.subscribe(NotifyFlags::STRING, |ctx, event| {
        let answer = Probe::import(ctx).and_then(|probe| probe.read(ctx, event.key.as_bytes()));
        HEARD.borrow_mut(ctx).push(answer.map_or_else(|error| error.to_string(), |read| format!("{read:?}")));
    })
}

/// AP.KINDS: what each function answers.
fn kinds<'cx>(ctx: &CommandContext<'cx>, _: Args<'cx>) -> Result<Reply, Error> {
    let probe = Probe::import(ctx)?;
    Ok(Reply::array([
        Reply::Int(probe.numbers(ctx, i64::MIN, u64::MAX, f64::NAN, true)?.into()),
        Reply::Int(probe.half(ctx, 14)?.unwrap_or(-1)),
        Reply::Int(probe.half(ctx, 15)?.unwrap_or(-1)),
        Reply::Int((probe.sum(ctx, 0.25, 0.5)? * 100.0) as i64),
        Reply::Int(i64::from(probe.next(ctx, u64::MAX - 1)? == u64::MAX)),
    ]))
}

/// AP.TWICE bytes
fn twice<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    Ok(Reply::bulk(Probe::import(ctx)?.twice(ctx, args.next_arg()?.as_bytes())?))
}

/// AP.REFUSE why
fn refuse<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    Ok(Reply::bulk(Probe::import(ctx)?.refuse(ctx, args.next_arg()?.as_bytes())?))
}

/// AP.PANICS
fn panics<'cx>(ctx: &CommandContext<'cx>, _: Args<'cx>) -> Result<Reply, Error> {
    Probe::import(ctx)?.panics(ctx)?;
    Ok(Reply::OK)
}

/// AP.NESTED depth
fn nested<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<i64, Error> {
    Probe::import(ctx)?.nested(ctx, args.next_i64()?.clamp(0, 100))
}

/// AP.OTHER VERSION | FUNCTIONS: imports that don't fit the counters.
fn other<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    if args.take_keyword("version") {
        other_version::Others::import(ctx)?.add(ctx, b"x", 1)?;
    } else {
        other_functions::Others::import(ctx)?.add(ctx, b"x", 1)?;
    }
    Ok(Reply::OK)
}

/// AP.OPEN key: a shared function while a key is open.
fn open<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<i64, Error> {
    let probe = Probe::import(ctx)?;
    let key = ctx.open_write(args.next_arg()?)?;
    let refused = probe.half(ctx, 2);
    drop(key);
    if refused == Err(Error::KeyIsOpen) { Ok(probe.half(ctx, 2)?.unwrap_or(-1)) } else { Ok(-2) }
}

/// AP.STALE KEEP | USE: an import that outlives this module's load, if its code does.
fn stale<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, ErrorReply> {
    if args.take_keyword("keep") {
        STALE.replace(ctx, Some(Probe::import(ctx)?))?;
        return Ok(Reply::OK);
    }
    match *STALE.borrow(ctx) {
        Some(probe) => Ok(Reply::from(probe.half(ctx, 4)?)),
        None => Ok(Reply::Null),
    }
}
