//! The reply decoder: every type, pushes anywhere, bytes in any pieces.

#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use redis_replica::resp::{Decoder, Frame, Limits, ProtocolError, Value};

fn bulk(text: &str) -> Value {
    Value::Bulk(text.as_bytes().to_vec())
}

fn decode_by(bytes: &[u8], step: usize) -> Result<Vec<Frame>, ProtocolError> {
    let mut decoder = Decoder::new(Limits::default());
    let mut frames = Vec::new();
    for chunk in bytes.chunks(step) {
        decoder.receive(chunk);
        while let Some(frame) = decoder.poll_frame()? {
            frames.push(frame);
        }
    }
    assert_eq!(decoder.buffered(), 0, "bytes are left of {}", bytes.escape_ascii());
    Ok(frames)
}

/// Decodes `bytes` in one piece, byte by byte, and in odd pieces: it must be the same.
fn decode(bytes: &[u8]) -> Vec<Frame> {
    let whole = decode_by(bytes, usize::MAX).unwrap();
    for step in [1, 2, 3, 7] {
        assert_eq!(decode_by(bytes, step).unwrap(), whole, "in pieces of {step}");
    }
    whole
}

fn reply(bytes: &[u8]) -> Value {
    match decode(bytes).as_slice() {
        [Frame::Reply(value)] => value.clone(),
        other => panic!("{}: {other:?}", bytes.escape_ascii()),
    }
}

#[test]
fn every_type_is_read() {
    assert_eq!(reply(b"+OK\r\n"), Value::Simple(b"OK".to_vec()));
    assert_eq!(reply(b"-ERR no\r\n"), Value::Error(b"ERR no".to_vec()));
    assert_eq!(reply(b"!6\r\nERR\r\nx\r\n"), Value::Error(b"ERR\r\nx".to_vec()));
    assert_eq!(reply(b":-42\r\n"), Value::Integer(-42));
    assert_eq!(reply(b":+42\r\n"), Value::Integer(42));
    assert_eq!(reply(b"$4\r\na\r\nb\r\n"), bulk("a\r\nb"));
    assert_eq!(reply(b"$0\r\n\r\n"), bulk(""));
    for null in [b"$-1\r\n".as_slice(), b"*-1\r\n", b"_\r\n"] {
        assert_eq!(reply(null), Value::Null);
    }
    assert_eq!(reply(b"#t\r\n"), Value::Boolean(true));
    assert_eq!(reply(b"#f\r\n"), Value::Boolean(false));
    assert_eq!(reply(b",1.5\r\n"), Value::Double(1.5));
    assert_eq!(reply(b",-inf\r\n"), Value::Double(f64::NEG_INFINITY));
    assert_eq!(
        reply(b"(-12345678901234567890123\r\n"),
        Value::BigNumber(b"-12345678901234567890123".to_vec())
    );
    assert_eq!(reply(b"=7\r\ntxt:abc\r\n"), Value::Verbatim { format: *b"txt", text: b"abc".to_vec() });
    assert_eq!(reply(b"*0\r\n"), Value::Array(vec![]));
    assert_eq!(
        reply(b"*3\r\n:1\r\n*1\r\n$1\r\na\r\n$-1\r\n"),
        Value::Array(vec![Value::Integer(1), Value::Array(vec![bulk("a")]), Value::Null])
    );
    assert_eq!(reply(b"~1\r\n:1\r\n"), Value::Set(vec![Value::Integer(1)]));
    assert_eq!(
        reply(b"%2\r\n+a\r\n:1\r\n+b\r\n%0\r\n"),
        Value::Map(vec![
            (Value::Simple(b"a".to_vec()), Value::Integer(1)),
            (Value::Simple(b"b".to_vec()), Value::Map(vec![])),
        ])
    );
}

#[test]
fn a_push_never_answers_a_command() {
    let push = Frame::Push(vec![bulk("invalidate"), Value::Null]);
    let frames = decode(b">2\r\n$10\r\ninvalidate\r\n_\r\n+OK\r\n>2\r\n$10\r\ninvalidate\r\n_\r\n");
    assert_eq!(frames, [push.clone(), Frame::Reply(Value::Simple(b"OK".to_vec())), push]);
}

#[test]
fn a_push_between_the_elements_of_an_exec_array_is_taken_out() {
    let frames = decode(b"*2\r\n:1\r\n>1\r\n+x\r\n:2\r\n+OK\r\n");
    assert_eq!(
        frames,
        [
            Frame::Push(vec![Value::Simple(b"x".to_vec())]),
            Frame::Reply(Value::Array(vec![Value::Integer(1), Value::Integer(2)])),
            Frame::Reply(Value::Simple(b"OK".to_vec())),
        ]
    );
    // Also before the first element, behind the last but one level down, and without elements.
    let frames = decode(b"*1\r\n>0\r\n*2\r\n:1\r\n>1\r\n*1\r\n:9\r\n:2\r\n");
    assert_eq!(
        frames,
        [
            Frame::Push(vec![]),
            Frame::Push(vec![Value::Array(vec![Value::Integer(9)])]),
            Frame::Reply(Value::Array(vec![Value::Array(vec![Value::Integer(1), Value::Integer(2)])])),
        ]
    );
}

