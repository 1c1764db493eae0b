//! Native replicas of the server that mirrors: exact, whenever they come.

use redis_mirror_test_support::digest::{self, Mapping};
use redis_mirror_test_support::{Options, Server, Status, Topology, Traffic, cmd, server, wait};

/// Nothing is propagated while nobody follows; a replica that comes must miss nothing all the same.
#[test]
fn replicas_that_come_and_go_while_it_applies_are_exact() {
    for name in ["redis70", "valkey81"] {
        let Some(installed) = server(name) else {
            println!("skipped: {name} is not installed");
            continue;
        };
        let source = Options::new().set("repl-backlog-size", "256mb");
        let at = Topology::start_with(installed, source, installed, Options::new()).expect("both start");
        let traffic = Traffic::start(at.source.address());
        at.create("m", "").expect("the mirror is created");
        at.wait_streaming("m").expect("the snapshot is applied");
        let mut replicas = Vec::new();
        for round in 0..6 {
            Traffic::wait_rounds(&at.source, 50);
            let replica = Server::start(installed, Options::new().mirror(""));
            replica.replicate(at.local.address());
            Traffic::wait_rounds(&at.source, 50);
            if round % 2 == 0 {
                replicas.push(replica);
            }
        }
        traffic.stop();
        at.assert_exact("m");
        let end = at.local.info("replication").number("master_repl_offset");
        for replica in &replicas {
            wait::wait_until("the replica has everything", || {
                replica.info("replication").number("master_repl_offset") >= end
            });
            digest::assert_mirrored(&at.local, replica, &Mapping::identity());
            assert_eq!(replica.client().texts(cmd!("MIRROR.LIST")), ["m"]);
        }
    }
}

/// A replica can be promoted without an AOF of its own, in the middle of the stream.
#[test]
fn a_replica_knows_the_exact_position() {
    let installed = redis_mirror_test_support::any_server();
    let source = Options::new().set("repl-backlog-size", "256mb");
    let at = Topology::start_with(installed, source, installed, Options::new()).expect("both start");
    let Topology { source, mut local, link, .. } = at;
    let traffic = Traffic::start(source.address());
    local.client().run(cmd!("MIRROR.CREATE", "m", link.url()));
    let replica = Server::start(installed, Options::new().mirror(""));
    replica.replicate(local.address());
    // Native replication is asynchronous: what has not reached the replica dies with the primary.
    wait::wait_until("the replica follows the mirror", || {
        Status::read(&mut replica.client(), "m").is_ok_and(|status| status.number("applied_offset") > 0)
    });
    Traffic::wait_rounds(&source, 300);
    local.kill();
    replica.client().run(cmd!("REPLICAOF", "NO", "ONE"));
    Traffic::wait_rounds(&source, 100);
    traffic.stop();
    redis_mirror_test_support::wait_applied(&mut replica.client(), "m", wait::PATIENCE)
        .expect("everything is applied");
    digest::assert_mirrored(&source, &replica, &Mapping::identity());
    let status = Status::read(&mut replica.client(), "m").expect("status");
    assert_eq!((status.number("full_resyncs"), status.text("consistent").as_str()), (1, "yes"));
    assert_eq!(source.info("stats").number("sync_full"), Some(1));
}

/// A former primary listens to its keys still.
#[test]
fn what_the_primary_writes_is_no_local_write() {
    let installed = redis_mirror_test_support::any_server();
    let mut at = Topology::start(installed, installed).expect("both servers start");
    at.create("m", "").expect("the mirror is created");
    at.add_replica().expect("the replica comes");
    let replica = &at.replicas[0];
    replica.client().run(cmd!("REPLICAOF", "NO", "ONE"));
    at.local.replicate(replica.address());
    for number in 0..50 {
        at.source.client().run(cmd!("RPUSH", "list", number));
    }
    wait::wait_until("everything arrives", || at.local.client().int(cmd!("LLEN", "list")) == 50);
    let status = Status::read(&mut at.local.client(), "m").expect("status");
    assert_eq!(status.number("local_writes"), 0, "{status:?}");
}
