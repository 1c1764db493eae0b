//! What the callbacks of a type are told, and what a panic in each of them does.

use redis_mirror_test_support::wait::wait_until;
use redis_mirror_test_support::{Client, Command, Server, cmd, servers};

use super::{on_each_probe, probe_options, tells_keys_of_defrag};

/// What was noted since the last time, without what the server asks whenever it likes.
fn journal(client: &mut Client) -> Vec<String> {
    client.texts("TP.JOURNAL").into_iter().filter(|line| !line.starts_with("effort ")).collect()
}

#[test]
fn each_callback_is_told_its_key_and_database() {
    on_each_probe(|server, client| {
        client.run("SELECT 3");
        client.run("TP.SET key text 1.5 2.5");
        journal(client);
        let asked = [
            ("DUMP key", vec!["save key 3"]),
            ("DEBUG DIGEST-VALUE key", vec!["digest key 3"]),
            ("MEMORY USAGE key", vec!["memory key 3", "samples 5"]),
            ("MEMORY USAGE key SAMPLES 7", vec!["memory key 3", "samples 7"]),
            ("COPY key other DB 4", vec!["copy key 3", "to other 4"]),
            ("RENAME key renamed", vec!["unlink key 3"]),
            ("DEL renamed", vec!["unlink renamed 3"]),
        ];
        for (command, expected) in asked {
            client.run(command);
            assert_eq!(journal(client), expected, "{command}");
        }
        client.run("SELECT 4");
        client.run("DEBUG RELOAD");
        let lines = journal(client);
        assert!(
            lines.contains(&"save other 4".into()) && lines.contains(&"load other 4".into()),
            "{lines:?}"
        );
        let log = server.log();
        assert!(log.contains("<types_probe> saves %s%n\\x0d\\x0a\\x00\u{fffd}"), "any bytes are logged");
        assert!(log.contains("<types_probe> loads version 2"));
    });
}

/// From the first value on: the module is not called again before its key is renamed.
#[test]
fn a_load_subscribes_to_what_comes_next() {
    on_each_probe(|_, client| {
        client.run("TP.SET key hear 1 1");
        let bytes = client.bytes("DUMP key").expect("a payload");
        client.run("DEL key");
        journal(client);
        client.run("MULTI");
        client.run(cmd!("RESTORE", "key", 0, bytes));
        client.run("RENAME key other");
        client.run("EXEC");
        let lines = journal(client);
        assert!(lines.contains(&"rename_to other 0".into()), "{lines:?}");
    });
}

#[test]
fn free_effort_is_told_the_key_where_a_defragmentation_knows_it() {
    on_each_probe(|server, client| {
        client.run(Command::new("TP.SET key text 1 1").args((0..100).map(|at| at.to_string())));
        client.texts("TP.JOURNAL");
        client.run("UNLINK key");
        let lines = client.texts("TP.JOURNAL");
        let key = if tells_keys_of_defrag(server.installed()) { "key" } else { "-" };
        assert!(lines.contains(&format!("effort {key} 0")), "{lines:?}");
    });
}

#[test]
fn an_aof_rewrite_is_told_the_key() {
    for installed in servers() {
        let options = probe_options().durable().set("aof-use-rdb-preamble", "no");
        let mut server = Server::start(installed, options);
        let mut client = server.client();
        client.run(Command::new("TP.SET key").arg(b"a\0\xff".as_slice()).args(["0.1", "0.25", "part"]));
        let value = client.run("TP.GET key");
        client.run("BGREWRITEAOF");
        wait_until("the rewrite ends", || {
            let info = server.info("persistence");
            info.number("aof_rewrite_in_progress") == Some(0)
                && info.number("aof_rewrite_scheduled") == Some(0)
        });
        assert!(server.log().contains("rewrites %s%n"), "{installed}");
        server.kill_and_resume();
        assert_eq!(server.client().run("TP.GET key"), value, "{installed}");
    }
}

