//! A context can't be kept after its callback.
use redis_context::{Args, Command, CommandContext, Error, LoadContext};

fn init(load: &LoadContext<'_>, kept: &mut Vec<&CommandContext<'static>>) -> Result<(), Error> {
    load.command(Command::new(c"x"), |ctx: &CommandContext<'_>, _: Args<'_>| {
        kept.push(ctx);
        Ok::<i64, Error>(1)
    })
}

fn main() {
    let _ = init;
}
