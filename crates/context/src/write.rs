//! Whether the module may write now, on its own account: in a timer, a posted job or an event.

use redis_module::raw;

use crate::api::required;
use crate::context::{Context, EventContext, TimerContext, WriteContext};
use crate::events;

/// Why the module may not write at this moment. Nothing is lost by asking again later: each of these ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum NotNow {
    /// Replicas must be left alone: CLIENT PAUSE, a failover, or a shutdown that waits for a replica. A
    /// server that has an AOF, a replica or a backlog aborts when it is written to now. No event tells
    /// the end: look again by a timer.
    #[error("writes are paused")]
    Paused,
    /// A snapshot or an AOF is being loaded. Ask again after the `Loading` event says it ended.
    #[error("the server is loading its data")]
    Loading,
    /// This server is a replica: what is written here diverges from its primary. Ask again after the
    /// `ReplicationRole` event.
    #[error("this server is a replica")]
    Replica,
    /// A script or a transaction runs, or the server serves other clients in the middle of one: the write
    /// would become part of it.
    #[error("a script or a transaction is running")]
    Nested,
    /// The event is fired in the middle of something else. Only `EventLoop` and `CronLoop` allow
    /// writes; post a job from the others.
    #[error("this event does not allow writes")]
    ThisEvent,
    /// This is a forked child, whose writes nobody sees.
    #[error("this is a forked child")]
    Child,
}

impl<'cx> TimerContext<'cx> {
    /// A context that writes, if the server can be written to now. Ask before each unit of work and keep it
    /// no longer: all that is written with "!" through one callback's context is propagated as one
    /// transaction when the callback returns.
    ///
    /// # Errors
    /// [`NotNow`] says what to wait for.
    pub fn may_write_now(&self) -> Result<WriteContext<'cx>, NotNow> {
        may_write(self)
    }
}

impl<'cx> EventContext<'cx> {
    /// As [`TimerContext::may_write_now`]. Of the events only `EventLoop` and `CronLoop` allow
    /// writes; `EventLoop`'s `AfterSleep` is the one where a slice of work belongs: it never fires inside a
    /// busy script or a load, and what is written in it becomes one unit, with the replies and the AOF
    /// flush of the same turn after it.
    ///
    /// # Errors
    /// [`NotNow`] says what to wait for.
    pub fn may_write_now(&self) -> Result<WriteContext<'cx>, NotNow> {
        if !events::current_allows_writes(self) {
            return Err(NotNow::ThisEvent);
        }
        may_write(self)
    }
}

impl Context<'_> {
    /// Whether replicas must be left alone now, and so nothing may be written that no client asked for: see
    /// [`NotNow::Paused`].
    pub fn writes_are_paused(&self) -> bool {
        let avoid = required!(RedisModule_AvoidReplicaTraffic);
        // SAFETY: R2: it takes nothing; on the main thread it ends a pause whose time is over.
        unsafe { avoid() != 0 }
    }
}

/// Says what keeps the server from being written to now.
pub(crate) fn refuse_to_write(ctx: &Context<'_>) -> Result<(), NotNow> {
    let flags = required!(RedisModule_GetContextFlags);
    // SAFETY: R11: a live context; the server only reads its own state.
    refusal(unsafe { flags(ctx.as_ptr()) }.cast_unsigned())?;
    if ctx.writes_are_paused() { Err(NotNow::Paused) } else { Ok(()) }
}

pub(crate) fn may_write<'cx>(ctx: &Context<'_>) -> Result<WriteContext<'cx>, NotNow> {
    refuse_to_write(ctx)?;
    // SAFETY: R11: the same callback, which was found to be one that may write.
    Ok(unsafe { WriteContext::from_raw(ctx.as_ptr()) })
}

/// Reads `RM_GetContextFlags`, whose bits are the same in both families.
fn refusal(flags: u32) -> Result<(), NotNow> {
    let any = |bits: u32| flags & bits != 0;
    if any(raw::REDISMODULE_CTX_FLAGS_IS_CHILD) {
        Err(NotNow::Child)
    } else if any(raw::REDISMODULE_CTX_FLAGS_LOADING | raw::REDISMODULE_CTX_FLAGS_ASYNC_LOADING) {
        Err(NotNow::Loading)
    } else if any(raw::REDISMODULE_CTX_FLAGS_SLAVE) {
        Err(NotNow::Replica)
    } else if any(raw::REDISMODULE_CTX_FLAGS_LUA | raw::REDISMODULE_CTX_FLAGS_MULTI) {
        Err(NotNow::Nested)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_flag_refuses_for_its_own_reason() {
        let cases = [
            (raw::REDISMODULE_CTX_FLAGS_IS_CHILD, NotNow::Child),
            (raw::REDISMODULE_CTX_FLAGS_LOADING, NotNow::Loading),
            (raw::REDISMODULE_CTX_FLAGS_ASYNC_LOADING, NotNow::Loading),
            (raw::REDISMODULE_CTX_FLAGS_SLAVE, NotNow::Replica),
            (raw::REDISMODULE_CTX_FLAGS_LUA, NotNow::Nested),
            (raw::REDISMODULE_CTX_FLAGS_MULTI, NotNow::Nested),
        ];
        for (flag, reason) in cases {
            assert_eq!(refusal(flag | raw::REDISMODULE_CTX_FLAGS_AOF), Err(reason));
        }
        assert_eq!(refusal(raw::REDISMODULE_CTX_FLAGS_MASTER | raw::REDISMODULE_CTX_FLAGS_AOF), Ok(()));
    }
}
