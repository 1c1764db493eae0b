//! Calls whose arguments are strings of the server's.

use std::ffi::CStr;

use redis_module::raw;

use super::manner::Manner;
use super::{CallError, CallFlags, CallReply, clear_errno};
use crate::api::required;
use crate::context::WriteContext;
use crate::module::Calling;
use crate::string::RedisStr;

impl WriteContext<'_> {
    /// As [`WriteContext::call`], with strings of the server's, such as a command's own arguments, which are shared
    /// instead of copied. A command that stores such a string keeps a second reference to it, and so stores no
    /// number as a number: for `SET` and its like pass buffers.
    #[inline]
    pub fn call_strings(
        &self,
        name: &CStr,
        flags: CallFlags,
        args: &[RedisStr<'_>],
    ) -> Result<CallReply<'_>, CallError> {
        let manner = self.may_call(name, flags, || args.first().map(RedisStr::as_bytes))?;
        if manner != Manner::Plain || flags.are_delicate() {
            return self.call_strings_delicately(name, flags, args, manner);
        }
        // SAFETY: R16: a reply of this context, owned from here on.
        unsafe { CallReply::from_call(self.call_strings_raw(name, flags, args), flags) }
    }

    /// Not in the plain manner, or with flags that not every server copes with.
    #[cold]
    fn call_strings_delicately(
        &self,
        name: &CStr,
        flags: CallFlags,
        args: &[RedisStr<'_>],
        manner: Manner,
    ) -> Result<CallReply<'_>, CallError> {
        let _held = manner.begin(self)?;
        let sent = flags.for_this_server()?;
        let reply = self.call_strings_raw(name, manner.flags(sent), args);
        // SAFETY: R16: a reply of this context, owned from here on.
        let reply = unsafe { CallReply::from_call(reply, flags) };
        reply.map_err(|error| manner.error(error))?.of_delicate_call(flags, sent)
    }

    /// A few strings are passed one by one: for a vector the server allocates its list of arguments twice
    /// (moduleCreateArgvFromUserFormat, module.c).
    #[inline]
    fn call_strings_raw(
        &self,
        name: &CStr,
        flags: CallFlags,
        args: &[RedisStr<'_>],
    ) -> *mut raw::RedisModuleCallReply {
        let call = required!(RedisModule_Call);
        let (ctx, name, format) = (self.as_ptr(), name.as_ptr(), flags.strings_format(args.len()));
        let format = format.as_ptr();
        let _calling = Calling::begin();
        clear_errno();
        // SAFETY: R15: each "s" of the format reads one live string.
        unsafe {
            match args {
                [] => call(ctx, name, format),
                [a] => call(ctx, name, format, a.as_ptr()),
                [a, b] => call(ctx, name, format, a.as_ptr(), b.as_ptr()),
                [a, b, c] => call(ctx, name, format, a.as_ptr(), b.as_ptr(), c.as_ptr()),
                _ => {
                    let (pointers, format) = (RedisStr::pointers(args), flags.vector_format());
                    call(ctx, name, format.as_ptr(), pointers, args.len())
                }
            }
        }
    }
}
