//! kill -9, restarts and promotions: every effect exactly once.

use std::time::Duration;

/// Includes the time that a mirror backs off and that a busy machine needs.
const PATIENCE: Duration = Duration::from_secs(120);

use redis_mirror_test_support::digest::{self, Mapping};
use redis_mirror_test_support::workload::Dataset;
use redis_mirror_test_support::{
    Installed, Options, Server, Status, Topology, Traffic, any_server, cmd, servers, wait,
};

fn source_options() -> Options {
    Options::new().set("repl-backlog-size", "512mb")
}

/// Waits until the mirror has applied what the source holds, over reconnects.
fn wait_applied(local: &Server) {
    redis_mirror_test_support::wait_applied(&mut local.client(), "m", PATIENCE)
        .unwrap_or_else(|error| panic!("{error}\n{}", local.log_tail()));
}

fn status(local: &Server) -> Status {
    Status::read(&mut local.client(), "m").expect("the mirror has a status")
}

/// What every story ends with: equal data, and no snapshot but those it asked for.
fn assert_exact(source: &Server, local: &Server, full_resyncs: i64) {
    wait_applied(local);
    digest::assert_mirrored(source, local, &Mapping::identity());
    let status = status(local);
    assert_eq!(status.number("full_resyncs"), full_resyncs, "{}", local.log_tail());
    // The mirror's own count could be lost together with its position.
    assert_eq!(source.info("stats").number("sync_full"), Some(full_resyncs), "{}", local.log_tail());
    assert_eq!(status.text("consistent"), "yes");
}

fn every_server(story: impl Fn(&'static Installed)) {
    for name in ["redis70", "valkey81"] {
        match servers().iter().find(|server| server.name == name) {
            Some(server) => story(server),
            None => println!("skipped: {name} is not installed"),
        }
    }
}

#[test]
fn killed_three_times_with_an_aof() {
    every_server(|server| {
        let at = Topology::start_with(server, source_options(), server, Options::new().durable())
            .expect("both servers start");
        let Topology { source, mut local, link, .. } = at;
        let traffic = Traffic::start(source.address());
        local.client().run(cmd!("MIRROR.CREATE", "m", link.url()));
        for _ in 0..3 {
            Traffic::wait_rounds(&source, 300);
            local.kill_and_resume();
            wait_applied(&local);
        }
        let rounds = traffic.stop();
        assert_exact(&source, &local, 1);
        assert_eq!(local.client().text(cmd!("GET", "counter")), rounds.to_string());
    });
}

#[test]
fn killed_with_snapshots_only() {
    every_server(|server| {
        let at = Topology::start_with(server, source_options(), server, Options::new()).expect("both start");
        let Topology { source, mut local, link, .. } = at;
        let traffic = Traffic::start(source.address());
        local.client().run(cmd!("MIRROR.CREATE", "m", link.url()));
        wait_applied(&local);
        for _ in 0..2 {
            Traffic::wait_rounds(&source, 200);
            local.client().run(cmd!("SAVE"));
            Traffic::wait_rounds(&source, 300);
            local.kill_and_resume();
            wait_applied(&local);
        }
        traffic.stop();
        assert_exact(&source, &local, 1);
    });
}

#[test]
fn killed_in_the_middle_of_a_full_resync() {
    every_server(|server| {
        let options = Options::new().durable();
        let at = Topology::start_with(server, source_options(), server, options).expect("both start");
        let Topology { source, mut local, link, .. } = at;
        Dataset::new(3, 5_000).load(&mut source.client()).expect("the data set is loaded");
        link.trickle(redis_mirror_test_support::Direction::FromServer);
        local.client().run(cmd!("MIRROR.CREATE", "m", link.url()));
        wait::wait_until("the snapshot is being applied", || {
            let status = status(&local);
            status.state() == "loading" && status.number("keys_done") > 0
        });
        local.kill_and_resume();
        // What vanishes meanwhile must not stay here, though the first attempt had brought it.
        let mut client = source.client();
        client.run(cmd!("EVAL", "for _,k in ipairs(redis.call('KEYS','*1*')) do redis.call('DEL',k) end", 0));
        link.flow(redis_mirror_test_support::Direction::FromServer);
        assert_exact(&source, &local, 2);
    });
}

#[test]
fn killed_while_the_source_is_gone() {
    let server = any_server();
    let at = Topology::start_with(server, source_options(), server, Options::new().durable())
        .expect("both servers start");
    let Topology { source, mut local, link, .. } = at;
    let traffic = Traffic::start(source.address());
    local.client().run(cmd!("MIRROR.CREATE", "m", link.url()));
    wait_applied(&local);
    link.refuse();
    link.cut();
    Traffic::wait_rounds(&source, 300);
    local.kill_and_resume();
    Traffic::wait_rounds(&source, 300);
    link.accept();
    traffic.stop();
    assert_exact(&source, &local, 1);
}

#[test]
fn a_promoted_replica_goes_on_where_the_primary_was() {
    every_server(|server| {
        let local = Options::new().durable();
        let at = Topology::start_with(server, source_options(), server, local).expect("both start");
        let Topology { source, mut local, link, .. } = at;
        let mut replica = Server::start(server, Options::new().durable().mirror(""));
        replica.replicate(local.address());
        let traffic = Traffic::start(source.address());
        local.client().run(cmd!("MIRROR.CREATE", "m", link.url()));
        wait_applied(&local);
        // Native replication is asynchronous: what has not reached the replica dies with the primary.
        wait::wait_until("the replica follows the mirror", || {
            Status::read(&mut replica.client(), "m").is_ok_and(|status| status.number("applied_offset") > 0)
        });
        Traffic::wait_rounds(&source, 300);
        local.kill();
        replica.client().run(cmd!("REPLICAOF", "NO", "ONE"));
        wait_applied(&replica);
        Traffic::wait_rounds(&source, 300);
        replica.kill_and_resume();
        traffic.stop();
        assert_exact(&source, &replica, 1);
    });
}
