//! Hundreds of breaks of a real server's links, at random bytes, while it is written to: everything arrives once, in
//! order, in its database, whether the server continues or begins anew.
//!
//! `REDIS_MIRROR_BREAKS` says how many with each server (60), `REDIS_MIRROR_TEST_SEED` where.

#![cfg(feature = "net")]
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use redis_mirror_test_support::wait::wait_until;
use redis_mirror_test_support::{
    Client, Command as Request, Direction, Installed, Options, Proxy, Random, Server, cmd, servers,
};
use redis_replica::callback::Whereabouts;
use redis_replica::rdb::{Item, Value};
use redis_replica::transport::{
    BackoffConfig, Driver, DriverConfig, DriverError, Endpoint, Observer, ObserverError, StopHandle,
};
use redis_replica::{Command, Place, Position, ReplId};

const DBS: usize = 4;

/// The smallest backlog that servers have (CONFIG_REPL_BACKLOG_MIN_SIZE in server.h).
const BACKLOG_BYTES: usize = 16 << 10;

/// What was pushed to the list `log` of each database: numbers that never occur twice.
type Logs = BTreeMap<u32, Vec<String>>;

#[derive(Default)]
struct State {
    logs: Logs,
    full_resyncs: u64,
    continuations: u64,
    links: u64,
}

/// Keeps what it is told, transactions whole or not at all.
#[derive(Default)]
struct Follower {
    state: Arc<Mutex<State>>,
    group: Vec<(u32, String)>,
}

impl Follower {
    fn push(&self, all: impl IntoIterator<Item = (u32, String)>) {
        let logs = &mut self.state.lock().unwrap().logs;
        all.into_iter().for_each(|(db, text)| logs.entry(db).or_default().push(text));
    }
}

impl Observer for Follower {
    fn connected(&mut self, _: std::net::SocketAddr) {
        self.state.lock().unwrap().links += 1;
    }

    fn replication_start(&mut self, _: Option<ReplId>, _: u64) -> Result<(), ObserverError> {
        let mut state = self.state.lock().unwrap();
        state.logs.clear();
        state.full_resyncs += 1;
        Ok(())
    }

    fn snapshot_item(&mut self, item: Item<'_>) -> Result<(), ObserverError> {
        let Item::Entry(entry) = item else { return Ok(()) };
        let Value::List(all) = entry.object.decode()? else { return Err("not a list".into()) };
        self.push(all.into_iter().map(|text| (entry.db, String::from_utf8_lossy(&text).into_owned())));
        Ok(())
    }

    fn resumed(&mut self, _: Position) -> Result<(), ObserverError> {
        self.state.lock().unwrap().continuations += 1;
        Ok(())
    }

    fn command(&mut self, command: Command<'_>) -> Result<(), ObserverError> {
        let text = command.view.get(2).ok_or("a push has three arguments")?;
        let pushed = (command.db, String::from_utf8_lossy(text).into_owned());
        match command.place {
            Place::InTransaction => self.group.push(pushed),
            Place::Alone => self.push([pushed]),
        }
        Ok(())
    }

    fn transaction_begin(&mut self, _: Whereabouts) -> Result<(), ObserverError> {
        self.group.clear();
        Ok(())
    }

    fn transaction_end(&mut self, _: u64, _: u32) -> Result<(), ObserverError> {
        let group = std::mem::take(&mut self.group);
        self.push(group);
        Ok(())
    }
}

/// Writes to the source, and knows what it wrote.
struct Writer {
    client: Client,
    random: Random,
    logs: Logs,
    written: u32,
}

impl Writer {
    /// A command or a transaction over two databases.
    fn write(&mut self) {
        let [first, second] = [0; 2].map(|_| self.random.below(DBS) as u32);
        let one = [select(first), self.push(first)];
        if !self.random.one_in(3) {
            return self.run(&one);
        }
        let two = [select(second), self.push(second)];
        self.run(&[&[cmd!("MULTI")], &one[..], &two, &[cmd!("EXEC")]].concat());
    }

    fn push(&mut self, db: u32) -> Request {
        self.written += 1;
        let length = self.random.below(60);
        let text = format!("{}-{}", self.written, self.random.text(length));
        self.logs.entry(db).or_default().push(text.clone());
        cmd!("RPUSH", "log", text)
    }

