//! Loading, being refused, unloading, documentation, logging.

use redis_mirror_test_support::wait::wait_until;
use redis_mirror_test_support::{Client, Command, Family, Options, Server, Value, cmd, old_servers, servers};

use crate::{ask, bytes, error, example, on_each, tell};

fn load(client: &mut Client, arguments: &[&str]) -> Value {
    let module = example::module("hello-core");
    let path = module.to_string_lossy().into_owned();
    tell(client, Command::new("MODULE LOAD").arg(path).args(arguments))
}

#[test]
fn a_refused_load_leaves_one_line_and_a_server_that_runs() {
    for installed in servers() {
        println!("on {installed}");
        let server = Server::start(installed, Options::new());
        let mut client = server.client();
        assert!(load(&mut client, &["REFUSE", "100%s is\nwrong"]).error().is_some());
        assert_eq!(
            server.log().matches("hello is not loaded: 100%s is\\x0awrong").count(),
            1,
            "{}",
            server.log_tail()
        );
        assert!(load(&mut client, &["PANIC"]).error().is_some());
        assert!(server.log().contains("hello is not loaded: its registration panicked"));
        assert!(load(&mut client, &["UNKNOWN"]).error().is_some());
        // Nothing of it is left, and it loads when it may.
        assert!(ask(&mut client, "HELLO.PANIC").error().is_some_and(|text| text.contains("unknown command")));
        assert_eq!(load(&mut client, &[]), bytes("OK"));
        assert!(load(&mut client, &[]).error().is_some(), "the name is taken");
        assert_eq!(ask(&mut client, "HELLO.COUNT up"), Value::Int(1));
    }
}

/// What a server lacks is found when the module loads, not when it is first used.
#[test]
fn a_server_without_a_required_function_refuses_the_load_with_one_line() {
    if old_servers().is_empty() {
        println!("skipped: no server before 7.0: run `make servers`");
    }
    for installed in old_servers() {
        println!("on {installed}");
        let mut server = Server::start(installed, Options::new());
        let mut client = server.client();
        assert!(load(&mut client, &[]).error().is_some());
        let (line, since) =
            ("hello is not loaded: this server has no RedisModule_", "it came with Redis 7.0");
        let log = server.log();
        assert_eq!(log.matches(line).count(), 1, "{}", server.log_tail());
        assert!(log.lines().any(|found| found.contains(line) && found.contains(since)), "{log}");
        assert!(server.is_running());
        client.run("PING");
    }
}

/// The server has loaded it by then, and takes it back.
#[test]
fn a_setting_that_the_module_does_not_have_leaves_a_server_that_runs() {
    let module = example::module("example_dict");
    let path = module.to_string_lossy().into_owned();
    for installed in servers() {
        println!("on {installed}");
        let mut server = Server::start(installed, Options::new());
        let mut client = server.client();
        let load = Command::new("MODULE LOADEX").arg(path.as_str()).args(["CONFIG", "dict.nosuch", "1"]);
        client.refusal(load);
        assert!(server.is_running(), "{installed} has ended");
        client.run("PING");
        if client.run(cmd!("MODULE", "LIST")) == Value::Array(Vec::new()) {
            client.run(Command::new("MODULE LOAD").arg(path.as_str()));
        }
    }
}

#[test]
fn a_module_comes_and_goes() {
    on_each("", |server, _| {
        let mut client = server.client();
        for _ in 0..3 {
            assert_eq!(
                ask(&mut client, "HELLO.PANIC").error().map(|text| text.starts_with("ERR internal")),
                Some(true)
            );
            assert_eq!(ask(&mut client, "MODULE UNLOAD hello"), bytes("OK"));
            assert_eq!(load(&mut client, &[]), bytes("OK"));
        }
        let list = format!("{:?}", client.run(cmd!("MODULE", "LIST")));
        assert!(list.contains("Int(3)"), "{list}");
    });
}

/// Code that is unmapped while the server still comes back to it ends the server.
#[test]
fn a_module_stays_as_long_as_its_code_is_needed() {
    on_each("", |server, installed| {
        let mut client = server.client();
        let refused = |client: &mut Client, line: &str| ask(client, line).error().is_some();
        assert!(refused(&mut client, "HELLO.CALL - MODULE UNLOAD hello"), "its own command runs");
        assert_eq!(ask(&mut client, "HELLO.CALL - PING"), bytes("PONG"));
        assert_eq!(ask(&mut client, "HELLO.THREAD 500"), bytes("OK"));
        assert!(refused(&mut client, "MODULE UNLOAD hello"), "its thread runs");
        wait_until("the thread's end", || ask(&mut client, "MODULE UNLOAD hello") == bytes("OK"));
        assert_eq!(load(&mut client, &[]), bytes("OK"));
        // Redis 7.0 has no jobs after a unit: there an eventfd keeps the module for good.
        for line in ["MULTI", "SET hello:later 1", "MODULE UNLOAD hello"] {
            ask(&mut client, line);
        }
        let results = format!("{:?}", ask(&mut client, "EXEC"));
        assert!(results.contains("Error"), "its job is queued: {results}");
        wait_until("the job", || server.log().contains("hello later"));
        let version = &installed.version;
        let is_7_0 = version.family == Family::Redis && (version.major, version.minor) < (7, 2);
        assert_eq!(refused(&mut client, "MODULE UNLOAD hello"), is_7_0);
        assert_eq!(ask(&mut client, "PING"), bytes("PONG"));
    });
}

