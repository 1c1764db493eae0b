//! Replicating while writes are paused, and what arguments and replies are made of.

use redis_mirror_test_support::{Server, Value, cmd, servers};

use crate::{on_each_server, options};

#[test]
fn a_command_that_does_not_say_that_it_writes_is_refused_while_writes_are_paused() {
    const COMMANDS: [&str; 5] = [
        "HW.SAYS SET k v",
        "HW.SAYS-STRINGS SET k v",
        "HW.CALLS REPLICATE SET k v",
        "HW.CALLS-STRINGS REPLICATE SET k v",
        "HW.VERBATIM",
    ];
    for installed in servers() {
        println!("on {installed}");
        // With an AOF, replicating while paused would end the server.
        let mut server = Server::start(installed, options().durable());
        let replica = Server::start(installed, options());
        replica.replicate(server.address());
        let mut client = server.client();
        client.run("CLIENT PAUSE 100000 WRITE");
        for command in COMMANDS {
            let refusal = client.refusal(command);
            assert!(refusal.contains("writes are paused") || refusal.contains("WritesPaused"), "{refusal}");
        }
        // Without replication there is nothing to refuse.
        client.run("HW.CALLS - GET k");
        // A transaction that begins a pause is refused as well, as long as it lasts.
        client.run("CLIENT UNPAUSE");
        for command in ["MULTI", "CLIENT PAUSE 100000 WRITE", "HW.SAYS SET k v"] {
            client.run(command);
        }
        let replies = client.run("EXEC");
        assert!(replies.as_array().is_some_and(|replies| replies[1].error().is_some()), "{replies}");
        client.run("CLIENT UNPAUSE");
        for command in COMMANDS {
            client.run(command);
        }
        assert!(server.is_running(), "{installed} has ended");
    }
}

#[test]
fn a_module_does_not_pause_the_server_beneath_its_own_writes() {
    on_each_server(|_, client| {
        for command in ["CLIENT PAUSE 1000", "client pause 1 write", "FAILOVER", "failover abort"] {
            assert_eq!(client.refusal(format!("HW.PAUSES - {command}")), "CALL NotForModules");
        }
        client.run("HW.PAUSES REPLICATE SET k v");
    });
}

#[test]
fn strings_of_the_server_are_passed_without_a_copy_and_any_bytes_arrive() {
    on_each_server(|_, client| {
        let big = vec![b'z'; 1 << 20];
        for value in [&b""[..], b"\0%s%n\r\n\xff", &big] {
            client.run(cmd!("HW.CALLS-STRINGS", "REPLICATE", "SET", "k", value));
            assert_eq!(client.bytes("GET k"), Some(value.to_vec()));
            let reply = client.run(cmd!("HW.CALLS-STRINGS", "-", "ECHO", value));
            let parts = reply.as_array().expect("reply and wire");
            assert_eq!(parts[0], Value::Bytes(value.to_vec()));
            let wire = [format!("${}\r\n", value.len()).as_bytes(), value, b"\r\n"].concat();
            assert_eq!(parts[1], Value::Bytes(wire));
        }
        for count in [0, 1, 12, 13, 1000] {
            client.run("DEL l");
            let push = redis_mirror_test_support::Command::new("HW.CALLS-STRINGS - RPUSH l").args(0..count);
            if count == 0 {
                assert_eq!(client.refusal(push), "CALL WrongArity");
            } else {
                client.run(push);
                assert_eq!(client.int("LLEN l"), i64::from(count));
            }
        }
        // Flags that not every server copes with.
        assert_eq!(client.refusal("HW.CALLS-STRINGS SCRIPT_MODE SUBSCRIBE c"), "CALL NotInScripts");
        assert_eq!(client.refusal("HW.CALLS-STRINGS NO_WRITES SET k v"), "CALL WriteNotAllowed");
        assert_eq!(client.refusal("HW.CALLS-STRINGS - NOSUCH"), "CALL UnknownCommand");
        // A command that writes several replies, of which a reply is the first.
        let reply = client.run("HW.CALLS RESP3 DEBUG PROTOCOL push");
        assert_eq!(reply.as_array().expect("two")[1], Value::Bytes(Vec::new()));
    });
}

#[test]
fn replies_convert_into_types() {
    on_each_server(|_, client| {
        client.run("SADD s x");
        client.run("HSET h a 1.5");
        client.run("SET n -12");
        client.run(cmd!("SET", "b", &b"\0\xff"[..]));
        let mut convert = |kind: &str, protocol: &str, command: &str| {
            client.send(&format!("HW.CONVERT {kind} {protocol} {command}").into()).expect("sent");
            let reply = client.receive().expect("a reply");
            reply.as_text().unwrap_or_else(|| reply.to_string())
        };
        for protocol in ["RESP2", "RESP3"] {
            assert_eq!(convert("i64", protocol, "GET n"), "-12");
            assert_eq!(convert("i64", protocol, "EXISTS n"), "1");
            assert_eq!(convert("u64", protocol, "EXISTS n"), "1");
            assert_eq!(convert("f64", protocol, "GET n"), "-12.0");
            assert_eq!(convert("bool", protocol, "EXISTS n"), "true");
            assert_eq!(convert("bytes", protocol, "GET b"), "[0, 255]");
            assert_eq!(convert("string", protocol, "GET b"), "\"\\x00\\xff\"");
            assert_eq!(convert("string", protocol, "STRLEN b"), "\"2\"");
            assert_eq!(convert("text", protocol, "PING"), "\"PONG\"");
            assert_eq!(convert("owned", protocol, "PING"), "\"PONG\"");
            assert_eq!(convert("option", protocol, "GET none"), "None");
            assert_eq!(convert("option", protocol, "GET n"), "Some([45, 49, 50])");
            assert_eq!(convert("list", protocol, "SMEMBERS s"), "[\"x\"]");
            assert_eq!(convert("set", protocol, "SMEMBERS s"), "{\"x\"}");
            assert_eq!(convert("map", protocol, "HGETALL h"), "{\"a\": 1.5}");
            assert_eq!(convert("unit", protocol, "PING"), "()");
            assert_eq!(convert("reply", protocol, "STRLEN b"), "Int(2)");
            // What it is not, and an error as it is.
            assert_eq!(
                convert("u64", protocol, "GET n"),
                "error ERR a reply is a string, and not a whole number that is not negative"
            );
            assert_eq!(convert("text", protocol, "GET b"), "error ERR a reply is a string, and not UTF-8");
            assert_eq!(
                convert("i64", protocol, "GET none"),
                "error ERR a reply is null, and not a whole number of 64 bits"
            );
            assert_eq!(
                convert("string", protocol, "SMEMBERS s").split(',').next_back(),
                Some(" and not a string")
            );
            assert_eq!(
                convert("lists", protocol, "SMEMBERS s").split(',').next_back(),
                Some(" and not a pair")
            );
            for kind in ["i64", "bytes", "string", "option", "list", "set", "map", "unit", "reply", "bool"] {
                let error = convert(kind, protocol, "LPUSH n x");
                assert!(error.starts_with("error WRONGTYPE"), "{kind}: {error}");
            }
        }
        assert_eq!(convert("f64", "RESP3", "DEBUG PROTOCOL double"), "3.141");
        assert_eq!(convert("bool", "RESP3", "DEBUG PROTOCOL true"), "true");
        assert_eq!(convert("text", "RESP3", "DEBUG PROTOCOL verbatim"), "\"This is a verbatim\\nstring\"");
        assert!(
            convert("i64", "RESP3", "DEBUG PROTOCOL bignum").starts_with("error ERR a reply is a big number")
        );
    });
}
