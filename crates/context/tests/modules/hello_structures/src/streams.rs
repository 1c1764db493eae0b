//! ST.STREAM.*

use redis_context::{
    Args, CommandContext, Error, LoadContext, NewStreamId, RedisString, Reply, STREAM_FIELDS_MAX, StreamId,
    StreamOrder, StreamTrim,
};

use crate::{read, write};

pub fn register(load: &LoadContext<'_>) -> Result<(), Error> {
    load.command(read(c"st.stream.walk"), walk)?;
    load.command(write(c"st.stream.thin"), thin)?;
    load.command(write(c"st.stream.misuse"), misuse)?;
    load.command(write(c"st.stream.forget"), forget)?;
    load.command(write(c"st.stream.panic"), panic_in_a_walk)?;
    load.command(write(c"st.stream.wide"), wide)?;
    load.command(read(c"st.stream.limits"), limits)?;
    load.command(read(c"st.stream.id"), id)
}

fn order(args: &mut Args<'_>) -> StreamOrder {
    if args.take_keyword("down") { StreamOrder::Descending } else { StreamOrder::Ascending }
}

/// ST.STREAM.WALK key [DOWN] n: all ids, with n fields at most read of each entry; then asks for more, in vain.
fn walk<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let key = ctx.open_read(args.next_arg()?)?;
    let order = order(&mut args);
    let count = args.next_u64()?;
    let mut entries = key.stream_range(.., order)?;
    let mut shown = Vec::new();
    while let Some(mut entry) = entries.next_entry() {
        let mut line = format!("{}/{}", entry.id(), entry.field_count());
        for _ in 0..count {
            let Some((field, value)) = entry.next_field() else { break };
            line += &format!(" {}={}", text(&field), text(&value));
        }
        shown.push(line);
    }
    for _ in 0..3 {
        assert!(entries.next_entry().is_none());
    }
    Ok(Reply::array(shown))
}

fn text(string: &RedisString) -> String {
    string.as_bytes().escape_ascii().to_string()
}

/// ST.STREAM.THIN key [DOWN] n: deletes every second entry after reading n fields of each.
fn thin<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let mut key = ctx.open_write(args.next_arg()?)?;
    let order = order(&mut args);
    let count = args.next_u64()?;
    let mut entries = key.stream_range_mut(.., order)?;
    let mut deleted = Vec::new();
    let mut is_second = false;
    while let Some(mut entry) = entries.next_entry() {
        for _ in 0..count {
            entry.next_field();
        }
        if is_second {
            deleted.push(entry.id().to_string());
            assert!(entry.delete());
        }
        is_second = !is_second;
    }
    Ok(Reply::array(deleted))
}

/// ST.STREAM.MISUSE key: what is refused, one text for each.
fn misuse<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let mut key = ctx.open_write(args.next_arg()?)?;
    let (field, value) = (RedisString::new(b"f"), RedisString::new(b"v"));
    let pair = [((&field).into(), (&value).into())];
    let mut said = Vec::new();
    let mut say = |what: &str, error: Option<Error>| {
        said.push(format!(
            "{what}: {}",
            error.map_or_else(|| "no error".to_owned(), |error| error.to_string())
        ));
    };
    say("no fields", key.stream_add(NewStreamId::Auto, &[]).err());
    say("0-0", key.stream_add(NewStreamId::At(StreamId::MIN), &pair).err());
    say("add", key.stream_add(NewStreamId::Auto, &pair).err());
    say("below", key.stream_add(NewStreamId::At(StreamId::new(0, 1)), &pair).err());
    say("delete", key.stream_delete(StreamId::MAX).err());
    say("trim", key.stream_trim_to_len(u64::MAX, StreamTrim::Exact).err());
    say("trim below", key.stream_trim_below(StreamId::MIN, StreamTrim::Approximate).err());
    let first = key.stream_range(.., StreamOrder::Ascending);
    say("walk", first.as_ref().err().cloned());
    say("second walk", key.stream_range(.., StreamOrder::Ascending).err());
    drop(first);
    say("third walk", key.stream_range(.., StreamOrder::Ascending).err());
    use std::ops::Bound::{Excluded, Included, Unbounded};
    let beyond = (Excluded(StreamId::MAX), Unbounded);
    say("beyond", key.stream_range(beyond, StreamOrder::Ascending).err());
    let before = (Included(StreamId::MIN), Excluded(StreamId::MIN));
    say("before", key.stream_range(before, StreamOrder::Ascending).err());
    Ok(Reply::array(said))
}

