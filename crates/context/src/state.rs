//! What the server tells about itself, and the database a context works on.

use std::ffi::{CStr, c_char, c_int};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use redis_module::raw;

use crate::api::{api, required};
use crate::context::{CommandContext, Context, LoadContext};
use crate::error::Error;
use crate::server::server;
use crate::string::RedisString;

bitflags::bitflags! {
    /// The server's and the client's state (RM_GetContextFlags). Bits from 25 on mean different things in the
    /// two families and are left out.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub struct ContextFlags: u32 {
        /// A script runs the command.
        const SCRIPT = 1 << 0;
        /// A transaction runs the command.
        const MULTI = 1 << 1;
        /// This server is a primary.
        const PRIMARY = 1 << 2;
        /// This server is a replica.
        const REPLICA = 1 << 3;
        /// This server is a replica that refuses writes.
        const READONLY = 1 << 4;
        /// The server is in cluster mode.
        const CLUSTER = 1 << 5;
        /// The AOF is on.
        const AOF = 1 << 6;
        /// RDB saves are scheduled.
        const RDB = 1 << 7;
        /// There is a memory limit.
        const MAXMEMORY = 1 << 8;
        /// Keys are evicted at the memory limit.
        const EVICT = 1 << 9;
        /// The memory limit is exceeded.
        const OOM = 1 << 10;
        /// Less than a quarter of the memory limit is left.
        const OOM_WARNING = 1 << 11;
        /// The command came from the primary.
        const REPLICATED = 1 << 12;
        /// The server loads its data.
        const LOADING = 1 << 13;
        /// The replica has no link to its primary.
        const REPLICA_IS_STALE = 1 << 14;
        /// The replica connects to its primary.
        const REPLICA_IS_CONNECTING = 1 << 15;
        /// The replica receives a snapshot.
        const REPLICA_IS_TRANSFERRING = 1 << 16;
        /// The replica is up to date.
        const REPLICA_IS_ONLINE = 1 << 17;
        /// A forked child is active.
        const ACTIVE_CHILD = 1 << 18;
        /// The client's transaction will fail.
        const MULTI_DIRTY = 1 << 19;
        /// This is a forked child.
        const IS_CHILD = 1 << 20;
        /// The client can't be blocked.
        const DENY_BLOCKING = 1 << 21;
        /// The client speaks RESP3.
        const RESP3 = 1 << 22;
        /// A replica loads a snapshot beside its old data.
        const ASYNC_LOADING = 1 << 23;
        /// The server starts (7.2 on).
        const SERVER_STARTUP = 1 << 24;
    }
}

impl ContextFlags {
    /// Any of these, and a client can't be blocked: a script or a transaction runs, or who calls does not allow it.
    pub const NO_BLOCKING: ContextFlags =
        ContextFlags::SCRIPT.union(ContextFlags::MULTI).union(ContextFlags::DENY_BLOCKING);
}

bitflags::bitflags! {
    /// What a module promises to cope with (RM_SetModuleOptions). Bits from 3 on mean different things in the
    /// two families: such a one is declared to a server of its family, and nothing to the others.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub struct ModuleOptions: u32 {
        /// Its data types check for read errors: needed for diskless loading.
        const HANDLE_IO_ERRORS = 1 << 0;
        /// A key opened for writing is not signalled as changed when it is closed: the module does it by
        /// [`crate::WriteContext::signal_modified`].
        const NO_IMPLICIT_SIGNAL_MODIFIED = 1 << 1;
        /// It copes with a replica that serves its old data while it loads the new.
        const HANDLE_REPL_ASYNC_LOAD = 1 << 2;
        /// It copes with slots that move all at once (CLUSTER MIGRATESLOTS), which its server refuses otherwise:
        /// [`crate::events::AtomicSlotMigration`]. Valkey 9.0, not Redis.
        const HANDLE_ATOMIC_SLOT_MIGRATION = 1 << 5;
    }
}

impl ModuleOptions {
    /// Without the bits that mean something else, or nothing, in the server's family.
    fn of_this_family(self) -> Self {
        let options = self & Self::all();
        if server().is_valkey_since(9, 0) {
            options
        } else {
            options.difference(Self::HANDLE_ATOMIC_SLOT_MIGRATION)
        }
    }
}

/// The server replaces the options each time (RM_SetModuleOptions): what was declared so far.
static DECLARED: AtomicU32 = AtomicU32::new(0);

