//! Slots: which one a key is in, which ones live here, and what a module may do while they move.

use std::ffi::{CStr, c_int, c_uint};
use std::marker::PhantomData;
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicUsize, Ordering};

use redis_module::raw;

use super::Cluster;
use crate::api::{api, required};
use crate::context::Context;
use crate::detached;
use crate::error::Error;
use crate::events::slot_ranges;
use crate::key::STRING_BYTES_MAX;
use crate::module::Pin;
use crate::string::{RedisStr, RedisString};

/// How many slots a cluster has.
pub const CLUSTER_SLOTS: u16 = 16_384;

pub(super) fn checked(slot: u16) -> Result<u16, Error> {
    let invalid = Error::Invalid { what: "the slot", reason: "it is from 0 to 16383" };
    if slot < CLUSTER_SLOTS { Ok(slot) } else { Err(invalid) }
}

impl Context<'_> {
    /// The slot of a key, as CLUSTER KEYSLOT says it, in cluster mode or not.
    ///
    /// # Errors
    /// [`Error::Unsupported`] on Redis 7.0 and 7.2.
    pub fn key_slot(&self, key: RedisStr<'_>) -> Result<u16, Error> {
        let slot_of = api!(RedisModule_ClusterKeySlot, "Redis 7.4 and Valkey 8.0")?;
        // SAFETY: R58: a live string, which the server reads.
        Ok(unsafe { slot_of(key.as_ptr()) } as u16)
    }

    /// As [`Context::key_slot`], for bytes. They are copied where the server can only tell it of a string of its own
    /// (before Redis 8.4 and Valkey 9.0).
    ///
    /// # Errors
    /// As there, and [`Error::Invalid`] above 512 MB.
    pub fn key_slot_of(&self, key: &[u8]) -> Result<u16, Error> {
        if key.len() > STRING_BYTES_MAX {
            return Err(Error::Invalid { what: "the key", reason: "at most 512 MB" });
        }
        match api!(RedisModule_ClusterKeySlotC, "Redis 8.4 and Valkey 9.0") {
            // SAFETY: R58: so many bytes, which the server reads.
            Ok(slot_of) => Ok(unsafe { slot_of(key.as_ptr().cast(), key.len()) } as u16),
            Err(_) => self.key_slot(RedisString::new(key).as_redis_str()),
        }
    }

    /// A short name that is in this slot: a key, or a hash tag for other keys (`{tag}rest`).
    ///
    /// # Errors
    /// [`Error::Unsupported`] on Redis 7.0 and 7.2, [`Error::Invalid`] for a slot that does not exist.
    pub fn canonical_key_in_slot(&self, slot: u16) -> Result<&'static [u8], Error> {
        let name = api!(RedisModule_ClusterCanonicalKeyNameInSlot, "Redis 7.4 and Valkey 8.0")?;
        let slot = checked(slot)?;
        // SAFETY: R58: a number in range: an entry of a constant table.
        let name = unsafe { name(c_uint::from(slot)) };
        if name.is_null() {
            return Err(Error::Refused {
                function: "RedisModule_ClusterCanonicalKeyNameInSlot",
                reason: "the server has no name for the slot",
            });
        }
        // SAFETY: R58: a C string of the server's program.
        Ok(unsafe { CStr::from_ptr(name) }.to_bytes())
    }
}

impl Cluster<'_> {
    /// The slots of this node, those of its primary on a replica.
    ///
    /// # Errors
    /// [`Error::Unsupported`] before Redis 8.4 and on Valkey.
    pub fn local_slots(&self) -> Result<Vec<RangeInclusive<u16>>, Error> {
        let get = api!(RedisModule_ClusterGetLocalSlotRanges, "Redis 8.4")?;
        let free = api!(RedisModule_ClusterFreeSlotRanges, "Redis 8.4")?;
        // SAFETY: R58: a live context.
        let slots = unsafe { get(self.ctx.as_ptr()) };
        // SAFETY: R58: NULL or an array that stays until it is freed.
        let ranges = unsafe { slot_ranges(slots) }.iter().collect();
        if !slots.is_null() {
            // SAFETY: R58: freed once, with the context it was made with.
            unsafe { free(self.ctx.as_ptr(), slots) };
        }
        Ok(ranges)
    }

    /// Keeps the server from trimming the keys of slots that have moved away, until the guard is dropped: a module
    /// that still answers from them needs them a little longer. The place for it is the event that says that they
    /// moved ([`crate::events::ClusterSlotMigrationEvent::MigrateCompleted`]), for meanwhile no further slots move, in or
    /// out. A module that holds a guard can't be unloaded.
    ///
    /// # Errors
    /// [`Error::Unsupported`] before Redis 8.4 and on Valkey.
    pub fn pause_trimming(&self) -> Result<TrimPause, Error> {
        let disable = api!(RedisModule_ClusterDisableTrim, "Redis 8.4")?;
        api!(RedisModule_ClusterEnableTrim, "Redis 8.4")?;
        detached::prepare(&self.ctx);
        // SAFETY: R58: a live context; the server counts.
        let status = unsafe { disable(self.ctx.as_ptr()) };
        if status != raw::REDISMODULE_OK as c_int {
            return Err(Error::Refused {
                function: "RedisModule_ClusterDisableTrim",
                reason: "no reason is given",
            });
        }
        PAUSES.fetch_add(1, Ordering::Relaxed);
        Ok(TrimPause { _pin: Pin::new(), _main_thread: PhantomData })
    }
}

