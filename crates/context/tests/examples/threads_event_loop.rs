//! `examples/threads_event_loop`.

use std::io::Write;
use std::net::{TcpListener, TcpStream};

use redis_mirror_test_support::wait::{wait_for, wait_until};
use redis_mirror_test_support::{Client, Command, Server};

use crate::acl_auth::{on_each_server_with, with};
use crate::harness::Subject;

pub const SUBJECT: Subject = Subject { packages: &["threads_event_loop"], drive };

fn drive(_server: &Server, client: &mut Client) {
    client.run("MSET page:1 x page:2 y other z");
    for at in 0..500 {
        client.run(Command::new("SET").arg(format!("filler:{at}")).arg("x"));
    }
    assert_eq!(client.int("WORK.COUNT page:"), 2);
    assert_eq!(client.int("WORK.COUNT filler:"), 500);
    assert_eq!(client.int("WORK.TOUCH page:"), 2);
    assert_eq!(client.text("GET touched:page:"), "2");
    assert_eq!(client.int("WORK.PRIMES 10000"), 1229);

    let mut caller = wait_for("a free port", || {
        let free = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
        let port = free.map_err(|error| error.to_string())?.port();
        client.call(Command::new("WORK.LISTEN").arg(port.to_string())).map_err(|error| error.to_string())?;
        TcpStream::connect(("127.0.0.1", port)).map_err(|error| error.to_string())
    });
    caller.write_all(b"hello\n").expect("the module listens");
    wait_until("it is heard", || client.texts("WORK.HEARD") == ["hello\n"]);
    client.run("WORK.LISTEN 0");
}

#[test]
fn the_comment_shows_what_happens() {
    crate::harness::on_each_server(&["threads_event_loop"], drive);
}

fn journal(client: &mut Client) -> Vec<String> {
    client.texts("OW.JOURNAL")
}

/// The kinds of what OW.ALL starts that have noted `word`.
fn ran(client: &mut Client, word: &str) -> Vec<String> {
    let lines = journal(client);
    let mut kinds: Vec<String> = lines
        .iter()
        .filter_map(|line| {
            line.split_once(' ').filter(|(kind, rest)| ALL.contains(kind) && rest.starts_with(word))
        })
        .map(|(kind, _)| kind.to_owned())
        .collect();
    kinds.sort();
    kinds
}

const ALL: [&str; 5] = ["event", "fd", "job", "lock", "timer"];

fn at(client: &mut Client, line: &str) -> usize {
    let lines = journal(client);
    lines.iter().position(|found| found == line).unwrap_or_else(|| panic!("{line:?} is not in {lines:?}"))
}

/// Waits until all have run, and looks whether each of them came after `line`.
fn all_after(client: &mut Client, line: &str, word: &str, outcome: &str) {
    wait_until("all have run", || ran(client, word) == ALL);
    for kind in ALL {
        let own = at(client, &format!("{kind} {word} {outcome}"));
        assert!(at(client, line) < own, "{kind} came before {line:?}: {:?}", journal(client));
    }
}

#[test]
fn inside_a_busy_script_nothing_runs() {
    on_each_server_with("odd_work", |server, client| {
        client.run("CONFIG SET busy-reply-threshold 10");
        let mut script = server.client();
        let code = "repeat until redis.call('OW.GATE') == 1 redis.call('OW.NOTE', 'script ends')";
        script.send(&Command::new("EVAL").arg(code).arg("0")).expect("it is sent");
        wait_until("the server is busy", || client.call("PING").is_err());
        client.run("OW.ALL busy");
        for _ in 0..100 {
            assert!(client.refusal("PING").starts_with("BUSY"));
        }
        assert_eq!(ran(client, "busy"), [""; 0]);
        client.run("OW.GATE open");
        script.receive().expect("the script ends");
        all_after(client, "script ends", "busy", "true");
    });
}

#[test]
fn inside_a_load_nothing_runs() {
    on_each_server_with("odd_work", |server, client| {
        for at in 0..2000 {
            client.run(Command::new("SET").arg(format!("key{at}")).arg("x".repeat(100)));
        }
        client.run("CONFIG SET key-load-delay 200 loading-process-events-interval-bytes 1024");
        let mut reload = server.client();
        reload.send(&Command::new("DEBUG RELOAD")).expect("it is sent");
        wait_until("the server loads", || journal(client).contains(&"loading Started(Rdb)".to_owned()));
        client.run("OW.ALL load");
        let meanwhile = ran(client, "load");
        assert!(!journal(client).contains(&"loading Ended".to_owned()), "the load was over too soon to tell");
        assert_eq!(meanwhile, [""; 0]);
        reload.receive().expect("the reload ends");
        all_after(client, "loading Ended", "load", "true");
    });
}

#[test]
fn inside_a_full_sync_nothing_writes() {
    on_each_server_with("odd_work", |server, client| {
        let source = Server::start(server.installed(), redis_mirror_test_support::Options::new());
        let mut writer = source.client();
        for at in 0..2000 {
            writer.run(Command::new("SET").arg(format!("key{at}")).arg("x".repeat(100)));
        }
        client.run("CONFIG SET key-load-delay 200 loading-process-events-interval-bytes 1024");
        client.run(format!("REPLICAOF 127.0.0.1 {}", source.port()));
        wait_until("the replica loads", || {
            journal(client).iter().any(|line| line.starts_with("loading Started"))
        });
        client.run("OW.ALL sync");
        client.run("CONFIG SET key-load-delay 0");
        all_after(client, "loading Ended", "sync", "Replica");
        assert_eq!(client.bytes("GET ow"), None);
    });
}

