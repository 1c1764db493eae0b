//! A scripted source and a consumer, joined on a virtual clock.

#![allow(dead_code, clippy::unwrap_used)]

use std::time::{Duration, Instant};

use redis_replica::resp::{CommandParser, Limits, Parsed, encode_command};
use redis_replica::{Config, Connection, Error, Event, Place, Position, ReplId, rdb};

pub const REPLID: &str = "0123456789abcdef0123456789abcdef01234567";
pub const OTHER_REPLID: &str = "fedcba9876543210fedcba9876543210fedcba98";
pub const MARK: &[u8; 40] = b"MMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMMM";

pub fn replid(text: &str) -> ReplId {
    text.parse().unwrap()
}

pub fn position(offset: u64, db: u32) -> Position {
    Position { replid: replid(REPLID), offset, db }
}

/// One command as bytes.
pub fn command(words: &str) -> Vec<u8> {
    let args: Vec<&[u8]> = words.split(' ').map(str::as_bytes).collect();
    let mut out = Vec::new();
    encode_command(&args, &mut out);
    out
}

/// Several commands as bytes, one per line of `lines`.
pub fn commands(lines: &[&str]) -> Vec<u8> {
    lines.iter().flat_map(|line| command(line)).collect()
}

/// A snapshot of short string keys in db 0, without checksum.
pub fn snapshot(keys: &[(&str, &str)], aux: &[(&str, &str)]) -> Vec<u8> {
    let mut out = b"REDIS0011".to_vec();
    for (name, value) in aux {
        out.push(250);
        push_text(name, &mut out);
        push_text(value, &mut out);
    }
    if !keys.is_empty() {
        out.extend_from_slice(&[254, 0]);
    }
    for (key, value) in keys {
        out.push(0);
        push_text(key, &mut out);
        push_text(value, &mut out);
    }
    out.push(255);
    out.extend_from_slice(&[0; 8]);
    out
}

fn push_text(text: &str, out: &mut Vec<u8>) {
    assert!(text.len() < 64, "only the 6-bit length form is made here");
    out.push(text.len() as u8);
    out.extend_from_slice(text.as_bytes());
}

/// The snapshot as a source with or without disk wraps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrapping {
    Length,
    Mark,
}

pub fn wrap(snapshot: &[u8], wrapping: Wrapping) -> Vec<u8> {
    match wrapping {
        Wrapping::Length => [format!("${}\r\n", snapshot.len()).as_bytes(), snapshot].concat(),
        Wrapping::Mark => [b"$EOF:".as_slice(), MARK, b"\r\n", snapshot, MARK].concat(),
    }
}

/// An event, owned.
#[derive(Debug, Clone, PartialEq)]
pub enum Seen {
    FullResync(Option<ReplId>, u64),
    Key(u32, String),
    OtherItem,
    SnapshotEnd { bytes: u64, offset: u64, db: u32 },
    Continue(Position, bool),
    Command { db: u32, words: String, end: u64, place: Place },
    MultiBegin(u64),
    MultiEnd(u64, u32),
    Progress(u64, u32),
}

