//! Running the server's own commands, and replicating commands as they stand.

mod attributes;
mod error;
mod format;
mod from_reply;
mod manner;
mod promise;
mod refusal;
mod replicate;
mod reply;
mod strings;
mod unbroken;

pub use error::CallError;
pub use format::{ARGS_INLINE_MAX, CallFlags};
pub use from_reply::FromReply;
pub use promise::{Promise, Promised};
pub use replicate::ReplicateFlags;
pub use reply::{CallReply, ReplyList, ReplyPairs, ReplyRef, ReplyView};

use std::ffi::CStr;

use redis_module::raw;

use crate::api::required;
use crate::context::WriteContext;
use crate::key::refuse_while_open;
use crate::loading;
use crate::module::Calling;
use crate::string::RedisString;
use manner::Manner;

/// Passes up to twelve buffers to a variadic function: pointer and length of each.
macro_rules! with_buffers {
    ($function:ident($($fixed:expr),*), $args:expr, else $more:expr) => {
        match $args {
            [] => $function($($fixed),*),
            [a] => with_buffers!(@ $function, ($($fixed),*), a),
            [a, b] => with_buffers!(@ $function, ($($fixed),*), a, b),
            [a, b, c] => with_buffers!(@ $function, ($($fixed),*), a, b, c),
            [a, b, c, d] => with_buffers!(@ $function, ($($fixed),*), a, b, c, d),
            [a, b, c, d, e] => with_buffers!(@ $function, ($($fixed),*), a, b, c, d, e),
            [a, b, c, d, e, f] => with_buffers!(@ $function, ($($fixed),*), a, b, c, d, e, f),
            [a, b, c, d, e, f, g] => with_buffers!(@ $function, ($($fixed),*), a, b, c, d, e, f, g),
            [a, b, c, d, e, f, g, h] => with_buffers!(@ $function, ($($fixed),*), a, b, c, d, e, f, g, h),
            [a, b, c, d, e, f, g, h, i] => {
                with_buffers!(@ $function, ($($fixed),*), a, b, c, d, e, f, g, h, i)
            }
            [a, b, c, d, e, f, g, h, i, j] => {
                with_buffers!(@ $function, ($($fixed),*), a, b, c, d, e, f, g, h, i, j)
            }
            [a, b, c, d, e, f, g, h, i, j, k] => {
                with_buffers!(@ $function, ($($fixed),*), a, b, c, d, e, f, g, h, i, j, k)
            }
            [a, b, c, d, e, f, g, h, i, j, k, l] => {
                with_buffers!(@ $function, ($($fixed),*), a, b, c, d, e, f, g, h, i, j, k, l)
            }
            _ => $more,
        }
    };
    (@ $function:ident, ($($fixed:expr),*), $($arg:ident),+) => {
        $function($($fixed),*, $($arg.as_ptr(), $arg.len()),+)
    };
}

pub(crate) use with_buffers;

impl<'cx> WriteContext<'cx> {
    /// Runs a command of the server's.
    ///
    /// `Ok` is the command's reply, which may be an error reply: see [`CallReply::check`]. `Err` means that
    /// the command did not run.
    ///
    /// Up to [`ARGS_INLINE_MAX`] arguments are passed as plain buffers, which costs no allocation here and
    /// lets the server own its strings (a shared string would keep a second reference, and so integers would
    /// not be stored as integers). More arguments are copied into strings first.
    ///
    /// With [`CallFlags::REPLICATE`] the effects reach the AOF and the replicas, all calls of one callback
    /// as one MULTI..EXEC. SELECT does not outlive the call: see [`crate::Context::select_db`].
    ///
    /// A script (EVAL and its like) is not interrupted and can't be killed, however long it takes: meanwhile
    /// `busy-reply-threshold` is 0, of which listeners to settings hear. Where CONFIG is out of reach scripts are refused.
    ///
    /// RESTORE outside of a client's command (in a timer, an event, a job) trusts its payload: the server ends if it is
    /// corrupt below a right checksum (`isRestoreContext`, rdb.c).
    #[inline]
    pub fn call(&self, name: &CStr, flags: CallFlags, args: &[&[u8]]) -> Result<CallReply<'_>, CallError> {
        let manner = self.may_call(name, flags, || args.first().copied())?;
        if manner != Manner::Plain || flags.are_delicate() {
            return self.call_delicately(name, flags, args, manner);
        }
        // SAFETY: R16: a reply of this context, owned from here on.
        unsafe { CallReply::from_call(self.call_raw(name, flags, args), flags) }
    }

    /// Whether a command may run now, as far as that is for this crate to say, and how. Few commands are asked for their
    /// first argument.
    #[inline]
    fn may_call<'b>(
        &self,
        name: &CStr,
        flags: CallFlags,
        first: impl Fn() -> Option<&'b [u8]>,
    ) -> Result<Manner, CallError> {
        refuse_while_open().map_err(|_| CallError::KeyIsOpen)?;
        let is_script = refusal::check(self, name, first)?;
        if flags.contains(CallFlags::REPLICATE) {
            self.refuse_while_paused()?;
        }
        Ok(if is_script {
            Manner::Script
        } else if loading::forbids_writes(self) {
            Manner::WithoutWrites
        } else {
            Manner::Plain
        })
    }

    /// Replicating while writes are paused ends the server (propagateNow, server.c).
    #[inline]
    fn refuse_while_paused(&self) -> Result<(), CallError> {
        if self.writes_are_paused() { Err(CallError::WritesPaused) } else { Ok(()) }
    }

    /// Not in the plain manner, or with flags that not every server copes with.
    #[cold]
    fn call_delicately(
        &self,
        name: &CStr,
        flags: CallFlags,
        args: &[&[u8]],
        manner: Manner,
    ) -> Result<CallReply<'_>, CallError> {
        let _held = manner.begin(self)?;
        let sent = flags.for_this_server()?;
        let reply = self.call_raw(name, manner.flags(sent), args);
        // SAFETY: R16: a reply of this context, owned from here on.
        let reply = unsafe { CallReply::from_call(reply, flags) };
        reply.map_err(|error| manner.error(error))?.of_delicate_call(flags, sent)
    }

    #[inline]
    fn call_raw(&self, name: &CStr, flags: CallFlags, args: &[&[u8]]) -> *mut raw::RedisModuleCallReply {
        let call = required!(RedisModule_Call);
        let (ctx, name) = (self.as_ptr(), name.as_ptr());
        let format = flags.format(args.len());
        let _calling = Calling::begin();
        clear_errno();
        // SAFETY: R15: the format names exactly the buffers that follow, which the server copies.
        unsafe { with_buffers!(call(ctx, name, format), args, else self.call_many(name, flags, args)) }
    }

    /// For more arguments than are passed inline.
    #[cold]
    fn call_many(
        &self,
        name: *const std::ffi::c_char,
        flags: CallFlags,
        args: &[&[u8]],
    ) -> *mut raw::RedisModuleCallReply {
        let call = required!(RedisModule_Call);
        let strings: Vec<RedisString> = args.iter().map(|arg| RedisString::new(arg)).collect();
        let mut pointers: Vec<*mut raw::RedisModuleString> =
            strings.iter().map(RedisString::as_ptr).collect();
        let format = flags.vector_format();
        clear_errno();
        // SAFETY: R15: "v" reads a vector of live strings and its length.
        unsafe { call(self.as_ptr(), name, format.as_ptr(), pointers.as_mut_ptr(), pointers.len()) }
    }
}

#[inline]
fn clear_errno() {
    // SAFETY: R2: the thread's own errno.
    unsafe { *libc::__errno_location() = 0 };
}
