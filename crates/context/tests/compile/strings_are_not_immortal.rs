//! An argument can't be kept after its command.
use redis_context::{Args, CommandContext, Error, MainCell, RedisStr};

static KEPT: MainCell<Option<RedisStr<'static>>> = MainCell::new(None);

fn keep(ctx: &CommandContext<'_>, mut args: Args<'_>) -> Result<i64, Error> {
    KEPT.replace(ctx, Some(args.next_arg()?))?;
    Ok(1)
}

fn main() {
    let _ = keep;
}
