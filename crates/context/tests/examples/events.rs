//! `examples/events`: keyspace events, server events.

mod probe;

use redis_mirror_test_support::wait::wait_for;
use redis_mirror_test_support::{Client, Options, Server};

use crate::harness::{Subject, is_since, on_each_server};

pub const SUBJECT: Subject = Subject { packages: &["events"], drive };

/// Other modules' doings are in the journal, too: what is looked for is among the lines.
fn drive(server: &Server, client: &mut Client) {
    let is_since_7_2 = is_since(server.installed(), Some((7, 2)), Some((7, 2)));
    client.run("EVENTS");
    client.run("SET greeting hello");
    heard_in_order(client, &["key greeting: set", "first seen: greeting"]);
    client.run("FLUSHDB");
    heard_in_order(client, &["flush of Some(0) begins", "flush of Some(0) is done"]);
    assert_eq!(client.int("EVENTS.WATCH ON"), 1);
    client.run("HSET h f v");
    heard_in_order(client, &["watched h: hset"]);
    assert_eq!(client.int("EVENTS.WATCH OFF"), 0);
    client.run("HSET h2 f v");
    assert!(!client.texts("EVENTS").contains(&"watched h2: hset".to_owned()));
    client.run("SWAPDB 0 1");
    client.run("SWAPDB 0 1");
    client.run("CONFIG SET maxmemory-samples 6");
    heard_in_order(client, &["databases swapped: Some((0, 1))", "settings: maxmemory-samples"]);
    client.run("CONFIG SET maxmemory-samples 5");
    if is_since_7_2 {
        client.run("DEL h");
        heard_in_order(client, &["h is lost: Deleted"]);
    }
}

/// Waits until these lines have come, in this order.
#[track_caller]
fn heard_in_order(client: &mut Client, lines: &[&str]) {
    let mut seen: Vec<String> = Vec::new();
    wait_for("the events", || {
        seen.extend(client.texts("EVENTS"));
        let mut rest = seen.iter();
        let all = lines.iter().all(|line| rest.any(|seen| seen == line));
        if all { Ok(()) } else { Err(format!("{seen:?}, not {lines:?}")) }
    });
}

#[test]
fn events_arrive_with_their_payloads() {
    on_each_server(&["events"], drive);
}

#[test]
fn a_role_a_load_and_a_save_are_told() {
    on_each_server(&["events"], |server, client| {
        let primary = Server::start(server.installed(), Options::new());
        client.run("SET k v");
        server.replicate(primary.address());
        let port = primary.port();
        heard_in_order(client, &[&format!("follows 127.0.0.1:{port}"), "loading from Primary"]);
        client.run("REPLICAOF NO ONE");
        heard_in_order(client, &["follows nobody"]);
        client.run("SAVE");
        heard_in_order(client, &["persistence: SyncRdbStarted", "persistence: Ended"]);
        server.client().run("PING");
        heard_in_order(client, &["client from 127.0.0.1"]);
    });
}

#[test]
fn attempts_to_authenticate_are_told_on_valkey_9_and_not_known_elsewhere() {
    on_each_server(&["events"], |server, client| {
        let is_known = is_since(server.installed(), None, Some((9, 0)));
        if !is_known {
            let lines = client.texts("EVENTS");
            let missing = "no the AuthenticationAttempt event before Valkey 9.0".to_owned();
            assert!(lines.contains(&missing), "{lines:?}");
            return;
        }
        client.run("ACL SETUSER jane on >secret +@all ~*");
        let mut other = server.client();
        other.refusal("AUTH jane wrong");
        other.run("AUTH jane secret");
        heard_in_order(client, &["jane was kept out", "jane was let in"]);
    });
}
