//! The time in which the server loads its data.
//!
//! It serves clients meanwhile (`processEventsWhileBlocked`, networking.c), and refuses their commands but those that
//! are marked as allowed. What such a command of a module does nobody looks at: a key that it writes, and that the load
//! comes to later, ends the server ("Duplicated key found in RDB file", rdb.c). So clients' commands don't write then.
//! Those of an AOF are the load itself.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::api::required;
use crate::client::is_connection;
use crate::context::Context;
use crate::error::Error;
use crate::events::{self, Loading, LoadingEvent};
use crate::state::ContextFlags;
use crate::write::NotNow;

static UNDER_WAY: AtomicBool = AtomicBool::new(false);

/// Whether a command runs on behalf of a client's command. Its own client is a temporary one.
static MEANWHILE: AtomicBool = AtomicBool::new(false);

/// Has the server tell when it loads.
pub(crate) fn watch(ctx: &Context<'_>) -> Result<(), Error> {
    events::subscribe::<Loading>(ctx, |_, event| match event {
        LoadingEvent::Started(_) => UNDER_WAY.store(true, Ordering::Relaxed),
        LoadingEvent::Ended | LoadingEvent::Failed => UNDER_WAY.store(false, Ordering::Relaxed),
        LoadingEvent::Unknown(_) => (),
    })
}

/// Whether what runs in this context must not write now.
#[inline]
pub(crate) fn forbids_writes(ctx: &Context<'_>) -> bool {
    UNDER_WAY.load(Ordering::Relaxed) && is_of_a_client(ctx)
}

/// What a replica loads beside its data does not meet what clients write (`ASYNC_LOADING`).
#[cold]
fn is_of_a_client(ctx: &Context<'_>) -> bool {
    let flags = ctx.flags();
    let id = required!(RedisModule_GetClientId);
    // SAFETY: R17: every context has a client.
    let is_connection = || is_connection(ctx, unsafe { id(ctx.as_ptr()) });
    let is_beside = flags.contains(ContextFlags::ASYNC_LOADING);
    !is_beside && (MEANWHILE.load(Ordering::Relaxed) || is_connection())
}

/// Refuses a write in the middle of a load.
#[inline]
pub(crate) fn refuse_write(ctx: &Context<'_>) -> Result<(), Error> {
    if forbids_writes(ctx) { Err(Error::NotNow(NotNow::Loading)) } else { Ok(()) }
}

/// While a command runs on behalf of a client's command.
pub(crate) struct Meanwhile(bool);

impl Meanwhile {
    pub(crate) fn begin() -> Self {
        Self(MEANWHILE.swap(true, Ordering::Relaxed))
    }
}

impl Drop for Meanwhile {
    fn drop(&mut self) {
        MEANWHILE.store(self.0, Ordering::Relaxed);
    }
}
