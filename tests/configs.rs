//! The settings `mirror.*`: where their values come from, what is refused.

use redis_mirror_test_support::{Client, Family, Options, Server, Version, any_server, cmd, servers};

fn setting(client: &mut Client, name: &str) -> String {
    client.texts(cmd!("CONFIG", "GET", format!("mirror.{name}"))).get(1).cloned().unwrap_or_default()
}

/// The configuration file counts more than the arguments of `loadmodule`, and they more than the defaults.
#[test]
fn values_come_from_the_file_the_arguments_or_the_defaults() {
    for installed in servers() {
        let arguments = "queue-max 2mb mirror.apply-budget-us 200 enable-create yes ack exact queue-max 1mb";
        let options = Options::new().mirror(arguments).set("mirror.apply-budget-us", 300);
        let server = Server::start(installed, options);
        let mut client = server.client();
        for (name, value) in [
            ("apply-budget-us", "300"),
            ("queue-max", "1048576"),
            ("enable-create", "yes"),
            ("ack", "exact"),
            ("spool-memory", "67108864"),
            ("reconnect-min-ms", "1000"),
            ("secrets-dir", ""),
        ] {
            assert_eq!(setting(&mut client, name), value, "{installed}: {name}");
        }
        client.run(cmd!("CONFIG", "SET", "mirror.queue-max", "3mb", "mirror.ack", "behind"));
        client.run(cmd!("CONFIG", "REWRITE"));
        let file = std::fs::read_to_string(server.dir().join("server.conf")).expect("the file is there");
        for line in ["mirror.apply-budget-us 300", "mirror.queue-max 3mb", "mirror.ack behind"] {
            assert!(file.lines().any(|found| found == line), "{installed}: {line} in\n{file}");
        }
    }
}

#[test]
fn arguments_that_mean_nothing_refuse_the_load() {
    for installed in servers() {
        for (arguments, words) in [
            ("nonsense 1", "no setting nonsense"),
            ("queue-max", "a setting without a value"),
            ("queue-max lots", "queue-max was refused: it is not a number"),
            ("apply-budget-us 1", "apply-budget-us was refused: it must be between 20 and"),
            ("enable-create perhaps", "enable-create was refused: no such choice"),
            ("secrets-dir relative", "secrets-dir was refused: it must be an absolute path"),
        ] {
            let refused = Server::try_start(installed, Options::new().mirror(arguments));
            let told = refused.map(|_| ()).expect_err("it must not start").to_string();
            assert!(
                told.contains("is not loaded") && told.contains(words),
                "{installed} {arguments}: {told}"
            );
        }
    }
}

#[test]
fn bad_values_are_refused_and_good_ones_taken_at_once() {
    let server = Server::start(any_server(), Options::new().mirror(""));
    let mut client = server.client();
    for (name, value, words) in [
        ("apply-budget-us", "19", "between"),
        ("queue-max", "1kb", "between"),
        ("reconnect-min-ms", "0", "between"),
        ("ack", "sometimes", "one of"),
        ("enable-create", "yes", "immutable"),
        ("secrets-dir", "/etc", "immutable"),
        ("allow-sources", "*", "protected"),
    ] {
        let refusal = client.refusal(cmd!("CONFIG", "SET", format!("mirror.{name}"), value));
        assert!(refusal.contains(words), "{name}: {refusal}");
    }
    client.run(cmd!("CONFIG", "SET", "mirror.apply-budget-us", 20));
    assert_eq!(setting(&mut client, "apply-budget-us"), "20");
}

/// The example shows every setting with its default, and a server takes it as it is.
#[test]
fn the_example_configuration_tells_the_truth() {
    let file = std::fs::read_to_string("examples/mirror.conf").expect("the example is there");
    let shown = |line: &str| {
        let (name, value) = line.strip_prefix("# mirror.")?.split_once(' ')?;
        let is_setting = !value.contains(' ') && !name.contains(':');
        is_setting.then(|| (name.to_owned(), value.trim_matches('"').to_owned()))
    };
    let shown: Vec<(String, String)> = file.lines().filter_map(shown).collect();
    let used = file.lines().filter(|line| !line.starts_with('#') && !line.starts_with("loadmodule"));
    let options =
        used.filter_map(|line| line.split_once(' ')).fold(Options::new(), |all, (k, v)| all.set(k, v));
    let server = Server::start(any_server(), options.mirror(""));
    let mut client = server.client();
    for (name, value) in &shown {
        assert_eq!(in_bytes(value), setting(&mut client, name), "{name}");
    }
    let settings = client.texts(cmd!("CONFIG", "GET", "mirror.*"));
    let mut there: Vec<&str> = settings.iter().step_by(2).map(|name| &name["mirror.".len()..]).collect();
    let mut named: Vec<&str> = shown.iter().map(|(name, _)| name.as_str()).collect();
    there.sort_unstable();
    named.sort_unstable();
    assert_eq!(named, there);
}

fn in_bytes(value: &str) -> String {
    let units = [("kb", 1_u64 << 10), ("mb", 1 << 20), ("gb", 1 << 30)];
    let sized = units.iter().find_map(|(unit, size)| {
        let count: u64 = value.strip_suffix(unit)?.parse().ok()?;
        Some((count * size).to_string())
    });
    sized.unwrap_or_else(|| value.to_owned())
}

/// Redis 8 unloads a module again whose MODULE LOADEX names a setting that there is not, and ends itself if the
/// module resists. Valkey crashes by itself with any module that has a data type; Redis 7.0 leaves it loaded.
#[test]
fn a_load_with_an_unknown_setting_is_undone() {
    let module = redis_mirror_test_support::module_under_test().expect("the module is built");
    let is_redis_8 = |version: &Version| version.family == Family::Redis && version.major >= 8;
    for installed in servers().iter().filter(|installed| is_redis_8(&installed.version)) {
        let server = Server::start(installed, Options::new());
        let mut client = server.client();
        let load = |client: &mut Client, words: &[&str]| {
            client.call(cmd!("MODULE", "LOADEX", module.display().to_string()).args(words.iter().copied()))
        };
        for _ in 0..2 {
            assert!(load(&mut client, &["CONFIG", "mirror.nonsense", "1"]).is_err(), "{installed}");
            assert!(client.call("MIRROR.LIST").is_err(), "{installed}: it is gone again");
        }
        load(&mut client, &["CONFIG", "mirror.queue-max", "1mb"]).expect("it loads all the same");
        assert_eq!(setting(&mut client, "queue-max"), "1048576", "{installed}");
        client.run(cmd!("MIRROR.CREATE", "m", "redis://127.0.0.1:1"));
        assert_eq!(client.texts(cmd!("MIRROR.LIST")), ["m"]);
    }
}
