//! Keyspace events: hearing of them and causing them.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::rc::Rc;

use redis_module::raw;

use crate::api::{api, required};
use crate::cell::MainCell;
use crate::context::{Context, LoadContext, NotificationContext, TimerContext, WriteContext};
use crate::dataset::JobRuns;
use crate::error::Error;
use crate::event_loop::MainThread;
use crate::guard::guard;
use crate::key::refuse_while_open;
use crate::module::Pin;
use crate::server::server;
use crate::string::RedisStr;

bitflags::bitflags! {
    /// The classes of keyspace events. Each event is of one class.
    ///
    /// These are in both families; `OVERWRITTEN` and `TYPE_CHANGED` are Redis's only, and refused elsewhere:
    /// there the same bits have other meanings, or none.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    pub struct NotifyFlags: c_int {
        /// `g`: DEL, EXPIRE, RENAME and others that fit any type.
        const GENERIC = raw::REDISMODULE_NOTIFY_GENERIC;
        /// `$`: strings.
        const STRING = raw::REDISMODULE_NOTIFY_STRING;
        /// `l`: lists.
        const LIST = raw::REDISMODULE_NOTIFY_LIST;
        /// `s`: sets.
        const SET = raw::REDISMODULE_NOTIFY_SET;
        /// `h`: hashes.
        const HASH = raw::REDISMODULE_NOTIFY_HASH;
        /// `z`: sorted sets.
        const SORTED_SET = raw::REDISMODULE_NOTIFY_ZSET;
        /// `x`: a key was deleted because its time had come.
        const EXPIRED = raw::REDISMODULE_NOTIFY_EXPIRED;
        /// `e`: a key was evicted for want of memory.
        const EVICTED = raw::REDISMODULE_NOTIFY_EVICTED;
        /// `t`: streams.
        const STREAM = raw::REDISMODULE_NOTIFY_STREAM;
        /// `m`: a key was looked for and not found. Not in `ALL`.
        const KEY_MISS = raw::REDISMODULE_NOTIFY_KEY_MISS;
        /// A key was loaded from a snapshot. Not in `ALL`. Only modules hear of it.
        const LOADED = raw::REDISMODULE_NOTIFY_LOADED;
        /// `d`: types of modules.
        const MODULE = raw::REDISMODULE_NOTIFY_MODULE;
        /// `n`: a new key. Not in `ALL`. Redis 7.0.1 and Valkey.
        const NEW = raw::REDISMODULE_NOTIFY_NEW;
        /// `o`: a value was replaced. Not in `ALL`. Redis 8.2, not Valkey.
        const OVERWRITTEN = raw::REDISMODULE_NOTIFY_OVERWRITTEN;
        /// `c`: a value was replaced by one of another type. Not in `ALL`. Redis 8.2, not Valkey.
        const TYPE_CHANGED = raw::REDISMODULE_NOTIFY_TYPE_CHANGED;
        /// `A`: all classes but those said not to be in it.
        const ALL = raw::REDISMODULE_NOTIFY_ALL;
    }
}

impl NotifyFlags {
    fn check(self) -> Result<c_int, Error> {
        if !self.intersects(Self::OVERWRITTEN | Self::TYPE_CHANGED) || server().is_redis_since(8, 2) {
            Ok(self.bits())
        } else {
            Err(Error::Unsupported { function: "NOTIFY_OVERWRITTEN and TYPE_CHANGED", since: "Redis 8.2" })
        }
    }
}

/// Something happened to a key.
#[derive(Debug, Clone, Copy)]
pub struct KeyspaceEvent<'e> {
    /// The event's class, as the server numbers it: bits newer than this crate are kept.
    pub class: NotifyFlags,
    /// The event's name, such as `set`, `del`, `expired`.
    pub name: &'e CStr,
    /// The key.
    pub key: RedisStr<'e>,
    /// The key's database.
    pub db: i32,
}

type Listener = dyn for<'cx> Fn(&NotificationContext<'cx>, &KeyspaceEvent<'_>);

/// How many subscriptions a module may have. The server passes a callback nothing of the module's own, so
/// each subscription is a function of its own.
pub const KEYSPACE_SUBSCRIPTIONS_MAX: usize = 16;

static LISTENERS: [MainCell<Option<Rc<Listener>>>; KEYSPACE_SUBSCRIPTIONS_MAX] =
    [const { MainCell::new(None) }; KEYSPACE_SUBSCRIPTIONS_MAX];