/// ST.STREAM.FORGET key DELETE | UNLINK | TRIM | WALK | ADD: a walk is forgotten on its way, then this is done.
fn forget<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let mut key = ctx.open_write(args.next_arg()?)?;
    let mut entries = key.stream_range_mut(.., StreamOrder::Ascending)?;
    let _ = entries.next_entry();
    std::mem::forget(entries);
    let done = if args.take_keyword("delete") {
        key.delete().into()
    } else if args.take_keyword("unlink") {
        key.unlink().into()
    } else if args.take_keyword("trim") {
        key.stream_trim_to_len(1, StreamTrim::Exact)?
    } else if args.take_keyword("walk") {
        let mut entries = key.stream_range_mut(.., StreamOrder::Ascending)?;
        std::iter::from_fn(|| entries.next_entry().map(|_| ())).count() as u64
    } else {
        let (field, value) = (RedisString::new(b"f"), RedisString::new(b"v"));
        key.stream_add(NewStreamId::Auto, &[((&field).into(), (&value).into())])?.seq.min(1)
    };
    Ok(Reply::Int(done as i64))
}

/// ST.STREAM.PANIC key: in the middle of an entry.
fn panic_in_a_walk<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let mut key = ctx.open_write(args.next_arg()?)?;
    let mut entries = key.stream_range_mut(.., StreamOrder::Descending)?;
    while let Some(mut entry) = entries.next_entry() {
        assert!(entry.next_field().is_none(), "in a walk over a stream");
    }
    Ok(Reply::OK)
}

/// ST.STREAM.WIDE key n: an entry of n fields.
fn wide<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let mut key = ctx.open_write(args.next_arg()?)?;
    let count = usize::try_from(args.next_u64()?).unwrap_or(usize::MAX).min(STREAM_FIELDS_MAX + 1);
    let (field, value) = (RedisString::new(b"f"), RedisString::new(b"v"));
    let fields = vec![((&field).into(), (&value).into()); count];
    Ok(Reply::bulk(key.stream_add(NewStreamId::Auto, &fields)?.to_string()))
}

/// ST.STREAM.LIMITS key from to: the ids of the entries, for ends of each kind: `[`, `(` or nothing.
fn limits<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    use std::ops::Bound::{Excluded, Included, Unbounded};
    let key = ctx.open_read(args.next_arg()?)?;
    let mut bound = || -> Result<std::ops::Bound<StreamId>, Error> {
        let text = args.next_arg()?.as_bytes();
        Ok(match text.split_first() {
            Some((b'[', id)) => Included(StreamId::parse(&RedisString::new(id))?),
            Some((b'(', id)) => Excluded(StreamId::parse(&RedisString::new(id))?),
            _ => Unbounded,
        })
    };
    let range = (bound()?, bound()?);
    let mut entries = key.stream_range(range, order(&mut args))?;
    let ids = std::iter::from_fn(|| entries.next_entry().map(|entry| entry.id().to_string()));
    Ok(Reply::array(ids.collect::<Vec<_>>()))
}

/// ST.STREAM.ID text: as the server reads and writes it.
fn id<'cx>(_ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let id = StreamId::parse(args.next_arg()?)?;
    assert_eq!(id.to_redis_string().as_bytes(), id.to_string().as_bytes());
    Ok(Reply::bulk(id.to_redis_string()))
}
