//! Metadata of keys: Redis 8.6 has it, the other servers say that they don't.

use redis_mirror_test_support::wait::wait_until;
use redis_mirror_test_support::{Client, Command, Family, Options, Server, servers};

use crate::structures::{self, is_since};

/// Tells a story to each server that has metadata of keys.
fn on_each_server(options: impl Fn() -> Options, story: impl Fn(&mut Server, &mut Client)) {
    for installed in servers() {
        if !is_since(installed, Family::Redis, (8, 6)) {
            println!("{installed} has no metadata of keys");
            continue;
        }
        println!("on {installed}");
        let mut server = Server::start(installed, options());
        let mut client = server.client();
        story(&mut server, &mut client);
        assert!(server.is_running(), "{installed} has ended");
        server.client().run("PING");
    }
}

fn plain() -> Options {
    structures::options("").set("enable-debug-command", "yes")
}

/// The note on a key.
fn note(client: &mut Client, key: &str) -> Option<String> {
    let reply = client.run(Command::new("ST.META.GET").arg(key));
    reply.as_array().and_then(|reply| reply[0].as_text())
}

#[test]
fn a_server_without_metadata_says_so() {
    structures::on_each_server(|server, client| {
        client.run("SET k v");
        if !is_since(server.installed(), Family::Redis, (8, 6)) {
            assert!(client.refusal("ST.META.SET k note").contains("it came with Redis 8.6"));
        }
    });
}

#[test]
fn a_note_stays_with_its_key_and_goes_with_it() {
    on_each_server(plain, |_, client| {
        assert_eq!(client.refusal("ST.META.SET k one"), "ERR no such key");
        assert_eq!(client.int("ST.META.ALIVE"), 0);
        for make in ["SET k v", "RPUSH k a b c", "HSET k f v", "XADD k 1-1 f v", "ZADD k 1 a", "SADD k x y"] {
            client.run("DEL k");
            client.run(make);
            assert_eq!((note(client, "k"), client.bytes("ST.META.SET k one")), (None, None), "{make}");
            assert_eq!(client.text("ST.META.SET k two"), "one");
            assert_eq!(client.int("ST.META.CHANGE k +"), 4);
            client.run("PEXPIRE k 1000000");
            client.run("ST.META.MARK k 7");
            client.run("PERSIST k");
            assert_eq!(
                (note(client, "k").as_deref(), client.int("ST.META.ALIVE")),
                (Some("two+"), 1),
                "{make}"
            );
        }
        assert_eq!(client.text("ST.META.REMOVE k"), "two+");
        assert_eq!((client.bytes("ST.META.REMOVE k"), note(client, "k")), (None, None));
        client.run("ST.META.SET k three");
        client.run("SET k another");
        assert_eq!((note(client, "k"), client.int("ST.META.ALIVE")), (None, 0));
        client.run("ST.META.SET k four");
        client.run("FLUSHALL ASYNC");
        wait_until("the notes are dropped", || client.int("ST.META.ALIVE") == 0);
    });
}

#[test]
fn notes_of_any_bytes_survive_snapshots_dumps_and_rewrites() {
    let durable = || plain().durable().set("aof-use-rdb-preamble", "no");
    on_each_server(durable, |server, client| {
        let large = vec![b'n'; 1 << 20];
        let notes = [b"".as_slice(), b"\0", b"%s%n", b"\xff\xfe", b"\r\n*1\r\n", b"nul\0in it", &large];
        for (number, text) in notes.iter().enumerate() {
            client.run(format!("SET k{number} v").as_str());
            client.run(format!("ST.META.MARK k{number} {number}").as_str());
            client.run(Command::new("ST.META.SET").arg(format!("k{number}")).arg(*text));
        }
        let all = |client: &mut Client| {
            (0..notes.len()).all(|number| {
                let reply = client.run(format!("ST.META.GET k{number}").as_str());
                reply.as_array().is_some_and(|reply| reply[0].as_bytes() == Some(notes[number]))
            })
        };
        assert!(all(client));
        client.run("DEBUG RELOAD");
        assert!(all(client) && client.int("ST.META.ALIVE") == notes.len() as i64);
        assert_eq!(client.run("ST.META.GET k3").as_array().and_then(|reply| reply[1].as_int()), Some(3));
        let dump = client.bytes("DUMP k3").expect("a payload");
        client.run(Command::new("RESTORE copy 0").arg(dump.as_slice()));
        assert_eq!(note(client, "copy"), note(client, "k3"));
        for cut in 1..dump.len() - 10 {
            client.refusal(Command::new("RESTORE cut 0").arg(&dump[..cut]));
        }
        client.run("DEL copy");
        assert_eq!(client.int("ST.META.ALIVE"), notes.len() as i64);
        client.run("BGREWRITEAOF");
        wait_until("the rewrite ends", || {
            let info = server.info("persistence");
            info.number("aof_rewrite_in_progress") == Some(0)
                && info.number("aof_rewrite_scheduled") == Some(0)
        });
        server.kill_and_resume();
        let mut client = server.client();
        assert!(all(&mut client) && client.int("ST.META.ALIVE") == notes.len() as i64);
    });
}

