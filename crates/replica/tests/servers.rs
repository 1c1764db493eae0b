//! The driver and the client beside every server version of this machine.

#![cfg(feature = "net")]
#![allow(clippy::unwrap_used)]

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use redis_mirror_test_support::wait::wait_until;
use redis_mirror_test_support::{
    Client as TestClient, Command as TestCommand, Installed, Options, Proxy, Server, survey,
};
use redis_replica::callback::Whereabouts;
use redis_replica::resp::Value;
use redis_replica::transport::{
    BackoffConfig, Client, ClientConfig, ClientError, Driver, DriverConfig, DriverError, Endpoint, LinkError,
    Observer, ObserverError, Protocol, PushConfig, StopHandle, connect, resolve,
};
use redis_replica::{AckPolicy, Command, Config, Credentials, Error, Place, Position, ReplId, rdb};

/// Runs `test` with each server version; says so if there is none.
fn with_each_server(test: impl Fn(&Installed)) {
    let (servers, left_out) = survey();
    left_out.iter().for_each(|reason| println!("skipped: {reason}"));
    if servers.is_empty() {
        println!(
            "skipped: no server found; set REDIS_MIRROR_TEST_SERVERS to a folder of <name>-server programs"
        );
    }
    for server in &servers {
        println!("with {server}");
        test(server);
    }
}

/// What an observer was told.
#[derive(Debug, Clone, PartialEq)]
enum Told {
    Init,
    Start,
    Key(u32, String),
    Streaming,
    Resumed(u32),
    Command(u32, String),
    Begin,
    End,
    Closed(String),
    Destroy,
}

#[derive(Debug, Clone, Default)]
struct Log {
    told: Arc<Mutex<Vec<Told>>>,
    /// Where the stream stands.
    offset: Arc<AtomicU64>,
}

impl Log {
    fn push(&self, told: Told) {
        self.told.lock().unwrap().push(told);
    }

    fn all(&self) -> Vec<Told> {
        self.told.lock().unwrap().clone()
    }

    fn count(&self, told: &Told) -> usize {
        self.all().iter().filter(|other| *other == told).count()
    }

    fn wait(&self, told: Told) {
        wait_until(&format!("{told:?}"), || self.count(&told) > 0);
    }

    fn wait_command(&self, db: u32, words: &str) {
        self.wait(Told::Command(db, words.into()));
    }
}

struct Recorder(Log);

impl Observer for Recorder {
    fn init(&mut self) -> Result<(), ObserverError> {
        self.0.push(Told::Init);
        Ok(())
    }

    fn replication_start(&mut self, _: Option<ReplId>, _: u64) -> Result<(), ObserverError> {
        self.0.push(Told::Start);
        Ok(())
    }

    fn snapshot_item(&mut self, item: rdb::Item<'_>) -> Result<(), ObserverError> {
        if let rdb::Item::Entry(entry) = item {
            self.0.push(Told::Key(entry.db, String::from_utf8_lossy(&entry.key).into()));
        }
        Ok(())
    }

    fn streaming_start(&mut self, _: Option<Position>) -> Result<(), ObserverError> {
        self.0.push(Told::Streaming);
        Ok(())
    }

    fn resumed(&mut self, position: Position) -> Result<(), ObserverError> {
        self.0.push(Told::Resumed(position.db));
        Ok(())
    }

    fn command(&mut self, command: Command<'_>) -> Result<(), ObserverError> {
        let words: Vec<_> = command.view.args().map(String::from_utf8_lossy).collect();
        let told = Told::Command(command.db, words.join(" "));
        let in_group = self.0.count(&Told::Begin) > self.0.count(&Told::End);
        assert_eq!(command.place == Place::InTransaction, in_group);
        self.0.offset.store(command.end_offset, Ordering::SeqCst);
        self.0.push(told);
        Ok(())
    }

    fn transaction_begin(&mut self, _: Whereabouts) -> Result<(), ObserverError> {
        self.0.push(Told::Begin);
        Ok(())
    }

    fn transaction_end(&mut self, end_offset: u64, _: u32) -> Result<(), ObserverError> {
        self.0.offset.store(end_offset, Ordering::SeqCst);
        self.0.push(Told::End);
        Ok(())
    }

    fn progress(&mut self, end_offset: u64, _: u32) -> Result<(), ObserverError> {
        self.0.offset.store(end_offset, Ordering::SeqCst);
        Ok(())
    }

    fn closed(&mut self, reason: &LinkError, _: Option<Duration>) {
        self.0.push(Told::Closed(reason.to_string()));
    }