/// How many guards there are: the server counts them too, and a count that is left behind stops trimming for good.
static PAUSES: AtomicUsize = AtomicUsize::new(0);

/// Moved slots are not trimmed while this lives. From [`Cluster::pause_trimming`].
#[must_use = "dropping it lets the server trim"]
pub struct TrimPause {
    _pin: Pin,
    _main_thread: PhantomData<*const ()>,
}

impl Drop for TrimPause {
    fn drop(&mut self) {
        let left = PAUSES.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        if left.is_ok() {
            // SAFETY: R58: the guard can't leave the main thread.
            unsafe { detached::with(enable) };
        }
    }
}

fn enable(ctx: &Context<'_>) {
    if let Ok(enable) = api!(RedisModule_ClusterEnableTrim, "Redis 8.4") {
        // SAFETY: R58: a live context; once for each guard.
        unsafe { enable(ctx.as_ptr()) };
    }
}

/// Gives back what a load that failed has left behind in statics.
pub(crate) fn abandon(ctx: &Context<'_>) {
    for _ in 0..PAUSES.swap(0, Ordering::Relaxed) {
        enable(ctx);
    }
}

/// Hands commands to the node that imports slots, in the one event in which that is allowed
/// ([`crate::events::ClusterSlotMigrationEvent::MigratePropagate`]).
pub struct SlotPropagator<'e> {
    ctx: Context<'e>,
}

impl<'e> SlotPropagator<'e> {
    /// # Safety
    /// `ctx` is the context of that event, for all of `'e`.
    pub(crate) unsafe fn new(ctx: &'e Context<'_>) -> Self {
        // SAFETY: R11: the same callback.
        Self { ctx: unsafe { Context::from_raw(ctx.as_ptr()) } }
    }

    /// Has the importing node run a command before it gets the slots' keys. Its keys, if it has any, are in the slots
    /// that move.
    ///
    /// # Errors
    /// [`Error::Refused`] says why: no such command, too few or too many arguments, keys of several slots or of
    /// slots that stay.
    pub fn propagate(&self, name: &CStr, args: &[&[u8]]) -> Result<(), Error> {
        let propagate = api!(RedisModule_ClusterPropagateForSlotMigration, "Redis 8.4")?;
        let strings: Vec<RedisString> = args.iter().map(|arg| RedisString::new(arg)).collect();
        self.check_arity(name, &strings)?;
        let mut argv: Vec<*mut raw::RedisModuleString> = strings.iter().map(RedisString::as_ptr).collect();
        let (ctx, format) = (self.ctx.as_ptr(), c"v".as_ptr());
        // SAFETY: R15: "v" reads a vector of live strings and its length.
        let status = unsafe { propagate(ctx, name.as_ptr(), format, argv.as_mut_ptr(), argv.len()) };
        if status == raw::REDISMODULE_OK as c_int { Ok(()) } else { Err(refusal(errno())) }
    }

    /// Where the keys are found is left to each command, and some look beyond the end of too few arguments.
    fn check_arity(&self, name: &CStr, args: &[RedisString]) -> Result<(), Error> {
        let keys_of = required!(RedisModule_GetCommandKeysWithFlags);
        let free = required!(RedisModule_Free);
        let name = RedisString::new(name.to_bytes());
        let mut argv: Vec<*mut raw::RedisModuleString> =
            std::iter::once(&name).chain(args).map(RedisString::as_ptr).collect();
        let count = c_int::try_from(argv.len()).unwrap_or(c_int::MAX);
        let mut keys = 0;
        let (ctx, flags) = (self.ctx.as_ptr(), std::ptr::null_mut());
        // SAFETY: R58: live strings and their number; the flags are not asked for.
        let positions = unsafe { keys_of(ctx, argv.as_mut_ptr(), count, &raw mut keys, flags) };
        if !positions.is_null() {
            // SAFETY: R9: the array is the caller's.
            unsafe { free(positions.cast()) };
            return Ok(());
        }
        match errno() {
            // A command without keys: nobody looks for any.
            0 => Ok(()),
            errno => Err(refusal(errno)),
        }
    }
}

fn errno() -> c_int {
    std::io::Error::last_os_error().raw_os_error().unwrap_or(0)
}

fn refusal(errno: c_int) -> Error {
    let reason = match errno {
        libc::ENOENT => "there is no such command",
        libc::EINVAL => "the command takes another number of arguments",
        libc::ENOTSUP => "its keys are in several slots",
        libc::ERANGE => "its keys are not in the slots that move",
        libc::EBADF => "no slots are being moved",
        _ => "no reason is given",
    };
    Error::Refused { function: "RedisModule_ClusterPropagateForSlotMigration", reason }
}