#[test]
fn a_pause_is_told_to_everything_that_would_write() {
    for installed in redis_mirror_test_support::servers() {
        println!("on {installed}");
        // With an AOF, a write while paused would abort the server.
        let server = Server::start(installed, with("odd_work").durable());
        let mut client = server.client();
        client.run("OW.NOTE note");
        client.run("CLIENT PAUSE 100000 WRITE");
        client.run("OW.ALL pause");
        all_after(&mut client, "note", "pause", "Paused");
        client.run("CLIENT UNPAUSE");
        client.run("OW.ALL again");
        all_after(&mut client, "note", "again", "true");
        assert_eq!(client.text("GET ow"), "5");
    }
}

#[test]
fn a_thread_runs_under_the_lock_what_the_main_thread_could() {
    on_each_server_with("odd_work", |server, client| {
        client.run("MSET a 1 b 2 c 3");
        assert_eq!(client.text("OW.LOCK try"), "Ok(\"tried 3\")");
        assert_eq!(client.text("OW.LOCK scan"), "Ok(\"3 keys\")");
        assert_eq!(client.text("OW.LOCK shared"), "Ok(\"1\")");
        assert_eq!(client.int("OW.SHARED"), 2);
        assert_eq!(client.text("OW.LOCK shared"), "Ok(\"3\")");
        assert_eq!(client.text("OW.LOCK db"), "Ok(\"0 3\")");
        assert_eq!(client.text("OW.LOCK db"), "Ok(\"0 3\")", "each section begins in database 0");
        let wrote = client.text("OW.LOCK write relock:n");
        assert_eq!(wrote, "Ok(\"true true true Some(Busy)\")");
        assert_eq!(client.text("GET relock:n"), "2");
        assert_eq!(client.text("OW.LOCK panic"), "Err(Panicked)");
        assert!(server.log().contains("under the lock"));
    });
}

#[test]
fn the_lock_is_not_taken_twice_and_not_by_those_who_hold_it() {
    on_each_server_with("odd_work", |_, client| {
        let held = "(Err(AlreadyHeld), Err(AlreadyHeld))";
        assert_eq!(client.text("OW.HELD"), format!("{held} Ok(())"));
        assert_eq!(client.text("OW.LOCK twice"), format!("Ok({held:?})"));
        assert_eq!(client.text("OW.LOCK std"), "Ok(\"Err(AlreadyHeld)\")");
        // A command, and a listener, of this module that run on the lock's thread.
        let called = client.text("OW.LOCK call");
        assert!(called.contains(held) && called.contains("Err(Busy)"), "{called}");
        client.run("OW.LOCK write relock:k");
        assert!(journal(client).contains(&format!("relock {held}")));
        assert!(client.text("OW.LOCK waker").contains("only the main thread changes what it watches"));
    });
}

#[test]
fn what_is_written_under_the_lock_is_one_unit() {
    for installed in redis_mirror_test_support::servers() {
        println!("on {installed}");
        let server = Server::start(installed, with("odd_work").durable());
        let mut client = server.client();
        client.run("OW.LOCK write unit");
        let folder = std::fs::read_dir(server.dir().join("appendonlydir")).expect("an AOF folder");
        let log: String = folder
            .flatten()
            .filter(|file| file.file_name().to_string_lossy().contains(".incr."))
            .map(|file| String::from_utf8_lossy(&std::fs::read(file.path()).expect("an AOF")).into_owned())
            .collect();
        let unit = log.split("MULTI").nth(1).and_then(|rest| rest.split("EXEC").next()).unwrap_or_default();
        assert!(unit.contains("SET") && unit.contains("INCR"), "{installed}: {log}");
    }
}

#[test]
fn a_long_command_lets_others_have_their_turn() {
    on_each_server_with("odd_work", |server, client| {
        client.run("CONFIG SET busy-reply-threshold 10");
        client.run("OW.GATE shut");
        let mut long = server.client();
        long.send(&Command::new("OW.YIELD clients 100")).expect("it is sent");
        wait_until("the server is busy", || client.call("PING").is_err());
        assert_eq!(client.refusal("PING"), "BUSY busy %s%n  odd");
        assert!(client.refusal("OW.BORROW").contains("in use by an outer call"));
        client.run("OW.ALL yield");
        for _ in 0..100 {
            assert!(client.refusal("PING").starts_with("BUSY"));
        }
        assert_eq!(ran(client, "yield "), [""; 0]);
        client.run("OW.GATE open");
        let rounds = long.receive().expect("it ends").as_int();
        assert!(rounds.is_some_and(|rounds| rounds > 0), "{rounds:?}");
        all_after(client, "yield ends", "yield", "true");
        client.run("OW.BORROW");
        client.run("OW.GATE shut");
        // Events alone serve no client.
        assert!(client.int("OW.YIELD events 1") > 0);
        client.run("SET x 1");
        assert_eq!(client.text("OW.YIELD OPEN-KEY x"), "Err(KeyIsOpen)");
        let script = Command::new("EVAL").arg("return redis.call('OW.YIELD', 'events', '1')").arg("0");
        assert!(client.refusal(script).contains("in use by an outer call"));
        client.run("MULTI");
        client.run("OW.YIELD events 1");
        assert!(client.run("EXEC").to_string().contains("in use by an outer call"));
    });
}