    fn destroy(&mut self) {
        self.0.push(Told::Destroy);
    }
}

/// A driver on a thread of its own.
struct Running {
    log: Log,
    stop: StopHandle,
    thread: JoinHandle<(Driver, Result<(), DriverError>)>,
}

impl Running {
    fn start(address: SocketAddr, connection: Config) -> Self {
        let mut config = DriverConfig::new(Endpoint::new(address.ip().to_string(), address.port()));
        config.connection = connection;
        config.backoff = BackoffConfig { first: Duration::from_millis(50), ..BackoffConfig::default() };
        let mut driver = Driver::new(config);
        let (log, stop) = (Log::default(), driver.stop_handle());
        let mut recorder = Recorder(log.clone());
        let thread = thread::spawn(move || {
            let result = driver.run(&mut recorder);
            (driver, result)
        });
        Running { log, stop, thread }
    }

    fn stop(self) -> (Driver, Vec<Told>) {
        self.stop.stop();
        let (driver, result) = self.thread.join().unwrap();
        result.unwrap();
        (driver, self.log.all())
    }
}

fn run(client: &mut TestClient, words: &str) {
    client.run(TestCommand::new(words));
}

fn told_commands(told: &[Told]) -> Vec<(u32, &str)> {
    told.iter()
        .filter_map(|told| match told {
            Told::Command(db, words) => Some((*db, words.as_str())),
            _ => None,
        })
        .collect()
}

/// Snapshot, then live commands, with the offset the source has too.
fn full_sync(installed: &Installed, diskless: &str) {
    let options = Options::new().set("repl-diskless-sync", diskless).set("repl-ping-replica-period", 3600);
    let server = Server::start(installed, options);
    let mut client = server.client();
    run(&mut client, "SET early 1");
    run(&mut client, "SELECT 5");
    run(&mut client, "RPUSH list a b c");
    let running = Running::start(server.address(), Config { ack: AckPolicy::Exact, ..Config::default() });
    running.log.wait(Told::Streaming);
    for words in ["SET live 1", "MULTI", "INCR n", "SELECT 9", "INCR m", "EXEC", "SET last x"] {
        run(&mut client, words);
    }
    running.log.wait_command(9, "SET last x");
    // An exact acknowledgement is what WAIT counts.
    assert_eq!(client.int(TestCommand::new("WAIT 1 30000")), 1, "{}", server.log_tail());
    let source_offset = || server.info("replication").number("master_repl_offset").map(i64::cast_unsigned);
    wait_until("the same offset on both sides", || {
        source_offset() == Some(running.log.offset.load(Ordering::SeqCst))
    });
    let (driver, told) = running.stop();
    let position = driver.position().unwrap();
    assert_eq!((Some(position.offset), position.db), (source_offset(), 9));
    let text = String::from;
    let expected = [
        Told::Init,
        Told::Start,
        Told::Key(0, text("early")),
        Told::Key(5, text("list")),
        Told::Streaming,
        Told::Command(5, text("SET live 1")),
        Told::Begin,
        Told::Command(5, text("INCR n")),
        Told::Command(9, text("INCR m")),
        Told::End,
        Told::Command(9, text("SET last x")),
        Told::Destroy,
    ];
    assert_eq!(told, expected, "{installed}, repl-diskless-sync {diskless}");
}

#[test]
fn snapshot_and_stream_without_disk() {
    with_each_server(|server| full_sync(server, "yes"));
}

#[test]
fn snapshot_and_stream_through_disk() {
    with_each_server(|server| full_sync(server, "no"));
}

/// The link is cut at many bytes while writes go on; nothing is lost or repeated, and the source never syncs fully again.
#[test]
fn cut_links_are_resumed() {
    with_each_server(|installed| {
        let server = Server::start(installed, Options::new());
        let proxy = Proxy::new(server.address());
        let running = Running::start(proxy.address(), Config::default());
        running.log.wait(Told::Streaming);
        let mut client = server.client();
        for round in 0..12u32 {
            let db = round % 4;
            run(&mut client, &format!("SELECT {db}"));
            proxy.cut_after(redis_mirror_test_support::Direction::FromServer, u64::from(7 * round + 1));
            for words in ["SET key", "APPEND key"] {
                run(&mut client, &format!("{words} {round}"));
            }
            run(&mut client, "MULTI");
            run(&mut client, &format!("RPUSH list {round} x"));
            run(&mut client, &format!("INCRBY n {round}"));
            run(&mut client, "EXEC");
            running.log.wait_command(db, &format!("INCRBY n {round}"));
        }
        let partial = server.info("stats").number("sync_partial_ok").unwrap();
        let full = server.info("stats").number("sync_full").unwrap();
        let (_, told) = running.stop();
        let expected: Vec<(u32, String)> = (0..12u32)
            .flat_map(|round| {
                let lines = [
                    format!("SET key {round}"),
                    format!("APPEND key {round}"),
                    format!("RPUSH list {round} x"),
                    format!("INCRBY n {round}"),
                ];
                lines.map(|line| (round % 4, line))
            })
            .collect();
        let commands: Vec<(u32, String)> =
            told_commands(&told).into_iter().map(|(db, words)| (db, words.to_owned())).collect();
        assert_eq!(commands, expected, "{installed}");
        assert_eq!((full, told.iter().filter(|told| **told == Told::Start).count()), (1, 1), "{installed}");
        assert!(partial >= 6, "{installed}: only {partial} cuts were resumed");
    });
}

