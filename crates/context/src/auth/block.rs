//! Authentication that takes its time.

use std::any::Any;
use std::collections::BTreeMap;
use std::ffi::{c_int, c_void};
use std::marker::PhantomData;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redis_module::raw;

use super::handler::{AuthContext, HANDLED, Verdict, panicked, settle};
use crate::api::{api, required};
use crate::cell::MainCell;
use crate::context::Context;
use crate::error::Error;
use crate::guard::guard;
use crate::outcome::ErrorReply;
use crate::state::ContextFlags;

/// The proof that an AUTH is decided later, which the handler returns.
#[must_use = "return it from the handler"]
pub struct BlockedAuth(PhantomData<*const ()>);

type Decide = Box<dyn for<'cx> FnOnce(&Context<'cx>, Box<dyn Any + Send>) -> Result<Verdict, ErrorReply>>;

/// An AUTH that waits.
struct Waiting {
    client: u64,
    decide: Decide,
    is_decided: Arc<AtomicBool>,
}

/// The AUTHs that wait, by the number the server was given for each.
static WAITING: MainCell<(usize, BTreeMap<usize, Waiting>)> = MainCell::new((0, BTreeMap::new()));

/// What threads have found out, by the same numbers.
static FINDINGS: Mutex<BTreeMap<usize, Box<dyn Any + Send>>> = Mutex::new(BTreeMap::new());

impl AuthContext<'_> {
    /// Keeps the client waiting until the [`AuthUnblocker`] is given what a thread has found out; `decide` makes the
    /// verdict of it, on the main thread. An unblocker that is dropped denies, and so does a panic. There is no
    /// time-out: the thread sees to it.
    ///
    /// # Errors
    /// [`Error::BlockingDenied`] while a script or a transaction runs; [`Error::AlreadyAnswered`] if the client is
    /// blocked.
    pub fn block<T: Send + 'static>(
        &self,
        decide: impl for<'cx> FnOnce(&Context<'cx>, T) -> Result<Verdict, ErrorReply> + 'static,
    ) -> Result<(BlockedAuth, AuthUnblocker<T>), Error> {
        let block = api!(RedisModule_BlockClientOnAuth, "Redis 7.2 and Valkey 7.2")?;
        if self.blocked.get() {
            return Err(Error::AlreadyAnswered);
        }
        if self.flags().intersects(ContextFlags::NO_BLOCKING) {
            return Err(Error::BlockingDenied);
        }
        let is_decided = Arc::new(AtomicBool::new(false));
        let decide: Decide = Box::new(|ctx, finding| match finding.downcast::<T>() {
            Ok(finding) => decide(ctx, *finding),
            Err(_) => Err(ErrorReply::err("the module gave this request up")),
        });
        let client = self.client_id();
        let number = wait(self, Waiting { client, decide, is_decided: Arc::clone(&is_decided) })?;
        // SAFETY: R47: the context of a handler of AUTH, whose client is not blocked.
        let handle = unsafe { block(self.as_ptr(), Some(replied), Some(freed)) };
        let Some(handle) = NonNull::new(handle) else {
            WAITING.borrow_mut(self).1.remove(&number);
            return Err(Error::BlockingDenied);
        };
        self.blocked.set(true);
        let unblocker = AuthUnblocker { handle, number, is_decided, finding: None };
        Ok((BlockedAuth(PhantomData), unblocker))
    }
}

fn wait(ctx: &Context<'_>, waiting: Waiting) -> Result<usize, Error> {
    let mut all = WAITING.try_borrow_mut(ctx)?;
    // The server forgets those that leave between the decision and the reply, without a word (networking.c,
    // freeClient).
    all.1.retain(|number, waiting| {
        let is_lost = waiting.is_decided.load(Ordering::Acquire)
            && ctx.client_info_of(waiting.client, |_| ()).is_none();
        if is_lost {
            findings().remove(number);
        }
        !is_lost
    });
    all.0 += 1;
    let number = all.0;
    all.1.insert(number, waiting);
    Ok(number)
}

/// Nothing runs under the lock that could panic, other than an allocation.
fn findings() -> MutexGuard<'static, BTreeMap<usize, Box<dyn Any + Send>>> {
    FINDINGS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Ends the wait of one AUTH, once, from any thread. Dropping it denies.
#[must_use = "dropping it denies"]
pub struct AuthUnblocker<T: Send + 'static> {
    handle: NonNull<raw::RedisModuleBlockedClient>,
    number: usize,
    is_decided: Arc<AtomicBool>,
    finding: Option<T>,
}

// SAFETY: R28: RM_UnblockClient may be called from any thread; the finding is `Send`.
unsafe impl<T: Send + 'static> Send for AuthUnblocker<T> {}
// SAFETY: R28: a shared reference reaches nothing.
unsafe impl<T: Send + 'static> Sync for AuthUnblocker<T> {}

impl<T: Send + 'static> AuthUnblocker<T> {
    /// Ends the wait: the client gets what `decide` makes of `finding`.
    pub fn unblock(mut self, finding: T) {
        self.finding = Some(finding);
    }
}

impl<T: Send + 'static> Drop for AuthUnblocker<T> {
    fn drop(&mut self) {
        // What is no `T` tells `decide` that the unblocker was dropped.
        let finding: Box<dyn Any + Send> = match self.finding.take() {
            Some(finding) => Box::new(finding),
            None => Box::new(GivenUp),
        };
        findings().insert(self.number, finding);
        self.is_decided.store(true, Ordering::Release);
        let unblock = required!(RedisModule_UnblockClient);
        let data = ptr::without_provenance_mut::<c_void>(self.number);
        // SAFETY: R28: the handle is live until it is unblocked, which happens here only, once.
        unsafe { unblock(self.handle.as_ptr(), data) };
    }
}

struct GivenUp;

unsafe extern "C" fn replied(
    ctx: *mut raw::RedisModuleCtx,
    _user: *mut raw::RedisModuleString,
    _password: *mut raw::RedisModuleString,
    error: *mut *mut raw::RedisModuleString,
) -> c_int {
    guard(
        "the end of an AUTH",
        || HANDLED,
        || {
            // SAFETY: R47: the context of this callback.
            let ctx = unsafe { Context::from_raw(ctx) };
            let data = required!(RedisModule_GetBlockedClientPrivateData);
            // SAFETY: R28: the number that the unblocker passed.
            let number = unsafe { data(ctx.as_ptr()) }.addr();
            let waiting = WAITING.borrow_mut(&ctx).1.remove(&number);
            let finding = findings().remove(&number);
            let verdict = guard("the decision on an AUTH", panicked, || match (waiting, finding) {
                (Some(waiting), Some(finding)) => (waiting.decide)(&ctx, finding),
                _ => Ok(Verdict::Denied),
            });
            // SAFETY: R47: where the server looks for the error's text.
            unsafe { settle(&ctx, verdict, error) }
        },
    )
}

/// Called once for each unblocking, with the client still there or not: the context only serves as a proof.
unsafe extern "C" fn freed(ctx: *mut raw::RedisModuleCtx, data: *mut c_void) {
    guard(
        "the end of an AUTH",
        || (),
        || {
            // SAFETY: R28: the context of this callback.
            let ctx = unsafe { Context::from_raw(ctx) };
            let waiting = WAITING.borrow_mut(&ctx).1.remove(&data.addr());
            let finding = findings().remove(&data.addr());
            drop((waiting, finding));
        },
    );
}
