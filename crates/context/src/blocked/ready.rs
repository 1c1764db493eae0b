//! Serving a client when a key it waits for is ready, and saying that one is.

use std::ptr;
use std::time::Duration;

use super::keys::Waiting;
use crate::api::required;
use crate::context::{Context, ReadyContext};
use crate::error::Error;
use crate::guard::guard;
use crate::log::LogLevel;
use crate::outcome::{ErrorReply, Outcome, OutcomeKind};
use crate::reply::{self, Reply};
use crate::serving::{Serving, is_serving};
use crate::string::{RedisStr, RedisString};
use crate::timer::Timer;

/// Whether a client that waits for keys was served.
#[must_use]
pub enum Ready {
    /// Its wait is over, with this answer: see [`Ready::serve`].
    Serve(Outcome),
    /// What is there is not enough: it waits on.
    NotYet,
}

impl Ready {
    /// The client's answer: anything a command may answer.
    pub fn serve(answer: impl Into<Outcome>) -> Self {
        Self::Serve(answer.into())
    }
}

impl Context<'_> {
    /// Tells that a key of the selected database is ready, for clients that wait for it by
    /// [`crate::CommandContext::block_on_keys`]: they are served when the current command, or whatever runs, is
    /// done. A key that does not exist wakes those alone that want to hear of deletions.
    ///
    /// The server signals by itself when a list, a sorted set or a stream comes into being, and at each XADD, but not when a
    /// list or a sorted set grows (`dbAdd`, db.c): for that, signal in a listener of keyspace events.
    ///
    /// In an `on_ready` the signal is put off to the next turn of the event loop: a client that signals its own key
    /// and says [`Ready::NotYet`] would keep the server busy for good.
    ///
    /// # Errors
    /// Those of a timer.
    pub fn signal_key_ready<'k>(&self, key: impl Into<RedisStr<'k>>) -> Result<(), Error> {
        let key = key.into();
        if is_serving() {
            return self.signal_later(key.to_owned());
        }
        let signal = required!(RedisModule_SignalKeyAsReady);
        // SAFETY: R44: a context with a client; the server shares the key, if anybody waits for it.
        unsafe { signal(self.as_ptr(), key.as_ptr()) };
        Ok(())
    }

    #[cold]
    fn signal_later(&self, key: RedisString) -> Result<(), Error> {
        let db = self.selected_db();
        let signal = move |ctx: &crate::TimerContext<'_>, key: RedisString| {
            if let Err(error) = ctx.with_db(db, || ctx.signal_key_ready(&key)) {
                ctx.log_fmt(LogLevel::Warning, format_args!("a key was not signalled as ready: {error}"));
            }
        };
        Timer::start(self, Duration::ZERO, key, signal)?.detach();
        Ok(())
    }
}

/// Lets the module try to serve a client; whether it was.
pub(super) fn serve<S: 'static>(
    ctx: &ReadyContext<'_>,
    waiting: &Waiting<S>,
    key: Option<RedisStr<'_>>,
) -> bool {
    let (Some(key), Some(mut on_ready)) = (key, waiting.on_ready.take()) else { return false };
    let Some(mut state) = waiting.state.take() else { return false };
    let panicked = || Err(ErrorReply::err("internal error: the command failed, see the server's log"));
    let result = {
        let _serving = Serving::begin();
        guard("a client that waits for keys", panicked, || on_ready(ctx, key, &mut state))
    };
    let is_served = settle(ctx, result);
    waiting.state.set(Some(state));
    if is_served {
        // The server still thinks that it waits, until this callback has returned and more of the module has run.
        waiting.handle.set(ptr::null_mut());
        drop(waiting.on_disconnect.take());
    }
    waiting.on_ready.set(Some(on_ready));
    is_served
}

/// Sends the answer, if there is one to send.
fn settle(ctx: &ReadyContext<'_>, result: Result<Ready, ErrorReply>) -> bool {
    let reply = match result {
        Ok(Ready::NotYet) if !ctx.is_answer_started() => return false,
        Ok(Ready::Serve(Outcome(OutcomeKind::Reply(reply)))) => Some(reply),
        Ok(Ready::Serve(Outcome(OutcomeKind::Answered)) | Ready::NotYet) => None,
        Err(error) => Some(Reply::Error(error)),
    };
    let unanswered = || Reply::Error(ErrorReply::err("internal error: the command did not answer"));
    match (ctx.is_answer_started(), reply) {
        (true, None) => {}
        (true, Some(_)) => {
            ctx.log(LogLevel::Warning, "a client was given a reply after its answer had begun")
        }
        // SAFETY: R44: the client that is served is owed one reply, and none was begun.
        (false, reply) => unsafe { reply::send(ctx, &reply.unwrap_or_else(unanswered)) },
    }
    true
}
