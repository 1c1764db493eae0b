//! Keys of slots that are not this node's: who waits there is sent after them, and the upkeep leaves them alone.
//!
//! Slots move in two ways. Key by key (`CLUSTER SETSLOT`, `MIGRATE`): each key tells of itself by its deletion, but a
//! client that waits at a key that is not there yet hears of nothing, so in a cluster it is looked now and then. And all at
//! once (`CLUSTER MIGRATESLOTS` of Valkey 9.0, `CLUSTER MIGRATION IMPORT` of Redis 8.4): the stores are copied here, and
//! followed change by change, while their node still serves them. A decision made here would be one that their node
//! doesn't know, and what follows would fit no more.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use record_store::CursorError;
use redis_context::events::{
    AtomicSlotMigration, AtomicSlotMigrationEvent, ClusterSlotMigration, ClusterSlotMigrationEvent,
    ClusterSlotMigrationTrim,
};
use redis_context::{
    CallError, CallFlags, Context, ContextFlags, Error, ErrorReply, EventContext, Family, LoadContext,
    MainCell, ReplyRef, ReplyView, WriteContext, server,
};

use super::events;
use super::places::{PLACES, Place};
use super::waiting::WAITING;
use super::writing::refusal;

/// How often the slots of keys that are waited for are looked at.
const LOOK: Duration = Duration::from_secs(1);

/// Keys of one turn of the event loop: each is a call to the server.
const LOOKS_PER_TURN: usize = 64;

static LOOKED: MainCell<Cell<Option<Instant>>> = MainCell::new(Cell::new(None));

/// Keys that are still to be looked at.
static TO_LOOK_AT: MainCell<RefCell<Vec<Place>>> = MainCell::new(RefCell::new(Vec::new()));

/// Hears of slots that moved all at once. Redis then drops their keys without an event for each.
pub fn subscribe(load: &LoadContext<'_>) {
    // A server has the events of its own family at most.
    let _ = load.on::<AtomicSlotMigration>(|ctx, event| {
        if matches!(event, AtomicSlotMigrationEvent::ExportCompleted(_)) {
            events::touch_all(ctx);
        }
    });
    let _ = load.on::<ClusterSlotMigration>(|ctx, event| {
        if matches!(event, ClusterSlotMigrationEvent::MigrateCompleted(_)) {
            events::touch_all(ctx);
        }
    });
    let _ = load.on::<ClusterSlotMigrationTrim>(|ctx, _| {
        if let Ok(mut places) = PLACES.try_borrow_mut(ctx) {
            places.get_or_insert_default().look_at_all();
        }
        events::touch_all(ctx);
    });
}

/// Looks at the slots of all keys that are waited for, a few in each turn, when it is time to.
pub fn look(ctx: &EventContext<'_>) -> Result<(), Error> {
    let mut next = TO_LOOK_AT.try_borrow(ctx)?.take();
    if next.is_empty() {
        next = all_when_due(ctx)?;
    }
    let later = next.len().saturating_sub(LOOKS_PER_TURN);
    let looked = next.drain(later..).try_for_each(|place| send_after(ctx, &place).map(drop));
    TO_LOOK_AT.try_borrow(ctx)?.replace(next);
    looked
}

fn all_when_due(ctx: &EventContext<'_>) -> Result<Vec<Place>, Error> {
    let is_due = LOOKED.borrow(ctx).get().is_none_or(|looked| looked.elapsed() >= LOOK);
    if !is_due || !ctx.flags().contains(ContextFlags::CLUSTER) || !is_anybody_waiting(ctx)? {
        return Ok(Vec::new());
    }
    LOOKED.borrow(ctx).set(Some(Instant::now()));
    Ok(WAITING.try_borrow(ctx)?.as_ref().map_or_else(Vec::new, |waiting| waiting.places()))
}

fn is_anybody_waiting(ctx: &Context<'_>) -> Result<bool, Error> {
    Ok(WAITING.try_borrow(ctx)?.as_ref().is_some_and(|waiting| waiting.len() != 0))
}

/// Sends those who wait for a key after it, if it is not this node's any more; says whether it is not.
pub fn send_after(ctx: &EventContext<'_>, place: &Place) -> Result<bool, Error> {
    // On a replica nothing can be asked for. In a pause it can't either: whoever has to know waits for its end.
    let Ok(ctx) = ctx.may_write_now() else { return Ok(false) };
    if is_here(&ctx, &place.key) {
        return Ok(false);
    }
    let told = told(&ctx, &place.key);
    if let Some(waiting) = WAITING.try_borrow_mut(&ctx)?.as_mut() {
        waiting.fail_all(place, &told);
    }
    Ok(true)
}

/// Whether this node serves the key. A call is refused as a client's command is (`getNodeByQuery`, cluster.c); TYPE counts
/// as no use of the key.
pub fn is_here(ctx: &WriteContext<'_>, key: &[u8]) -> bool {
    !ctx.flags().contains(ContextFlags::CLUSTER)
        || !matches!(ctx.call(c"type", CallFlags::empty(), &[key]), Err(CallError::NotMySlot))
}

/// What a client hears that comes with the key now, as far as it can be said: a key that has moved before its slot (ASK)
/// is just gone.
fn told(ctx: &WriteContext<'_>, key: &[u8]) -> ErrorReply {
    let owner = owner(ctx, key);
    owner.map_or_else(|| refusal(&CursorError::Epoch), |owner| ErrorReply::new("MOVED", owner))
}

/// The slot of a key and the address of the node that has it; `None` if it is this one. `CLUSTER SLOTS` shows addresses as
/// clients are to use them.
fn owner(ctx: &WriteContext<'_>, key: &[u8]) -> Option<String> {
    // It would end an older Valkey: the address depends on the client, and here is none (`isClientConnIpV6`, networking.c,
    // 8.1).
    if server().family == Family::Valkey && !server().is_valkey_since(9, 1) {
        return None;
    }
    let cluster = |args: &[&[u8]]| ctx.call(c"cluster", CallFlags::empty(), args).ok();
    let slot = cluster(&[b"KEYSLOT", key])?.as_reply().as_i64()?;
    let slots = cluster(&[b"SLOTS"])?;
    let ReplyView::Array(mut ranges) = slots.view() else { return None };
    let [_, _, node] = ranges.find_map(|range| range_of(range, slot))?;
    let ReplyView::Array(node) = node.view() else { return None };
    let node: Vec<ReplyRef<'_>> = node.collect();
    let [host, port, id, ..] = node.as_slice() else { return None };
    if id.as_bytes() == Some(ctx.cluster()?.my_id().as_bytes()) {
        return None;
    }
    // Without a host (`cluster-preferred-endpoint-type unknown-endpoint`) it is the one that the client came by.
    let host = host.as_bytes().map_or_else(String::new, |host| String::from_utf8_lossy(host).into_owned());
    Some(format!("{slot} {host}:{}", port.as_i64()?))
}

/// The first and the last slot, and the primary, of a range that has the slot.
fn range_of<'r>(range: ReplyRef<'r>, slot: i64) -> Option<[ReplyRef<'r>; 3]> {
    let ReplyView::Array(mut range) = range.view() else { return None };
    let parts = [range.next()?, range.next()?, range.next()?];
    (parts[0].as_i64()?..=parts[1].as_i64()?).contains(&slot).then_some(parts)
}
