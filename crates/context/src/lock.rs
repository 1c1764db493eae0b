//! The server's lock, for threads.
//!
//! ```text
//! a thread       lock.run(closure) ----.                      .--> its result
//!                                      v                      |
//! lock thread    [takes the lock, runs the closure, gives the lock back]
//! ```
//!
//! The closures of all threads run on one thread of this crate's, on which the module's code never runs without the
//! lock. So all that holds on the main thread holds there too, whatever a closure does: a [`crate::MainCell`] can be
//! borrowed, a string of the server's can be shared, and neither can be taken out of the lock, not even by way of a
//! thread-local.

use std::ops::Deref;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redis_module::raw;

use crate::api::required;
use crate::cell::MainCell;
use crate::context::{Context, LoadContext, WriteContext};
use crate::error::Error;
use crate::guard::guard;
use crate::life::Life;
use crate::thread;
use crate::write::{NotNow, may_write};

/// Why a closure did not run under the server's lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// The lock is held beneath this very call: on the main thread, in a callback of any kind, in a closure that runs
    /// under the lock. To wait for it here would be to wait for ever. What can be done here can be done without it.
    #[error("the server's lock is held here already")]
    AlreadyHeld,
    /// [`ServerLock::try_run`]: another thread holds the lock, as the main thread does while it works.
    #[error("the server's lock is held by another thread")]
    WouldBlock,
    /// The module whose lock this was is not loaded any more, or again: its load has failed, or was taken back.
    #[error("the module is not loaded any more")]
    ModuleGone,
    /// The closure panicked, which is logged.
    #[error("what ran under the server's lock panicked: see the server's log")]
    Panicked,
}

/// The server's lock: a thread that has started by [`thread::spawn`] can run closures while the server's main thread
/// sleeps or waits. Every other way to the server's data from a thread is [`crate::MainThread::post`].
///
/// A closure runs in between the main thread's turns: never inside a busy script, a load or another module's command,
/// which end first. It holds everything up: keep it short. The lock is unfair: a thread that takes it in a loop starves
/// all clients for seconds, so pause in between. The module can't be unloaded once it has asked for the lock.
///
/// A thread that waits for the lock must not be waited for by a callback: that is a deadlock.
#[derive(Clone)]
pub struct ServerLock {
    shared: Arc<Shared>,
}

struct Shared {
    jobs: Sender<Job>,
    /// Held by the thread whose closure is run.
    turn: Mutex<()>,
}

/// What the lock's thread may do. It replies to nobody; it writes after asking `may_write_now`.
pub struct LockedContext<'cx>(Context<'cx>);

impl<'cx> Deref for LockedContext<'cx> {
    type Target = Context<'cx>;
    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<'cx> LockedContext<'cx> {
    /// As [`crate::TimerContext::may_write_now`]. All that is written with "!" under the lock at one time is propagated
    /// as one transaction when the lock is given back.
    ///
    /// # Errors
    /// [`NotNow`] says what to wait for.
    pub fn may_write_now(&self) -> Result<WriteContext<'cx>, NotNow> {
        may_write(self)
    }
}

type Body<'a> = Box<dyn for<'cx> FnOnce(&LockedContext<'cx>) + Send + 'a>;

struct Job {
    body: Body<'static>,
    how: How,
    /// What became of it. It comes when nothing of `body` is left.
    done: Sender<Result<(), LockError>>,
}

/// How the lock is taken.
#[derive(Clone, Copy)]
enum How {
    Wait,
    Try,
}

static LOCK: MainCell<Option<ServerLock>> = MainCell::new(None);

impl LoadContext<'_> {
    /// The server's lock, for the module's threads. Every call gives the same one.
    ///
    /// # Errors
    /// [`Error::Os`] if the system has no thread to give.
    pub fn server_lock(&self) -> Result<ServerLock, Error> {
        if let Some(lock) = LOCK.try_borrow(self)?.as_ref() {
            return Ok(lock.clone());
        }
        let detach = required!(RedisModule_GetDetachedThreadSafeContext);
        // SAFETY: R27: a live context of this module; the new one is the lock thread's, and is never freed.
        let context = Detached(unsafe { detach(self.as_ptr()) }, Life::now());
        let (jobs, queue) = mpsc::channel();
        let no_thread = |error: std::io::Error| Error::Os {
            call: "pthread_create",
            errno: error.raw_os_error().unwrap_or_default(),
        };
        thread::spawn_beneath("server-lock", move || serve(&context, &queue)).map_err(no_thread)?;
        let lock = ServerLock { shared: Arc::new(Shared { jobs, turn: Mutex::new(()) }) };
        *LOCK.try_borrow_mut(self)? = Some(lock.clone());
        Ok(lock)
    }
}

