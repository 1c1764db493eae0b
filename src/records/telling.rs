//! What was decided is told: to the AOF and the replicas, to those who listen to events and the channel, to clients that
//! wait, and to the upkeep.
//!
//! The channel of a key is `record:` and its name; the message is the new version.

use std::ffi::CStr;

use record_store::{Commit, Item, Kind, Reason};
use redis_context::{ContextFlags, Error, ErrorReply, NotifyFlags, RedisStr, ReplicateFlags, WriteContext};

use super::places::PLACES;
use super::waiting::WAITING;
use super::writing::{After, place};
use super::{candidates, configs, events};
use crate::propagation;

/// Tells of what was decided here.
pub fn tell(
    ctx: &WriteContext<'_>,
    name: RedisStr<'_>,
    commit: &Commit,
    after: After,
) -> Result<(), ErrorReply> {
    // The server would drop it, but only after it was put together.
    if propagation::is_needed(ctx) {
        ctx.replicate(c"RECORD.APPLY", ReplicateFlags::ALL, &[name.as_bytes(), b"COMMIT", &commit.encode()])?;
    }
    tell_here(ctx, name, commit, after)?;
    if commit.freed_leases().next().is_some() {
        candidates::grant(ctx, &place(ctx, name), commit)?;
    }
    Ok(())
}

/// Tells of what was decided elsewhere, or here, those who are here. Who waits for a lease gets it from a decision made
/// here alone.
pub fn tell_here(
    ctx: &WriteContext<'_>,
    name: RedisStr<'_>,
    commit: &Commit,
    after: After,
) -> Result<(), Error> {
    let place = place(ctx, name);
    events::hear(ctx)?;
    PLACES.try_borrow_mut(ctx)?.get_or_insert_default().note(&place, after.due);
    notify(ctx, name, commit)?;
    if configs::publishes() && commit.changes().next().is_some() && is_publisher(ctx) {
        let channel = [b"record:", name.as_bytes()].concat();
        ctx.publish(&channel, after.cursor.version.to_string().as_bytes());
    }
    if let Some(waiting) = WAITING.try_borrow_mut(ctx)?.as_mut() {
        waiting.wake(&place, commit, after.cursor);
    }
    // A reader that is ahead of a lagging replica may turn out to be of another history.
    if commit.begins_epoch() {
        events::touch(ctx, &place);
    }
    Ok(())
}

/// In a cluster all nodes hear what one of them publishes: replicas, and a node that is about to take the slot over, would
/// say it again.
fn is_publisher(ctx: &WriteContext<'_>) -> bool {
    let flags = ctx.flags();
    !flags.contains(ContextFlags::CLUSTER)
        || !flags.intersects(ContextFlags::REPLICA | ContextFlags::REPLICATED)
}

fn notify(ctx: &WriteContext<'_>, key: RedisStr<'_>, commit: &Commit) -> Result<(), Error> {
    let mut told: Vec<&'static CStr> = Vec::new();
    for event in commit.items.iter().filter_map(event) {
        if !told.contains(&event) {
            told.push(event);
        }
    }
    told.into_iter().try_for_each(|event| ctx.notify(NotifyFlags::MODULE, event, key))
}

fn event(item: &Item) -> Option<&'static CStr> {
    Some(match item {
        Item::Change(change) => match change.kind() {
            Kind::Set => c"record.put",
            Kind::Delete(Reason::User) => c"record.del",
            Kind::Delete(Reason::Capacity) => c"record.evicted",
            Kind::Delete(Reason::Ttl) => c"record.expired",
        },
        Item::TypeOptions { .. } | Item::StoreOptions(_) => c"record.options",
        Item::Lease { .. } => c"record.lease",
        Item::LeaseGone { .. } => c"record.released",
        Item::Compact { .. } => c"record.trim",
        Item::Clear => c"record.clear",
        _ => return None,
    })
}