/// Subscriptions of a module that is being loaded: classes and slot. The server hears of them when the load has
/// succeeded, because Redis 7.0 keeps those of a load that failed, and calls code that is gone.
static PENDING: MainCell<Vec<(c_int, usize)>> = MainCell::new(Vec::new());

static SLOTS: [raw::RedisModuleNotificationFunc; KEYSPACE_SUBSCRIPTIONS_MAX] = [
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

impl LoadContext<'_> {
    /// Hears of what happens to keys. The listener runs in the middle of the command, expiry or eviction that
    /// caused the event, so it cannot write: [`NotificationContext::after`] does that. It lasts as long as
    /// the module is loaded, and does not hear what it causes itself.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a class this server lacks, [`Error::Invalid`] above
    /// [`KEYSPACE_SUBSCRIPTIONS_MAX`].
    pub fn subscribe(
        &self,
        classes: NotifyFlags,
        listener: impl for<'cx> Fn(&NotificationContext<'cx>, &KeyspaceEvent<'_>) + 'static,
    ) -> Result<(), Error> {
        let (classes, slot) = occupy(self, classes, Rc::new(listener))?;
        PENDING.try_borrow_mut(self)?.push((classes, slot));
        Ok(())
    }
}

impl WriteContext<'_> {
    /// As [`LoadContext::subscribe`], later than at load.
    ///
    /// # Errors
    /// As there.
    pub fn subscribe(
        &self,
        classes: NotifyFlags,
        listener: impl for<'cx> Fn(&NotificationContext<'cx>, &KeyspaceEvent<'_>) + 'static,
    ) -> Result<(), Error> {
        subscribe(self, classes, Rc::new(listener))
    }

    /// Tells modules and clients that something happened to a key of the selected database. Clients hear of it
    /// if `notify-keyspace-events` has the class.
    ///
    /// # Errors
    /// [`Error::KeyIsOpen`] while a key is open, [`Error::Unsupported`] for a class this server lacks.
    pub fn notify<'k>(
        &self,
        class: NotifyFlags,
        event: &CStr,
        key: impl Into<RedisStr<'k>>,
    ) -> Result<(), Error> {
        refuse_while_open()?;
        let class = class.check()?;
        let notify = required!(RedisModule_NotifyKeyspaceEvent);
        // SAFETY: R23: a live context with a client; the texts live through the call.
        let status = unsafe { notify(self.as_ptr(), class, event.as_ptr(), key.into().as_ptr()) };
        if status == raw::REDISMODULE_OK as c_int {
            Ok(())
        } else {
            Err(Error::Refused { function: "RedisModule_NotifyKeyspaceEvent", reason: "no database here" })
        }
    }
}

impl Context<'_> {
    /// The classes of which clients hear (`notify-keyspace-events`). Modules hear of what they subscribed to.
    pub fn client_notifications(&self) -> NotifyFlags {
        let get = required!(RedisModule_GetNotifyKeyspaceEvents);
        // SAFETY: R2: it takes nothing and reads a setting.
        NotifyFlags::from_bits_retain(unsafe { get() })
    }
}

fn subscribe(ctx: &Context<'_>, classes: NotifyFlags, listener: Rc<Listener>) -> Result<(), Error> {
    let (classes, slot) = occupy(ctx, classes, listener)?;
    tell_server(ctx, classes, slot)
}

/// Puts a listener into a free slot.
fn occupy(ctx: &Context<'_>, classes: NotifyFlags, listener: Rc<Listener>) -> Result<(c_int, usize), Error> {
    let classes = classes.check()?;
    let free = LISTENERS.iter().position(|cell| cell.borrow(ctx).is_none());
    let Some((slot, cell)) = free.and_then(|slot| Some((slot, LISTENERS.get(slot)?))) else {
        return Err(Error::Invalid { what: "the number of keyspace subscriptions", reason: "at most 16" });
    };
    cell.replace(ctx, Some(listener))?;
    Ok((classes, slot))
}

