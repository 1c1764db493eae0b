//! Any source version to any local version: every type and encoding, then every write command. `make pairs` runs all
//! pairs; here each version is a source once and a target once, of the one that differs most.

use redis_mirror_test_support::{
    Client, Family, Installed, Options, PairOutcome, PairPlan, Server, Status, Version, any_server, cmd,
    old_servers, run_pair, server, servers, wait, wait_applied,
};

const PLAN: PairPlan = PairPlan { keys: 20_000, operations: 20_000, seed: 7 };

/// Write commands that the workload doesn't send, each with what stands in for it.
const ELSEWHERE: [(&str, &str); 14] = [
    ("cluster|flushslot", "clusters only: a full resync"),
    ("flushall", "tests/scope.rs, among live commands"),
    ("flushdb", "tests/scope.rs, among live commands"),
    ("function|delete", "code is not mirrored: refused, as FUNCTION LOAD is, which is sent"),
    ("function|flush", "code is not mirrored"),
    ("function|restore", "code is not mirrored"),
    ("migrate", "replicated as DEL at the one server and RESTORE at the other"),
    ("pfdebug", "for the servers' own tests: fetched again"),
    ("swapdb", "tests/scope.rs, among live commands"),
    ("trimslots", "clusters only: a full resync"),
    ("vadd", "the next test: vector sets are values of a module's kind, refused by name"),
    ("vrem", "refused as VADD"),
    ("vsetattr", "refused as VADD"),
    ("xidmprecord", "only the AOF rewrite writes it"),
];

fn installed(source: &str, local: &str) -> Option<(&'static Installed, &'static Installed)> {
    let both = server(source).zip(server(local));
    if both.is_none() {
        println!("skipped: {source} to {local}: one of them is not installed");
    }
    both
}

fn pair(source: &str, local: &str) {
    let Some((source, local)) = installed(source, local) else { return };
    let outcome =
        run_pair(source, local, PLAN).unwrap_or_else(|error| panic!("{source} to {local}: {error}"));
    assert_explained(source, local, &outcome);
    for name in &outcome.unexercised {
        assert!(ELSEWHERE.iter().any(|(known, _)| known == name), "{source}: {name} was not tried");
    }
}

/// Nothing is lost but what the older server can't hold, and that is named.
fn assert_explained(source: &Installed, local: &Installed, outcome: &PairOutcome) {
    let (from, to) = (source.version, local.version);
    let explained = [
        ("no expiry of hash fields", has_field_expiry(from) && !has_field_expiry(to)),
        ("a stream's consumers", has_consumer_times(from) && !has_consumer_times(to)),
        ("idempotency state", has_idempotency(from) && !has_idempotency(to)),
    ];
    for (reason, count) in &outcome.reasons {
        let known = explained.iter().any(|(part, expected)| *expected && reason.contains(part));
        assert!(known, "{source} to {local}: {count} keys: {reason}");
    }
    for (part, expected) in explained {
        let named = outcome.reasons.keys().any(|reason| reason.contains(part));
        assert_eq!(named, expected, "{source} to {local}: {part}: {:?}", outcome.reasons);
    }
    assert_eq!(outcome.quarantined > 0, !outcome.reasons.is_empty(), "{outcome:?}");
    let refused: Vec<&String> = outcome.refused.keys().collect();
    assert!(refused.iter().all(|name| name.starts_with("function ")), "{source} to {local}: {refused:?}");
}

fn release(version: Version) -> (bool, (u32, u32)) {
    let is_redis = version.family == Family::Redis;
    (is_redis, (version.major, version.minor))
}

fn has_field_expiry(version: Version) -> bool {
    let (is_redis, release) = release(version);
    release >= if is_redis { (7, 4) } else { (9, 0) }
}

/// When a consumer was last active: Redis 7.2, and the Valkey that followed it.
fn has_consumer_times(version: Version) -> bool {
    release(version).1 >= (7, 2)
}

