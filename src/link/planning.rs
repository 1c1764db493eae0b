//! From a connection's events to planned work in the queue.

mod fetch;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use mirror_engine::{Batch, Cut, Planner, ReplId, Scope};
use redis_replica::rdb::{Entry, Item};
use redis_replica::{Connection, Event, Place, Position};

use super::LinkError;
use super::clock::SourceClock;
use super::control::{Control, ControlError};
use super::limits::UnitLimits;
use super::message::{Fetched, Message, Request, Seen, Work};
use super::shared::{Planned, Quarantined, Shared};

/// A batch is sent off when it holds this much, or when nothing more is at hand.
const BATCH_BYTES: usize = 64 * 1024;

/// How often STATUS's view of the planner is renewed.
const PUBLISH_INTERVAL: Duration = Duration::from_millis(100);

/// How long until a source that could not tell, or whose history is not the link's, is asked again where it
/// stands.
const ASK_AGAIN: Duration = Duration::from_millis(250);

/// Wakes the main thread. A function, so that this file needs no context.
pub type WakeMain = Box<dyn Fn() + Send>;

/// Plans what one source sends, over all its connections.
pub struct Planning {
    planner: Planner,
    scope: Arc<Scope>,
    control: Control,
    clock: SourceClock,
    limits: Option<UnitLimits>,
    wake_main: WakeMain,
    batch: Batch,
    /// Where the stream may be taken up again: the end of the last whole unit planned.
    position: Option<Position>,
    is_first_connection: bool,
    load: Option<Load>,
    published: Option<Instant>,
    /// Waiters up to this number wait for an answer, until the link follows the history the source has now.
    unanswered: Option<u64>,
    /// When they are asked about again.
    ask_after: Option<Instant>,
}

/// A snapshot that is being read.
struct Load {
    replid: Option<ReplId>,
    seen: Seen,
}

impl Planning {
    /// Begins at `position`, or with a full resync.
    pub fn new(
        planner: Planner,
        scope: Arc<Scope>,
        control: Control,
        wake_main: WakeMain,
        position: Option<Position>,
    ) -> Self {
        Self {
            planner,
            scope,
            control,
            clock: SourceClock::default(),
            limits: None,
            wake_main,
            batch: Batch::new(),
            position,
            is_first_connection: true,
            load: None,
            published: None,
            unanswered: None,
            ask_after: None,
        }
    }

    /// Where the next connection goes on; `None` asks for a full resync.
    pub fn position(&self) -> Option<Position> {
        self.position
    }

    /// Makes the next connection begin with a full resync.
    pub fn forget_position(&mut self) {
        self.position = None;
    }

    /// Sets what one unit may take from now on.
    pub fn set_limits(&mut self, limits: UnitLimits) {
        if self.limits.replace(limits) != Some(limits) {
            self.planner.set_limits(limits.planned(), limits.received().rdb);
            self.control.set_limits(limits);
        }
    }

    fn keep_limits(&mut self, connection: &mut Connection, shared: &Shared) {
        let limits = shared.unit_limits();
        if self.limits != Some(limits) {
            self.set_limits(limits);
            connection.set_limits(limits.received());
        }
    }

    /// Forgets what a broken connection left half done.
    pub fn connection_broke(&mut self, shared: &Shared) -> Result<(), LinkError> {
        self.load = None;
        self.control.close();
        match self.position {
            Some(position) => self.planner.start(position.replid, &mut self.batch)?,
            None => self.batch.clear(),
        }
        self.send(shared);
        Ok(())
    }

    /// Takes events until there are none or the queue is full.
    pub fn take_events(&mut self, connection: &mut Connection, shared: &Shared) -> Result<(), LinkError> {
        if let Some(ids) = shared.take_own_replids() {
            self.planner.set_own_replids(&ids);
        }
        if let Some(now_ms) = self.clock.now_ms(&mut self.control) {
            self.planner.set_source_now(now_ms);
        }
        self.keep_limits(connection, shared);
        while !shared.queue.is_full() {
            let Some(event) = connection.poll_event()? else { break };
            self.take(event, shared)?;
            if self.batch.size_bytes() >= BATCH_BYTES {
                self.send(shared);
            }
        }
        self.send(shared);
        self.publish(shared);
        shared.figures.received_offset.store(connection.offset(), Ordering::Relaxed);
        Ok(())
    }