fn tell_server(ctx: &Context<'_>, classes: c_int, slot: usize) -> Result<(), Error> {
    let subscribe = required!(RedisModule_SubscribeToKeyspaceEvents);
    // SAFETY: R23: a live context; the callback is a function of this module.
    let status = unsafe { subscribe(ctx.as_ptr(), classes, SLOTS[slot]) };
    if status == raw::REDISMODULE_OK as c_int {
        return Ok(());
    }
    LISTENERS[slot].take(ctx)?;
    Err(Error::Refused { function: "RedisModule_SubscribeToKeyspaceEvents", reason: "no reason is given" })
}

/// Forgets the listeners of a module that goes; the server has forgotten them or never heard of them.
pub(crate) fn abandon(ctx: &Context<'_>) {
    drop(PENDING.take(ctx));
    for cell in &LISTENERS {
        drop(cell.take(ctx));
    }
}

/// Tells the server what the module has subscribed to while it was loaded.
pub(crate) fn confirm(ctx: &Context<'_>) -> Result<(), Error> {
    let pending = PENDING.take(ctx)?;
    pending.into_iter().try_for_each(|(classes, slot)| tell_server(ctx, classes, slot))
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
            let listener = LISTENERS[SLOT].borrow(&ctx).clone();
            if let (Some(listener), Some(key)) = (listener, key) {
                let class = NotifyFlags::from_bits_retain(class);
                listener(&ctx, &KeyspaceEvent { class, name, key, db: ctx.event_db() });
            }
        },
    );
    raw::REDISMODULE_OK as c_int
}

type Job = Box<dyn for<'cx> FnOnce(&TimerContext<'cx>)>;

/// What the server keeps of a job; a transaction may end with MODULE UNLOAD before the job runs.
struct Queued {
    job: Option<Job>,
    _pin: Pin,
}

impl NotificationContext<'_> {
    fn event_db(&self) -> i32 {
        let selected = required!(RedisModule_GetSelectedDb);
        // SAFETY: R11: the context of a keyspace event has a client, with the event's database selected.
        unsafe { selected(self.as_ptr()) }
    }

    /// Runs `job` when the command that caused the event is done: what it writes is one unit with that
    /// command. On Redis 7.0, which has no such jobs, it runs in the next turn of the event loop, as a unit
    /// of its own. The event's database is selected either way, except on Redis 7.0 (database 0).
    ///
    /// # Errors
    /// [`Error::Refused`] on a replica and while loading, where the module must not write, and when the
    /// queue is full.
    pub fn after(&self, job: impl for<'cx> FnOnce(&TimerContext<'cx>) + 'static) -> Result<(), Error> {
        match api!(RedisModule_AddPostNotificationJob, "Redis 7.2 and Valkey 7.2") {
            Ok(_) => self.after_this_unit(Box::new(job)),
            Err(_) => MainThread::post_local(self, Box::new(job)),
        }
    }

    fn after_this_unit(&self, job: Job) -> Result<(), Error> {
        let add = api!(RedisModule_AddPostNotificationJob, "Redis 7.2 and Valkey 7.2")?;
        let data = Box::into_raw(Box::new(Queued { job: Some(job), _pin: Pin::new() }));
        // SAFETY: R24: a live context; the server calls `run_job` once and then `free_job` with `data`.
        let status = unsafe { add(self.as_ptr(), Some(run_job), data.cast(), Some(free_job)) };
        if status == raw::REDISMODULE_OK as c_int {
            return Ok(());
        }
        // SAFETY: R24: a refused job's data stays ours.
        drop(unsafe { Box::from_raw(data) });
        Err(Error::Refused {
            function: "RedisModule_AddPostNotificationJob",
            reason: "a replica, or a server that is loading, must not be written to",
        })
    }
}

unsafe extern "C" fn run_job(ctx: *mut raw::RedisModuleCtx, data: *mut c_void) {
    guard(
        "a job after a keyspace event",
        || (),
        || {
            // SAFETY: R24: the box of `after_this_unit`, which `free_job` frees later.
            let queued = unsafe { &mut *data.cast::<Queued>() };
            // SAFETY: R11: the context of this job.
            let ctx = unsafe { TimerContext::from_raw(ctx) };
            if let Some(job) = queued.job.take() {
                let _running = JobRuns::begin();
                job(&ctx);
            }
        },
    );
}

unsafe extern "C" fn free_job(data: *mut c_void) {
    guard(
        "a job after a keyspace event",
        || (),
        || {
            // SAFETY: R24: the box of `after_this_unit`, freed once.
            drop(unsafe { Box::from_raw(data.cast::<Queued>()) });
        },
    );
}
