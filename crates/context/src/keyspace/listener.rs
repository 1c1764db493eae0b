//! The listeners, each in a slot of its own: the server passes a callback nothing of the module's.

use std::cell::Cell;
use std::ffi::{CStr, c_char, c_int};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use redis_module::raw;

use super::{KeyspaceEvent, NotifyFlags};
use crate::api::{api, required};
use crate::cell::MainCell;
use crate::context::{Context, NotificationContext};
use crate::error::Error;
use crate::guard::{drop_guarded, guard};
use crate::key::Walk;
use crate::module::is_in_transit;
use crate::server::server;
use crate::string::RedisStr;
use crate::timer::Timer;

pub(super) type Listener = dyn for<'cx> Fn(&NotificationContext<'cx>, &KeyspaceEvent<'_>);

/// How many subscriptions a module may have at once.
pub const KEYSPACE_SUBSCRIPTIONS_MAX: usize = 16;

/// What a slot and a [`Subscription`] share; empty once the subscription has ended.
type Shared = Rc<Cell<Option<Rc<Listener>>>>;

struct Slot {
    listener: Option<Shared>,
    /// What the listener subscribed to.
    classes: c_int,
    /// What the server calls this slot for: one set of classes for each time it was told. They never overlap.
    told: Vec<c_int>,
}

static LISTENERS: [MainCell<Slot>; KEYSPACE_SUBSCRIPTIONS_MAX] =
    [const { MainCell::new(Slot::EMPTY) }; KEYSPACE_SUBSCRIPTIONS_MAX];

static CALLBACKS: [raw::RedisModuleNotificationFunc; KEYSPACE_SUBSCRIPTIONS_MAX] = [
    Some(notified::<0>),
    Some(notified::<1>),
    Some(notified::<2>),
    Some(notified::<3>),
    Some(notified::<4>),
    Some(notified::<5>),
    Some(notified::<6>),
    Some(notified::<7>),
    Some(notified::<8>),
    Some(notified::<9>),
    Some(notified::<10>),
    Some(notified::<11>),
    Some(notified::<12>),
    Some(notified::<13>),
    Some(notified::<14>),
    Some(notified::<15>),
];

/// A subscription that ends when this is dropped: then the listener is not called any more.
///
/// The server goes on calling this crate for such events, which lets them pass; one that lets modules unsubscribe
/// (Redis 8.2, not Valkey) stops when [`Subscription::end`] tells it. The place is free for another subscription
/// either way.
#[must_use = "dropping a subscription ends it"]
pub struct Subscription {
    listener: Shared,
    slot: usize,
}

impl Drop for Subscription {
    fn drop(&mut self) {
        drop(self.listener.take());
    }
}

impl Subscription {
    /// Ends the subscription, and has the server forget it in the event loop's next turn: it may be going through its
    /// list of subscribers now.
    ///
    /// # Errors
    /// [`Error::Unsupported`] before Redis 8.2 and on Valkey: the subscription has ended all the same.
    pub fn end(self, ctx: &Context<'_>) -> Result<(), Error> {
        let slot = self.slot;
        drop(self);
        api!(RedisModule_UnsubscribeFromKeyspaceEvents, "Redis 8.2")?;
        Timer::start(ctx, Duration::ZERO, slot, |ctx, slot| forget(ctx, slot))?.detach();
        Ok(())
    }
}

impl Slot {
    const EMPTY: Self = Self { listener: None, classes: 0, told: Vec::new() };

    fn current(&self) -> Option<Rc<Listener>> {
        let listener = self.listener.as_ref()?;
        let held = listener.take();
        listener.set(held.clone());
        held
    }

    /// What the server does not call this slot for yet.
    fn untold(&self) -> c_int {
        self.told.iter().fold(self.classes, |classes, told| classes & !told)
    }
}

/// Puts a listener into a free slot. The server hears of it now, or when the load has succeeded: Redis 7.0 keeps the
/// subscriptions of a load that failed, and calls code that is gone.
pub(super) fn subscribe(
    ctx: &Context<'_>,
    classes: NotifyFlags,
    listener: Rc<Listener>,
) -> Result<Subscription, Error> {
    let classes = classes.check()?;
    let free = LISTENERS.iter().position(|cell| cell.borrow(ctx).current().is_none());
    let Some(slot) = free else {
        return Err(Error::Invalid { what: "the number of keyspace subscriptions", reason: "at most 16" });
    };
    let listener: Shared = Rc::new(Cell::new(Some(listener)));
    let mut place = LISTENERS[slot].try_borrow_mut(ctx)?;
    place.listener = Some(Rc::clone(&listener));
    place.classes = classes;
    let subscription = Subscription { listener, slot };
    if !is_in_transit() {
        tell_server(ctx, slot, &mut place)?;
    }
    Ok(subscription)
}

/// Keeps a subscription for as long as the module is loaded.
pub(super) fn keep(subscription: Subscription) {
    let listener = subscription.listener.take();
    let shared = Rc::clone(&subscription.listener);
    drop(subscription);
    shared.set(listener);
}

