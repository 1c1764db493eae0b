//! A field's text can't be kept longer than the INFO it was read from.
use redis_context::{CommandContext, Error};

fn read<'a>(ctx: &'a CommandContext<'_>) -> Result<&'a [u8], Error> {
    let info = ctx.server_info(c"server").ok_or(Error::NoSuchKey)?;
    info.text(c"run_id").ok_or(Error::NoSuchKey)
}

fn main() {
    let _ = read;
}
