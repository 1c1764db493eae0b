//! The gate: may work that no client asked for write now?
//!
//! A write while the server is paused aborts it, a write while it loads or runs a script corrupts what it
//! does, and a write without memory evicts the user's keys. Beyond that a mirror is refused what a client is
//! refused: when the disk fails, and when too few replicas follow (`processCommand`, server.c). Closed, the
//! gate costs nothing: the event loop sleeps, and a timer looks again.

use std::cell::Cell;
use std::time::{Duration, Instant};

use redis_context::{
    CallFlags, Context, ContextFlags, EventContext, MainCell, NotNow, ReplyView, Timer, Waker, WriteContext,
};

use crate::fault::{self, Site};

/// Why nothing may be applied now. Shown by MIRROR.STATUS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closed {
    /// The server says so.
    NotNow(NotNow),
    /// `maxmemory` is reached.
    Memory,
    /// The AOF or the last snapshot could not be written: clients are refused with MISCONF.
    Disk,
    /// `min-replicas-to-write` is not met: clients are refused with NOREPLICAS.
    Replicas,
}

/// How long a closed gate stays unvisited.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// How long is taken for true what INFO said of the disk and the replicas.
const TRUST: Duration = Duration::from_millis(100);

/// What is asked of the server's configuration, in one CONFIG GET.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Demands {
    stops_at_failed_save: bool,
    replicas_min: u64,
    has_preamble: bool,
}

/// What INFO said, and when.
type Look = (Instant, Option<Closed>);

static PARKED: MainCell<Cell<bool>> = MainCell::new(Cell::new(false));
static DEMANDS: MainCell<Cell<Option<Demands>>> = MainCell::new(Cell::new(None));
static LOOKED: MainCell<Cell<Option<Look>>> = MainCell::new(Cell::new(None));

/// A context that writes, or why there is none.
pub fn open<'cx>(ctx: &EventContext<'cx>) -> Result<WriteContext<'cx>, Closed> {
    let write = open_to_walk(ctx)?;
    if ctx.flags().contains(ContextFlags::OOM) {
        return Err(Closed::Memory);
    }
    Ok(write)
}

/// The same for a walk that a client waits for: it deletes at most, which a server without memory needs.
pub fn open_to_walk<'cx>(ctx: &EventContext<'cx>) -> Result<WriteContext<'cx>, Closed> {
    let write = ctx.may_write_now().map_err(Closed::NotNow)?;
    let demands = demands(&write);
    look(ctx, demands).map_or(Ok(write), Err)
}

