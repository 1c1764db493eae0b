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
    ctx.signal_modified(name);
    events::hear(ctx)?;
    PLACES.try_borrow_mut(ctx)?.get_or_insert_default().note(&place, after.due);
    notify(ctx, name, commit)?;
    if configs::publishes() && commit.changes().next().is_some() && is_publisher(ctx) {
        publish(ctx, name.as_bytes(), after.cursor.version);
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

/// Whether anybody listens only the server knows, and it is cheaper to publish than to ask.
fn publish(ctx: &WriteContext<'_>, key: &[u8], version: u64) {
    const PREFIX: &[u8] = b"record:";
    // Names of usual length need no memory.
    let mut short = [0; 128];
    let long;
    let channel = match short.split_at_mut_checked(PREFIX.len() + key.len()) {
        Some((channel, _)) => {
            let (prefix, name) = channel.split_at_mut(PREFIX.len());
            prefix.copy_from_slice(PREFIX);
            name.copy_from_slice(key);
            &*channel
        }
        None => {
            long = [PREFIX, key].concat();
            &long
        }
    };
    ctx.publish(channel, itoa::Buffer::new().format(version).as_bytes());
}

/// Each event once, in the order of the items.
fn notify(ctx: &WriteContext<'_>, key: RedisStr<'_>, commit: &Commit) -> Result<(), Error> {
    let mut told: u16 = 0;
    for event in commit.items.iter().filter_map(event) {
        let bit = 1 << event as u16;
        if told & bit == 0 {
            told |= bit;
            ctx.notify(NotifyFlags::MODULE, event.name(), key)?;
        }
    }
    Ok(())
}

/// A keyspace event.
#[derive(Debug, Clone, Copy)]
enum Event {
    Put,
    Del,
    Evicted,
    Expired,
    Options,
    Lease,
    Released,
    Trim,
    Clear,
}

impl Event {
    fn name(self) -> &'static CStr {
        match self {
            Event::Put => c"record.put",
            Event::Del => c"record.del",
            Event::Evicted => c"record.evicted",
            Event::Expired => c"record.expired",
            Event::Options => c"record.options",
            Event::Lease => c"record.lease",
            Event::Released => c"record.released",
            Event::Trim => c"record.trim",
            Event::Clear => c"record.clear",
        }
    }
}

fn event(item: &Item) -> Option<Event> {
    Some(match item {
        Item::Change(change) => match change.kind() {
            Kind::Set => Event::Put,
            Kind::Delete(Reason::User) => Event::Del,
            Kind::Delete(Reason::Capacity) => Event::Evicted,
            Kind::Delete(Reason::Ttl) => Event::Expired,
        },
        Item::TypeOptions { .. } | Item::StoreOptions(_) => Event::Options,
        Item::Lease { .. } => Event::Lease,
        Item::LeaseGone { .. } => Event::Released,
        Item::Compact { .. } => Event::Trim,
        Item::Clear => Event::Clear,
        _ => return None,
    })
}
