//! Pushes kept until somebody takes them.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Handler, HandlerContext, HandlerFailure, Notification};

/// How much an inbox keeps at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InboxLimits {
    /// Pushes.
    pub pushes: usize,
    /// What they take together, in bytes.
    pub bytes: usize,
}

impl Default for InboxLimits {
    fn default() -> Self {
        InboxLimits { pushes: 1024, bytes: 16 << 20 }
    }
}

/// What comes out of an inbox, in the order it happened.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// A push.
    Push(Notification),
    /// Here so many pushes are missing: the inbox was full when they came.
    Gap {
        /// How many.
        lost: u64,
    },
    /// The connection ended: what was pushed from here on, until somebody subscribed or tracked again, is missing.
    Disconnected,
}

#[derive(Debug)]
enum Entry {
    Push {
        notification: Notification,
        bytes: usize,
    },
    /// What went wrong between two pushes; never two of these in a row, so the queue is bounded.
    Trouble(Trouble),
}

#[derive(Debug, Default)]
struct Trouble {
    lost: u64,
    disconnected: bool,
}

struct Queue {
    entries: VecDeque<Entry>,
    limits: InboxLimits,
    pushes: usize,
    bytes: usize,
    lost: u64,
}

/// A bounded queue of pushes. Clones are the same queue: one end may be registered as a [`Handler`], or belong to
/// [`Subscriptions`](super::Subscriptions), while the other is read on another thread.
///
/// When it is full, what comes is lost, not what is there, and an [`Event::Gap`] stands where it is missing. Breaks of
/// the connection are never lost; two with no push in between are told as one.
#[derive(Clone)]
pub struct Inbox(Arc<Mutex<Queue>>);

impl Inbox {
    /// An empty inbox.
    pub fn new(limits: InboxLimits) -> Self {
        let queue = Queue { entries: VecDeque::new(), limits, pushes: 0, bytes: 0, lost: 0 };
        Inbox(Arc::new(Mutex::new(queue)))
    }

    /// The oldest event that nobody took yet.
    pub fn take(&self) -> Option<Event> {
        self.lock().take()
    }

    /// Whether there is nothing to take.
    pub fn is_empty(&self) -> bool {
        self.lock().entries.is_empty()
    }

    /// How many pushes it holds.
    pub fn len(&self) -> usize {
        self.lock().pushes
    }

    /// How many pushes were lost since it was made.
    pub fn lost(&self) -> u64 {
        self.lock().lost
    }

    /// Keeps a push, or counts it as lost.
    pub fn put(&self, notification: Notification) {
        self.lock().put(notification);
    }

    /// Says that the connection ended.
    pub fn put_disconnected(&self) {
        self.lock().trouble(|trouble| trouble.disconnected = true);
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn put(&mut self, notification: Notification) {
        let bytes = notification.size_bytes();
        if self.pushes >= self.limits.pushes || self.bytes.saturating_add(bytes) > self.limits.bytes {
            self.lost += 1;
            return self.trouble(|trouble| trouble.lost += 1);
        }
        self.pushes += 1;
        self.bytes += bytes;
        self.entries.push_back(Entry::Push { notification, bytes });
    }

    /// Adds to the trouble at the end of the queue.
    fn trouble(&mut self, add: impl FnOnce(&mut Trouble)) {
        let last = self.entries.pop_back();
        let mut trouble = match last {
            Some(Entry::Trouble(trouble)) => trouble,
            push => {
                self.entries.extend(push);
                Trouble::default()
            }
        };
        add(&mut trouble);
        self.entries.push_back(Entry::Trouble(trouble));
    }

    fn take(&mut self) -> Option<Event> {
        match self.entries.pop_front()? {
            Entry::Push { notification, bytes } => {
                self.pushes -= 1;
                self.bytes -= bytes;
                Some(Event::Push(notification))
            }
            Entry::Trouble(Trouble { lost: 0, .. }) => Some(Event::Disconnected),
            Entry::Trouble(Trouble { lost, disconnected }) => {
                if disconnected {
                    self.entries.push_front(Entry::Trouble(Trouble { lost: 0, disconnected }));
                }
                Some(Event::Gap { lost })
            }
        }
    }
}

impl Handler for Inbox {
    fn handle(&self, notification: &Notification, _: &HandlerContext<'_>) -> Result<(), HandlerFailure> {
        self.put(notification.clone());
        Ok(())
    }

    fn disconnected(&self, _: &HandlerContext<'_>) {
        self.put_disconnected();
    }
}

impl fmt::Debug for Inbox {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let queue = self.lock();
        out.debug_struct("Inbox")
            .field("pushes", &queue.pushes)
            .field("bytes", &queue.bytes)
            .field("lost", &queue.lost)
            .finish()
    }
}
