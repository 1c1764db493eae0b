//! Calls, their errors, replication, and what the server tells.

use redis_mirror_test_support::{Command, Family, Options, Server, Value, cmd, servers};

use crate::{ask, bytes, error, example, on_each, tell};

#[test]
fn a_call_passes_any_bytes_and_any_number_of_arguments() {
    on_each("", |server, _| {
        let mut client = server.client();
        let value = b"\0%s\r\n\xff";
        client.run(Command::new("HELLO.CALL - SET").arg("k").arg(&value[..]));
        assert_eq!(client.bytes(cmd!("GET", "k")), Some(value.to_vec()));
        for count in [1, 11, 12, 13, 40] {
            ask(&mut client, "DEL list");
            let push = Command::new("HELLO.CALL - RPUSH list").args(0..count);
            assert_eq!(client.int(push), i64::from(count));
            let expected: Vec<String> = (0..count).map(|number| number.to_string()).collect();
            assert_eq!(client.texts(cmd!("LRANGE", "list", 0, -1)), expected);
        }
        // A value that came as a buffer is the server's own: an integer is stored as one.
        ask(&mut client, "HELLO.CALL - SET n 12345");
        assert_eq!(client.text(cmd!("OBJECT", "ENCODING", "n")), "int");
    });
}

#[test]
fn a_call_that_does_not_run_says_why() {
    on_each("", |server, installed| {
        let mut client = server.client();
        let mut call = |line: &str| ask(&mut client, &format!("HELLO.CALL {line}"));
        assert_eq!(call("- NOSUCH"), error("CALL UnknownCommand"));
        assert_eq!(call("- SET k"), error("CALL WrongArity"));
        assert_eq!(call("NO_WRITES SET k v"), error("CALL WriteNotAllowed"));
        assert_eq!(call("SCRIPT_MODE SUBSCRIBE c"), error("CALL NotInScripts"));
        assert_eq!(call("SCRIPT_MODE NOSUCH"), error("CALL UnknownCommand"));
        assert_eq!(call("SCRIPT_MODE SET scripted 1"), bytes("OK"));
        assert!(
            call("SCRIPT_MODE LPUSH scripted 1").error().is_some_and(|text| text.starts_with("WRONGTYPE"))
        );
        assert!(
            call("ERRORS_AS_REPLIES NOSUCH").error().is_some_and(|text| text.contains("unknown command"))
        );
        assert!(call("- LPUSH k v").as_int() == Some(1) && call("- INCR k").error().is_some());
        let is_old = installed.version.to_string().starts_with("Redis 7.0");
        match call("DRY_RUN SET other v") {
            Value::Error(text) => assert!(is_old && text.starts_with("UNSUPPORTED"), "{text}"),
            reply => assert!(!is_old && reply == Value::Nil, "{reply:?}"),
        }
        assert_eq!(ask(&mut client, "EXISTS other"), Value::Int(0));
    });
}

#[test]
fn the_effects_of_one_command_reach_the_replica_as_one_unit() {
    let module = example::module("hello-core");
    for installed in servers() {
        println!("on {installed}");
        let primary = Server::start(installed, Options::new().module(&module, ""));
        let replica = Server::start(installed, Options::new().module(&module, ""));
        replica.replicate(primary.address());
        let mut client = primary.client();
        ask(&mut client, "HELLO.LOOP 20");
        ask(&mut client, "HELLO.REPLICATE SET only-there 1");
        ask(&mut client, "HELLO.VERBATIM counter");
        ask(&mut client, "HELLO.CALL - SET only-here 1");
        let many: Vec<String> = (0..30).map(|number| number.to_string()).collect();
        client.run(Command::new("HELLO.REPLICATE RPUSH there").args(&many));
        assert_eq!(ask(&mut client, "WAIT 1 20000"), Value::Int(1));
        let mut other = replica.client();
        assert_eq!(other.int(cmd!("EXISTS", "key:0000000019", "only-there", "counter", "there")), 4);
        assert_eq!(other.int(cmd!("EXISTS", "only-here")), 0);
        assert_eq!(other.int(cmd!("LLEN", "there")), 30);
        assert_eq!(client.int(cmd!("EXISTS", "only-there", "there")), 0);
        assert_eq!(other.text(cmd!("GET", "counter")), "1");
        assert!(ask(&mut client, "HELLO.REPLICATE NOSUCH").error().is_some());
    }
}

#[test]
fn the_server_is_known_for_what_it_is() {
    on_each("", |server, installed| {
        let mut client = server.client();
        let about = ask(&mut client, "HELLO.ABOUT");
        let field = |name: &str| {
            let pairs = about.pairs().expect("a map");
            pairs.into_iter().find(|(key, _)| **key == bytes(name)).map(|(_, value)| value.clone())
        };
        assert_eq!(field("server"), Some(bytes(&installed.version.to_string())));
        assert_eq!(field("user"), Some(bytes("default")));
        assert_eq!(field("port"), Some(Value::Int(server.port().into())));
        assert_eq!(field("no-such-field"), Some(Value::Nil));
        assert_eq!(field("random"), Some(Value::Int(1)));
        // Commands that a script or a module runs have no user of a connection: no crash, no name.
        let script = Command::new("EVAL").arg("return redis.call('hello.about')").arg(0);
        assert!(tell(&mut client, script).as_array().is_some());
        assert!(ask(&mut client, "HELLO.CALL - HELLO.ABOUT").as_array().is_some());
    });
}

