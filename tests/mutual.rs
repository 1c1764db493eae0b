//! Servers that mirror each other: pairs and rings, over crashes, failovers and reloads. None feeds the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, spawn};
use std::time::Instant;

use redis_mirror_test_support::digest::{self, Mapping};
use redis_mirror_test_support::{
    Client, Command, Installed, Options, Proxy, Server, Status, Value, any_server, cmd, server, wait,
};

/// Commands of one round of a writer.
const ROUND: u64 = 10;
/// Rounds that are sent before their replies are read.
const PIPELINED: u64 = 40;
/// Commands of both writers together in the test of an hour's worth of traffic: `REDIS_MIRROR_SOAK_COMMANDS`
/// replaces it. An hour at 1,000 commands a second is 3,600,000.
const SOAK_COMMANDS: u64 = 300_000;
/// A PING in the stream.
const PING_BYTES: i64 = 14;
/// Pings that a quiet server is watched for.
const PINGS: i64 = 3;

/// Writes to keys of one prefix from a thread of its own: counters, lists and transactions, of which each shows at once
/// when it is lost or repeated.
struct Writer {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<u64>,
}

impl Writer {
    /// Writes until it is stopped, or so many rounds; a server that goes away ends it.
    fn start(to: &Server, prefix: &'static str, rounds: u64) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (theirs, address) = (Arc::clone(&stop), to.address());
        let thread = spawn(move || {
            let mut written = 0;
            let Ok(mut client) = Client::connect(address) else { return 0 };
            while written < rounds && !theirs.load(Ordering::Relaxed) {
                let count = PIPELINED.min(rounds - written);
                let commands: Vec<Command> =
                    (written..written + count).flat_map(|n| round(prefix, n)).collect();
                if client.pipeline(&commands).is_err() {
                    break;
                }
                written += count;
            }
            written
        });
        Writer { stop, thread }
    }

    /// Waits for its last round, and tells how many there were.
    fn join(self) -> u64 {
        self.thread.join().expect("the writer")
    }

    fn stop(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.join()
    }
}

fn round(prefix: &str, number: u64) -> Vec<Command> {
    let key = |name: &str| format!("{prefix}{name}");
    let list = format!("{prefix}list:{}", number % 5);
    vec![
        cmd!("INCR", key("counter")),
        cmd!("LPUSH", list.as_str(), number),
        cmd!("MULTI"),
        cmd!("INCR", key("left")),
        cmd!("RPOPLPUSH", list.as_str(), key("moved")),
        cmd!("INCRBY", key("right"), 2),
        cmd!("EXEC"),
        cmd!("LTRIM", key("moved"), 0, 999),
        cmd!("HINCRBY", key("hash"), number % 50, 1),
        cmd!("SET", format!("{prefix}key:{}", number % 1000), number),
    ]
}

fn number(server: &Server, key: &str) -> u64 {
    let text = server.client().bytes(cmd!("GET", key)).unwrap_or_default();
    String::from_utf8_lossy(&text).parse().unwrap_or(0)
}

fn durable() -> Options {
    Options::new().durable().set("repl-backlog-size", "256mb").set("repl-ping-replica-period", 1).mirror("")
}

fn quick() -> Options {
    Options::new().set("repl-backlog-size", "256mb").set("repl-ping-replica-period", 1).mirror("")
}

fn create(at: &Server, name: &str, source: String, options: &str) {
    let words: Vec<&str> = options.split_whitespace().collect();
    at.client().run(cmd!("MIRROR.CREATE", name, source).args(words));
}

fn wait_streaming(at: &Server, name: &str) {
    Status::wait_state(&mut at.client(), name, "streaming", wait::PATIENCE).expect("it streams");
}

/// Two servers, each with a mirror of the other.
fn mutual(installed: &Installed, options: fn() -> Options, scopes: [&str; 2]) -> [Server; 2] {
    let (one, other) = (Server::start(installed, options()), Server::start(installed, options()));
    create(&one, "other", other.url(), scopes[1]);
    create(&other, "one", one.url(), scopes[0]);
    wait_streaming(&one, "other");
    wait_streaming(&other, "one");
    [one, other]
}

