//! Clients that watch a key (WATCH) or keep what they read (CLIENT TRACKING): told of what changes, and of nothing else.

use redis_mirror_test_support::{Client, Value, cmd, wait};

use crate::store::{acquire, put, versions};
use crate::waiter::Waiter;
use crate::{on_each, on_every, wait_caught_up, with_replica};

/// Whether a transaction that began before something happened to `s` is given up.
fn is_touched(watcher: &mut Client, happens: impl FnOnce()) -> bool {
    watcher.run("WATCH s");
    happens();
    watcher.run("MULTI");
    watcher.run("PING");
    watcher.run("EXEC") == Value::Nil
}

#[test]
fn what_changes_nothing_touches_no_watcher() {
    on_every(|server| {
        let (mut client, mut watcher) = (server.client(), server.client());
        put(&mut client, "s", "SET t 1 x");
        let token = acquire(&mut client, "s", "l", "me", 600_000).expect("it is free");
        client.run("RECORD.SETOPTIONS s t CAPACITY 3");
        for call in [
            "PUT s SET t 1 y NX".to_owned(),
            "PUT s DEL t none".to_owned(),
            "LEASE s l ACQUIRE you PX 1000".to_owned(),
            "LEASE s l RELEASE you 1".to_owned(),
            format!("LEASE s l RENEW you {token} PX 5"),
            "SETOPTIONS s t CAPACITY 3".to_owned(),
            "TRIM s KEEP 100".to_owned(),
            "CURSOR s none DEL".to_owned(),
            "APPLY s COMMIT x".to_owned(),
            "SYNC s 0 0".to_owned(),
            "GET s t 1".to_owned(),
        ] {
            let happens = || drop(client.call(format!("RECORD.{call}")));
            assert!(!is_touched(&mut watcher, happens), "{call}");
        }
        for call in [
            "PUT s SET t 1 y",
            "PUT s DEL t 1",
            "LEASE s other TRY me 60000",
            "SETOPTIONS s t CAPACITY 4",
            "CURSOR s c SET 0 0",
            "CURSOR s c DEL",
            "TRIM s KEEP 0",
            "CLEAR s",
        ] {
            let happens = || drop(client.run(format!("RECORD.{call}")));
            assert!(is_touched(&mut watcher, happens), "{call}");
        }
    });
}

#[test]
fn what_ends_by_itself_and_what_is_handed_over_touches_watchers() {
    on_each(|server| {
        let (mut client, mut watcher) = (server.client(), server.client());
        let ended = |version| move |client: &mut Client| versions(client, "s").0.version == version;
        put(&mut client, "s", "SET t 1 x PX 1000");
        let happens = || wait::wait_until("the record ends", || ended(2)(&mut client));
        assert!(is_touched(&mut watcher, happens));
        acquire(&mut client, "s", "l", "me", 300).expect("it is free");
        let mut waiter = Waiter::start(server, "RECORD.LEASE s l ACQUIRE you PX 60000 BLOCK 0");
        assert!(is_touched(&mut watcher, || drop(waiter.answer())));
    });
}

/// A client keeps what it has read until it is told; at a replica too.
#[test]
fn what_clients_keep_is_taken_back_when_it_changes() {
    on_each(|server| {
        let replica = with_replica(server);
        let mut client = server.client();
        put(&mut client, "s", "SET t 1 x");
        wait_caught_up(server, &replica);
        let invalid = Value::Push(vec![
            Value::Bytes(b"invalidate".to_vec()),
            Value::Array(vec![Value::Bytes(b"s".to_vec())]),
        ]);
        let mut keepers = [server.client(), replica.client()].map(|mut keeper| {
            keeper.run("HELLO 3");
            keeper.run("CLIENT TRACKING ON");
            keeper.run("RECORD.GET s t 1");
            keeper
        });
        client.refusal("RECORD.PUT s SET t 1 y NX");
        for keeper in &mut keepers {
            assert_eq!(keeper.text("PING"), "PONG", "nothing has changed");
        }
        put(&mut client, "s", "SET t short x PX 300");
        for keeper in &mut keepers {
            assert_eq!(keeper.receive().expect("it is told"), invalid);
            keeper.run("RECORD.MGET s t short 1");
        }
        for keeper in &mut keepers {
            assert_eq!(keeper.receive().expect("it is told that the record has ended"), invalid);
        }
        // Nobody has read anything since.
        client.run(cmd!("RECORD.CLEAR", "s"));
        for keeper in &mut keepers {
            assert_eq!(keeper.text("PING"), "PONG");
        }
    });
}
