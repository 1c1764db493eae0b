//! `examples/filter`, and filters used in odd ways.

use redis_mirror_test_support::wait::wait_until;
use redis_mirror_test_support::{Client, Command, Family, Server, Value, servers};

use crate::harness::{self, Subject};
use crate::structures::{self, is_since};

pub const SUBJECT: Subject = Subject { packages: &["filter"], drive };

fn drive(_server: &Server, client: &mut Client) {
    client.run("FILTER.RENAME fetch get");
    client.run("SET color red");
    assert_eq!(client.text("FETCH color"), "red");
    client.run("FILTER.PREFIX tenant:");
    client.run("SET color blue");
    client.run(Command::new("FILTER.PREFIX").arg(""));
    assert_eq!(client.text("GET tenant:color"), "blue");
    client.run("PEXPIRE color 1000000");
    client.run("SET color green KEEPING");
    assert!(client.int("PTTL color") > 0 && client.text("GET color") == "green");
    let seen = client.int("FILTER.SEEN");
    assert_eq!(client.int("FILTER.SEEN"), seen + 1);
    assert_eq!((client.int("FILTER.OFF"), client.int("FILTER.OFF")), (1, 0));
    assert!(client.refusal("FETCH color").contains("unknown command"));
    assert_eq!((client.int("FILTER.ON"), client.int("FILTER.ON")), (1, 0));
    assert_eq!(client.text("FETCH color"), "green");
    client.run("FILTER.RENAME fetch fetch");
}

#[test]
fn a_filter_sees_a_command_of_a_transaction_once_and_each_of_a_script() {
    harness::on_each_server(&["filter"], |_, client| {
        let seen = client.int("FILTER.SEEN");
        for command in ["MULTI", "SET k v", "GET k", "EXEC"] {
            client.run(command);
        }
        assert_eq!(client.int("FILTER.SEEN") - seen, 5);
        client.run(Command::new("EVAL").arg("redis.call('get', 'k') return redis.call('get', 'k')").arg(0));
        assert_eq!(client.int("FILTER.SEEN") - seen, 9);
    });
}

#[test]
fn renamed_commands_reach_scripts_pipelines_and_replicas() {
    for installed in servers() {
        let options = || harness::options(&["filter"]).durable();
        let (mut source, replica) =
            (Server::start(installed, options()), Server::start(installed, options()));
        replica.replicate(source.address());
        let mut client = source.client();
        client.run("FILTER.RENAME store set");
        client.run("FILTER.PREFIX p:");
        let stores: Vec<Command> = (0..500).map(|n| Command::new(&format!("STORE k{n} {n}"))).collect();
        for reply in client.pipeline(&stores).expect("replies") {
            assert_eq!(reply, Value::Bytes(b"OK".to_vec()), "{installed}");
        }
        let script =
            Command::new("EVAL").arg("return redis.call('store', KEYS[1], 'scripted')").arg(1).arg("k500");
        client.run(script);
        client.run("MULTI");
        client.run("STORE k501 queued");
        client.run("EXEC");
        client.run(Command::new("FILTER.PREFIX").arg(""));
        assert_eq!(client.int("DBSIZE"), 502);
        assert_eq!(client.int("WAIT 1 60000"), 1);
        for (key, value) in [("p:k0", "0"), ("p:k499", "499"), ("p:k500", "scripted"), ("p:k501", "queued")] {
            assert_eq!(client.text(format!("GET {key}").as_str()), value, "{installed}");
            // The replica's own filter has no rules.
            assert_eq!(replica.client().text(format!("GET {key}").as_str()), value, "{installed}");
        }
        source.kill_and_resume();
        assert_eq!(source.client().text("GET p:k499"), "499", "{installed}");
    }
}

#[test]
fn a_key_that_a_filter_replaced_lies_in_its_own_slot() {
    for installed in servers() {
        let options = harness::options(&["filter"]).set("cluster-enabled", "yes").set("save", "\"\"");
        let server = Server::start(installed, options);
        let mut client = server.client();
        client.run("CLUSTER ADDSLOTSRANGE 0 16383");
        wait_until("the cluster is up", || client.text("CLUSTER INFO").contains("cluster_state:ok"));
        client.run("FILTER.RENAME fetch get");
        client.run("FILTER.PREFIX p:");
        let sets: Vec<Command> = (0..200).map(|n| Command::new(&format!("SET k{n} {n}"))).collect();
        for reply in client.pipeline(&sets).expect("replies") {
            assert_eq!(reply, Value::Bytes(b"OK".to_vec()), "{installed}");
        }
        client.run(Command::new("FILTER.PREFIX").arg(""));
        // Where the server would lose the keys, the filter may not touch them.
        let is_refused = is_since(installed, Family::Redis, (8, 2));
        let prefix = if is_refused { "" } else { "p:" };
        for number in 0..200 {
            let key = format!("{prefix}k{number}");
            let slot = client.int(Command::new("CLUSTER KEYSLOT").arg(&key));
            assert_eq!(
                client.int(Command::new("CLUSTER COUNTKEYSINSLOT").arg(slot.to_string())),
                1,
                "{installed} {key}"
            );
            assert_eq!(client.text(Command::new("GET").arg(&key)), number.to_string(), "{installed}");
            assert_eq!(client.call(Command::new("FETCH").arg(&key)).is_err(), is_refused, "{installed}");
            assert_eq!(client.int(Command::new("DEL").arg(&key)), 1, "{installed}");
        }
        assert_eq!(client.int("DBSIZE"), 0);
    }
}

