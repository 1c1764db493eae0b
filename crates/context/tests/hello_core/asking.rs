//! What the server knows of itself, of commands and of the module.

use redis_mirror_test_support::wait::wait_until;
use redis_mirror_test_support::{Client, Command, Family, Installed, Value, cmd};

use crate::raw::RawClient;
use crate::{ask, bytes, error, on_each, tell};

fn is_7_0(installed: &Installed) -> bool {
    let version = &installed.version;
    version.family == Family::Redis && (version.major, version.minor) < (7, 2)
}

fn unsupported(function: &str, since: &str) -> String {
    format!("this server has no RedisModule_{function}: it came with {since}")
}

#[test]
fn flags_and_versions_are_those_of_the_server() {
    on_each("", |server, installed| {
        let mut client = server.client();
        let reply = ask(&mut client, "HELLO.SUPPORTED");
        let fields = reply.as_array().expect("a list");
        let options = if is_7_0(installed) {
            bytes(&unsupported("GetModuleOptionsAll", "Redis 7.2 and Valkey 7.2"))
        } else {
            Value::Int(1)
        };
        let startup = Value::Int(i64::from(!is_7_0(installed)));
        let version = &installed.version;
        let number = format!("{}.{}.{}", version.major, version.minor, version.patch);
        assert_eq!(fields, [Value::Int(1), startup, options, bytes(&number)]);
        // The last one is named by every header and is nowhere.
        for (name, known) in [
            ("RedisModule_Call", 1),
            ("RedisModule_NoSuch", 0),
            ("", 0),
            ("%s%n\\xff", 0),
            ("RedisModule_ReplySetPushLength", 0),
        ] {
            assert_eq!(client.int(Command::new("HELLO.HAS").arg(name)), known, "{name}");
        }
        let valkey = i64::from(version.family == Family::Valkey);
        assert_eq!(client.int(cmd!("HELLO.HAS", "ValkeyModule_Call")), valkey);
    });
}

#[test]
fn clocks_agree_and_the_monotonic_one_never_goes_back() {
    on_each("", |server, installed| {
        let mut client = server.client();
        let time = client.texts(cmd!("TIME"));
        let micros = |text: &str| text.parse::<i64>().expect("a number");
        let before = micros(&time[0]) * 1_000_000 + micros(&time[1]);
        let reply = ask(&mut client, "HELLO.CLOCKS");
        let clocks = reply.as_array().expect("a list");
        let now = clocks[0].as_int().expect("a time");
        assert!(now + 1000 > before && now % 1000 == 0, "{now} {before}");
        if is_7_0(installed) {
            let since = "Redis 7.2 and Valkey 7.2";
            assert_eq!(clocks[1], bytes(&unsupported("Microseconds", since)));
            assert_eq!(clocks[2], bytes(&unsupported("CachedMicroseconds", since)));
        } else {
            let (precise, cached) = (clocks[1].as_int(), clocks[2].as_int());
            assert!(precise >= Some(before) && cached <= precise && cached > Some(before - 60_000_000));
        }
        assert!(clocks[3].as_int() > Some(0) && clocks[3].as_int() <= clocks[4].as_int());
    });
}

#[test]
fn a_command_knows_its_name_and_what_is_missing() {
    on_each("", |server, _| {
        let mut client = server.client();
        assert_eq!(ask(&mut client, "Hello.Name"), bytes("hello.name"));
        assert_eq!(ask(&mut client, "HELLO.GROUP name"), bytes("hello.group|name"));
        assert_eq!(ask(&mut client, "HELLO.CALL - HELLO.GROUP NAME"), bytes("hello.group|name"));
        let script = Command::new("EVAL").arg("return redis.call('hello.name')").arg(0);
        assert_eq!(tell(&mut client, script), bytes("hello.name"));
        assert_eq!(
            ask(&mut client, "HELLO.ARITY"),
            error("ERR wrong number of arguments for 'hello.arity' command")
        );
        let refusal = error("ERR wrong number of arguments for 'hello.group|arity' command");
        assert_eq!(ask(&mut client, "HELLO.GROUP arity"), refusal);
        // One reply, no more.
        assert_eq!(
            RawClient::new(server, 2).ask("HELLO.ARITY"),
            "-ERR wrong number of arguments for 'hello.arity' command\r\n"
        );
    });
}

