//! The server's configs, method by method; INFO's fields, out and in.

use redis_mirror_test_support::{Client, Command, Family, Installed, Value, cmd};

use crate::{ask, bytes, error, on_each, tell};

fn has_server_configs(installed: &Installed) -> bool {
    let version = &installed.version;
    version.family == Family::Redis && (version.major, version.minor) >= (8, 2)
}

const NO_SUCH: &str = "ERR the server has no such config";

#[test]
fn a_config_is_read_and_set_as_what_it_is() {
    on_each("", |server, installed| {
        let mut client = server.client();
        let mut ask = |line: &str| ask(&mut client, &format!("HELLO.{line}"));
        if !has_server_configs(installed) {
            let lacking = error("ERR this server has no RedisModule_ConfigGetType: it came with Redis 8.2");
            for line in ["READ any hz", "TUNE number hz 11", "TUNE any hz 11"] {
                assert_eq!(ask(line), lacking);
            }
            return;
        }
        for (name, kind, other) in [
            ("appendonly", "Bool", "choice"),
            ("hz", "Number", "bool"),
            ("maxmemory-policy", "Choice", "number"),
            ("save", "Text", "choice"),
            ("hello.loud", "Bool", "number"),
            ("hello.times", "Number", "choice"),
            ("hello.mood", "Choice", "bool"),
            ("hello.greeting", "Text", "bool"),
        ] {
            assert_eq!(ask(&format!("READ kind {name}")), bytes(kind));
            assert_eq!(ask(&format!("READ {other} {name}")), error(NO_SUCH));
            assert_eq!(ask(&format!("TUNE {other} {name} 1")), error(NO_SUCH));
        }
        let cases = [
            ("bool", "hello.loud", "yes", Value::Int(1)),
            ("number", "hello.times", "7", Value::Int(7)),
            ("choice", "hello.mood", "grumpy", bytes("grumpy")),
            ("choice", "hello.moods", "happy", bytes("happy")),
            ("any", "hello.limit", "3mb", bytes("3145728")),
            ("bool", "activerehashing", "no", Value::Int(0)),
            ("number", "hz", "33", Value::Int(33)),
            ("number", "maxmemory-clients", "-5", Value::Int(-5)),
            ("choice", "maxmemory-policy", "allkeys-lfu", bytes("allkeys-lfu")),
            ("any", "maxmemory-clients", "6%", bytes("6%")),
        ];
        for (how, name, value, shown) in cases {
            assert_eq!(ask(&format!("TUNE {how} {name} {value}")), bytes("OK"), "{name}");
            assert_eq!(ask(&format!("READ {how} {name}")), shown, "{name}");
        }
        let refused = |reply: Value, why: &str| {
            assert!(reply.error().is_some_and(|text| text.contains(why)), "{reply:?}");
        };
        refused(ask("TUNE number hello.times 13"), "13 brings bad luck");
        refused(ask("TUNE number hello.times 101"), "between 1 and 100");
        refused(ask("TUNE number hz 9223372036854775807"), "between");
        refused(ask("TUNE bool hello.fixed no"), "Config is immutable");
        refused(ask("TUNE choice maxmemory-policy %s%n"), "must be one");
        refused(ask("TUNE any hello.greeting panic"), "internal error");
        assert_eq!(ask("READ number hello.times"), Value::Int(7));
        client.run(cmd!("SET", "k", "v"));
        let open = tell(&mut client, Command::new("HELLO.TUNEOPEN k"));
        assert_eq!(open, error("ERR a key is open here: close it first"));
    });
}

