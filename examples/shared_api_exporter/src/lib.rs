//! Functions for other modules: counters that live in this one.
//!
//! ```text
//! $ redis-server --enable-module-command yes
//! > MODULE LOAD target/debug/libexample_shared_api_exporter.so       OK
//! > COUNTER.ADD visits 2                    (integer) 2
//! > COUNTER.GET visits                      (integer) 2
//! > MODULE UNLOAD shared_api_exporter       OK
//! ```
//!
//! Once `shared_api_importer` has used a function, the server keeps this module:
//!
//! ```text
//! > MODULE LOAD target/debug/libexample_shared_api_exporter.so       OK
//! > MODULE LOAD target/debug/libexample_shared_api_importer.so       OK
//! > HIT /index.html                         (integer) 1
//! > COUNTER.GET /index.html                 (integer) 1
//! > MODULE UNLOAD shared_api_exporter
//! (error) ERR Error unloading module: the module exports APIs used by other modules. ..
//! ```
#![forbid(unsafe_code)]

mod api;

use std::collections::BTreeMap;

use api::CounterApi;
use redis_context::{
    Arg, Args, Command, CommandContext, CommandFlags, CommandInfo, Context, Error, LoadContext, MainCell,
    UnloadContext,
};

redis_context::module! {
    name: "shared_api_exporter",
    version: 1,
    init: init,
    deinit: deinit,
}

/// More names than this are refused: other modules must not fill the server's memory by ours.
const COUNTERS_MAX: usize = 100_000;

static COUNTERS: MainCell<BTreeMap<Vec<u8>, i64>> = MainCell::new(BTreeMap::new());

struct Counting;

impl CounterApi for Counting {
    fn add(ctx: &Context<'_>, name: &[u8], by: i64) -> Result<i64, Error> {
        let mut counters = COUNTERS.try_borrow_mut(ctx)?;
        if counters.len() >= COUNTERS_MAX && !counters.contains_key(name) {
            return Err(Error::module("there are 100000 counters already: clear them"));
        }
        let counter = counters.entry(name.to_vec()).or_default();
        *counter = counter.checked_add(by).ok_or(Error::NotAnInteger)?;
        Ok(*counter)
    }

    fn get(ctx: &Context<'_>, name: &[u8]) -> Result<Option<i64>, Error> {
        Ok(COUNTERS.try_borrow(ctx)?.get(name).copied())
    }

    fn largest(ctx: &Context<'_>) -> Result<Option<Vec<u8>>, Error> {
        let counters = COUNTERS.try_borrow(ctx)?;
        let largest = counters.iter().max_by_key(|(_, value)| **value);
        Ok(largest.map(|(name, _)| name.clone()))
    }

    fn clear(ctx: &Context<'_>) -> Result<(), Error> {
        COUNTERS.take(ctx).map(drop)
    }
}

static ADD: CommandInfo = CommandInfo {
    summary: Some(c"Adds to a counter; replies with its new value."),
    arity: 3,
    args: &[Arg::string(c"name"), Arg::integer(c"by")],
    ..CommandInfo::EMPTY
};

static GET: CommandInfo = CommandInfo {
    summary: Some(c"Replies with a counter's value, or null."),
    arity: 2,
    args: &[Arg::string(c"name")],
    ..CommandInfo::EMPTY
};

fn init(load: &LoadContext<'_>) -> Result<(), Error> {
    load.command(Command::new(c"counter.add").flags(CommandFlags::FAST).info(&ADD), add)?;
    load.command(Command::new(c"counter.get").flags(CommandFlags::FAST).info(&GET), get)?;
    Counting::export(load)
}

/// The server asks only when no other module uses the functions.
fn deinit(_unload: &UnloadContext<'_>) -> Result<(), Error> {
    Ok(())
}

/// COUNTER.ADD name by
fn add<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<i64, Error> {
    let (name, by) = (args.next_arg()?, args.next_i64()?);
    args.finish()?;
    Counting::add(ctx, name.as_bytes(), by)
}

/// COUNTER.GET name
fn get<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Option<i64>, Error> {
    let name = args.next_arg()?;
    args.finish()?;
    Counting::get(ctx, name.as_bytes())
}
