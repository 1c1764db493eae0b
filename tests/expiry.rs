//! Keys that end here by this server's clock, while the source renews them by its own.

use redis_mirror_test_support::digest::{self, Mapping};
use redis_mirror_test_support::{
    Direction, Options, Server, Status, Topology, any_server, cmd, servers, wait,
};

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

/// What a source may do to a hash in time whose field `a` has ended here: commands on the keys `%` and `%2`.
const FIELD_RENEWALS: [&[&str]; 16] = [
    &["HPERSIST % FIELDS 1 a"],
    &["HPEXPIRE % 1000000 FIELDS 1 a"],
    &["HINCRBY % a 5"],
    &["HINCRBY % a 5", "HPERSIST % FIELDS 1 a"],
    &["HINCRBYFLOAT % a 0.5", "HPERSIST % FIELDS 1 a"],
    &["HSET % a 9"],
    &["HSET % z 9", "HPERSIST % FIELDS 1 a"],
    &["HDEL % b", "HPERSIST % FIELDS 1 a"],
    &["HPERSIST % FIELDS 2 a b"],
    &["COPY % %2", "HPERSIST %2 FIELDS 1 a"],
    &["RENAME % %2", "HPERSIST %2 FIELDS 1 a"],
    &["RENAME % %2", "HINCRBY %2 a 4", "HPERSIST %2 FIELDS 1 a"],
    &["HGETEX % PERSIST FIELDS 1 a"],
    &["HGETEX % PX 1000000 FIELDS 1 a"],
    &["HSETEX % KEEPTTL FIELDS 1 a 7", "HPERSIST % FIELDS 1 a"],
    &["HSETEX % PX 1000000 FIELDS 1 a 7"],
];

/// Runs a story on each server whose hash fields expire, behind hashes `h:0`.. whose field `a` ends in a moment.
fn with_fields_that_end(story: impl Fn(&mut Topology)) {
    for installed in servers() {
        let options = Options::new().durable().mirror("");
        let mut at = Topology::start_with(installed, Options::new(), installed, options).expect("both start");
        let mut client = at.source.client();
        client.run(cmd!("HSET", "probe", "a", 1));
        if client.call(cmd!("HPEXPIRE", "probe", 1, "FIELDS", 1, "a")).is_err() {
            continue;
        }
        for number in 0..FIELD_RENEWALS.len() {
            client.run(cmd!("HSET", format!("h:{number}"), "a", 1, "b", 2));
        }
        at.create("m", "").expect("the mirror is created");
        at.wait_applied("m").expect("everything is applied");
        for number in 0..FIELD_RENEWALS.len() {
            client.run(cmd!("HPEXPIRE", format!("h:{number}"), 1500, "FIELDS", 1, "a"));
        }
        at.wait_applied("m").expect("everything is applied");
        story(&mut at);
        at.wait_applied("m").expect("everything is applied");
        digest::wait_mirrored(&at.source, &at.local, &Mapping::identity());
        let status = Status::read(&mut at.local.client(), "m").expect("status");
        assert!(status.number("repaired") > 0, "{status:?}");
        assert_eq!((status.number("full_resyncs"), status.text("consistent").as_str()), (1, "yes"));
    }
}

/// All that this source knows of the renewals.
fn renew_fields(source: &Server) {
    let mut client = source.client();
    for (number, commands) in FIELD_RENEWALS.iter().enumerate() {
        for line in *commands {
            let line = line.replace('%', &format!("h:{number}"));
            // HGETEX and HSETEX are not everywhere.
            if client.call(line.as_str()).is_err() {
                break;
            }
        }
    }
}

/// Waits until no hash has the field here any more.
fn wait_fields_gone(server: &Server) {
    let mut client = server.client();
    wait::wait_until("the fields expire", || {
        (0..FIELD_RENEWALS.len()).all(|number| client.int(cmd!("HEXISTS", format!("h:{number}"), "a")) == 0)
    });
}

/// A field that has ended here is only taken for missing, without an event, when the source's word on it comes.
#[test]
fn a_field_renewed_in_time_at_the_source_is_not_lost_here() {
    with_fields_that_end(|at| {
        at.link.stall(Direction::FromServer);
        renew_fields(&at.source);
        // Not removed yet, or removed already: both happen to some.
        wait_fields_gone(&at.local);
        at.link.flow(Direction::FromServer);
    });
}

/// Nobody remembers which fields ended before the restart.
#[test]
fn a_renewed_field_is_found_after_a_crash_too() {
    with_fields_that_end(|at| {
        at.local.client().run(cmd!("MIRROR.PAUSE", "m"));
        renew_fields(&at.source);
        wait_fields_gone(&at.local);
        at.local.kill_and_resume();
        at.local.client().run(cmd!("MIRROR.RESUME", "m"));
    });
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
