//! Slots, and what happens when they move: by a module for tests.

use redis_mirror_test_support::wait::{wait_for, wait_until};
use redis_mirror_test_support::{Client, Cluster, Command, Value, cmd};

use super::{is_since, journal_with, on_each_cluster, probe};

const REDIS_8_4: Option<(u32, u32)> = Some((8, 4));

#[test]
fn slots_of_keys_are_those_of_cluster_keyslot() {
    on_each_cluster(&probe(""), |installed, cluster| {
        let mut client = cluster.nodes()[0].client();
        let long = vec![b'x'; 1 << 20];
        let keys: [&[u8]; 7] = [b"user:1000", b"", b"{tag}rest", b"{}x", b"a\0%s\r\n", b"\xff\xfe", &long];
        for key in keys {
            let asked = Command::new("CP.SLOT").arg(key);
            if !is_since(installed, Some((7, 4)), Some((8, 0))) {
                assert!(client.refusal(asked).contains("Redis 7.4 and Valkey 8.0"));
                continue;
            }
            let told = client.run(asked);
            let told = told.as_array().expect("three answers");
            let expected = client.int(Command::new("CLUSTER KEYSLOT").arg(key));
            assert_eq!((told[0].as_int(), told[1].as_int()), (Some(expected), Some(expected)));
            let canonical = told[2].as_bytes().expect("a key").to_vec();
            assert_eq!(client.int(Command::new("CLUSTER KEYSLOT").arg(canonical)), expected);
        }
    });
}

#[test]
fn local_slots_are_those_that_were_shared_out() {
    on_each_cluster(&probe(""), |installed, cluster| {
        let mut client = cluster.nodes()[1].client();
        if is_since(installed, REDIS_8_4, None) {
            assert_eq!(client.texts("CP.LOCAL"), ["5461-10921"]);
            let access = ["5460", "5461", "10921", "10922"].map(|slot| client.int(cmd!("CP.ACCESS", slot)));
            assert_eq!(access, [0, 1, 1, 0]);
            assert!(client.refusal("CP.ACCESS 16384").contains("from 0 to 16383"));
        } else {
            for command in ["CP.LOCAL", "CP.ACCESS 1", "CP.PAUSE ON"] {
                assert!(client.refusal(command).contains("it came with Redis 8.4"), "{command}");
            }
        }
    });
}

/// Fills slot 0 of the first node; clients of that node and of the next one.
fn with_keys_in_slot_0(cluster: &Cluster) -> (Client, Client) {
    let mut near = cluster.nodes()[0].client();
    for at in 0..10 {
        near.run(cmd!("SET", format!("{{06S}}{at}"), "v"));
    }
    (near, cluster.nodes()[1].client())
}

#[test]
fn a_slot_moves_to_another_redis_and_modules_hear_each_step() {
    for arguments in ["", "TRIMMED"] {
        on_each_cluster(&probe(arguments), |installed, cluster| {
            if !is_since(installed, REDIS_8_4, None) {
                println!("{installed} does not move slots this way");
                return;
            }
            let (mut near, mut far) = with_keys_in_slot_0(cluster);
            near.run("CP.PAUSE ARM");
            far.run("CLUSTER MIGRATION IMPORT 0 0");
            let source = journal_with(&mut near, "migrate completed");
            assert!(source.contains(&"migrate started 0-0 [true, true, true]".to_owned()), "{source:?}");
            let destination = journal_with(&mut far, "import completed 0-0 [true, true, true]");
            for line in ["import started 0-0 [true, true, true]", "told by the other node"] {
                assert!(destination.contains(&line.to_owned()), "{destination:?}");
            }
            assert_eq!(far.bytes("GET {06S}sent").as_deref(), Some(b"a\0\r\n%s".as_slice()));
            assert_eq!(far.text("GET {06S}9"), "v");
            assert!(source.contains(&"paused true".to_owned()), "{source:?}");
            propagation_is_refused_for_a_reason(&cluster.nodes()[0].log());

            // Paused, nothing is trimmed; then it is, key by key if somebody listens.
            wait_until("the pause is seen", || {
                cluster.nodes()[0].log().contains("trim is disabled by module")
            });
            assert_eq!(near.int("CP.ACCESS 0"), 0);
            assert!(!source.iter().any(|line| line.starts_with("trim")), "{source:?}");
            near.run("CP.PAUSE OFF");
            if arguments.is_empty() {
                journal_with(&mut near, "trim 0-0");
            } else {
                let lines = journal_with(&mut near, "trim completed 0-0");
                assert_eq!(
                    lines.iter().filter(|line| line.starts_with("trimmed {06S}")).count(),
                    10,
                    "{lines:?}"
                );
                assert!(lines.contains(&"trim started 0-0".to_owned()), "{lines:?}");
            }
        });
    }
}

fn propagation_is_refused_for_a_reason(log: &str) {
    let expected = [
        "propagate 0: sent",
        "propagate 1: sent",
        "propagate 2: the server refused RedisModule_ClusterPropagateForSlotMigration: there is no such command",
        "propagate 3: the server refused RedisModule_ClusterPropagateForSlotMigration: the command takes another",
        "propagate 4: the server refused RedisModule_ClusterPropagateForSlotMigration: the command takes another",
        "propagate 5: the server refused RedisModule_ClusterPropagateForSlotMigration: its keys are not in the slots",
        "propagate 6: the server refused RedisModule_ClusterPropagateForSlotMigration: its keys are in several",
    ];
    for line in expected {
        assert!(log.contains(line), "{line:?} is not in {log}");
    }
}

#[test]
fn a_module_that_does_not_say_that_it_copes_keeps_the_slots_of_a_valkey() {
    on_each_cluster(&probe("FIXED"), |installed, cluster| {
        if is_since(installed, None, Some((9, 0))) {
            let mut near = cluster.nodes()[0].client();
            let move_slot = cmd!("CLUSTER", "MIGRATESLOTS", "SLOTSRANGE", 0, 0, "NODE", cluster.id(1));
            assert!(near.refusal(move_slot).contains("clusprobe does not support atomic slot migrations"));
        }
    });
}

#[test]
fn a_slot_moves_to_another_valkey_and_modules_hear_each_step() {
    on_each_cluster(&probe(""), |installed, cluster| {
        if !is_since(installed, None, Some((9, 0))) {
            println!("{installed} does not move slots this way");
            return;
        }
        let (mut near, mut far) = with_keys_in_slot_0(cluster);
        near.run(cmd!("CLUSTER", "MIGRATESLOTS", "SLOTSRANGE", 0, 0, "NODE", cluster.id(1)));
        let source = journal_with(&mut near, "export completed 0-0 40");
        assert!(source.contains(&"export started 0-0 40".to_owned()), "{source:?}");
        let destination = journal_with(&mut far, "import completed 0-0 40");
        assert!(destination.contains(&"import started 0-0 40".to_owned()), "{destination:?}");
        wait_for("the key", || match far.call("GET {06S}9") {
            Ok(Value::Bytes(value)) if value == b"v" => Ok(()),
            other => Err(format!("{other:?}")),
        });
    });
}
