//! What the server tells: keys that lose their stores or get others.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use redis_context::events::{
    EventLoop, FlushDb, FlushDbEvent, Loading, LoadingEvent, ReplicationRole, SwapDb,
};
use redis_context::{
    Context, ContextFlags, Error, EventContext, KeyspaceEvent, LoadContext, MainCell, NotificationContext,
    NotifyFlags, RdbReader, RedisString, WriteContext,
};

use super::places::{ACTIVE, PLACES, Place};
use super::value::{self, Records};
use super::waiting::WAITING;
use super::{arrivals, slots, terms, upkeep};

/// Keys to look at again: somebody waits there and something has happened.
static TOUCHED: MainCell<RefCell<BTreeSet<Place>>> = MainCell::new(RefCell::new(BTreeSet::new()));

/// Keys that were moved to another database by a transaction. Valkey says then that it is the transaction's own
/// (`VM_GetSelectedDb`, module.c, Valkey 9.1), so they are looked for.
static MOVED: MainCell<RefCell<BTreeSet<Box<[u8]>>>> = MainCell::new(RefCell::new(BTreeSet::new()));

/// Databases that are looked in.
const DBS_LOOKED_IN_MAX: u32 = 16_384;

/// Whether keyspace events are heard.
static HEARS: AtomicBool = AtomicBool::new(false);

/// Subscribes to everything but keyspace events, which cost local clients something and are needed only once there is a
/// store or a client that waits ([`hear`]).
pub fn subscribe(load: &LoadContext<'_>) -> Result<(), Error> {
    load.on::<EventLoop>(upkeep::turn)?;
    slots::subscribe(load);
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
            && let (Ok(a), Ok(b)) = (u32::try_from(a), u32::try_from(b))
        {
            let places = places.get_or_insert_default();
            // Those that came in the same turn are in the other database now, too.
            arrivals::take_into(places);
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
    hear_by(|| ctx.subscribe(NotifyFlags::ALL, on_key))
}

/// The same, for a store that comes by a snapshot or RESTORE: it may be renamed before the turn ends.
pub fn hear_of_loaded(reader: &RdbReader<'_>) -> Result<(), Error> {
    hear_by(|| reader.subscribe(NotifyFlags::ALL, on_key))
}

fn hear_by(subscribe: impl FnOnce() -> Result<(), Error>) -> Result<(), Error> {
    // From now on the turns of the event loop matter, store or not.
    ACTIVE.store(true, Ordering::Relaxed);
    if !HEARS.load(Ordering::Relaxed) {
        subscribe()?;
        HEARS.store(true, Ordering::Relaxed);
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
    if let Ok(mut places) = PLACES.try_borrow_mut(ctx) {
        let places = places.get_or_insert_default();
        match event.name.to_bytes() {
            b"rename_to" | b"move_to" => places.note(&place, Some(0)),
            b"del" | b"expired" | b"evicted" | b"rename_from" | b"move_from" => places.note(&place, None),
            _ => {}
        }
    }
    if event.name.to_bytes() == b"move_to" && ctx.flags().contains(ContextFlags::MULTI) {
        MOVED.borrow(ctx).borrow_mut().insert(place.key.clone());
        ACTIVE.store(true, Ordering::Relaxed);
    }
    touch(ctx, &place);
}

/// Has keys looked at wherever they may have been moved to.
pub fn look_for_moved(ctx: &EventContext<'_>) -> Result<(), Error> {
    let moved = std::mem::take(&mut *MOVED.try_borrow(ctx)?.borrow_mut());
    let dbs = if moved.is_empty() { 0 } else { DBS_LOOKED_IN_MAX };
    for db in (0..dbs).take_while(|db| ctx.with_db(*db, || ()).is_ok()) {
        for key in &moved {
            let place = Place { db, key: key.clone() };
            PLACES.try_borrow_mut(ctx)?.get_or_insert_default().note(&place, Some(0));
            touch(ctx, &place);
        }
    }
    Ok(())
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

/// Has all keys looked at again at which somebody waits.
pub fn touch_all(ctx: &EventContext<'_>) {
    let places = match WAITING.try_borrow(ctx) {
        Ok(waiting) => waiting.as_ref().map_or_else(Vec::new, |waiting| waiting.places()),
        Err(_) => return,
    };
    places.iter().for_each(|place| touch(ctx, place));
}

/// Looks at the keys that were touched: who waits there for what is gone is told.
pub fn settle(ctx: &EventContext<'_>) -> Result<(), Error> {
    let flags = ctx.flags();
    // Slots move in a pause, and where to can't be asked for before it ends.
    let is_moving = flags.contains(ContextFlags::CLUSTER) && ctx.writes_are_paused();
    if flags.contains(ContextFlags::LOADING) || is_moving {
        return Ok(());
    }
    let touched = std::mem::take(&mut *TOUCHED.try_borrow(ctx)?.borrow_mut());
    for place in touched {
        if !slots::send_after(ctx, &place)? {
            ctx.with_db(place.db, || look_again(ctx, &place))??;
        }
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
