//! A server keeps the bytes of a shared field for as long as it likes.
use redis_context::{Error, RedisString, WriteKey};

fn share(mut key: WriteKey<'_>, field: &RedisString, bytes: Vec<u8>) -> Result<bool, Error> {
    key.hash_set_shared(field, &bytes)
}

fn main() {
    let _ = share;
}
