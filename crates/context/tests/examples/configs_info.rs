//! `examples/configs_info`.

use redis_mirror_test_support::{Client, Command, Family, Installed, Options, Server, Value, cmd, servers};

use crate::harness::{self, Subject};

pub const SUBJECT: Subject = Subject { packages: &["configs_info"], drive };

fn drive(server: &Server, client: &mut Client) {
    client.run("CONFIG SET configs_info.strategy eager");
    client.run(Command::new("CONFIG SET configs_info.record").arg("reads writes"));
    let empty = client.refusal(Command::new("CONFIG SET configs_info.banner").arg(""));
    assert!(empty.ends_with("a banner says something"), "{empty}");
    let shown = client.run("CONFIGS_INFO.SHOW");
    assert_eq!(field(&shown, "strategy"), text("eager"));
    assert_eq!(field(&shown, "record"), Value::Array(vec![text("reads"), text("writes")]));
    assert_eq!((field(&shown, "seed"), field(&shown, "banner")), (Value::Int(42), text("hello")));
    let report = client.text("INFO configs_info");
    for line in ["# configs_info_settings", "configs_info_shown:1", "configs_info_cache_max_mb:1"] {
        assert!(report.lines().any(|shown| shown == line), "{line} in {report}");
    }
    assert!(
        report.contains("configs_info_banner:hello") && report.contains("configs_info_workers:least=1,now=")
    );
    assert_eq!(client.text("CONFIGS_INFO.FIELD memory maxmemory_policy"), "noeviction");
    assert_eq!(client.int("CONFIGS_INFO.FIELD server tcp_port"), i64::from(server.port()));
    if has_server_configs(server.installed()) {
        assert_eq!(client.texts("CONFIGS_INFO.SERVER maxmemory-policy"), ["choice", "noeviction"]);
        client.run("CONFIGS_INFO.TUNE maxmemory-policy allkeys-lru");
        assert_eq!(client.texts("CONFIG GET maxmemory-policy"), ["maxmemory-policy", "allkeys-lru"]);
        client.run("CONFIGS_INFO.TUNE maxmemory-policy noeviction");
        let names = client.texts("CONFIGS_INFO.NAMES maxmemory*");
        assert!(names.len() >= 5 && names[0] == "maxmemory", "{names:?}");
        let refusal = client.refusal("CONFIGS_INFO.TUNE databases 32");
        assert_eq!(refusal, "ERR the server refused the config: Config is immutable");
    } else {
        for line in ["SERVER port", "TUNE maxmemory-policy noeviction", "NAMES *"] {
            let refusal = client.refusal(Command::new(&format!("CONFIGS_INFO.{line}")));
            let expected = "ERR this server has no RedisModule_ConfigGetType: it came with Redis 8.2";
            assert_eq!(refusal, expected);
        }
    }
}

fn has_server_configs(installed: &Installed) -> bool {
    let version = &installed.version;
    version.family == Family::Redis && (version.major, version.minor) >= (8, 2)
}

fn has_defaults(installed: &Installed) -> bool {
    let version = &installed.version;
    version.family == Family::Redis && version.major >= 8
}

fn text(text: &str) -> Value {
    Value::Bytes(text.as_bytes().to_vec())
}

fn field(map: &Value, name: &str) -> Value {
    let pairs = map.pairs().expect("a map");
    pairs.into_iter().find(|(key, _)| **key == text(name)).map(|(_, value)| value.clone()).expect("a field")
}

fn on_each(story: impl Fn(&Server, &mut Client)) {
    harness::on_each_server(&["configs_info"], story);
}

#[test]
fn the_configuration_file_and_config_rewrite_keep_every_kind_of_setting() {
    for installed in servers() {
        println!("on {installed}");
        let options = harness::options(&["configs_info"])
            .set("configs_info.workers", 3)
            .set("configs_info.record", "none")
            .set("configs_info.seed", i64::MAX)
            .set("configs_info.cache-max", "10mb");
        let server = Server::start(installed, options);
        let mut client = server.client();
        let shown = client.run("CONFIGS_INFO.SHOW");
        assert_eq!(field(&shown, "workers"), Value::Int(3), "what is given counts more than a default");
        assert_eq!(field(&shown, "record"), Value::Array(vec![]));
        assert_eq!(field(&shown, "seed"), Value::Int(i64::MAX));
        assert_eq!(field(&shown, "cache-max"), Value::Int(10 << 20));
        assert_eq!(client.texts("CONFIG GET configs_info.record")[1], "none");
        assert!(client.refusal("CONFIG SET configs_info.seed 1").contains("immutable"));
        // A hidden one is shown by its name alone.
        assert_eq!(client.texts("CONFIG GET configs_info.trac*"), [""; 0]);
        assert_eq!(client.texts("CONFIG GET configs_info.trace")[1], "no");
        client.run(Command::new("CONFIG SET configs_info.record").arg("writes reads"));
        client.run(Command::new("CONFIG SET configs_info.banner").arg("a \"b\" %s\\n \u{e9}"));
        client.run("CONFIG SET configs_info.trace yes");
        for line in ["nothing", "reads,writes", "reads nothing"] {
            let refused = client.refusal(Command::new("CONFIG SET configs_info.record").arg(line));
            assert!(refused.contains("must be one") || refused.contains("argument"), "{refused}");
        }
        client.run("CONFIG REWRITE");
        let file = rewritten(&server);
        for line in
            ["configs_info.workers 3", "configs_info.seed 9223372036854775807", "configs_info.trace yes"]
        {
            assert!(file.lines().any(|written| written == line), "{line} in {file}");
        }
        assert!(file.lines().any(|line| line.starts_with("configs_info.record") && line.contains("reads")));
    }
}

