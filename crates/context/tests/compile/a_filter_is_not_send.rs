//! A filter is ended on the main thread.
use redis_context::CommandFilter;

fn is_send<T: Send>() {}

fn main() {
    is_send::<CommandFilter>();
}