    fn take(&mut self, event: Event<'_>, shared: &Shared) -> Result<(), LinkError> {
        match event {
            Event::Command(command) => {
                let cut =
                    self.planner.command(command.db, &command.view, command.end_offset, &mut self.batch)?;
                if command.place == Place::Alone {
                    self.moved_to(command.end_offset, command.db);
                }
                self.cut(cut, shared)
            }
            Event::MultiBegin { .. } => Ok(self.planner.multi(&mut self.batch)?),
            Event::MultiEnd { end_offset, db } => {
                let cut = self.planner.exec(db, end_offset, &mut self.batch)?;
                self.moved_to(end_offset, db);
                self.cut(cut, shared)
            }
            Event::Progress { end_offset, db } => {
                self.planner.progress(db, end_offset, &mut self.batch)?;
                self.moved_to(end_offset, db);
                Ok(())
            }
            Event::FullResync { replid, offset } => self.begin_load(replid, offset, shared),
            Event::Snapshot(item) => self.take_item(item, shared),
            Event::SnapshotEnd { offset, db, .. } => self.end_load(offset, db, shared),
            Event::Continue { position, .. } => self.go_on(position, shared),
            _ => Ok(()),
        }
    }

    fn moved_to(&mut self, offset: u64, db: u32) {
        if let Some(position) = &mut self.position {
            (position.offset, position.db) = (offset, db);
        }
    }

    /// A unit with other origins than the batch's waits for an empty one.
    fn cut(&mut self, cut: Cut, shared: &Shared) -> Result<(), LinkError> {
        if cut == Cut::Before {
            self.send(shared);
            self.planner.deliver_held(&mut self.batch)?;
        }
        Ok(())
    }

    /// Sends the batch off, unless a unit in it is still being filled.
    fn send(&mut self, shared: &Shared) {
        if self.batch.is_empty() || !self.batch.is_complete() {
            return;
        }
        let batch = std::mem::replace(&mut self.batch, shared.spare_batch());
        let size = batch.size_bytes();
        self.post(Message::Work(Work { batch, arrived: Instant::now() }), size, shared);
    }

    /// Lets STATUS see what planning found, now and then.
    fn publish(&mut self, shared: &Shared) {
        let now = Instant::now();
        if self.published.is_some_and(|at| now.duration_since(at) < PUBLISH_INTERVAL) {
            return;
        }
        self.published = Some(now);
        let counters = self.planner.counters();
        let refused = counters.refused_names().iter().map(|row| {
            (format!("{} ({})", String::from_utf8_lossy(&row.name).escape_debug(), row.reason), row.count)
        });
        let lost = counters.lost_keys().iter().map(|lost| Quarantined {
            db: lost.db,
            key: lost.key.clone(),
            reason: lost.loss.to_string(),
        });
        shared.set_planned(Planned {
            filtered: counters.filtered,
            looped: counters.looped_units,
            refused_total: counters.refused,
            refused: refused.collect(),
            losses: counters.losses,
            lost: lost.collect(),
        });
    }

    fn post(&self, message: Message, size: usize, shared: &Shared) {
        shared.queue.push(message, size.max(1));
        (self.wake_main)();
    }
}

/// Full and partial resyncs.
impl Planning {
    fn begin_load(&mut self, replid: Option<ReplId>, offset: u64, shared: &Shared) -> Result<(), LinkError> {
        if let Some(replid) = replid {
            self.planner.start(replid, &mut self.batch)?;
        }
        self.send(shared);
        self.position = None;
        self.load = Some(Load { replid, seen: shared.new_seen() });
        shared.figures.keys_total.store(0, Ordering::Relaxed);
        self.post(Message::FullResync { replid, offset }, 1, shared);
        Ok(())
    }

