//! Command filters: functions that see, and may change, every command before the server looks at it.
//!
//! A filter gets a [`FilteredCommand`] and no context: it runs in the middle of the server's reading of a command, where
//! no key can be opened and nothing can be called (module.c, "Module Command Filter API"). What it shares with commands
//! it captures, such as an `Rc` whose other half lies in a [`crate::MainCell`].
//!
//! The server passes a filter nothing of the module's own, so each is a function of its own: a slot. A filter that ends
//! while filters run stays with the server until it is called again, and then takes itself out: the server walks over
//! its list of filters meanwhile, and has its next step noted already.

mod command;

use std::cell::Cell;
use std::marker::PhantomData;
use std::ptr;
use std::rc::Rc;

use redis_module::raw;

use crate::api::required;
use crate::cell::MainCell;
use crate::context::{Context, LoadContext, WriteContext};
use crate::detached;
use crate::error::Error;
use crate::guard::{drop_guarded, guard};

pub use command::{FILTER_ARGS_MAX, FilteredCommand};

/// How many filters a module may have at once.
pub const FILTERS_MAX: usize = 8;

/// Which commands a filter sees. It never sees what comes from an AOF, a command of a transaction a second time when the
/// transaction is run, nor what this crate itself asks the server: about users when the module goes, clients, commands, and
/// how long scripts may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum FilterScope {
    /// All: those of clients, of scripts, of modules and of the primary.
    #[default]
    All,
    /// All but those that this module runs, and those that such a command runs in turn.
    NotOwnCalls,
}

impl FilterScope {
    fn bits(self) -> i32 {
        match self {
            Self::All => 0,
            Self::NotOwnCalls => raw::REDISMODULE_CMDFILTER_NOSELF as i32,
        }
    }
}

type Filter = dyn Fn(&mut FilteredCommand<'_>);

/// What a slot holds. The server has it as long as `server` isn't NULL.
struct Slot {
    filter: Option<Rc<Filter>>,
    server: *mut raw::RedisModuleCommandFilter,
    /// Tells the filters apart that a slot has had.
    generation: u64,
}

static SLOTS: [MainCell<Slot>; FILTERS_MAX] =
    [const { MainCell::new(Slot { filter: None, server: ptr::null_mut(), generation: 0 }) }; FILTERS_MAX];

/// Whether one of the filters runs.
static RUNNING: MainCell<Cell<bool>> = MainCell::new(Cell::new(false));

/// Whether they are passed over.
static SUSPENDED: MainCell<Cell<bool>> = MainCell::new(Cell::new(false));

/// A switch that is on, until this is dropped.
struct On<'a>(&'a Cell<bool>, bool);

impl<'a> On<'a> {
    fn switch(switch: &'a Cell<bool>) -> Self {
        Self(switch, switch.replace(true))
    }
}

impl Drop for On<'_> {
    fn drop(&mut self) {
        self.0.set(self.1);
    }
}

/// Runs `body` without the filters of this module, which would change what it asks for.
pub(crate) fn suspended<R>(ctx: &Context<'_>, body: impl FnOnce() -> R) -> R {
    let suspended = SUSPENDED.borrow(ctx);
    let _suspended = On::switch(&suspended);
    body()
}

static FUNCTIONS: [raw::RedisModuleCommandFilterFunc; FILTERS_MAX] = [
    Some(filtered::<0>),
    Some(filtered::<1>),
    Some(filtered::<2>),
    Some(filtered::<3>),
    Some(filtered::<4>),
    Some(filtered::<5>),
    Some(filtered::<6>),
    Some(filtered::<7>),
];

/// A filter that is in force. Dropping it ends the filter, also inside a filter; [`CommandFilter::keep`] leaves it in
/// force as long as the module is loaded.
#[must_use = "dropping a filter ends it: store it, or keep it"]
pub struct CommandFilter {
    slot: usize,
    generation: u64,
    /// Filters are of the main thread.
    thread: PhantomData<*mut ()>,
}

impl CommandFilter {
    /// Leaves the filter in force as long as the module is loaded.
    pub fn keep(self) {
        std::mem::forget(self);
    }
}

impl Drop for CommandFilter {
    fn drop(&mut self) {
        if !detached::is_prepared() {
            // The module has gone and come back since: `abandon` has ended all filters.
            return;
        }
        let end = || {
            // SAFETY: R40: a handle does not leave the main thread, where it is dropped inside a callback.
            unsafe { detached::with(|ctx| end(ctx, self.slot, self.generation)) }
        };
        guard("the end of a command filter", || (), end);
    }
}