/// Waits until both hold the same.
fn wait_equal(one: &Server, other: &Server) {
    wait::wait_for("both hold the same", || {
        let counters = |server: &Server| [number(server, "a:counter"), number(server, "b:counter")];
        let (theirs, ours) = (counters(one), counters(other));
        if theirs != ours {
            return Err(format!("{theirs:?} and {ours:?}"));
        }
        let report = digest::compare(&mut one.client(), &mut other.client(), &Mapping::identity());
        report
            .map_err(|error| error.to_string())
            .and_then(|r| if r.is_equal() { Ok(()) } else { Err(r.to_string()) })
    });
}

fn status(at: &Server, name: &str) -> Status {
    Status::read(&mut at.client(), name).expect("status")
}

fn offset(at: &Server) -> i64 {
    at.info("replication").number("master_repl_offset").expect("an offset")
}

/// Waits until there is nothing but pings in the servers' streams, and tells how many bytes of them. What servers feed
/// each other never ends.
fn wait_quiet(servers: &[&Server]) -> Vec<i64> {
    wait::wait_for("nothing but pings", || {
        let before: Vec<i64> = servers.iter().map(|server| offset(server)).collect();
        for (server, before) in servers.iter().zip(&before) {
            wait::wait_until("pings", || offset(server) >= before + PINGS * PING_BYTES);
        }
        let grown: Vec<i64> =
            servers.iter().zip(before).map(|(server, before)| offset(server) - before).collect();
        let is_quiet = grown.iter().all(|bytes| bytes % PING_BYTES == 0 && *bytes <= 2 * PINGS * PING_BYTES);
        if is_quiet { Ok(grown) } else { Err(format!("{grown:?} bytes")) }
    })
}

#[test]
fn an_hour_of_traffic_on_disjoint_prefixes() {
    let commands = std::env::var("REDIS_MIRROR_SOAK_COMMANDS").ok().and_then(|text| text.parse().ok());
    let rounds = commands.unwrap_or(SOAK_COMMANDS) / 2 / ROUND;
    let [one, other] = mutual(any_server(), quick, ["MATCH a:*", "MATCH b:*"]);
    let started = Instant::now();
    let writers = [Writer::start(&one, "a:", rounds), Writer::start(&other, "b:", rounds)];
    assert_eq!(writers.map(Writer::join), [rounds, rounds]);
    let written = started.elapsed();
    wait_equal(&one, &other);
    assert_eq!([number(&other, "a:counter"), number(&one, "b:counter")], [rounds, rounds]);
    assert_eq!([number(&other, "a:right"), number(&one, "b:right")], [2 * rounds, 2 * rounds]);
    let offsets = [offset(&one), offset(&other)];
    let grown = wait_quiet(&[&one, &other]);
    for (at, name) in [(&one, "other"), (&other, "one")] {
        let status = status(at, name);
        assert_eq!((status.number("full_resyncs"), status.text("consistent").as_str()), (1, "yes"));
        println!("{name}: {} operations, looped {}", status.number("operations"), status.number("looped"));
    }
    println!(
        "{} commands in {written:.1?}, equal after {:.1?}; offsets {offsets:?}, then {grown:?} bytes of pings",
        2 * rounds * ROUND,
        started.elapsed()
    );
}

/// Both hold everything; each is written to under a prefix of its own. The dataset is reloaded in between.
#[test]
fn two_whole_copies_of_each_other() {
    for name in ["redis70", "valkey9", "redis86"] {
        let Some(installed) = server(name) else {
            println!("skipped: {name} is not installed");
            continue;
        };
        let [one, other] = mutual(installed, quick, ["", ""]);
        let writers = [Writer::start(&one, "a:", u64::MAX), Writer::start(&other, "b:", u64::MAX)];
        wait_rounds(&other, "a:counter", 500);
        one.client().run("DEBUG RELOAD");
        wait_rounds(&other, "a:counter", 500);
        wait_rounds(&one, "b:counter", 500);
        // The reload has begun the counts anew.
        wait::wait_until("units come back and are dropped", || {
            status(&one, "other").number("looped") + status(&other, "one").number("looped") > 0
        });
        let [at_one, at_other] = writers.map(Writer::stop);
        wait_equal(&one, &other);
        assert_eq!([number(&other, "a:counter"), number(&one, "b:counter")], [at_one, at_other]);
        assert_eq!(status(&other, "one").number("full_resyncs"), 1);
        assert_eq!(status(&one, "other").number("full_resyncs"), 1);
        wait_quiet(&[&one, &other]);
    }
}

