//! A second walk over a range of the same key would end the first one.
use redis_context::{Error, ReadKey, ZsetStart};

fn both_ends(key: &mut ReadKey<'_>) -> Result<bool, Error> {
    let first = key.zset_by_score(.., ZsetStart::First)?;
    let last = key.zset_by_score(.., ZsetStart::Last)?;
    Ok(first.current() == last.current())
}

fn main() {
    let _ = both_ends;
}
