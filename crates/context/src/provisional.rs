//! The time between a load that has succeeded and the event loop's next turn, when it is certain that the module stays.
//!
//! ```text
//! OnLoad [init] -> the server looks at the settings of MODULE LOADEX -> next turn: what was put off
//!                                 `-> OnUnload: the module is taken back
//! ```
//!
//! A setting that the module does not have is found when `OnLoad` has returned. The server then takes the module back,
//! and from 7.2 on ends if it can't (`moduleLoad`, module.c: Redis 8.0 asserts it, others write the reason through NULL).
//! It can't if the module has a timer, whatever the module does. So what would be in the way, or would outlive the module,
//! is put off. The server has no word for "it stays": the ModuleChange event goes to the other modules alone.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::cell::MainCell;
use crate::cluster;
use crate::context::{Context, LoadContext};
use crate::error::Error;
use crate::events;
use crate::guard::guard;
use crate::log::{LogLevel, log_fmt};
use crate::timer::Timer;

/// Tells whether it has started a timer.
type Job = Box<dyn FnOnce(&Context<'_>) -> bool>;

static PUT_OFF: MainCell<Vec<Job>> = MainCell::new(Vec::new());

/// Whether `init` is running.
static LOADING: AtomicBool = AtomicBool::new(false);

/// While `init` is running.
pub(crate) struct Loading(());

impl Loading {
    pub(crate) fn begin() -> Self {
        LOADING.store(true, Ordering::Relaxed);
        Self(())
    }
}

impl Drop for Loading {
    fn drop(&mut self) {
        LOADING.store(false, Ordering::Relaxed);
    }
}

/// Whether what keeps the module is put off now.
pub(crate) fn puts_off() -> bool {
    LOADING.load(Ordering::Relaxed)
}

/// Has `job` done when it is certain that the module stays; it is dropped if the module does not.
pub(crate) fn put_off(ctx: &Context<'_>, job: Job) {
    PUT_OFF.borrow_mut(ctx).push(job);
}

/// When the module was loaded, in microseconds of the server's clock; 0 if that is not known.
static LOADED_AT_US: AtomicU64 = AtomicU64::new(0);

/// How many commands the server had run when the module was loaded.
static LOADED_AT_COMMAND: AtomicU64 = AtomicU64::new(0);

/// The load has succeeded: waits for the next turn, if there is anything to wait with.
pub(crate) fn confirm(load: &LoadContext<'_>) -> Result<(), Error> {
    LOADED_AT_US.store(now_us(load), Ordering::Relaxed);
    LOADED_AT_COMMAND.store(commands(load), Ordering::Relaxed);
    if cluster::has_receivers(load) {
        put_off(load, Box::new(tell_of_receivers));
    }
    if PUT_OFF.try_borrow(load)?.is_empty() {
        return Ok(());
    }
    events::in_the_next_turn(load, |ctx| {
        // The server frees a listener that leaves while it is called, and then writes to it. And a module with a timer
        // is not asked whether it may be unloaded: one that has none gets none here.
        if !catch_up(ctx) {
            return;
        }
        let leave = Timer::start(ctx, Duration::ZERO, (), |ctx, ()| events::forget_spent(ctx));
        if let Ok(leave) = leave {
            leave.detach();
        }
    })
}

fn now_us(ctx: &Context<'_>) -> u64 {
    let now = ctx.cached_now().unwrap_or_default();
    u64::try_from(now.as_micros()).unwrap_or_default()
}

/// How many commands have ended (`call`, server.c), those of a transaction one by one.
fn commands(ctx: &Context<'_>) -> u64 {
    let stats = ctx.server_info(c"stats");
    stats.and_then(|stats| stats.unsigned(c"total_commands_processed")).unwrap_or_default()
}

/// Whether this still is the command that has loaded the module: the server's clock is stopped while one runs, a
/// transaction too, and none has ended. Never on Redis 7.0, which doesn't tell the clock, and which leaves a module
/// loaded that it can't take back.
pub(crate) fn is_being_loaded(ctx: &Context<'_>) -> bool {
    let now = now_us(ctx);
    now != 0
        && now == LOADED_AT_US.load(Ordering::Relaxed)
        && commands(ctx) == LOADED_AT_COMMAND.load(Ordering::Relaxed)
}

fn tell_of_receivers(ctx: &Context<'_>) -> bool {
    if let Err(error) = cluster::confirm_receivers(ctx) {
        log_fmt(LogLevel::Warning, format_args!("messages from other nodes are not heard: {error}"));
    }
    false
}

/// Whether a timer was started.
fn catch_up(ctx: &Context<'_>) -> bool {
    let mut has_timer = false;
    for job in PUT_OFF.take(ctx).unwrap_or_default() {
        has_timer |= guard("what the load has put off", || false, || job(ctx));
    }
    has_timer
}

/// The module goes.
pub(crate) fn abandon(ctx: &Context<'_>) {
    drop(PUT_OFF.take(ctx));
}
