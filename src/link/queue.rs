//! What crosses between a link thread and the main thread: planned work one way, requests the other.
//!
//! Both directions are bounded: planned work in bytes (the link stops planning when the queue is full
//! and spools what it reads), requests by the number of waiting clients and keys under repair.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A producer that waits is woken for this much room. It then works in short bursts: on a machine without
/// a core to spare, a long one holds up the main thread.
const REFILL_BYTES: usize = 128 * 1024;

/// A queue of messages whose sizes are known, bounded in bytes.
pub struct Queue<T> {
    messages: Mutex<VecDeque<(T, usize)>>,
    bytes: AtomicUsize,
    bytes_max: AtomicUsize,
    taken: AtomicU64,
}

impl<T> Queue<T> {
    /// An empty queue that asks its producer to stop at `bytes_max`.
    pub fn new(bytes_max: usize) -> Self {
        Self {
            messages: Mutex::default(),
            bytes: AtomicUsize::new(0),
            bytes_max: AtomicUsize::new(bytes_max),
            taken: AtomicU64::new(0),
        }
    }

    /// Whether the producer should wait. One message more than the limit is always taken, so a message
    /// larger than the whole limit still gets through.
    pub fn is_full(&self) -> bool {
        self.bytes.load(Ordering::Acquire) >= self.bytes_max.load(Ordering::Relaxed)
    }

    /// Bytes that wait to be applied.
    pub fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Acquire)
    }

    /// Adds a message of `size` bytes.
    pub fn push(&self, message: T, size: usize) {
        self.bytes.fetch_add(size, Ordering::AcqRel);
        self.lock().push_back((message, size));
    }

    /// Takes the oldest message. Its bytes stay counted until [`Queue::release`].
    pub fn pop(&self) -> Option<(T, usize)> {
        if self.bytes.load(Ordering::Acquire) == 0 {
            return None;
        }
        self.lock().pop_front()
    }

    /// Looks at the oldest message.
    pub fn peek<R>(&self, look: impl FnOnce(&T) -> Option<R>) -> Option<R> {
        self.lock().front().and_then(|(message, _)| look(message))
    }

    /// Says that a message of `size` bytes was dealt with; true when this made room for a producer
    /// that may be waiting, who then wants to be woken.
    pub fn release(&self, size: usize) -> bool {
        let before = self.bytes.fetch_sub(size, Ordering::AcqRel);
        let bytes_max = self.bytes_max.load(Ordering::Relaxed);
        let wake_below = bytes_max - (bytes_max / 2).min(REFILL_BYTES);
        self.taken.fetch_add(1, Ordering::Relaxed);
        before >= wake_below && before - size < wake_below
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<(T, usize)>> {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