impl Seen {
    fn of(event: Event<'_>) -> Seen {
        match event {
            Event::FullResync { replid, offset } => Seen::FullResync(replid, offset),
            Event::Snapshot(rdb::Item::Entry(entry)) => Seen::Key(entry.db, text(&entry.key)),
            Event::Snapshot(_) => Seen::OtherItem,
            Event::SnapshotEnd { bytes, offset, db } => Seen::SnapshotEnd { bytes, offset, db },
            Event::Continue { position, new_replid } => Seen::Continue(position, new_replid),
            Event::Command(command) => {
                let words: Vec<String> = command.view.args().map(text).collect();
                let (db, end, place) = (command.db, command.end_offset, command.place);
                Seen::Command { db, words: words.join(" "), end, place }
            }
            Event::MultiBegin { end_offset } => Seen::MultiBegin(end_offset),
            Event::MultiEnd { end_offset, db } => Seen::MultiEnd(end_offset, db),
            Event::Progress { end_offset, db } => Seen::Progress(end_offset, db),
            other => panic!("an event the tests don't know: {other:?}"),
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A connection with what it told and sent so far.
pub struct Link {
    pub connection: Connection,
    pub now: Instant,
    pub seen: Vec<Seen>,
    pub failure: Option<Error>,
}

impl Link {
    pub fn new(config: Config) -> Self {
        let now = Instant::now();
        Link { connection: Connection::new(config, now), now, seen: Vec::new(), failure: None }
    }

    pub fn feed(&mut self, bytes: &[u8]) {
        self.connection.receive(bytes, self.now);
        self.drain();
    }

    pub fn feed_by(&mut self, bytes: &[u8], step: usize) {
        bytes.chunks(step).for_each(|chunk| self.feed(chunk));
    }

    pub fn pass(&mut self, time: Duration) {
        self.now += time;
        self.connection.handle_timeout(self.now);
        self.drain();
    }

    fn drain(&mut self) {
        loop {
            match self.connection.poll_event() {
                Ok(Some(event)) => self.seen.push(Seen::of(event)),
                Ok(None) => return,
                Err(error) => {
                    self.failure = Some(error);
                    return;
                }
            }
        }
    }

    /// What was sent since the last call.
    pub fn sent(&mut self) -> Vec<u8> {
        let mut sent = Vec::new();
        while let Some(bytes) = self.connection.poll_transmit() {
            sent.extend_from_slice(bytes);
            let len = bytes.len();
            self.connection.transmitted(len);
        }
        sent
    }

    /// Answers the handshake up to the request for data, which is returned.
    pub fn shake_hands(&mut self) -> Vec<u8> {
        loop {
            let request = self.sent();
            if request.windows(5).any(|word| word == b"PSYNC") {
                return request;
            }
            assert!(!request.is_empty(), "the handshake stands still: {:?}", self.failure);
            self.feed(b"+OK\r\n");
        }
    }

    /// Through a full synchronization with an empty snapshot, into the stream at `offset`.
    pub fn synchronize(&mut self, offset: u64) {
        self.shake_hands();
        self.feed(format!("+FULLRESYNC {REPLID} {offset}\r\n").as_bytes());
        self.feed(&wrap(&snapshot(&[], &[]), Wrapping::Length));
        assert_eq!(self.failure, None);
        self.seen.clear();
        self.sent();
    }
}

/// What is in a stream of commands, as lines.
pub fn parse_all(mut bytes: &[u8]) -> Vec<String> {
    let mut parser = CommandParser::new(Limits::default());
    let mut lines = Vec::new();
    while !bytes.is_empty() {
        match parser.parse(bytes).unwrap() {
            Parsed::Command(len) => {
                let words: Vec<String> = parser.view(&bytes[..len]).args().map(text).collect();
                lines.push(words.join(" "));
                bytes = &bytes[len..];
            }
            Parsed::Nothing(len) | Parsed::Inline(len) => bytes = &bytes[len..],
            Parsed::Need(_) => break,
        }
    }
    lines
}

/// A source with one history: what a server does, as far as one replica sees it.
#[derive(Clone)]
pub struct Source {
    pub replid: &'static str,
    pub base: u64,
    pub snapshot: Vec<u8>,
    pub wrapping: Wrapping,
    pub stream: Vec<u8>,
}

/// One link's view of a source.
pub struct Serving<'a> {
    source: &'a Source,
    /// Stream bytes held back until the first acknowledgement.
    held: Option<&'a [u8]>,
}

impl Source {
    pub fn serve(&self) -> Serving<'_> {
        Serving { source: self, held: None }
    }
}

impl Serving<'_> {
    /// What the source sends in answer to `request`.
    pub fn answer(&mut self, request: &str) -> Vec<u8> {
        let words: Vec<&str> = request.split(' ').collect();
        match words[..] {
            ["REPLCONF", "ACK", _] => self.held.take().unwrap_or_default().to_vec(),
            ["PING"] => b"+PONG\r\n".to_vec(),
            ["REPLCONF", "version", _] => b"-ERR Unrecognized REPLCONF option: version\r\n".to_vec(),
            ["PSYNC", "?", "-1"] => self.full_resync(),
            ["PSYNC", _, offset] => self.partial_resync(offset.parse().unwrap()),
            _ => b"+OK\r\n".to_vec(),
        }
    }

