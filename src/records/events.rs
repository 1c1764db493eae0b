//! What the server tells: keys that lose their stores or get others.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use redis_context::events::{
    EventLoop, FlushDb, FlushDbEvent, Loading, LoadingEvent, ReplicationRole, SwapDb,
};
use redis_context::{
    Context, ContextFlags, Error, EventContext, KeyspaceEvent, LoadContext, MainCell, NotificationContext,
    NotifyFlags, RedisString, WriteContext,
};

use super::places::{ACTIVE, PLACES, Place};
use super::value::{self, Records};
use super::waiting::WAITING;
use super::{terms, upkeep};

/// Keys to look at again: somebody waits there and something has happened.
static TOUCHED: MainCell<RefCell<BTreeSet<Place>>> = MainCell::new(RefCell::new(BTreeSet::new()));

/// Whether keyspace events are heard.
static HEARS: MainCell<bool> = MainCell::new(false);

/// Subscribes to everything but keyspace events, which cost local clients something and are needed only once there is a
/// store or a client that waits ([`hear`]).
pub fn subscribe(load: &LoadContext<'_>) -> Result<(), Error> {
    load.on::<EventLoop>(upkeep::turn)?;
    load.on::<ReplicationRole>(|ctx, _| {
        if ctx.flags().contains(ContextFlags::PRIMARY) {
            terms::begin();
        }
        touch_all(ctx);
    })?;
    load.on::<FlushDb>(|ctx, event| {
        if let (FlushDbEvent::Ended { db }, Ok(mut places)) = (event, PLACES.try_borrow_mut(ctx))
            && let Some(places) = places.as_mut()
        {
            places.forget_all_in(db.and_then(|db| u32::try_from(db).ok()));
        }
        touch_all(ctx);
    })?;
    load.on::<SwapDb>(|ctx, event| {
        if let (Some((a, b)), Ok(mut places)) = (event.dbs, PLACES.try_borrow_mut(ctx))
            && let (Ok(a), Ok(b), Some(places)) = (u32::try_from(a), u32::try_from(b), places.as_mut())
        {
            places.look_at_all_in(&[(a, b), (b, a)]);
        }
        touch_all(ctx);
    })?;
    load.on::<Loading>(|ctx, event| {
        if matches!(event, LoadingEvent::Ended | LoadingEvent::Failed) {
            touch_all(ctx);
        }
    })
}

/// Has keyspace events told, from now on: any may be that of a write over a store.
pub fn hear(ctx: &WriteContext<'_>) -> Result<(), Error> {
    hear_by(ctx, || ctx.subscribe(NotifyFlags::ALL, on_key))
}

/// The same, for stores that came by a snapshot.
pub fn hear_in_event(ctx: &EventContext<'_>) -> Result<(), Error> {
    hear_by(ctx, || ctx.subscribe(NotifyFlags::ALL, on_key))
}

fn hear_by(ctx: &Context<'_>, subscribe: impl FnOnce() -> Result<(), Error>) -> Result<(), Error> {
    // From now on the turns of the event loop matter, store or not.
    ACTIVE.store(true, Ordering::Relaxed);
    if !*HEARS.try_borrow(ctx)? {
        subscribe()?;
        *HEARS.try_borrow_mut(ctx)? = true;
    }
    Ok(())
}

fn on_key(ctx: &NotificationContext<'_>, event: &KeyspaceEvent<'_>) {
    // What commits do is told to those who wait by the commits.
    let is_our_own = event.name.to_bytes().starts_with(b"record.");
    let Ok(db) = u32::try_from(event.db) else { return };
    if is_our_own {
        return;
    }
    let place = Place { db, key: event.key.as_bytes().into() };
    if let Ok(mut places) = PLACES.try_borrow_mut(ctx)
        && let Some(places) = places.as_mut()
    {
        match event.name.to_bytes() {
            b"rename_to" | b"move_to" => places.note(&place, Some(0)),
            b"del" | b"expired" | b"evicted" | b"rename_from" | b"move_from" => places.note(&place, None),
            _ => {}
        }
    }
    touch(ctx, &place);
}

/// Has a key looked at again if anybody waits there.
pub fn touch(ctx: &Context<'_>, place: &Place) {
    if let (Ok(mut waiting), Ok(touched)) = (WAITING.try_borrow_mut(ctx), TOUCHED.try_borrow(ctx))
        && let Some(waiting) = waiting.as_mut().filter(|waiting| waiting.is_waited_for(place))
    {
        waiting.lose(place);
        touched.borrow_mut().insert(place.clone());
        ACTIVE.store(true, Ordering::Relaxed);
    }
}

fn touch_all(ctx: &EventContext<'_>) {
    let places = match WAITING.try_borrow(ctx) {
        Ok(waiting) => waiting.as_ref().map_or_else(Vec::new, |waiting| waiting.places()),
        Err(_) => return,
    };
    places.iter().for_each(|place| touch(ctx, place));
}

/// Looks at the keys that were touched: who waits there for what is gone is told.
pub fn settle(ctx: &EventContext<'_>) -> Result<(), Error> {
    if ctx.flags().contains(ContextFlags::LOADING) {
        return Ok(());
    }
    let touched = std::mem::take(&mut *TOUCHED.try_borrow(ctx)?.borrow_mut());
    for place in touched {
        ctx.with_db(place.db, || look_again(ctx, &place))??;
    }
    Ok(())
}

fn look_again(ctx: &EventContext<'_>, place: &Place) -> Result<(), Error> {
    let name = RedisString::new(&place.key);
    let term = terms::view(ctx, name.as_redis_str()).term;
    let key = ctx.open_read(&name)?;
    // A value of another type is no store either.
    let store = key.value(value::handle(ctx)?).ok().flatten().map(|Records(store)| store);
    if let Some(waiting) = WAITING.try_borrow_mut(ctx)?.as_mut() {
        waiting.look_again(place, store, term);
    }
    Ok(())
}
