//! A link that is cut anywhere, and what comes after: every command once, in order, in the right database.

#![allow(clippy::unwrap_used)]

#[path = "../common/mod.rs"]
mod common;
mod every_type;
mod everywhere;
mod history;
mod replica;
mod two_channels;

use common::{Consumer, Source, Wrapping, command, commands, run_link, snapshot};

fn source(wrapping: Wrapping) -> Source {
    Source {
        replid: common::REPLID,
        base: 1000,
        snapshot: snapshot(&[("one", "1"), ("two", "2")], &[("redis-ver", "7.0.0")]),
        wrapping,
        stream: commands(&[
            "SELECT 0",
            "SET a 1",
            "PING",
            "SELECT 3",
            "SET b 2",
            "REPLCONF GETACK *",
            "MULTI",
            "INCR c",
            "SELECT 5",
            "RPUSH d x y z",
            "EXEC",
            "SET e 3",
            "PING",
            "MULTI",
            "SET f 4",
            "EXEC",
            "select 2",
            "set g 5",
            "PING",
        ]),
    }
}

fn expected() -> Vec<(u32, String)> {
    [
        (0, "key one"),
        (0, "key two"),
        (0, "SET a 1"),
        (3, "SET b 2"),
        (3, "INCR c"),
        (5, "RPUSH d x y z"),
        (5, "SET e 3"),
        (5, "SET f 4"),
        (2, "set g 5"),
    ]
    .map(|(db, words)| (db, String::from(words)))
    .to_vec()
}

fn end_of(source: &Source) -> u64 {
    source.base + source.stream.len() as u64
}

#[test]
fn an_uncut_link_tells_everything_once() {
    for wrapping in [Wrapping::Length, Wrapping::Mark] {
        let source = source(wrapping);
        let mut consumer = Consumer::default();
        run_link(&source, &mut consumer, usize::MAX, usize::MAX);
        assert_eq!(consumer.applied, expected());
        assert_eq!(consumer.position, Some(common::position(end_of(&source), 2)));
    }
}

#[test]
fn a_cut_at_every_byte_loses_and_repeats_nothing() {
    for wrapping in [Wrapping::Length, Wrapping::Mark] {
        for step in [1, 7, usize::MAX] {
            let source = source(wrapping);
            let total = run_link(&source, &mut Consumer::default(), usize::MAX, step);
            for cut in 0..=total {
                check_cut(&source, cut, step);
            }
        }
    }
}

fn check_cut(source: &Source, cut: usize, step: usize) {
    let mut consumer = Consumer::default();
    run_link(source, &mut consumer, cut, step);
    let resumable = consumer.position.is_some();
    run_link(source, &mut consumer, usize::MAX, step);
    assert_eq!(consumer.applied, expected(), "cut at {cut}, step {step}");
    assert_eq!(consumer.position, Some(common::position(end_of(source), 2)), "cut at {cut}, step {step}");
    if resumable {
        assert_eq!(consumer.full_resyncs, 1, "cut at {cut}: resumed, not begun anew");
    }
}

/// Three links in a row, cut at every pair of bytes of the stream: a resumed link can be resumed.
#[test]
fn a_resumed_link_can_be_cut_again() {
    let source = source(Wrapping::Length);
    let total = run_link(&source, &mut Consumer::default(), usize::MAX, usize::MAX);
    for first in (total - source.stream.len()..total).step_by(3) {
        for second in (0..source.stream.len()).step_by(3) {
            let mut consumer = Consumer::default();
            run_link(&source, &mut consumer, first, usize::MAX);
            run_link(&source, &mut consumer, second + 60, usize::MAX);
            run_link(&source, &mut consumer, usize::MAX, usize::MAX);
            assert_eq!(consumer.applied, expected(), "cut at {first} and {second}");
        }
    }
}

/// The test above would not notice a source that sends nothing: it must have something to lose.
#[test]
fn a_cut_within_a_transaction_delivers_nothing_of_it() {
    let source = source(Wrapping::Length);
    let total = run_link(&source, &mut Consumer::default(), usize::MAX, usize::MAX);
    let after_exec =
        commands(&["SET e 3", "PING", "MULTI", "SET f 4", "EXEC", "select 2", "set g 5", "PING"]);
    let mut consumer = Consumer::default();
    run_link(&source, &mut consumer, total - after_exec.len() - command("EXEC").len(), 1);
    assert_eq!(consumer.applied.len(), 4);
    assert_eq!(consumer.position.unwrap().db, 3);
}
