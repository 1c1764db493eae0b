//! What a link thread and the main thread share, beside the queue's messages.

use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use rustix::event::{EventfdFlags, eventfd};
use rustix::io::{read, write};

use mirror_engine::{Batch, ReplId};

use super::LinkConfig;
use super::limits::UnitLimits;
use super::message::{Message, Request, Seen};
use super::queue::Queue;
use super::seen_file::SeenFile;
use crate::text::one_line;

/// Where a link stands. Shown by MIRROR.STATUS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum LinkState {
    /// A connection is being made.
    Connecting,
    /// Authentication and the request to replicate.
    Handshake,
    /// The source prepares its snapshot.
    Waiting,
    /// The snapshot is being read.
    Loading,
    /// The stream is followed.
    Streaming,
    /// The connection broke; the next attempt is due later.
    BackingOff,
    /// Only a change of settings, here or at the source, can help.
    Failed,
}

impl LinkState {
    /// Whether the source answers.
    pub fn is_following(self) -> bool {
        matches!(self, Self::Waiting | Self::Loading | Self::Streaming)
    }

    fn from_u8(value: u8) -> Self {
        const ALL: [LinkState; 7] = [
            LinkState::Connecting,
            LinkState::Handshake,
            LinkState::Waiting,
            LinkState::Loading,
            LinkState::Streaming,
            LinkState::BackingOff,
            LinkState::Failed,
        ];
        ALL.get(usize::from(value)).copied().unwrap_or(LinkState::Failed)
    }
}

/// Figures a link reports; read without a lock by STATUS and INFO.
#[derive(Default)]
pub struct Figures {
    state: AtomicU8,
    /// The source's offset up to which bytes were received and parsed.
    pub received_offset: AtomicU64,
    /// Bytes read from the source, in all.
    pub bytes_read: AtomicU64,
    /// Bytes that wait in the spool.
    pub spooled: AtomicU64,
    /// Whether the spool is full, so that the source is read no further.
    pub is_spool_full: AtomicBool,
    /// Bytes that were received and are not planned yet, in memory.
    pub buffered: AtomicU64,
    /// Keys that the snapshot being read announced.
    pub keys_total: AtomicU64,
    /// Times the stream was taken up again without a snapshot.
    pub partial_resyncs: AtomicU64,
    /// Connections that broke or could not be made.
    pub disconnects: AtomicU64,
}

/// What planning found. Shown by STATUS.
#[derive(Debug, Default, Clone)]
pub struct Planned {
    /// Commands without effect in scope.
    pub filtered: u64,
    /// Units that had passed through this server.
    pub looped: u64,
    /// Commands refused, in all.
    pub refused_total: u64,
    /// Commands refused, by name and reason.
    pub refused: Vec<(String, u64)>,
    /// Keys that are not exact here, in all.
    pub losses: u64,
    /// Some of them.
    pub lost: Vec<Quarantined>,
}

/// A key that this server can't hold as the source does.
#[derive(Debug, Clone)]
pub struct Quarantined {
    /// Local db.
    pub db: u32,
    /// Local name.
    pub key: Vec<u8>,
    /// What is lost.
    pub reason: String,
}

/// Applied batches kept for reuse.
const SPARE_BATCHES: usize = 8;

/// Memory that a kept batch may hold.
const BATCH_KEEP_BYTES: usize = 1024 * 1024;

/// Hashes of seen keys in memory before they go to a file: what fits a table of two million places of 17 bytes
/// without its being doubled. With the sorting of a full one this takes up to 64 MB.
const SEEN_TABLE_MAX: usize = (2 * 1024 * 1024) / 8 * 7;

/// One per link. The main thread and the link's thread each hold a reference.
pub struct Shared {
    /// Planned work, from the link to the main thread.
    pub queue: Queue<Message>,
    /// What STATUS shows.
    pub figures: Figures,
    /// Up to where the main thread has applied the stream; `NOTHING_APPLIED` before the first unit.
    pub applied: AtomicU64,
    unit_bytes: AtomicUsize,
    unit_ops: AtomicUsize,
    seen_bytes_max: u64,
    planned: Mutex<Planned>,
    spare: Mutex<Vec<Batch>>,
    random: [u64; 2],
    own_replids: Mutex<Option<Vec<ReplId>>>,
    has_new_ids: AtomicBool,
    requests: Mutex<VecDeque<Request>>,
    last_error: Mutex<Option<(Instant, String)>>,
    stop: AtomicBool,
    wake: OwnedFd,
}

/// No unit of the stream was applied yet.
pub const NOTHING_APPLIED: u64 = u64::MAX;

