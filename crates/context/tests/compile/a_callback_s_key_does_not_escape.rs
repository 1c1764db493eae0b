//! The name of a key that a callback is told dies with the callback: copy it to keep it.
use redis_context::{RdbReader, RedisStr};

fn keep(reader: &RdbReader<'_>) -> Option<RedisStr<'static>> {
    reader.key()
}

fn main() {}