/// The module goes: its load has failed. The lock's thread ends when the last handle does.
pub(crate) fn abandon(ctx: &Context<'_>) {
    drop(LOCK.take(ctx));
}

impl ServerLock {
    /// Waits for the lock, runs `body` on the lock's thread, and gives its result. What `body` borrows may live on this
    /// thread's stack.
    ///
    /// # Errors
    /// [`LockError::AlreadyHeld`] on any thread that [`thread::spawn`] has not started; [`LockError::Panicked`].
    pub fn run<R: Send>(
        &self,
        body: impl for<'cx> FnOnce(&LockedContext<'cx>) -> R + Send,
    ) -> Result<R, LockError> {
        if !thread::is_ours() {
            return Err(LockError::AlreadyHeld);
        }
        let turn = self.shared.turn.lock().unwrap_or_else(PoisonError::into_inner);
        self.give(turn, How::Wait, body)
    }

    /// As [`ServerLock::run`], but only if the lock is free.
    ///
    /// # Errors
    /// Also [`LockError::WouldBlock`].
    pub fn try_run<R: Send>(
        &self,
        body: impl for<'cx> FnOnce(&LockedContext<'cx>) -> R + Send,
    ) -> Result<R, LockError> {
        if !thread::is_ours() {
            return Err(LockError::AlreadyHeld);
        }
        let turn = match self.shared.turn.try_lock() {
            Ok(turn) => turn,
            Err(std::sync::TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(std::sync::TryLockError::WouldBlock) => return Err(LockError::WouldBlock),
        };
        self.give(turn, How::Try, body)
    }

    fn give<R: Send>(
        &self,
        turn: MutexGuard<'_, ()>,
        how: How,
        body: impl for<'cx> FnOnce(&LockedContext<'cx>) -> R + Send,
    ) -> Result<R, LockError> {
        let mut result = None;
        let slot = &mut result;
        let body: Body<'_> = Box::new(move |ctx| *slot = Some(body(ctx)));
        // SAFETY: R48: this function returns only when the lock's thread has told that nothing of `body` is left.
        let body = unsafe { std::mem::transmute::<Body<'_>, Body<'static>>(body) };
        let (done, outcome) = mpsc::channel();
        let sent = self.shared.jobs.send(Job { body, how, done });
        let outcome = sent.ok().and_then(|()| outcome.recv().ok());
        drop(turn);
        outcome.unwrap_or(Err(LockError::Panicked))?;
        result.ok_or(LockError::Panicked)
    }
}

/// The context of the lock's thread.
struct Detached(*mut raw::RedisModuleCtx, Life);

// SAFETY: R48: the lock's thread alone uses it, while it holds the lock.
unsafe impl Send for Detached {}

/// The lock's thread: runs closures until the last handle is gone.
fn serve(context: &Detached, queue: &Receiver<Job>) {
    while let Ok(Job { body, how, done }) = queue.recv() {
        let outcome = under_the_lock(context, how, body);
        // Whoever waits for it is still there.
        let _ = done.send(outcome);
    }
}

fn under_the_lock(context: &Detached, how: How, body: Body<'_>) -> Result<(), LockError> {
    let held = Held::take(context, how)?;
    // The server has freed what the context says of the module.
    context.1.check("the lock").map_err(|_| LockError::ModuleGone)?;
    // SAFETY: R48: the lock is held by this thread until `held` is dropped, and the context is its own.
    let ctx = LockedContext(unsafe { Context::from_raw(context.0) });
    let run = || {
        // Where the closure before has left it.
        let _ = ctx.select_db(0);
        body(&ctx);
        Ok(())
    };
    let outcome = guard("what runs under the server's lock", || Err(LockError::Panicked), run);
    drop(held);
    outcome
}

/// The server's lock is held by this thread.
struct Held<'a>(&'a Detached);

impl<'a> Held<'a> {
    fn take(context: &'a Detached, how: How) -> Result<Self, LockError> {
        match how {
            How::Wait => {
                let lock = required!(RedisModule_ThreadSafeContextLock);
                // SAFETY: R48: this thread does not hold it, and runs nothing that does.
                unsafe { lock(context.0) };
                Ok(Self(context))
            }
            How::Try => {
                let try_lock = required!(RedisModule_ThreadSafeContextTryLock);
                // SAFETY: R48: as above.
                let status = unsafe { try_lock(context.0) };
                let is_held = status == raw::REDISMODULE_OK as i32;
                if is_held { Ok(Self(context)) } else { Err(LockError::WouldBlock) }
            }
        }
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let unlock = required!(RedisModule_ThreadSafeContextUnlock);
        // SAFETY: R48: this thread took it, and every context that was made meanwhile has ended.
        unsafe { unlock(self.0.0) };
    }
}
