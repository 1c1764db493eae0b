//! The command parser beside a naive one.

#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use redis_replica::resp::{CommandParser, Limits, Parsed, ProtocolError, encode_command};

/// One command at the front of `input`, found the slow and obvious way; None if it is incomplete.
fn naive(input: &[u8]) -> Option<(Vec<Vec<u8>>, usize)> {
    let mut at = 0;
    let number = |at: &mut usize| {
        let len = input[*at..].windows(2).position(|pair| pair == b"\r\n")?;
        let digits = std::str::from_utf8(&input[*at + 1..*at + len]).ok()?;
        *at += len + 2;
        digits.parse::<usize>().ok()
    };
    let count = number(&mut at)?;
    let mut args = Vec::new();
    for _ in 0..count {
        let len = number(&mut at)?;
        args.push(input.get(at..at + len)?.to_vec());
        at += len + 2;
        (at <= input.len()).then_some(())?;
    }
    Some((args, at))
}

fn args() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let sizes = prop_oneof![0..12usize, 95..105usize, 995..1005usize, 10_000..10_010usize];
    let arg = sizes.prop_flat_map(|len| prop::collection::vec(any::<u8>(), len));
    prop_oneof![4 => prop::collection::vec(arg, 1..6), 1 => prop::collection::vec(any::<[u8; 2]>().prop_map(Vec::from), 1..120)]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn agrees_with_the_naive_parser(commands in prop::collection::vec(args(), 1..6)) {
        let mut stream = Vec::new();
        for args in &commands {
            encode_command(&args.iter().map(Vec::as_slice).collect::<Vec<_>>(), &mut stream);
        }
        let mut parser = CommandParser::new(Limits::default());
        let mut rest = stream.as_slice();
        for args in &commands {
            let (expected, len) = naive(rest).unwrap();
            prop_assert_eq!(parser.parse(rest), Ok(Parsed::Command(len)));
            let view = parser.view(rest);
            prop_assert_eq!(view.to_vec(), expected);
            prop_assert_eq!(&view.to_vec(), args);
            prop_assert_eq!(view.raw(), &rest[..len]);
            rest = &rest[len..];
        }
        prop_assert!(rest.is_empty());
    }

    #[test]
    fn never_panics_nor_reads_beyond(input in "[*$0-9\r\n \"a-c-]{0,60}") {
        let mut parser = CommandParser::new(Limits::default());
        if let Ok(Parsed::Command(len) | Parsed::Inline(len) | Parsed::Nothing(len)) = parser.parse(input.as_bytes()) {
            prop_assert!(len <= input.len());
        }
    }
}

#[test]
fn says_how_much_it_needs_and_goes_on_there() {
    let mut stream = Vec::new();
    encode_command(&[b"SET", b"key", &[b'v'; 5000]], &mut stream);
    let mut parser = CommandParser::new(Limits::default());
    for end in 0..stream.len() {
        let Parsed::Need(need) = parser.parse(&stream[..end]).unwrap() else { panic!("complete at {end}") };
        assert!(need > end && need <= stream.len(), "at {end} it needs {need}");
    }
    assert_eq!(parser.parse(&stream), Ok(Parsed::Command(stream.len())));
    assert_eq!(parser.view(&stream).get(2).map(<[u8]>::len), Some(5000));
}

/// With the body's header read, nothing is looked at before the whole body is there.
#[test]
fn needs_the_whole_of_a_long_argument_at_once() {
    let mut parser = CommandParser::new(Limits::default());
    let head = b"*2\r\n$3\r\nGET\r\n$100000\r\n";
    assert_eq!(parser.parse(head), Ok(Parsed::Need(head.len() + 100_002)));
}

/// A huge multibulk that arrives byte by byte is not begun anew each time: were it, this would take hours.
#[test]
fn resumes_a_huge_command_in_linear_time() {
    let mut stream = b"*200000\r\n".to_vec();
    (0..200_000).for_each(|_| stream.extend_from_slice(b"$1\r\nx\r\n"));
    let mut parser = CommandParser::new(Limits::default());
    for end in 1..stream.len() {
        assert!(matches!(parser.parse(&stream[..end]), Ok(Parsed::Need(_))));
    }
    assert_eq!(parser.parse(&stream), Ok(Parsed::Command(stream.len())));
    assert_eq!(parser.view(&stream).len(), 200_000);
}

#[test]
fn inline_commands_are_split_at_blanks() {
    let mut parser = CommandParser::new(Limits::default());
    let input = b"  SET  a\t1 \r\nPING\r\n";
    assert_eq!(parser.parse(input), Ok(Parsed::Inline(13)));
    assert_eq!(parser.view(input).to_vec(), [b"SET".to_vec(), b"a".to_vec(), b"1".to_vec()]);
    assert_eq!(parser.parse(&input[13..]), Ok(Parsed::Inline(6)));
    assert_eq!(parser.parse(b"\n"), Ok(Parsed::Nothing(1)));
    assert_eq!(parser.parse(b"\r\n"), Ok(Parsed::Nothing(2)));
    assert_eq!(parser.parse(b"SET \"a b\" 1\r\n"), Err(ProtocolError::QuotedInline));
}

#[test]
fn limits_hold_before_the_bytes_arrive() {
    let limits = Limits { bulk_bytes: 10, elements: 3, total_bytes: 40, line_bytes: 16, depth: 1 };
    let parse = |input: &[u8]| CommandParser::new(limits).parse(input);
    assert_eq!(parse(b"*4\r\n"), Err(ProtocolError::TooManyElements { count: 4, limit: 3 }));
    assert_eq!(parse(b"*1\r\n$11\r\n"), Err(ProtocolError::BulkTooLong { len: 11, limit: 10 }));
    let long = b"*3\r\n$10\r\n0123456789\r\n$10\r\n0123456789\r\n$1\r\n";
    assert_eq!(parse(long), Err(ProtocolError::TooLong { limit: 40 }));
    assert_eq!(parse(b"*1\r\n$0000000000000000000000"), Err(ProtocolError::LineTooLong { limit: 16 }));
}
