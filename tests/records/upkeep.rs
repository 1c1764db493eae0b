//! What happens without a client asking for it.

use std::time::Instant;

use redis_mirror_test_support::{Client, Options, cmd, wait};

use crate::store::{Cursor, get, list, put, sync, sync_refusal, versions};
use crate::{on_each, on_each_with, on_every};

#[test]
fn fault06_what_ends_is_told_and_not_skipped() {
    on_every(|server| {
        let mut client = server.client();
        let at = put(&mut client, "s", "SET t stays x SET t 1 x PX 1 SET t 2 x PX 1").at;
        wait::wait_until("they end", || versions(&mut client, "s").0.version == 5);
        let told = sync(&mut client, "s", &at, "").records;
        assert!(told.iter().all(|change| change.op == "del" && change.reason.as_deref() == Some("ttl")));
        assert_eq!(list(&mut client, "s", "").ids(), ["stays"]);
        // Changes that are too old are not skipped either.
        client.run("RECORD.SETOPTIONS s * RETAIN 1");
        wait::wait_until("the log is empty", || versions(&mut client, "s").1 == 5);
        assert!(sync_refusal(&mut client, "s", &at).starts_with("RECCOMPACTED 5 "));
    });
}

/// A thing of the past for readers at once, whoever looks first.
#[test]
fn an_ended_record_is_not_there() {
    on_each(|server| {
        let mut client = server.client();
        client.run("RECORD.SETOPTIONS s t TTL 1");
        for round in 0..50 {
            put(&mut client, "s", "SET t 1 x");
            client.run("DEBUG SLEEP 0.002");
            assert_eq!(get(&mut client, "s", "t", "1"), None);
            put(&mut client, "s", &format!("SET t 1 {round} NX"));
        }
        let all = sync(&mut client, "s", &Cursor::start(), "COUNT 10000");
        assert_eq!(all.versions(), (1..=all.at.version).collect::<Vec<_>>());
    });
}

/// Far more than one slice of work, on a server that nobody asks anything.
#[test]
fn many_records_end_in_slices() {
    on_each(|server| {
        let mut client = server.client();
        let script =
            "for i = 1, 20000 do redis.call('RECORD.PUT', KEYS[1], 'SET', 't', i, 'x', 'PX', 1500) end";
        client.run(cmd!("EVAL", script, 1, "s"));
        wait::wait_until("all have ended", || versions(&mut client, "s").0.version == 40_000);
        assert_eq!(client.run("RECORD.TYPES s").as_array().map(<[_]>::len), Some(0));
    });
}

/// A server that nobody talks to turns its event loop `hz` times a second: what has ended doesn't wait for that.
#[test]
fn what_has_ended_goes_at_once_though_nobody_asks() {
    const RECORDS: i64 = 20_000;
    on_each_with(Options::new().set("hz", 1).set("mirror.apply-budget-us", 20), |server| {
        let (mut client, mut hears) = (server.client(), server.client());
        let script =
            "for i = 1, ARGV[1] do redis.call('RECORD.PUT', KEYS[1], 'SET', 't', i, 'x', 'PX', 2000) end";
        client.run(cmd!("EVAL", script, 1, "s", RECORDS));
        hears.run("SUBSCRIBE record:s");
        // A slice takes a few dozen: hundreds of turns, of which the server makes one in a second by itself.
        let asked = Instant::now();
        while heard(&mut hears) < 2 * RECORDS {
            assert!(asked.elapsed() < wait::PATIENCE, "they go once in a second");
        }
    });
}

fn heard(client: &mut Client) -> i64 {
    let message = client.receive().expect("a message");
    let version = message.as_array().and_then(|items| items.get(2)?.as_text());
    version.and_then(|version| version.parse().ok()).expect("a version")
}