/// `RM_ConfigSetNumeric` of Redis 8.6.3 ends the server if the config does not exist or may not be set.
#[test]
fn every_config_survives_every_way_to_set_it() {
    on_each("", |server, installed| {
        if !has_server_configs(installed) {
            return;
        }
        let mut client = server.client();
        let names = client.texts(cmd!("CONFIG", "GET", "*"));
        let mut refused = 0;
        for pair in names.chunks(2) {
            let [name, value] = pair else { continue };
            let kind = ask(&mut client, &format!("HELLO.READ kind {name}")).as_text().expect("a kind");
            for how in ["bool", "number", "choice"] {
                let number = if how == "number" { "0" } else { "%s%n" };
                let odd = if how == "bool" { value } else { number };
                if how == "number" && kind == "Number" {
                    continue;
                }
                let reply = tell(&mut client, Command::new("HELLO.TUNE").arg(how).arg(name).arg(odd));
                refused += usize::from(reply.error().is_some());
            }
            if kind == "Number" {
                let now = ask(&mut client, &format!("HELLO.READ number {name}")).as_int().expect("a number");
                let set = Command::new("HELLO.TUNE number").arg(name).arg(now);
                let reply = tell(&mut client, set);
                assert!(reply == bytes("OK") || reply.error().is_some(), "{name} {reply:?}");
            }
            assert_eq!(client.texts(cmd!("CONFIG", "GET", name))[1], *value, "{name}");
        }
        assert!(refused > 400, "{refused}");
        for name in ["", "no-such", "hello.", "databases", "port%s"] {
            for how in ["any", "bool", "number", "choice"] {
                let reply = tell(&mut client, Command::new("HELLO.TUNE").arg(how).arg(name).arg(1));
                assert!(reply.error().is_some(), "{how} {name}");
            }
        }
        assert_eq!(ask(&mut client, "PING"), bytes("PONG"));
    });
}

fn field(client: &mut Client, section: &str, name: &str) -> Vec<Value> {
    tell(client, Command::new("HELLO.FIELD").arg(section).arg(name)).as_array().expect("a list").to_vec()
}

#[test]
fn a_field_of_info_is_a_text_a_string_and_a_number() {
    on_each("", |server, _| {
        let mut client = server.client();
        let port = server.port();
        let text = bytes(&port.to_string());
        let number = Value::Int(port.into());
        let all = [text.clone(), number, text.clone(), text.clone(), text];
        assert_eq!(field(&mut client, "server", "tcp_port"), all);
        let role = bytes("master");
        assert_eq!(
            field(&mut client, "replication", "role"),
            [role.clone(), Value::Nil, Value::Nil, Value::Nil, role]
        );
        for (section, name) in
            [("server", "no-such"), ("no-such", "role"), ("server", ""), ("server", "%s%n")]
        {
            assert_eq!(field(&mut client, section, name), vec![Value::Nil; 5], "{section} {name}");
        }
        let ratio = field(&mut client, "memory", "mem_fragmentation_ratio");
        assert!(ratio[1] == Value::Nil && ratio[3].as_text().is_some_and(|text| text.parse::<f64>().is_ok()));
    });
}

#[test]
fn a_string_in_info_cannot_forge_a_line() {
    on_each("", |server, _| {
        let mut client = server.client();
        let mut shown = |note: &[u8]| {
            client.run(Command::new("HELLO.NOTE").arg(note));
            let info = client.bytes(cmd!("INFO", "hello_note")).expect("bytes");
            let start = info.windows(11).position(|part| part == b"hello_note:").expect("the field") + 11;
            let end = info[start..].iter().position(|&byte| byte == b'\r').expect("a line's end");
            info[start..start + end].to_vec()
        };
        assert_eq!(shown(b"plain %s%n \xff : # ="), b"plain %s%n \xff : # =");
        assert_eq!(shown(b"a\r\nforged:1\0\x1b"), b"a__forged:1__");
        assert_eq!(shown(b""), b"");
        assert_eq!(shown(&vec![b'x'; 1023]).len(), 1023);
        assert_eq!(shown(&vec![b'x'; 1 << 20]).len(), 1023);
        assert!(client.text(cmd!("INFO", "everything")).contains("hello_noted:1"));
        // What a module adds is not in the INFO that it reads while it adds; a command of it sees it.
        assert_eq!(field(&mut client, "hello_note", "hello_noted")[1], Value::Int(1));
    });
}
