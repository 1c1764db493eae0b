//! Emptying the whole data set.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::api::required;
use crate::context::WriteContext;
use crate::error::Error;
use crate::key::refuse_while_open;
use crate::state::ContextFlags;

/// Who frees what [`WriteContext::reset_dataset`] has taken out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Freeing {
    /// The main thread, before the call returns.
    Now,
    /// The server's background thread.
    InBackground,
}

/// What becomes of the append-only file when the data set is emptied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AofAfterReset {
    /// It goes on. It has to be told: replicate what empties a data set (FLUSHALL).
    GoesOn,
    /// It begins anew, from the empty data set: replicate nothing, or the new file tells of it twice. Without
    /// an append-only file it makes no difference. A server that can't begin a new one for ten seconds ends,
    /// as it does when it can't after a full resynchronization (`restartAOFAfterSYNC`, replication.c).
    BeginsAnew,
}

/// How many jobs run that the server may have started in the middle of its own walk over the keys that expire.
static JOBS: AtomicUsize = AtomicUsize::new(0);

/// The data set can't be emptied until this is dropped.
pub(crate) struct JobRuns(());

impl JobRuns {
    pub(crate) fn begin() -> Self {
        JOBS.fetch_add(1, Ordering::Relaxed);
        Self(())
    }
}

impl Drop for JobRuns {
    fn drop(&mut self) {
        JOBS.fetch_sub(1, Ordering::Relaxed);
    }
}

impl WriteContext<'_> {
    /// Deletes all keys of all databases, as FLUSHALL does, functions aside: `FlushDb` events fire, a running
    /// background save is given up, and a server that has save points saves the empty data set.
    /// Neither replicas nor the append-only file are told by it.
    ///
    /// # Errors
    /// [`Error::KeyIsOpen`] while a key is open or a walk over the keys takes a step, [`Error::Refused`] while the
    /// server loads, in a forked child, and in a job after a keyspace event (of which the server runs some in the
    /// middle of its own walk over the keys that expire: `activeExpireCycle`, expire.c).
    pub fn reset_dataset(&self, freeing: Freeing, aof: AofAfterReset) -> Result<(), Error> {
        refuse_while_open()?;
        if let Some(reason) = self.reset_refusal() {
            return Err(Error::Refused { function: "RedisModule_ResetDataset", reason });
        }
        let restart_aof = i32::from(aof == AofAfterReset::BeginsAnew);
        let in_background = i32::from(freeing == Freeing::InBackground);
        let reset = required!(RedisModule_ResetDataset);
        // SAFETY: R36: the main thread, where nothing points into the data set: as for a client's FLUSHALL.
        unsafe { reset(restart_aof, in_background) };
        Ok(())
    }

    fn reset_refusal(&self) -> Option<&'static str> {
        let flags = self.flags();
        if flags.contains(ContextFlags::IS_CHILD) {
            Some("this is a forked child")
        } else if flags.intersects(ContextFlags::LOADING | ContextFlags::ASYNC_LOADING) {
            Some("the server is loading its data")
        } else if JOBS.load(Ordering::Relaxed) != 0 {
            Some("a job after a keyspace event is running")
        } else {
            None
        }
    }
}
