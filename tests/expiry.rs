//! Keys that end here by this server's clock, while the source renews them by its own.

use redis_mirror_test_support::digest::Mapping;
use redis_mirror_test_support::{Direction, Server, Status, Topology, any_server, cmd, wait};

fn topology() -> Topology {
    Topology::start(any_server(), any_server()).expect("both servers start")
}

/// Waits until a key is gone here by its own expiry.
fn wait_gone(server: &Server, key: &str) {
    wait::wait_until("the key expires", || server.client().int(cmd!("EXISTS", key)) == 0);
}

/// Renewals that the source makes in time, and that arrive when the key is gone here: by a command that
/// needs the old value.
#[test]
fn a_key_renewed_in_time_at_the_source_is_not_lost_here() {
    let at = topology();
    let mut client = at.source.client();
    at.create("m", "").expect("the mirror is created");
    at.wait_streaming("m").expect("the snapshot is applied");
    let keys = ["counter", "list", "hash", "set", "renamed", "copied", "kept"];
    client.run(cmd!("SET", "counter", 41, "PX", 3000));
    client.run(cmd!("RPUSH", "list", "a"));
    client.run(cmd!("HSET", "hash", "f", 1));
    client.run(cmd!("SADD", "set", "x"));
    for key in ["renamed", "copied", "kept"] {
        client.run(cmd!("SET", key, "value"));
    }
    for key in keys {
        client.run(cmd!("PEXPIRE", key, 3000));
    }
    at.wait_applied("m").expect("everything is applied");
    at.link.stall(Direction::FromServer);
    for key in keys {
        client.run(cmd!("PERSIST", key));
    }
    client.run(cmd!("INCR", "counter"));
    client.run(cmd!("RPUSH", "list", "b"));
    client.run(cmd!("HINCRBY", "hash", "f", 1));
    client.run(cmd!("SADD", "set", "y"));
    client.run(cmd!("RENAME", "renamed", "new-name"));
    client.run(cmd!("COPY", "copied", "twin"));
    client.run(cmd!("APPEND", "kept", "+"));
    for key in keys {
        wait_gone(&at.local, key);
    }
    at.link.flow(Direction::FromServer);
    at.wait_applied("m").expect("everything is applied");
    at.assert_mirrored(&Mapping::identity());
    assert_eq!(at.local.client().text(cmd!("GET", "counter")), "42");
    let status = Status::read(&mut at.local.client(), "m").expect("status");
    assert!(status.number("repaired") >= keys.len() as i64, "{status:?}");
    assert_eq!((status.number("full_resyncs"), status.text("consistent").as_str()), (1, "yes"));
}

/// The memory of what expired here is gone with the process; the renewals must be found all the same.
#[test]
fn a_renewal_is_found_after_a_crash_too() {
    let server = any_server();
    let source = redis_mirror_test_support::Options::new().set("repl-backlog-size", "64mb");
    let local = redis_mirror_test_support::Options::new().durable();
    let mut at = Topology::start_with(server, source, server, local).expect("both servers start");
    let mut client = at.source.client();
    at.create("m", "").expect("the mirror is created");
    at.wait_streaming("m").expect("the snapshot is applied");
    client.run(cmd!("SET", "counter", 41, "PX", 2500));
    client.run(cmd!("SET", "other", 1));
    at.wait_applied("m").expect("everything is applied");
    at.link.stall(Direction::FromServer);
    client.run(cmd!("PERSIST", "counter"));
    client.run(cmd!("INCR", "counter"));
    wait_gone(&at.local, "counter");
    at.local.kill_and_resume();
    at.link.flow(Direction::FromServer);
    redis_mirror_test_support::wait_applied(&mut at.local.client(), "m", wait::PATIENCE)
        .expect("everything is applied");
    at.assert_mirrored(&Mapping::identity());
    assert_eq!(at.local.client().text(cmd!("GET", "counter")), "42");
}

#[test]
fn many_short_lived_keys_end_equal() {
    let at = topology();
    let mut client = at.source.client();
    at.create("m", "").expect("the mirror is created");
    for round in 0..3_000 {
        let key = format!("k{}", round % 97);
        client.run(cmd!("SET", key.as_str(), round, "PX", 1 + round % 40));
        client.run(cmd!("APPEND", key.as_str(), "x"));
        client.run(cmd!("RPUSH", format!("l{}", round % 89), round));
        client.run(cmd!("PEXPIRE", format!("l{}", round % 89), 1 + round % 30));
    }
    client.run(cmd!("SET", "end", 1));
    at.assert_exact("m");
}

/// More keys than can be remembered are dead in the snapshot already: no reason to read it again and again.
#[test]
fn a_snapshot_of_dead_keys_is_read_once() {
    let at = topology();
    let mut client = at.source.client();
    client.run(cmd!("DEBUG", "SET-ACTIVE-EXPIRE", 0));
    client.run(cmd!("EVAL", "for i=1,1100000 do redis.call('SET','k'..i,1,'PX',1500) end", 0));
    client.run(cmd!("SET", "alive", 1));
    wait::wait_until("the last of them is dead", || client.int(cmd!("PTTL", "k1100000")) < 0);
    at.create("m", "").expect("the mirror is created");
    at.wait_streaming("m").expect("the snapshot is applied");
    client.run(cmd!("DEBUG", "SET-ACTIVE-EXPIRE", 1));
    client.run(cmd!("INCR", "alive"));
    client.run(cmd!("RPUSH", "new", 1));
    at.assert_exact("m");
    let status = Status::read(&mut at.local.client(), "m").expect("status");
    assert_eq!((status.number("full_resyncs"), status.text("consistent").as_str()), (1, "yes"));
}
