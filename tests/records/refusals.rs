//! Bad input: a clear error, and nothing changed.

use redis_mirror_test_support::{Client, Options, cmd};

use crate::store::{Cursor, acquire, list, put, sync_refusal, versions};
use crate::{digest, on_each_with, on_every};

/// Runs what is refused; the error begins as told, and nothing is changed.
#[track_caller]
fn refuse(client: &mut Client, cases: &[(&str, &str)]) {
    let before = digest(client);
    for (call, error) in cases {
        let refusal = client.refusal(format!("RECORD.{call}"));
        assert!(refusal.contains(error), "{call}: {refusal}");
        assert_eq!(digest(client), before, "{call} changed something");
    }
}

#[test]
fn words_that_mean_nothing() {
    on_every(|server| {
        let mut client = server.client();
        put(&mut client, "s", "SET t 1 x");
        client.run("RECORD.SETOPTIONS s t TTL 100000");
        let syntax = "syntax error";
        let arity = "wrong number of arguments";
        refuse(
            &mut client,
            &[
                ("PUT s t 1 x", syntax),
                ("PUT s SET t 1", arity),
                ("PUT s FENCE l 1", "RECLIMIT operations"),
                ("PUT s SET t 1 x NX XX", syntax),
                ("PUT s SET t 1 x PX 5 PX 5", syntax),
                ("PUT s SET t 1 x VER 1 NX", syntax),
                ("PUT s SET t 1 x EX 5", syntax),
                ("PUT s SET t 1 x PX", "ERR"),
                ("PUT s SET t 1 x PX 0", "out of range"),
                ("PUT s SET t 1 x PX -1", "ERR"),
                ("PUT s SET t 1 x PX 1.5", "ERR"),
                ("PUT s SET t 1 x PX 99999999999999999", "RECLIMIT"),
                ("PUT s SET t 1 x VER one", "ERR"),
                ("PUT s SET t 1 x VER -1", "ERR"),
                ("PUT s SET t 1 x VER 18446744073709551616", "ERR"),
                ("PUT s DEL t 1 NX", syntax),
                ("PUT s FENCE l one SET t 1 x", "ERR"),
                ("SETOPTIONS s t CAPACITY", "ERR"),
                ("SETOPTIONS s t CAPACITY 0", "RECLIMIT"),
                ("SETOPTIONS s t CAPACITY 3 CAPACITY 4", syntax),
                ("SETOPTIONS s t TTL 0", "RECLIMIT"),
                ("SETOPTIONS s t TTL soon", "ERR"),
                ("SETOPTIONS s t RETAIN 5", syntax),
                ("SETOPTIONS s * TTL 5", syntax),
                ("SETOPTIONS s * RETAIN 0", "RECLIMIT"),
                ("SETOPTIONS s * MAXBYTES NONE MAXBYTES 3", syntax),
                ("LEASE s l STEAL me", "ERR"),
                ("LEASE s l ACQUIRE me 5", "ERR"),
                ("LEASE s l ACQUIRE me PX 0", "out of range"),
                ("LEASE s l ACQUIRE me PX five", "ERR"),
                ("LEASE s l ACQUIRE me PX 5 BLOCK", "ERR"),
                ("LEASE s l ACQUIRE me PX 5 BLOCK 1 BLOCK 1", "ERR"),
                ("LEASE s l RENEW me PX 5", "ERR"),
                ("LEASE s l RELEASE me one", "ERR"),
                ("LEASE s l TRY me", "ERR"),
                ("SYNC s 0 zero", "ERR"),
                ("SYNC s 0 -1", "ERR"),
                ("SYNC s x 0", "an epoch is"),
                ("SYNC s 0000000000000000 0", "an epoch is"),
                ("SYNC s 0 0 COUNT", "ERR"),
                ("SYNC s 0 0 COUNT 1 COUNT 1", syntax),
                ("SYNC s 0 0 LATEST LATEST", syntax),
                ("SYNC s 0 0 BLOCK -1", "ERR"),
                ("SYNC s 0 0 BLOCK 5 BLOCK 5", syntax),
                ("SYNC s 0 0 FOLLOW", syntax),
                ("SYNC s 0 0 TYPE", "ERR"),
                ("SYNCLATEST s CURSOR 5", "cursor"),
                ("SYNCLATEST s CURSOR 0 CURSOR 0", syntax),
                ("SYNCLATEST s CURSOR 1111111111111111-1-1-1", "RECEPOCH"),
                ("SYNCLATEST s COUNT many", "ERR"),
                ("SYNCLATEST s WHERE", syntax),
                ("QUERY s t LIMIT -1", "ERR"),
                ("QUERY s t OFFSET 1 OFFSET 1", syntax),
                ("QUERY s t FILTER {", "RECFILTER"),
                ("QUERY s t FILTER []", "RECFILTER"),
                (r#"QUERY s t FILTER {"id":{"$gt":"a"}}"#, "RECFILTER"),
                (r#"QUERY s t FILTER {"name":{"$eq":"a"}}"#, "RECFILTER"),
                (r#"QUERY s t FILTER {"id":{"$index":"ten"}}"#, "RECFILTER"),
                (r#"QUERY s t FILTER {"$and":[]} FILTER {"$and":[]}"#, syntax),
                ("TRIM s ALL 5", syntax),
                ("TRIM s VERSION 5", "RECLIMIT"),
                ("TRIM s KEEP -1", "ERR"),
                ("CURSOR s c SET 0", "ERR"),
                ("CURSOR s c SET 0 5", "RECEPOCH"),
                ("CURSOR s c KEEP", syntax),
                ("CURSOR s c GET", syntax),
                ("CURSOR s LIST", arity),
                ("CURSOR s c DEL 1", "ERR"),
                ("GETCURSOR s", arity),
                ("GETCURSOR s c 1", arity),
                ("CURSORS s c", arity),
                ("GET s t", arity),
                ("GET s t 1 2", arity),
                ("MGET s t", arity),
                ("TYPES s t", arity),
            ],
        );
    });
}

#[test]
fn keys_of_other_types() {
    on_every(|server| {
        let mut client = server.client();
        for make in ["SET k 1", "RPUSH l 1", "XADD x * a 1"] {
            client.run(make);
        }
        let calls = [
            "PUT % SET t 1 x",
            "GET % t 1",
            "MGET % t 1",
            "SETOPTIONS % t TTL 5",
            "SETOPTIONS % * RETAIN 5",
            "GETOPTIONS % t",
            "LEASE % l TRY me 5",
            "LEASE % l ACQUIRE me PX 5 BLOCK 0",
            "GETLEASE % l",
            "SYNC % 0 0",
            "SYNC % 0 0 BLOCK 0",
            "SYNCLATEST %",
            "QUERY % t",
            "TYPES %",
            "VERSIONS %",
            "TRIM % KEEP 0",
            "CLEAR %",
            "CURSOR % c SET 0 0",
            "CURSOR % c DEL",
            "GETCURSOR % c",
            "CURSORS %",
        ];
        for key in ["k", "l", "x"] {
            let calls: Vec<String> = calls.iter().map(|call| call.replace('%', key)).collect();
            let cases: Vec<(&str, &str)> = calls.iter().map(|call| (call.as_str(), "WRONGTYPE")).collect();
            refuse(&mut client, &cases);
        }
        put(&mut client, "s", "SET t 1 x");
        assert!(client.refusal("GET s").starts_with("WRONGTYPE"));
        assert!(client.refusal("HSET s a b").starts_with("WRONGTYPE"));
    });
}

#[test]
fn more_than_the_limits_allow() {
    let options = [
        ("name-max", 8),
        ("data-max", 16),
        ("batch-max", 3),
        ("types-max", 3),
        ("leases-max", 2),
        ("cursors-max", 1),
    ];
    let options = options
        .into_iter()
        .fold(Options::new(), |all, (name, max)| all.set(&format!("mirror.record-{name}"), max));
    on_each_with(options, |server| {
        let mut client = server.client();
        put(&mut client, "s", "SET a 1 x SET b 1 x SET c 1 1234567890123456");
        acquire(&mut client, "s", "one", "me", 60_000).expect("it is free");
        acquire(&mut client, "s", "two", "me", 60_000).expect("it is free");
        let epoch = versions(&mut client, "s").0.epoch;
        client.run(format!("RECORD.CURSOR s c SET {epoch} 1"));
        let cursor = format!("CURSOR s other SET {epoch} 1");
        refuse(
            &mut client,
            &[
                ("PUT s SET a 1 x SET a 2 x SET a 3 x SET a 4 x", "RECLIMIT operations of a put: 1 to 3"),
                ("PUT s SET a 123456789 x", "RECLIMIT bytes of an id: 1 to 8"),
                ("PUT s DEL a 123456789", "RECLIMIT"),
                ("PUT s SET 123456789 1 x", "RECLIMIT"),
                ("PUT s SET a 1 12345678901234567", "RECLIMIT bytes of data: 0 to 16"),
                ("PUT s SET d 1 x", "RECLIMIT types: 0 to 3"),
                ("SETOPTIONS s d TTL 5", "RECLIMIT types"),
                ("SETOPTIONS s 123456789 TTL 5", "RECLIMIT"),
                ("LEASE s three TRY me 1000", "RECLIMIT leases: 0 to 2"),
                ("LEASE s three ACQUIRE me PX 1000 BLOCK 0", "RECLIMIT leases"),
                ("LEASE s 123456789 TRY me 1000", "RECLIMIT"),
                ("LEASE s one TRY 123456789 1000", "RECLIMIT"),
                (&cursor, "RECLIMIT named cursors: 0 to 1"),
                ("SYNC s 0 0 TYPE a TYPE b TYPE c TYPE d", "RECLIMIT"),
                ("SYNCLATEST s TYPE a TYPE b TYPE c TYPE d", "RECLIMIT"),
            ],
        );
        let before = digest(&mut client);
        assert!(client.refusal(cmd!("RECORD.PUT", "s", "SET", "a", "", "x")).starts_with("RECLIMIT"));
        assert!(client.refusal(cmd!("RECORD.PUT", "s", "SET", "", "1", "x")).starts_with("RECLIMIT"));
        assert_eq!(digest(&mut client), before);
        // A name that no type can have, kept for a client that waits.
        let long = "t".repeat(65_536);
        assert!(client.refusal(cmd!("RECORD.SYNC", "s", 0, 0, "TYPE", &long)).starts_with("RECLIMIT"));
        assert!(client.refusal(cmd!("RECORD.SYNCLATEST", "s", "TYPE", &long)).starts_with("RECLIMIT"));
        // What is there may be used on.
        put(&mut client, "s", "SET a 1 y DEL b 1 SET c 1 z");
    });
}

#[test]
fn filters_that_are_too_deep_or_too_long() {
    on_every(|server| {
        let mut client = server.client();
        put(&mut client, "s", "SET t 1 x SET t 10.1.2.3 x");
        let nested = |depth: usize, open: &str, close: &str| {
            format!("{}{{\"id\":{{\"$eq\":\"1\"}}}}{}", open.repeat(depth), close.repeat(depth))
        };
        for (depth, is_fine) in [(1, true), (30, true), (100, false), (1_000, false), (10_000, false)] {
            for (open, close) in [("{\"$and\":[", "]}"), ("{\"$or\":[", "]}"), ("[", "]"), ("{\"a\":", "}")] {
                let filter = nested(depth, open, close);
                for call in [
                    cmd!("RECORD.QUERY", "s", "t", "FILTER", &filter),
                    cmd!("RECORD.SYNCLATEST", "s", "FILTER", &filter),
                ] {
                    let answer = client.call(&call);
                    if is_fine && open.contains('$') {
                        answer.expect("it is a filter");
                    } else {
                        let error = answer.expect_err("it is none").to_string();
                        assert!(error.contains("RECFILTER"), "{depth}: {error}");
                    }
                }
            }
        }
        let half = "[".repeat(10_000);
        assert!(client.refusal(cmd!("RECORD.QUERY", "s", "t", "FILTER", half)).starts_with("RECFILTER"));
        let network = r#"{"id":{"$index":"10.0.0.0/8"}}"#;
        assert_eq!(list(&mut client, "s", &format!("FILTER {network}")).ids(), ["10.1.2.3"]);
    });
}

#[test]
fn cursors_that_are_not_of_this_history() {
    on_every(|server| {
        let mut client = server.client();
        let at = put(&mut client, "s", "SET t 1 x").at;
        let cursor = |epoch: &str, version| Cursor { epoch: epoch.into(), version };
        for version in [2, 1 << 53, i64::MAX] {
            let refusal = sync_refusal(&mut client, "s", &cursor(&at.epoch, version));
            assert!(refusal.starts_with("RECFUTURE"), "{version}: {refusal}");
        }
        let far = format!("RECORD.SYNC s {} 18446744073709551615 BLOCK 0", at.epoch);
        assert!(client.refusal(far).starts_with("RECFUTURE"));
        for (epoch, version) in [("0", 1), ("00000000000000ff", 1), ("00000000000000ff", 0)] {
            assert!(sync_refusal(&mut client, "s", &cursor(epoch, version)).starts_with("RECEPOCH"));
        }
        assert!(sync_refusal(&mut client, "none", &at).starts_with("RECEPOCH"));
        let refusal = client.refusal(format!("RECORD.SYNC none {} 1 BLOCK 0", at.epoch));
        assert!(refusal.starts_with("RECEPOCH"));
        let page = format!("RECORD.SYNCLATEST s CURSOR {}-7-7-0", at.epoch);
        assert!(client.refusal(page).starts_with("RECFUTURE"));
        for text in [
            "x",
            "-",
            "1-2",
            "0000000000000000-1-1-1-1",
            "0000000000000000-a-1-1",
            "0000000000000000-99999999999999999999-1-1",
        ] {
            assert!(
                client.refusal(format!("RECORD.SYNCLATEST s CURSOR {text}")).contains("cursor"),
                "{text}"
            );
        }
    });
}

#[test]
fn what_is_replicated_is_not_taken_from_clients() {
    on_every(|server| {
        let mut client = server.client();
        put(&mut client, "s", "SET t 1 x");
        let before = digest(&mut client);
        for call in ["COMMIT x", "LOAD x", "NONSENSE x"] {
            assert!(client.refusal(format!("RECORD.APPLY s {call}")).starts_with("NOPERM"));
        }
        assert!(client.refusal("RECORD.APPLY s COMMIT").contains("wrong number"));
        client.run("MULTI");
        client.run("RECORD.APPLY s COMMIT x");
        let done = client.run("EXEC");
        let [answer] = done.as_array().expect("one answer") else { panic!("{done}") };
        assert!(answer.error().is_some_and(|error| error.starts_with("NOPERM")), "{done}");
        for script in [
            "return redis.call('RECORD.APPLY', KEYS[1], 'COMMIT', 'x')",
            "return redis.pcall('RECORD.APPLY', KEYS[1], 'LOAD', 'x')",
        ] {
            let refusal = client.refusal(cmd!("EVAL", script, 1, "s"));
            assert!(refusal.contains("not allowed from script"), "{refusal}");
        }
        assert_eq!(digest(&mut client), before);
    });
}
