//! Stores that change their place: they are the same stores, and are looked after.

use redis_mirror_test_support::{Client, Options, Server, any_server, cmd, wait};

use crate::store::{acquire, put, sync, sync_refusal, versions};
use crate::waiter::{Waiter, wait_waiting};
use crate::{digest, on_each, on_every, start};

/// A store with a record that ends, one that stays, and a lease that ends.
fn short_lived(client: &mut Client) {
    put(client, "s", "SET t stays x SET t ends x PX 700");
    acquire(client, "s", "l", "me", 700).expect("it is free");
}

/// Without anybody asking: a command would hide it.
#[track_caller]
fn wait_tended(server: &Server, db: i64, key: &str) {
    let mut client = server.client();
    client.run(cmd!("SELECT", db));
    wait::wait_until("the record is deleted and the lease freed", || {
        let types = client.run(cmd!("RECORD.TYPES", key));
        let count = types.as_array().and_then(|pair| pair.get(1)?.as_int());
        count == Some(1)
    });
    let change = sync(&mut client, key, &crate::store::Cursor::start(), "").records.pop().expect("a change");
    assert_eq!((change.id.as_str(), change.reason.as_deref()), ("ends", Some("ttl")));
}

#[test]
fn records_end_wherever_their_store_went() {
    on_every(|server| {
        let mut client = server.client();
        for (step, db, key) in [
            ("RENAME s t", 0, "t"),
            ("RENAMENX s t", 0, "t"),
            ("COPY s t", 0, "t"),
            ("COPY s t DB 4", 4, "t"),
            ("MOVE s 4", 4, "s"),
            ("SWAPDB 0 4", 4, "s"),
            ("DEBUG RELOAD", 0, "s"),
        ] {
            client.run("FLUSHALL");
            short_lived(&mut client);
            client.run(step);
            // After COPY .. DB a client of Valkey 8.1 is in the other database.
            client.run("SELECT 0");
            wait_tended(server, db, key);
        }
        client.run("FLUSHALL");
        short_lived(&mut client);
        let bytes = client.bytes("DUMP s").expect("a payload");
        client.run("DEL s");
        client.run(cmd!("RESTORE", "t", 0, bytes));
        wait_tended(server, 0, "t");
        // What is deleted is no longer looked after.
        client.run("FLUSHALL");
        short_lived(&mut client);
        client.run("DEL s");
        assert_eq!(server.info("mirror").number("mirror_record_stores_with_upkeep"), Some(0));
    });
}

/// The first store that a server ever gets moves on before the module is called again.
#[test]
fn a_first_store_that_moves_on_at_once_is_looked_after() {
    let source = start(any_server(), Options::new());
    let payload = {
        let mut client = source.client();
        short_lived(&mut client);
        client.bytes("DUMP s").expect("a payload")
    };
    for (steps, db, key) in [
        ("RENAME s t", 0, "t"),
        ("RENAMENX s t", 0, "t"),
        ("COPY s t|DEL s", 0, "t"),
        ("COPY s t DB 4|DEL s", 4, "t"),
        ("MOVE s 4", 4, "s"),
        ("SWAPDB 0 4", 4, "s"),
        ("RENAME s t|SWAPDB 0 4|COPY s q DB 1", 4, "t"),
    ] {
        println!("{steps}");
        on_every(|server| {
            let mut client = server.client();
            client.run("MULTI");
            client.run(cmd!("RESTORE", "s", 0, &payload, "REPLACE"));
            steps.split('|').for_each(|step| drop(client.run(step)));
            client.run("EXEC");
            wait_tended(server, db, key);
        });
    }
}

/// A copy goes its own way: an epoch begins with its first write, and readers of the original don't mistake it.
#[test]
fn copies_are_equal_and_begin_an_epoch() {
    on_every(|server| {
        let mut client = server.client();
        client.run("RECORD.SETOPTIONS s t CAPACITY 5");
        let at = put(&mut client, "s", "SET t 1 x SET t 2 x DEL t 1").at;
        client.run(format!("RECORD.CURSOR s c SET {} 2", at.epoch));
        acquire(&mut client, "s", "l", "me", 100_000).expect("it is free");
        let of = |client: &mut Client, key: &str| client.texts(cmd!("DEBUG", "DIGEST-VALUE", key));
        let original = of(&mut client, "s");
        client.run("COPY s copy");
        let bytes = client.bytes("DUMP s").expect("a payload");
        client.run(cmd!("RESTORE", "restored", 0, bytes));
        for key in ["copy", "restored"] {
            assert_eq!(of(&mut client, key), original);
            assert!(sync(&mut client, key, &at, "").records.is_empty(), "who knows the original may go on");
            let ahead = crate::store::Cursor { version: at.version + 1, ..at.clone() };
            assert!(
                sync_refusal(&mut client, key, &ahead).starts_with("RECEPOCH"),
                "it may have seen what is lost"
            );
            let written = put(&mut client, key, "SET t 3 x").at;
            assert_ne!(written.epoch, at.epoch);
            assert_eq!(sync(&mut client, key, &at, "").versions(), [at.version + 1]);
            assert!(sync_refusal(&mut client, "s", &written).starts_with("RECEPOCH"));
        }
        assert_eq!(put(&mut client, "s", "SET t 3 x").at.epoch, at.epoch);
        client.run("RENAME s renamed");
        assert_eq!(put(&mut client, "renamed", "SET t 3 x").at.epoch, at.epoch, "a rename loses nothing");
    });
}

#[test]
fn migrate_takes_a_store_along() {
    on_each(|server| {
        let target = start(server.installed(), Default::default());
        let mut client = server.client();
        short_lived(&mut client);
        let before = digest(&mut client);
        let at = versions(&mut client, "s").0;
        let mut waiter = Waiter::start(server, crate::store::sync_command("s", &at, "BLOCK 0"));
        client.run(cmd!("MIGRATE", "127.0.0.1", target.port(), "s", 0, 5000));
        assert!(waiter.refusal().starts_with("RECEPOCH"));
        wait_waiting(server, 0);
        let mut there = target.client();
        assert_eq!(versions(&mut there, "s").0, at);
        assert!(sync(&mut there, "s", &at, "").records.is_empty() || versions(&mut there, "s").0 != at);
        if versions(&mut there, "s").0 == at {
            assert_eq!(digest(&mut there), before);
        }
        wait_tended(&target, 0, "s");
    });
}
