//! Cluster mode.

use redis_mirror_test_support::{Cluster, Options, Server, cmd, wait};

use crate::store::{as_feed, put, sync, sync_command, versions};
use crate::waiter::{Waiter, wait_waiting};
use crate::{installed, start, wait_caught_up};

fn on_clusters(story: impl Fn(&Cluster) + Sync) {
    let story = &story;
    std::thread::scope(|scope| {
        for installed in installed() {
            scope.spawn(move || {
                let mut cluster = Cluster::start(installed, 2, &Options::new().mirror(""));
                story(&cluster);
                assert!(cluster.is_running());
            });
        }
    });
}

/// The node that has the slot of a key, and another.
fn nodes<'c>(cluster: &'c Cluster, key: &str) -> (usize, &'c Server, &'c Server, i64) {
    let nodes = cluster.nodes();
    let slot = nodes[0].client().int(cmd!("CLUSTER", "KEYSLOT", key));
    let first = usize::from(slot >= 8192);
    (first, &nodes[first], &nodes[1 - first], slot)
}

/// Moves a slot with its keys, as tools do.
fn move_slot(cluster: &Cluster, from: usize, slot: i64) {
    let (ids, nodes) = ([cluster.id(0), cluster.id(1)], cluster.nodes());
    let (source, target) = (&nodes[from], &nodes[1 - from]);
    let set =
        |at: &Server, state: &str, id: &str| at.client().run(cmd!("CLUSTER", "SETSLOT", slot, state, id));
    set(target, "IMPORTING", &ids[from]);
    set(source, "MIGRATING", &ids[1 - from]);
    for key in source.client().texts(cmd!("CLUSTER", "GETKEYSINSLOT", slot, 100)) {
        source.client().run(cmd!("MIGRATE", "127.0.0.1", target.port(), key, 0, 5000));
    }
    set(target, "NODE", &ids[1 - from]);
    set(source, "NODE", &ids[1 - from]);
}

#[test]
fn a_slot_that_moves_sends_its_readers_after_it() {
    on_clusters(|cluster| {
        let (at_node, owner, other, slot) = nodes(cluster, "{tag}s");
        let mut client = owner.client();
        let at = put(&mut client, "{tag}s", "SET t 1 x").at;
        assert!(other.client().refusal(sync_command("{tag}s", &at, "BLOCK 0")).starts_with("MOVED"));
        assert!(other.client().refusal("RECORD.PUT {tag}s SET t 1 x").starts_with("MOVED"));
        put(&mut client, "{tag}other", "SET t 1 x");
        let mut waiters = [
            Waiter::start(owner, sync_command("{tag}s", &at, "BLOCK 0")),
            Waiter::start(owner, "RECORD.SYNC {tag}new 0 0 TYPE t BLOCK 0"),
        ];
        client.run("RECORD.LEASE {tag}s l ACQUIRE me PX 60000");
        let mut lease = Waiter::start(owner, "RECORD.LEASE {tag}s l ACQUIRE you PX 60000 BLOCK 0");
        // More keys than one turn of the event loop looks at, and as many that stay.
        let other_slot = |tag: &String| nodes(cluster, tag).0 == at_node && nodes(cluster, tag).3 != slot;
        let stays = (0..).map(|number| format!("{{stays{number}}}")).find(other_slot).expect("there is one");
        let crowd = |tag: &str| -> Vec<Waiter> {
            let commands = (0..100).map(|number| format!("RECORD.SYNC {tag}{number} 0 0 BLOCK 0"));
            commands.map(|command| Waiter::start(owner, command)).collect()
        };
        let (mut moving, staying) = (crowd("{tag}"), crowd(&stays));
        move_slot(cluster, at_node, slot);
        for waiter in waiters.iter_mut().chain([&mut lease]).chain(&mut moving) {
            let told = waiter.refusal();
            assert!(told.starts_with("RECEPOCH") || told.starts_with("MOVED"), "{told}");
        }
        assert!(staying.iter().all(|waiter| waiter.is_blocked(owner)));
        drop(staying);
        wait_waiting(owner, 0);
        assert!(client.refusal(sync_command("{tag}s", &at, "")).starts_with("MOVED"));
        let mut there = other.client();
        assert_eq!(versions(&mut there, "{tag}s").0, at, "the cursor is good there");
        let mut waiter = Waiter::start(other, sync_command("{tag}s", &at, "TYPE t BLOCK 0"));
        put(&mut there, "{tag}s", "SET t 2 x");
        assert_eq!(as_feed(&waiter.answer()).ids(), ["2"]);
        assert_eq!(sync(&mut there, "{tag}s", &at, "").versions(), [2]);
    });
}

/// A node that follows another.
pub fn replica(cluster: &Cluster, of: usize) -> Server {
    let primary = &cluster.nodes()[of];
    let replica = start(primary.installed(), Options::new().set("cluster-enabled", "yes"));
    let bus = replica.client().texts("CONFIG GET cluster-port")[1].clone();
    primary.client().run(cmd!("CLUSTER", "MEET", "127.0.0.1", replica.port(), bus));
    let id = cluster.id(of);
    wait::wait_until("it knows its primary", || {
        replica.client().call(cmd!("CLUSTER", "REPLICATE", &id)).is_ok()
    });
    wait::wait_until("it follows", || replica.info("replication").get("master_link_status") == Some("up"));
    replica
}

/// All nodes hear what one publishes: each version once, replicas or not.
#[test]
fn a_version_is_published_once_in_a_cluster() {
    on_clusters(|cluster| {
        let (at_node, owner, other, _) = nodes(cluster, "s");
        let replica = replica(cluster, at_node);
        let mut hears = replica.client();
        hears.run("SUBSCRIBE record:s");
        // The new node's link to the one that listens has to be there, or it could say it twice unheard.
        let knows_all = |node: &Server| {
            let nodes = node.client().text("CLUSTER NODES");
            nodes.lines().filter(|line| line.contains(" connected") && !line.contains("handshake")).count()
                == 3
        };
        wait::wait_until("all know each other", || knows_all(&replica) && knows_all(other));
        let mut client = owner.client();
        for number in 0..5 {
            put(&mut client, "s", &format!("SET t {number} x"));
        }
        wait_caught_up(owner, &replica);
        // Behind all that the replica says itself, and behind all that comes from its primary.
        replica.client().run("PUBLISH record:s end");
        client.run("PUBLISH record:s last");
        let (mut heard, mut ends) = (Vec::new(), 0);
        while ends < 2 {
            let message = hears.receive().expect("a message");
            match message.as_array().and_then(|items| items[2].as_text()).expect("text").as_str() {
                "end" | "last" => ends += 1,
                version => heard.push(version.to_owned()),
            }
        }
        assert_eq!(heard, ["1", "2", "3", "4", "5"]);
    });
}
