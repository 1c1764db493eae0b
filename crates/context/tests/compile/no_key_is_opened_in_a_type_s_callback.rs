//! The callbacks of a type have no context: the key that they are told may not be shared.
use redis_context::{NativeType, Place, ReadKey};

fn open<T: NativeType>(value: &T, place: &Place<'_>) -> usize {
    let key: Option<ReadKey<'_>> = place.key().and_then(|name| place.open_read(name).ok());
    key.map_or(0, |_| value.memory_usage(place, 1))
}

fn main() {}