    fn run(&mut self, commands: &[Request]) {
        self.client.pipeline(commands).unwrap();
    }

    /// More than the backlog holds.
    fn write_much(&mut self) {
        (0..BACKLOG_BYTES / 60).for_each(|_| self.write());
    }
}

fn select(db: u32) -> Request {
    cmd!("SELECT", db)
}

struct Running {
    state: Arc<Mutex<State>>,
    stop: StopHandle,
    thread: JoinHandle<Result<(), DriverError>>,
}

fn follow(proxy: &Proxy) -> Running {
    let mut config = DriverConfig::new(Endpoint::new("127.0.0.1", proxy.address().port()));
    let delay = Duration::from_millis(2);
    config.backoff = BackoffConfig { first: delay, max: delay * 4, jitter_percent: 50 };
    let mut driver = Driver::new(config);
    let mut follower = Follower::default();
    let (state, stop) = (Arc::clone(&follower.state), driver.stop_handle());
    Running { state, stop, thread: thread::spawn(move || driver.run(&mut follower)) }
}

impl Running {
    fn has(&self, logs: &Logs) -> bool {
        self.state.lock().unwrap().logs == *logs
    }
}

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Breaks links until `breaks` of them have ended: half of them as soon as they are made, which may be in the handshake or
/// the snapshot, half of them later in the stream.
fn break_links(proxy: &Proxy, running: &Running, writer: &mut Writer, random: &mut Random, breaks: u64) {
    while proxy.cuts() < breaks {
        if random.one_in(2) {
            wait_until("all of it to arrive", || running.has(&writer.logs));
        }
        let before = proxy.cuts();
        let range = *random.pick(&[100, 1000, 4000]);
        // At 0 bytes it would be cut at once, connected or not.
        proxy.cut_after(Direction::FromServer, 1 + random.below(range) as u64);
        wait_until("the link to break", || {
            writer.write();
            proxy.cuts() > before
        });
        if random.one_in(10) {
            // While nobody is connected the backlog runs over.
            proxy.refuse();
            writer.write_much();
            proxy.accept();
        }
    }
}

/// With the oldest and the newest server.
#[test]
fn links_broken_at_random_bytes_lose_and_repeat_nothing() {
    let all = servers();
    let ends = [all.first(), all.last().filter(|_| all.len() > 1)];
    ends.into_iter().flatten().for_each(follow_through_breaks);
}

fn follow_through_breaks(installed: &Installed) {
    let (breaks, seed) = (number("REDIS_MIRROR_BREAKS", 60), number("REDIS_MIRROR_TEST_SEED", 1));
    let options = Options::new()
        .set("repl-backlog-size", BACKLOG_BYTES)
        .set("repl-diskless-sync", "yes")
        .set("repl-diskless-sync-delay", 0);
    let server = Server::start(installed, options);
    let proxy = Proxy::new(server.address());
    let mut writer =
        Writer { client: server.client(), random: Random::new(seed), logs: Logs::new(), written: 0 };
    let begin = Instant::now();
    let running = follow(&proxy);
    break_links(&proxy, &running, &mut writer, &mut Random::new(seed + 1), breaks);
    wait_until("all of it to arrive", || running.has(&writer.logs));
    running.stop.stop();
    running.thread.join().unwrap().unwrap();
    let state = running.state.lock().unwrap();
    check_source(&mut writer);
    println!(
        "{installed}, seed {seed}: {} breaks, {} links, {} full resyncs, {} continuations, {} pushes in {:?}",
        proxy.cuts(),
        state.links,
        state.full_resyncs,
        state.continuations,
        writer.written,
        begin.elapsed()
    );
    assert!(state.full_resyncs > breaks / 50 && state.continuations > breaks / 4, "both ways are taken");
}

/// The oracle must be right too.
fn check_source(writer: &mut Writer) {
    for (db, log) in writer.logs.clone() {
        writer.client.run(select(db));
        assert_eq!(writer.client.texts(cmd!("LRANGE", "log", 0, -1)), log, "db {db}");
    }
}