fn tell_server(ctx: &Context<'_>, slot: usize, place: &mut Slot) -> Result<(), Error> {
    let classes = place.untold();
    if classes == 0 {
        return Ok(());
    }
    let subscribe = required!(RedisModule_SubscribeToKeyspaceEvents);
    // SAFETY: R23: a live context; the callback is a function of this module.
    let status = unsafe { subscribe(ctx.as_ptr(), classes, CALLBACKS[slot]) };
    if status != raw::REDISMODULE_OK as c_int {
        let function = "RedisModule_SubscribeToKeyspaceEvents";
        return Err(Error::Refused { function, reason: "no reason is given" });
    }
    place.told.push(classes);
    Ok(())
}

/// Has the server forget a slot, unless it is in use again.
fn forget(ctx: &Context<'_>, slot: usize) {
    let Ok(unsubscribe) = api!(RedisModule_UnsubscribeFromKeyspaceEvents, "Redis 8.2") else { return };
    let mut place = LISTENERS[slot].borrow_mut(ctx);
    if place.current().is_some() {
        return;
    }
    for classes in std::mem::take(&mut place.told) {
        // SAFETY: R23: a timer: the server goes through no list of subscribers. What it doesn't find it keeps.
        unsafe { unsubscribe(ctx.as_ptr(), classes, CALLBACKS[slot]) };
    }
}

/// Forgets the listeners of a module that goes; the server has forgotten them or never heard of them.
pub(crate) fn abandon(ctx: &Context<'_>) {
    for cell in &LISTENERS {
        drop_guarded(cell.replace(ctx, Slot::EMPTY));
    }
}

/// Tells the server what the module has subscribed to while it was loaded.
pub(crate) fn confirm(ctx: &Context<'_>) -> Result<(), Error> {
    for (slot, cell) in LISTENERS.iter().enumerate() {
        let mut place = cell.try_borrow_mut(ctx)?;
        if place.current().is_some() {
            tell_server(ctx, slot, &mut place)?;
        }
    }
    Ok(())
}

/// What a listener is being told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    /// An event of a command, or of the server's own work.
    Plain,
    /// A key or a field of a hash has expired, or an event that may follow from that.
    Expiry,
}

static TELLING: MainCell<Cell<Option<Told>>> = MainCell::new(Cell::new(None));

/// How many listeners are being told of something, one inside the other.
static DEPTH: AtomicUsize = AtomicUsize::new(0);

/// Whether a listener is being told of something: a command of the server's may be running.
#[inline]
pub(crate) fn is_telling() -> bool {
    DEPTH.load(Ordering::Relaxed) != 0
}

/// A listener is being told of something, perhaps another module's.
pub(crate) struct Telling(());

impl Telling {
    pub(crate) fn begin() -> Self {
        DEPTH.fetch_add(1, Ordering::Relaxed);
        Self(())
    }
}

impl Drop for Telling {
    fn drop(&mut self) {
        DEPTH.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Whether the event being heard may be that a key or a field of a hash has expired. The server may have found it in a
/// walk over what expires, at whose every step it runs the jobs after the unit (`activeExpireCycle`, expire.c, from 7.2
/// on). A hash whose last field has expired is deleted there, which looks like any other deletion.
pub(super) fn hears_of_expiry(ctx: &Context<'_>) -> bool {
    TELLING.borrow(ctx).get() == Some(Told::Expiry)
}

fn told_by(name: &CStr) -> Told {
    let fields_expire = || server().is_redis_since(7, 4) || server().is_valkey_since(9, 0);
    match name.to_bytes() {
        b"expired" | b"hexpired" => Told::Expiry,
        b"del" if fields_expire() => Told::Expiry,
        _ => Told::Plain,
    }
}

/// Runs a listener, which may cause further events.
fn tell(listener: &Listener, ctx: &NotificationContext<'_>, event: &KeyspaceEvent<'_>) {
    struct Restore<'a, 'cx>(&'a NotificationContext<'cx>, Option<Told>);
    impl Drop for Restore<'_, '_> {
        fn drop(&mut self) {
            TELLING.borrow(self.0).set(self.1);
        }
    }
    let told = told_by(event.name);
    let _telling = Telling::begin();
    let _outer = Restore(ctx, TELLING.borrow(ctx).replace(Some(told)));
    // The walk over what expires may come next to a key that is found to have expired here: Redis 8 takes care of that.
    let has_expired = matches!(event.name.to_bytes(), b"expired" | b"hexpired");
    let _walk = (has_expired && !server().is_redis_since(8, 0)).then(Walk::begin);
    listener(ctx, event);
}

unsafe extern "C" fn notified<const SLOT: usize>(
    ctx: *mut raw::RedisModuleCtx,
    class: c_int,
    name: *const c_char,
    key: *mut raw::RedisModuleString,
) -> c_int {
    guard(
        "a keyspace event",
        || (),
        || {
            // SAFETY: R23: what the server passes lives through the callback.
            let (ctx, name, key) = unsafe {
                (NotificationContext::from_raw(ctx), CStr::from_ptr(name), RedisStr::from_raw(key))
            };
            let place = LISTENERS[SLOT].borrow(&ctx);
            let listener = place.current().filter(|_| place.classes & class != 0);
            drop(place);
            if let (Some(listener), Some(key)) = (listener, key) {
                let class = NotifyFlags::from_bits_retain(class);
                let key = key.retain();
                tell(
                    &*listener,
                    &ctx,
                    &KeyspaceEvent { class, name, key: (&key).into(), db: ctx.event_db() },
                );
            }
        },
    );
    raw::REDISMODULE_OK as c_int
}
