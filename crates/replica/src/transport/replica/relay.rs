//! From the driver's events to the handler's callbacks.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use crate::callback::{Batch, BatchLimits, Handler, HandlerError, Phase, Unpacker, Whereabouts};
use crate::connection::{Command, Place};
use crate::position::{Position, ReplId};
use crate::rdb;
use crate::transport::{LinkError, Observer, ObserverError};

use super::asked::{Asked, Taker};
use super::options::Transactions;
use super::status::{ReplicaState, Shared, Status};

/// What a start waits for.
pub(super) enum Started {
    Init(Result<(), HandlerError>),
    Loaded,
}

pub(super) struct Relay<H> {
    handler: H,
    unpacker: Unpacker,
    live: Batch,
    transactions: Transactions,
    queue: Taker<H>,
    shared: Arc<Shared>,
    /// None once the first load was told, and if nobody waits for the start.
    started: Option<SyncSender<Started>>,
    /// The same as in `shared`, without its lock.
    state: ReplicaState,
}

impl<H: Handler> Relay<H> {
    pub(super) fn new(
        handler: H,
        limits: BatchLimits,
        transactions: Transactions,
        queue: Taker<H>,
        shared: Arc<Shared>,
        started: Option<SyncSender<Started>>,
    ) -> Self {
        Relay {
            handler,
            unpacker: Unpacker::new(limits),
            live: Batch::new(Phase::Streaming),
            transactions,
            queue,
            shared,
            started,
            state: ReplicaState::Init,
        }
    }

    /// The handler, when the driver is done with it.
    pub(super) fn end(mut self) -> H {
        self.enter(ReplicaState::Ended, |status| status.peer = None);
        self.handler
    }

    fn enter(&mut self, state: ReplicaState, change: impl FnOnce(&mut Status)) {
        self.state = state;
        self.shared.change(|status| {
            status.state = state;
            change(status);
        });
    }

    fn moved(&self, offset: u64, db: u32) {
        self.shared.change(|status| (status.offset, status.db) = (offset, db));
    }

    fn loaded(&mut self) {
        if let Some(started) = self.started.take() {
            // Nobody waits with `Start::AtOnce`.
            let _ = started.try_send(Started::Loaded);
        }
    }

    fn is_connected(&self) -> bool {
        matches!(self.state, ReplicaState::Snapshot | ReplicaState::Streaming)
    }

    fn marker(&mut self, name: &'static [u8], at: Whereabouts) {
        if self.transactions == Transactions::Raw {
            self.live.push(at, [name]);
        }
    }

    fn deliver(&mut self) -> Result<(), HandlerError> {
        if self.live.is_empty() {
            return Ok(());
        }
        let outcome = self.handler.batch(&self.live);
        self.live.clear(Phase::Streaming);
        outcome
    }
}

impl<H: Handler> Observer for Relay<H> {
    fn init(&mut self) -> Result<(), ObserverError> {
        let outcome = self.handler.init();
        let Some(started) = &self.started else { return outcome };
        let result = if outcome.is_ok() { Ok(()) } else { Err("the handler refused to start".into()) };
        // The reason itself goes to whoever waits for the start.
        let _ = started.try_send(Started::Init(outcome));
        result
    }

    fn connecting(&mut self) {
        self.enter(ReplicaState::Connecting, |status| status.peer = None);
    }

    fn connected(&mut self, peer: SocketAddr) {
        self.enter(ReplicaState::Handshake, |status| status.peer = Some(peer));
    }

    fn replication_start(&mut self, replid: Option<ReplId>, offset: u64) -> Result<(), ObserverError> {
        self.unpacker.begin(offset);
        self.enter(ReplicaState::Snapshot, |status| {
            (status.replid, status.offset, status.db, status.is_loaded) = (replid, offset, 0, false);
        });
        self.handler.replication_start(replid, offset)
    }

    fn snapshot_item(&mut self, item: rdb::Item<'_>) -> Result<(), ObserverError> {
        self.unpacker.item(&item, &mut self.handler)
    }

    fn streaming_start(&mut self, position: Option<Position>) -> Result<(), ObserverError> {
        self.unpacker.flush(&mut self.handler)?;
        self.handler.streaming_start(position)?;
        self.enter(ReplicaState::Streaming, |status| {
            status.is_loaded = true;
            if let Some(position) = position {
                (status.offset, status.db) = (position.offset, position.db);
            }
        });
        self.loaded();
        Ok(())
    }

    fn resumed(&mut self, position: Position) -> Result<(), ObserverError> {
        self.handler.resumed(position)?;
        self.enter(ReplicaState::Streaming, |status| {
            (status.replid, status.is_loaded) = (Some(position.replid), true);
            (status.offset, status.db) = (position.offset, position.db);
        });
        self.loaded();
        Ok(())
    }

    fn command(&mut self, command: Command<'_>) -> Result<(), ObserverError> {
        let at = Whereabouts { db: command.db, offset: command.end_offset, place: command.place };
        self.live.push(at, command.view.args());
        if command.place == Place::InTransaction {
            return Ok(());
        }
        self.deliver()?;
        self.moved(command.end_offset, command.db);
        Ok(())
    }

    fn transaction_begin(&mut self, at: Whereabouts) -> Result<(), ObserverError> {
        self.live.clear(Phase::Streaming);
        self.marker(b"multi", at);
        Ok(())
    }

    fn transaction_end(&mut self, end_offset: u64, db: u32) -> Result<(), ObserverError> {
        self.marker(b"exec", Whereabouts { db, offset: end_offset, place: Place::InTransaction });
        self.deliver()?;
        self.moved(end_offset, db);
        Ok(())
    }

    fn progress(&mut self, end_offset: u64, db: u32) -> Result<(), ObserverError> {
        self.moved(end_offset, db);
        Ok(())
    }

    fn woken(&mut self) -> Result<(), ObserverError> {
        // What was told before is part of what a call sees.
        self.unpacker.flush(&mut self.handler)?;
        while let Some(asked) = self.queue.pop() {
            match asked {
                Asked::Call(call) if self.is_connected() => call(Some(&mut self.handler)),
                Asked::Call(call) => call(None),
                Asked::Message(message) => self.handler.message(message)?,
            }
        }
        Ok(())
    }

    fn closed(&mut self, reason: &LinkError, retry_in: Option<Duration>) {
        self.unpacker.begin(0);
        self.live.clear(Phase::Streaming);
        self.enter(ReplicaState::BackingOff, |status| status.peer = None);
        self.handler.closed(reason, retry_in);
    }

    fn destroy(&mut self) {
        if let Err(error) = self.handler.destroy() {
            self.handler.note(&format_args!("the handler's end failed: {error}"));
        }
    }
}
