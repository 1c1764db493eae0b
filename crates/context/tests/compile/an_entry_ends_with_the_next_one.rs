//! An entry of a stream is where the walk stands: it is gone when the walk goes on, and when the key is closed.
use redis_context::{Error, ReadKey, StreamEntries, StreamOrder};

fn two(mut entries: StreamEntries<'_>) {
    let first = entries.next_entry();
    let second = entries.next_entry();
    drop((first, second));
}

fn keep(key: ReadKey<'_>) -> Result<StreamEntries<'static>, Error> {
    key.stream_range(.., StreamOrder::Ascending)
}

fn main() {
    let _ = (two, keep);
}
