//! A store whose rewritten form the AOF ends in the middle of (`aof-load-truncated yes`): it is several commands.
//!
//! What there is of it is made a store before any client is served, and goes to the AOF as a whole, because what is decided
//! on it now doesn't fit what the file has.

use redis_context::WriteContext;
use redis_context::{
    Context, ContextFlags, Error, EventContext, LogLevel, MainCell, RedisString, ReplicateFlags,
};

use super::places::Place;
use super::terms;
use super::value::{self, CHUNK_BYTES, Records};

/// The store that the AOF has not come to the end of; there is one at most, as its commands stand together.
static PARTIAL: MainCell<Option<Place>> = MainCell::new(None);

/// Notes whether a store is whole after the latest of its commands.
pub fn note(ctx: &Context<'_>, place: Place, is_partial: bool) -> Result<(), Error> {
    PARTIAL.replace(ctx, is_partial.then_some(place)).map(drop)
}

/// Looks whether a load has left one behind.
pub fn settle(ctx: &EventContext<'_>) -> Result<(), Error> {
    if ctx.flags().contains(ContextFlags::LOADING) || PARTIAL.try_borrow(ctx)?.is_none() {
        return Ok(());
    }
    // A replica gets another from its primary.
    let Ok(ctx) = ctx.may_write_now() else { return Ok(()) };
    match PARTIAL.take(&ctx)? {
        Some(place) => ctx.with_db(place.db, || end(&ctx, &place))?,
        None => Ok(()),
    }
}

fn end(ctx: &WriteContext<'_>, place: &Place) -> Result<(), Error> {
    let name = RedisString::new(&place.key);
    let mut key = ctx.open_write(&name)?;
    let Some(Records(store)) =
        key.value_mut(value::handle(ctx)?)?.filter(|Records(store)| store.is_partial())
    else {
        return Ok(());
    };
    terms::with_write(ctx, |write| store.end_partial(write));
    let kept = format!(
        "the AOF ends in the middle of the record store {:?}: {} of its records are kept, its readers have to list again",
        String::from_utf8_lossy(&place.key),
        store.records(),
    );
    let chunks: Vec<Vec<u8>> = store.dump(CHUNK_BYTES).collect();
    drop(key);
    ctx.log(LogLevel::Warning, kept);
    ctx.replicate(c"DEL", ReplicateFlags::ALL, &[&place.key])?;
    chunks.iter().try_for_each(|chunk| {
        ctx.replicate(c"RECORD.APPLY", ReplicateFlags::ALL, &[&place.key, b"LOAD", chunk])
    })
}
