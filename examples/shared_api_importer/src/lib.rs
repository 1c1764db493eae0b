//! Another module's functions, checked before they are called: hits are counted by the module that has counters.
//!
//! ```text
//! $ redis-server --loadmodule target/debug/libexample_shared_api_importer.so --enable-module-command yes
//! > HIT /index.html
//! (error) ERR the server refused the shared API: no module exports it now
//! > MODULE LOAD target/debug/libexample_shared_api_exporter.so       OK
//! > HIT /index.html                                                  (integer) 1
//! > HIT.MOST                                                         "/index.html"
//! ```
#![forbid(unsafe_code)]

// The declaration belongs in a crate that both modules depend on; a file will do.
#[path = "../../../examples/shared_api_exporter/src/api.rs"]
mod api;

use api::Counters;
use redis_context::{
    Arg, Args, Command, CommandContext, CommandFlags, CommandInfo, Context, Error, LoadContext, MainCell,
    UnloadContext,
};

redis_context::module! {
    name: "shared_api_importer",
    version: 1,
    init: init,
    deinit: deinit,
}

static IMPORTED: MainCell<Option<Counters>> = MainCell::new(None);

static HIT: CommandInfo = CommandInfo {
    summary: Some(c"Counts a hit of a page; replies with how many there were."),
    arity: 2,
    args: &[Arg::string(c"page")],
    ..CommandInfo::EMPTY
};

static MOST: CommandInfo = CommandInfo {
    summary: Some(c"Replies with the page that was hit most, or null."),
    arity: 1,
    ..CommandInfo::EMPTY
};

fn init(load: &LoadContext<'_>) -> Result<(), Error> {
    // What an earlier life of this module imported is no good any more.
    IMPORTED.take(load)?;
    load.command(Command::new(c"hit").flags(CommandFlags::FAST).info(&HIT), hit)?;
    load.command(Command::new(c"hit.most").flags(CommandFlags::READONLY).info(&MOST), most)
}

/// From now on the counters' module can be unloaded, too.
fn deinit(_unload: &UnloadContext<'_>) -> Result<(), Error> {
    Ok(())
}

/// The counters, imported when they are first wanted: their module may be loaded after this one.
fn counters(ctx: &Context<'_>) -> Result<Counters, Error> {
    let mut imported = IMPORTED.try_borrow_mut(ctx)?;
    match *imported {
        Some(counters) => Ok(counters),
        None => Ok(*imported.insert(Counters::import(ctx)?)),
    }
}

/// HIT page
fn hit<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<i64, Error> {
    let page = args.next_arg()?;
    args.finish()?;
    counters(ctx)?.add(ctx, page.as_bytes(), 1)
}

/// HIT.MOST
fn most<'cx>(ctx: &CommandContext<'cx>, args: Args<'cx>) -> Result<Option<Vec<u8>>, Error> {
    args.finish()?;
    counters(ctx)?.largest(ctx)
}