impl Shared {
    /// For the link of this configuration.
    pub fn new(config: &LinkConfig) -> rustix::io::Result<Self> {
        Ok(Self {
            queue: Queue::new(config.queue_bytes),
            unit_bytes: AtomicUsize::new(config.unit.bytes),
            unit_ops: AtomicUsize::new(config.unit.ops),
            seen_bytes_max: config.spool.total_max,
            figures: Figures::default(),
            applied: AtomicU64::new(NOTHING_APPLIED),
            planned: Mutex::default(),
            spare: Mutex::default(),
            random: config.random,
            own_replids: Mutex::default(),
            has_new_ids: AtomicBool::new(false),
            requests: Mutex::default(),
            last_error: Mutex::default(),
            stop: AtomicBool::new(false),
            wake: eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?,
        })
    }

    /// An empty batch, with the memory of one that was applied.
    pub fn spare_batch(&self) -> Batch {
        lock(&self.spare).pop().unwrap_or_default()
    }

    /// Takes back a batch that was applied and counts its bytes out of the queue.
    pub fn give_back(&self, mut batch: Batch, size: usize) {
        batch.clear();
        batch.shrink(BATCH_KEEP_BYTES);
        let mut spare = lock(&self.spare);
        if spare.len() < SPARE_BATCHES {
            spare.push(batch);
        }
        drop(spare);
        self.release(size);
    }

    /// Memory that the link's data takes, planned or not.
    pub fn held_bytes(&self) -> usize {
        let buffered = self.figures.buffered.load(Ordering::Relaxed);
        self.queue.bytes() + usize::try_from(buffered).unwrap_or(usize::MAX)
    }

    /// Counts a message out of the queue; wakes the link if it waits for room.
    pub fn release(&self, size: usize) {
        if self.queue.release(size) {
            self.wake();
        }
    }

    /// A set for the keys of a snapshot, hashed with keys that the source doesn't know.
    pub fn new_seen(&self) -> Seen {
        let mut secret = [0; 16];
        secret[..8].copy_from_slice(&self.random[0].to_ne_bytes());
        secret[8..].copy_from_slice(&self.random[1].to_ne_bytes());
        Seen::new(secret, SEEN_TABLE_MAX, SeenFile::new(self.seen_bytes_max))
    }

    /// Sets what one unit may take from now on.
    pub fn set_unit_limits(&self, limits: UnitLimits) {
        self.unit_bytes.store(limits.bytes, Ordering::Relaxed);
        self.unit_ops.store(limits.ops, Ordering::Relaxed);
    }

    /// What one unit may take.
    pub fn unit_limits(&self) -> UnitLimits {
        UnitLimits {
            bytes: self.unit_bytes.load(Ordering::Relaxed),
            ops: self.unit_ops.load(Ordering::Relaxed),
        }
    }

    /// Tells the planner this server's own replication ids.
    pub fn set_own_replids(&self, ids: Vec<ReplId>) {
        *lock(&self.own_replids) = Some(ids);
        self.has_new_ids.store(true, Ordering::Release);
    }

    /// The ids, if they changed since they were taken.
    pub fn take_own_replids(&self) -> Option<Vec<ReplId>> {
        if self.has_new_ids.swap(false, Ordering::AcqRel) { lock(&self.own_replids).take() } else { None }
    }

    /// What planning found, as of a moment ago.
    pub fn planned(&self) -> Planned {
        lock(&self.planned).clone()
    }

    /// Publishes what planning found.
    pub fn set_planned(&self, planned: Planned) {
        *lock(&self.planned) = planned;
    }

    /// The link's state.
    pub fn state(&self) -> LinkState {
        LinkState::from_u8(self.figures.state.load(Ordering::Relaxed))
    }

    /// Sets the link's state.
    pub fn set_state(&self, state: LinkState) {
        self.figures.state.store(state as u8, Ordering::Relaxed);
    }

    /// Why the link broke last, if it ever did.
    pub fn last_error(&self) -> Option<(Instant, String)> {
        lock(&self.last_error).clone()
    }

    /// Notes why the link broke.
    pub fn set_error(&self, text: &str) {
        *lock(&self.last_error) = Some((Instant::now(), one_line(text)));
    }

    /// When the oldest work that waits in the queue was planned.
    pub fn oldest_arrival(&self) -> Option<Instant> {
        self.queue.peek(|message| match message {
            Message::Work(work) => Some(work.arrived),
            _ => None,
        })
    }

    /// Asks something of the link and wakes it.
    pub fn request(&self, request: Request) {
        lock(&self.requests).push_back(request);
        self.wake();
    }

    /// The oldest request.
    pub fn next_request(&self) -> Option<Request> {
        lock(&self.requests).pop_front()
    }

    /// Tells the link to end.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Release);
        self.wake();
    }

    /// Whether the link was told to end.
    pub fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    /// Wakes the link's thread out of its wait.
    pub fn wake(&self) {
        // A full counter is readable as well: the only other error is a closed descriptor, which `self` owns.
        let _ = write(&self.wake, &1_u64.to_ne_bytes());
    }

    /// Makes the descriptor unreadable until the next wake.
    pub fn drain_wake(&self) {
        let mut counter = [0; 8];
        // Nothing to read means nothing to drain.
        let _ = read(&self.wake, &mut counter);
    }

    /// Readable when the link is wanted.
    pub fn wake_fd(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