/// The module goes: should its code be loaded again, it has declared nothing.
pub(crate) fn abandon() {
    DECLARED.store(0, Ordering::Relaxed);
}

impl LoadContext<'_> {
    /// Declares what the module copes with; declarations add up. A module without
    /// `HANDLE_REPL_ASYNC_LOAD` keeps its server from swapping data sets in the background.
    pub fn set_options(&self, options: ModuleOptions) {
        let options = options.of_this_family().bits();
        let declared = DECLARED.fetch_or(options, Ordering::Relaxed) | options;
        let set = required!(RedisModule_SetModuleOptions);
        // SAFETY: R11: the context of OnLoad.
        unsafe { set(self.as_ptr(), declared as c_int) };
    }
}

impl Context<'_> {
    /// The server's and the client's state.
    pub fn flags(&self) -> ContextFlags {
        let get = required!(RedisModule_GetContextFlags);
        // SAFETY: R11: a live context.
        ContextFlags::from_bits_truncate(unsafe { get(self.as_ptr()) } as u32)
    }

    /// The flags that this server knows ([`Context::flags`] of it can have no others).
    pub fn supported_flags(&self) -> ContextFlags {
        let get = required!(RedisModule_GetContextFlagsAll);
        // SAFETY: R2: it takes nothing and gives a constant.
        ContextFlags::from_bits_truncate(unsafe { get() } as u32)
    }

    /// The options that this server knows. 7.2 on.
    ///
    /// # Errors
    /// [`Error::Unsupported`] on Redis 7.0, which knows those that its family shares with the other.
    pub fn supported_options(&self) -> Result<ModuleOptions, Error> {
        let get = api!(RedisModule_GetModuleOptionsAll, "Redis 7.2 and Valkey 7.2")?;
        // SAFETY: R2: it takes nothing and gives a constant.
        Ok(ModuleOptions::from_bits_truncate(unsafe { get() } as u32).of_this_family())
    }

    /// The database this context works on.
    #[inline]
    pub fn selected_db(&self) -> u32 {
        let get = required!(RedisModule_GetSelectedDb);
        // SAFETY: R17: every context has a client.
        unsafe { get(self.as_ptr()) as u32 }
    }

    /// Selects the database this context works on. In a command that is the client's own choice, which
    /// outlasts the command: see [`Context::with_db`].
    #[inline]
    pub fn select_db(&self, db: u32) -> Result<(), Error> {
        let select = required!(RedisModule_SelectDb);
        let db = c_int::try_from(db).map_err(|_| Error::NoSuchDb)?;
        // SAFETY: R17: every context has a client; the server checks the number.
        let status = unsafe { select(self.as_ptr(), db) };
        if status == raw::REDISMODULE_OK as c_int { Ok(()) } else { Err(Error::NoSuchDb) }
    }

    /// Runs `body` with another database selected, and selects the old one afterwards, also after a panic.
    pub fn with_db<R>(&self, db: u32, body: impl FnOnce() -> R) -> Result<R, Error> {
        struct Restore<'a, 'cx>(&'a Context<'cx>, u32);
        impl Drop for Restore<'_, '_> {
            fn drop(&mut self) {
                // The number came from the server.
                let _ = self.0.select_db(self.1);
            }
        }
        let restore = Restore(self, self.selected_db());
        self.select_db(db)?;
        let result = body();
        drop(restore);
        Ok(result)
    }

    /// How many keys the selected database holds.
    pub fn db_size(&self) -> u64 {
        let get = required!(RedisModule_DbSize);
        // SAFETY: R17: every context has a client.
        unsafe { get(self.as_ptr()) }
    }

    /// Used memory by the memory limit: 0 without a limit, above 1 when it is exceeded.
    pub fn used_memory_ratio(&self) -> f32 {
        let get = required!(RedisModule_GetUsedMemoryRatio);
        // SAFETY: R2: it takes nothing.
        unsafe { get() }
    }

    /// Fills `out` with random bytes of cryptographic quality (SHA-256 of a seed from /dev/urandom).
    pub fn random_bytes(&self, out: &mut [u8]) {
        let fill = required!(RedisModule_GetRandomBytes);
        // SAFETY: R2: the server writes `len` bytes.
        unsafe { fill(out.as_mut_ptr(), out.len()) };
    }

    /// Random hexadecimal digits, as in a run id: `N` of them.
    pub fn random_hex<const N: usize>(&self) -> [u8; N] {
        let fill = required!(RedisModule_GetRandomHexChars);
        let mut digits = [0u8; N];
        // SAFETY: R2: the server writes `len` characters without a terminator.
        unsafe { fill(digits.as_mut_ptr().cast::<c_char>(), N) };
        digits
    }

    /// The time of day since 1970, read from the clock now.
    pub fn now(&self) -> Duration {
        let get = required!(RedisModule_Milliseconds);
        // SAFETY: R2: it takes nothing.
        Duration::from_millis(unsafe { get() }.try_into().unwrap_or_default())
    }

    /// The time of day since 1970 as the server has it cached: the same throughout one execution unit, and
    /// what expiry is measured against. 7.2 on.
    pub fn cached_now(&self) -> Result<Duration, Error> {
        let get = api!(RedisModule_CachedMicroseconds, "Redis 7.2 and Valkey 7.2")?;
        // SAFETY: R2: it takes nothing.
        Ok(Duration::from_micros(unsafe { get() }.try_into().unwrap_or_default()))
    }
}