#[test]
fn the_documentation_is_all_there() {
    on_each("", |server, _| {
        let mut client = server.client();
        let docs = format!("{:?}", client.run(cmd!("COMMAND", "DOCS", "hello.reply")));
        for text in ["Replies with a value", "O(1)", "0.2.0", "More kinds.", "oneof", "TIMES", "block"] {
            assert!(
                docs.contains(&format!("{:?}", text.as_bytes()).replace(['[', ']'], "")),
                "{text} in {docs}"
            );
        }
        // Key specs, keys by position, keys by first, last and step.
        assert_eq!(client.texts(cmd!("COMMAND", "GETKEYS", "hello.keys", 2, "a", "b")), ["a", "b"]);
        assert_eq!(client.texts(cmd!("COMMAND", "GETKEYS", "hello.lastkey", "a", "b")), ["b"]);
        assert_eq!(client.texts(cmd!("COMMAND", "GETKEYS", "hello.verbatim", "a")), ["a"]);
        // The arity of the documentation is the server's to check.
        assert_eq!(
            ask(&mut client, "HELLO.REPLY"),
            error("ERR wrong number of arguments for 'hello.reply' command")
        );
    });
}

#[test]
fn any_bytes_are_logged_as_one_line() {
    on_each("", |server, _| {
        let mut client = server.client();
        let nasty = b"%s%n%x \0 \r\n forged \x1b[31m \xff end";
        client.run(Command::new("HELLO.LOG").arg(&nasty[..]));
        let log = server.log();
        assert!(log.contains("%s%n%x \\x00 \\x0d\\x0a forged \\x1b[31m"), "{}", server.log_tail());
        client.run(Command::new("HELLO.LOG").arg("x".repeat(5000)));
        assert!(server.log().contains("xxx..."));
        assert_eq!(ask(&mut client, "PING"), bytes("PONG"));
    });
}

#[test]
fn the_servers_memory_counts_the_modules() {
    on_each("", |server, _| {
        let mut client = server.client();
        let before = used_memory(&mut client);
        // Held in the module's static until the next CONFIG SET.
        client.run(Command::new("CONFIG SET hello.greeting").arg("x".repeat(60_000)));
        ask(&mut client, "CONFIG GET hello.greeting");
        let after = used_memory(&mut client);
        assert!(after - before > 100_000, "{before} {after}");
    });
}

/// Each line again and again: what is made for one answer is given back with it.
#[test]
fn what_is_asked_for_again_and_again_is_given_back() {
    const ROUNDS: usize = 1000;
    on_each("", |server, _| {
        let mut client = server.client();
        for line in [
            "HELLO.NUMBER 12345678901234567890123",
            "HELLO.JOIN a-string-of-some-length another-string-of-some-length",
            "HELLO.SORT c a-string-that-is-too-long-to-be-embedded-in-its-object b",
            "HELLO.KEEP a-string-that-is-too-long-to-be-embedded-in-its-object",
            "HELLO.KEPT",
            "HELLO.KEYSOF MSET a 1 b 2",
            "HELLO.KEYSOF GET",
            "HELLO.STREAM pieces a-string-that-is-sent",
            "HELLO.STREAM attributes",
            "HELLO.STREAM uncounted",
            "HELLO.READ any save",
            "HELLO.TUNE number databases 1",
            "HELLO.TUNE choice maxmemory-policy nonsense",
            "HELLO.TUNE any hello.greeting hello",
            "CONFIG SET hello.moods sad",
            "CONFIG GET hello.greeting",
            "HELLO.FIELD server run_id",
            "HELLO.REARG a b",
            "HELLO.ARITY",
        ] {
            let command = Command::new(line);
            let again = |client: &mut Client| {
                for _ in 0..ROUNDS / 100 {
                    client.pipeline(std::iter::repeat_n(&command, 100)).expect("the server answers");
                }
                // What is kept on purpose is kept no more, and buffers are as they were.
                ask(client, "HELLO.KEPT");
                used_memory(client)
            };
            again(&mut client);
            let used = [(); 4].map(|()| again(&mut client));
            // Eight bytes of each answer would be more, each time; a buffer of a client's grows once.
            let grown = used.array_windows().map(|[before, after]| after - before).min().unwrap_or(0);
            assert!(grown < 8 * ROUNDS as i64, "{line}: {grown} bytes");
        }
    });
}

fn used_memory(client: &mut Client) -> i64 {
    let memory = client.text(cmd!("INFO", "memory"));
    let used = memory.lines().find_map(|line| line.strip_prefix("used_memory:")?.parse().ok());
    used.expect("a number")
}

/// Debian's Valkey gives a module another `malloc` than the C library calls inside: without the forwarders that
/// `module!` emits, both lines end the server.
#[test]
fn the_c_library_and_the_module_share_one_allocator() {
    on_each("", |server, _| {
        let mut client = server.client();
        assert_eq!(ask(&mut client, "HELLO.PATH /usr/../usr/lib/."), bytes("/usr/lib"));
        assert!(ask(&mut client, "HELLO.PATH /no/such/path").error().is_some());
        assert!(ask(&mut client, "HELLO.PANIC").error().is_some());
        assert_eq!(ask(&mut client, "PING"), bytes("PONG"));
    });
}
