//! The example: what users see of a type.

use redis_mirror_test_support::wait::wait_until;
use redis_mirror_test_support::{Command, Random, Server, servers};

use super::{payload, totals};
use crate::harness::{on_each_server, options};

/// As many measurements as take several chunks.
fn many(key: &str) -> Command {
    Command::new("SERIES.ADD").arg(key).args((0..3000).map(|at| format!("{}.25", at - 1500)))
}

#[test]
fn arguments_are_checked_before_anything_is_written() {
    on_each_server(&["native_type"], |_, client| {
        for bad in ["nan", "inf", "-inf", "", "1e999", "0x1", "x"] {
            assert!(
                client.refusal(Command::new("SERIES.ADD s 1").arg(bad)).contains("not a valid float"),
                "{bad}"
            );
        }
        assert!(
            client.refusal(Command::new("SERIES.ADD s").arg(b"\xff\0%s".as_slice())).contains("valid float")
        );
        assert_eq!(client.int("EXISTS s"), 0);
        client.run("SET string v");
        for command in
            ["SERIES.ADD string 1", "SERIES.LABEL string", "SERIES.RANGE string 0 1", "SERIES.STATS string"]
        {
            assert!(client.refusal(command).starts_with("WRONGTYPE"), "{command}");
        }
        assert_eq!(client.refusal("SERIES.LABEL none x"), "ERR no such key");
        client.run("SERIES.ADD s 1");
        client.refusal(Command::new("SERIES.LABEL s").arg("x".repeat(1001)));
        client.refusal(Command::new("SERIES.LABEL s").arg(b"\xff".as_slice()));
        let label = "a\0b\r\n%s%n é";
        client.run(Command::new("SERIES.LABEL s").arg(label));
        assert_eq!(client.text("SERIES.LABEL s"), label);
    });
}

#[test]
fn positions_count_from_both_ends_and_stay_inside() {
    on_each_server(&["native_type"], |_, client| {
        client.run("SERIES.ADD s 0 1 2 3 4");
        client.run("RPUSH list 0 1 2 3 4");
        for start in [i64::MIN, -7, -5, -2, 0, 3, 4, 5, i64::MAX] {
            for stop in [i64::MIN, -7, -5, -1, 0, 2, 4, 9, i64::MAX] {
                assert_eq!(
                    client.texts(format!("SERIES.RANGE s {start} {stop}")),
                    client.texts(format!("LRANGE list {start} {stop}")),
                    "{start} {stop}"
                );
            }
        }
        assert!(client.texts("SERIES.RANGE none 0 -1").is_empty());
    });
}

#[test]
fn a_value_moves_by_every_way_there_is() {
    on_each_server(&["native_type"], |_, client| {
        client.run(many("s"));
        client.run("SERIES.LABEL s label");
        let (all, digest) = (client.run("SERIES.RANGE s 0 -1"), client.run("DEBUG DIGEST-VALUE s"));
        client.run("RENAME s renamed");
        let dump = client.bytes("DUMP renamed").expect("a payload");
        client.run(Command::new("RESTORE restored 0").arg(dump.as_slice()));
        client.run("COPY renamed copied");
        client.run("COPY renamed other DB 9");
        client.run("MOVE copied 8");
        client.run("DEBUG RELOAD");
        for (db, key) in [(0, "renamed"), (0, "restored"), (9, "other"), (8, "copied")] {
            client.run(format!("SELECT {db}"));
            assert_eq!(client.run(format!("SERIES.RANGE {key} 0 -1")), all, "{key}");
            let digests = client.run(format!("DEBUG DIGEST-VALUE {key}"));
            assert_eq!(digests, digest, "{key}");
        }
        client.run("SERIES.ADD copied 1");
        assert_ne!(client.run("DEBUG DIGEST-VALUE copied"), digest);
    });
}

#[test]
fn a_value_survives_restarts_by_snapshot_and_by_both_kinds_of_aof() {
    for installed in servers() {
        for preamble in ["yes", "no"] {
            let options = options(&["native_type"]).durable().set("aof-use-rdb-preamble", preamble);
            let mut server = Server::start(installed, options);
            let mut client = server.client();
            client.run(many("s"));
            client.run("SERIES.LABEL s label");
            let all = client.run("SERIES.RANGE s 0 -1");
            client.run("BGREWRITEAOF");
            wait_until("the rewrite ends", || {
                let info = server.info("persistence");
                info.number("aof_rewrite_in_progress") == Some(0)
                    && info.number("aof_rewrite_scheduled") == Some(0)
            });
            assert_eq!(server.info("persistence").get("aof_last_bgrewrite_status"), Some("ok"));
            client.run("SERIES.ADD s 7");
            client.run("DEBUG LOADAOF");
            server.kill_and_resume();
            let mut client = server.client();
            assert_eq!(client.texts("SERIES.RANGE s -1 -1"), ["7"], "{installed} preamble {preamble}");
            assert_eq!(client.run("SERIES.RANGE s 0 -2"), all);
            assert_eq!(client.text("SERIES.LABEL s"), "label");
            assert_eq!(totals(&mut client).0, 3001, "{installed} preamble {preamble}");
        }
    }
}