impl Context<'_> {
    /// The time of day since 1970, read from the clock now, to the microsecond. 7.2 on.
    ///
    /// # Errors
    /// [`Error::Unsupported`] on Redis 7.0: [`Context::now`] is to the millisecond there.
    pub fn now_precise(&self) -> Result<Duration, Error> {
        let get = api!(RedisModule_Microseconds, "Redis 7.2 and Valkey 7.2")?;
        // SAFETY: R2: it takes nothing.
        Ok(Duration::from_micros(unsafe { get() }.try_into().unwrap_or_default()))
    }

    /// A clock that never goes back, to the microsecond: for measuring, since its beginning is any. On some
    /// processors it is read without a system call.
    #[inline]
    pub fn monotonic(&self) -> Duration {
        let get = required!(RedisModule_MonotonicMicroseconds);
        // SAFETY: R2: it takes nothing.
        Duration::from_micros(unsafe { get() })
    }
}

impl Context<'_> {
    /// Adds to the samples that LATENCY shows under this event's name, unless `took` is below
    /// `latency-monitor-threshold`, in whole milliseconds. With a threshold of 0, which switches the server's own
    /// samples off, every one is added (`RM_LatencyAddSample`, module.c, Redis 7.0).
    pub fn add_latency_sample(&self, event: &CStr, took: Duration) {
        let add = required!(RedisModule_LatencyAddSample);
        let millis = i64::try_from(took.as_millis()).unwrap_or(i64::MAX);
        // SAFETY: R11: on the main thread; the server copies the name.
        unsafe { add(event.as_ptr(), millis) };
    }
}

impl CommandContext<'_> {
    /// The name that the command was registered by, a subcommand's as `group|sub`.
    pub fn command_name(&self) -> Option<&str> {
        let get = required!(RedisModule_GetCurrentCommandName);
        // SAFETY: R11: the context of a command, which lives as long as its module.
        let name = unsafe { get(self.as_ptr()) };
        // SAFETY: R11: the name is NUL-terminated and the command's own.
        (!name.is_null()).then(|| unsafe { CStr::from_ptr(name) })?.to_str().ok()
    }

    /// The client's id. `u64::MAX` while the AOF is loaded; commands that a module or a script runs have
    /// ids that belong to no connection.
    pub fn client_id(&self) -> u64 {
        let get = required!(RedisModule_GetClientId);
        // SAFETY: R11: the context of a command.
        unsafe { get(self.as_ptr()) }
    }

    /// The name of the connection's user. `None` for what has no connection of its own or no user: scripts,
    /// other modules' calls, the AOF, the primary.
    pub fn user_name(&self) -> Option<RedisString> {
        let get = required!(RedisModule_GetClientUserNameById);
        // SAFETY: R11: the context of a command; unlike RM_GetCurrentUserName this copes with no user.
        let name = unsafe { get(self.as_ptr(), self.client_id()) };
        // SAFETY: R5: a string of ours: contexts of this crate have no automatic memory.
        unsafe { RedisString::from_raw(name) }
    }

    /// Hides an argument from SLOWLOG and MONITOR: see [`crate::Args::position`]. Positions outside the
    /// arguments hide nothing. Take the argument first: on Valkey 8.1 the cursor sees what hides it.
    pub fn redact(&self, position: usize) {
        let redact = required!(RedisModule_RedactClientCommandArgument);
        if let Ok(position) = c_int::try_from(position) {
            // SAFETY: R11: the context of a command; the server checks the position.
            unsafe { redact(self.as_ptr(), position) };
        }
    }
}
