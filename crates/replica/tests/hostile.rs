//! Sources that lie, flood or stop half way: each ends in a named error, with bounded memory.

mod common;

use common::{Link, MARK, REPLID, Seen, Wrapping, command, commands, snapshot, wrap};
use redis_replica::resp::{self, ProtocolError};
use redis_replica::{Config, Error, Limits, rdb};

/// The error that a stream beginning with `bytes` ends in.
fn stream_error(bytes: &[u8]) -> Error {
    let mut link = Link::new(Config::default());
    link.synchronize(0);
    link.feed(bytes);
    link.failure.expect("an error")
}

#[test]
fn lengths_beyond_all_sense_are_named() {
    let limits = resp::Limits::default();
    let cases: [(&[u8], ProtocolError); 10] = [
        (b"*2147483647\r\n", ProtocolError::TooManyElements { count: 2_147_483_647, limit: limits.elements }),
        (b"*1\r\n$-2\r\n", ProtocolError::NegativeLength),
        (b"*1\r\n$-1\r\n", ProtocolError::NegativeLength),
        (
            b"*1\r\n$9000000000000000000\r\n",
            ProtocolError::BulkTooLong { len: 9_000_000_000_000_000_000, limit: limits.bulk_bytes },
        ),
        (b"*1\r\n$9e18\r\n", ProtocolError::InvalidNumber),
        (b"*99999999999999999999\r\n", ProtocolError::InvalidNumber),
        (b"*1\r\n*1\r\n", ProtocolError::ExpectedBulk),
        (b"*1\r\n$1\r\nabc\r\n", ProtocolError::MissingCrlf),
        (b"*1\n$1\r\na\r\n", ProtocolError::MissingCrlf),
        (b"*1\r\n$1\r\na\r\n+OK\r\n*", ProtocolError::ExpectedBulk),
    ];
    for (bytes, error) in cases.iter().take(9) {
        assert_eq!(stream_error(bytes), Error::Protocol(*error), "{}", bytes.escape_ascii());
    }
    assert_eq!(stream_error(cases[9].0), Error::OutOfStep);
}

#[test]
fn an_endless_line_is_cut_off() {
    let limit = resp::Limits::default().line_bytes;
    assert_eq!(stream_error(&vec![b'a'; limit + 2]), ProtocolError::LineTooLong { limit }.into());
    assert_eq!(
        stream_error(&[b"*".as_slice(), &vec![b'1'; limit + 2]].concat()),
        ProtocolError::LineTooLong { limit }.into()
    );
    let mut link = Link::new(Config::default());
    link.feed_by(&vec![b'+'; 5000], 1);
    assert_eq!(link.failure, Some(ProtocolError::LineTooLong { limit: 4096 }.into()));
    assert!(link.connection.buffered() < 5000);
}

#[test]
fn the_grammar_of_transactions_is_kept() {
    assert_eq!(stream_error(&command("EXEC")), Error::ExecWithoutMulti);
    assert_eq!(stream_error(&commands(&["MULTI", "SET a 1", "MULTI"])), Error::NestedMulti);
}

#[test]
fn a_transaction_never_closed_holds_nothing_here() {
    let mut link = Link::new(Config::default());
    link.synchronize(0);
    link.feed(&command("MULTI"));
    for _ in 0..100 {
        link.feed(&commands(&["SET a 1"; 100]));
        assert_eq!(link.connection.buffered(), 0);
    }
    assert_eq!(link.failure, None);
}

#[test]
fn databases_that_are_none_are_refused() {
    for words in ["SELECT 2147483648", "SELECT -1", "SELECT x", "SELECT 1 2", "SELECT", "SELECT 0x1"] {
        assert_eq!(stream_error(&command(words)), Error::InvalidSelect, "{words}");
    }
    let mut link =
        Link::new(Config { limits: Limits { db_max: 15, ..Limits::default() }, ..Config::default() });
    link.synchronize(0);
    link.feed(&command("SELECT 15"));
    assert_eq!(link.failure, None);
    link.feed(&command("SELECT 16"));
    assert_eq!(link.failure, Some(Error::InvalidSelect));
}

#[test]
fn inline_commands_are_a_stream_out_of_step() {
    assert_eq!(stream_error(b"SET a 1\r\n"), Error::OutOfStep);
}

#[test]
fn empty_commands_only_move_the_offset() {
    let mut link = Link::new(Config::default());
    link.synchronize(0);
    link.feed(b"\r\n*0\r\n*-1\r\n\n");
    assert_eq!((link.failure, link.connection.offset()), (None, 12));
}

#[test]
fn an_offset_beyond_the_protocol_is_refused() {
    let mut link = Link::new(Config::default());
    link.synchronize(i64::MAX as u64 - 5);
    link.feed(&command("SET a 1"));
    assert_eq!(link.failure, Some(Error::OffsetOverflow));
}

/// A link that waits for a snapshot.
fn awaiting(limits: Limits) -> Link {
    let mut link = Link::new(Config { limits, ..Config::default() });
    link.shake_hands();
    link.feed(format!("+FULLRESYNC {REPLID} 0\r\n").as_bytes());
    link
}

fn snapshot_error(bytes: &[u8]) -> Error {
    let mut link = awaiting(Limits::default());
    link.feed(bytes);
    link.failure.expect("an error")
}