#[test]
fn a_replica_gets_the_same_values() {
    for installed in servers() {
        let primary = Server::start(installed, options(&["native_type"]));
        let replica = Server::start(installed, options(&["native_type"]));
        let (mut one, mut two) = (primary.client(), replica.client());
        one.run(many("before"));
        replica.replicate(primary.address());
        wait_until("the full sync", || two.int("EXISTS before") == 1);
        one.run(many("after"));
        one.run("SERIES.LABEL before x");
        one.run("COPY before copied");
        one.run("SERIES.ADD copied 3");
        wait_until("the stream", || one.text("DEBUG DIGEST") == two.text("DEBUG DIGEST"));
        assert_eq!(two.int("EXISTS before after copied"), 3, "{installed}");
        assert_eq!(totals(&mut two), totals(&mut one));
    }
}

#[test]
fn corrupt_payloads_are_refused_by_restore() {
    on_each_server(&["native_type"], |_, client| {
        client.run("SERIES.ADD s 1 2 3");
        client.run("SERIES.LABEL s twenty-five-equal-letters-aaaaaaaaaaaaaaaaaaaaaaaaa");
        let dump = client.bytes("DUMP s").expect("a payload");
        let value = &dump[..dump.len() - 10];
        client.run(Command::new("RESTORE same 0").arg(payload(&dump, value).as_slice()));
        assert_eq!(client.run("SERIES.RANGE same 0 -1"), client.run("SERIES.RANGE s 0 -1"));
        // Not the last two: the version that follows would pass for what is missing.
        for cut in 1..value.len() - 2 {
            client.refusal(Command::new("RESTORE cut 0").arg(payload(&dump, &value[..cut]).as_slice()));
        }
        let mut random = Random::new(7);
        for _ in 0..2000 {
            // The type byte and its id stay: other types are the server's own business.
            let mut bent = value.to_vec();
            for _ in 0..=random.below(3) {
                let at = 10 + random.below(bent.len() - 10);
                bent[at] = random.bits() as u8;
            }
            let _ = client.call(Command::new("RESTORE bent 0").arg(payload(&dump, &bent).as_slice()));
            let _ = client.call("SERIES.STATS bent");
            client.run("DEL bent");
        }
    });
}

#[test]
fn unlinked_values_are_freed_in_the_background_and_counted() {
    on_each_server(&["native_type"], |server, client| {
        let before = totals(client).1;
        // More than 64 chunks.
        for at in 0..8 {
            client.run(many("large"));
            client.run(format!("SERIES.ADD small{at} 1"));
        }
        client.run("UNLINK large small0");
        client.run("DEL small1");
        client.run("SET small2 overwritten");
        client.run("SERIES.ADD expiring 1");
        client.run("PEXPIRE expiring 1");
        wait_until("it expires", || client.int("EXISTS expiring") == 0);
        assert_eq!(totals(client).1 - before, 5);
        wait_until("the background thread is done", || {
            server.info("memory").number("lazyfree_pending_objects") == Some(0)
        });
        assert!(server.info("memory").number("lazyfreed_objects").is_some_and(|freed| freed >= 1));
        client.run("FLUSHALL ASYNC");
    });
}

#[test]
fn memory_usage_grows_with_the_value_and_can_be_estimated() {
    on_each_server(&["native_type"], |_, client| {
        client.run("SERIES.ADD small 1");
        (0..5).for_each(|_| drop(client.run(many("large"))));
        let (small, large) = (client.int("MEMORY USAGE small"), client.int("MEMORY USAGE large SAMPLES 0"));
        assert!(small > 0 && large > 15_000 * 8 && large < 15_000 * 24, "{small} {large}");
        let estimated = client.int("MEMORY USAGE large SAMPLES 1");
        assert!((estimated - large).abs() < large / 10, "{estimated} {large}");
    });
}
