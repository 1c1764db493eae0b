//! The reply that a promise's handler gets lives no longer than the handler.
use std::cell::RefCell;
use std::rc::Rc;

use redis_context::{CallError, CallFlags, CallReply, WriteContext};

fn call(ctx: &WriteContext<'_>) -> Result<(), CallError> {
    let kept: Rc<RefCell<Option<CallReply<'static>>>> = Rc::default();
    ctx.call_promise(c"BLPOP", CallFlags::empty(), &[b"k", b"0"], move |_, reply| {
        *kept.borrow_mut() = reply.ok();
    })
    .map(drop)
}

fn main() {
    let _ = call;
}
