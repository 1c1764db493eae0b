//! Jobs for the main thread.

use std::cell::OnceCell;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Waker;
use crate::cell::MainCell;
use crate::context::{Context, LoadContext, TimerContext};
use crate::error::Error;
use crate::events::{self, EventLoop, EventLoopEvent};
use crate::guard::guard;

/// How many jobs may wait at once.
pub const POSTED_JOBS_MAX: usize = 65_536;

/// The queue of posted jobs is full: the job was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{POSTED_JOBS_MAX} jobs wait for the main thread already")]
pub struct QueueFull;

type Job = Box<dyn for<'cx> FnOnce(&TimerContext<'cx>) + Send>;
type LocalJob = Box<dyn for<'cx> FnOnce(&TimerContext<'cx>)>;

/// Hands jobs to the server's main thread, from any thread.
///
/// A job runs in the event loop's next turn, in the EventLoop event's AFTER_SLEEP: never inside a busy
/// script or a load, where it waits for the end. Jobs run in the order they were posted; one that posts
/// another does not hold up the turn, for that one runs in the next. A panic is logged and the next job
/// runs. Jobs that still wait when the server exits are lost. A module that has asked for the queue can't be
/// unloaded.
///
/// A job may write if [`TimerContext::may_write_now`] says so; jobs of one turn write one unit.
#[derive(Clone)]
pub struct MainThread {
    shared: Arc<Shared>,
}

struct Shared {
    jobs: Mutex<VecDeque<Job>>,
    waker: Waker,
}

/// The one queue of the module, made when it is first asked for.
static MAIN_THREAD: MainCell<OnceCell<MainThread>> = MainCell::new(OnceCell::new());

/// Jobs that need not be `Send`, posted on the main thread.
static LOCAL: MainCell<VecDeque<LocalJob>> = MainCell::new(VecDeque::new());

/// Forgets the queue of a module that goes.
pub(super) fn abandon(ctx: &Context<'_>) {
    drop(MAIN_THREAD.take(ctx));
    drop(LOCAL.take(ctx));
}

impl LoadContext<'_> {
    /// The queue of jobs for the main thread. Every call answers the same one.
    ///
    /// # Errors
    /// [`Error::Unsupported`] without the EventLoop event, [`Error::Os`] if there is no file
    /// descriptor left.
    pub fn main_thread(&self) -> Result<MainThread, Error> {
        MainThread::get(self)
    }
}

impl MainThread {
    pub(crate) fn get(ctx: &Context<'_>) -> Result<Self, Error> {
        if let Some(main_thread) = MAIN_THREAD.borrow(ctx).get() {
            return Ok(main_thread.clone());
        }
        events::supported::<EventLoop>(ctx)?;
        let shared = Arc::new(Shared { jobs: Mutex::new(VecDeque::new()), waker: Waker::new(ctx)? });
        let main_thread = Self { shared };
        let queue = main_thread.clone();
        events::subscribe::<EventLoop>(ctx, move |ctx, event| {
            if event == EventLoopEvent::AfterSleep {
                queue.run(ctx);
            }
        })?;
        Ok(MAIN_THREAD.borrow(ctx).get_or_init(|| main_thread).clone())
    }

    /// Posts a job. From any thread.
    ///
    /// # Errors
    /// [`QueueFull`] if [`POSTED_JOBS_MAX`] jobs wait.
    pub fn post(
        &self,
        job: impl for<'cx> FnOnce(&TimerContext<'cx>) + Send + 'static,
    ) -> Result<(), QueueFull> {
        let mut jobs = self.shared.jobs();
        if jobs.len() >= POSTED_JOBS_MAX {
            return Err(QueueFull);
        }
        jobs.push_back(Box::new(job));
        drop(jobs);
        self.shared.waker.wake();
        Ok(())
    }

    /// Posts a job of this crate's own, however many wait.
    pub(crate) fn post_always(&self, job: impl for<'cx> FnOnce(&TimerContext<'cx>) + Send + 'static) {
        self.shared.jobs().push_back(Box::new(job));
        self.shared.waker.wake();
    }

    /// Posts a job on the main thread, which need not be `Send`.
    pub(crate) fn post_local(ctx: &Context<'_>, job: LocalJob) -> Result<(), Error> {
        let main_thread = Self::get(ctx)?;
        let mut jobs = LOCAL.try_borrow_mut(ctx)?;
        if jobs.len() >= POSTED_JOBS_MAX {
            return Err(Error::Refused { function: "post", reason: "too many jobs wait already" });
        }
        jobs.push_back(job);
        main_thread.shared.waker.wake();
        Ok(())
    }

    /// Runs the jobs there are now. The waker is drained first: a job posted meanwhile wakes the next turn.
    fn run(&self, ctx: &Context<'_>) {
        let jobs = std::mem::take(&mut *self.shared.jobs());
        let local = LOCAL.take(ctx).unwrap_or_default();
        if jobs.is_empty() && local.is_empty() {
            return;
        }
        self.shared.waker.drain(ctx);
        if !self.shared.jobs().is_empty() {
            self.shared.waker.wake();
        }
        // SAFETY: R11: the same callback; AFTER_SLEEP is a role that may ask to write.
        let ctx = unsafe { TimerContext::from_raw(ctx.as_ptr()) };
        for job in jobs {
            guard("a job posted to the main thread", || (), || job(&ctx));
        }
        for job in local {
            guard("a job posted to the main thread", || (), || job(&ctx));
        }
    }
}

impl Shared {
    /// No job runs under the lock, so a poisoned one only means that an allocation failed.
    fn jobs(&self) -> MutexGuard<'_, VecDeque<Job>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
