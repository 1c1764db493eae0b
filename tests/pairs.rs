//! Any source version to any local version: every type and encoding, then every write command.

use redis_mirror_test_support::digest::{self, Mapping};
use redis_mirror_test_support::workload::{Abilities, Dataset, Live};
use redis_mirror_test_support::{Status, Topology, server, wait};

const KEYS: usize = 20_000;
const OPERATIONS: usize = 20_000;

/// Loads, mirrors, and keeps writing: while the snapshot is read, and after it.
fn mirrored(source: &str, local: &str) -> Option<Topology> {
    let (Some(source), Some(local)) = (server(source), server(local)) else {
        println!("skipped: {source} to {local}: one of them is not installed");
        return None;
    };
    let at = Topology::start(source, local).expect("both servers start");
    let mut client = at.source.client();
    let abilities = Abilities::of(&mut client).expect("the source tells its commands");
    let dataset = Dataset::new(7, KEYS);
    dataset.load(&mut client).expect("the data set is loaded");
    at.create("m", "").expect("the mirror is created");
    let mut live = Live::over(11, &abilities, &dataset);
    live.run(&mut client, OPERATIONS / 2).expect("the source takes writes");
    at.wait_streaming("m").expect("the snapshot is applied");
    live.run(&mut client, OPERATIONS / 2).expect("the source takes writes");
    at.wait_applied("m").expect("everything is applied");
    Some(at)
}

fn status(at: &Topology) -> Status {
    let status = Status::read(&mut at.local.client(), "m").expect("status");
    assert_eq!((status.number("full_resyncs"), status.text("consistent").as_str()), (1, "yes"));
    status
}

fn pair(source: &str, local: &str) {
    let Some(at) = mirrored(source, local) else { return };
    at.assert_exact("m");
    status(&at);
}

/// What the newer server knows and the older doesn't is carried over as far as it goes, and named.
#[test]
fn newer_to_older() {
    for newer in ["redis86", "valkey9"] {
        let Some(at) = mirrored(newer, "redis70") else { continue };
        // The source hides a field whose time has come; here it goes when the source deletes it.
        wait::wait_for("both are equal", || {
            let (mut source, mut local) = (at.source.client(), at.local.client());
            let report = digest::compare(&mut source, &mut local, &Mapping::identity());
            report
                .map_err(|error| error.to_string())
                .and_then(|report| if report.is_equal() { Ok(()) } else { Err(report.to_string()) })
        });
        let status = status(&at);
        assert!(status.number("quarantined") > 0, "{status:?}");
        let named = status.text("quarantined_keys");
        assert!(named.contains("no expiry of hash fields") && named.contains("hash"), "{named}");
    }
}

#[test]
fn redis_7_0_to_redis_7_0() {
    pair("redis70", "redis70");
}

#[test]
fn redis_7_0_to_valkey_8_1() {
    pair("redis70", "valkey81");
}

#[test]
fn valkey_8_1_to_redis_7_0() {
    pair("valkey81", "redis70");
}

#[test]
fn valkey_8_1_to_valkey_8_1() {
    pair("valkey81", "valkey81");
}
