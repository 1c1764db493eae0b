//! Configs: defaults, the configuration file, CONFIG SET, refusals.

use redis_mirror_test_support::{Command, Family, Options, Server, Value, cmd, servers};

use crate::{ask, bytes, example, on_each, tell};

fn settings(server: &Server) -> Vec<Value> {
    ask(&mut server.client(), "HELLO.SETTINGS").as_array().expect("a list").to_vec()
}

#[test]
fn defaults_hold_until_they_are_changed() {
    on_each("", |server, _| {
        let defaults = [
            Value::Int(3),
            Value::Int(1 << 20),
            Value::Int(0),
            bytes("Happy"),
            bytes("hello"),
            Value::Int(1),
        ];
        assert_eq!(settings(server), defaults);
        let mut client = server.client();
        for line in ["times 5", "limit 2mb", "loud yes", "mood grumpy", "greeting %s%n"] {
            assert_eq!(ask(&mut client, &format!("CONFIG SET hello.{line}")), bytes("OK"));
        }
        let changed = [
            Value::Int(5),
            Value::Int(2 << 20),
            Value::Int(1),
            bytes("Grumpy"),
            bytes("%s%n"),
            Value::Int(1),
        ];
        assert_eq!(settings(server), changed);
        assert_eq!(client.texts(cmd!("CONFIG", "GET", "hello.greeting")), ["hello.greeting", "%s%n"]);
        assert_eq!(client.texts(cmd!("CONFIG", "GET", "hello.mood")), ["hello.mood", "grumpy"]);
    });
}

#[test]
fn a_refusal_is_in_words_and_leaves_the_old_value() {
    on_each("", |server, _| {
        let mut client = server.client();
        let before = settings(server);
        for (line, why) in [
            ("times 13", "13 brings bad luck"),
            ("times 101", "between 1 and 100"),
            ("mood sad", "must be one of"),
            ("fixed no", "immutable"),
            ("greeting panic", "internal error"),
        ] {
            let refusal = client.refusal(Command::new(&format!("CONFIG SET hello.{line}")));
            assert!(refusal.contains(why), "{refusal}");
        }
        let empty = client.refusal(Command::new("CONFIG SET hello.greeting").arg(""));
        assert!(empty.contains("says something"), "{empty}");
        assert_eq!(settings(server), before);
    });
}

#[test]
fn the_configuration_file_sets_them_before_the_module_runs() {
    let module = example::module("hello-core");
    for installed in servers() {
        println!("on {installed}");
        let options = Options::new().module(&module, "").set("hello.times", 42).set("hello.fixed", "no");
        let server = Server::start(installed, options);
        let settings = settings(&server);
        assert_eq!((&settings[0], &settings[5]), (&Value::Int(42), &Value::Int(0)));
    }
}

/// `HELLO.ODD`: moods, narrow, wide, bare, unseen, guarded, early.
fn odd(server: &Server) -> Vec<Value> {
    ask(&mut server.client(), "HELLO.ODD").as_array().expect("a list").to_vec()
}

#[test]
fn several_choices_are_one_config() {
    on_each("", |server, _| {
        let mut client = server.client();
        assert_eq!(odd(server)[0], bytes("Happy Grumpy"));
        let mut set = |value: &str| {
            let reply = tell(&mut client, Command::new("CONFIG SET hello.moods").arg(value));
            let shown = client.texts(cmd!("CONFIG", "GET", "hello.moods"))[1].clone();
            (reply.error().is_none(), shown)
        };
        assert_eq!(set("grumpy"), (true, "grumpy".to_owned()));
        assert_eq!(set("NONE"), (true, "none".to_owned()));
        assert_eq!(odd(server)[0], bytes(""));
        assert_eq!(set("grumpy happy"), (true, "happy grumpy".to_owned()));
        for refused in ["", "sad", "happy,grumpy", "%s%n", "happy sad", "4"] {
            assert_eq!(set(refused), (false, "happy grumpy".to_owned()), "{refused}");
        }
        assert_eq!(odd(server)[0], bytes("Happy Grumpy"));
    });
}

#[test]
fn numbers_without_a_sign_go_as_far_as_the_server_lets_them() {
    on_each("", |server, installed| {
        let mut client = server.client();
        assert_eq!(odd(server)[1], bytes("7"));
        ask(&mut client, "CONFIG SET hello.narrow 9223372036854775807");
        assert_eq!(client.texts(cmd!("CONFIG", "GET", "hello.narrow"))[1], "9223372036854775807");
        for (refused, why) in [("13", "13 again"), ("4", "between"), ("-1", ""), ("x", ""), ("", "")] {
            let refusal = client.refusal(Command::new("CONFIG SET hello.narrow").arg(refused));
            assert!(refusal.contains(why), "{refusal}");
        }
        assert_eq!(odd(server)[1], bytes("9223372036854775807"));
        // All of u64, on a server of its own.
        let module = example::module("hello-core");
        let options = Options::new().module(&module, "CONFIGS wide");
        let started = Server::try_start(installed, options);
        let version = &installed.version;
        if version.family == Family::Valkey && (version.major, version.minor) >= (9, 1) {
            let server = started.expect("a server with numbers without a sign");
            let mut client = server.client();
            assert_eq!(odd(&server)[2], bytes("18446744073709551615"));
            ask(&mut client, "CONFIG SET hello.wide 18446744073709551614");
            assert_eq!(client.texts(cmd!("CONFIG", "GET", "hello.wide"))[1], "18446744073709551614");
            assert!(ask(&mut client, "CONFIG SET hello.wide 18446744073709551616").error().is_some());
            assert_eq!(odd(&server)[2], bytes("18446744073709551614"));
        } else {
            assert!(started.is_err(), "a range that the server does not have refuses the load");
        }
    });
}