#[test]
fn another_database_is_selected_for_a_while() {
    on_each("", |server, _| {
        let mut client = server.client();
        ask(&mut client, "SELECT 3");
        ask(&mut client, "SET here 1");
        ask(&mut client, "SELECT 5");
        assert_eq!(ask(&mut client, "HELLO.DB 3"), Value::Array(vec![Value::Int(1), Value::Int(5)]));
        assert_eq!(ask(&mut client, "HELLO.DB 77"), error("ERR DB index is out of range"));
        assert_eq!(ask(&mut client, "DBSIZE"), Value::Int(0));
    });
}

#[test]
fn rights_are_asked_without_trusting_the_arity() {
    on_each("", |server, _| {
        let mut client = server.client();
        ask(&mut client, "ACL SETUSER bob on >x ~b:* &* +get +eval");
        let mut may = |line: &str| ask(&mut client, &format!("HELLO.MAY {line}"));
        assert_eq!(may("bob GET b:1"), Value::Int(1));
        assert_eq!(may("bob GET a:1"), Value::Int(0));
        assert_eq!(may("bob SET b:1 v"), Value::Int(0));
        assert!(may("nobody GET k").error().is_some() && may("bob NOSUCH k").error().is_some());
        // Key finders that read arguments which only the arity guarantees.
        for line in ["EVAL", "EVAL x", "ZUNIONSTORE a", "XREAD", "SORT", "MIGRATE", "GEORADIUS a", "LMPOP"] {
            may(&format!("default {line}"));
        }
        assert_eq!(ask(&mut client, "PING"), bytes("PONG"));
        assert_eq!(ask(&mut client, "HELLO.MAYKEY bob b:1"), Value::Int(1));
        assert_eq!(ask(&mut client, "HELLO.MAYKEY bob a:1"), Value::Int(0));
        assert!(ask(&mut client, "HELLO.MAYKEY nobody a:1").error().is_some());
        assert_eq!(ask(&mut client, "HELLO.GUEST get k"), Value::Int(1));
        assert_eq!(ask(&mut client, "HELLO.GUEST set k v"), Value::Int(0));
        assert_eq!(ask(&mut client, "HELLO.FROM"), bytes("127.0.0.1"));
    });
}

#[test]
fn slow_work_is_shown_by_latency() {
    on_each("", |server, _| {
        let mut client = server.client();
        client.run(cmd!("CONFIG", "SET", "latency-monitor-threshold", 100));
        client.run(cmd!("HELLO.SLOW", 99));
        client.run(cmd!("HELLO.SLOW", 250));
        let latest = client.run(cmd!("LATENCY", "LATEST"));
        let event = latest.as_array().and_then(|events| events[0].as_array()).expect("an event");
        assert_eq!((&event[0], &event[2]), (&bytes("hello-slow"), &Value::Int(250)));
        assert_eq!(client.run(cmd!("LATENCY", "HISTORY", "hello-slow")).as_array().map(<[_]>::len), Some(1));
    });
}

#[test]
fn what_the_server_does_not_survive_is_not_called() {
    on_each("", |server, installed| {
        let mut client = server.client();
        for line in ["CLIENT KILL TYPE normal SKIPME no", "client kill id 1", "SYNC", "PSYNC ? -1"] {
            assert_eq!(ask(&mut client, &format!("HELLO.CALL - {line}")), error("CALL NotForModules"));
        }
        let version = &installed.version;
        let is_7_0 = version.family == Family::Redis && (version.major, version.minor) < (7, 2);
        assert_eq!(ask(&mut client, "HELLO.CALL - WAIT 1 0").error().is_some(), is_7_0);
        assert!(ask(&mut client, "HELLO.CALL - CLIENT ID").error().is_none());
    });
}

#[test]
fn a_message_is_published_and_a_secret_is_kept() {
    on_each("", |server, _| {
        let (mut client, mut listener) = (server.client(), server.client());
        listener.run(cmd!("SUBSCRIBE", "news"));
        assert_eq!(ask(&mut client, "HELLO.PUBLISH news today"), Value::Int(1));
        let message = listener.receive().expect("a message");
        assert_eq!(message, Value::Array(vec![bytes("message"), bytes("news"), bytes("today")]));
        ask(&mut client, "CONFIG SET slowlog-log-slower-than 0");
        ask(&mut client, "HELLO.SECRET pass%word");
        let log = client.run(cmd!("SLOWLOG", "GET", 1));
        let entry = log.as_array().and_then(|entries| entries[0].as_array()).expect("an entry");
        assert_eq!(entry[3], Value::Array(vec![bytes("HELLO.SECRET"), bytes("(redacted)")]));
    });
}
