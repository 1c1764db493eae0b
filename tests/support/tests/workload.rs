//! The data set has every encoding, the live commands all work, and the oracle sees every difference.
#![forbid(unsafe_code)]
// A failed step of a test is the test's failure.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use redis_mirror_test_support::digest::{self, Mapping, compare};
use redis_mirror_test_support::wait::wait_until;
use redis_mirror_test_support::workload::{Abilities, Dataset, Live, Writer};
use redis_mirror_test_support::{Installed, Options, Server, any_server, cmd, servers};

fn start(installed: &Installed) -> Server {
    Server::start(installed, Options::new().set("repl-backlog-size", "64mb"))
}

fn wait_caught_up(source: &Server, replica: &Server) {
    wait_until("the replica to catch up", || {
        let offset = source.info("replication").number("master_repl_offset");
        replica.info("replication").number("slave_repl_offset") == offset
    });
}

#[test]
fn every_type_and_encoding_is_in_the_data_set() {
    for installed in servers() {
        let server = start(installed);
        let mut client = server.client();
        Dataset::new(1, 600).dbs(&[0]).load(&mut client).unwrap();
        let keys = client.texts("KEYS *");
        let found: BTreeSet<String> = keys
            .iter()
            .map(|key| {
                client
                    .call(cmd!("OBJECT ENCODING", key))
                    .map_or_else(|_| String::new(), |encoding| encoding.as_text().unwrap_or_default())
            })
            .collect();
        let expected =
            ["int", "embstr", "raw", "quicklist", "listpack", "intset", "hashtable", "skiplist", "stream"];
        for encoding in expected {
            assert!(found.contains(encoding), "{installed}: no {encoding} in {found:?}");
        }
    }
}

/// The digest of a loaded server, without what is about to expire.
fn digest_of_seed(seed: u64) -> String {
    let server = start(any_server());
    let mut client = server.client();
    Dataset::new(seed, 300).dbs(&[0]).load(&mut client).unwrap();
    for key in client.texts("KEYS *") {
        if key.contains("hash-ttl") || (0..60_000).contains(&client.int(cmd!("PTTL", &key))) {
            client.run(cmd!("DEL", key));
        }
    }
    digest::of(&mut client).unwrap()
}

#[test]
fn the_same_seed_gives_the_same_data_and_another_seed_other_data() {
    assert_eq!(digest_of_seed(7), digest_of_seed(7));
    assert_ne!(digest_of_seed(7), digest_of_seed(8));
}

#[test]
fn every_live_command_succeeds_somewhere() {
    for installed in servers() {
        let server = start(installed);
        let mut client = server.client();
        let abilities = Abilities::of(&mut client).unwrap();
        let dataset = Dataset::new(3, 400);
        dataset.load(&mut client).unwrap();
        let mut client = server.client();
        let mut live = Live::over(3, &abilities, &dataset);
        let summary = live.run(&mut client, 40_000).unwrap();
        let never: Vec<_> =
            summary.refusals.iter().filter(|(label, _)| !summary.accepted.contains_key(*label)).collect();
        assert!(never.is_empty(), "{installed}: never accepted: {never:#?}");
        assert!(summary.refused * 5 < summary.commands, "{installed}: {summary} {:#?}", summary.refusals);
    }
}

#[test]
fn a_native_replica_is_equal_after_live_writes() {
    for installed in servers() {
        let (source, replica) = (start(installed), start(installed));
        let mut client = source.client();
        let abilities = Abilities::of(&mut client).unwrap();
        let dataset = Dataset::new(5, 500);
        dataset.load(&mut client).unwrap();
        let writers: Vec<Writer> = (0..3)
            .map(|seed| {
                Writer::start(source.address(), Live::over(seed, &abilities, &dataset).with_destruction())
            })
            .collect();
        replica.replicate(source.address());
        wait_until("some writes", || writers.iter().all(|writer| writer.sent() > 4000));
        let sent: usize = writers.into_iter().map(|writer| writer.stop().commands).sum();
        assert!(sent > 12_000, "{installed}");
        wait_caught_up(&source, &replica);
        digest::assert_same(&source, &replica);
    }
}

