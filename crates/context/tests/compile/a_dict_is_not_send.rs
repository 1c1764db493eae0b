//! A dict and the walks over it are of one thread.
use redis_context::{Dict, DictWalk};

fn is_send<T: Send>() {}

fn main() {
    is_send::<Dict<u32>>();
    is_send::<DictWalk<'static, u32>>();
}
