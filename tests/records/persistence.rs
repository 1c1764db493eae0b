//! Restarts.

use redis_mirror_test_support::{Client, Options, Random, Server, wait};

use crate::store::{Cursor, acquire, put, sync, sync_refusal, versions};
use crate::{digest, on_each_with};

/// Anything a store can have, some of it compacted.
pub fn fill(client: &mut Client, seed: u64) {
    let mut random = Random::new(seed);
    client.run("RECORD.SETOPTIONS s t1 CAPACITY 4 TTL 100000");
    client.run("RECORD.SETOPTIONS s only-options CAPACITY 9");
    client.run("RECORD.SETOPTIONS s * RETAIN NONE MAXCHANGES 60");
    for number in 0..200 {
        let (kind, id) = (random.below(4), random.below(20));
        match random.below(12) {
            0 => drop(client.run(format!("RECORD.LEASE s l{kind} TRY me {}", 100_000 + number))),
            1 => drop(client.run(format!("RECORD.LEASE s l{kind} TRY me 0"))),
            2 => drop(client.run(format!("RECORD.TRIM s KEEP {}", 10 + id))),
            3 => drop(put(client, "s", &format!("DEL t{kind} {id}"))),
            4 => {
                let at = put(client, "s", &format!("SET t{kind} {id} x PX 1000000")).at;
                client.run(format!("RECORD.CURSOR s c{kind} SET {} {}", at.epoch, at.version));
            }
            _ => {
                let data = "d".repeat(random.below(3000));
                drop(put(client, "s", &format!("SET t{kind} {id} -{data} SET t{kind} {} y", id + 1)));
            }
        }
    }
    put(client, "cleared", "SET t 1 x SET t 2 x");
    client.run("RECORD.CLEAR cleared");
}

/// The same after a restart; who has not seen more than that goes on, and who has is told.
fn survives(server: &mut Server, prepare: &str, restart: impl Fn(&mut Server)) {
    let mut client = server.client();
    fill(&mut client, 11);
    prepare.split('|').filter(|step| !step.is_empty()).for_each(|step| drop(client.run(step)));
    server.wait_saved();
    put(&mut client, "s", "SET t1 after x");
    if prepare.contains("SAVE") {
        client.run("SAVE");
    }
    let (before, at) = (digest(&mut client), versions(&mut client, "s").0);
    restart(server);
    let mut client = server.client();
    assert_eq!(digest(&mut client), before, "{}: {prepare}", server.installed());
    assert!(sync(&mut client, "s", &at, "").records.is_empty());
    let ahead = Cursor { version: at.version + 1, ..at.clone() };
    assert!(sync_refusal(&mut client, "s", &ahead).starts_with("RECEPOCH"));
    assert_ne!(put(&mut client, "s", "SET t1 again x").at.epoch, at.epoch);
    assert_eq!(
        sync(&mut client, "s", &at, "TYPE t1").ids(),
        std::iter::once("again").chain(evicted(&mut client, &at)).collect::<Vec<_>>()
    );
}

fn evicted<'a>(client: &mut Client, at: &Cursor) -> Vec<&'a str> {
    let changes = sync(client, "s", at, "TYPE t1").records;
    changes.into_iter().skip(1).map(|change| &*change.id.leak()).collect()
}

#[test]
fn g05_an_aof_gives_the_same_stores_back() {
    for preamble in ["yes", "no"] {
        on_each_with(Options::new().durable().set("aof-use-rdb-preamble", preamble), |server| {
            survives(server, "", Server::kill_and_resume);
        });
        on_each_with(Options::new().durable().set("aof-use-rdb-preamble", preamble), |server| {
            survives(server, "BGREWRITEAOF", Server::kill_and_resume);
        });
    }
}

#[test]
fn g05_an_rdb_gives_the_same_stores_back() {
    on_each_with(Options::new(), |server| survives(server, "SAVE", Server::kill_and_resume));
    on_each_with(Options::new().durable(), |server| {
        survives(server, "", |server| drop(server.client().run("DEBUG LOADAOF")));
    });
}

/// What ended while the server was away ends when it is back, however it was written down.
#[test]
fn records_end_after_a_restart() {
    for (preamble, prepare) in [("yes", "PING"), ("yes", "BGREWRITEAOF"), ("no", "BGREWRITEAOF")] {
        let options = Options::new().durable().set("aof-use-rdb-preamble", preamble);
        on_each_with(options, |server| {
            let mut client = server.client();
            put(&mut client, "s", "SET t ends x PX 700");
            let token = acquire(&mut client, "s", "l", "me", 700).expect("it is free");
            let at = versions(&mut client, "s").0;
            client.run(prepare);
            server.wait_saved();
            server.kill_and_resume();
            assert_all_has_ended(server, &at, token);
        });
    }
}

fn assert_all_has_ended(server: &Server, at: &Cursor, token: i64) {
    let mut client = server.client();
    wait::wait_until("it ends", || versions(&mut client, "s").0.version == at.version + 1);
    let change = sync(&mut client, "s", at, "").records.remove(0);
    assert_eq!(change.reason.as_deref(), Some("ttl"));
    let mut next = None;
    wait::wait_until("the lease ends", || {
        next = acquire(&mut client, "s", "l", "you", 1000);
        next.is_some()
    });
    assert!(next > Some(token));
}
