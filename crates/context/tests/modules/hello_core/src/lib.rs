//! An example module: what the core of `redis-context` can do, one command per feature.
#![forbid(unsafe_code)]

mod asking;
mod calls;
mod leaving;
mod replies;
mod server;
mod server_configs;
mod settings;
mod streams;
mod strings;

use redis_context::{Command, CommandFlags, Error, LoadContext, LogLevel, ModuleOptions, module};

module! {
    name: "hello",
    version: 3,
    init: init,
    deinit: deinit,
}

fn init(load: &LoadContext<'_>) -> Result<(), Error> {
    load.log_fmt(LogLevel::Notice, format_args!("hello from {}", redis_context::server()));
    load.set_options(ModuleOptions::HANDLE_IO_ERRORS | ModuleOptions::HANDLE_REPL_ASYNC_LOAD);
    settings::register(load)?;
    replies::register(load)?;
    calls::register(load)?;
    server::register(load)?;
    server_configs::register(load)?;
    asking::register(load)?;
    strings::register(load)?;
    streams::register(load)?;
    leaving::register(load)?;
    load.command(Command::new(c"hello.panic").flags(CommandFlags::FAST), |_, _| -> Result<i64, Error> {
        panic!("100% {}s", "%n")
    })?;
    read_load_arguments(load)
}

/// `loadmodule hello.so [CONFIGS name | REFUSE text | PANIC]`
fn read_load_arguments(load: &LoadContext<'_>) -> Result<(), Error> {
    let mut args = load.args();
    args.take_option("CONFIGS")?;
    if let Some(why) = args.take_option("REFUSE")? {
        return Err(Error::module(String::from_utf8_lossy(why.as_bytes())));
    }
    assert!(!args.take_keyword("PANIC"), "asked to");
    args.finish()
}

fn deinit(ctx: &redis_context::UnloadContext<'_>) -> Result<(), Error> {
    ctx.log(LogLevel::Notice, "hello says good-bye");
    Ok(())
}
