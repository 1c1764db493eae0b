//! Configs: names, choices and values that CONFIG REWRITE writes and the server reads again.

use redis_mirror_test_support::{Client, Command, Family, Options, Server, Value, cmd, servers};

use crate::{NAME, come_and_go, on_each, path, refusal, tell};

#[test]
fn a_config_s_name_works_or_is_refused_by_name() {
    on_each(&Options::new(), |server, client, installed| {
        let long = [b'x'; 129];
        for name in [&b""[..], b"a b", b"a.b", b"a\"b", b"a#", b"\xff", b"a\n", b"50%s", &long] {
            let line = refusal(server, client, [b"CONFIG".as_slice(), name]);
            assert!(line.starts_with("the config \"") && line.contains("its name is not valid"), "{line}");
        }
        for name in [&b"x"[..], b"Upper-Case_9", &long[1..]] {
            come_and_go(client, &[b"CONFIG", name]);
        }
        let is_redis_8 = installed.version.family == Family::Redis && installed.version.major >= 8;
        for name in ["", "a b", "x|", "|x", "a.b.c", "user", "LoadModule", "odd|include", "a\"b", "maxmemory"]
        {
            let line = refusal(server, client, [b"BARE".as_slice(), name.as_bytes()]);
            assert!(line.starts_with(&format!("the config \"{}\"", name.escape_default())), "{line}");
            assert_eq!(line.contains("no REDISMODULE_CONFIG_UNPREFIXED"), !is_redis_8, "{line}");
        }
    });
}

#[test]
fn a_range_that_its_default_is_not_in_is_refused() {
    on_each(&Options::new(), |server, client, _| {
        for range in ["NUMBER 5 6 7", "NUMBER 5 7 3", "SIZE 5 -1 7", "SIZE -1 0 7"] {
            let words = std::iter::once("RANGE").chain(range.split(' ')).map(str::as_bytes);
            let line = refusal(server, client, words.collect::<Vec<_>>());
            assert!(line.starts_with("the config \"range\"") && line.contains("its range"), "{line}");
        }
    });
}

#[test]
fn choices_that_can_t_be_written_down_are_refused() {
    on_each(&Options::new(), |server, client, _| {
        for at in 0..9 {
            for several in [false, true] {
                let at = at.to_string();
                let mut words = vec![&b"CHOICE"[..], at.as_bytes()];
                words.extend(several.then_some(&b"FIRED"[..]));
                let line = refusal(server, client, words);
                let name = if several { "the config \"choices\"" } else { "the config \"choice\"" };
                assert!(line.starts_with(name) && line.contains("a choice is not valid"), "{at}: {line}");
            }
        }
    });
}

/// `ODD.VALUES`
fn values(server: &Server) -> Vec<Value> {
    server.client().run(cmd!("ODD.VALUES")).as_array().expect("a list").to_vec()
}

fn set(client: &mut Client, name: &str, value: &[u8]) -> Value {
    tell(client, Command::new("CONFIG SET").arg(format!("{NAME}.{name}")).arg(value))
}

/// Writes the configuration and starts the server anew with it: the same values. And once more, over its own lines.
fn survives(server: &mut Server) {
    let before = values(server);
    for _ in 0..2 {
        server.client().run(cmd!("CONFIG", "REWRITE"));
        server.stop();
        server.resume_as_rewritten();
        assert_eq!(values(server), before, "{}", server.log_tail());
    }
}

#[test]
fn every_value_is_read_as_it_was_written() {
    for installed in servers() {
        println!("on {installed}");
        let mut server =
            Server::start(installed, Options::new().module(std::path::Path::new(&path()), "ROUNDTRIP"));
        survives(&mut server);
        let mut all_bytes: Vec<u8> = (0..=255).collect();
        all_bytes.extend(b" trailing \\\\n \\x41 ");
        let long = vec![b'\xff'; 60_000];
        let texts: [&[u8]; 8] = [b"", b" ", b"\"", b"'#", b"a\0b", b"\0", &all_bytes, &long];
        // These write quotes and backslashes as they stand (`sdscatrepr`, sds.c), also in their own configs.
        let version = &installed.version;
        let has_no_quotes = version.family == Family::Valkey
            && (version.major, version.minor, version.patch) < (8, 1, 2)
            && (version.major, version.minor) == (8, 1);
        let can_be_written = |text: &&[u8]| !has_no_quotes || !text.iter().any(|byte| b"\"\\".contains(byte));
        for (at, text) in texts.into_iter().filter(can_be_written).enumerate() {
            let word = ["#hash", "%s%n", "{a;b},c=d", "first"][at % 4];
            let words = ["none", "#hash %s%n", "{a;b},c=d first", "#hash"][at % 4];
            let mut client = server.client();
            // A NUL behind the default, which is nothing here, is what the next test is about.
            for (name, value) in [
                ("word", word.as_bytes()),
                ("words", words.as_bytes()),
                ("text", text),
                ("hidden", text),
                ("empty", if text.first() == Some(&0) { b"x" } else { text }),
                ("number", b"-9223372036854775808"),
                ("size", b"3gb"),
                ("count", b"9223372036854775807"),
                ("switch", b"yes"),
            ] {
                assert_eq!(set(&mut client, name, value), Value::Bytes(b"OK".to_vec()), "{name} {at}");
            }
            drop(client);
            let shown = values(&server);
            assert_eq!((&shown[2], &shown[8]), (&Value::Bytes(text.to_vec()), &Value::Bytes(text.to_vec())));
            survives(&mut server);
        }
    }
}

/// CONFIG REWRITE compares up to the NUL, and would leave the value out.
#[test]
fn the_default_with_a_nul_behind_it_is_refused() {
    let options = Options::new().module(std::path::Path::new(&path()), "ROUNDTRIP");
    on_each(&options, |server, client, _| {
        let before = values(server);
        for (name, value) in
            [("empty", &b"\0"[..]), ("empty", b"\0x"), ("hidden", b"x\0"), ("hidden", b"x\0y")]
        {
            let refusal = set(client, name, value);
            assert!(refusal.error().is_some_and(|text| text.contains("CONFIG REWRITE")), "{refusal:?}");
        }
        assert_eq!(values(server), before);
    });
}
