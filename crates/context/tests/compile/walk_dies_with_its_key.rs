//! A walk over a range lives no longer than the key that carries it.
use redis_context::{Error, ReadKey, ZsetRange, ZsetStart};

fn keep<'k>(mut key: ReadKey<'k>) -> Result<ZsetRange<'k>, Error> {
    key.zset_by_score(.., ZsetStart::First)
}

fn main() {
    let _ = keep;
}
