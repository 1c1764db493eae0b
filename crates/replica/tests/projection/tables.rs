//! Loading, routing, swapping and watching.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use redis_mirror_test_support::wait::wait_until;
use redis_mirror_test_support::{Client, Command, Options as ServerOptions, Proxy, Server, any_server};
use redis_replica::callback::{Batch, Entry, Handler, Phase, Whereabouts};
use redis_replica::projection::{Item, Listener, Lookup, Projection, Route, Tables, Value, Watched};
use redis_replica::transport::{BackoffConfig, Options, Replica, Start};
use redis_replica::{Place, transport::ReplicaState};

type Lines = Arc<Mutex<Vec<String>>>;

#[derive(Clone, Default)]
struct Log(Lines);

impl Log {
    fn push(&self, line: String) {
        self.0.lock().unwrap().push(line);
    }

    fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

impl Listener for Log {
    fn load(&mut self, table: &'static str, db: u32, key: &[u8], item: &Item) {
        self.push(format!("load {table} [{db}] {} {}", key.escape_ascii(), text(item)));
    }

    fn load_end(&mut self, _: &Tables) {
        self.push("load end".into());
    }

    fn applied(&mut self, batch: &Batch, _: &Tables) {
        self.push(format!("applied {}", batch.len()));
    }

    fn unhandled(&mut self, command: &Entry<'_>) {
        self.push(format!("unhandled {}", command.name().escape_ascii()));
    }
}

fn text(item: &Item) -> String {
    match &item.value {
        Value::String(bytes) => bytes.escape_ascii().to_string(),
        other => format!("{other:?}"),
    }
}

fn route() -> Route {
    Arc::new(|_, key| match key {
        key if key.starts_with(b"foo") => Some("foos"),
        key if key.starts_with(b"bar") => Some("bars"),
        _ => None,
    })
}

fn run(client: &mut Client, words: &str) {
    client.run(Command::new(words));
}

fn options(address: std::net::SocketAddr) -> Options {
    let mut options = Options::new(address.ip().to_string(), address.port()).start(Start::AFTER_LOAD);
    options.driver.backoff = BackoffConfig { first: Duration::from_millis(20), ..BackoffConfig::default() };
    options
}

#[test]
fn n20_n25_keys_are_loaded_once_into_their_tables_and_the_end_comes_before_the_first_command() {
    let server = Server::start(any_server(), ServerOptions::new());
    let mut client = server.client();
    for words in ["SET foo1 a", "SET bar1 b", "SET other c"] {
        run(&mut client, words);
    }
    let log = Log::default();
    let projection = Projection::new(route(), log.clone());
    let view = projection.view();
    let replica = Replica::start(options(server.address()), projection).unwrap();
    run(&mut client, "MSET foo2 x other y bar1 z");
    wait_until("the command", || log.all().last().is_some_and(|line| line == "applied 1"));
    let mut all = log.all();
    all[..2].sort();
    assert_eq!(all, ["load bars [0] bar1 b", "load foos [0] foo1 a", "load end", "applied 1"]);
    view.read(|tables| {
        let len = |name| tables.table(name).map_or(0, |table| table.len());
        assert_eq!((len("foos"), len("bars")), (2, 1));
        assert_eq!(tables.get(0, b"other"), Lookup::None);
        assert!(matches!(tables.get(0, b"bar1"), Lookup::Item(item) if text(item) == "z"));
    });
    replica.stop().unwrap().1.unwrap();
}

fn batch(phase: Phase, lines: &[&str]) -> Batch {
    let mut batch = Batch::new(phase);
    for line in lines {
        let at = Whereabouts { db: 0, offset: 1, place: Place::Alone };
        batch.push(at, line.split(' ').map(str::as_bytes));
    }
    batch
}

#[test]
fn v19_n25_the_old_state_is_served_until_a_load_is_complete_and_watches_last() {
    let told = Log::default();
    let mut projection = Projection::one_table();
    for watched in [Watched::Key(0, b"a".into()), Watched::Prefix(0, b"p:".into())] {
        let told = told.clone();
        projection.watch(watched, move |change| {
            let now = match change.now {
                Lookup::Item(item) => text(item),
                other => format!("{other:?}"),
            };
            told.push(format!("{} {now}", change.key.escape_ascii()));
        });
    }
    let view = projection.view();
    let get = |key: &str| {
        view.read(|tables| match tables.get(0, key.as_bytes()) {
            Lookup::Item(item) => text(item),
            other => format!("{other:?}"),
        })
    };
    projection.replication_start(None, 0).unwrap();
    projection.batch(&batch(Phase::Snapshot, &["SET a 1", "SET p:1 x", "SET p:2 y"])).unwrap();
    assert_eq!(get("a"), "None", "half a load is not seen");
    projection.streaming_start(None).unwrap();
    assert_eq!(told.all(), ["a 1", "p:1 x", "p:2 y"]);
    projection.batch(&batch(Phase::Streaming, &["SET a 2", "SET b 1", "DEL p:2"])).unwrap();
    assert_eq!(told.all()[3..], ["a 2", "p:2 None"]);
    // The link broke, and the source sends everything anew.
    projection.replication_start(None, 0).unwrap();
    projection.batch(&batch(Phase::Snapshot, &["SET a 2", "SET p:1 other"])).unwrap();
    assert_eq!((get("a"), get("b"), get("p:1")), ("2".into(), "1".into(), "x".into()));
    projection.streaming_start(None).unwrap();
    assert_eq!((get("b"), get("p:1")), ("None".into(), "other".into()));
    assert_eq!(told.all()[5..], ["p:1 other"], "only what differs");
    projection.batch(&batch(Phase::Streaming, &["FLUSHALL"])).unwrap();
    assert_eq!(told.all()[6..], ["a None", "p:1 None"]);
}

#[test]
fn v19_a_broken_link_leaves_the_tables_and_the_watches() {
    let server = Server::start(any_server(), ServerOptions::new());
    let proxy = Proxy::new(server.address());
    let told = Log::default();
    let mut projection = Projection::one_table();
    let tell = told.clone();
    projection.watch(Watched::Key(0, b"k".into()), move |_| tell.push("k".into()));
    let view = projection.view();
    let replica = Replica::start(options(proxy.address()), projection).unwrap();
    let mut client = server.client();
    run(&mut client, "SET k 1");
    wait_until("the first", || told.all().len() == 1);
    proxy.refuse();
    proxy.cut();
    wait_until("the break", || replica.state() != ReplicaState::Streaming);
    assert!(view.read(|tables| tables.get(0, b"k") != Lookup::None));
    run(&mut client, "SET k 2");
    proxy.accept();
    wait_until("the second", || told.all().len() == 2);
    replica.stop().unwrap().1.unwrap();
}

#[test]
fn n24_what_nobody_handles_is_told_and_its_keys_are_stale_until_replaced() {
    let log = Log::default();
    let mut projection = Projection::new(Arc::new(|_, _| Some("all")), log.clone());
    let view = projection.view();
    projection.replication_start(None, 0).unwrap();
    projection.streaming_start(None).unwrap();
    let lines = [
        "SET a 1",
        "PFADD a x",
        "INCR a",
        "SUNIONSTORE b a",
        "RENAME a c",
        "EVAL code 0",
        "SET b 1",
        "DEL c",
    ];
    projection.batch(&batch(Phase::Streaming, &lines[..5])).unwrap();
    view.read(|tables| {
        assert_eq!((tables.get(0, b"a"), tables.get(0, b"b")), (Lookup::None, Lookup::Stale));
        assert_eq!(tables.get(0, b"c"), Lookup::Stale);
    });
    projection.batch(&batch(Phase::Streaming, &lines[5..])).unwrap();
    view.read(|tables| {
        assert!(matches!(tables.get(0, b"b"), Lookup::Item(_)));
        assert_eq!((tables.get(0, b"c"), tables.unknown_commands()), (Lookup::None, 1));
    });
    let unhandled: Vec<_> = log.all().into_iter().filter(|line| line.starts_with("unhandled")).collect();
    assert_eq!(
        unhandled,
        ["unhandled pfadd", "unhandled incr", "unhandled sunionstore", "unhandled rename", "unhandled eval"]
    );
}