#[test]
fn arguments_are_inserted_replaced_and_removed_within_their_limits() {
    structures::on_each_server(|server, client| {
        assert_eq!(
            client.text("ST.CHANGE all a b c"),
            "the number of arguments is not valid: a command has a name"
        );
        assert_eq!(client.text("ST.CHANGE grow"), "199 198 197 196 195 194 193 192 191 190 grow");
        let refused = client.text("ST.CHANGE beyond a");
        assert!(refused.matches("the command has less arguments").count() == 2, "{refused}");
        let id = client.text("ST.CHANGE client");
        if is_since(server.installed(), Family::Redis, (7, 2))
            || server.installed().version.family == Family::Valkey
        {
            assert_eq!(id, client.int("CLIENT ID").to_string());
        } else {
            assert!(id.contains("it came with Redis 7.2 and Valkey 7.2"), "{id}");
        }
        // Any number of arguments, of which the first ones are taken from the wire in one piece.
        for count in [10, 1000, 3000] {
            let many = Command::new("ST.CHANGE grow").args((0..count).map(|_| "x"));
            assert!(client.text(many).ends_with(&" x".repeat(count)), "{count}");
        }
    });
}

#[test]
fn arguments_of_any_bytes_pass_through_a_filter() {
    structures::on_each_server(|_, client| {
        let large = vec![b'z'; 1 << 20];
        for bytes in [b"".as_slice(), b"\0", b"%s%n", b"\xff\xfe", b"\r\n-ERR\r\n", &large] {
            let kept = client.bytes(Command::new("ST.CHANGE same").arg(bytes));
            assert!(kept.as_deref() == Some(bytes), "{:?}", bytes.get(..10));
        }
        // The servers shorten and share their strings: a number stays what it was.
        assert_eq!(client.text("ST.CHANGE same 12345"), "12345");
    });
}

#[test]
fn a_panic_in_a_filter_lets_the_command_go_on() {
    structures::on_each_server(|server, client| {
        assert!(client.refusal("ST.PANIC.BEFORE").contains("unknown command"));
        assert!(client.refusal("ST.PANIC.AFTER").contains("unknown command"));
        let log = server.log();
        assert!(log.contains("a panic was caught in a command filter"));
        assert!(log.contains("in a command filter, when it had changed the command"));
        client.run("SET k v");
    });
}

#[test]
fn a_filter_ends_itself_and_others_while_it_runs() {
    structures::on_each_server(|_, client| {
        assert_eq!(client.int("ST.FILTER.ALIVE"), 0);
        client.run("ST.FILTER.ADD suicide");
        assert_eq!(client.int("ST.FILTER.ALIVE"), 1);
        // It goes on to its end, once: the argument it adds is seen.
        assert_eq!((client.int("ST.FILTER.NOTE"), client.int("ST.FILTER.NOTE")), (1, 0));
        assert_eq!(client.int("ST.FILTER.ALIVE"), 0);
        client.run("ST.FILTER.ADD massacre");
        assert_eq!(client.int("ST.FILTER.ALIVE"), 1);
        client.run("ST.FILTER.NOTE");
        assert_eq!(client.int("ST.FILTER.ALIVE"), 0);
        // What ended has left its place: as many as ever fit in.
        assert_eq!(
            client.run("ST.FILTER.MANY").as_array().map(|reply| reply[0].clone()),
            Some(Value::Int(7))
        );
    });
}

#[test]
fn filters_have_a_limit_and_their_values_are_dropped_once() {
    structures::on_each_server(|_, client| {
        for _ in 0..3 {
            let reply = client.run("ST.FILTER.MANY");
            let reply = reply.as_array().expect("a number and an error");
            assert_eq!(reply[0], Value::Int(7));
            let error = reply[1].as_text().unwrap_or_default();
            assert!(
                error.contains("the number of command filters is not valid: at most 8 at once"),
                "{error}"
            );
            assert_eq!(client.int("ST.FILTER.DROP"), 7);
        }
        for _ in 0..7 {
            client.run("ST.FILTER.ADD count");
        }
        assert_eq!((client.int("ST.FILTER.ALIVE"), client.int("ST.FILTER.DROP")), (7, 7));
        assert_eq!(client.int("ST.FILTER.ALIVE"), 0);
    });
}

#[test]
fn own_calls_are_seen_by_the_scope_that_asks_for_them() {
    structures::on_each_server(|_, client| {
        let noted = client.int("ST.FILTER.NOTED");
        client.run("ST.FILTER.OWN");
        assert_eq!(client.int("ST.FILTER.NOTED") - noted, 1);
        client.run("ST.FILTER.ADD own");
        client.run("ST.FILTER.OWN");
        assert_eq!(client.int("ST.FILTER.NOTED") - noted, 2, "the new filter does not see it");
        client.run("ST.FILTER.NOTE");
        assert_eq!(client.int("ST.FILTER.NOTED") - noted, 103, "both see a client's");
    });
}

#[test]
fn filters_go_with_a_module_that_is_unloaded_or_refused() {
    for installed in servers() {
        let options = redis_mirror_test_support::Options::new().set("enable-module-command", "yes");
        let mut server = Server::start(installed, options);
        let mut client = server.client();
        let module = crate::example::module("hello_structures");
        let load = Command::new("MODULE LOAD").arg(module.to_str().expect("a path"));
        for _ in 0..3 {
            client.refusal(load.clone().arg("REFUSE"));
            client.run("PING");
            client.run(load.clone());
            client.run("ST.FILTER.MANY");
            assert_eq!(client.int("ST.FILTER.NOTE a b"), 2);
            client.run("MODULE UNLOAD structures");
            client.run("PING");
        }
        assert!(server.is_running(), "{installed} has ended");
    }
}
