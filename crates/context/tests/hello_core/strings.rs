//! Strings: conversions, order, references, growing.

use redis_mirror_test_support::{Client, Command, Value};

use crate::{ask, bytes, error, on_each, tell};

const NO_INTEGER: &str = "value is not an integer or out of range";
const NO_FLOAT: &str = "value is not a valid float";

fn number(client: &mut Client, text: &[u8]) -> Vec<Value> {
    tell(client, Command::new("HELLO.NUMBER").arg(text)).as_array().expect("three values").to_vec()
}

#[test]
fn numbers_are_read_and_written_as_the_server_does() {
    on_each("", |server, _| {
        let mut client = server.client();
        for text in ["0", "1", "9223372036854775807", "10"] {
            assert_eq!(number(&mut client, text.as_bytes())[..2], [bytes(text), bytes(text)]);
        }
        for text in ["-1", "-9223372036854775808"] {
            assert_eq!(number(&mut client, text.as_bytes())[..2], [bytes(text), bytes(NO_INTEGER)]);
        }
        for text in ["9223372036854775808", "18446744073709551615"] {
            assert_eq!(number(&mut client, text.as_bytes())[..2], [bytes(NO_INTEGER), bytes(text)]);
        }
        // Beyond i64 a server's own conversion takes most of these.
        let odd: [&[u8]; 14] = [
            b"",
            b" ",
            b"+5",
            b" 5",
            b"5 ",
            b"05",
            b"-0",
            b"18446744073709551616",
            b" -5",
            b"\t18446744073709551615",
            b"18446744073709551615\0",
            b"5\0",
            b"\xff",
            b"%s%n",
        ];
        for text in odd {
            assert_eq!(number(&mut client, text)[..2], [bytes(NO_INTEGER), bytes(NO_INTEGER)], "{text:?}");
        }
        for (text, shown) in [("1.5", "1.5"), ("-2", "-2"), ("1e3", "1000"), ("inf", "inf"), ("-inf", "-inf")]
        {
            assert_eq!(number(&mut client, text.as_bytes())[2], bytes(shown));
        }
        for text in [&b""[..], b"nan", b"1.5x", b" 1.5", b"1.5\0", b"\xff", b"1.5\r\n", b"1e999"] {
            assert_eq!(number(&mut client, text)[2], bytes(NO_FLOAT), "{text:?}");
        }
        // As the server's own command has it, both ways.
        for text in ["3.0", "0.1", "1e100", "5.0e-3", "12345678901234567890"] {
            ask(&mut client, "DEL z");
            client.run(Command::new("ZADD z").arg(text).arg("m"));
            assert_eq!(number(&mut client, text.as_bytes())[2], ask(&mut client, "ZSCORE z m"), "{text}");
        }
        let huge = vec![b'1'; 1 << 20];
        assert_eq!(number(&mut client, &huge), [NO_INTEGER, NO_INTEGER, NO_FLOAT].map(bytes));
    });
}

#[test]
fn strings_are_ordered_by_bytes_and_then_by_length() {
    on_each("", |server, _| {
        let mut client = server.client();
        let texts: [&[u8]; 8] = [b"", b"\0", b"\0\0", b"a", b"a\0", b"ab", b"b", b"\xff"];
        for (i, one) in texts.iter().enumerate() {
            for (j, other) in texts.iter().enumerate() {
                let compare = Command::new("HELLO.COMPARE").arg(*one).arg(*other);
                assert_eq!(client.int(compare), i.cmp(&j) as i64);
            }
        }
        let sort = Command::new("HELLO.SORT").args(texts.iter().rev().copied());
        let sorted: Vec<Value> = texts.iter().map(|text| Value::Bytes(text.to_vec())).collect();
        assert_eq!(tell(&mut client, sort), Value::Array(sorted));
        assert_eq!(ask(&mut client, "HELLO.COMPARE a"), error("ERR wrong number of arguments"));
    });
}

#[test]
fn a_string_grows_by_any_bytes_and_has_a_limit() {
    on_each("", |server, _| {
        let mut client = server.client();
        let join = Command::new("HELLO.JOIN").arg(&b"a\0"[..]).arg("%s%n").arg(&b"\xff\r\n"[..]);
        assert_eq!(client.bytes(join), Some(b"a\0%s%n(4)\xff\r\n(3)".to_vec()));
        assert_eq!(client.bytes(Command::new("HELLO.JOIN")), Some(Vec::new()));
        let long = vec![b'x'; 1 << 20];
        let joined = client.bytes(Command::new("HELLO.JOIN").args([&long[..], &long])).expect("bytes");
        assert!(joined.len() == (2 << 20) + 9 && joined.ends_with(b"x(1048576)"));
        let refused = bytes("a string is not valid: it is longer than 512 MB");
        assert_eq!(ask(&mut client, "HELLO.OVERFLOW"), Value::Array(vec![refused, bytes("xy")]));
    });
}

#[test]
fn what_is_kept_outlives_the_command_that_brought_it() {
    on_each("", |server, _| {
        let mut client = server.client();
        let long = vec![b'y'; 200_000];
        let keep = Command::new("HELLO.KEEP").arg("short").arg(&b"\0%s\xff"[..]).arg(&long[..]);
        // Also from a script, whose arguments the server uses again, and from a transaction.
        assert_eq!(client.int(keep.clone()), 3);
        let script = Command::new("EVAL")
            .arg("for i = 1, 20 do redis.call('hello.keep', 'n' .. i) end return redis.call('hello.keep', 'last')")
            .arg(0);
        assert_eq!(client.int(script), 24);
        for line in ["MULTI", "HELLO.KEEP queued", "EXEC"] {
            ask(&mut client, line);
        }
        for round in 0..50 {
            client.run(Command::new("SET k").arg(format!("{round}").repeat(1000)));
        }
        let kept = ask(&mut client, "HELLO.KEPT");
        let kept = kept.as_array().expect("a list");
        assert_eq!((&kept[0], &kept[1]), (&bytes("short"), &Value::Bytes(b"\0%s\xff".to_vec())));
        assert_eq!((&kept[2], &kept[3]), (&Value::Bytes(long), &bytes("n1")));
        assert_eq!((kept.len(), &kept[22], &kept[24]), (25, &bytes("n20"), &bytes("queued")));
        assert_eq!(ask(&mut client, "HELLO.KEPT"), Value::Array(vec![]));
    });
}
