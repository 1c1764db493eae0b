//! What a growing string holds can't be looked at while it grows: growing may move it.
use redis_context::{Error, StringBuf};

fn grow(mut text: StringBuf) -> Result<usize, Error> {
    let before = text.as_bytes();
    text.push(b"more")?;
    Ok(before.len())
}

fn main() {
    let _ = grow;
}