#[test]
fn attributes_are_dropped_wherever_they_are() {
    let frames = decode(b"|1\r\n+ttl\r\n:5\r\n*2\r\n|1\r\n+k\r\n+v\r\n:1\r\n:2\r\n");
    assert_eq!(frames, [Frame::Reply(Value::Array(vec![Value::Integer(1), Value::Integer(2)]))]);
}

#[test]
fn a_thousand_pushes_in_odd_pieces_lose_nothing() {
    let mut bytes = Vec::new();
    for index in 0..1000 {
        bytes.extend_from_slice(format!(">2\r\n+n\r\n:{index}\r\n").as_bytes());
        if index % 10 == 0 {
            bytes.extend_from_slice(b":7\r\n");
        }
    }
    let frames = decode(&bytes);
    let pushes: Vec<i64> = frames
        .iter()
        .filter_map(|frame| match frame {
            Frame::Push(items) => items[1].as_integer(),
            Frame::Reply(_) => None,
        })
        .collect();
    assert_eq!(pushes, (0..1000).collect::<Vec<_>>());
    assert_eq!(frames.len(), 1100);
}

#[test]
fn what_is_no_frame_is_named() {
    let cases: [(&[u8], ProtocolError); 14] = [
        (b"?\r\n", ProtocolError::UnknownType),
        (b"\r\n", ProtocolError::UnknownType),
        (b"OK\r\n", ProtocolError::UnknownType),
        (b"+OK\n", ProtocolError::MissingCrlf),
        (b"$3\r\nabcd\r\n", ProtocolError::MissingCrlf),
        (b":1x\r\n", ProtocolError::InvalidNumber),
        (b"$-2\r\n", ProtocolError::NegativeLength),
        (b"*-2\r\n", ProtocolError::NegativeLength),
        (b"%-1\r\n", ProtocolError::NegativeLength),
        (b"$?\r\n", ProtocolError::StreamedValue),
        (b"*?\r\n", ProtocolError::StreamedValue),
        (b"#x\r\n", ProtocolError::InvalidScalar),
        (b",abc\r\n", ProtocolError::InvalidScalar),
        (b"=3\r\nabc\r\n", ProtocolError::InvalidScalar),
    ];
    for (bytes, error) in cases {
        assert_eq!(decode_by(bytes, usize::MAX), Err(error), "{}", bytes.escape_ascii());
    }
}

#[test]
fn a_corrupt_element_of_a_push_fails_the_connection() {
    assert_eq!(decode_by(b">2\r\n+message\r\n:x\r\n", usize::MAX), Err(ProtocolError::InvalidNumber));
}

#[test]
fn a_hundred_thousand_nested_arrays_are_too_deep() {
    assert_eq!(
        decode_by(&b"*1\r\n".repeat(100_000), usize::MAX),
        Err(ProtocolError::TooDeep { limit: Limits::default().depth })
    );
}

#[test]
fn counts_and_lengths_are_refused_before_memory_is_taken() {
    let limits = Limits::default();
    let limit = limits.elements;
    assert_eq!(
        decode_by(b"*2147483647\r\n", 1),
        Err(ProtocolError::TooManyElements { count: 2_147_483_647, limit })
    );
    let count = u64::MAX / 2;
    assert_eq!(
        decode_by(format!("%{count}\r\n").as_bytes(), 1),
        Err(ProtocolError::TooManyElements { count: count * 2, limit })
    );
    let len = 9_000_000_000_000_000_000;
    assert_eq!(
        decode_by(b"$9000000000000000000\r\n", 1),
        Err(ProtocolError::BulkTooLong { len, limit: limits.bulk_bytes })
    );
    let line = vec![b'+'; limits.line_bytes + 2];
    assert_eq!(decode_by(&line, 1000), Err(ProtocolError::LineTooLong { limit: limits.line_bytes }));
}

/// Each single element is within its limit; together they are not.
#[test]
fn a_frame_is_bounded_as_a_whole() {
    let limits = Limits { total_bytes: 1000, elements: 100, ..Limits::default() };
    let mut decoder = Decoder::new(limits);
    decoder
        .receive(&[b"*50\r\n".as_slice(), &b"$30\r\nxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n".repeat(50)].concat());
    assert_eq!(decoder.poll_frame(), Err(ProtocolError::TooLong { limit: 1000 }));
    let mut decoder = Decoder::new(limits);
    decoder.receive(b"*60\r\n*60\r\n");
    assert_eq!(decoder.poll_frame(), Err(ProtocolError::TooManyElements { count: 120, limit: 100 }));
    let mut decoder = Decoder::new(limits);
    for _ in 0..1000 {
        decoder.receive(b"*2\r\n:1\r\n:2\r\n");
        assert!(decoder.poll_frame().unwrap().is_some(), "each frame begins its own count");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_it_panic(bytes in "[*$%~>|!=+:0-9\r\na#tf_,(-]{0,80}") {
        let whole = outcome(bytes.as_bytes(), usize::MAX);
        prop_assert_eq!(outcome(bytes.as_bytes(), 1), whole);
    }
}

/// Frames up to the first error, and that error.
fn outcome(bytes: &[u8], step: usize) -> (Vec<Frame>, Option<ProtocolError>) {
    let mut decoder = Decoder::new(Limits::default());
    let mut frames = Vec::new();
    for chunk in bytes.chunks(step) {
        decoder.receive(chunk);
        loop {
            match decoder.poll_frame() {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(error) => return (frames, Some(error)),
            }
        }
    }
    (frames, None)
}