/// What one fetches again from the other, the other has already, and newer: it must not come back there. After a reload
/// nobody knows which keys had expired, so one fetches each key that the other makes; its own traffic, which comes back
/// to it all the while, is nothing that those values have passed through.
#[test]
fn what_is_fetched_again_does_not_come_back() {
    const KEYS: i64 = 1000;
    const ITEMS: i64 = 8;
    for name in ["redis70", "valkey9"] {
        let Some(installed) = server(name) else {
            println!("skipped: {name} is not installed");
            continue;
        };
        let [one, other] = mutual(installed, quick, ["", ""]);
        let noise = Writer::start(&one, "a:", u64::MAX);
        wait_rounds(&other, "a:counter", 100);
        one.client().run("DEBUG RELOAD");
        wait_rounds(&other, "a:counter", 100);
        wait_streaming(&one, "other");
        let mut client = other.client();
        for key in 0..KEYS {
            for item in 0..ITEMS {
                client.run(cmd!("RPUSH", format!("b:{key}"), item));
            }
        }
        assert!(noise.stop() > 0);
        wait_equal(&one, &other);
        let cut_off = (0..KEYS).filter(|key| client.int(cmd!("LLEN", format!("b:{key}"))) != ITEMS).count();
        assert_eq!(cut_off, 0, "of {KEYS} lists");
        assert!(status(&one, "other").number("repaired") > 0);
    }
}

fn wait_rounds(at: &Server, counter: &str, rounds: u64) {
    let goal = number(at, counter) + rounds;
    wait::wait_until("the traffic goes on", || number(at, counter) >= goal);
}

/// kill -9 of one in the middle: it comes back with another replication id, which costs the other a full resync, and
/// goes on exactly where it was.
#[test]
fn a_crash_of_one_of_two_with_disjoint_prefixes() {
    let [mut one, other] = mutual(any_server(), durable, ["MATCH a:*", "MATCH b:*"]);
    for _ in 0..2 {
        let writers = [Writer::start(&one, "a:", u64::MAX), Writer::start(&other, "b:", u64::MAX)];
        wait_rounds(&other, "a:counter", 200);
        let before = number(&other, "b:counter");
        one.kill();
        let [from_one, from_other] = writers;
        from_one.join();
        wait_rounds(&other, "b:counter", 200);
        one.resume();
        wait_streaming(&one, "other");
        let written = from_other.stop();
        assert!(number(&other, "b:counter") >= before + 200 && written > 200);
        other.client().run(cmd!("SET", "b:last", before));
        wait_equal(&one, &other);
        assert_eq!(number(&one, "b:last"), before);
    }
    assert_eq!(status(&one, "other").number("full_resyncs"), 1, "the durable side never starts over");
    wait_quiet(&[&one, &other]);
}

