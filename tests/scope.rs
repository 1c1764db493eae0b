//! Whose keys are whose: filters, renamed keys, and what a mirror never touches.

use redis_mirror_test_support::digest::Mapping;
use redis_mirror_test_support::workload::{Abilities, Dataset, Live};
use redis_mirror_test_support::{Client, Options, Status, Topology, Value, any_server, cmd, server, wait};

fn topology() -> Topology {
    Topology::start(any_server(), any_server()).expect("both servers start")
}

/// Writes keys of its own beside the mirror's, and can tell that nobody touched them.
struct Own;

impl Own {
    const KEYS: usize = 200;

    fn write(client: &mut Client, db: u32, prefix: &str) {
        client.run(cmd!("SELECT", db));
        for number in 0..Self::KEYS {
            client.run(cmd!("SET", format!("{prefix}{number}"), format!("own {number}")));
        }
    }

    fn assert_untouched(client: &mut Client, db: u32, prefix: &str) {
        client.run(cmd!("SELECT", db));
        for number in 0..Self::KEYS {
            assert_eq!(client.text(cmd!("GET", format!("{prefix}{number}"))), format!("own {number}"));
        }
    }
}

#[test]
fn dbs_prefixes_and_patterns_are_mapped() {
    let at = topology();
    let mut client = at.source.client();
    let abilities = Abilities::of(&mut client).expect("the source tells its commands");
    let dataset = Dataset::new(5, 3_000).dbs(&[0, 1]);
    dataset.load(&mut client).expect("the data set is loaded");
    let mut local = at.local.client();
    Own::write(&mut local, 3, "own:");
    Own::write(&mut local, 0, "own:");
    at.create("m", "DB 0 TO 3 DB 1 TO 4 MATCH data:* MATCH live:* EXCEPT data:set* PREFIX copy:")
        .expect("the mirror is created");
    let mut live = Live::over(6, &abilities, &dataset).dbs(&[0, 1]);
    live.run(&mut client, 4_000).expect("the source takes writes");
    at.wait_streaming("m").expect("the snapshot is applied");
    live.run(&mut client, 4_000).expect("the source takes writes");
    at.wait_applied("m").expect("everything is applied");
    let taken = |key: &[u8]| {
        (key.starts_with(b"data:") || key.starts_with(b"live:")) && !key.starts_with(b"data:set")
    };
    at.assert_mirrored(&Mapping::identity().db(0, 3).db(1, 4).prefix("copy:").only(taken));
    Own::assert_untouched(&mut local, 3, "own:");
    Own::assert_untouched(&mut local, 0, "own:");
}

#[test]
fn commands_across_the_filter_leave_no_trace_of_it() {
    let at = topology();
    let mut client = at.source.client();
    at.create("m", "MATCH in:*").expect("the mirror is created");
    at.wait_streaming("m").expect("the snapshot is applied");
    let script = [
        cmd!("SET", "out:a", "1"),
        cmd!("RENAME", "out:a", "in:a"),
        cmd!("SET", "in:b", "2"),
        cmd!("RENAME", "in:b", "out:b"),
        cmd!("SADD", "out:s", "x", "y"),
        cmd!("SADD", "in:s", "y", "z"),
        cmd!("SUNIONSTORE", "in:u", "out:s", "in:s"),
        cmd!("SUNIONSTORE", "out:u", "out:s", "in:s"),
        cmd!("MSET", "in:m", "1", "out:m", "2"),
        cmd!("RPUSH", "out:l", "1", "2", "3"),
        cmd!("LMOVE", "out:l", "in:l", "LEFT", "RIGHT"),
        cmd!("LMOVE", "in:l", "in:k", "LEFT", "RIGHT"),
        cmd!("RPUSH", "in:k", "more"),
        cmd!("COPY", "out:m", "in:copy"),
        cmd!("COPY", "in:m", "out:copy"),
        cmd!("INCR", "in:copy"),
        cmd!("DEL", "in:m", "out:m"),
    ];
    for round in 0..200 {
        for command in &script {
            client.call(command.clone()).expect("the source takes it");
        }
        client.run(cmd!("INCR", format!("in:count:{}", round % 3)));
    }
    at.wait_applied("m").expect("everything is applied");
    at.assert_mirrored(&Mapping::identity().only(|key| key.starts_with(b"in:")));
    let status = Status::read(&mut at.local.client(), "m").expect("status");
    assert!(status.number("repaired") > 0, "{status:?}");
    assert_eq!((status.number("full_resyncs"), status.text("consistent").as_str()), (1, "yes"));
}

