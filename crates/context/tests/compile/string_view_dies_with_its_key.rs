//! A key's string can be looked at only while its key is open.
use redis_context::{Context, Error, RedisString};

fn look(ctx: &Context<'_>, name: &RedisString) -> Result<usize, Error> {
    let key = ctx.open_read(name)?;
    let bytes = key.string_bytes()?;
    drop(key);
    Ok(bytes.map_or(0, <[u8]>::len))
}

fn main() {
    let _ = look;
}
