//! A connection that is fed, and all that it tells and asks.

use std::time::Instant;

use redis_replica::resp::{CommandParser, Limits as RespLimits, Parsed};
use redis_replica::{Config, Connection, Error, Event, Limits, Place, Position, ReplId, State};

use super::pieces::Pieces;
use super::rdb_file;

/// What a connection under test may hold, in bytes: far more than an input has.
pub const BUFFER_BYTES: usize = 1 << 16;

pub fn limits() -> Limits {
    Limits { rdb: rdb_file::limits(), buffer_bytes: BUFFER_BYTES, db_max: 1000, ..Limits::default() }
}

/// An event, owned. Progress is left out: it shows where reads end, and is meant to.
#[derive(Debug, PartialEq, Eq)]
pub enum Told {
    FullResync(Option<ReplId>, u64),
    Item(String),
    SnapshotEnd(u64, u64, u32),
    Continue(Position, bool),
    Command(u32, Vec<Vec<u8>>, u64, Place),
    MultiBegin(u64),
    MultiEnd(u64, u32),
}

/// Where in the input the stream begins, and its offset there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Start {
    pub at: usize,
    pub offset: u64,
}

/// A link from its first byte to its last.
#[derive(Debug, Default)]
pub struct Trace {
    pub told: Vec<Told>,
    /// Positions to resume from, each with the number of events told before it.
    pub positions: Vec<(usize, Position)>,
    /// All that was sent but acknowledgements and keepalives.
    pub requests: Vec<Vec<Vec<u8>>>,
    pub start: Option<Start>,
    pub failure: Option<Error>,
    replid: Option<ReplId>,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Handshake,
    Snapshot,
    Stream,
    Transaction,
}

/// Feeds `bytes` to a new connection, cut as the seed says.
pub fn follow(config: Config, bytes: &[u8], seed: u8) -> Trace {
    let now = Instant::now();
    let mut connection = Connection::new(config, now);
    let mut trace = Trace::default();
    let mut fed = 0;
    trace.send(&mut connection);
    for piece in Pieces::new(bytes, seed) {
        connection.receive(piece, now);
        fed += piece.len();
        while trace.failure.is_none() && trace.take(&mut connection, fed) {}
        assert!(connection.buffered() <= BUFFER_BYTES);
        if trace.failure.is_some() {
            trace.check_failed(&mut connection);
            return trace;
        }
        trace.check_offset(&connection, fed);
        trace.send(&mut connection);
    }
    trace
}

/// The commands in what is sent.
pub fn commands_in(mut bytes: &[u8]) -> Vec<Vec<Vec<u8>>> {
    let mut parser = CommandParser::new(RespLimits::default());
    let mut commands = Vec::new();
    while !bytes.is_empty() {
        let taken = match parser.parse(bytes).expect("what is sent is RESP") {
            Parsed::Command(taken) => {
                commands.push(parser.view(bytes).to_vec());
                taken
            }
            Parsed::Nothing(taken) => taken,
            other => panic!("sent: {other:?}"),
        };
        bytes = &bytes[taken..];
    }
    commands
}

impl Trace {
    pub fn check_failed(&self, connection: &mut Connection) {
        assert_eq!(connection.state(), State::Failed);
        assert_eq!(connection.poll_event().err(), self.failure, "errors are final");
        assert!(connection.poll_transmit().is_none() && connection.poll_timeout().is_none());
    }

    /// Takes one event; false if there is none.
    pub fn take(&mut self, connection: &mut Connection, fed: usize) -> bool {
        let told = match connection.poll_event() {
            Ok(Some(event)) => self.owned(event),
            Ok(None) => return false,
            Err(error) => {
                self.failure = Some(error);
                return false;
            }
        };
        if matches!(told, Some(Told::SnapshotEnd(..) | Told::Continue(..))) {
            self.start = Some(Start { at: fed - connection.buffered(), offset: connection.offset() });
        }
        self.told.extend(told);
        self.note_position(connection);
        true
    }

