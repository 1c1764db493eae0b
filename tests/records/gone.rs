//! Clients wait, and the key goes away, or holds something else.

use redis_mirror_test_support::{Client, Server, cmd};

use crate::on_every;
use crate::store::{Cursor, as_feed, put, sync_command};
use crate::waiter::{Waiter, wait_waiting};

/// Ways to take a store away from `s`.
const ENDS: [&str; 13] = [
    "DEL s",
    "UNLINK s",
    "PEXPIRE s 1",
    "PEXPIREAT s 1",
    "FLUSHDB",
    "FLUSHALL ASYNC",
    "RENAME s elsewhere",
    "SET s string",
    "MOVE s 3",
    "SWAPDB 0 5",
    "RENAME other s",
    "COPY other s REPLACE",
    "LPUSH list x|SORT list ALPHA STORE s",
];

fn run_each(client: &mut Client, commands: &str) {
    commands.split('|').for_each(|command| drop(client.run(command)));
}

fn prepared(server: &Server) -> (Client, Cursor) {
    let mut client = server.client();
    client.run("FLUSHALL");
    put(&mut client, "other", "SET a 1 x SET a 2 x SET a 3 x SET a 4 x");
    let at = put(&mut client, "s", "SET a 1 x SET a 2 x").at;
    (client, at)
}

#[test]
fn a_reader_is_told_when_the_store_is_gone() {
    on_every(|server| {
        for end in ENDS {
            let (mut client, at) = prepared(server);
            let mut all = Waiter::start(server, sync_command("s", &at, "BLOCK 0"));
            let mut typed = Waiter::start(server, sync_command("s", &at, "TYPE never BLOCK 0"));
            run_each(&mut client, end);
            for waiter in [&mut all, &mut typed] {
                let told = waiter.refusal();
                assert!(told.starts_with("RECEPOCH") || told.starts_with("WRONGTYPE"), "{end}: {told}");
            }
            wait_waiting(server, 0);
        }
    });
}

/// Another store comes in the same step, at a version that the reader could take for the next.
#[test]
fn a_store_that_takes_the_place_of_another_is_not_mistaken_for_it() {
    on_every(|server| {
        for (end, begin) in [
            (
                "DEL s",
                "RECORD.PUT s SET a 1 new SET a 2 new|RECORD.PUT s SET b 1 new|RECORD.PUT s SET t 1 new",
            ),
            ("UNLINK s", "RECORD.PUT s SET a 1 new SET a 2 new SET t 3 new"),
            ("FLUSHALL", "RECORD.PUT s SET a 1 new|RECORD.PUT s SET a 1 new|RECORD.PUT s SET t 1 new"),
            ("RENAME other s", "RECORD.PUT s SET t 1 new"),
            ("SWAPDB 0 5", "RECORD.PUT s SET a 1 x SET a 1 x|RECORD.PUT s SET t 1 x"),
        ] {
            let (mut client, at) = prepared(server);
            let mut all = Waiter::start(server, sync_command("s", &at, "BLOCK 0"));
            let mut typed = Waiter::start(server, sync_command("s", &at, "TYPE t BLOCK 0"));
            client.run("MULTI");
            client.run(end);
            run_each(&mut client, begin);
            client.run("EXEC");
            assert!(all.refusal().starts_with("RECEPOCH"), "{end}");
            assert!(typed.refusal().starts_with("RECEPOCH"), "{end}");
        }
    });
}

/// A reader at the beginning of nothing loses nothing.
#[test]
fn a_reader_of_a_store_to_come_waits_on() {
    on_every(|server| {
        let mut client = server.client();
        let mut waiter = Waiter::start(server, sync_command("s", &Cursor::start(), "TYPE a BLOCK 0"));
        for command in ["SET s 1", "DEL s", "FLUSHALL", "SWAPDB 0 1", "RECORD.PUT s SET b 1 x"] {
            client.run(command);
            client.run("PING");
            if command == "SET s 1" {
                continue;
            }
        }
        assert!(waiter.is_blocked(server));
        put(&mut client, "s", "SET a 1 x");
        assert_eq!(as_feed(&waiter.answer()).versions(), [2]);
        // What is renamed there is news.
        put(&mut client, "full", "SET a 1 x SET b 1 x SET a 2 x");
        let mut waiter = Waiter::start(server, sync_command("t", &Cursor::start(), "TYPE a BLOCK 0"));
        client.run("RENAME full t");
        assert_eq!(as_feed(&waiter.answer()).versions(), [1, 3]);
        let mut waiter = Waiter::start(server, sync_command("u", &Cursor::start(), "BLOCK 0"));
        let bytes = client.bytes("DUMP t").expect("a payload");
        client.run(cmd!("RESTORE", "u", 0, bytes));
        assert_eq!(as_feed(&waiter.answer()).versions(), [1, 2, 3]);
    });
}

/// A rename takes the store along: a reader goes on at the new name.
#[test]
fn a_renamed_store_is_the_same_store() {
    on_every(|server| {
        let (mut client, at) = prepared(server);
        client.run("RENAME s t");
        let mut waiter = Waiter::start(server, sync_command("t", &at, "BLOCK 0"));
        put(&mut client, "t", "SET a 3 x");
        assert_eq!(as_feed(&waiter.answer()).versions(), [3]);
    });
}

/// DEBUG RELOAD puts the same store back: who waits goes on.
#[test]
fn a_reload_is_no_loss() {
    on_every(|server| {
        let (mut client, at) = prepared(server);
        let mut waiter = Waiter::start(server, sync_command("s", &at, "TYPE a BLOCK 0"));
        let mut lease = {
            client.run("RECORD.LEASE s l ACQUIRE me PX 60000");
            Waiter::start(server, "RECORD.LEASE s l ACQUIRE you PX 60000 BLOCK 0")
        };
        client.run("DEBUG RELOAD");
        client.run("PING");
        assert!(waiter.is_blocked(server) && lease.is_blocked(server));
        put(&mut client, "s", "SET a 3 x");
        assert_eq!(as_feed(&waiter.answer()).versions(), [3]);
        let held = client.run("RECORD.GETLEASE s l");
        let token = held.as_array().and_then(|held| held[1].as_int()).expect("it is held");
        client.run(format!("RECORD.LEASE s l RELEASE me {token}"));
        assert!(crate::store::token(&lease.answer()).is_some());
    });
}
