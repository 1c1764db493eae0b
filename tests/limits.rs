//! What a source may make this server hold: beyond it a key is named and left out, and the mirror goes on.

use redis_mirror_test_support::{Options, Status, Topology, any_server, cmd, servers, wait};

const MIB: usize = 1 << 20;

fn topology(local: Options) -> Topology {
    let server = any_server();
    let local = local.set("mirror.reconnect-min-ms", 10).set("mirror.reconnect-max-ms", 100);
    Topology::start_with(server, Options::new(), server, local).expect("both servers start")
}

fn small() -> Options {
    Options::new().mirror("").set("mirror.unit-max", "1mb")
}

fn status(at: &Topology) -> Status {
    Status::read(&mut at.local.client(), "m").expect("status")
}

fn value(mebibytes: usize) -> String {
    "v".repeat(mebibytes * MIB)
}

/// A giant in the snapshot costs its key. With a higher limit, set while the link runs, it comes.
#[test]
fn a_giant_in_the_snapshot_is_named_and_comes_when_it_may() {
    let at = topology(small());
    let (mut source, mut local) = (at.source.client(), at.local.client());
    source.run(cmd!("SET", "giant", value(3)));
    source.run(cmd!("SET", "small", 1));
    at.create("m", "").expect("the mirror is created");
    at.wait_applied("m").expect("everything else is applied");
    assert_eq!((local.int(cmd!("EXISTS", "giant")), local.int(cmd!("EXISTS", "small"))), (0, 1));
    wait::wait_until("the giant is counted", || status(&at).number("quarantined") == 1);
    let told = status(&at);
    assert_eq!(told.state(), "streaming");
    let named = told.text("quarantined_keys");
    assert!(named.contains("giant") && named.contains("too large"), "{named}");
    local.run(cmd!("CONFIG", "SET", "mirror.unit-max", "16mb"));
    source.run(cmd!("SET", "giant2", value(4)));
    at.wait_applied("m").expect("the running link has heard of it");
    assert_eq!(local.int(cmd!("STRLEN", "giant2")), 4 * 1048576);
    local.run(cmd!("MIRROR.RESYNC", "m"));
    wait::wait_until("the giant comes", || local.int(cmd!("STRLEN", "giant")) == 3 * 1048576);
    at.assert_exact("m");
}

/// A giant command can't be applied: the snapshot that replaces it leaves it out.
#[test]
fn a_giant_in_the_stream_costs_one_resync() {
    let at = topology(small());
    let mut source = at.source.client();
    at.create("m", "").expect("the mirror is created");
    at.wait_applied("m").expect("everything is applied");
    source.run(cmd!("SET", "before", 1));
    source.run(cmd!("SET", "giant", value(3)));
    source.run(cmd!("SET", "after", 1));
    wait::wait_until("the mirror comes through", || {
        let told = status(&at);
        told.number("quarantined") == 1 && told.state() == "streaming"
    });
    at.wait_applied("m").expect("everything else is applied");
    let mut local = at.local.client();
    assert_eq!(local.int(cmd!("EXISTS", "before", "after", "giant")), 2);
    let told = status(&at);
    assert_eq!((told.number("full_resyncs"), told.text("consistent").as_str()), (2, "yes"), "{told:?}");
    let error = told.text("last_error");
    assert!(error.contains("3145728 bytes of at most 1048576: raise mirror.unit-max"), "{error}");
}

/// Keys that come into scope are fetched: the one that is too large is left out, the others come.
#[test]
fn a_giant_that_is_fetched_is_left_out() {
    let at = topology(small());
    let mut source = at.source.client();
    at.create("m", "MATCH in:*").expect("the mirror is created");
    at.wait_applied("m").expect("everything is applied");
    for key in ["out:a", "out:giant", "out:z"] {
        source.run(cmd!("SET", key, "x"));
    }
    source.run(cmd!("SETRANGE", "out:giant", 3_000_000, "x"));
    let moves = ["a", "giant", "z"].map(|key| cmd!("RENAME", format!("out:{key}"), format!("in:{key}")));
    source.pipeline(&moves).expect("the keys are renamed");
    wait::wait_until("all is repaired", || {
        let told = status(&at);
        told.number("under_repair") == 0 && told.number("quarantined") == 1
    });
    at.wait_applied("m").expect("everything else is applied");
    assert_eq!(at.local.client().int(cmd!("EXISTS", "in:a", "in:z", "in:giant")), 2);
    let named = status(&at).text("quarantined_keys");
    assert!(named.contains("in:giant") && named.contains("too large"), "{named}");
}

/// The limit follows maxmemory, which is the server's promise to its user.
#[test]
fn a_unit_takes_an_eighth_of_maxmemory() {
    let at =
        topology(Options::new().mirror("").set("maxmemory", "80mb").set("maxmemory-policy", "allkeys-lru"));
    let (mut source, mut local) = (at.source.client(), at.local.client());
    for number in 0..1000 {
        local.run(cmd!("SET", format!("own:{number}"), number));
    }
    source.run(cmd!("SET", "giant", value(11)));
    source.run(cmd!("SET", "large", value(9)));
    at.create("m", "DB 0 TO 1").expect("the mirror is created");
    at.wait_applied("m").expect("everything else is applied");
    local.run(cmd!("SELECT", 1));
    assert_eq!((local.int(cmd!("EXISTS", "giant")), local.int(cmd!("EXISTS", "large"))), (0, 1));
    local.run(cmd!("SELECT", 0));
    assert_eq!(local.int(cmd!("DBSIZE")), 1000, "nobody's keys went for it");
    assert_eq!(at.local.info("stats").number("evicted_keys"), Some(0));
    local.run(cmd!("CONFIG", "SET", "maxmemory", "40mb"));
    source.run(cmd!("SET", "six", value(6)));
    wait::wait_until("the running link has heard of it", || {
        status(&at).text("last_error").contains("5242880")
    });
}

/// A transaction of too many commands is replaced by a snapshot, which holds its effects.
#[test]
fn a_transaction_of_too_many_commands_costs_one_resync() {
    for installed in servers() {
        let local =
            Options::new().mirror("").set("mirror.unit-ops-max", 100).set("mirror.reconnect-min-ms", 10);
        let at = Topology::start_with(installed, Options::new(), installed, local).expect("both start");
        at.create("m", "").expect("the mirror is created");
        at.wait_applied("m").expect("everything is applied");
        let script = "for n = 1, 200 do redis.call('INCR', 'k' .. n) end";
        at.source.client().run(cmd!("EVAL", script, 0));
        wait::wait_until("the snapshot has come", || status(&at).number("full_resyncs") == 2);
        at.assert_exact("m");
        let error = status(&at).text("last_error");
        assert!(
            error.contains("101 commands of at most 100") && error.contains("mirror.unit-ops-max"),
            "{error}"
        );
    }
}