    /// The event, if it is to be compared. The order of events is checked here.
    pub fn owned(&mut self, event: Event<'_>) -> Option<Told> {
        let (before, after, told) = match event {
            Event::FullResync { replid, offset } => {
                self.replid = replid;
                (Stage::Handshake, Stage::Snapshot, Some(Told::FullResync(replid, offset)))
            }
            Event::Snapshot(item) => {
                let told = (!rdb_file::is_beyond_a_limit(&item)).then(|| Told::Item(format!("{item:?}")));
                (Stage::Snapshot, Stage::Snapshot, told)
            }
            Event::SnapshotEnd { bytes, offset, db } => {
                (Stage::Snapshot, Stage::Stream, Some(Told::SnapshotEnd(bytes, offset, db)))
            }
            Event::Continue { position, new_replid } => {
                self.replid = Some(position.replid);
                (Stage::Handshake, Stage::Stream, Some(Told::Continue(position, new_replid)))
            }
            Event::Command(command) => {
                let stage = match command.place {
                    Place::Alone => Stage::Stream,
                    Place::InTransaction => Stage::Transaction,
                };
                let args = command.view.to_vec();
                (stage, stage, Some(Told::Command(command.db, args, command.end_offset, command.place)))
            }
            Event::MultiBegin { end_offset } => {
                (Stage::Stream, Stage::Transaction, Some(Told::MultiBegin(end_offset)))
            }
            Event::MultiEnd { end_offset, db } => {
                (Stage::Transaction, Stage::Stream, Some(Told::MultiEnd(end_offset, db)))
            }
            Event::Progress { .. } => (Stage::Stream, Stage::Stream, None),
            other => panic!("an event the checks don't know: {other:?}"),
        };
        assert_eq!(self.stage, before, "{told:?}");
        self.stage = after;
        told
    }

    /// Between commands outside of a transaction a link can be resumed.
    fn note_position(&mut self, connection: &mut Connection) {
        let (Stage::Stream, Some(replid)) = (self.stage, self.replid) else { return };
        let position = Position { replid, offset: connection.offset(), db: connection.db() };
        let last = self.positions.last().map(|(_, position)| position.offset);
        assert!(last.is_none_or(|last| last <= position.offset), "the offset goes back");
        self.positions.push((self.told.len(), position));
        connection.set_applied(position.offset);
    }

    /// The offset counts every byte of the stream that was taken, and no other.
    pub fn check_offset(&self, connection: &Connection, fed: usize) {
        if let Some(start) = self.start {
            let taken = fed - connection.buffered() - start.at;
            assert_eq!(connection.offset(), start.offset + taken as u64);
        }
    }

    pub fn send(&mut self, connection: &mut Connection) {
        while let Some(bytes) = connection.poll_transmit() {
            let (commands, len) = (commands_in(bytes), bytes.len());
            commands.into_iter().for_each(|command| self.sent(command));
            connection.transmitted(len);
        }
    }

    fn sent(&mut self, command: Vec<Vec<u8>>) {
        let [name, option, number] = &command[..] else { return self.requests.push(command) };
        if (&name[..], &option[..]) != (b"REPLCONF", b"ACK") {
            return self.requests.push(command);
        }
        let number: u64 = String::from_utf8_lossy(number).parse().expect("a number is acknowledged");
        let applied = self.positions.last().map_or(0, |(_, position)| position.offset);
        assert!(number <= applied, "{number} is acknowledged, {applied} is applied");
    }

    /// The same link as `whole`, cut into pieces.
    pub fn assert_same(&self, whole: &Trace) {
        assert_eq!(self.told, whole.told, "pieces change nothing");
        assert_eq!(self.start, whole.start);
        let (failure, of_whole) = (self.failure.as_ref().map(class), whole.failure.as_ref().map(class));
        // That more must come than was announced, or that what came is wrong, is found at one time or the other.
        let agree = failure == of_whole || self.foresees(whole) || whole.foresees(self);
        assert!(agree, "{failure:?} in pieces, {of_whole:?} as a whole");
    }
}

impl Trace {
    /// Whether this link has found a fault of the snapshot that `waiting` has yet to reach.
    pub fn foresees(&self, waiting: &Trace) -> bool {
        let failure = self.failure.as_ref().map(class);
        failure.as_deref() == Some(SNAPSHOT) && waiting.failure.is_none() && waiting.stage == Stage::Snapshot
    }
}

const SNAPSHOT: &str = "snapshot";

/// Which of a snapshot's faults is found first depends on what has arrived: its end or a limit can be foreseen.
pub fn class(error: &Error) -> String {
    match error {
        Error::Snapshot(_) | Error::SnapshotTooLong { .. } | Error::SnapshotTooShort { .. } => {
            "snapshot".into()
        }
        other => format!("{other:?}"),
    }
}