#[test]
fn an_acl_user_with_three_commands_may_replicate() {
    with_each_server(|installed| {
        let server = Server::start(installed, Options::new());
        run(&mut server.client(), "ACL SETUSER mirror on >secret +psync +replconf +ping");
        run(&mut server.client(), "SET k v");
        let login = |password: &str| Config {
            credentials: Some(Credentials::user("mirror", password)),
            ..Config::default()
        };
        let running = Running::start(server.address(), login("secret"));
        running.log.wait(Told::Streaming);
        running.stop();
        let (_, result) = Running::start(server.address(), login("wrong")).thread.join().unwrap();
        assert!(
            matches!(result, Err(DriverError::Link(LinkError::Replication(Error::WrongPassword)))),
            "{result:?}"
        );
        run(&mut server.client(), "ACL SETUSER mirror -psync -sync");
        let (_, result) = Running::start(server.address(), login("secret")).thread.join().unwrap();
        assert!(
            matches!(result, Err(DriverError::Link(LinkError::Replication(Error::NotPermitted)))),
            "{result:?}"
        );
        run(&mut server.client(), "ACL SETUSER default >secret");
        let (_, result) = Running::start(server.address(), Config::default()).thread.join().unwrap();
        assert!(
            matches!(result, Err(DriverError::Link(LinkError::Replication(Error::AuthRequired)))),
            "{result:?}"
        );
    });
}

#[test]
fn a_loading_source_is_waited_for() {
    with_each_server(|installed| {
        let options = Options::new().set("loading-process-events-interval-bytes", 1024);
        let server = Server::start(installed, options);
        run(&mut server.client(), "DEBUG POPULATE 1500 key 100");
        // A delay per key, in microseconds: the load takes seconds.
        run(&mut server.client(), "CONFIG SET key-load-delay 2000");
        let mut reloader = server.client();
        reloader.send(&TestCommand::new("DEBUG RELOAD")).unwrap();
        wait_until("the source loads", || {
            server
                .client()
                .call(TestCommand::new("GET x"))
                .is_err_and(|error| error.to_string().contains("LOADING"))
                || matches!(server.client().call(TestCommand::new("GET x")), Ok(value) if format!("{value:?}").contains("LOADING"))
        });
        let running = Running::start(server.address(), Config::default());
        running.log.wait(Told::Closed(Error::Loading.to_string()));
        run(&mut server.client(), "CONFIG SET key-load-delay 0");
        running.log.wait(Told::Streaming);
        let (_, told) = running.stop();
        assert_eq!(told.iter().filter(|told| matches!(told, Told::Key(..))).count(), 1500);
    });
}

/// A source that is a replica hands its own source's stream on, without a SELECT for us.
#[test]
fn a_chained_source_is_followed_in_the_right_database() {
    with_each_server(|installed| {
        let first = Server::start(installed, Options::new());
        let second = Server::start(installed, Options::new());
        second.replicate(first.address());
        let mut client = first.client();
        run(&mut client, "SELECT 7");
        run(&mut client, "SET before 1");
        wait_until("the chain to have it", || {
            let mut client = second.client();
            run(&mut client, "SELECT 7");
            client.int(TestCommand::new("EXISTS before")) == 1
        });
        let running = Running::start(second.address(), Config::default());
        running.log.wait(Told::Streaming);
        run(&mut client, "SET after 1");
        running.log.wait_command(7, "SET after 1");
        running.stop();
    });
}