/// Each command makes one difference; the oracle must see it, name it, and see nothing after the undoing.
#[test]
fn every_kind_of_difference_is_seen() {
    let (source, local) = (start(any_server()), start(any_server()));
    for server in [&source, &local] {
        let mut client = server.client();
        for command in [
            "SET s v",
            "RPUSH l a b c",
            "SADD t 1 2 3",
            "ZADD z 1 a 2 b",
            "HSET h f v",
            "XADD x 1-1 f v",
            "XADD x 2-1 f v",
            "XGROUP CREATE x g 0",
            "PEXPIREAT s 4000000000000",
        ] {
            client.run(command);
        }
    }
    digest::assert_same(&source, &local);
    let changes = [
        ("SET s w KEEPTTL", "SET s v KEEPTTL", "value"),
        ("PEXPIREAT s 4000000000002", "PEXPIREAT s 4000000000000", "expiry"),
        ("PERSIST s", "PEXPIREAT s 4000000000000", "expiry"),
        ("RPUSH l d", "RPOP l", "value"),
        ("ZADD z 1.5 a", "ZADD z 1 a", "value"),
        ("RENAME t t2", "RENAME t2 t", "missing"),
        ("SET extra 1", "DEL extra", "not at the source"),
        ("XGROUP SETID x g 2-1", "XGROUP SETID x g 0", "last-delivered-id"),
        ("XSETID x 9-9", "XSETID x 2-1", "last-generated-id"),
        ("XGROUP CREATE x h 0", "XGROUP DESTROY x h", "groups"),
        ("MOVE h 5", "COPY h h DB 0", "missing"),
    ];
    for (change, undo, expected) in changes {
        let mut client = local.client();
        client.run(change);
        let report = compare(&mut source.client(), &mut local.client(), &Mapping::identity()).unwrap();
        let text = report.to_string();
        assert!(!report.is_equal() && text.contains(expected), "{change}: {text}");
        if change.starts_with("MOVE") {
            client.run("SELECT 5");
            client.run("MOVE h 0");
        } else {
            client.run(undo);
        }
        digest::assert_same(&source, &local);
    }
}

#[test]
fn pending_entries_and_field_expiries_are_compared() {
    for installed in servers() {
        let (source, local) = (start(installed), start(installed));
        let (mut theirs, mut ours) = (source.client(), local.client());
        let expiring_fields = Abilities::of(&mut theirs).unwrap().has("hpexpireat");
        for client in [&mut theirs, &mut ours] {
            client.run("XADD x 1-1 f v");
            client.run("XGROUP CREATE x g 0");
            client.run("HSET h f v g w");
        }
        digest::assert_same(&source, &local);
        ours.run("XREADGROUP GROUP g alice STREAMS x >");
        if expiring_fields {
            theirs.run("HPEXPIREAT h 4000000000000 FIELDS 1 f");
            ours.run("HPEXPIREAT h 4000000000009 FIELDS 1 f");
        }
        let report = compare(&mut theirs, &mut ours, &Mapping::identity()).unwrap();
        let text = report.to_string();
        assert_eq!(report.different.len(), 1 + usize::from(expiring_fields), "{installed}: {text}");
        assert!(
            text.contains("stream.") && text.contains("field f") == expiring_fields,
            "{installed}: {text}"
        );
    }
}

#[test]
fn the_digests_of_different_versions_agree() {
    let servers: Vec<Server> = servers().iter().map(start).collect();
    for server in &servers {
        let mut client = server.client();
        for command in
            ["SET s v", "HSET h f v", "ZADD z inf a -0 b 0.1 c 1e-320 d", "SADD i 1 2 3", "XADD x 1-1 f v"]
        {
            client.run(command);
        }
    }
    for server in &servers[1..] {
        digest::assert_same(&servers[0], server);
    }
}

#[test]
fn a_mapping_looks_at_its_scope_only() {
    let (source, local) = (start(any_server()), start(any_server()));
    let mut theirs = source.client();
    for command in ["SET shop:a 1", "SET shop:b 2", "SET other 3"] {
        theirs.run(command);
    }
    let mut ours = local.client();
    for command in ["SET mine 9", "SELECT 4", "SET copy:a 1", "SET copy:b 2", "SET own 7"] {
        ours.run(command);
    }
    let mapping = Mapping::identity().db(0, 4).strip("shop:").prefix("copy:");
    digest::assert_mirrored(&source, &local, &mapping);
    ours.run("SET copy:c 3");
    let report = compare(&mut theirs, &mut ours, &mapping).unwrap();
    assert_eq!(report.different.len(), 1, "{report}");
}
