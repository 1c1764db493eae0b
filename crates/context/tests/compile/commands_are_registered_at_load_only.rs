//! There is no registration after the load.
use redis_context::{Args, Command, CommandContext, Error};

fn run(ctx: &CommandContext<'_>, _: Args<'_>) -> Result<i64, Error> {
    ctx.command(Command::new(c"x"), run)?;
    Ok(1)
}

fn main() {
    let _ = run;
}
