//! Scripts that a module runs.
//!
//! A script that has run for `busy-reply-threshold` lets the server work in between (`scriptInterrupt`, script.c), which
//! shields the script's own client from that. Run by a module, that is the temporary client of the call: the real one,
//! whose command is running, may be read from and freed. So no time is set for the call, and the script is not
//! interrupted, however long it takes.

use super::{CallError, CallFlags, CallReply};
use crate::context::WriteContext;
use crate::filter;
use crate::reply::Reply;

const THRESHOLD: &[u8] = b"busy-reply-threshold";

/// While this exists, scripts are not interrupted.
pub(super) struct Unbroken<'c, 'cx> {
    ctx: &'c WriteContext<'cx>,
    /// What the setting was; `None` if there is nothing to put back.
    was: Option<Vec<u8>>,
}

impl<'c, 'cx> Unbroken<'c, 'cx> {
    /// Sets no time. Where CONFIG is out of reach scripts are refused.
    #[cold]
    pub(super) fn begin(ctx: &'c WriteContext<'cx>) -> Result<Self, CallError> {
        let was = threshold(ctx).ok_or(CallError::NotForModules)?;
        if was == b"0" {
            return Ok(Self { ctx, was: None });
        }
        config(ctx, &[b"SET", THRESHOLD, b"0"])?;
        Ok(Self { ctx, was: Some(was) })
    }
}

impl Drop for Unbroken<'_, '_> {
    fn drop(&mut self) {
        if let Some(was) = &self.was {
            // The server gave it, so it takes it.
            let _ = config(self.ctx, &[b"SET", THRESHOLD, was]);
        }
    }
}

fn threshold(ctx: &WriteContext<'_>) -> Option<Vec<u8>> {
    let Ok(Reply::Array(mut pair)) = config(ctx, &[b"GET", THRESHOLD]) else { return None };
    let Some(Reply::Bulk(milliseconds)) = pair.pop() else { return None };
    Some(milliseconds)
}

fn config(ctx: &WriteContext<'_>, args: &[&[u8]]) -> Result<Reply, CallError> {
    let flags = CallFlags::empty();
    let reply = filter::suspended(ctx, || ctx.call_raw(c"CONFIG", flags, args));
    // SAFETY: R16: a reply of this context, owned from here on.
    Ok(unsafe { CallReply::from_call(reply, flags) }?.to_reply())
}