fn has_idempotency(version: Version) -> bool {
    release(version) >= (true, (8, 6))
}

#[test]
fn redis_7_0_to_redis_8_6() {
    pair("redis70", "redis86");
}

#[test]
fn redis_8_6_to_redis_7_0() {
    pair("redis86", "redis70");
}

#[test]
fn valkey_9_1_to_redis_8_0_2() {
    pair("valkey9", "redis80");
}

#[test]
fn redis_8_0_2_to_valkey_8_1() {
    pair("redis80", "valkey81");
}

#[test]
fn valkey_8_1_to_redis_8_0_6() {
    pair("valkey81", "redis8");
}

#[test]
fn redis_8_0_6_to_valkey_8_0() {
    pair("redis8", "valkey80");
}

#[test]
fn valkey_8_0_to_valkey_9_1() {
    pair("valkey80", "valkey9");
}

#[test]
fn redis_8_6_to_valkey_9_1() {
    pair("redis86", "valkey9");
}

/// Relative expiries, no PEXPIRETIME, streams without counters.
#[test]
fn sources_before_7_0() {
    // The oldest source that was compared so far.
    let is_compared = |source: &&Installed| (source.version.major, source.version.minor) >= (6, 2);
    let sources: Vec<_> = old_servers().iter().filter(is_compared).collect();
    if sources.is_empty() {
        println!("skipped: REDIS_MIRROR_TEST_OLD_SERVERS names no folder with a Redis 6.2");
    }
    for source in sources {
        for local in [any_server(), servers().last().unwrap_or(any_server())] {
            let outcome = run_pair(source, local, PLAN);
            let outcome = outcome.unwrap_or_else(|error| panic!("{source} to {local}: {error}"));
            assert_eq!(
                (outcome.quarantined, outcome.refused.len()),
                (0, 0),
                "{source} to {local}: {outcome:?}"
            );
        }
    }
}

/// What STATUS tells of the planner's findings is renewed now and then.
fn wait_named(client: &mut Client) -> Status {
    wait::wait_for("the vector set is named", || {
        let status = Status::read(client, "m").map_err(|error| error.to_string())?;
        let (lost, refused) = (status.text("quarantined_keys"), status.text("refused_commands"));
        let is_named = lost.contains("vectors") && lost.contains("values of other modules");
        let is_refused = refused.contains("vadd (this data type") && refused.contains("vrem");
        if is_named && is_refused { Ok(status) } else { Err(format!("{lost}, {refused}")) }
    })
}

/// A vector set of the snapshot is quarantined by name, one of the stream refused by name; all else goes on.
#[test]
fn vector_sets_are_left_out_by_name() {
    let Some((source, local)) = installed("redis86", "redis86") else { return };
    let (source, local) =
        (Server::start(source, Options::new()), Server::start(local, Options::new().mirror("")));
    let mut theirs = source.client();
    if theirs.call(cmd!("VADD", "vectors", "VALUES", 2, 1, 0, "east")).is_err() {
        println!("skipped: this Redis 8.6 was built without vector sets");
        return;
    }
    let mut ours = local.client();
    ours.run(cmd!("MIRROR.CREATE", "m", source.url()));
    wait_applied(&mut ours, "m", wait::PATIENCE).expect("the snapshot is applied");
    for command in ["SET k v", "VADD vectors VALUES 2 0 1 north", "VREM vectors east", "INCR n"] {
        theirs.run(command);
    }
    wait_applied(&mut ours, "m", wait::PATIENCE).expect("the stream is applied");
    let status = wait_named(&mut ours);
    assert_eq!(
        (ours.text("GET k"), ours.text("GET n"), ours.int("EXISTS vectors")),
        ("v".into(), "1".into(), 0)
    );
    assert_eq!((status.number("full_resyncs"), status.state().as_str()), (1, "streaming"));
}
