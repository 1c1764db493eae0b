//! Keyspace events: hearing of them and causing them.

mod flags;
mod listener;

use std::ffi::{CStr, c_int, c_void};
use std::rc::Rc;

use redis_module::raw;

use crate::api::{api, required};
use crate::context::{EventContext, LoadContext, NotificationContext, TimerContext, WriteContext};
use crate::dataset::JobRuns;
use crate::detached;
use crate::error::Error;
use crate::event_loop::MainThread;
use crate::guard::guard;
use crate::key::refuse_while_open;
use crate::module::{Calling, Pin};
use crate::native_type::RdbReader;
use crate::serving::Serving;
use crate::string::RedisStr;

pub use flags::NotifyFlags;
pub use listener::{KEYSPACE_SUBSCRIPTIONS_MAX, Subscription};
pub(crate) use listener::{Telling, abandon, confirm, is_telling};

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

impl LoadContext<'_> {
    /// Hears of what happens to keys. The listener runs in the middle of the command, expiry or eviction that
    /// caused the event, so it cannot write: [`NotificationContext::after`] does that. Nor can it read short strings
    /// ([`crate::ReadKey::string_bytes`]), nor, when something has expired, open any key before Redis 8.0
    /// ([`Error::KeyIsOpen`]). It lasts as long as the module is loaded, and does not hear what it causes itself.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a class this server lacks, [`Error::Invalid`] above
    /// [`KEYSPACE_SUBSCRIPTIONS_MAX`].
    pub fn subscribe(
        &self,
        classes: NotifyFlags,
        listener: impl for<'cx> Fn(&NotificationContext<'cx>, &KeyspaceEvent<'_>) + 'static,
    ) -> Result<(), Error> {
        self.subscription(classes, listener).map(listener::keep)
    }

    /// As [`LoadContext::subscribe`], until the [`Subscription`] is dropped.
    ///
    /// # Errors
    /// As there.
    pub fn subscription(
        &self,
        classes: NotifyFlags,
        listener: impl for<'cx> Fn(&NotificationContext<'cx>, &KeyspaceEvent<'_>) + 'static,
    ) -> Result<Subscription, Error> {
        listener::subscribe(self, classes, Rc::new(listener))
    }
}

impl EventContext<'_> {
    /// As [`LoadContext::subscribe`], later than at load.
    ///
    /// # Errors
    /// As there.
    pub fn subscribe(
        &self,
        classes: NotifyFlags,
        listener: impl for<'cx> Fn(&NotificationContext<'cx>, &KeyspaceEvent<'_>) + 'static,
    ) -> Result<(), Error> {
        listener::subscribe(self, classes, Rc::new(listener)).map(listener::keep)
    }
}

impl RdbReader<'_> {
    /// As [`LoadContext::subscribe`], when the first value comes that makes events of interest: its key may be renamed
    /// before the module is called again.
    ///
    /// # Errors
    /// As there.
    pub fn subscribe(
        &self,
        classes: NotifyFlags,
        listener: impl for<'cx> Fn(&NotificationContext<'cx>, &KeyspaceEvent<'_>) + 'static,
    ) -> Result<(), Error> {
        let listener = Rc::new(listener);
        // SAFETY: R27: a type's `load` runs on the main thread, and what registered the type has made the context.
        unsafe { detached::with(|ctx| listener::subscribe(ctx, classes, listener)) }.map(listener::keep)
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
        self.subscription(classes, listener).map(listener::keep)
    }

    /// As [`LoadContext::subscribe`], later than at load and until the [`Subscription`] is dropped.
    ///
    /// # Errors
    /// As there.
    pub fn subscription(
        &self,
        classes: NotifyFlags,
        listener: impl for<'cx> Fn(&NotificationContext<'cx>, &KeyspaceEvent<'_>) + 'static,
    ) -> Result<Subscription, Error> {
        listener::subscribe(self, classes, Rc::new(listener))
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
        let _calling = Calling::begin();
        // SAFETY: R23: a live context with a client; the texts live through the call.
        let status = unsafe { notify(self.as_ptr(), class, event.as_ptr(), key.into().as_ptr()) };
        if status == raw::REDISMODULE_OK as c_int {
            Ok(())
        } else {
            Err(Error::Refused { function: "RedisModule_NotifyKeyspaceEvent", reason: "no database here" })
        }
    }
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
    /// command. The event's database is selected.
    ///
    /// Where the server can't have that, the job runs in the next turn of the event loop, as a unit of its own with
    /// database 0 selected: on Redis 7.0, which has no such jobs; and after a key or a field has expired, for which
    /// the server walks over those that expire and would run the job in the middle of that walk. Where fields expire
    /// (Redis 7.4, Valkey 9.0) that goes for "del" too, the end of a hash whose last field has expired.
    ///
    /// # Errors
    /// [`Error::Refused`] on a replica and while loading, where the module must not write, and when the
    /// queue is full.
    pub fn after(&self, job: impl for<'cx> FnOnce(&TimerContext<'cx>) + 'static) -> Result<(), Error> {
        match api!(RedisModule_AddPostNotificationJob, "Redis 7.2 and Valkey 7.2") {
            Ok(_) if !listener::hears_of_expiry(self) => self.after_this_unit(Box::new(job)),
            _ => MainThread::post_local(self, Box::new(job)),
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
                let _serving = Serving::begin();
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