impl LoadContext<'_> {
    /// Has `filter` called for every command before the server looks at it; filters run in the order in which they
    /// were added. A panic in it is logged, and the command goes on with the changes made so far.
    ///
    /// It must be fast, for it is in the way of every command. On a replica it also changes what comes from the
    /// primary, if [`FilterScope`] lets it: the two then differ. All servers.
    ///
    /// # Errors
    /// [`Error::Invalid`] for more than [`FILTERS_MAX`] at once.
    pub fn filter_commands(
        &self,
        scope: FilterScope,
        filter: impl Fn(&mut FilteredCommand<'_>) + 'static,
    ) -> Result<CommandFilter, Error> {
        begin(self, scope, Rc::new(filter))
    }
}

impl WriteContext<'_> {
    /// As [`LoadContext::filter_commands`], later than at load.
    ///
    /// # Errors
    /// As [`LoadContext::filter_commands`].
    pub fn filter_commands(
        &self,
        scope: FilterScope,
        filter: impl Fn(&mut FilteredCommand<'_>) + 'static,
    ) -> Result<CommandFilter, Error> {
        begin(self, scope, Rc::new(filter))
    }
}

fn begin(ctx: &Context<'_>, scope: FilterScope, filter: Rc<Filter>) -> Result<CommandFilter, Error> {
    detached::prepare(ctx);
    let slot = free_slot(ctx)?;
    let register = required!(RedisModule_RegisterCommandFilter);
    // SAFETY: R40: a live context of this module; the callback is a function of this module.
    let server = unsafe { register(ctx.as_ptr(), FUNCTIONS[slot], scope.bits()) };
    if server.is_null() {
        return Err(Error::Refused {
            function: "RedisModule_RegisterCommandFilter",
            reason: "no reason is given",
        });
    }
    let mut cell = SLOTS[slot].try_borrow_mut(ctx)?;
    let generation = cell.generation + 1;
    *cell = Slot { filter: Some(filter), server, generation };
    Ok(CommandFilter { slot, generation, thread: PhantomData })
}

/// A slot that the server does not have. One whose filter has ended is taken out first, unless filters run.
fn free_slot(ctx: &Context<'_>) -> Result<usize, Error> {
    for (at, cell) in SLOTS.iter().enumerate() {
        let (has_ended, is_free) = {
            let slot = cell.try_borrow(ctx)?;
            (slot.filter.is_none(), slot.server.is_null())
        };
        if is_free || has_ended && take_out(ctx, at) {
            return Ok(at);
        }
    }
    Err(Error::Invalid { what: "the number of command filters", reason: "at most 8 at once" })
}

/// Ends the filter that a handle stands for, if the slot still has it.
fn end(ctx: &Context<'_>, slot: usize, generation: u64) {
    let filter = {
        let mut slot = SLOTS[slot].borrow_mut(ctx);
        if slot.generation != generation {
            return;
        }
        slot.filter.take()
    };
    take_out(ctx, slot);
    drop(filter);
}

/// Takes a filter from the server, unless filters run.
fn take_out(ctx: &Context<'_>, slot: usize) -> bool {
    let is_running = RUNNING.borrow(ctx).get();
    if !is_running {
        unregister(ctx, slot);
    }
    !is_running
}

fn unregister(ctx: &Context<'_>, slot: usize) {
    let server = std::mem::replace(&mut SLOTS[slot].borrow_mut(ctx).server, ptr::null_mut());
    if !server.is_null() {
        let unregister = required!(RedisModule_UnregisterCommandFilter);
        // SAFETY: R40: a filter of this module's that the server has, taken out once; the server's walk over its
        // filters is not under way or has gone past it.
        unsafe { unregister(ctx.as_ptr(), server) };
    }
}

/// Takes all filters back, for the module goes. No server does when a load has failed.
pub(crate) fn abandon(ctx: &Context<'_>) {
    for (at, cell) in SLOTS.iter().enumerate() {
        unregister(ctx, at);
        let filter = {
            let mut slot = cell.borrow_mut(ctx);
            slot.generation += 1;
            slot.filter.take()
        };
        drop_guarded(filter);
    }
}

unsafe extern "C" fn filtered<const SLOT: usize>(command: *mut raw::RedisModuleCommandFilterCtx) {
    let body = || {
        // SAFETY: R27: filters run on the main thread, inside the server's reading of a command.
        unsafe { detached::with(|ctx| run(ctx, SLOT, command)) }
    };
    guard("a command filter", || (), body);
}

/// # Safety
/// `command` is what the server passed to the filter of this slot.
unsafe fn run(ctx: &Context<'_>, slot: usize, command: *mut raw::RedisModuleCommandFilterCtx) {
    if SUSPENDED.borrow(ctx).get() {
        return;
    }
    let filter = SLOTS[slot].borrow(ctx).filter.clone();
    let Some(filter) = filter else { return unregister(ctx, slot) };
    let running = RUNNING.borrow(ctx);
    let _running = On::switch(&running);
    // SAFETY: R40: the command of this callback.
    filter(&mut unsafe { FilteredCommand::new(command) });
}
