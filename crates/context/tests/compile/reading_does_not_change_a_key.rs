//! A key opened for reading can't be changed.
use redis_context::{ReadKey, RedisString};

fn change(mut key: ReadKey<'_>, value: &RedisString) {
    let _ = key.set_string(value);
}

fn main() {
    let _ = change;
}
