//! Servers start, are killed, come back with what they stored, and say why when they don't.
#![forbid(unsafe_code)]
// A failed step of a test is the test's failure.
#![allow(clippy::unwrap_used)]

use redis_mirror_test_support::{Client, Error, Info, Options, Server, any_server, servers};

#[test]
fn every_installed_server_starts_answers_and_stops() {
    for installed in servers() {
        let mut server = Server::start(installed, Options::new());
        let mut client = server.client();
        client.run("SET k v");
        assert_eq!(client.bytes("GET k").as_deref(), Some(b"v".as_slice()), "{installed}");
        let digest = client.text("DEBUG DIGEST");
        assert_eq!(digest.len(), 40, "{installed}");
        server.stop();
        assert!(Client::connect(server.address()).is_err(), "{installed} still listens");
    }
}

#[test]
fn what_was_acknowledged_survives_kill_9_when_durable() {
    let mut server = Server::start(any_server(), Options::new().durable());
    let first = server.pid();
    server.client().run("SET k v");
    let port = server.port();
    server.kill_and_resume();
    assert_eq!((server.client().text("GET k"), server.port()), ("v".into(), port));
    assert_ne!(server.pid(), first);
    assert!(server.log().matches("Ready to accept connections").count() >= 2, "the log goes on");
}

#[test]
fn what_was_not_saved_is_lost_by_kill_9() {
    let mut server = Server::start(any_server(), Options::new());
    server.client().run("SET k v");
    server.kill();
    assert!(!server.is_running());
    server.resume();
    assert_eq!(server.client().int("DBSIZE"), 0);
}

#[test]
fn a_server_that_ends_at_once_shows_its_log() {
    let error = Server::try_start(any_server(), Options::new().set("maxmemory", "rubbish")).unwrap_err();
    let message = error.to_string();
    assert!(matches!(error, Error::Start { .. }), "{message}");
    assert!(message.contains("maxmemory") && message.contains("it ended with"), "{message}");
}

#[test]
fn a_frozen_server_is_silent_until_it_thaws() {
    let server = Server::start(any_server(), Options::new());
    let mut client = server.client();
    client.set_patience(std::time::Duration::from_millis(50)).unwrap();
    server.freeze();
    assert!(matches!(client.call("PING"), Err(Error::Connection { .. })));
    server.thaw();
    assert_eq!(server.client().text("PING"), "PONG");
}

#[test]
fn a_replica_follows() {
    let source = Server::start(any_server(), Options::new());
    let replica = Server::start(any_server(), Options::new());
    source.client().run("SET k v");
    replica.replicate(source.address());
    assert_eq!(replica.client().text("GET k"), "v");
    assert_eq!(Info::read(&mut replica.client(), "replication").unwrap().get("role"), Some("slave"));
}

#[test]
fn a_dropped_server_leaves_neither_process_nor_folder() {
    let server = Server::start(any_server(), Options::new());
    let (address, dir) = (server.address(), server.dir().to_owned());
    drop(server);
    assert!(Client::connect(address).is_err());
    assert!(!dir.exists());
}
