//! What a stream puts on the wire, byte by byte.

use redis_mirror_test_support::{Client, Command, Family, Value};

use crate::raw::RawClient;
use crate::{ask, bytes, error, on_each, tell};

#[test]
fn pieces_of_every_kind_are_written_as_they_are() {
    on_each("", |server, _| {
        let (mut two, mut three) = (RawClient::new(server, 2), RawClient::new(server, 3));
        let plain = "*5\r\n$10\r\na C string\r\n$0\r\n\r\n*0\r\n*-1\r\n$3\r\n%n!\r\n";
        assert_eq!(two.ask("HELLO.STREAM pieces %n!"), plain);
        assert_eq!(three.ask("HELLO.STREAM pieces %n!"), plain.replace("*-1", "_"));
        assert_eq!(two.ask("HELLO.REPLY no-list"), "*-1\r\n");
        assert_eq!(three.ask("HELLO.REPLY no-list"), "_\r\n");
        assert_eq!(three.ask("HELLO.REPLY plain"), "=8\r\ntxt:a\r\n\0\r\n");
        // Long strings, which some servers send without a copy, with any bytes.
        let mut client = server.client();
        for len in [1, 100, 20_000, 1 << 20] {
            let argument = b"\0\xff\r\n%s".repeat(len / 6 + 1);
            let reply = tell(&mut client, Command::new("HELLO.STREAM pieces").arg(&argument[..]));
            assert_eq!(reply.as_array().map(|items| items[4].clone()), Some(Value::Bytes(argument)));
        }
        assert_eq!(ask(&mut client, "PING"), bytes("PONG"));
    });
}

#[test]
fn sets_whose_length_is_known_at_their_end() {
    on_each("", |server, _| {
        let (mut two, mut three) = (RawClient::new(server, 2), RawClient::new(server, 3));
        let plain = "*2\r\n*0\r\n*1\r\n$1\r\nx\r\n";
        assert_eq!(two.ask("HELLO.STREAM sets"), plain);
        assert_eq!(three.ask("HELLO.STREAM sets"), plain.replace('*', "~"));
    });
}

#[test]
fn attributes_are_for_resp3_and_a_value_always_follows() {
    const PAIR: &str = "|1\r\n$3\r\nttl\r\n:3600\r\n";
    on_each("", |server, _| {
        let (mut two, mut three) = (RawClient::new(server, 2), RawClient::new(server, 3));
        let mut both = |case: &str, plain: &str, rich: &str| {
            assert_eq!(two.ask(&format!("HELLO.STREAM {case}")), plain, "{case}");
            assert_eq!(three.ask(&format!("HELLO.STREAM {case}")), rich, "{case}");
        };
        both("attributes", ":5\r\n", &format!("{PAIR}:5\r\n"));
        both("attributes-none", ":5\r\n", ":5\r\n");
        let two_pairs =
            "*1\r\n|2\r\n$3\r\nttl\r\n:3600\r\n$21\r\nkey without value\r\n_\r\n:5\r\n".replace("21", "17");
        both("attributes-uncounted", "*1\r\n:5\r\n", &two_pairs);
        both("attributes-last", "*0\r\n", &format!("*1\r\n{PAIR}_\r\n"));
        both("attributes-alone", "$-1\r\n", &format!("{PAIR}_\r\n"));
        both("attributes-twice", "$-1\r\n", &format!("{PAIR}_\r\n"));
        both("attributes-late", ":5\r\n", ":5\r\n");
        both("attributes-panic", "$-1\r\n", "|1\r\n$3\r\nttl\r\n_\r\n_\r\n");
        assert_eq!(two.ask("HELLO.REPLY attributed"), ":7\r\n");
        assert_eq!(three.ask("HELLO.REPLY attributed"), "|1\r\n$7\r\npopular\r\n*1\r\n:1\r\n:7\r\n");
        // A script and a call read them, too.
        let mut client = server.client();
        for protocol in [2, 3] {
            let script = format!("redis.setresp({protocol}) return redis.call('hello.stream', 'attributes')");
            assert_eq!(tell(&mut client, Command::new("EVAL").arg(script).arg(0)), Value::Int(5));
        }
        for flags in ["-", "RESP3"] {
            for case in ["attributes", "attributes-uncounted", "attributes-alone"] {
                let reply = ask(&mut client, &format!("HELLO.CALL {flags} HELLO.STREAM {case}"));
                assert!(reply.error().is_none(), "{case} {reply:?}");
            }
        }
        assert_eq!(ask(&mut client, "PING"), bytes("PONG"));
    });
}

#[test]
fn an_error_is_one_line_whatever_it_says() {
    on_each("", |server, _| {
        let mut raw = RawClient::new(server, 2);
        assert_eq!(raw.ask("HELLO.STREAM error-fmt"), "-BUSYKEY 100% of 7   %s%n\r\n");
        let long = raw.ask("HELLO.STREAM error-long");
        assert!(
            long.len() == 508 + 3 + 3 && long.starts_with("-ERR xxx") && long.ends_with("x...\r\n"),
            "{long}"
        );
        assert_eq!(raw.ask("HELLO.STREAM error-twice"), "-ERR once\r\n");
        assert_eq!(raw.ask("PING"), "+PONG\r\n");
    });
}

fn counted(client: &mut Client, code: &str) -> bool {
    client.text(Command::new("INFO errorstats")).contains(&format!("errorstat_{code}:"))
}

#[test]
fn an_error_is_counted_unless_it_asks_not_to_be() {
    on_each("", |server, installed| {
        let mut client = server.client();
        assert_eq!(ask(&mut client, "HELLO.STREAM error-own"), error("OWN counted"));
        assert!(counted(&mut client, "OWN"));
        let version = &installed.version;
        let has = version.family == Family::Valkey && (version.major, version.minor) >= (9, 1);
        let reply = ask(&mut client, "HELLO.STREAM uncounted");
        // Without the function nothing was written, and the client gets the null of a reply that failed.
        assert_eq!(reply, if has { error("SECRET not  counted %s") } else { Value::Nil });
        assert!(!counted(&mut client, "SECRET"));
        assert_eq!(has, !server.log().contains("ReplyWithCustomErrorFormat: it came with Valkey 9.1"));
    });
}
