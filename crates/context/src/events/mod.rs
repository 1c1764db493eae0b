//! Server events, each with its typed payload.
//!
//! ```text
//! load.on::<events::FlushDb>(|ctx, event| ..)
//! ```
//!
//! Subscriptions last as long as the module is loaded. Several listeners of one event run in the order they
//! were added; a panic in one is logged and the others run. Sub-events and payloads newer than this crate
//! arrive as an `Unknown` variant.
//!
//! The server's event identifiers up to 17 mean the same in both families (redismodule.h). Later ones
//! differ: they are offered on a server of their family only.

mod clients;
mod data;
mod family;
mod persistence;
mod replication;
mod turn;

use std::cell::Cell;
use std::ffi::{CStr, c_char, c_void};
use std::rc::Rc;

use redis_module::raw;

use crate::api::required;
use crate::cell::MainCell;
use crate::context::{Context, EventContext, LoadContext, WriteContext};
use crate::error::Error;
use crate::guard::{drop_guarded, guard};
use crate::server::{Family, server};

pub use clients::{ClientChange, ClientChangeEvent, ClientFlags, ClientInfo, Config, ConfigEvent};
pub use clients::{ModuleChange, ModuleChangeEvent};
pub use data::{FlushDb, FlushDbEvent, Key, KeyEvent, KeyFate, SwapDb, SwapDbEvent};
pub(crate) use family::slot_ranges;
pub use family::{AtomicSlotMigration, AtomicSlotMigrationEvent, SlotMigrationJob};
pub use family::{AuthenticationAttempt, AuthenticationAttemptEvent};
pub use family::{ClusterSlotMigration, ClusterSlotMigrationEvent, SlotMigrationTask, SlotRanges};
pub use family::{ClusterSlotMigrationTrim, ClusterSlotMigrationTrimEvent};
pub use persistence::{ForkChild, ForkChildEvent, Loading, LoadingEvent, LoadingProgress};
pub use persistence::{LoadingProgressEvent, LoadingSource, Persistence, PersistenceEvent, Shutdown};
pub use replication::{PrimaryLink, PrimaryLinkEvent, ReplAsyncLoad, ReplAsyncLoadEvent, ReplicaChange};
pub use replication::{ReplicaChangeEvent, ReplicationRole, ReplicationRoleEvent, Role};
pub use turn::{CronLoop, CronLoopEvent, EventLoop, EventLoopEvent};

mod sealed {
    pub trait Sealed {}
}
use sealed::Sealed;

/// An event the server fires. Implemented by the marker types of this module, and by no other.
pub trait ServerEvent: Sealed + 'static {
    /// What a listener receives.
    type Payload<'e>;
    /// The server's identifier of the event.
    #[doc(hidden)]
    const ID: u64;
    /// The event's name, for the log.
    #[doc(hidden)]
    const NAME: &'static str;
    /// The first versions that fire it.
    #[doc(hidden)]
    const SINCE: &'static str = "Redis 7.0";
    /// The family whose event this identifier is, if the other one's is another.
    #[doc(hidden)]
    const FAMILY: Option<Family> = None;
    /// Makes the payload out of what the server passes.
    ///
    /// # Safety
    /// `fired` is what the server passed for this very event, for the time of `'e`.
    #[doc(hidden)]
    unsafe fn payload<'e>(ctx: &'e Context<'_>, fired: &'e Fired) -> Self::Payload<'e>;
}

/// What the server passes to a listener.
#[doc(hidden)]
pub struct Fired {
    sub: u64,
    data: *const c_void,
}

impl Fired {
    /// The event's structure, if it is of the one version this crate knows: each begins with its version.
    ///
    /// # Safety
    /// The server's data for this event is NULL or begins with a 64-bit version, and version 1 of it
    /// is a `T`.
    unsafe fn version_1<T>(&self) -> Option<&T> {
        if self.data.is_null() {
            return None;
        }
        // SAFETY: R22: every payload begins with its version (redismodule.h).
        let version = unsafe { *self.data.cast::<u64>() };
        // SAFETY: R22: of version 1, so the caller's `T`; the server keeps it for the callback.
        (version == 1).then(|| unsafe { &*self.data.cast::<T>() })
    }
}

