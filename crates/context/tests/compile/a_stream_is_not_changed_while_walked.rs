//! A walk over a stream lives in its key: entries are not added, and the stream is not trimmed, while it is on its way.
use redis_context::{Error, NewStreamId, RedisStr, StreamOrder, StreamTrim, WriteKey};

fn change(mut key: WriteKey<'_>, fields: &[(RedisStr<'_>, RedisStr<'_>)]) -> Result<(), Error> {
    let mut entries = key.stream_range(.., StreamOrder::Ascending)?;
    while let Some(_entry) = entries.next_entry() {
        key.stream_add(NewStreamId::Auto, fields)?;
        key.stream_trim_to_len(1, StreamTrim::Exact)?;
    }
    Ok(())
}

fn main() {
    let _ = change;
}