#[test]
fn flags_say_how_a_config_is_set_and_shown() {
    on_each("", |server, _| {
        let mut client = server.client();
        assert_eq!(client.texts(cmd!("CONFIG", "GET", "hello.unsee*")), [""; 0]);
        assert_eq!(client.texts(cmd!("CONFIG", "GET", "hello.unseen"))[1], "no");
        assert!(client.refusal(cmd!("CONFIG", "SET", "hello.guarded", "yes")).contains("protected"));
        assert!(client.refusal(cmd!("CONFIG", "SET", "hello.fixed", "no")).contains("immutable"));
        assert_eq!(ask(&mut client, "CONFIG SET hello.early 2"), bytes("OK"));
        assert_eq!(odd(server)[4..], [Value::Int(0), Value::Int(0), Value::Int(2)]);
        // No server heeds SENSITIVE of a module: as the documentation of the flag says.
        ask(&mut client, "CONFIG SET slowlog-log-slower-than 0");
        ask(&mut client, "CONFIG SET hello.early 31415");
        assert!(format!("{}", client.run(cmd!("SLOWLOG", "GET", 1))).contains("31415"));
    });
}

#[test]
fn a_name_without_the_modules_in_front_is_for_redis_8() {
    let module = example::module("hello-core");
    for installed in servers() {
        println!("on {installed}");
        let started = Server::try_start(installed, Options::new().module(&module, "CONFIGS bare"));
        let version = &installed.version;
        if version.family == Family::Redis && version.major >= 8 {
            let server = started.expect("a server with such names");
            let mut client = server.client();
            assert_eq!(ask(&mut client, "CONFIG SET hello-bare 5"), bytes("OK"));
            assert_eq!(client.texts(cmd!("CONFIG", "GET", "hello-other.name"))[1], "5");
            assert_eq!(odd(&server)[3], Value::Int(5));
            assert_eq!(ask(&mut client, "MODULE UNLOAD hello"), bytes("OK"));
            assert_eq!(client.texts(cmd!("CONFIG", "GET", "hello-bare")), [""; 0]);
        } else {
            assert!(started.is_err());
        }
    }
}

#[test]
fn defaults_are_changed_between_the_servers_and_the_administrators() {
    let module = example::module("hello-core");
    for installed in servers() {
        println!("on {installed}");
        let options = Options::new().module(&module, "CONFIGS late").set("hello.loud", "no");
        let started = Server::try_start(installed, options);
        let version = &installed.version;
        if version.family == Family::Redis && version.major >= 8 {
            let server = started.expect("a server with defaults apart");
            assert_eq!(odd(&server)[..2], [bytes("Happy"), bytes("8")]);
            let settings = settings(&server);
            assert_eq!((&settings[0], &settings[2]), (&Value::Int(30), &Value::Int(0)));
            assert_eq!(
                (&settings[3], &settings[4]),
                (&bytes("Grumpy"), &Value::Bytes(b"good %s\0\xff".to_vec()))
            );
        } else {
            assert!(started.is_err());
        }
        for refused in ["unmoved", "panic", "nonsense"] {
            let options = Options::new().module(&module, &format!("CONFIGS {refused}"));
            assert!(Server::try_start(installed, options).is_err(), "{refused}");
        }
    }
}

#[test]
fn a_setting_that_the_server_lacks_refuses_the_load_with_one_line() {
    let module = example::module("hello-core");
    let path = module.to_string_lossy();
    for installed in servers() {
        println!("on {installed}");
        let server = Server::start(installed, Options::new());
        let mut client = server.client();
        let version = &installed.version;
        let (is_redis_8, is_valkey_9_1) = match version.family {
            Family::Redis => (version.major >= 8, false),
            Family::Valkey => (false, (version.major, version.minor) >= (9, 1)),
        };
        let cannot = "can't be registered: ";
        for (name, has, config, lacking) in [
            (
                "wide",
                is_valkey_9_1,
                format!("the config \"wide\" {cannot}"),
                "RedisModule_RegisterUnsignedNumericConfig: it came with Valkey 9.1",
            ),
            (
                "bare",
                is_redis_8,
                format!("the config \"hello-bare|hello-other.name\" {cannot}"),
                "REDISMODULE_CONFIG_UNPREFIXED: it came with Redis 8.0",
            ),
            ("late", is_redis_8, String::new(), "RedisModule_LoadDefaultConfigs: it came with Redis 8.0"),
        ] {
            let load = Command::new("MODULE LOAD").arg(&*path).arg("CONFIGS").arg(name);
            assert_eq!(tell(&mut client, load).error().is_none(), has, "{name}");
            let line = format!("hello is not loaded: {config}this server has no {lacking}");
            assert_eq!(server.log().matches(&line).count(), usize::from(!has), "{name}");
            if has {
                client.run(cmd!("MODULE", "UNLOAD", "hello"));
            }
        }
    }
}
