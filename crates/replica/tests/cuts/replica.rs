//! What stands behind a connection: it keeps the source's logs, and remembers where it is.

use std::time::Instant;

use redis_replica::rdb::{Entry, Item, Value};
use redis_replica::{Command, Config, Connection, Credentials, Event, Place, Position, ReplId};

use super::common::parse_all;
use super::history::{Logs, Serving, Source};

#[derive(Default)]
pub struct Replica {
    pub logs: Logs,
    pub position: Option<Position>,
    pub full_resyncs: u32,
    pub continuations: u32,
    pub new_ids: u32,
    /// Values of the last snapshot that are no log.
    pub others: usize,
    replid: Option<ReplId>,
    group: Vec<(u32, String)>,
}

impl Replica {
    /// A transaction that was not completed is told anew.
    pub fn link_begins(&mut self) {
        self.group.clear();
    }

    pub fn take(&mut self, event: Event<'_>) {
        match event {
            Event::FullResync { replid, .. } => {
                (self.replid, self.position, self.others) = (replid, None, 0);
                self.logs.clear();
                self.full_resyncs += 1;
            }
            Event::Snapshot(Item::Entry(entry)) => self.load(&entry),
            Event::Snapshot(Item::Rejected(rejected)) => panic!("refused: {rejected:?}"),
            Event::Snapshot(_) | Event::MultiBegin { .. } => {}
            Event::SnapshotEnd { offset, db, .. } => self.moved(offset, db),
            Event::Continue { position, new_replid } => {
                assert_eq!(self.position.map(|position| position.offset), Some(position.offset));
                (self.replid, self.position) = (Some(position.replid), Some(position));
                self.continuations += 1;
                self.new_ids += u32::from(new_replid);
            }
            Event::Command(command) => self.command(&command),
            Event::MultiEnd { end_offset, db } => {
                for (db, text) in std::mem::take(&mut self.group) {
                    self.logs.entry(db).or_default().push(text);
                }
                self.moved(end_offset, db);
            }
            Event::Progress { end_offset, db } => self.moved(end_offset, db),
            other => panic!("an event the tests don't know: {other:?}"),
        }
    }

    fn load(&mut self, entry: &Entry<'_>) {
        match entry.object.decode().unwrap() {
            Value::List(all) if entry.key.as_ref() == b"log" => {
                let texts = all.into_iter().map(|text| String::from_utf8(text).unwrap()).collect();
                assert_eq!(self.logs.insert(entry.db, texts), None, "a key is loaded once");
            }
            _ => self.others += 1,
        }
    }

    fn command(&mut self, command: &Command<'_>) {
        let args: Vec<_> = command.view.args().map(String::from_utf8_lossy).collect();
        let [name, key, text] = &args[..] else { panic!("{args:?}") };
        assert_eq!((name.as_ref(), key.as_ref()), ("RPUSH", "log"));
        match command.place {
            Place::InTransaction => self.group.push((command.db, text.to_string())),
            Place::Alone => {
                self.logs.entry(command.db).or_default().push(text.to_string());
                self.moved(command.end_offset, command.db);
            }
        }
    }

    fn moved(&mut self, offset: u64, db: u32) {
        self.position = self.replid.map(|replid| Position { replid, offset, db });
    }
}

/// How one link goes.
#[derive(Clone, Copy)]
pub struct Link {
    /// The source's bytes end after so many.
    pub cut: usize,
    /// How many bytes a read brings.
    pub read_bytes: usize,
    /// How often the source writes while the link is up.
    pub writes: usize,
}

/// Follows the source until the link is cut or the source has nothing more to say. Returns how many bytes arrived.
pub fn follow(source: &mut Source, replica: &mut Replica, link: Link) -> usize {
    let now = Instant::now();
    let credentials = Some(Credentials::user("mirror", "secret"));
    let config = Config { credentials, resume: replica.position, ..Config::default() };
    let mut connection = Connection::new(config, now);
    let mut serving = Serving::default();
    let (mut arrived, mut writes) = (0, link.writes);
    replica.link_begins();
    loop {
        let answer = next_bytes(source, &mut serving, &sent(&mut connection), &mut writes);
        if answer.is_empty() {
            return arrived;
        }
        let there = answer.len().min(link.cut - arrived);
        for read in answer[..there].chunks(link.read_bytes) {
            connection.receive(read, now);
            while let Some(event) = connection.poll_event().unwrap() {
                replica.take(event);
                connection.set_applied(replica.position.map_or(0, |position| position.offset));
            }
        }
        arrived += there;
        if there < answer.len() {
            return arrived;
        }
    }
}

/// What the source says next: to what it was asked, or because it is written to.
fn next_bytes(source: &mut Source, serving: &mut Serving, sent: &[u8], writes: &mut usize) -> Vec<u8> {
    let requests = parse_all(sent);
    let answers: Vec<u8> = requests.iter().flat_map(|request| serving.answer(source, request)).collect();
    if !answers.is_empty() {
        return answers;
    }
    let mut stream = serving.stream(source);
    while stream.is_empty() && *writes > 0 {
        *writes -= 1;
        source.write();
        stream = serving.stream(source);
    }
    stream
}

pub fn sent(connection: &mut Connection) -> Vec<u8> {
    let mut sent = Vec::new();
    while let Some(bytes) = connection.poll_transmit() {
        sent.extend_from_slice(bytes);
        let len = bytes.len();
        connection.transmitted(len);
    }
    sent
}
