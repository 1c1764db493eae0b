//! Links that want a part of the snapshot, or nothing else.

use std::net::SocketAddr;

use redis_mirror_test_support::{Options, Proxy, Server};
use redis_replica::transport::{DriverConfig, Endpoint};
use redis_replica::{CommandNames, Config, Goal, SnapshotScope, State};

use crate::common::{Link, REPLID, Seen, Wrapping, command, parse_all, snapshot, wrap};
use crate::recorder::Running;
use crate::{run, with_each_server};

const LIBRARY: &str = "#!lua name=lib\nredis.register_function('f', function() return 1 end)";

fn config(address: SocketAddr, connection: Config) -> DriverConfig {
    let mut config = DriverConfig::new(Endpoint::new(address.ip().to_string(), address.port()));
    config.connection = connection;
    config
}

fn requests(config: Config) -> Vec<String> {
    let mut link = Link::new(config);
    let mut all = Vec::new();
    loop {
        all.extend(parse_all(&link.sent()));
        if all.last().is_some_and(|last| last.contains("SYNC")) {
            return all;
        }
        link.feed(b"+OK\r\n");
    }
}

#[test]
fn a_filter_is_asked_for_behind_capa_eof() {
    let asked = requests(Config { scope: SnapshotScope::Nothing, ..Config::default() });
    assert_eq!(asked[1], "REPLCONF capa eof");
    assert!(asked.contains(&String::from("REPLCONF rdb-filter-only ")), "{asked:?}");
    let asked = requests(Config { scope: SnapshotScope::Functions, ..Config::default() });
    assert!(asked.contains(&String::from("REPLCONF rdb-filter-only functions")), "{asked:?}");
    let asked = requests(Config { goal: Goal::Snapshot, ..Config::default() });
    assert!(asked.contains(&String::from("REPLCONF rdb-only 1")), "{asked:?}");
}

/// A source that does not know the filter sends everything; it is dropped here.
#[test]
fn what_an_old_source_sends_beyond_the_scope_is_dropped() {
    let mut link = Link::new(Config { scope: SnapshotScope::Nothing, ..Config::default() });
    link.sent();
    link.feed(b"+PONG\r\n");
    while !parse_all(&link.sent()).last().unwrap().starts_with("PSYNC") {
        link.feed(b"-ERR Unrecognized REPLCONF option: rdb-filter-only\r\n");
    }
    link.feed(format!("+FULLRESYNC {REPLID} 100\r\n").as_bytes());
    link.feed(&wrap(&snapshot(&[("k", "v"), ("l", "w")], &[]), Wrapping::Length));
    link.feed(&command("SET a 1"));
    assert_eq!(link.failure, None);
    assert!(!link.seen.iter().any(|seen| matches!(seen, Seen::Key(..))), "{:?}", link.seen);
    assert!(matches!(link.seen.last(), Some(Seen::Command { .. })), "{:?}", link.seen);
}

#[test]
fn a_snapshot_alone_is_complete_and_then_silent() {
    let mut link = Link::new(Config { goal: Goal::Snapshot, ..Config::default() });
    link.shake_hands();
    link.feed(format!("+FULLRESYNC {REPLID} 100\r\n").as_bytes());
    link.feed(&wrap(&snapshot(&[("k", "v")], &[]), Wrapping::Mark));
    assert_eq!((link.failure.clone(), link.connection.state()), (None, State::Complete));
    assert_eq!((link.connection.offset(), link.connection.poll_timeout()), (100, None));
    assert_eq!(link.sent(), b"", "nothing is acknowledged");
}

#[test]
fn from_now_on_brings_no_key_and_every_command() {
    with_each_server(|installed| {
        let server = Server::start(installed, Options::new());
        let mut client = server.client();
        run(&mut client, "DEBUG POPULATE 1000 key 100");
        client.run(redis_mirror_test_support::cmd!("FUNCTION", "LOAD", LIBRARY));
        let proxy = Proxy::new(server.address());
        let connection = Config { scope: SnapshotScope::Nothing, ..Config::default() };
        let running = Running::start(config(proxy.address(), connection));
        running.told.wait("live");
        assert!(
            proxy.bytes(redis_mirror_test_support::Direction::FromServer) < 2000,
            "the source left them out"
        );
        run(&mut client, "SET a 1");
        running.told.wait("command 0 SET a 1");
        let told = running.stop();
        assert_eq!((told.starting("key "), told.count("function")), (vec![], 0), "{installed}");
    });
}

#[test]
fn functions_can_be_had_alone() {
    with_each_server(|installed| {
        let server = Server::start(installed, Options::new());
        let mut client = server.client();
        run(&mut client, "SET k v");
        client.run(redis_mirror_test_support::cmd!("FUNCTION", "LOAD", LIBRARY));
        let connection = Config { scope: SnapshotScope::Functions, ..Config::default() };
        let running = Running::start(config(server.address(), connection));
        running.told.wait("live");
        let told = running.stop();
        assert_eq!((told.starting("key "), told.count("function")), (vec![], 1), "{installed}");
    });
}

/// The driver returns by itself; the source never counts us among its replicas that follow.
#[test]
fn a_snapshot_alone_ends_the_driver_well() {
    with_each_server(|installed| {
        for diskless in ["yes", "no"] {
            let server = Server::start(installed, Options::new().set("repl-diskless-sync", diskless));
            run(&mut server.client(), "SET k v");
            let connection = Config { goal: Goal::Snapshot, ..Config::default() };
            let (driver, result, told) = Running::start(config(server.address(), connection)).join();
            result.unwrap();
            assert!(driver.position().is_some());
            assert_eq!(told.all(), ["start", "key 0 k", "live"], "{installed}");
        }
    });
}

#[test]
fn old_sources_are_asked_by_sync() {
    let names = CommandNames { psync: String::new(), ..CommandNames::default() };
    let asked = requests(Config { names, ..Config::default() });
    assert_eq!(asked.last().map(String::as_str), Some("SYNC"));
}