/// A source that is a replica hides keys whose time has come: a nil from it proves nothing.
#[test]
fn a_chained_source_repairs_too() {
    let primary = redis_mirror_test_support::Server::start(any_server(), Default::default());
    let at = topology();
    at.source.replicate(primary.address());
    let mut client = primary.client();
    at.create("m", "MATCH in:*").expect("the mirror is created");
    at.wait_streaming("m").expect("the snapshot is applied");
    for round in 0..200 {
        client.run(cmd!("SET", "out:a", round, "PX", 30 + round % 5));
        client.run(cmd!("RENAME", "out:a", "in:a"));
        client.run(cmd!("SET", "in:b", round));
        client.run(cmd!("RENAME", "in:b", "out:b"));
        client.run(cmd!("RPUSH", "out:l", round));
        client.run(cmd!("LMOVE", "out:l", "in:l", "LEFT", "RIGHT"));
        client.run(cmd!("DEL", "in:l"));
    }
    client.run(cmd!("SET", "in:end", 1));
    redis_mirror_test_support::wait::wait_until("the end arrives", || {
        at.local.client().int(cmd!("EXISTS", "in:end")) == 1
    });
    at.wait_applied("m").expect("everything is applied");
    at.assert_mirrored(&Mapping::identity().only(|key| key.starts_with(b"in:")));
    let status = Status::read(&mut at.local.client(), "m").expect("status");
    assert_eq!((status.number("full_resyncs"), status.text("consistent").as_str()), (1, "yes"));
}

#[test]
fn a_scope_that_holds_keys_is_refused_unless_adopted() {
    let at = topology();
    let mut local = at.local.client();
    at.source.client().run(cmd!("SET", "mine:1", "theirs"));
    for number in 0..7 {
        local.run(cmd!("SET", format!("mine:{number}"), "here before"));
    }
    local.run(cmd!("SET", "other", "stays"));
    let refused = at.create("m", "").expect_err("the whole server holds keys").to_string();
    assert!(refused.contains("8 keys"), "{refused}");
    let refused = at.create("m", "MATCH mine:*").expect_err("the scope holds keys").to_string();
    assert!(refused.contains("7 keys") && refused.contains("ADOPT"), "{refused}");
    assert!(local.texts(cmd!("MIRROR.LIST")).is_empty());
    assert_eq!(local.int(cmd!("DBSIZE")), 8);
    at.create("m", "MATCH mine:* ADOPT").expect("it may take them over");
    at.wait_applied("m").expect("everything is applied");
    assert_eq!(local.text(cmd!("GET", "mine:1")), "theirs");
    assert_eq!(local.text(cmd!("GET", "other")), "stays");
    assert_eq!(local.int(cmd!("DBSIZE")), 2);
}

#[test]
fn a_purge_deletes_exactly_the_scope() {
    let at = topology();
    let mut local = at.local.client();
    Own::write(&mut local, 0, "own:");
    for number in 0..3_000 {
        at.source.client().run(cmd!("SET", number, number));
    }
    at.create("m", "PREFIX copy:").expect("the mirror is created");
    at.wait_applied("m").expect("everything is applied");
    assert_eq!(local.int(cmd!("MIRROR.DROP", "m", "PURGE")), 3_000);
    assert!(local.texts(cmd!("MIRROR.LIST")).is_empty());
    assert_eq!(local.int(cmd!("DBSIZE")), Own::KEYS as i64);
    Own::assert_untouched(&mut local, 0, "own:");
}

/// It is what frees the memory.
#[test]
fn a_purge_needs_no_memory() {
    let at = topology();
    at.source.client().run(cmd!("EVAL", "for i = 1, 2000 do redis.call('SET', i, i) end", 0));
    at.create("m", "").expect("the mirror is created");
    at.wait_applied("m").expect("everything is applied");
    let mut local = at.local.client();
    local.run(cmd!("CONFIG", "SET", "maxmemory", 1));
    assert_eq!(local.int(cmd!("MIRROR.DROP", "m", "PURGE")), 2_000);
    assert_eq!(local.int(cmd!("DBSIZE")), 0);
}

