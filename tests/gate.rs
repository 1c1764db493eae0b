//! When this server may not be written to, nothing is; when it may again, nothing is missing.

use redis_mirror_test_support::{Options, Status, Topology, Traffic, any_server, cmd, server, wait};

fn gate(at: &Topology) -> String {
    Status::read(&mut at.local.client(), "m").expect("status").text("gate")
}

/// A write in a paused server that has an AOF aborts it.
#[test]
fn a_pause_for_writes_is_kept() {
    for name in ["redis70", "valkey81"] {
        let Some(installed) = server(name) else {
            println!("skipped: {name} is not installed");
            continue;
        };
        let source = Options::new().set("repl-backlog-size", "256mb");
        let mut at = Topology::start_with(installed, source, installed, Options::new().durable())
            .expect("both servers start");
        at.add_replica().expect("a replica joins");
        let traffic = Traffic::start(at.source.address());
        at.create("m", "").expect("the mirror is created");
        at.wait_streaming("m").expect("the snapshot is applied");
        for _ in 0..3 {
            at.local.client().run(cmd!("CLIENT", "PAUSE", 400, "WRITE"));
            wait::wait_until("the gate is closed", || gate(&at) == "paused-writes");
            let applied = |at: &Topology| {
                Status::read(&mut at.local.client(), "m").expect("status").number("applied_offset")
            };
            let before = applied(&at);
            wait::wait_until("the gate opens again", || applied(&at) > before);
        }
        traffic.stop();
        at.assert_exact("m");
        assert!(at.local.is_running());
    }
}

/// What arrives meanwhile waits in a file, and the file is gone afterwards.
#[test]
fn what_arrives_during_a_pause_is_spooled() {
    let installed = any_server();
    let local = Options::new()
        .durable()
        .mirror("")
        .set("mirror.spool-memory", "64kb")
        .set("mirror.queue-max", "64kb");
    let at = Topology::start_with(installed, Options::new(), installed, local).expect("both servers start");
    at.create("m", "").expect("the mirror is created");
    at.wait_streaming("m").expect("the snapshot is applied");
    at.local.client().run(cmd!("CLIENT", "PAUSE", 60_000, "WRITE"));
    let mut client = at.source.client();
    let value = "x".repeat(10_000);
    for number in 0..3_000 {
        client.run(cmd!("SET", format!("key:{}", number % 100), format!("{number}{value}")));
    }
    wait::wait_until("it is all spooled here", || {
        Status::read(&mut at.local.client(), "m").expect("status").number("bytes_read") > 30_000_000
    });
    at.local.client().run(cmd!("CLIENT", "UNPAUSE"));
    at.assert_exact("m");
    let left = std::fs::read_dir(at.local.dir()).expect("the folder is there").flatten();
    let spools = left.filter(|file| file.file_name().to_string_lossy().contains("spool")).count();
    assert_eq!(spools, 0);
}

/// The events of a busy script and of a reload must not let a slice in.
#[test]
fn busy_scripts_and_reloads_in_the_middle() {
    let installed = any_server();
    let source = Options::new().set("repl-backlog-size", "256mb");
    let local = Options::new().durable().mirror("").set("busy-reply-threshold", 10);
    let at = Topology::start_with(installed, source, installed, local).expect("both servers start");
    at.local.client().run(cmd!("SET", "own", 1));
    let traffic = Traffic::start(at.source.address());
    at.create("m", "DB 0 TO 1").expect("the mirror is created");
    at.wait_streaming("m").expect("the snapshot is applied");
    let busy = "redis.call('SELECT', 1); local a = redis.call('GET', 'counter'); \
                local t = redis.call('TIME'); \
                repeat local n = redis.call('TIME') until n[1]*1000000+n[2] - t[1]*1000000-t[2] > 100000; \
                return a == redis.call('GET', 'counter') and 1 or 0";
    for round in 0..5 {
        assert_eq!(at.local.client().int(cmd!("EVAL", busy, 0)), 1, "a slice ran inside the script");
        if round % 2 == 0 {
            at.local.client().run(cmd!("DEBUG", "RELOAD"));
        }
        Traffic::wait_rounds(&at.source, 30);
    }
    traffic.stop();
    redis_mirror_test_support::wait_applied(&mut at.local.client(), "m", wait::PATIENCE)
        .expect("everything is applied");
    at.assert_mirrored(&redis_mirror_test_support::digest::Mapping::identity().db(0, 1));
    let status = Status::read(&mut at.local.client(), "m").expect("status");
    assert_eq!(status.number("full_resyncs"), 1, "{status:?}");
}
