//! Configs: defaults, the configuration file, CONFIG SET, refusals.

use redis_mirror_test_support::{Command, Options, Server, Value, cmd, servers};

use crate::{ask, bytes, example, on_each};

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