/// One fails over to its replica, which goes on under another replication id: what it wrote before must not come back.
#[test]
fn a_failover_of_one_of_two_whole_copies() {
    let installed = any_server();
    let one = Server::start(installed, quick());
    let other = Server::start(installed, quick());
    let link = Proxy::new(one.address());
    create(&one, "other", other.url(), "");
    create(&other, "one", link.url(), "");
    wait_streaming(&one, "other");
    wait_streaming(&other, "one");
    let replica = Server::start(installed, quick());
    replica.replicate(one.address());
    let writers = [Writer::start(&one, "a:", u64::MAX), Writer::start(&other, "b:", u64::MAX)];
    wait_rounds(&replica, "a:counter", 300);
    let [from_one, from_other] = writers;
    let first = from_one.stop();
    let to = replica.address();
    one.client().run(cmd!("FAILOVER", "TO", to.ip().to_string(), to.port()));
    wait::wait_until("the replica is promoted", || replica.info("replication").get("role") == Some("master"));
    link.retarget(to);
    link.cut();
    wait_streaming(&replica, "other");
    let more = Writer::start(&replica, "a:", u64::MAX);
    wait_rounds(&other, "a:counter", 300);
    wait_rounds(&replica, "b:counter", 300);
    let (second, from_other) = (more.stop(), from_other.stop());
    wait_equal(&replica, &other);
    assert_eq!([number(&other, "a:counter"), number(&replica, "b:counter")], [first + second, from_other]);
    wait_equal(&replica, &one);
    for (at, name) in [(&replica, "other"), (&other, "one")] {
        assert_eq!(status(at, name).number("full_resyncs"), 1, "{name}");
    }
    wait_quiet(&[&replica, &other]);
}

#[test]
fn a_ring_of_three() {
    let installed = any_server();
    let servers = [(); 3].map(|()| Server::start(installed, quick()));
    for (at, server) in servers.iter().enumerate() {
        create(server, "before", servers[(at + 2) % 3].url(), "");
        wait_streaming(server, "before");
    }
    let [a, b, c] = &servers;
    let writers = [Writer::start(a, "a:", 2000), Writer::start(b, "b:", 2000), Writer::start(c, "c:", 2000)];
    assert_eq!(writers.map(Writer::join), [2000; 3]);
    wait::wait_until("all is everywhere", || {
        servers
            .iter()
            .all(|server| ["a:right", "b:right", "c:right"].iter().all(|key| number(server, key) == 4000))
    });
    wait_equal(a, b);
    wait_equal(b, c);
    wait_equal(c, a);
    wait_quiet(&[a, b, c]);
    assert!(servers.iter().all(|server| status(server, "before").number("full_resyncs") == 1));
}

/// A's `k` is B's `copy:k`, and in A's copy of B that is `b:copy:k`.
#[test]
fn what_comes_back_under_another_name_is_there() {
    let [one, other] = mutual(any_server(), quick, ["EXCEPT b:* PREFIX copy:", "PREFIX b:"]);
    let mut client = one.client();
    for number in 0..1000 {
        client.run(cmd!("SET", format!("k{}", number % 100), number));
    }
    other.client().run(cmd!("SET", "own", "x"));
    let prefixed = |prefix: &str| Mapping::identity().prefix(prefix);
    wait::wait_for("both copies are exact", || {
        let there = prefixed("copy:").only(|key| !key.starts_with(b"b:"));
        for (source, local, mapping) in [(&one, &other, &there), (&other, &one, &prefixed("b:"))] {
            let report = digest::compare(&mut source.client(), &mut local.client(), mapping);
            let report = report.map_err(|error| error.to_string())?;
            if !report.is_equal() {
                return Err(report.to_string());
            }
        }
        Ok(())
    });
    assert_eq!(one.client().text("GET b:copy:k7"), "907");
    assert_eq!(status(&one, "other").text("consistent"), "yes");
    wait_quiet(&[&one, &other]);
}

#[test]
fn mirrors_that_feed_each_other_stop_and_say_so() {
    let [one, other] = mutual(any_server(), quick, ["PREFIX copy:", "PREFIX b:"]);
    one.client().run("SET k v");
    let failed = wait::wait_for("a mirror fails", || {
        let states = [(&one, "other"), (&other, "one")].map(|(at, name)| status(at, name));
        states.into_iter().find(|status| status.state() == "failed").ok_or("both go on")
    });
    let error = failed.text("last_error");
    assert!(error.contains("mirrors feed each other"), "{error}");
    assert!(matches!(one.client().run("PING"), Value::Bytes(_)));
    // Writing goes on, and so does the other mirror.
    for number in 0..100 {
        one.client().run(cmd!("SET", "k", number));
    }
    wait::wait_until("it settles", || {
        let (before, after) = (one.client().int("DBSIZE"), other.client().int("DBSIZE"));
        before <= 4 && after <= 4 && other.client().text("GET copy:k") == "99"
    });
}
