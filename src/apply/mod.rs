//! The only writer of replicated data: one slice for each turn of the event loop, for one mirror.
//!
//! A slice takes planned work until its time is spent and ends with the checkpoint, in the same execution
//! unit: data and position reach the AOF, the RDB and the replicas together or not at all. Units of the
//! source (its transactions) are never split over two slices.

mod careful;
mod commands;
mod contain;
mod fields;
mod flush;
pub mod job;
mod latency;
mod load;
mod messages;
mod noted;
mod ops;
mod run;
mod scan;
mod slice;
mod strings;
mod supervise;

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use redis_context::events::EventLoopEvent;
use redis_context::{EventContext, LogLevel, Waker, WriteContext};

use job::Job;
pub use noted::{Noted, is_ours, note, note_here};
pub use run::Run;
pub use scan::dbs;
use supervise::supervise;

use crate::checkpoint;
use crate::configs;
use crate::events;
use crate::gate;
use crate::mirror::Mirror;
use crate::records;
use crate::registry::{Fixed, IN_USE, REGISTRY, Registry};

/// A turn of the event loop: links are looked after, and one mirror applies one slice.
pub fn turn(ctx: &EventContext<'_>, event: EventLoopEvent) {
    if event != EventLoopEvent::AfterSleep || !IN_USE.load(Ordering::Relaxed) {
        return;
    }
    let Ok(mut registry) = REGISTRY.try_borrow_mut(ctx) else { return };
    let registry = &mut *registry;
    noted::settle(ctx, registry);
    if !registry.is_ready() {
        // Found out as soon as the server may be asked: after a load, or a promotion.
        let Ok(write) = ctx.may_write_now() else { return };
        get_ready(&write, registry);
    }
    gate::prepare(ctx);
    supervise(ctx, registry);
    let Some(fixed) = &registry.fixed else { return };
    let waker = fixed.waker.clone();
    waker.drain(ctx);
    if !has_work(registry) {
        return;
    }
    if records::has_written(ctx) {
        // Its transaction is not to have a mirror's origins.
        return waker.wake();
    }
    let opened = if registry.jobs.is_empty() { gate::open(ctx) } else { gate::open_to_walk(ctx) };
    match opened {
        Ok(write) => {
            work(&write, registry);
            let goes_on = has_work(registry);
            registry.idle_since = goes_on.then(Instant::now);
            if goes_on {
                waker.wake();
            }
        }
        Err(closed) => {
            registry.idle_since = None;
            if closed == gate::Closed::Memory {
                registry.relieve();
            }
            gate::look_again(ctx, &waker);
        }
    }
}

/// What the first mirror needs, whether it was created, loaded or followed.
pub fn get_ready(ctx: &WriteContext<'_>, registry: &mut Registry) {
    if registry.fixed.is_none() {
        match Waker::new(ctx) {
            Ok(waker) => registry.fixed = Some(Fixed { waker, local: commands::local_server(ctx) }),
            Err(error) => ctx.log(LogLevel::Warning, format!("no mirror can be served: {error}")),
        }
    }
    if !registry.watches_keys {
        match events::watch_keys(ctx) {
            Ok(()) => registry.watches_keys = true,
            Err(error) => ctx.log(LogLevel::Warning, format!("keyspace events are not heard: {error}")),
        }
    }
}

fn has_work(registry: &Registry) -> bool {
    registry.has_forked || !registry.jobs.is_empty() || registry.mirrors.iter().any(Mirror::has_work)
}

/// One slice: for a client that waits for a walk, else for a mirror.
fn work(ctx: &WriteContext<'_>, registry: &mut Registry) {
    let _ours = noted::Ours::begin(ctx);
    let started = Instant::now();
    let deadline = started + budget(registry.idle_since.map(|end| started.duration_since(end)));
    if std::mem::take(&mut registry.ids_to_tell) {
        checkpoint::replicate_ids(ctx, &registry.own_replids);
    }
    if std::mem::take(&mut registry.has_forked) && !gate::has_preamble(ctx) {
        // A unit of its own: those of the mirrors carry one list of origins each.
        return checkpoint::replicate_all(ctx, registry);
    }
    match registry.jobs.pop() {
        Some(job) => walk(ctx, registry, job, deadline),
        None => slice_of_one(ctx, registry, deadline),
    }
}

/// Goes on with a walk that a client waits for. One that panics is dropped, which answers the client.
fn walk(ctx: &WriteContext<'_>, registry: &mut Registry, mut job: Job, deadline: Instant) {
    let outcome = contain::caught(|| {
        loop {
            job = job.step(ctx, registry)?;
            if Instant::now() >= deadline {
                return Some(job);
            }
        }
    });
    match outcome {
        Some(left) => registry.jobs.extend(left),
        None => registry.forget_walk(),
    }
}

/// How long a slice may take. The rest of a turn (clients, the AOF's fsync) took `elsewhere` since the last
/// slice: where that is long anyway, a slice may take half as long, so that a server that syncs each unit
/// to disk does not spend its time on syncing alone.
fn budget(elsewhere: Option<Duration>) -> Duration {
    let budget = Duration::from_micros(configs::apply_budget_us());
    elsewhere.map_or(budget, |elsewhere| (elsewhere / 2).clamp(budget, budget * BUDGET_STRETCH))
}

/// How many times the configured budget a slice may take at most.
const BUDGET_STRETCH: u32 = 10;

/// Serves the next mirror that has work. One at a time: a unit carries one list of origins.
fn slice_of_one(ctx: &WriteContext<'_>, registry: &mut Registry, deadline: Instant) {
    let count = registry.mirrors.len();
    let next =
        (0..count).map(|step| (registry.turn + step) % count).find(|at| registry.mirrors[*at].has_work());
    let Some(at) = next else { return };
    registry.turn = at + 1;
    let started = Instant::now();
    let mirror = &mut registry.mirrors[at];
    let outcome = mirror.contain("while it applied", |mirror| mirror.slice(ctx, deadline));
    if outcome.is_none() {
        mirror.tell_loss(ctx);
    }
    let spent = started.elapsed();
    let micros = u64::try_from(spent.as_micros()).unwrap_or(u64::MAX);
    mirror.counts.largest_unit_us = mirror.counts.largest_unit_us.max(micros);
    latency::sample(ctx, spent);
    if let Some(Err(halt)) = outcome {
        let why = mirror.halt(ctx, halt);
        registry.ending.extend(registry.mirrors[at].stop_link(&why));
    } else if let Some(why) = mirror.failure.clone() {
        let link = mirror.stop_link(&why);
        registry.ending.extend(link);
    }
}

/// Why the stream can't be followed from here.
pub enum Halt {
    /// The mirror begins again with a full resync.
    StartOver(String),
    /// Only a change of settings can help.
    Fail(String),
}