/// Positions and uses, as `1 RW ACCESS UPDATE`.
fn keys_of(client: &mut Client, command: Command) -> Vec<String> {
    let reply = tell(client, command);
    let keys = reply.as_array().unwrap_or_else(|| panic!("{reply:?}"));
    let shown = |key: &Value| {
        let pair = key.as_array().expect("a pair");
        format!("{} {}", pair[0].as_int().expect("a position"), pair[1].as_text().expect("uses"))
    };
    keys.iter().map(shown).collect()
}

#[test]
fn the_keys_of_any_command_are_found() {
    on_each("", |server, _| {
        let mut client = server.client();
        let mut keys = |line: &str| keys_of(&mut client, Command::new(&format!("HELLO.KEYSOF {line}")));
        assert_eq!(keys("SET k v"), ["1 OW UPDATE"]);
        assert_eq!(keys("SET k v GET"), ["1 RW ACCESS UPDATE"]);
        assert_eq!(keys("HELLO.FULLKEY a b c"), ["3 RW ACCESS UPDATE"]);
        // Of commands whose keys are always at the same places the server tells the places alone.
        assert_eq!(keys("MSET a 1 b 2"), ["1 ", "3 "]);
        assert_eq!(keys("get k"), ["1 "]);
        assert_eq!(keys("XGROUP CREATE s g $"), ["2 "]);
        assert_eq!(keys("HELLO.VERBATIM a"), ["1 "]);
        assert_eq!(keys("PING"), [""; 0]);
        let positions = |keys: Vec<String>| -> Vec<String> {
            keys.iter().map(|key| key.split(' ').next().unwrap_or_default().to_owned()).collect()
        };
        assert_eq!(positions(keys("EVAL x 2 a b c")), ["3", "4"]);
        assert_eq!(positions(keys("ZUNIONSTORE d 2 a b WEIGHTS 1 2")), ["3", "4", "1"]);
        assert_eq!(positions(keys("SORT a STORE d")), ["1", "3"]);
        let mut failed = |line: &str| ask(&mut client, &format!("HELLO.KEYSOF {line}"));
        assert_eq!(failed(""), error("KEYS UnknownCommand"));
        assert_eq!(failed("NOSUCH k"), error("KEYS UnknownCommand"));
        assert_eq!(failed("GET"), error("KEYS WrongArity"));
        assert_eq!(failed("GET a b"), error("KEYS WrongArity"));
        let odd = Command::new("HELLO.KEYSOF GET").arg(&b"\0%s\r\n\xff"[..]);
        assert_eq!(keys_of(&mut client, odd), ["1 "]);
        let many = Command::new("HELLO.KEYSOF DEL").args(0..2000);
        assert_eq!(keys_of(&mut client, many).len(), 2000);
    });
}

/// Each command there is, with arguments that make little sense: the server decides, and lives.
#[test]
fn odd_arguments_of_every_command_have_the_keys_that_command_getkeys_finds() {
    on_each("", |server, _| {
        let mut client = server.client();
        let mut compared = 0;
        for name in client.texts(cmd!("COMMAND", "LIST")) {
            for tail in
                ["", "1", "2 a b", "x 2 a b", "-1 -1 -1 -1", "KEYS STREAMS KEYS 1 STORE", "9 9 9 9 9 9 9 9"]
            {
                let words = format!("{} {tail}", name.replace('|', " "));
                let ours = ask(&mut client, &format!("HELLO.KEYSOF {words}"));
                let theirs = ask(&mut client, &format!("COMMAND GETKEYS {words}"));
                // COMMAND GETKEYS goes by the key specs first: either may find fault with what the other takes.
                let (Value::Array(theirs), Value::Array(named)) = (theirs, &ours) else { continue };
                if named.is_empty() {
                    continue;
                }
                let arguments: Vec<&str> = words.split_whitespace().collect();
                let mut named: Vec<String> = named
                    .iter()
                    .map(|key| key.as_array().and_then(|key| key[0].as_int()).expect("a position"))
                    .map(|place| arguments[place as usize].to_owned())
                    .collect();
                let mut theirs: Vec<String> = theirs.iter().filter_map(Value::as_text).collect();
                named.sort();
                theirs.sort();
                assert_eq!(named, theirs, "{words}");
                compared += 1;
            }
        }
        assert!(compared > 300, "{compared}");
        assert_eq!(ask(&mut client, "PING"), bytes("PONG"));
    });
}

