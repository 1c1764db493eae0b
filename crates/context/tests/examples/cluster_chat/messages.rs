//! Messages out of order, and what is known of nodes: by a module for tests.

use redis_mirror_test_support::wait::{wait_for, wait_until};
use redis_mirror_test_support::{Client, Command, Family, Options, Server, Value, cmd, servers};

use super::{journal_with, on_each_cluster, probe};
use crate::example;

#[test]
fn receivers_come_and_go_while_messages_do() {
    on_each_cluster(&probe(""), |_, cluster| {
        let mut near = cluster.nodes()[0].client();
        let mut far = cluster.nodes()[1].client();
        let (near_id, far_id) = (cluster.id(0), cluster.id(1));
        far.run("CP.RECEIVE 5");
        assert!(far.refusal("CP.RECEIVE 5").contains("it has a receiver already"));
        near.run(cmd!("CP.SEND", 5, &far_id, b"abc".as_slice()));
        journal_with(&mut far, &format!("5 from {near_id}: 3 bytes, sum 294"));

        // Dropped, it hears nothing, not even what is sent at once; made again, it does.
        assert_eq!(far.int("CP.DROP 5"), 1);
        near.run(cmd!("CP.SEND", 5, &far_id, "lost"));
        near.run(cmd!("CP.SEND", 101, &far_id, "lost, too"));
        near.run(cmd!("CP.SEND", 100, &far_id, "kept"));
        let lines = journal_with(&mut far, "registered while the module was loaded");
        assert_eq!(lines.len(), 1, "{lines:?}");
        far.run("CP.RECEIVE 5");
        near.run(cmd!("CP.SEND", 5, &far_id, ""));
        journal_with(&mut far, &format!("5 from {near_id}: 0 bytes, sum 0"));

        // A receiver that ends itself.
        near.run(cmd!("CP.SEND", 5, &far_id, "stop"));
        journal_with(&mut far, "4 bytes");
        assert_eq!(far.int("CP.DROP 5"), 0);
        near.run(cmd!("CP.SEND", 5, &far_id, "lost"));
        near.run(cmd!("CP.SEND", 100, &far_id, "kept"));
        assert_eq!(journal_with(&mut far, "registered while").len(), 1);
    });
}

#[test]
fn the_first_and_the_last_kind_work_and_the_next_is_refused() {
    on_each_cluster(&probe(""), |_, cluster| {
        let mut near = cluster.nodes()[0].client();
        let mut far = cluster.nodes()[1].client();
        for kind in [0, 254] {
            far.run(cmd!("CP.RECEIVE", kind));
            near.run(cmd!("CP.SEND", kind, "ALL", "x"));
            journal_with(&mut far, &format!("{kind} from"));
        }
        assert!(far.refusal("CP.RECEIVE 255").contains("at most 254"));
        assert!(near.refusal("CP.SEND 255 ALL x").contains("at most 254"));
    });
}

#[test]
fn long_messages_arrive_whole_and_too_long_ones_are_refused() {
    on_each_cluster(&probe(""), |_, cluster| {
        let mut near = cluster.nodes()[0].client();
        let mut far = cluster.nodes()[1].client();
        far.run("CP.RECEIVE 1");
        near.run("CP.LARGE 1048576");
        journal_with(&mut far, "1048576 bytes, sum 1048576");
        let odd: Vec<u8> = (0..1 << 20).map(|at: u32| (at % 251) as u8).collect();
        let sum: u64 = odd.iter().map(|byte| u64::from(*byte)).sum();
        near.run(Command::new("CP.SEND 1 ALL").arg(odd));
        journal_with(&mut far, &format!("1048576 bytes, sum {sum}"));
        assert!(near.refusal("CP.LARGE 67108865").contains("at most 64 MB"));
    });
}

#[test]
fn a_panic_in_a_receiver_is_logged_and_the_next_message_is_heard() {
    on_each_cluster(&probe(""), |_, cluster| {
        let mut near = cluster.nodes()[0].client();
        let mut far = cluster.nodes()[1].client();
        far.run("CP.RECEIVE 1");
        near.run("CP.SEND 1 ALL panic");
        near.run("CP.SEND 1 ALL next");
        journal_with(&mut far, "4 bytes");
        let log = cluster.nodes()[1].log();
        assert!(log.contains("panic was caught in a cluster message"), "{log}");
    });
}

#[test]
fn what_a_receiver_has_to_write_a_timer_writes() {
    on_each_cluster(&probe(""), |_, cluster| {
        let mut near = cluster.nodes()[0].client();
        let mut far = cluster.nodes()[1].client();
        far.run("CP.RECEIVE 1");
        let key = key_of(&mut far, 5461..10_922);
        near.run(cmd!("CP.SEND", 1, "ALL", format!("set {key}")));
        journal_with(&mut far, "written Ok(true)");
        assert_eq!(far.text(cmd!("GET", &key)), "1");
    });
}

