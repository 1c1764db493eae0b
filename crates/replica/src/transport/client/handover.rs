//! Following a server that moves: the new connection listens before the old one is closed.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::push::{
    Handler, HandlerContext, HandlerFailure, Maintenance, Notification, Processor, Protection, Push,
    PushError, SubscriptionKind, is_handler_exists,
};

use super::link::Link;
use super::pushes::Pushes;
use super::tracking::expect_ok;
use super::{Client, ClientError, ConnectionHandle, ask, hello, subscribe};
use crate::transport::{ConnectError, Endpoint, Stream};

/// Between two attempts to move.
const TRY_AGAIN: Duration = Duration::from_millis(500);

/// A wait that is as good as for ever: what a server announces may be any number.
const FAR_AWAY: Duration = Duration::from_secs(365 * 24 * 3600);

/// Connects to where a server says that it moves.
///
/// The address is the peer's word: judge it as any other that comes from outside, before connecting.
pub trait Mover: fmt::Debug + Send + Sync {
    /// Connects to `to`; None means the address that was configured, whose name may by now lead elsewhere.
    ///
    /// # Errors
    /// There is no connection; it is tried again until the old one ends.
    fn connect(&self, to: Option<&Endpoint>, timeout: Duration) -> Result<Stream, ConnectError>;
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Move {
    to: Option<Endpoint>,
    due_at: Instant,
    given_up_at: Instant,
}

/// A client as handlers get it. It can't send commands, because its client is in a call while handlers run.
#[derive(Debug, Clone, Default)]
pub struct ClientHandle(Arc<Mutex<Option<Move>>>);

impl ClientHandle {
    /// Makes the client move to another address, or connect anew to its own (`None`), when no reply is outstanding. To its
    /// own address it moves after half of `within`, when the name leads to the new server; it tries until `within` is
    /// over. A client without [`Mover`](super::PushConfig::mover) stays. A later request replaces an earlier one.
    pub fn request_move(&self, to: Option<Endpoint>, within: Duration) {
        let (now, within) = (Instant::now(), within.min(FAR_AWAY));
        let due_at = if to.is_some() { now } else { now + within / 2 };
        *self.lock() = Some(Move { to, due_at, given_up_at: now + within });
    }

    /// When the next attempt is due.
    fn due_at(&self) -> Option<Instant> {
        self.lock().as_ref().map(|moving| moving.due_at)
    }

    fn take_due(&self, now: Instant) -> Option<Move> {
        self.lock().take_if(|moving| moving.due_at <= now)
    }