type Handler = dyn Fn(&EventContext<'_>, &Fired);

struct Listener {
    name: &'static str,
    handler: Box<Handler>,
    /// Whether it is to be forgotten.
    is_spent: Rc<Cell<bool>>,
}

/// How many identifiers of events there are.
const EVENTS: usize = 20;

static LISTENERS: [MainCell<Vec<Rc<Listener>>>; EVENTS] = [const { MainCell::new(Vec::new()) }; EVENTS];

/// The event being fired now, or `NO_EVENT`.
static CURRENT: MainCell<Cell<u64>> = MainCell::new(Cell::new(NO_EVENT));
const NO_EVENT: u64 = u64::MAX;

/// The events that the server was told of, one bit for each.
static REGISTERED: MainCell<Cell<u32>> = MainCell::new(Cell::new(0));

/// How many listeners one event may have.
const LISTENERS_MAX: usize = 64;

impl LoadContext<'_> {
    /// Subscribes to a server event: `load.on::<events::FlushDb>(|ctx, event| ..)`.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if this server has no such event.
    pub fn on<E: ServerEvent>(
        &self,
        listener: impl for<'e> Fn(&EventContext<'e>, E::Payload<'_>) + 'static,
    ) -> Result<(), Error> {
        subscribe::<E>(self, listener)
    }
}

impl WriteContext<'_> {
    /// As [`LoadContext::on`], later than at load.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if this server has no such event.
    pub fn on<E: ServerEvent>(
        &self,
        listener: impl for<'e> Fn(&EventContext<'e>, E::Payload<'_>) + 'static,
    ) -> Result<(), Error> {
        subscribe::<E>(self, listener)
    }
}

pub(crate) fn subscribe<E: ServerEvent>(
    ctx: &Context<'_>,
    listener: impl for<'e> Fn(&EventContext<'e>, E::Payload<'_>) + 'static,
) -> Result<(), Error> {
    let handler = move |ctx: &EventContext<'_>, fired: &Fired| {
        // SAFETY: R22: this listener is called for `E` only.
        listener(ctx, unsafe { E::payload(ctx, fired) });
    };
    let cell = listeners(E::ID).ok_or(unsupported::<E>())?;
    if cell.try_borrow(ctx)?.len() >= LISTENERS_MAX {
        return Err(Error::Invalid { what: "the number of listeners", reason: "at most 64 for one event" });
    }
    register::<E>(ctx)?;
    let handler = Box::new(handler);
    cell.try_borrow_mut(ctx)?.push(Rc::new(Listener { name: E::NAME, handler, is_spent: Rc::default() }));
    Ok(())
}

/// Has `job` done in the event loop's next turn. Some time later [`forget_spent`] has to be called.
pub(crate) fn in_the_next_turn(
    ctx: &Context<'_>,
    job: impl FnOnce(&Context<'_>) + 'static,
) -> Result<(), Error> {
    register::<EventLoop>(ctx)?;
    let is_spent = Rc::new(Cell::new(false));
    let (job, spent) = (Cell::new(Some(job)), Rc::clone(&is_spent));
    let handler = Box::new(move |ctx: &EventContext<'_>, _: &Fired| {
        if let Some(job) = job.take() {
            spent.set(true);
            job(ctx);
        }
    });
    let cell = listeners(EventLoop::ID).ok_or(unsupported::<EventLoop>())?;
    cell.try_borrow_mut(ctx)?.push(Rc::new(Listener { name: EventLoop::NAME, handler, is_spent }));
    Ok(())
}

/// Forgets listeners that have done their one job, and the event if nobody else listens: each turn would cost time.
pub(crate) fn forget_spent(ctx: &Context<'_>) {
    let Some(cell) = listeners(EventLoop::ID).filter(|_| !is_dispatching(ctx)) else { return };
    let Ok(mut listeners) = cell.try_borrow_mut(ctx) else { return };
    listeners.retain(|listener| !listener.is_spent.get());
    if listeners.is_empty() {
        unsubscribe(ctx, EventLoop::ID);
        let registered = REGISTERED.borrow(ctx);
        registered.set(registered.get() & !(1_u32 << EventLoop::ID));
    }
}

fn unsubscribe(ctx: &Context<'_>, id: u64) {
    let subscribe = required!(RedisModule_SubscribeToServerEvent);
    let event = raw::RedisModuleEvent { id, dataver: 1 };
    // SAFETY: R22: a live context; without a callback the server removes the one it has, which is not being called.
    unsafe { subscribe(ctx.as_ptr(), event, None) };
}

