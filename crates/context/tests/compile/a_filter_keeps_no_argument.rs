//! What a filter sees ends with the next change, and with the filter.
use redis_context::{FilteredCommand, RedisStr};

fn change(command: &mut FilteredCommand<'_>) {
    let name = command.arg(0);
    let _ = command.remove(0);
    drop(name);
}

fn keep(command: &FilteredCommand<'_>) -> Option<RedisStr<'static>> {
    command.arg(0)
}

fn main() {
    let _ = (change, keep);
}