#[test]
fn channels_are_told_to_the_rights_of_users() {
    on_each("", |server, _| {
        let mut client = server.client();
        ask(&mut client, "ACL SETUSER bob on >x ~* +@all resetchannels &news:*");
        assert_eq!(ask(&mut client, "AUTH bob x"), bytes("OK"));
        assert_eq!(ask(&mut client, "HELLO.TELL news:1"), bytes("hello.tell"));
        assert_eq!(ask(&mut client, "HELLO.TELL news:*"), bytes("hello.tell"));
        for channel in ["other", "*", "%s%n", "new"] {
            let refused = tell(&mut client, Command::new("HELLO.TELL").arg(channel));
            assert!(refused.error().is_some_and(|text| text.starts_with("NOPERM")), "{refused:?}");
        }
        // A panic names no channel, and is logged.
        assert_eq!(ask(&mut client, "HELLO.TELL panic"), bytes("hello.tell"));
        assert!(server.log().contains("asked to, for channels"));
        assert_eq!(ask(&mut client, "HELLO.TELL"), bytes("hello.tell"));
    });
}

#[test]
fn the_modules_arguments_are_rewritten_and_cannot_forge_a_line() {
    on_each("", |server, installed| {
        let mut client = server.client();
        let reply = ask(&mut client, "HELLO.REARG REFUSE never");
        let version = &installed.version;
        let has = version.family == Family::Valkey && (version.major, version.minor) >= (8, 1);
        if !has {
            assert_eq!(reply, error(&format!("ERR {}", unsupported("UpdateRuntimeArgs", "Valkey 8.1"))));
            return;
        }
        assert_eq!(reply, bytes("OK"));
        let list = format!("{}", ask(&mut client, "MODULE LIST"));
        assert!(list.contains("REFUSE") && list.contains("never"), "{list}");
        for argument in [&b"a\nrequirepass x"[..], b"", b"a b", b"\"", b"\0"] {
            let reply = tell(&mut client, Command::new("HELLO.REARG").arg(argument));
            assert!(reply.error().is_some_and(|text| text.contains("is not valid")), "{reply:?}");
        }
        let many = Command::new("HELLO.REARG").args(0..1024);
        assert_eq!(tell(&mut client, many), bytes("OK"));
        assert!(tell(&mut client, Command::new("HELLO.REARG").args(0..1025)).error().is_some());
        let odd = Command::new("HELLO.REARG").arg(&b"%s%n\xff"[..]);
        assert_eq!(tell(&mut client, odd), bytes("OK"));
        assert_eq!(ask(&mut client, "HELLO.REARG"), bytes("OK"));
        assert_eq!(ask(&mut client, "MODULE UNLOAD hello"), bytes("OK"));
    });
}

#[test]
fn memory_that_is_not_there_is_refused_and_not_fatal() {
    on_each("", |server, _| {
        let mut client = server.client();
        for bytes in ["1000", "100000000"] {
            let reply = ask(&mut client, &format!("HELLO.RESERVE {bytes}"));
            assert_eq!(reply.as_array().map(|fields| fields[..2].to_vec()), Some(vec![Value::Int(1); 2]));
        }
        let reply = ask(&mut client, "HELLO.RESERVE 4611686018427387904");
        assert_eq!(reply.as_array().map(|fields| fields[..2].to_vec()), Some(vec![Value::Int(0); 2]));
        wait_until("the server's answer", || ask(&mut client, "PING") == bytes("PONG"));
    });
}
