//! One mirror, as the main thread knows it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use mirror_engine::checkpoint::{Checkpoint, State};
use mirror_engine::definition::CredentialSource;
use mirror_engine::{Definition, ExpiredKeys, Repairs, Scope};
use redis_replica::Position;
use zeroize::Zeroizing;

use crate::apply::Run;
use crate::link::{Link, LinkState, Quarantined};
use crate::rates::Rates;
use crate::waiters::Waiters;

/// What is stored of a mirror: in the RDB, in the AOF, on replicas.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// What the user asked for.
    pub definition: Definition,
    /// How far the copy is.
    pub checkpoint: Checkpoint,
}

/// What is counted since the server started. Shown by STATUS and INFO.
#[derive(Debug, Default, Clone, Copy)]
pub struct Counts {
    /// Operations applied.
    pub operations: u64,
    /// Snapshot entries applied by the current or last full resync.
    pub keys_done: u64,
    /// Keys that were fetched again from the source.
    pub repaired: u64,
    /// Writes by others to keys of the scope.
    pub local_writes: u64,
    /// Keys deleted because the snapshot did not contain them.
    pub swept: u64,
    /// The longest slice, in microseconds.
    pub largest_unit_us: u64,
}

/// One mirror.
pub struct Mirror {
    /// What is stored.
    pub stored: Stored,
    /// The keys it owns.
    pub scope: Arc<Scope>,
    /// The inline password. It is neither stored nor replicated.
    pub password: Option<Zeroizing<Vec<u8>>>,
    /// The thread that reads the source, while there is one.
    pub link: Option<Link>,
    /// Why the link may not be started again before the user does something.
    pub failure: Option<String>,
    /// What is being applied.
    pub run: Run,
    /// Keys that expired or were evicted here before the source's word on them.
    pub expired: ExpiredKeys,
    /// Whether keys may have expired here that `expired` does not know of: after a restart or a promotion.
    pub forgot_expired: bool,
    /// Whether hashes of the scope may have fields that expire, or nobody knows.
    pub fields_may_expire: bool,
    /// Keys whose values are being fetched again.
    pub repairs: Repairs,
    /// Clients that wait for an offset.
    pub waiters: Waiters,
    /// Figures.
    pub counts: Counts,
    /// Rates.
    pub rates: Rates,
    /// Since when STATUS shows what it shows.
    pub changed: Changed,
    /// Whether the followers do not know yet that the position was given up.
    pub loss_to_tell: bool,
    /// Why the next slice gives the position up.
    pub start_over: Option<String>,
    /// Whether the scope held nothing when the mirror was made, and nobody else wrote there since.
    pub is_fresh: bool,
    /// The last operation or request that failed without ending the link.
    pub last_refusal: Option<(Instant, String)>,
    /// Keys whose values this server refused.
    pub quarantine: Quarantine,
    /// DROP .. PURGE is under way.
    pub is_dropping: bool,
    /// When the link was started.
    pub started_at: Option<Instant>,
    /// Before this the link is not started.
    pub restart_at: Option<Instant>,
    /// How long the next restart waits.
    pub restart_delay: Duration,
}

/// Keys that this server can't hold as the source does.
#[derive(Default)]
pub struct Quarantine {
    /// Some of them.
    pub keys: Vec<Quarantined>,
    /// All of them.
    pub count: u64,
}

/// How many keys in quarantine STATUS names.
const QUARANTINE_NAMED_MAX: usize = 128;

impl Quarantine {
    /// Adds one.
    pub fn add(&mut self, db: u32, key: Vec<u8>, reason: String) {
        self.count += 1;
        if self.keys.len() < QUARANTINE_NAMED_MAX {
            self.keys.push(Quarantined { db, key, reason });
        }
    }
}

/// Since when STATUS shows what it shows.
pub struct Changed {
    /// The state.
    pub shown: Shown,
    /// Since when.
    pub since: Instant,
}

/// The states of MIRROR.STATUS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// A connection is being made.
    Connecting,
    /// Authentication and the request to replicate.
    Handshake,
    /// The source prepares its snapshot.
    Waiting,
    /// A snapshot is being laid over the data.
    Loading,
    /// The stream is applied.
    Streaming,
    /// The connection broke, or a full resync is due; the next attempt comes later.
    BackingOff,
    /// The user paused it, or this server is a replica.
    Paused,
    /// The password is gone with the last process.
    NeedsCredentials,
    /// Only the user can help.
    Failed,
}

impl Shown {
    /// The word of STATUS.
    pub fn word(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Handshake => "handshake",
            Self::Waiting => "waiting",
            Self::Loading => "loading",
            Self::Streaming => "streaming",
            Self::BackingOff => "backing-off",
            Self::Paused => "paused",
            Self::NeedsCredentials => "needs-credentials",
            Self::Failed => "failed",
        }
    }
}

