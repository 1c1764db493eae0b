//! The functions that the server calls for a command.

use std::ffi::c_int;
use std::marker::PhantomData;
use std::ptr::NonNull;

use redis_module::raw;

use crate::args::Args;
use crate::context::CommandContext;
use crate::guard::guard;
use crate::log::LogLevel;
use crate::outcome::{ErrorReply, Outcome, OutcomeKind};
use crate::reply::{self, Reply};

/// What runs a command. The public methods ask for the plain `Fn`, so that closures need no types.
pub(super) trait Handler: Copy + 'static {
    fn run<'cx>(&self, ctx: &CommandContext<'cx>, args: Args<'cx>) -> Result<Outcome, ErrorReply>;
}

/// A function and the types it returns.
pub(super) struct Returning<F, R, E>(F, PhantomData<fn() -> (R, E)>);

impl<F: Copy, R, E> Clone for Returning<F, R, E> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<F: Copy, R, E> Copy for Returning<F, R, E> {}

impl<F, R, E> Returning<F, R, E> {
    pub(super) fn new(function: F) -> Self {
        Self(function, PhantomData)
    }
}

impl<F, R, E> Handler for Returning<F, R, E>
where
    F: for<'cx> Fn(&CommandContext<'cx>, Args<'cx>) -> Result<R, E> + Copy + 'static,
    R: Into<Outcome> + 'static,
    E: Into<ErrorReply> + 'static,
{
    #[inline]
    fn run<'cx>(&self, ctx: &CommandContext<'cx>, args: Args<'cx>) -> Result<Outcome, ErrorReply> {
        (self.0)(ctx, args).map(Into::into).map_err(Into::into)
    }
}

/// A value of a type without bytes, which therefore is the same everywhere.
///
/// # Safety
/// A value of `F` has existed and was never dropped.
pub(super) unsafe fn conjure<F: Copy + 'static>() -> &'static F {
    const { assert!(size_of::<F>() == 0, "a handler captures nothing: keep its state in a MainCell") };
    // SAFETY: R13: a reference to a value of no bytes needs only to be aligned.
    unsafe { NonNull::<F>::dangling().as_ref() }
}

/// The server's entry to a handler. `SKIP` words name the command.
pub(super) fn entry<H: Handler, const SKIP: usize>(_handler: H) -> raw::RedisModuleCmdFunc {
    const { assert!(size_of::<H>() == 0, "a handler captures nothing: keep its state in a MainCell") };
    Some(trampoline::<H, SKIP>)
}

unsafe extern "C" fn trampoline<H: Handler, const SKIP: usize>(
    ctx: *mut raw::RedisModuleCtx,
    argv: *mut *mut raw::RedisModuleString,
    argc: c_int,
) -> c_int {
    // SAFETY: R13: `entry` was given a value of H, which is Copy.
    unsafe { dispatch::<H>(ctx, argv, argc, SKIP, conjure::<H>()) }
}

/// Runs a handler behind the guard and sends the one reply.
///
/// # Safety
/// The arguments are what the server passes to a command.
#[inline]
pub(super) unsafe fn dispatch<H: Handler>(
    ctx: *mut raw::RedisModuleCtx,
    argv: *mut *mut raw::RedisModuleString,
    argc: c_int,
    skip: usize,
    handler: &H,
) -> c_int {
    // SAFETY: R11: the context of a command, on the main thread.
    let ctx = unsafe { CommandContext::from_raw(ctx) };
    // SAFETY: R11: the arguments stay until the command has returned.
    let args = unsafe { Args::of_command(argv, argc, skip) };
    match guard("a command", panicked, || handler.run(&ctx, args)) {
        Ok(Outcome(OutcomeKind::Answered)) if ctx.is_answer_started() => {}
        Ok(Outcome(OutcomeKind::Answered)) => answer(&ctx, Reply::Error(unanswered())),
        Ok(Outcome(OutcomeKind::Reply(reply))) => answer(&ctx, reply),
        Err(error) => answer(&ctx, Reply::Error(error)),
    }
    raw::REDISMODULE_OK as c_int
}

#[cold]
fn panicked() -> Result<Outcome, ErrorReply> {
    Err(ErrorReply::err("internal error: the command failed, see the server's log"))
}

#[cold]
fn unanswered() -> ErrorReply {
    ErrorReply::err("internal error: the command did not answer")
}

/// Sends what the handler returned, unless it has begun its answer by itself.
fn answer(ctx: &CommandContext<'_>, reply: Reply) {
    let send = || match (&reply, ctx.is_answer_started()) {
        // SAFETY: R8: the command owes a reply and none was begun.
        (reply, false) => unsafe { reply::send(ctx, reply) },
        (Reply::Error(error), true) => ctx.log_fmt(
            LogLevel::Warning,
            format_args!("a command failed after its answer had begun: {}", error.message),
        ),
        (_, true) => ctx.log(LogLevel::Warning, "a command returned a reply after its answer had begun"),
    };
    guard("a command's reply", || (), send);
}