/// Refuses an event that this server does not have.
pub(crate) fn supported<E: ServerEvent>(ctx: &Context<'_>) -> Result<(), Error> {
    register::<E>(ctx)
}

/// Tells the server. It keeps one callback for each event and module: telling it twice changes nothing.
fn register<E: ServerEvent>(ctx: &Context<'_>) -> Result<(), Error> {
    if !is_of_this_family::<E>() {
        return Err(unsupported::<E>());
    }
    let subscribe = required!(RedisModule_SubscribeToServerEvent);
    let event = raw::RedisModuleEvent { id: E::ID, dataver: 1 };
    // SAFETY: R22: a live context; `fired` is a function of this module, which lives while it is loaded.
    let status = unsafe { subscribe(ctx.as_ptr(), event, Some(fired)) };
    if status != raw::REDISMODULE_OK as i32 {
        return Err(unsupported::<E>());
    }
    let registered = REGISTERED.borrow(ctx);
    registered.set(registered.get() | (1_u32 << E::ID));
    Ok(())
}

/// Ends all subscriptions of a module that goes. Redis 7.0 would keep those of a load that failed, and call code
/// that is gone.
pub(crate) fn abandon(ctx: &Context<'_>) {
    let registered = REGISTERED.borrow(ctx).take();
    for id in (0..EVENTS as u64).filter(|id| registered & (1_u32 << id) != 0) {
        unsubscribe(ctx, id);
    }
    for cell in &LISTENERS {
        drop_guarded(cell.take(ctx));
    }
}

fn is_of_this_family<E: ServerEvent>() -> bool {
    E::FAMILY.is_none_or(|family| server().family == family)
}

impl Context<'_> {
    /// Whether this server ever fires a sub-event, by its number in redismodule.h or valkeymodule.h. It is its word
    /// that counts: Valkey 9.1 says no of `AtomicSlotMigration`, which it fires.
    pub fn has_sub_event<E: ServerEvent>(&self, sub_event: u32) -> bool {
        let supports = required!(RedisModule_IsSubEventSupported);
        let event = raw::RedisModuleEvent { id: E::ID, dataver: 1 };
        // SAFETY: R2: two numbers, which the server compares.
        is_of_this_family::<E>() && unsafe { supports(event, u64::from(sub_event)) } != 0
    }
}

fn unsupported<E: ServerEvent>() -> Error {
    Error::Unsupported { function: E::NAME, since: E::SINCE }
}

fn listeners(id: u64) -> Option<&'static MainCell<Vec<Rc<Listener>>>> {
    LISTENERS.get(usize::try_from(id).ok()?)
}

unsafe extern "C" fn fired(
    ctx: *mut raw::RedisModuleCtx,
    event: raw::RedisModuleEvent,
    sub: u64,
    data: *mut c_void,
) {
    guard(
        "a server event",
        || (),
        || {
            // SAFETY: R11: the context of this event.
            let ctx = unsafe { EventContext::from_raw(ctx) };
            dispatch(&ctx, event.id, &Fired { sub, data });
        },
    );
}

/// Runs the listeners there are now. Nothing is borrowed meanwhile: a listener may cause further events.
fn dispatch(ctx: &EventContext<'_>, id: u64, fired: &Fired) {
    let Some(cell) = listeners(id) else { return };
    let outer = CURRENT.borrow(ctx).replace(id);
    let count = cell.borrow(ctx).len();
    for at in 0..count {
        let listener = cell.borrow(ctx).get(at).cloned();
        if let Some(listener) = listener {
            guard(listener.name, || (), || (listener.handler)(ctx, fired));
        }
    }
    CURRENT.borrow(ctx).set(outer);
}

/// Whether the server is telling modules of an event.
pub(crate) fn is_dispatching(ctx: &Context<'_>) -> bool {
    CURRENT.borrow(ctx).get() != NO_EVENT
}

/// Whether the event being fired now is one in which the module may write.
pub(crate) fn current_allows_writes(ctx: &Context<'_>) -> bool {
    let current = CURRENT.borrow(ctx).get();
    current == EventLoop::ID || current == CronLoop::ID
}

/// A C string of a payload.
///
/// # Safety
/// `text` is NULL or a C string that lives for `'e`.
unsafe fn text<'e>(text: *const c_char) -> Option<&'e [u8]> {
    // SAFETY: R22: the caller's promise.
    (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_bytes())
}
