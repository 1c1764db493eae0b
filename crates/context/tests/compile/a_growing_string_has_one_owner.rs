//! A string that still grows can't be given to the server, nor kept twice.
use redis_context::{Error, RedisString, ReplyWriter, StringBuf};

fn share(text: StringBuf, out: &mut ReplyWriter<'_>) -> Result<(RedisString, StringBuf), Error> {
    out.string(&text.as_redis_str())?;
    Ok((text.finish(), text))
}

fn main() {
    let _ = share;
}
