//! Calls whose arguments are strings of the server's.

use std::ffi::CStr;

use super::{CallError, CallFlags, CallReply, clear_errno};
use crate::api::required;
use crate::context::WriteContext;
use crate::module::Calling;
use crate::string::RedisStr;

impl WriteContext<'_> {
    /// As [`WriteContext::call`], with strings of the server's, such as a command's own arguments, which are shared
    /// instead of copied. A command that stores such a string keeps a second reference to it, and so stores no
    /// number as a number: for `SET` and its like pass buffers.
    pub fn call_strings(
        &self,
        name: &CStr,
        flags: CallFlags,
        args: &[RedisStr<'_>],
    ) -> Result<CallReply<'_>, CallError> {
        self.may_call(name, flags, args.first().map(|first| first.as_bytes()))?;
        let sent = if flags.are_delicate() { flags.for_this_server()? } else { flags };
        let call = required!(RedisModule_Call);
        let format = sent.vector_format();
        let _calling = Calling::begin();
        clear_errno();
        // SAFETY: R15: "v" reads a vector of live strings and its length.
        let reply = unsafe {
            call(self.as_ptr(), name.as_ptr(), format.as_ptr(), RedisStr::pointers(args), args.len())
        };
        // SAFETY: R16: a reply of this context, owned from here on.
        let reply = unsafe { CallReply::from_call(reply, flags) }?;
        if flags.are_delicate() { reply.of_delicate_call(flags, sent) } else { Ok(reply) }
    }
}