/// The configuration file as the server has written it.
fn rewritten(server: &Server) -> String {
    let path = server.info("server").get("config_file").expect("a file").to_owned();
    std::fs::read_to_string(path).expect("the server's file")
}

#[test]
fn a_default_may_depend_on_the_machine_where_the_server_lets_it() {
    on_each(|server, client| {
        let workers = field(&client.run("CONFIGS_INFO.SHOW"), "workers").as_int().expect("a number");
        let processors = std::thread::available_parallelism().map_or(1, |count| count.get().min(64) as i64);
        assert_eq!(workers, if has_defaults(server.installed()) { processors } else { 1 });
        assert_eq!(client.texts("CONFIG GET configs_info.workers")[1], workers.to_string());
    });
}

#[test]
fn the_servers_configs_are_what_config_get_shows() {
    on_each(|server, client| {
        if !has_server_configs(server.installed()) {
            return;
        }
        let names = client.texts("CONFIGS_INFO.NAMES *");
        assert!(names.len() > 150 && names.contains(&"configs_info.banner".to_owned()), "{}", names.len());
        let mut kinds = std::collections::BTreeMap::new();
        for name in &names {
            let shown = client.run(cmd!("CONFIG", "GET", name));
            let shown = shown.pairs().expect("pairs")[0].1.as_text().expect("a text");
            let read = client.run(cmd!("CONFIGS_INFO.SERVER", name));
            let read = read.as_array().expect("a pair");
            let kind = read[0].as_text().expect("a kind");
            let same = match (kind.as_str(), &read[1]) {
                ("bool", Value::Int(yes)) => (*yes != 0) == (shown == "yes"),
                // Octal (unixsocketperm), and a percentage.
                ("number", Value::Int(number)) => {
                    let octal = i64::from_str_radix(&shown, 8).ok();
                    shown == number.to_string() || octal == Some(*number) || shown == format!("{}%", -number)
                }
                (_, value) => value.as_text() == Some(shown.clone()),
            };
            assert!(same, "{name}: {shown} is not {read:?}");
            *kinds.entry(kind).or_insert(0) += 1;
        }
        assert!(kinds.len() == 4, "{kinds:?}");
        assert_eq!(client.texts("CONFIGS_INFO.NAMES no-such-config"), [""; 0]);
        assert_eq!(client.texts("CONFIGS_INFO.NAMES configs_info.trac?"), [""; 0]);
        // The exact name of a hidden one.
        assert_eq!(client.texts("CONFIGS_INFO.NAMES configs_info.trace"), ["configs_info.trace"]);
    });
}

#[test]
fn what_the_server_refuses_is_said_in_its_words_and_leaves_it_running() {
    on_each(|server, client| {
        if !has_server_configs(server.installed()) {
            return;
        }
        let refusal = |client: &mut Client, name: &str, value: &[u8]| {
            client.refusal(Command::new("CONFIGS_INFO.TUNE").arg(name).arg(value))
        };
        let refused = "ERR the server refused the config: ";
        assert_eq!(refusal(client, "no-such-config", b"1"), "ERR the server has no such config");
        assert!(
            refusal(client, "maxmemory-policy", b"lazy")
                .starts_with(&format!("{refused}argument(s) must be"))
        );
        assert!(refusal(client, "hz", b"%s%n").starts_with(refused));
        assert!(
            refusal(client, "configs_info.workers", b"0").starts_with(&format!("{refused}argument must be"))
        );
        let banner = refusal(client, "configs_info.banner", b"");
        assert_eq!(banner, format!("{refused}a banner says something"));
        assert!(refusal(client, "dir", b"/").contains("protected"));
        assert!(refusal(client, "configs_info.banner", b"a\0b").contains("holds a NUL"));
        assert!(
            refusal(client, "configs_info.banner", &vec![b'x'; (1 << 20) + 1]).contains("longer than 1 MB")
        );
        // A text that the module itself refuses, and one that is nothing but odd bytes.
        assert!(refusal(client, "configs_info.banner", &vec![b'x'; 1 << 20]).contains("65536"));
        client.run(Command::new("CONFIGS_INFO.TUNE configs_info.banner").arg(&b"%s%n\r\n\xff"[..]));
        let shown = client.run("CONFIGS_INFO.SHOW");
        assert_eq!(field(&shown, "banner"), Value::Bytes(b"%s%n\r\n\xff".to_vec()));
        assert!(client.text("INFO configs_info").contains("configs_info_banner:%s%n__"));
    });
}

#[test]
fn fields_of_info_are_read_whatever_their_names_are() {
    on_each(|_, client| {
        for (section, name) in
            [("no-such-section", "x"), ("server", ""), ("server", "%s%n"), ("", "redis_version")]
        {
            let reply = client.run(Command::new("CONFIGS_INFO.FIELD").arg(section).arg(name));
            assert!(reply == Value::Nil || name == "redis_version", "{section} {name}: {reply:?}");
        }
        let odd = Command::new("CONFIGS_INFO.FIELD").arg(&b"se\0rver"[..]).arg("x");
        assert_eq!(client.refusal(odd), "ERR syntax error");
        let ratio = client.text("CONFIGS_INFO.FIELD memory mem_fragmentation_ratio");
        assert!(ratio.parse::<f64>().is_ok(), "{ratio}");
    });
}

#[test]
fn the_examples_module_is_loaded_with_settings_on_the_command_line() {
    for installed in servers() {
        println!("on {installed}");
        let options: Options = harness::options(&["configs_info"]).set("configs_info.workers", 100);
        let refused = Server::try_start(installed, options);
        assert!(refused.is_err(), "a value out of range refuses the start");
    }
}
