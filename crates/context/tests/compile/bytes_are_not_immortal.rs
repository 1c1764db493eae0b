//! The bytes of an argument can't be kept after its command.
use redis_context::{Args, CommandContext, Error};

fn keep(_: &CommandContext<'_>, mut args: Args<'_>) -> Result<&'static [u8], Error> {
    Ok(args.next_arg()?.as_bytes())
}

fn main() {
    let _ = keep;
}