#[test]
fn a_flush_of_the_source_empties_the_scope_alone() {
    let at = topology();
    let mut local = at.local.client();
    let mut client = at.source.client();
    Own::write(&mut local, 0, "own:");
    for number in 0..2_000 {
        client.run(cmd!("SET", number, number));
    }
    at.create("m", "DB 0 PREFIX copy:").expect("the mirror is created");
    at.wait_applied("m").expect("everything is applied");
    client.run(cmd!("FLUSHALL"));
    client.run(cmd!("SET", "after", "1"));
    at.wait_applied("m").expect("everything is applied");
    assert_eq!(local.int(cmd!("DBSIZE")), Own::KEYS as i64 + 1);
    Own::assert_untouched(&mut local, 0, "own:");
}

/// FLUSHDB, FLUSHALL and SWAPDB among everything else, in several dbs.
/// A flush that ends a transaction is no unit by itself: what came before it must not be applied twice when the
/// mirror goes on from its position in the middle.
#[test]
fn a_flush_in_a_transaction_is_not_spread() {
    for (own_keys, full_resyncs) in [(20_000, 1), (300_000, 2)] {
        let at = topology();
        let (mut client, mut local) = (at.source.client(), at.local.client());
        local.run(cmd!("SELECT", 1));
        local.run(cmd!("DEBUG", "POPULATE", own_keys, "own", 8));
        at.create("m", "PREFIX m:").expect("the mirror is created");
        at.wait_applied("m").expect("everything is applied");
        for _ in 0..5 {
            for command in [
                cmd!("MULTI"),
                cmd!("SELECT", 0),
                cmd!("INCR", "n"),
                cmd!("RPUSH", "l", "one"),
                cmd!("SELECT", 1),
                cmd!("FLUSHDB"),
                cmd!("EXEC"),
            ] {
                client.run(command);
            }
            local.run(cmd!("MIRROR.PAUSE", "m"));
            local.run(cmd!("MIRROR.RESUME", "m"));
            at.wait_applied("m").expect("everything is applied");
        }
        local.run(cmd!("SELECT", 0));
        assert_eq!((local.text(cmd!("GET", "m:n")), local.int(cmd!("LLEN", "m:l"))), ("5".to_owned(), 5));
        local.run(cmd!("SELECT", 1));
        assert_eq!(local.int(cmd!("DBSIZE")), own_keys);
        let status = Status::read(&mut local, "m").expect("status");
        assert!(status.number("full_resyncs") >= full_resyncs, "{status:?}");
    }
}

#[test]
fn wholesale_commands_keep_their_place_in_the_stream() {
    let at = topology();
    let mut client = at.source.client();
    let abilities = Abilities::of(&mut client).expect("the source tells its commands");
    at.create("m", "").expect("the mirror is created");
    at.wait_streaming("m").expect("the snapshot is applied");
    let mut live = Live::new(41, &abilities).dbs(&[0, 1, 2]).with_destruction();
    live.run(&mut client, 30_000).expect("the source takes writes");
    at.assert_exact("m");
    for round in 0..300 {
        client.run(cmd!("SELECT", round % 3));
        client.run(cmd!("SET", round, round));
        client.run(cmd!("MULTI"));
        client.run(cmd!("RPUSH", "list", round));
        client.run(if round % 7 == 0 { cmd!("FLUSHDB") } else { cmd!("SWAPDB", 0, 1) });
        client.run(cmd!("RPUSH", "list", round + 1));
        client.run(cmd!("EXEC"));
        if round % 50 == 0 {
            client.run(cmd!("FLUSHALL"));
        }
    }
    at.assert_exact("m");
    let status = Status::read(&mut at.local.client(), "m").expect("status");
    assert_eq!(status.number("full_resyncs"), 1, "{status:?}");
}

/// More commands than a unit may hold: the stream can't be applied, but a snapshot can.
#[test]
fn a_transaction_beyond_the_limit_is_fetched_as_a_snapshot() {
    let at = topology();
    let mut client = at.source.client();
    at.create("m", "").expect("the mirror is created");
    at.wait_applied("m").expect("everything is applied");
    client.run(cmd!("EVAL", "for i=1,1000100 do redis.call('INCR','n') end", 0));
    at.assert_exact("m");
    assert_eq!(at.local.client().text(cmd!("GET", "n")), "1000100");
    assert_eq!(Status::read(&mut at.local.client(), "m").expect("status").number("full_resyncs"), 2);
}

