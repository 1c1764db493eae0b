//! The link to one source: a thread that reads, plans and reconnects, and the handle to it.
//!
//! The thread never touches the keyspace. It hands planned work to the main thread through a queue bounded
//! in bytes, and spools what it reads while that queue is full.

mod access;
mod clock;
pub mod control;
mod limits;
pub mod message;
mod planning;
mod queue;
mod seen_file;
mod session;
mod shared;
mod spool;

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use mirror_engine::{LocalServer, PlanError, Planner, ReplId, Scope};
use redis_context::Waker;
use redis_replica::resp::ProtocolError;
use redis_replica::transport::{Backoff, BackoffConfig};
use redis_replica::{AckPolicy, Config, Connection, Error as ReplicaError, Position, Retry};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use access::AccessError;
pub use access::{Access, Password};
use control::Control;
pub use limits::UnitLimits;
pub use message::{FetchError, Fetched, Message, Request, Seen, Values, Work};
use planning::Planning;
use session::Session;
pub use shared::{LinkState, Quarantined, Shared};
use spool::Spool;
pub use spool::SpoolLimits;

/// How long resolving, connecting and the TLS handshake may take, each.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Why a connection to a source ended.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// It could not be made.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The source closed it.
    #[error("the source closed the connection")]
    Closed,
    /// The source closed it without a word.
    #[error(
        "the source closed the connection before its first reply: is it a port with TLS, or no Redis or \
         Valkey server?"
    )]
    NoReply,
    /// The socket, or the spool's disk.
    #[error("reading or spooling failed: {0}")]
    Io(#[from] io::Error),
    /// The protocol.
    #[error(transparent)]
    Replica(ReplicaError),
    /// A command beyond the limits on a unit. It was not received.
    #[error("a command of the source is too large, {0}: raise mirror.unit-max; a full resync follows")]
    CommandTooLarge(Excess),
    /// The stream means something that can't be planned.
    #[error(transparent)]
    Plan(#[from] PlanError),
}

/// What of a command is beyond which limit.
#[derive(Debug, thiserror::Error)]
pub enum Excess {
    /// One argument.
    #[error("an argument of {0} bytes of at most {1}")]
    Argument(u64, usize),
    /// The number of arguments.
    #[error("{0} arguments of at most {1}")]
    Count(u64, usize),
    /// All of it.
    #[error("more than {0} bytes")]
    Whole(usize),
}

impl From<ReplicaError> for LinkError {
    fn from(error: ReplicaError) -> Self {
        Self::CommandTooLarge(match error {
            ReplicaError::Protocol(ProtocolError::BulkTooLong { len, limit }) => Excess::Argument(len, limit),
            ReplicaError::Protocol(ProtocolError::TooManyElements { count, limit }) => {
                Excess::Count(count, limit)
            }
            ReplicaError::Protocol(ProtocolError::TooLong { limit }) => Excess::Whole(limit),
            other => return Self::Replica(other),
        })
    }
}

impl LinkError {
    /// Whether the source ended the connection, orderly or not.
    fn is_end(&self) -> bool {
        match self {
            Self::Closed => true,
            Self::Io(error) => error.kind() == io::ErrorKind::ConnectionReset,
            _ => false,
        }
    }

    /// Whether the stream would bring the same again, and a snapshot does not: it holds no transactions, and
    /// values that are too large are left out of it.
    fn is_of_the_stream(&self) -> bool {
        matches!(self, Self::CommandTooLarge(_) | Self::Plan(PlanError::UnitTooLarge { .. }))
    }

    /// Whether trying again can help.
    fn retry(&self) -> Retry {
        match self {
            Self::Replica(error) => error.retry(),
            Self::Access(AccessError::Denied(_)) => Retry::NeedsUser,
            Self::Plan(
                PlanError::SourceIsSelf | PlanError::TooManyOrigins | PlanError::MirrorsFeedEachOther,
            ) => Retry::NeedsUser,
            _ => Retry::Transient,
        }
    }
}

/// What a link needs to know.
pub struct LinkConfig {
    /// For the thread's name and for nothing else.
    pub name: String,
    /// How the source is reached.
    pub access: Access,
    /// Where to go on; `None` asks for a full resync.
    pub position: Option<Position>,
    /// The filter and key map.
    pub scope: Arc<Scope>,
    /// What this server can do.
    pub local: LocalServer,
    /// This server's own replication ids, the present one first.
    pub own_replids: Vec<ReplId>,
    /// Which offset the source is told.
    pub ack: AckPolicy,
    /// Bytes of planned work that may wait for the main thread.
    pub queue_bytes: usize,
    /// Bytes read ahead that may wait unplanned.
    pub spool: SpoolLimits,
    /// What one unit may take.
    pub unit: UnitLimits,
    /// Times between attempts.
    pub backoff: BackoffConfig,
    /// Random keys for the hash of seen keys, and a seed for the jitter.
    pub random: [u64; 2],
}

/// The handle to a link's thread.
pub struct Link {
    /// What both sides see.
    pub shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Link {
    /// Starts the thread. It connects, and reconnects until it is stopped or fails for good.
    pub fn start(config: LinkConfig, waker: Waker) -> io::Result<Self> {
        let shared = Arc::new(Shared::new(&config)?);
        let theirs = Arc::clone(&shared);
        let name = format!("mirror-{:.8}", config.name);
        let thread = redis_context::thread::spawn(&name, move || run(config, waker, &theirs))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Whether the thread has ended by itself.
    pub fn has_ended(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Tells the thread to end; [`Link::has_ended`] says when it has.
    pub fn stop(&self) {
        self.shared.stop();
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.shared.stop();
    }
}

fn run(config: LinkConfig, waker: Waker, shared: &Shared) {
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| follow(config, &waker, shared)));
    if outcome.is_err() {
        shared.set_error("internal error in the link: see the log; MIRROR.RESYNC starts it again");
        shared.set_state(LinkState::Failed);
    }
    waker.wake();
}

/// Connects again and again.
fn follow(config: LinkConfig, waker: &Waker, shared: &Shared) {
    let mut backoff = Backoff::new(config.backoff, config.random[0]);
    let mut spool = Spool::new(config.spool);
    let mut planning = planning(&config, waker);
    while !shared.is_stopped() {
        let started = Instant::now();
        let outcome = one_connection(&config, &mut planning, &mut spool, shared);
        let Err(error) = outcome else { return };
        shared.figures.disconnects.fetch_add(1, Ordering::Relaxed);
        shared.set_error(&error.to_string());
        spool.clear();
        if error.is_of_the_stream() {
            planning.forget_position();
        }
        let cleaned = planning.connection_broke(shared);
        if is_final(&error, &config) || cleaned.is_err() {
            return shared.set_state(LinkState::Failed);
        }
        if started.elapsed() > config.backoff.max {
            backoff.reset();
        }
        shared.set_state(LinkState::BackingOff);
        wait(shared, backoff.next_delay(), &mut planning);
    }
}

/// Whether trying again is of no use. A password that was refused may be another one by then, if a file or a
/// variable holds it.
fn is_final(error: &LinkError, config: &LinkConfig) -> bool {
    let is_about_login =
        matches!(error, LinkError::Replica(ReplicaError::WrongPassword | ReplicaError::AuthRefused));
    error.retry() == Retry::NeedsUser && !(is_about_login && config.access.may_change())
}

fn planning(config: &LinkConfig, waker: &Waker) -> Planning {
    let mut planner = Planner::new(Arc::clone(&config.scope), config.local.clone(), config.unit.planned());
    planner.set_own_replids(&config.own_replids);
    let control = Control::new(config.access.clone(), config.unit);
    let waker = waker.clone();
    Planning::new(
        planner,
        Arc::clone(&config.scope),
        control,
        Box::new(move || waker.wake()),
        config.position,
    )
}

fn one_connection(
    config: &LinkConfig,
    planning: &mut Planning,
    spool: &mut Spool,
    shared: &Shared,
) -> Result<(), LinkError> {
    shared.set_state(LinkState::Connecting);
    let stream = config.access.connect(CONNECT_TIMEOUT)?;
    let credentials = config.access.credentials()?;
    let limits = shared.unit_limits();
    planning.set_limits(limits);
    let settings = Config {
        credentials,
        resume: planning.position(),
        ack: config.ack,
        limits: limits.received(),
        ..Config::default()
    };
    let connection = Connection::new(settings, Instant::now());
    let bytes_read = || shared.figures.bytes_read.load(Ordering::Relaxed);
    let before = bytes_read();
    let outcome = Session { shared, planning, spool, connection, stream, full_since: None }.run();
    outcome.map_err(|error| if error.is_end() && bytes_read() == before { LinkError::NoReply } else { error })
}

/// Waits out a delay; requests are answered meanwhile, and a stop ends it.
fn wait(shared: &Shared, delay: Duration, planning: &mut Planning) {
    let until = Instant::now() + delay;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() || shared.is_stopped() {
            return;
        }
        let timeout = Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: left.subsec_nanos().into(),
        };
        let wake = shared.wake_fd();
        let mut fds = [PollFd::from_borrowed_fd(wake, PollFlags::IN)];
        // An interrupted wait is begun again with the time left.
        let _ = poll(&mut fds, Some(&timeout));
        shared.drain_wake();
        // Without a connection there is nothing to lose: the answer tells that the source could not be asked.
        let _ = planning.serve_requests(shared);
    }
}
