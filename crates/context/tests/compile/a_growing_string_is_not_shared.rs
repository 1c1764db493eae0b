//! A string that still grows can't be given to the server.
use redis_context::{Error, ReplyWriter, StringBuf};

fn share(text: &StringBuf, out: &mut ReplyWriter<'_>) -> Result<(), Error> {
    out.string(&text.as_redis_str())
}

fn main() {
    let _ = share;
}
