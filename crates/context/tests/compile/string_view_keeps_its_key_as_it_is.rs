//! While a key's string is looked at, nothing is written through the key.
use redis_context::{Error, WriteKey};

fn change(key: &mut WriteKey<'_>) -> Result<usize, Error> {
    let bytes = key.string_bytes()?;
    key.truncate(0)?;
    Ok(bytes.map_or(0, <[u8]>::len))
}

fn main() {
    let _ = change;
}
