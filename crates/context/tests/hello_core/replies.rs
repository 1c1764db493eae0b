//! Replies of every kind in both protocols, streams whose counts are right, panics.

use redis_mirror_test_support::{Client, Command, Server, Value};

use crate::{ask, bytes, error, on_each, tell};

fn resp3(server: &Server) -> Client {
    let mut client = server.client();
    client.run(Command::new("HELLO 3"));
    client
}

#[test]
fn each_kind_has_its_resp2_shape() {
    on_each("", |server, _| {
        let mut client = server.client();
        let mut reply = |kind: &str| ask(&mut client, &format!("HELLO.REPLY {kind}"));
        assert_eq!(reply("null"), Value::Nil);
        assert_eq!(reply("int"), Value::Int(-7));
        assert_eq!(reply("double"), bytes("1.5"));
        assert_eq!(reply("bool"), Value::Int(1));
        assert_eq!(reply("bulk"), Value::Bytes(b"a\0b\r\n\xff".to_vec()));
        assert_eq!(reply("simple"), bytes("two  lines"));
        assert_eq!(reply("error"), error("BUSYKEY not  now %s%n"));
        assert_eq!(reply("array"), Value::Array(vec![Value::Int(1), Value::Array(vec![]), bytes("OK")]));
        assert_eq!(reply("map"), Value::Array(vec![bytes("a"), Value::Int(1), bytes("b"), Value::Int(0)]));
        assert_eq!(reply("set"), Value::Array(vec![Value::Int(1), Value::Int(2)]));
        assert_eq!(reply("verbatim"), bytes("*hi*"));
        assert_eq!(reply("plain"), Value::Bytes(b"a\r\n\0".to_vec()));
        assert_eq!(reply("no-list"), Value::Nil);
        assert_eq!(reply("attributed"), Value::Int(7));
        assert_eq!(reply("big"), bytes("-123456789012345678901234567890"));
        assert_eq!(reply("fail"), error("OWN the module's own error"));
        assert_eq!(reply("unheard-of"), error("ERR syntax error"));
        // A reply that can't be written is a null, not a silence that hangs the client.
        assert_eq!(reply("notbig"), Value::Nil);
        assert_eq!(ask(&mut client, "PING"), bytes("PONG"));
    });
}

#[test]
fn each_kind_has_its_resp3_type() {
    on_each("", |server, _| {
        let mut client = resp3(server);
        let mut reply = |kind: &str| ask(&mut client, &format!("HELLO.REPLY {kind}"));
        assert_eq!(reply("null"), Value::Nil);
        assert_eq!(reply("double"), Value::Double(1.5));
        assert_eq!(reply("bool"), Value::Bool(true));
        let pairs = vec![(bytes("a"), Value::Int(1)), (bytes("b"), Value::Bool(false))];
        assert_eq!(reply("map"), Value::Map(pairs));
        assert_eq!(reply("set"), Value::Array(vec![Value::Int(1), Value::Int(2)]));
        assert_eq!(reply("verbatim").as_bytes().map(|text| text.ends_with(b"*hi*")), Some(true));
        assert_eq!(reply("big"), bytes("-123456789012345678901234567890"));
        assert_eq!(ask(&mut client, "PING"), bytes("PONG"));
    });
}

#[test]
fn a_stream_keeps_its_counts_whatever_its_body_does() {
    on_each("", |server, _| {
        let (mut two, mut three) = (server.client(), resp3(server));
        let list = Value::Array((0..3).map(Value::Int).collect());
        let set = Value::Array(vec![bytes("x")]);
        let flat = vec![bytes("list"), list.clone(), bytes("set"), set.clone()];
        assert_eq!(ask(&mut two, "HELLO.STREAM map"), Value::Array(flat));
        let pairs = vec![(bytes("list"), list), (bytes("set"), set)];
        assert_eq!(ask(&mut three, "HELLO.STREAM map"), Value::Map(pairs));
        let odd = vec![(bytes("key without value"), Value::Nil)];
        assert_eq!(ask(&mut three, "HELLO.STREAM odd"), Value::Map(odd));
        let padded = Value::Array(vec![Value::Int(1), Value::Nil, Value::Nil]);
        for client in [&mut two, &mut three] {
            assert_eq!(ask(client, "HELLO.STREAM short"), padded);
            assert_eq!(ask(client, "HELLO.STREAM long"), Value::Array(vec![Value::Int(1)]));
            assert_eq!(ask(client, "HELLO.STREAM panic"), padded);
            assert_eq!(ask(client, "HELLO.STREAM twice"), Value::Nil);
            assert_eq!(ask(client, "PING"), bytes("PONG"));
        }
    });
}

#[test]
fn a_panic_is_an_error_reply_and_a_line_in_the_log() {
    on_each("", |server, _| {
        let mut client = server.client();
        let reply = ask(&mut client, "HELLO.PANIC");
        assert_eq!(reply, error("ERR internal error: the command failed, see the server's log"));
        assert_eq!(ask(&mut client, "PING"), bytes("PONG"));
        assert!(server.log().contains("100% %ns"), "{}", server.log_tail());
        // In a transaction and in a script too.
        ask(&mut client, "MULTI");
        ask(&mut client, "HELLO.PANIC");
        let replies = ask(&mut client, "EXEC");
        assert_eq!(replies.as_array().map(<[Value]>::len), Some(1));
        let script = Command::new("EVAL").arg("return redis.pcall('hello.panic')").arg(0);
        assert!(tell(&mut client, script).error().is_some());
    });
}

#[test]
fn handlers_that_return_an_error_leave_the_counter_alone() {
    on_each("", |server, _| {
        let mut client = server.client();
        assert_eq!(ask(&mut client, "HELLO.COUNT up"), Value::Int(1));
        assert_eq!(
            ask(&mut client, "HELLO.COUNT up 01"),
            error("ERR value is not an integer or out of range")
        );
        assert_eq!(ask(&mut client, "HELLO.COUNT up -3"), Value::Int(-2));
        assert_eq!(ask(&mut client, "HELLO.COUNT args a b"), Value::Array(vec![bytes("a"), bytes("b")]));
    });
}
