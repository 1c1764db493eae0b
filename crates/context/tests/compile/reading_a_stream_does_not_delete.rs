//! A walk over a key that was opened for reading deletes nothing.
use redis_context::{Error, ReadKey, StreamOrder};

fn delete(mut key: ReadKey<'_>) -> Result<(), Error> {
    let mut entries = key.stream_range(.., StreamOrder::Ascending)?;
    while let Some(entry) = entries.next_entry() {
        entry.delete();
    }
    key.stream_range_mut(.., StreamOrder::Ascending)?;
    Ok(())
}

fn main() {
    let _ = delete;
}
