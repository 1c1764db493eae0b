//! `examples/calls`.

use redis_mirror_test_support::wait::wait_until;
use redis_mirror_test_support::{Client, Family, Server, Value, cmd};

use crate::harness::{Subject, on_each_server};

pub const SUBJECT: Subject = Subject { packages: &["calls"], drive };

fn drive(server: &Server, client: &mut Client) {
    assert_eq!(client.text("CALLS.TYPE DEBUG PROTOCOL map"), "map of 3");
    assert_eq!(client.text("CALLS.TYPE GET nothing"), "null");
    assert_eq!(client.int("CALLS.PASS HSET h a 1 b 2"), 2);
    assert_eq!(client.int("CALLS.SUM h"), 3);
    assert_eq!(client.refusal("CALLS.PASS NOSUCH"), "ERR the server knows no such command");
    client.run("ACL SETUSER guest on nopass ~* +get");
    assert!(client.refusal("CALLS.AS guest SET key value").starts_with("NOPERM"));
    assert_eq!(client.bytes("CALLS.AS guest GET key"), None);
    client.run("ACL DELUSER guest");
    if !is_since_7_2(server) {
        assert!(client.refusal("CALLS.LATER BLPOP list 0").contains("came with Redis 7.2"));
        return;
    }
    assert_eq!(client.bytes("CALLS.LATER BLPOP list 0"), None);
    client.run("RPUSH list x");
    wait_until("the reply came", || client.texts("CALLS.CAME") == ["BLPOP: list x"]);
}

fn is_since_7_2(server: &Server) -> bool {
    let version = &server.installed().version;
    version.family == Family::Valkey || (version.major, version.minor) >= (7, 2)
}

#[test]
fn every_type_of_reply_is_told_apart() {
    on_each_server(&["calls"], |_, client| {
        let mut kind = |what: &str| client.text(cmd!("CALLS.TYPE", "DEBUG", "PROTOCOL", what));
        assert_eq!(kind("string"), "string Hello World");
        assert_eq!(kind("integer"), "integer 12345");
        assert_eq!(kind("double"), "double 3.141");
        assert_eq!(kind("bignum"), "big number 1234567999999999999999999999999999999");
        assert_eq!(kind("null"), "null");
        assert_eq!(kind("array"), "array of 3");
        assert_eq!(kind("set"), "set of 3");
        assert_eq!(kind("map"), "map of 3");
        assert_eq!(kind("verbatim"), "txt This is a verbatim\nstring");
        assert_eq!((kind("true"), kind("false")), ("boolean true".to_owned(), "boolean false".to_owned()));
        assert_eq!(kind("push"), "something new");
    });
}

#[test]
fn attributes_are_read_although_the_server_hands_out_none() {
    on_each_server(&["calls"], |_, client| {
        let reply = client.run("CALLS.TYPE DEBUG PROTOCOL attrib");
        let reply = reply.as_array().expect("two parts");
        assert_eq!(reply[0].as_text().as_deref(), Some("string Some real reply following the attribute"));
        let pairs = reply[1].pairs().expect("a map");
        assert_eq!(pairs.len(), 1);
        assert_eq!(pairs[0].0.as_text().as_deref(), Some("key-popularity"));
        assert_eq!(*pairs[0].1, Value::Array(vec![Value::Bytes(b"key:123".to_vec()), Value::Int(90)]));
    });
}

/// What the client gets is what it gets from the command itself, in both protocols.
#[test]
fn a_reply_is_passed_on_as_it_came() {
    on_each_server(&["calls"], |_, client| {
        client.run("RPUSH l a b");
        client.run(cmd!("SET", "bytes", &b"\0%s%n\r\n\xff"[..]));
        client.run(cmd!("SET", "big", "x".repeat(1 << 20)));
        client.run("HSET h f v");
        client.run("ZADD z 1.5 m");
        for protocol in ["2", "3"] {
            client.run(cmd!("HELLO", protocol));
            for command in [
                "GET bytes",
                "GET big",
                "GET none",
                "LRANGE l 0 -1",
                "HGETALL h",
                "ZRANGE z 0 -1 WITHSCORES",
                "ZSCORE z m",
                "SMEMBERS none",
                "LPUSH h x",
                "COMMAND INFO get",
                "DEBUG PROTOCOL verbatim",
                "DEBUG PROTOCOL set",
                "DEBUG PROTOCOL bignum",
                "DEBUG PROTOCOL true",
                "EXISTS l",
                "PING",
            ] {
                client.send(&command.into()).expect("sent");
                let direct = client.receive().expect("a reply");
                client.send(&format!("CALLS.PASS {command}").into()).expect("sent");
                assert_eq!(client.receive().expect("a reply"), direct, "{command} in RESP{protocol}");
            }
        }
    });
}

#[test]
fn a_reply_that_is_something_else_says_so() {
    on_each_server(&["calls"], |_, client| {
        client.run("HSET h a 1 b x");
        assert!(client.refusal("CALLS.SUM h").contains("a reply is a string, and not a whole number"));
        client.run("SET s 1");
        assert!(client.refusal("CALLS.SUM s").starts_with("WRONGTYPE"));
        client.run(cmd!("HSET", "h", "b", i64::MAX));
        assert!(client.refusal("CALLS.SUM h").contains("out of range"));
        assert_eq!(client.int("CALLS.SUM none"), 0);
    });
}

#[test]
fn a_command_that_waits_is_taken_back_or_answered_once() {
    on_each_server(&["calls"], |server, client| {
        if !is_since_7_2(server) {
            return;
        }
        for list in ["one", "two", "three"] {
            assert_eq!(client.bytes(cmd!("CALLS.LATER", "BLPOP", list, 0)), None);
        }
        client.run("RPUSH two x");
        wait_until("the reply came", || client.texts("CALLS.CAME") == ["BLPOP: two x"]);
        assert_eq!(client.int("CALLS.CANCEL"), 2);
        assert_eq!(client.int("CALLS.CANCEL"), 0);
        // They are taken back in a timer, which runs before a later client's command does.
        wait_until("nobody pops", || {
            client.run("RPUSH one y");
            client.int("LLEN one") == 1 || client.int("LLEN one") > 1
        });
        assert_eq!(client.bytes("CALLS.LATER BLPOP none 0.01"), None);
        wait_until("its time is over", || client.texts("CALLS.CAME") == ["BLPOP: nothing came"]);
        // What need not wait answers at once.
        client.run("RPUSH four a");
        assert_eq!(client.texts("CALLS.LATER BLPOP four 0"), ["four", "a"]);
        assert_eq!(client.text("CALLS.LATER PING"), "PONG");
        assert!(client.refusal("CALLS.LATER SUBSCRIBE c").contains("does not survive"));
    });
}
