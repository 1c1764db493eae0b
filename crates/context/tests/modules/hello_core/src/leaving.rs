//! What keeps a module in its server: a thread that runs, a job that is queued.

use std::time::Duration;

use redis_context::{Command, CommandFlags, Error, LoadContext, LogLevel, NotifyFlags, Reply, thread};

pub fn register(load: &LoadContext<'_>) -> Result<(), Error> {
    // HELLO.THREAD ms: starts a thread of so many milliseconds, which nobody joins.
    load.command(Command::new(c"hello.thread").flags(CommandFlags::FAST), |_, mut args| {
        let time = Duration::from_millis(args.next_u64()?);
        let started = thread::spawn("hello", move || std::thread::sleep(time));
        started.map(|_| Reply::OK).map_err(|error| Error::module(error.to_string()))
    })?;
    load.subscribe(NotifyFlags::STRING, |ctx, event| {
        if event.key.as_bytes() == b"hello:later" {
            // Refused on a replica: then there is nothing to wait for.
            let _ = ctx.after(|ctx| ctx.log(LogLevel::Warning, "hello later"));
        }
    })
}
