//! Errors found in other replication clients, one test each, named for the error.

mod common;

use std::time::Duration;

use common::{
    Link, OTHER_REPLID, REPLID, Seen, Wrapping, command, commands, parse_all, position, replid, snapshot,
    wrap,
};
use redis_replica::{Config, Error, Place, Position, State};

fn resuming(offset: u64, db: u32) -> Config {
    Config { resume: Some(position(offset, db)), ..Config::default() }
}

#[test]
fn offset_counted_a_half_received_command() {
    let mut link = Link::new(Config::default());
    link.synchronize(100);
    let bytes = command("SET key value");
    for end in 0..bytes.len() {
        link.feed(&bytes[end..=end]);
        let whole = end + 1 == bytes.len();
        assert_eq!(link.connection.offset(), if whole { 100 + bytes.len() as u64 } else { 100 });
        assert_eq!(link.connection.buffered(), if whole { 0 } else { end + 1 });
    }
}

#[test]
fn command_bytes_in_the_read_that_ends_the_snapshot_were_not_counted() {
    for wrapping in [Wrapping::Length, Wrapping::Mark] {
        let mut link = Link::new(Config::default());
        link.shake_hands();
        link.feed(format!("+FULLRESYNC {REPLID} 100\r\n").as_bytes());
        let stream = command("SET a 1");
        link.feed(&[wrap(&snapshot(&[], &[]), wrapping), stream.clone()].concat());
        assert_eq!(link.connection.offset(), 100 + stream.len() as u64);
        let end = link.connection.offset();
        let words = String::from("SET a 1");
        assert_eq!(link.seen.last(), Some(&Seen::Command { db: 0, words, end, place: Place::Alone }));
    }
}

#[test]
fn psync_named_the_offset_instead_of_the_next() {
    let mut link = Link::new(resuming(1234, 0));
    assert_eq!(parse_all(&link.shake_hands()), [format!("PSYNC {REPLID} 1235")]);
}

#[test]
fn db_was_reset_to_0_on_continue() {
    let mut link = Link::new(resuming(1234, 7));
    link.shake_hands();
    link.feed(b"+CONTINUE\r\n");
    link.feed(&command("SET a 1"));
    assert!(matches!(link.seen.last(), Some(Seen::Command { db: 7, .. })), "{:?}", link.seen);
}

#[test]
fn new_id_of_continue_was_ignored() {
    let mut link = Link::new(resuming(1234, 7));
    link.shake_hands();
    link.feed(format!("+CONTINUE {OTHER_REPLID}\r\n").as_bytes());
    let resumed = Position { replid: replid(OTHER_REPLID), offset: 1234, db: 7 };
    assert_eq!(link.seen, [Seen::Continue(resumed, true)]);
}

#[test]
fn end_mark_split_across_reads_was_missed() {
    let wrapped = wrap(&snapshot(&[("k", "v")], &[]), Wrapping::Mark);
    let stream = command("SET a 1");
    for split in 0..=wrapped.len() {
        let mut link = Link::new(Config::default());
        link.shake_hands();
        link.feed(format!("+FULLRESYNC {REPLID} 100\r\n").as_bytes());
        link.feed(&wrapped[..split]);
        link.feed(&[&wrapped[split..], &stream].concat());
        assert_eq!(link.failure, None, "split at {split}");
        assert_eq!(link.connection.offset(), 100 + stream.len() as u64, "split at {split}");
    }
}

#[test]
fn bytes_behind_the_end_mark_were_thrown_away() {
    let mut link = Link::new(Config::default());
    link.shake_hands();
    let stream = commands(&["SELECT 4", "SET a 1", "SET b 2"]);
    let all = [
        format!("+FULLRESYNC {REPLID} 0\r\n").into_bytes(),
        wrap(&snapshot(&[], &[]), Wrapping::Mark),
        stream.clone(),
    ]
    .concat();
    link.feed(&all);
    let told: Vec<&Seen> =
        link.seen.iter().filter(|seen| matches!(seen, Seen::Command { db: 4, .. })).collect();
    assert_eq!(told.len(), 2);
    assert_eq!(link.connection.offset(), stream.len() as u64);
}

#[test]
fn newline_before_the_snapshot_header_was_an_error() {
    let mut link = Link::new(Config::default());
    link.shake_hands();
    link.feed(format!("\n+FULLRESYNC {REPLID} 0\r\n").as_bytes());
    link.feed(b"\n");
    link.feed(b"\n\n");
    link.feed(&wrap(&snapshot(&[], &[]), Wrapping::Length));
    assert_eq!((link.failure, link.connection.state()), (None, State::Streaming));
}

/// A value that breaks its format is reported by its key; the snapshot and the stream go on.
#[test]
fn a_bad_value_aborted_everything() {
    let mut bytes = b"REDIS0011\xfe\x00".to_vec();
    // A set as intset of a width that does not exist.
    bytes.extend_from_slice(b"\x0b\x03bad\x0a\x07\x00\x00\x00\x01\x00\x00\x00\x01\x00");
    bytes.extend_from_slice(b"\x00\x04good\x01v\xff\0\0\0\0\0\0\0\0");
    let mut link = Link::new(Config::default());
    link.shake_hands();
    link.feed(format!("+FULLRESYNC {REPLID} 0\r\n").as_bytes());
    link.feed(&wrap(&bytes, Wrapping::Length));
    link.feed(&command("SET a 1"));
    assert_eq!(link.failure, None);
    let keys: Vec<&Seen> = link.seen.iter().filter(|seen| matches!(seen, Seen::Key(..))).collect();
    assert_eq!(keys, [&Seen::Key(0, String::from("good"))]);
    assert!(matches!(link.seen.last(), Some(Seen::Command { .. })));
}

/// A source that is a replica hands its own source's stream on: it selects nothing for us.
#[test]
fn db_of_the_stream_of_a_chained_source_was_taken_as_0() {
    let mut link = Link::new(Config::default());
    link.shake_hands();
    link.feed(format!("+FULLRESYNC {REPLID} 0\r\n").as_bytes());
    link.feed(&wrap(&snapshot(&[], &[("repl-stream-db", "9")]), Wrapping::Length));
    link.feed(&command("SET a 1"));
    assert!(matches!(link.seen.last(), Some(Seen::Command { db: 9, .. })), "{:?}", link.seen);
}

/// The first error is why a link ended; timers that run on would put "silence" in its place a minute later.
#[test]
fn timers_outlived_a_broken_stream_and_replaced_its_error() {
    let mut link = Link::new(Config::default());
    link.synchronize(100);
    link.feed(&command("EXEC"));
    assert_eq!(link.failure, Some(Error::ExecWithoutMulti));
    assert_eq!(link.connection.poll_timeout(), None);
    link.pass(Duration::from_secs(3600));
    assert_eq!(link.failure, Some(Error::ExecWithoutMulti));
}