    fn take_item(&mut self, item: Item<'_>, shared: &Shared) -> Result<(), LinkError> {
        match item {
            Item::Header { family, version, .. } => {
                self.planner.set_source_family(family);
                self.clock.note_rdb_version(family, version);
                Ok(())
            }
            Item::Entry(entry) => self.take_entry(&entry),
            Item::Rejected(rejected) => {
                self.planner.snapshot_rejected(&rejected);
                Ok(())
            }
            Item::ResizeDb { keys, .. } => {
                let total = &shared.figures.keys_total;
                // Only this thread writes it, and a source may announce any number.
                total.store(total.load(Ordering::Relaxed).saturating_add(keys), Ordering::Relaxed);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn take_entry(&mut self, entry: &Entry<'_>) -> Result<(), LinkError> {
        let mut name = Vec::new();
        let Some(load) = &mut self.load else { return Ok(()) };
        if let Some((db, key)) = self.scope.map(entry.db, &entry.key, &mut name) {
            load.seen.insert(db, key)?;
        }
        Ok(self.planner.snapshot_entry(entry, &mut self.batch)?)
    }

    fn end_load(&mut self, offset: u64, db: u32, shared: &Shared) -> Result<(), LinkError> {
        self.send(shared);
        let Some(load) = self.load.take() else { return Ok(()) };
        self.position = load.replid.map(|replid| Position { replid, offset, db });
        let message = Message::SnapshotEnd { seen: Box::new(load.seen), db };
        self.post(message, 1, shared);
        Ok(())
    }

    fn go_on(&mut self, position: Position, shared: &Shared) -> Result<(), LinkError> {
        self.planner.start(position.replid, &mut self.batch)?;
        self.send(shared);
        self.position = Some(position);
        let first = std::mem::take(&mut self.is_first_connection);
        let source_offset = if first { self.ask_first() } else { None };
        shared.figures.partial_resyncs.fetch_add(1, Ordering::Relaxed);
        self.post(Message::Continue { replid: position.replid, first, source_offset }, 1, shared);
        Ok(())
    }
}

/// What the control connection tells of a source whose stream is taken up without a snapshot.
impl Planning {
    fn ask_first(&mut self) -> Option<u64> {
        let stand = self.control.stand().ok()?;
        self.planner.set_source_family(self.control.family());
        self.clock.note_expiries(self.control.expiries());
        Some(stand.offset)
    }
}

/// Answers to the main thread's requests.
impl Planning {
    /// Serves what the main thread asked for. A source that can't be asked is an answer too.
    pub fn serve_requests(&mut self, shared: &Shared) -> Result<(), LinkError> {
        while let Some(request) = shared.next_request() {
            match request {
                Request::SourceOffset { waiter } => {
                    self.unanswered = Some(waiter);
                    self.ask_after = None;
                }
                Request::Fetch { round, keys } => {
                    let answer = Message::Fetched(Fetched { round, values: self.fetch(&keys) });
                    self.post(answer, 1, shared);
                }
            }
        }
        self.answer_waiters(shared);
        Ok(())
    }

    /// Tells where the source stands. An offset counts in one history only: while the link follows none, or
    /// not the one that the source has now, there is no answer yet.
    fn answer_waiters(&mut self, shared: &Shared) {
        let (Some(up_to), Some(position)) = (self.unanswered, self.position) else { return };
        if self.ask_after.is_some_and(|at| Instant::now() < at) {
            return;
        }
        let offset = match self.control.stand() {
            Ok(stand) if stand.replid != position.replid => return self.ask_again(),
            Err(ControlError::TooSoon) => return self.ask_again(),
            stand => stand.map(|stand| stand.offset).map_err(|error| error.to_string()),
        };
        self.unanswered = None;
        self.post(Message::SourceOffset { up_to, offset }, 1, shared);
    }

    fn ask_again(&mut self) {
        self.ask_after = Some(Instant::now() + ASK_AGAIN);
    }
}