    fn full_resync(&mut self) -> Vec<u8> {
        let source = self.source;
        let mut out = format!("\n+FULLRESYNC {} {} more\r\n\n", source.replid, source.base).into_bytes();
        out.extend(wrap(&source.snapshot, source.wrapping));
        match source.wrapping {
            Wrapping::Length => out.extend_from_slice(&source.stream),
            Wrapping::Mark => self.held = Some(&source.stream),
        }
        out
    }

    fn partial_resync(&self, next: u64) -> Vec<u8> {
        let from = next - 1 - self.source.base;
        [b"+CONTINUE\r\n", &self.source.stream[from as usize..]].concat()
    }
}

/// Applies what it is told, as a consumer does: transactions whole, or not at all.
#[derive(Default)]
pub struct Consumer {
    pub applied: Vec<(u32, String)>,
    pub position: Option<Position>,
    pub full_resyncs: u32,
    replid: Option<ReplId>,
    group: Vec<(u32, String)>,
}

impl Consumer {
    pub fn link_lost(&mut self) {
        self.group.clear();
    }

    pub fn take(&mut self, seen: Seen) {
        match seen {
            Seen::FullResync(replid, _) => {
                *self = Consumer { replid, full_resyncs: self.full_resyncs + 1, ..Consumer::default() };
            }
            Seen::Key(db, key) => self.applied.push((db, format!("key {key}"))),
            Seen::OtherItem => {}
            Seen::SnapshotEnd { offset, db, .. } => self.moved(offset, db),
            Seen::Continue(position, _) => {
                self.replid = Some(position.replid);
                self.position = Some(position);
            }
            Seen::Command { db, words, place: Place::InTransaction, .. } => self.group.push((db, words)),
            Seen::Command { db, words, end, .. } => {
                self.applied.push((db, words));
                self.moved(end, db);
            }
            Seen::MultiBegin(_) => assert!(self.group.is_empty()),
            Seen::MultiEnd(end, db) => {
                self.applied.append(&mut self.group);
                self.moved(end, db);
            }
            Seen::Progress(end, db) => {
                assert!(self.group.is_empty(), "progress within a transaction");
                self.moved(end, db);
            }
        }
    }

    fn moved(&mut self, offset: u64, db: u32) {
        self.position = self.replid.map(|replid| Position { replid, offset, db });
    }
}

/// Runs one link between `source` and `consumer` until the source has nothing more to say, or `budget` bytes of it
/// have arrived. Returns how many arrived.
pub fn run_link(source: &Source, consumer: &mut Consumer, budget: usize, step: usize) -> usize {
    let mut link = Link::new(Config { resume: consumer.position, ..Config::default() });
    let mut serving = source.serve();
    let mut arrived = 0;
    loop {
        let requests = parse_all(&link.sent());
        if requests.is_empty() {
            return arrived;
        }
        for request in requests {
            let answer = serving.answer(&request);
            let left = answer.len().min(budget - arrived);
            for chunk in answer[..left].chunks(step) {
                link.feed(chunk);
                link.seen.drain(..).for_each(|seen| consumer.take(seen));
                let applied = consumer.position.map_or(0, |position| position.offset);
                link.connection.set_applied(applied);
            }
            assert_eq!(link.failure, None);
            arrived += left;
            if left < answer.len() {
                consumer.link_lost();
                return arrived;
            }
        }
    }
}
