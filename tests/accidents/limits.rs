//! No memory, no replicas, no room in the spool.

use redis_mirror_test_support::{Options, Topology, cmd, wait::wait_until};

use super::{AtWork, local_options, on_each};

/// Own keys are not touched, and nothing is missing when memory comes back.
#[test]
fn no_memory_and_no_eviction() {
    on_each(|server| {
        let mut at = AtWork::start(server);
        for _ in 0..2 {
            at.local().client().run(cmd!("CONFIG", "SET", "maxmemory", "1mb"));
            at.wait_gate("memory");
            at.assert_own_keys();
            at.local().client().run(cmd!("CONFIG", "SET", "maxmemory", "0"));
            at.wait_progress();
        }
        at.assert_exact(1);
    });
}

/// The server evicts what it likes; a full resync brings it all back.
#[test]
fn no_memory_and_eviction() {
    on_each(|server| {
        let mut at = AtWork::start(server);
        let mut client = at.local().client();
        client.run(cmd!("CONFIG", "SET", "maxmemory-policy", "allkeys-lru"));
        // The mirror stands still near the limit, and buffers come and go: the limit follows what is in use. Each command
        // is an occasion to evict.
        wait_until("keys are evicted", || {
            let used = at.local().info("memory").number("used_memory").unwrap_or(0);
            client.run(cmd!("CONFIG", "SET", "maxmemory", used - used / 10));
            at.local().info("stats").number("evicted_keys") > Some(100)
        });
        client.run(cmd!("CONFIG", "SET", "maxmemory", "0"));
        at.wait_progress();
        client.run(cmd!("MIRROR.RESYNC", "m"));
        for n in 0..100 {
            client.run(cmd!("SET", format!("own:{n}"), n));
        }
        wait_until("the resync is done", || {
            at.status().number("full_resyncs") == 2 && at.status().state() == "streaming"
        });
        at.assert_exact(2);
    });
}

/// Clients are refused with NOREPLICAS, and so is the mirror.
#[test]
fn too_few_replicas() {
    on_each(|server| {
        let mut at = AtWork::start(server);
        at.local().client().run(cmd!("CONFIG", "SET", "min-replicas-to-write", 2));
        at.wait_gate("replicas");
        assert!(at.local().client().refusal(cmd!("SET", "own:1", 1)).starts_with("NOREPLICAS"));
        at.assert_stands_still();
        at.local().client().run(cmd!("CONFIG", "SET", "min-replicas-to-write", 1));
        at.wait_gate("open");
        at.wait_progress();
        at.assert_exact(1);
    });
}

/// A full spool stops the reading: the source buffers, as for any slow replica.
#[test]
fn a_full_spool() {
    on_each(|server| {
        let local = local_options()
            .set("mirror.spool-memory", "64kb")
            .set("mirror.spool-max", "1mb")
            .set("mirror.queue-max", "64kb");
        let at = Topology::start_with(server, Options::new(), server, local).expect("both servers start");
        at.create("m", "DB 0 TO 1").expect("the mirror is created");
        at.wait_streaming("m").expect("the snapshot is applied");
        let mut at = AtWork { at, traffic: None };
        for n in 0..100 {
            at.local().client().run(cmd!("SET", format!("own:{n}"), n));
        }
        assert_eq!(at.status().text("backpressure"), "no");
        at.local().client().run(cmd!("CLIENT", "PAUSE", 120_000, "WRITE"));
        let (mut source, value) = (at.at.source.client(), "x".repeat(10_000));
        for n in 0..2_000 {
            source.run(cmd!("APPEND", format!("key:{}", n % 100), format!("{n}{value}")));
        }
        wait_until("the spool is full", || at.status().text("backpressure") == "yes");
        let info = at.local().info("mirror");
        assert_eq!(info.get("mirror_gate"), Some("paused-writes"));
        assert!(info.get("mirror_m").is_some_and(|fields| fields.contains("backpressure=yes")), "{info:?}");
        let lag = at.status().number("lag_bytes");
        assert!(lag < 3 << 20, "{lag} bytes wait here");
        at.local().client().run(cmd!("CLIENT", "UNPAUSE"));
        at.assert_exact(1);
        assert_eq!(at.status().text("backpressure"), "no");
    });
}
