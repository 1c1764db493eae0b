//! A link that breaks, anywhere: exact all the same.

use std::time::Duration;

use redis_mirror_test_support::workload::{Abilities, Dataset, Live};
use redis_mirror_test_support::{Direction, Options, Random, Status, Topology, any_server, cmd, wait};

/// Reconnects at once: these tests are about breaks, not about waiting.
fn eager() -> Options {
    Options::new().mirror("").set("mirror.reconnect-min-ms", 1).set("mirror.reconnect-max-ms", 10)
}

fn topology() -> Topology {
    let server = any_server();
    let source = Options::new().set("repl-backlog-size", "256mb");
    Topology::start_with(server, source, server, eager()).expect("both servers start")
}

fn wait_applied(at: &Topology) {
    redis_mirror_test_support::wait_applied(&mut at.local.client(), "m", Duration::from_secs(120))
        .unwrap_or_else(|error| panic!("{error}\n{}", at.local.log_tail()));
}

#[test]
fn cut_two_hundred_times_at_random_bytes() {
    let at = topology();
    let mut client = at.source.client();
    let abilities = Abilities::of(&mut client).expect("the source tells its commands");
    let dataset = Dataset::new(21, 300);
    dataset.load(&mut client).expect("the data set is loaded");
    let mut live = Live::over(22, &abilities, &dataset);
    let mut random = Random::new(23);
    at.create("m", "").expect("the mirror is created");
    let mut cuts = 0;
    // The first bytes are the handshake's, the next the snapshot's; later connections only stream.
    while cuts < 200 {
        let reach = [60, 600, 20_000, 200_000][random.below(4)];
        let direction = if random.below(10) == 0 { Direction::ToServer } else { Direction::FromServer };
        let reach = if direction == Direction::ToServer { 200 } else { reach };
        at.link.cut_after(direction, 1 + random.below(reach) as u64);
        let goal = at.link.cuts() + 1;
        wait::wait_until("the link is cut", || {
            live.run(&mut client, 50).expect("the source takes writes");
            at.link.cuts() >= goal
        });
        cuts += 1;
    }
    at.link.flow(Direction::FromServer);
    at.link.flow(Direction::ToServer);
    wait_applied(&at);
    at.assert_exact("m");
    let status = Status::read(&mut at.local.client(), "m").expect("status");
    println!(
        "{cuts} cuts: {} full and {} partial resyncs",
        status.number("full_resyncs"),
        status.number("partial_resyncs")
    );
    assert!(status.number("partial_resyncs") > 50, "{status:?}");
}

#[test]
fn one_byte_segments_and_stalls_change_nothing() {
    let at = topology();
    let mut client = at.source.client();
    let abilities = Abilities::of(&mut client).expect("the source tells its commands");
    Dataset::new(31, 60).load(&mut client).expect("the data set is loaded");
    at.link.trickle(Direction::FromServer);
    at.create("m", "").expect("the mirror is created");
    at.wait_streaming("m").expect("the snapshot is applied");
    Live::new(32, &abilities).run(&mut client, 300).expect("the source takes writes");
    at.link.flow(Direction::FromServer);
    at.link.stall(Direction::FromServer);
    Live::new(33, &abilities).run(&mut client, 300).expect("the source takes writes");
    at.link.flow(Direction::FromServer);
    at.assert_exact("m");
}

#[test]
fn what_vanished_while_the_link_was_down_vanishes_here() {
    // The backlog is too small to tell: a full resync must find out.
    let server = any_server();
    let source = Options::new().set("repl-backlog-size", "16kb");
    let at = Topology::start_with(server, source, server, eager()).expect("both servers start");
    let mut client = at.source.client();
    for number in 0..500 {
        client.run(cmd!("SET", format!("mine:{number}"), number));
    }
    at.local.client().run(cmd!("SET", "own", "stays"));
    at.create("m", "MATCH mine:*").expect("the mirror is created");
    wait_applied(&at);
    at.link.refuse();
    at.link.cut();
    for number in 0..250 {
        client.run(cmd!("DEL", format!("mine:{number}")));
    }
    client.run(cmd!("SET", "other", "x".repeat(100_000)));
    at.link.accept();
    wait_applied(&at);
    let mut local = at.local.client();
    assert_eq!(local.int(cmd!("DBSIZE")), 251);
    assert_eq!(local.text(cmd!("GET", "own")), "stays");
    let status = Status::read(&mut local, "m").expect("status");
    assert_eq!((status.number("full_resyncs"), status.number("swept")), (2, 250));
}

/// Offsets of two histories say nothing about each other.
#[test]
fn a_wait_is_for_the_history_that_the_source_has_now() {
    let server = any_server();
    let local = Options::new().mirror("").set("mirror.reconnect-min-ms", 1500);
    let mut at = Topology::start_with(server, Options::new(), server, local).expect("both servers start");
    at.source.client().run(cmd!("SET", "long", "x".repeat(100_000)));
    at.create("m", "").expect("the mirror is created");
    at.wait_applied("m").expect("everything is applied");
    at.source.client().run(cmd!("SET", "longer", "x".repeat(100_000)));
    at.wait_applied("m").expect("everything is applied");
    at.source.kill_and_resume();
    at.source.client().run(cmd!("SET", "new", 1));
    let mut client = at.local.client();
    assert!(client.int(cmd!("MIRROR.WAIT", "m", 10_000)) < 100_000);
    assert_eq!(client.int(cmd!("EXISTS", "new")), 1);
}
