//! `examples/cluster_chat`, on one server and on real clusters.

mod messages;
mod slots;

use redis_mirror_test_support::wait::{wait_for, wait_until};
use redis_mirror_test_support::{Client, Cluster, Installed, Options, Server, Value, cmd, servers};

use crate::example;
use crate::harness::{self, Subject, is_since, on_each_server};

pub const SUBJECT: Subject = Subject { packages: &["cluster_chat"], drive };

/// A server that is no node of a cluster says so; slots are numbers all the same.
fn drive(server: &Server, client: &mut Client) {
    for command in ["CHAT.SAY hello", "CHAT.NODES"] {
        assert!(client.refusal(command).contains("cluster-enabled yes"), "{command}");
    }
    assert_eq!(client.texts("CHAT.HEARD"), Vec::<String>::new());
    if is_since(server.installed(), Some((7, 4)), Some((8, 0))) {
        assert_eq!(client.run("CHAT.SLOT user:1000"), slot_and_key(1649, "bQs"));
    } else {
        assert!(client.refusal("CHAT.SLOT user:1000").contains("came with Redis 7.4 and Valkey 8.0"));
    }
}

fn slot_and_key(slot: i64, key: &str) -> Value {
    Value::Array(vec![Value::Int(slot), Value::Bytes(key.into())])
}

/// Tells a story to a cluster of three nodes of each version there is, to all of them at once: a node waits two
/// seconds before it serves.
fn on_each_cluster(options: &Options, story: impl Fn(&Installed, &Cluster) + Sync) {
    std::thread::scope(|scope| {
        for installed in servers() {
            let tell = || on_cluster(installed, options, &story);
            scope.spawn(tell);
        }
    });
}

fn on_cluster(installed: &Installed, options: &Options, story: impl Fn(&Installed, &Cluster)) {
    println!("on a cluster of {installed}");
    let mut cluster = Cluster::start(installed, 3, options);
    story(installed, &cluster);
    assert!(cluster.is_running(), "a node of {installed} has ended");
    for node in cluster.nodes() {
        node.client().run("PING");
    }
}

/// Options that load the module for tests, with these arguments.
fn probe(arguments: &str) -> Options {
    Options::new().module(&example::module("cluster_probe"), arguments)
}

#[test]
fn nodes_talk_to_all_and_to_one() {
    on_each_cluster(&harness::options(&["cluster_chat"]), |_, cluster| {
        let mut clients: Vec<Client> = cluster.nodes().iter().map(Server::client).collect();
        let ids: Vec<String> = (0..3).map(|node| cluster.id(node)).collect();
        clients[0].run("CHAT.SAY hello");
        clients[0].run(cmd!("CHAT.SAY", "a\0%s%n\r\n\u{e4}", "TO", &ids[1]));
        let hello = format!("{}: hello", &ids[0][..8]);
        let odd = format!("{}: a\0%s%n\r\n\u{e4}", &ids[0][..8]);
        wait_until("node 1 hears both", || clients[1].texts("CHAT.HEARD") == [hello.clone(), odd.clone()]);
        wait_until("node 2 hears one", || clients[2].texts("CHAT.HEARD") == [hello.clone()]);
        wait_until("three answers", || clients[0].int("CHAT.ACKNOWLEDGED") == 3);
        assert_eq!(clients[0].texts("CHAT.HEARD"), Vec::<String>::new());

        assert!(clients[0].refusal("CHAT.SAY x TO nobody").contains("40 characters"));
        let stranger = "0".repeat(40);
        for id in [&stranger, &ids[0]] {
            let refusal = clients[0].refusal(cmd!("CHAT.SAY", "x", "TO", id));
            assert!(refusal.contains("unknown, not connected, or this one"), "{refusal}");
        }
    });
}

#[test]
fn nodes_are_listed_as_cluster_nodes_shows_them() {
    on_each_cluster(&harness::options(&["cluster_chat"]), |_, cluster| {
        let mut client = cluster.nodes()[0].client();
        let nodes = client.run("CHAT.NODES");
        let mut listed: Vec<Vec<String>> = nodes
            .as_array()
            .unwrap_or_default()
            .iter()
            .filter_map(|node| node.as_array()?.iter().map(Value::as_text).collect())
            .collect();
        listed.sort();
        let shown = client.text("CLUSTER NODES");
        let mut expected: Vec<Vec<String>> = shown
            .lines()
            .map(|line| {
                let words: Vec<&str> = line.split(' ').collect();
                let address = words[1].split('@').next().unwrap_or_default().to_owned();
                let flags = if words[2].contains("myself") { "MYSELF | PRIMARY" } else { "PRIMARY" };
                vec![words[0].to_owned(), address, flags.to_owned()]
            })
            .collect();
        expected.sort();
        assert_eq!(listed, expected);
    });
}

/// Waits until a node's journal has a line, and returns all lines up to then.
#[track_caller]
fn journal_with(client: &mut Client, line: &str) -> Vec<String> {
    let mut seen: Vec<String> = Vec::new();
    wait_for(line, || {
        seen.extend(client.texts("CP.JOURNAL"));
        if seen.iter().any(|found| found.contains(line)) { Ok(()) } else { Err(format!("{seen:?}")) }
    });
    seen
}

#[test]
fn a_server_without_a_cluster_says_so() {
    on_each_server(&["cluster_chat"], drive);
}