#[test]
fn a_refused_copy_is_an_error_reply() {
    on_each_probe(|_, client| {
        client.run(Command::new("TP.SET key").arg("no copy").args(["1", "1"]));
        assert!(client.refusal("COPY key other").contains("failed to copy"));
        assert_eq!(client.int("EXISTS other"), 0);
    });
}

#[test]
fn a_panic_in_a_callback_is_logged_and_goes_no_further() {
    on_each_probe(|server, client| {
        let mut story = |text: &str, command: &str, logged: &str, is_refused: bool| {
            client.run(format!("TP.SET key panic:{text} 1 1 part"));
            assert_eq!(client.call(command).is_err(), is_refused, "{text}");
            assert!(server.log().contains(&format!("a panic was caught in {logged}")), "{text}");
            let _ = client.call("DEL key");
        };
        story("digest", "DEBUG DIGEST-VALUE key", "a type's digest", false);
        story("memory", "MEMORY USAGE key", "a type's memory usage", false);
        story("copy", "COPY key other", "a type's copy", true);
        story("to", "COPY key other", "a type's copy", true);
        story("effort", "UNLINK key", "a type's free effort", false);
        story("unlink", "DEL key", "a type's unlink", false);
        story("free", "DEL key", "a value's drop", false);
        story("save", "TP.ENCODE key", "a type's save", true);
    });
}

#[test]
fn a_panic_in_a_load_is_an_error_of_restore() {
    on_each_probe(|server, client| {
        client.run("TP.SET key panic:load 1 1");
        let dump = client.bytes("DUMP key").expect("a payload");
        client.refusal(Command::new("RESTORE other 0").arg(dump.as_slice()));
        assert!(server.log().contains("a panic was caught in a type's load"));
        assert_eq!(client.int("EXISTS other"), 0);
    });
}

#[test]
fn a_panic_in_a_rewrite_fails_the_rewrite() {
    for installed in servers() {
        let options = probe_options().durable().set("aof-use-rdb-preamble", "no");
        let server = Server::start(installed, options);
        let mut client = server.client();
        client.run("TP.SET key panic:rewrite 1 1");
        client.run("BGREWRITEAOF");
        wait_until("the rewrite fails", || {
            server.info("persistence").get("aof_last_bgrewrite_status") == Some("err")
        });
        client.run("DEL key");
        client.run("BGREWRITEAOF");
        wait_until("the next one succeeds", || {
            server.info("persistence").get("aof_last_bgrewrite_status") == Some("ok")
        });
    }
}

#[test]
fn a_drop_that_panics_in_the_background_is_contained() {
    on_each_probe(|server, client| {
        client.run(Command::new("TP.SET key panic:free 1 1").args((0..100).map(|at| at.to_string())));
        client.run("UNLINK key");
        wait_until("the background thread is done", || {
            server.info("memory").number("lazyfree_pending_objects") == Some(0)
                && server.log().contains("a panic was caught in a value's drop")
        });
    });
}

#[test]
fn a_value_is_replaced_and_the_old_one_given_back() {
    on_each_probe(|_, client| {
        client.run("TP.SET key old 1 1");
        client.run("EXPIRE key 1000");
        client.texts("TP.JOURNAL");
        let old = client.run("TP.GET key");
        assert_eq!(client.run("TP.REPLACE key new 2 2"), old);
        assert_eq!(client.run("TP.GET key").as_array().and_then(|all| all[0].as_text()), Some("new".into()));
        assert!(client.int("TTL key") > 900, "the expiry stays");
        assert!(journal(client).is_empty(), "nothing is unlinked");
        assert_eq!(client.refusal("TP.REPLACE none new 2 2"), "ERR no such key");
        client.run("SET string v");
        assert!(client.refusal("TP.REPLACE string new 2 2").starts_with("WRONGTYPE"));
    });
}
