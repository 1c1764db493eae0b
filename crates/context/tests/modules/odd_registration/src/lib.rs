//! A module for tests: registers what its load arguments say, however odd.
#![forbid(unsafe_code)]

mod commands;
mod numbers;
mod settings;
mod starts;

use std::ffi::{CStr, CString};

use redis_context::{Args, Error, LoadContext, LogLevel, UnloadContext};

redis_context::module! {
    name: "Odd-reg_1.0",
    version: 1,
    init: init,
    deinit: deinit,
}

/// `loadmodule .. [[TRY] what ..]..`: what is tried may be refused.
fn init(load: &LoadContext<'_>) -> Result<(), Error> {
    let mut args = load.args();
    while !args.is_empty() {
        let is_tried = args.take_keyword("TRY");
        match register(load, &mut args) {
            Err(error) if is_tried => load.log_fmt(LogLevel::Notice, format_args!("tried: {error}")),
            registered => registered?,
        }
    }
    Ok(())
}

fn register(load: &LoadContext<'_>, args: &mut Args<'_>) -> Result<(), Error> {
    match args.next_str()? {
        "COMMAND" => commands::command(load, text(args)?),
        "MANY" => commands::many(load, args.next_u64()?),
        "GROUP" => commands::group(load, text(args)?, args.next_i64()?),
        "SUB" => commands::subcommand(load, text(args)?, text(args)?),
        "NOCLUSTER" => commands::without_a_cluster(load, text(args)?),
        "CATEGORY" => load.add_acl_category(text(args)?),
        "KEYS" => numbers::keys(load, args),
        "SPEC" => numbers::spec(load, args),
        "ARITY" => numbers::arity(load, args),
        "ARGS" => numbers::arguments(load, args.next_str()?),
        "CONFIG" => settings::named(load, text(args)?),
        "BARE" => settings::bare(load, text(args)?),
        "RANGE" => settings::range(load, args),
        "CHOICE" => settings::choice(load, args.next_u64()?),
        "ROUNDTRIP" => settings::all(load),
        "FAIL" => Err(Error::module("asked to")),
        "PANIC" => panic!("asked to"),
        other => starts::start(load, other),
    }
}

/// An argument as it stands; a module's names are static.
fn text(args: &mut Args<'_>) -> Result<&'static CStr, Error> {
    let text = CString::new(args.next_arg()?.as_bytes());
    Ok(Box::leak(text.map_err(|_| Error::module("a NUL"))?.into_boxed_c_str()))
}

fn deinit(ctx: &UnloadContext<'_>) -> Result<(), Error> {
    starts::deinit(ctx)
}
