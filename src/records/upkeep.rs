//! What happens without a client asking for it: records and leases end, and logs forget what is too old. On the primary
//! alone, through the gate, in slices; what is decided goes to the AOF and the replicas as any write.

use std::cell::Cell;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use redis_context::events::EventLoopEvent;
use redis_context::{
    Context, ContextFlags, Error, ErrorReply, EventContext, LogLevel, MainCell, RedisString, WriteContext,
};

use super::places::{ACTIVE, PLACES, Place};
use super::value::{self, Records};
use super::writing::{self, After, Missing};
use super::{arrivals, candidates, events, partial, slots, terms, turns};
use crate::configs;
use crate::gate;

/// Steps (records, leases, changes) between two looks at the clock.
const STEPS: usize = 64;

/// When a store that somebody else decides on is looked at again.
const FOLLOWED_LOOK_AGAIN_MS: u64 = 1000;

/// How long a closed gate stays unvisited.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

static WROTE: MainCell<Cell<bool>> = MainCell::new(Cell::new(false));
static CLOSED_UNTIL: MainCell<Cell<Option<Instant>>> = MainCell::new(Cell::new(None));

/// Whether the upkeep has written in this turn of the event loop: a mirror's unit must not share its transaction, which
/// carries the mirror's origins.
pub fn has_written(ctx: &Context<'_>) -> bool {
    WROTE.borrow(ctx).get()
}

/// A turn of the event loop.
pub fn turn(ctx: &EventContext<'_>, event: EventLoopEvent) {
    if event != EventLoopEvent::AfterSleep || !ACTIVE.load(Ordering::Relaxed) {
        return;
    }
    WROTE.borrow(ctx).set(false);
    turns::begun(ctx);
    if let Err(error) = take_note(ctx) {
        ctx.log(LogLevel::Warning, format!("record stores are not looked after: {error}"));
    }
    if !is_due(ctx) {
        return;
    }
    match gate::open_to_walk(ctx) {
        Ok(write) => {
            WROTE.borrow(ctx).set(true);
            slice(&write);
            if is_due(ctx)
                && let Err(error) = turns::next(ctx)
            {
                ctx.log(LogLevel::Warning, format!("record stores are looked after slowly: {error}"));
            }
        }
        Err(_) => CLOSED_UNTIL.borrow(ctx).set(Some(Instant::now() + LOOK_AGAIN)),
    }
}

fn take_note(ctx: &EventContext<'_>) -> Result<(), Error> {
    arrivals::take_into(PLACES.try_borrow_mut(ctx)?.get_or_insert_default());
    partial::settle(ctx)?;
    events::look_for_moved(ctx)?;
    events::settle(ctx)?;
    slots::look(ctx)
}

fn is_due(ctx: &EventContext<'_>) -> bool {
    let is_closed = CLOSED_UNTIL.borrow(ctx).get().is_some_and(|until| Instant::now() < until);
    let is_due = || first_due(ctx).is_some() || candidates::are_undelivered(ctx);
    !is_closed && ctx.flags().contains(ContextFlags::PRIMARY) && is_due()
}

fn first_due(ctx: &Context<'_>) -> Option<Place> {
    let places = PLACES.try_borrow(ctx).ok()?;
    places.as_ref()?.first_due(terms::now(ctx)).cloned()
}

/// Looks after stores that are due until the time is spent.
fn slice(ctx: &WriteContext<'_>) {
    if let Err(error) = candidates::give_back(ctx) {
        ctx.log(LogLevel::Warning, format!("a lease that nobody heard of is not given back: {error:?}"));
    }
    let deadline = Instant::now() + Duration::from_micros(configs::apply_budget_us());
    while let Some(place) = first_due(ctx) {
        let tended = ctx.with_db(place.db, || tend(ctx, &place)).map_err(ErrorReply::from).flatten();
        if let Err(error) = tended {
            forget(ctx, &place);
            ctx.log(LogLevel::Warning, format!("a record store is not looked after: {error:?}"));
        }
        if Instant::now() >= deadline {
            return;
        }
    }
}

/// A few steps for one store; afterwards it is due later, or is forgotten.
fn tend(ctx: &WriteContext<'_>, place: &Place) -> Result<(), ErrorReply> {
    let name = RedisString::new(&place.key);
    let due = due(ctx, place)?;
    if due.is_some() && is_followed(ctx, place) {
        let later = terms::now(ctx) + FOLLOWED_LOOK_AGAIN_MS;
        PLACES.try_borrow_mut(ctx)?.get_or_insert_default().note(place, Some(later));
        return Ok(());
    }
    let is_due = due.is_some_and(|due| due <= terms::now(ctx));
    if is_due {
        writing::write(ctx, name.as_redis_str(), Missing::Leave, |store, write| {
            store.tend(write, STEPS).map(|commit| ((), commit))
        })?;
    }
    let due = if is_due { self::due(ctx, place)? } else { due };
    PLACES.try_borrow_mut(ctx)?.get_or_insert_default().note(place, due);
    Ok(())
}

/// Whether somebody else decides on the store: a mirror's source until the mirror is dropped, the node that has the slot
/// until all of it has moved here.
fn is_followed(ctx: &WriteContext<'_>, place: &Place) -> bool {
    terms::is_mirrored(ctx, place.db, &place.key) || !slots::is_here(ctx, &place.key)
}

/// When the store in the key is due; `None` if there is none.
fn due(ctx: &WriteContext<'_>, place: &Place) -> Result<Option<u64>, ErrorReply> {
    let name = RedisString::new(&place.key);
    let key = ctx.open_read(&name)?;
    let store = key.value(value::handle(ctx)?).ok().flatten();
    Ok(store.and_then(|Records(store)| After::of(store).due))
}

fn forget(ctx: &WriteContext<'_>, place: &Place) {
    if let Ok(mut places) = PLACES.try_borrow_mut(ctx)
        && let Some(places) = places.as_mut()
    {
        places.note(place, None);
    }
}