/// A key of one of these slots.
pub fn key_of(client: &mut Client, slots: std::ops::Range<i64>) -> String {
    let keys = (0..10_000).map(|at| format!("k{at}"));
    let mut keys = keys.filter(|key| slots.contains(&client.int(cmd!("CLUSTER", "KEYSLOT", key))));
    keys.next().expect("each third of the slots has keys")
}

#[test]
fn a_forked_child_sends_nothing() {
    on_each_cluster(&probe(""), |_, cluster| {
        let mut far = cluster.nodes()[1].client();
        far.run("CP.RECEIVE 1");
        cluster.nodes()[0].client().run("BGSAVE");
        wait_until("the child", || cluster.nodes()[0].log().contains("sent by a child"));
        let log = cluster.nodes()[0].log();
        assert!(log.contains("sent by a child: Err(Refused"), "{log}");
        assert_eq!(far.texts("CP.JOURNAL"), Vec::<String>::new());
    });
}

#[test]
fn what_is_known_of_a_node_agrees_with_the_server() {
    on_each_cluster(&probe(""), |installed, cluster| {
        let mut client = cluster.nodes()[0].client();
        let sizes = client.run("CP.SIZE");
        assert_eq!(sizes, Value::Array(vec![Value::Int(3), Value::Int(3)]));
        let (other, port) = (cluster.id(1), cluster.nodes()[1].port());
        assert_eq!(client.text(cmd!("CP.NODE", &other)), format!("127.0.0.1:{port} - 2"));
        assert_eq!(client.bytes(cmd!("CP.NODE", "0".repeat(40))), None);
        assert!(client.refusal(cmd!("CP.NODE", "A".repeat(40))).contains("40 characters"));

        let me = client.int("CLIENT ID");
        let asked = cmd!("CP.NODE", &other, "CLIENT", me);
        if installed.version.family == Family::Valkey {
            assert_eq!(client.text(asked), format!("127.0.0.1:{port} - 2"));
            assert_eq!(client.bytes(cmd!("CP.NODE", &other, "CLIENT", 999_999)), None);
        } else {
            assert!(client.refusal(asked).contains("GetClusterNodeInfoForClient: it came with Valkey 8.0"));
        }

        // A replica knows its primary by name.
        let mut replica = cluster.nodes()[2].client();
        replica.run("CLUSTER DELSLOTSRANGE 10922 16383");
        replica.run("FLUSHALL");
        wait_for("node 2 to be a replica", || replica.call(cmd!("CLUSTER", "REPLICATE", &other)));
        let mine = cluster.id(2);
        let expected = format!("127.0.0.1:{} {other} 4", cluster.nodes()[2].port());
        wait_until("node 0 to know", || client.text(cmd!("CP.NODE", &mine)) == expected);
    });
}

#[test]
fn flags_of_the_cluster_are_set_for_good() {
    on_each_cluster(&probe(""), |_, cluster| {
        let mut client = cluster.nodes()[0].client();
        let key = key_of(&mut client, 5461..10_922);
        assert!(client.refusal(cmd!("SET", &key, "v")).starts_with("MOVED"));
        client.run("CP.FLAGS");
        client.run(cmd!("SET", &key, "v"));
        assert_eq!(client.text(cmd!("GET", &key)), "v");
    });
}

#[test]
fn a_module_that_hears_messages_stays_and_one_whose_load_failed_hears_none() {
    for installed in servers() {
        println!("on {installed}");
        let mut server = Server::start(installed, Options::new().set("cluster-enabled", "yes"));
        let mut client = server.client();
        let module = example::module("cluster_probe").display().to_string();
        client.refusal(cmd!("MODULE", "LOAD", &module, "REFUSE"));
        assert!(server.log().contains("clusprobe is not loaded: asked to"));
        client.run(cmd!("MODULE", "LOAD", &module));
        client.refusal("MODULE UNLOAD clusprobe");
        assert!(server.log().contains("clusprobe is not unloaded"), "{}", server.log_tail());
        client.run("PING");
        assert!(server.is_running());
    }
}

#[test]
fn a_module_whose_name_is_no_address_neither_hears_nor_sends() {
    for installed in servers() {
        let options =
            Options::new().set("cluster-enabled", "yes").module(&example::module("event_probe"), "");
        let server = Server::start(installed, options);
        assert!(server.client().refusal("EP.SEND").contains("nine characters"), "{installed}");
    }
}