/// One word on whether work may write: `open`, or why not. The words are those of the README.
pub fn state(ctx: &Context<'_>) -> &'static str {
    let flags = ctx.flags();
    if flags.intersects(ContextFlags::LOADING | ContextFlags::ASYNC_LOADING) {
        return "loading";
    }
    if flags.contains(ContextFlags::REPLICA) {
        return "replica";
    }
    if flags.contains(ContextFlags::SCRIPT) {
        return "busy";
    }
    if flags.contains(ContextFlags::OOM) {
        return "memory";
    }
    if ctx.writes_are_paused() {
        return "paused-writes";
    }
    match DEMANDS.borrow(ctx).get().and_then(|demands| look(ctx, demands)) {
        Some(Closed::Disk) => "disk",
        Some(Closed::Replicas) => "replicas",
        _ => "open",
    }
}

/// Has the configuration at hand, for a look that may come from a place where it can't be asked for.
pub fn prepare(ctx: &EventContext<'_>) {
    if DEMANDS.borrow(ctx).get().is_none()
        && let Ok(write) = ctx.may_write_now()
    {
        demands(&write);
    }
}

/// The configuration has changed.
pub fn forget(ctx: &Context<'_>) {
    DEMANDS.borrow(ctx).set(None);
    LOOKED.borrow(ctx).set(None);
}

/// Whether a rewritten AOF holds the mirrors' state: it has a preamble, which is an RDB.
pub fn has_preamble(ctx: &WriteContext<'_>) -> bool {
    demands(ctx).has_preamble
}

/// Whether [`has_preamble`] is, or may be, false.
pub fn may_lack_preamble(ctx: &Context<'_>) -> bool {
    DEMANDS.borrow(ctx).get().is_none_or(|demands| !demands.has_preamble)
}

fn demands(ctx: &WriteContext<'_>) -> Demands {
    let known = DEMANDS.borrow(ctx).get();
    known.unwrap_or_else(|| {
        let asked = ask(ctx);
        DEMANDS.borrow(ctx).set(Some(asked));
        asked
    })
}

fn ask(ctx: &WriteContext<'_>) -> Demands {
    Demands {
        stops_at_failed_save: config(ctx, b"stop-writes-on-bgsave-error").as_deref() == Some(b"yes"),
        replicas_min: match config(ctx, b"min-replicas-max-lag").as_deref() {
            Some(b"0") => 0,
            _ => number(config(ctx, b"min-replicas-to-write").as_deref()),
        },
        has_preamble: config(ctx, b"aof-use-rdb-preamble").as_deref() != Some(b"no"),
    }
}

fn config(ctx: &WriteContext<'_>, name: &[u8]) -> Option<Vec<u8>> {
    let reply = ctx.call(c"config", CallFlags::empty(), &[b"GET", name]).ok()?;
    match reply.view() {
        ReplyView::Array(mut items) => items.nth(1)?.as_bytes().map(<[u8]>::to_vec),
        _ => None,
    }
}

fn number(text: Option<&[u8]>) -> u64 {
    text.and_then(|text| std::str::from_utf8(text).ok()?.parse().ok()).unwrap_or(0)
}

/// What INFO says, as of a moment ago.
fn look(ctx: &Context<'_>, demands: Demands) -> Option<Closed> {
    let looked = LOOKED.borrow(ctx);
    match looked.get() {
        Some((at, found)) if at.elapsed() < TRUST => found,
        _ => {
            let found = refusal(ctx, demands);
            looked.set(Some((Instant::now(), found)));
            found
        }
    }
}

fn refusal(ctx: &Context<'_>, demands: Demands) -> Option<Closed> {
    if has_disk_error(ctx, demands) {
        Some(Closed::Disk)
    } else if lacks_replicas(ctx, demands) {
        Some(Closed::Replicas)
    } else {
        None
    }
}

/// As `writeCommandsDeniedByDiskError`, server.c. Without an AOF and without save points INFO is not asked.
fn has_disk_error(ctx: &Context<'_>, demands: Demands) -> bool {
    let flags = ctx.flags();
    let by_save = demands.stops_at_failed_save && flags.contains(ContextFlags::RDB);
    let by_aof = flags.contains(ContextFlags::AOF);
    if !by_save && !by_aof {
        return false;
    }
    let Some(info) = ctx.server_info(c"persistence") else { return false };
    let failed = |field| info.text(field) == Some(b"err".as_slice());
    by_save && failed(c"rdb_last_bgsave_status") || by_aof && failed(c"aof_last_write_status")
}

/// As `checkGoodReplicasStatus`, replication.c.
fn lacks_replicas(ctx: &Context<'_>, demands: Demands) -> bool {
    if demands.replicas_min == 0 {
        return false;
    }
    let info = ctx.server_info(c"replication");
    let good = info.and_then(|info| info.unsigned(c"min_slaves_good_slaves"));
    good.is_some_and(|good| good < demands.replicas_min)
}

/// Has the loop woken later: no event tells when a pause or a lack of memory ends.
pub fn look_again(ctx: &Context<'_>, waker: &Waker) {
    if PARKED.borrow(ctx).replace(true) {
        return;
    }
    let started = Timer::start(ctx, LOOK_AGAIN, waker.clone(), |ctx, waker| {
        // Before anything that may fail: a gate that stays parked is never looked at again.
        PARKED.borrow(ctx).set(false);
        waker.wake();
        fault::hit(Site::Timer);
    });
    match started {
        Ok(timer) => timer.detach(),
        Err(_) => PARKED.borrow(ctx).set(false),
    }
}