/// What is read ahead while nothing may be applied counts as memory: it must not keep this server out of it for ever.
#[test]
fn memory_that_a_mirror_takes_in_vain_is_given_back() {
    let source = Options::new().set("repl-backlog-size", "256mb");
    let local = Options::new().set("maxmemory", "60mb");
    let at = Topology::start_with(any_server(), source, any_server(), local).expect("both start");
    let (mut client, mut own) = (at.source.client(), at.local.client());
    at.create("m", "PREFIX copy:").expect("the mirror is created");
    at.wait_applied("m").expect("everything is applied");
    own.run(cmd!("CLIENT", "PAUSE", 60_000, "WRITE"));
    for _ in 0..20 {
        client.run(cmd!("SET", "large", "x".repeat(5_000_000)));
    }
    let status = |own: &mut Client| Status::read(own, "m").expect("status");
    wait::wait_until("it is all read", || status(&mut own).number("bytes_read") > 100_000_000);
    own.run(cmd!("CLIENT", "UNPAUSE"));
    wait::wait_until("the mirror says so", || status(&mut own).text("last_error").contains("out of memory"));
    at.wait_applied("m").expect("it goes on");
    assert_eq!(own.int(cmd!("STRLEN", "copy:large")), 5_000_000);
    own.run(cmd!("SET", "own", 1));
}

#[test]
fn a_flush_here_brings_a_resync() {
    let at = topology();
    let mut local = at.local.client();
    at.source.client().run(cmd!("SET", "k", "v"));
    at.create("m", "").expect("the mirror is created");
    at.wait_applied("m").expect("everything is applied");
    local.run(cmd!("FLUSHALL"));
    redis_mirror_test_support::wait::wait_until("the key is back", || local.int(cmd!("EXISTS", "k")) == 1);
    at.assert_exact("m");
    assert_eq!(Status::read(&mut local, "m").expect("status").number("full_resyncs"), 2);
}

/// It is not the user who paused it, and nothing else is wrong than the number of dbs.
#[test]
fn a_db_that_is_not_here_is_told() {
    let server = any_server();
    let local = Options::new().set("databases", 4);
    let at = Topology::start_with(server, Options::new(), server, local).expect("both servers start");
    at.create("m", "").expect("the mirror is created");
    at.wait_streaming("m").expect("the snapshot is applied");
    let mut client = at.source.client();
    client.run(cmd!("SELECT", 7));
    client.run(cmd!("SET", "k", "v"));
    let mut local = at.local.client();
    let patience = redis_mirror_test_support::wait::PATIENCE;
    let status = Status::wait_state(&mut local, "m", "failed", patience).expect("only the user can help");
    assert!(status.text("last_error").contains("no db 7"), "{status:?}");
}

/// Local clients that watch a key (WATCH) or keep what they read (CLIENT TRACKING) are told of what the mirror writes.
#[test]
fn what_a_mirror_writes_touches_who_watches() {
    for installed in [Some(any_server()), server("redis70"), server("valkey9")].into_iter().flatten() {
        let at = Topology::start(installed, installed).expect("both servers start");
        let (mut source, mut local) = (at.source.client(), at.local.client());
        source.run("SET k first");
        source.run("HSET h f first");
        at.create("m", "").expect("the mirror is created");
        at.wait_streaming("m").expect("the snapshot is applied");
        let mut keeper = at.local.client();
        keeper.run("HELLO 3");
        keeper.run("CLIENT TRACKING ON");
        let long = "x".repeat(1000);
        for (key, command) in [
            ("k", "SET k second".to_owned()),
            ("k", format!("SET k {long}")),
            ("k", format!("SET k y{long}")),
            ("k", "SET k third PX 100000".to_owned()),
            ("k", "APPEND k x".to_owned()),
            ("h", "HSET h f second".to_owned()),
            ("k", "DEL k".to_owned()),
        ] {
            local.run(cmd!("WATCH", key));
            keeper.run(cmd!("EXISTS", key));
            source.run(command.as_str());
            at.wait_applied("m").expect("it is applied");
            local.run("MULTI");
            local.run("PING");
            assert_eq!(local.run("EXEC"), Value::Nil, "{installed}: {command}");
            let told = keeper.receive().expect("it is told");
            assert!(matches!(told, Value::Push(_)), "{installed}: {command}: {told}");
        }
    }
}