impl Mirror {
    /// A mirror without a link.
    pub fn new(stored: Stored, password: Option<Zeroizing<Vec<u8>>>) -> Self {
        let scope = Arc::new(Scope::new(&stored.definition));
        let mut mirror = Self {
            stored,
            scope,
            password,
            link: None,
            failure: None,
            run: Run::default(),
            expired: ExpiredKeys::default(),
            forgot_expired: true,
            fields_may_expire: true,
            repairs: Repairs::default(),
            waiters: Waiters::default(),
            counts: Counts::default(),
            rates: Rates::default(),
            changed: Changed { shown: Shown::Connecting, since: Instant::now() },
            loss_to_tell: false,
            start_over: None,
            is_fresh: false,
            last_refusal: None,
            quarantine: Quarantine::default(),
            is_dropping: false,
            started_at: None,
            restart_at: None,
            restart_delay: Duration::ZERO,
        };
        mirror.take_up_pending();
        mirror
    }

    /// The name, as text.
    pub fn name(&self) -> String {
        String::from_utf8_lossy(&self.stored.definition.name).into_owned()
    }

    /// Where the stream may be taken up again.
    pub fn position(&self) -> Option<Position> {
        match self.stored.checkpoint.state {
            State::Streaming => self.stored.checkpoint.position,
            State::Created | State::Resyncing => None,
        }
    }

    /// Makes the next link begin with a full resync.
    pub fn forget_position(&mut self) {
        let checkpoint = &mut self.stored.checkpoint;
        if checkpoint.state == State::Streaming {
            checkpoint.state = State::Resyncing;
        }
        checkpoint.position = None;
        checkpoint.pending.clear();
        self.repairs.clear();
    }

    /// Ends the link; what it has planned and was not applied is dropped. The position is that of the last
    /// unit applied, so nothing is lost.
    pub fn stop_link(&mut self, why: &str) -> Option<Link> {
        self.run = Run::default();
        self.repairs.fetch_failed();
        self.waiters.fail_all(why);
        self.link.take().inspect(Link::stop)
    }

    /// The state shown by STATUS.
    pub fn shown(&self) -> Shown {
        if self.failure.is_some() {
            return Shown::Failed;
        }
        if self.stored.definition.paused {
            return Shown::Paused;
        }
        if self.lacks_credentials() {
            return Shown::NeedsCredentials;
        }
        match self.link.as_ref().map(|link| link.shared.state()) {
            None if self.restart_at.is_some_and(|at| Instant::now() < at) => Shown::BackingOff,
            None => Shown::Paused,
            Some(LinkState::Connecting) => Shown::Connecting,
            Some(LinkState::Handshake) => Shown::Handshake,
            Some(LinkState::Waiting) => Shown::Waiting,
            Some(LinkState::BackingOff) => Shown::BackingOff,
            Some(LinkState::Failed) => Shown::Failed,
            Some(LinkState::Loading) => Shown::Loading,
            Some(LinkState::Streaming) if self.run.is_loading() => Shown::Loading,
            Some(LinkState::Streaming) => Shown::Streaming,
        }
    }

    /// Whether the source wants a password that only the last process knew.
    pub fn lacks_credentials(&self) -> bool {
        self.stored.definition.credentials == CredentialSource::Inline && self.password.is_none()
    }

    /// Whether the copy is a cut of the source's history.
    pub fn is_consistent(&self) -> bool {
        self.stored.checkpoint.state == State::Streaming && self.repairs.is_empty()
    }

    /// Whether the spool is full, so that the source is read no further.
    pub fn has_backpressure(&self) -> bool {
        self.link.as_ref().is_some_and(|link| link.shared.figures.is_spool_full.load(Ordering::Relaxed))
    }

    /// For how long the oldest of what waits to be applied has waited, in milliseconds.
    pub fn lag_ms(&self) -> u64 {
        let in_hand = self.run.current.as_ref().map(|current| current.work.arrived);
        let oldest = in_hand.or_else(|| self.link.as_ref().and_then(|link| link.shared.oldest_arrival()));
        oldest.map_or(0, |at| u64::try_from(at.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    /// Notes what failed without ending the link. Shown until something else does.
    pub fn note_refusal(&mut self, text: impl Into<String>) {
        self.last_refusal = Some((Instant::now(), text.into()));
    }

    /// Takes over what the primary, or the AOF, says of the position.
    pub fn follow(&mut self, checkpoint: Checkpoint) {
        self.repairs.clear();
        self.stored.checkpoint = checkpoint;
        self.take_up_pending();
    }

    /// The same, with the keys under repair as they are.
    pub fn follow_on(&mut self, mut checkpoint: Checkpoint) {
        checkpoint.pending = std::mem::take(&mut self.stored.checkpoint.pending);
        self.stored.checkpoint = checkpoint;
    }

    /// Puts the keys of the checkpoint under repair again.
    fn take_up_pending(&mut self) {
        let pending = self.stored.checkpoint.pending.clone();
        if pending.iter().any(|(db, key)| self.repairs.add(*db, key).is_err()) {
            self.forget_position();
        }
    }

    /// Notes a change of the shown state and the rates; called once a turn.
    pub fn note_state(&mut self) {
        self.rates.note(self.counts.operations, self.counts.keys_done);
        let shown = self.shown();
        if shown != self.changed.shown {
            self.changed = Changed { shown, since: Instant::now() };
        }
    }
}