#[test]
fn snapshot_headers_of_no_known_form_are_refused() {
    for header in ["$", "$x", "$-1", "$1.5", "+OK", "$EOF:short", "$99999999999999999999", "$+1", "*1"] {
        assert_eq!(
            snapshot_error(format!("{header}\r\n").as_bytes()),
            Error::InvalidSnapshotHeader,
            "{header}"
        );
    }
}

#[test]
fn a_snapshot_must_agree_with_its_wrapping() {
    let whole = snapshot(&[("key", "value")], &[]);
    let announced = whole.len() as u64;
    let longer = [format!("${}\r\n", announced + 3).as_bytes(), &whole, b"abc"].concat();
    assert_eq!(snapshot_error(&longer), Error::SnapshotTooShort { missing: 3 });
    for short in 0..announced {
        let cut = [format!("${short}\r\n").as_bytes(), &whole].concat();
        assert_eq!(snapshot_error(&cut), Error::SnapshotTooLong { announced: short }, "{short}");
    }
    let unmarked = [b"$EOF:".as_slice(), MARK, b"\r\n", &whole, b"*1\r\n"].concat();
    assert_eq!(snapshot_error(&unmarked), Error::EndMarkMissing);
}

#[test]
fn what_is_no_snapshot_is_named() {
    assert!(matches!(snapshot_error(b"$12\r\nHTTP/1.1 400"), Error::Snapshot(rdb::Error::BadMagic)));
    let unknown = wrap(b"REDIS0011\xf0rest", Wrapping::Length);
    assert!(matches!(snapshot_error(&unknown), Error::Snapshot(rdb::Error::UnknownType { .. })));
}

/// A length of 2^63 in the snapshot: refused before a byte of it is awaited.
#[test]
fn a_snapshot_length_of_2_to_63_is_refused_at_once() {
    let bomb = b"REDIS0011\xfe\x00\x00\x01k\x81\x80\x00\x00\x00\x00\x00\x00\x00";
    let wrapped = [b"$EOF:".as_slice(), MARK, b"\r\n", bomb].concat();
    assert!(matches!(snapshot_error(&wrapped), Error::Snapshot(_)));
}

#[test]
fn a_value_beyond_the_buffer_is_refused_before_it_arrives() {
    let limits = Limits { buffer_bytes: 1 << 20, ..Limits::default() };
    let mut link = awaiting(limits);
    // A string of 16 MiB, of which 100 bytes arrive.
    let begin = [b"REDIS0011\xfe\x00\x00\x01k\x80\x01\x00\x00\x00".as_slice(), &[b'v'; 100]].concat();
    link.feed(&[b"$EOF:".as_slice(), MARK, b"\r\n", &begin].concat());
    assert_eq!(link.failure, Some(Error::BufferFull { limit: 1 << 20 }));
}

/// Half a gigabyte of value, of which the link never holds more than a unit and what was read ahead.
#[test]
fn a_value_beyond_a_unit_goes_by_unheld() {
    let limits = Limits::for_units_of(1 << 20);
    let mut link = awaiting(limits);
    let begin = [b"REDIS0011\xfe\x00\x00\x03big\x80\x20\x00\x00\x00".as_slice(), &[b'v'; 100]].concat();
    link.feed(&[b"$EOF:".as_slice(), MARK, b"\r\n", &begin].concat());
    let chunk = vec![b'v'; 1 << 18];
    for _ in 0..(1 << 11) - 1 {
        link.feed(&chunk);
        assert!(link.connection.buffered() <= 2 << 20);
    }
    link.feed(&chunk[100..]);
    link.feed(b"\x00\x05small\x01x\xff\0\0\0\0\0\0\0\0");
    link.feed(MARK);
    assert_eq!(link.failure, None);
    assert!(link.seen.contains(&Seen::Key(0, "small".to_owned())), "{:?}", link.seen);
}

#[test]
fn other_limits_hold_for_what_is_being_received() {
    let mut link = Link::new(Config::default());
    link.synchronize(0);
    link.connection.set_limits(Limits::for_units_of(1 << 16));
    link.feed(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$65537\r\n");
    assert_eq!(link.failure, Some(ProtocolError::BulkTooLong { len: 65537, limit: 1 << 16 }.into()));
}

#[test]
fn a_command_that_never_ends_fills_the_buffer_and_no_more() {
    let limits = Limits { buffer_bytes: 1 << 20, ..Limits::default() };
    let mut link = Link::new(Config { limits, ..Config::default() });
    link.synchronize(0);
    link.feed(b"*1000000\r\n");
    let chunk = b"$0\r\n\r\n".repeat(1000);
    while link.failure.is_none() {
        link.feed(&chunk);
        assert!(link.connection.buffered() <= 1 << 20);
    }
    assert_eq!(link.failure, Some(Error::BufferFull { limit: 1 << 20 }));
}

#[test]
fn errors_are_final() {
    let mut link = Link::new(Config::default());
    link.synchronize(0);
    link.feed(b"*1\r\n$x\r\n");
    let first = link.failure.take();
    link.feed(&command("SET a 1"));
    assert_eq!((link.failure, link.seen.len()), (first, 0));
    assert!(link.connection.poll_transmit().is_none());
}