    /// Keeps a move for another attempt, unless a newer one was requested or its time is over.
    fn put_off(&self, moving: Move, now: Instant) {
        let mut slot = self.lock();
        if slot.is_none() && now < moving.given_up_at {
            *slot = Some(Move { due_at: now + TRY_AGAIN, ..moving });
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Move>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The handler of `MOVING`. It belongs to no client: each push says whose connection it came over.
struct FollowMoves;

impl Handler for FollowMoves {
    fn handle(
        &self,
        notification: &Notification,
        context: &HandlerContext<'_>,
    ) -> Result<(), HandlerFailure> {
        let (Push::Maintenance(Maintenance::Moving { within, to, .. }), Some(client)) =
            (notification.read()?, context.client::<ClientHandle>())
        else {
            return Ok(());
        };
        client.request_move(to.map(|to| Endpoint::new(to.host, to.port)), within);
        Ok(())
    }
}

/// Lets `MOVING` be followed. Another client with the same processor, or the user, may have a handler there already.
pub(super) fn follow_moves(processor: &dyn Processor) -> Result<(), PushError> {
    match processor.register("MOVING", Some(Arc::new(FollowMoves)), Protection::Protected) {
        Err(error) if !is_handler_exists(&error) => Err(error),
        _ => Ok(()),
    }
}

impl Client {
    /// How many times it moved to another connection.
    pub fn moves(&self) -> u64 {
        self.pushes.connection.number - 1
    }

    /// Why the last attempt to move failed; None if it succeeded, or there was none. The old connection goes on.
    pub fn move_failure(&self) -> Option<&ClientError> {
        self.move_failure.as_ref()
    }

    /// When the next attempt to move is due, if the client can.
    pub(super) fn move_due_at(&self) -> Option<Instant> {
        self.pushes.client.due_at().filter(|_| self.can_move())
    }

    fn can_move(&self) -> bool {
        !self.is_broken() && self.mover.is_some() && self.session.can_move()
    }

    /// To be called while no reply is outstanding.
    pub(super) fn move_if_due(&mut self) {
        if !self.can_move() {
            return;
        }
        while let Some(moving) = self.pushes.client.take_due(Instant::now()) {
            self.move_failure = self.move_to(&moving).err();
            if self.move_failure.is_some() {
                self.pushes.client.put_off(moving, Instant::now());
            }
        }
    }

    fn move_to(&mut self, moving: &Move) -> Result<(), ClientError> {
        let Some(mover) = self.mover.clone() else { return Ok(()) };
        let deadline = Instant::now() + self.timeout;
        let stream = mover.connect(moving.to.as_ref(), self.timeout).map_err(ClientError::Move)?;
        let old = self.pushes.connection;
        self.pushes.connection =
            ConnectionHandle { number: old.number + 1, peer: stream.peer_addr().ok(), client_id: None };
        let mut fresh = Link::new(stream, self.limits);
        let listening = self.listen(&mut fresh, deadline);
        let new = std::mem::replace(&mut self.pushes.connection, old);
        listening?;
        self.take_leave(fresh, deadline);
        self.pushes.connection = new;
        Ok(())
    }

    /// Makes the new connection hear what the old one hears. Both do for a while: a message may be told twice.
    fn listen(&mut self, fresh: &mut Link, deadline: Instant) -> Result<(), ClientError> {
        let pushes = &mut self.pushes;
        let client_id = hello::greet(fresh, pushes, self.credentials.as_ref(), deadline)?;
        pushes.connection.client_id = client_id;
        ask_for_announcements(fresh, pushes, deadline)?;
        if let Some(db) = self.session.db() {
            expect_ok("SELECT", ask(fresh, pushes, &[b"SELECT", db], deadline)?)?;
        }
        for kind in SubscriptionKind::ALL {
            let names = pushes.subscriptions.names(kind);
            let names: Vec<&[u8]> = names.iter().map(Vec::as_slice).collect();
            if !names.is_empty() {
                subscribe::subscribe(fresh, pushes, kind, &names, deadline)??;
            }
        }
        if let Some(tracking) = &self.tracking {
            let args = tracking.args();
            let args: Vec<&[u8]> = args.iter().map(Vec::as_slice).collect();
            expect_ok("CLIENT TRACKING ON", ask(fresh, pushes, &args, deadline)?)?;
        }
        Ok(())
    }

    /// Hears out the old connection up to the reply to a last command, and closes it.
    fn take_leave(&mut self, fresh: Link, deadline: Instant) {
        let mut old = std::mem::replace(&mut self.link, fresh);
        if ask(&mut old, &mut self.pushes, &[b"PING"], deadline).is_err() {
            // It may have said more than arrived.
            self.pushes.subscriptions.disconnected();
        }
        // Keys that were read over the old connection are tracked by nobody now.
        self.pushes.tell_handlers_disconnected();
    }
}

/// Servers that announce nothing refuse it: they are those of `redis/redis` and `valkey-io/valkey`.
pub(super) fn ask_for_announcements(
    link: &mut Link,
    pushes: &mut Pushes,
    deadline: Instant,
) -> Result<(), ClientError> {
    ask(link, pushes, &[b"CLIENT", b"MAINT_NOTIFICATIONS", b"ON"], deadline).map(drop)
}