/// A replica of the source is promoted and takes its place: the stream goes on there under a new id.
#[test]
fn a_promoted_replica_is_followed_without_a_full_sync() {
    with_each_server(|installed| {
        // A PING that reaches us and not the second would put us ahead of it.
        let first = Server::start(installed, Options::new().set("repl-ping-replica-period", 3600));
        let second = Server::start(installed, Options::new());
        second.replicate(first.address());
        let proxy = Proxy::new(first.address());
        let running = Running::start(proxy.address(), Config { ack: AckPolicy::Exact, ..Config::default() });
        running.log.wait(Told::Streaming);
        let mut client = first.client();
        run(&mut client, "SELECT 3");
        run(&mut client, "SET before 1");
        assert_eq!(client.int(TestCommand::new("WAIT 2 30000")), 2, "{}", first.log_tail());
        proxy.retarget(second.address());
        run(&mut second.client(), "REPLICAOF NO ONE");
        proxy.cut();
        running.log.wait(Told::Resumed(3));
        let mut client = second.client();
        run(&mut client, "SELECT 3");
        run(&mut client, "SET between 2");
        running.log.wait_command(3, "SET between 2");
        // Once more: now the new id is asked for.
        proxy.cut();
        run(&mut client, "SET after 3");
        running.log.wait_command(3, "SET after 3");
        let new_id = second.info("replication").get("master_replid").unwrap().to_owned();
        let (driver, told) = running.stop();
        assert_eq!(driver.position().unwrap().replid.as_str(), new_id, "{installed}");
        assert_eq!(told.iter().filter(|told| **told == Told::Start).count(), 1, "{installed}");
        assert_eq!(told_commands(&told), [(3, "SET before 1"), (3, "SET between 2"), (3, "SET after 3")]);
    });
}

/// Values far larger than a read, in the snapshot and in the stream.
#[test]
fn big_values_pass() {
    with_each_server(|installed| {
        let server = Server::start(installed, Options::new().set("rdbcompression", "no"));
        run(&mut server.client(), "SETRANGE big 20000000 x");
        run(&mut server.client(), "DEBUG POPULATE 20000 small 200");
        let running = Running::start(server.address(), Config::default());
        running.log.wait(Told::Streaming);
        let long = "y".repeat(10_000_000);
        run(&mut server.client(), &format!("SET long {long}"));
        running.log.wait_command(0, &format!("SET long {long}"));
        let (_, told) = running.stop();
        assert_eq!(told.iter().filter(|told| matches!(told, Told::Key(..))).count(), 20_001, "{installed}");
    });
}

fn open(server: &Server, config: &ClientConfig) -> Result<Client, ClientError> {
    let endpoint = Endpoint::new(server.address().ip().to_string(), server.port());
    let addresses = resolve(&endpoint, Duration::from_secs(5)).unwrap();
    Client::new(connect(&addresses, Duration::from_secs(5)).unwrap(), config)
}

#[test]
fn the_client_speaks_both_protocols() {
    with_each_server(|installed| {
        let server = Server::start(installed, Options::new());
        for protocol in [Protocol::Resp2, Protocol::Resp3(PushConfig::default())] {
            let config = ClientConfig { protocol, ..ClientConfig::default() };
            let mut client = open(&server, &config).unwrap();
            assert_eq!(client.command(&[b"SET", b"k", b"v"]).unwrap(), Value::Simple(b"OK".to_vec()));
            let replies = client.transaction(&[&[b"GET", b"k"], &[b"LRANGE", b"none", b"0", b"-1"]]).unwrap();
            assert_eq!(replies, [Value::Bulk(b"v".to_vec()), Value::Array(vec![])]);
            let refused = client.transaction(&[&[b"GET", b"k"], &[b"NOSUCH"]]);
            assert!(matches!(refused, Err(ClientError::NotQueued { index: 1, .. })), "{refused:?}");
            assert!(client.command(&[b"PING"]).is_ok(), "the client is in step after a refused transaction");
        }
    });
}

#[test]
fn the_client_names_what_went_wrong() {
    with_each_server(|installed| {
        let server = Server::start(installed, Options::new().set("requirepass", "secret"));
        let login = |password: &str| ClientConfig {
            credentials: Some(Credentials::password(password)),
            timeout: Duration::from_millis(300),
            ..ClientConfig::default()
        };
        assert!(matches!(open(&server, &login("wrong")), Err(ClientError::Auth(Error::WrongPassword))));
        let mut client = open(&server, &login("secret")).unwrap();
        let late = client.command(&[b"DEBUG", b"SLEEP", b"1.5"]);
        assert!(matches!(late, Err(ClientError::Timeout)), "{late:?}");
        assert!(matches!(client.command(&[b"PING"]), Err(ClientError::Broken)));
    });
}