#[test]
fn notes_follow_copies_renames_and_moves_as_they_like() {
    on_each_server(plain, |server, client| {
        for (text, copied, renamed, moved) in
            [("n", Some("n"), Some("n'"), Some("n'")), ("private", None, None, None)]
        {
            client.run("FLUSHALL");
            client.run("SET a v");
            client.run(Command::new("ST.META.SET a").arg(text));
            client.run("COPY a b");
            assert_eq!(note(client, "b").as_deref(), copied);
            client.run("RENAME a c");
            assert_eq!(note(client, "c").as_deref(), renamed);
            client.run("MOVE c 1");
            client.run("SELECT 1");
            assert_eq!(note(client, "c").as_deref(), moved);
            client.run("DEL c");
            client.run("SELECT 0");
            client.run("UNLINK b");
            wait_until("the notes are dropped", || client.int("ST.META.ALIVE") == 0);
        }
        let log = server.log();
        for line in [
            "copied Some(\"a\")@Some(0) Some(\"b\")@Some(0)",
            "renamed Some(\"a\")@Some(0) Some(\"c\")@Some(0)",
            "moved Some(\"c\")@Some(0) None@Some(1)",
            "unlinked Some(\"c\")@Some(1) None@None",
        ] {
            assert!(log.contains(line), "{line} is not in the log");
        }
    });
}

#[test]
fn a_panic_in_each_callback_is_contained() {
    on_each_server(plain, |server, client| {
        for (what, provoke) in [
            ("copy", "COPY k copy"),
            ("rename", "RENAME k k2"),
            ("move", "MOVE k 1"),
            ("unlink", "DEL k"),
            ("drop", "DEL k"),
        ] {
            client.run("FLUSHALL");
            client.run("SET k v");
            client.run(format!("ST.META.SET k panic:{what}").as_str());
            client.run(provoke);
            assert!(server.log().contains(&format!("in the {what} of a key's metadata")), "{what}");
        }
        client.run("FLUSHALL");
        wait_until("the notes are dropped", || client.int("ST.META.ALIVE") == 0);
        client.run("SET k v");
        client.run("ST.META.SET k panic:load");
        let dump = client.bytes("DUMP k").expect("a payload");
        client.refusal(Command::new("RESTORE loaded 0").arg(dump.as_slice()));
        client.run("ST.META.SET k error:load");
        let dump = client.bytes("DUMP k").expect("a payload");
        client.refusal(Command::new("RESTORE loaded 0").arg(dump.as_slice()));
        client.run("ST.META.SET k skip:load");
        let dump = client.bytes("DUMP k").expect("a payload");
        client.run(Command::new("RESTORE loaded 0").arg(dump.as_slice()));
        assert_eq!((note(client, "loaded"), client.int("ST.META.ALIVE")), (None, 1));
        client.run("ST.META.SET k unsaved");
        let dump = client.bytes("DUMP k").expect("a payload");
        client.run(Command::new("RESTORE loaded 0").arg(dump.as_slice()).arg("REPLACE"));
        assert_eq!(note(client, "loaded"), None);
    });
}

#[test]
fn a_panic_in_a_save_fails_the_save_and_nothing_else() {
    on_each_server(plain, |server, client| {
        client.run("SET k v");
        for (text, status) in [("panic:save", "err"), ("fine", "ok")] {
            client.run(format!("ST.META.SET k {text}").as_str());
            client.run("BGSAVE");
            wait_until("the child is gone", || {
                server.info("persistence").number("rdb_bgsave_in_progress") == Some(0)
            });
            assert_eq!(server.info("persistence").get("rdb_last_bgsave_status"), Some(status), "{text}");
        }
    });
}

#[test]
fn a_class_is_checked_reserved_and_given_back() {
    on_each_server(plain, |server, client| {
        let refused = client.texts("ST.META.REFUSED");
        let name = "the class's name is not valid: four of A-Z a-z 0-9 - _";
        let version = "the class's version is not valid: at most 31";
        let taken = "the server refused RedisModule_CreateKeyMetaClass: a module has a class of that name";
        assert_eq!(refused, [name, name, version, taken, version]);
        client.run("ST.META.RELEASE");
        assert!(client.refusal("ST.META.RELEASE").contains("syntax"));
        // Without values the module goes, its classes with it, and comes again.
        drop(server.client());
        client.run("MODULE UNLOAD structures");
    });
    let unloadable = || plain().set("enable-module-command", "yes");
    on_each_server(unloadable, |_, client| {
        let module = crate::example::module("hello_structures");
        let load = Command::new("MODULE LOAD").arg(module.to_str().expect("a path"));
        client.run("MODULE UNLOAD structures");
        for _ in 0..3 {
            client.refusal(load.clone().arg("REFUSE"));
            client.run(load.clone());
            client.run("MODULE UNLOAD structures");
        }
        client.run(load);
        client.run("SET k v");
        client.run("ST.META.SET k note");
        client.run("DEL k");
        // From the first value on it stays: the server ends when it finds a value of a class that is gone.
        client.refusal("MODULE UNLOAD structures");
        assert!(client.refusal("ST.META.RELEASE").contains("keys have had metadata of this module"));
    });
}

#[test]
fn the_class_of_another_module_of_this_crate_is_not_taken() {
    on_each_server(
        || plain().set("enable-module-command", "yes"),
        |server, client| {
            let module = crate::example::module("hello_structures");
            let copy = server.dir().join("libtwin.so");
            std::fs::copy(module, &copy).expect("the module is copied");
            // The same module under another path: its own name is taken before anything else.
            let load = Command::new("MODULE LOAD").arg(copy.to_str().expect("a path"));
            client.refusal(load);
        },
    );
}

#[test]
fn a_snapshot_with_metadata_needs_its_module_unless_the_class_says_otherwise() {
    on_each_server(plain, |server, client| {
        let bare = Server::start(server.installed(), Options::new());
        let mut elsewhere = bare.client();
        client.run("SET k v");
        client.run("ST.META.MARK k 5");
        let dump = client.bytes("DUMP k").expect("a payload");
        elsewhere.run(Command::new("RESTORE k 0").arg(dump.as_slice()));
        client.run("ST.META.SET k note");
        let dump = client.bytes("DUMP k").expect("a payload");
        elsewhere.refusal(Command::new("RESTORE other 0").arg(dump.as_slice()));
    });
}
