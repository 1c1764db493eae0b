//! A string that was given away does not grow any more.
use redis_context::{Error, RedisString, StringBuf};

fn share(mut text: StringBuf) -> Result<RedisString, Error> {
    let finished = text.finish();
    text.push(b"more")?;
    Ok(finished)
}

fn main() {
    let _ = share;
}
