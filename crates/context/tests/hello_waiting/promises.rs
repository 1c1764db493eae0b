//! Commands that block, called by the module.

use redis_mirror_test_support::wait::wait_until;
use redis_mirror_test_support::{Value, cmd};

use crate::{answer, everything_is_dropped, is_since_7_2, notes_with, on_each_server, waiter};

#[test]
fn a_server_without_promises_says_so() {
    on_each_server(|server, client| {
        if !is_since_7_2(server) {
            assert!(
                client.refusal("HW.PROMISE KEEP BLPOP k 0").contains("came with Redis 7.2 and Valkey 7.2")
            );
        }
    });
}

#[test]
fn each_command_that_waits_calls_its_handler_once() {
    on_each_server(|server, client| {
        if !is_since_7_2(server) {
            return;
        }
        let commands = [
            ("BLPOP k 0", "RPUSH k v", "1 promise: Array([Bulk([107]), Bulk([118])])"),
            ("BZPOPMIN z 0", "ZADD z 1 m", "1 promise: Array([Bulk([122]), Bulk([109]), Bulk([49])])"),
            ("BLMOVE a b LEFT LEFT 0", "RPUSH a v", "1 promise: Bulk([118])"),
            (
                "HW.KEYS 0 SERVE w",
                "RPUSH w v",
                "1 promise: Bulk([115, 101, 114, 118, 101, 100, 32, 119, 32, 116, 114, 117, 101])",
            ),
            ("BLPOP none 0.01", "PING", "1 promise: Null"),
            ("WAIT 1 10", "PING", "1 promise: Int(0)"),
        ];
        for how in ["KEEP", "DETACH"] {
            for (command, trigger, note) in commands {
                assert_eq!(client.text(format!("HW.PROMISE {how} {command}")), "later", "{command}");
                client.run(trigger);
                notes_with(client, note);
            }
            client.run("FLUSHALL");
        }
        assert_eq!(client.run("HW.PROMISES ABORT"), Value::Array(vec![Value::Int(6), Value::Int(0)]));
        // In a transaction, too.
        client.run("MULTI");
        client.run("HW.PROMISE KEEP BLPOP k 0");
        client.run("RPUSH k v");
        client.run("EXEC");
        notes_with(client, "1 promise: Array([Bulk([107]), Bulk([118])])");
        client.run("HW.PROMISES ABORT");
    });
}

#[test]
fn a_promise_that_is_dropped_takes_its_command_back() {
    on_each_server(|server, client| {
        if !is_since_7_2(server) {
            return;
        }
        for how in ["DROP", "KEEP"] {
            for command in
                ["BLPOP k 0", "bzpopmin k 0", "XREAD BLOCK 0 STREAMS k $", "BLMOVE k k LEFT LEFT 0"]
            {
                client.run(format!("HW.PROMISE {how} {command}"));
            }
            client.run("HW.PROMISES ABORT");
            everything_is_dropped(client);
            client.run("RPUSH k v");
            assert_eq!(client.int("LLEN k"), 1);
            client.run("DEL k");
        }
        let notes = client.texts("HW.NOTES");
        assert!(!notes.iter().any(|note| note.contains("promise")), "{notes:?}");
    });
}

/// What a module has blocked, and WAIT: the servers do not survive that they are taken back.
#[test]
fn commands_that_do_not_wait_for_keys_go_on_when_their_promise_is_dropped() {
    on_each_server(|server, client| {
        if !is_since_7_2(server) {
            return;
        }
        for how in ["DROP", "KEEP"] {
            for command in ["HW.KEYS 0 SERVE k", "HW.WAIT 0", "WAIT 1 1"] {
                client.run(format!("HW.PROMISE {how} {command}"));
            }
            client.run("HW.PROMISES ABORT");
            client.run("RPUSH k v");
            client.run("HW.END 1 x");
            everything_is_dropped(client);
            client.run("DEL k");
        }
        let notes = client.texts("HW.NOTES");
        for wanted in ["Bulk([115", "Array([Bulk([120", "Int(0)"] {
            let line = format!("2 promise: {wanted}");
            assert!(notes.iter().any(|note| note.starts_with(&line)), "{line}: {notes:?}");
        }
    });
}

#[test]
fn a_panic_in_a_handler_is_contained() {
    on_each_server(|server, client| {
        if !is_since_7_2(server) {
            return;
        }
        client.run("HW.PROMISE PANIC BLPOP k 0");
        client.run("RPUSH k v");
        wait_until("it is logged", || server.log().contains("in the handler of a promise"));
        client.run("HW.PROMISES ABORT");
    });
}

/// All wait for one key: the handler of the first runs while the server walks over the others.
#[test]
fn a_handler_may_give_up_those_that_wait_behind_it() {
    on_each_server(|server, client| {
        if !is_since_7_2(server) {
            return;
        }
        for _ in 0..20 {
            client.run("HW.PROMISE DROPALL BLPOP k 0");
            for _ in 0..10 {
                client.run("HW.PROMISE KEEP BLPOP k 0");
            }
            let (mut behind, _) = waiter(server, client, "HW.KEYS 0 POP k");
            client.run("RPUSH k a");
            everything_but(client, 1);
            client.run("RPUSH k b");
            assert_eq!(answer(&mut behind).as_text().as_deref(), Some("b"));
            everything_is_dropped(client);
        }
        let notes = client.texts("HW.NOTES");
        assert_eq!(notes, ["20 promise: Array([Bulk([107]), Bulk([97])])"]);
    });
}

/// Waits until all but `left` were dropped.
fn everything_but(client: &mut redis_mirror_test_support::Client, left: i64) {
    wait_until("the promises are gone", || {
        let tally = client.run("HW.TALLY");
        let counts: Vec<_> = tally.as_array().expect("two").iter().filter_map(Value::as_int).collect();
        counts[0] - counts[1] == left
    });
}

#[test]
fn a_handler_writes_one_unit_with_its_command_and_ends_no_waits() {
    on_each_server(|server, client| {
        if !is_since_7_2(server) {
            return;
        }
        client.run("HW.PROMISE UNBLOCK BLPOP k 0");
        client.run("RPUSH k v");
        let notes = notes_with(client, "1 promise: Ok(Int(1))");
        assert!(notes.contains(&"1 promise: Err(NotWhileServing)".to_owned()), "{notes:?}");
        assert_eq!(client.text("GET handled"), "1");
        client.run("HW.PROMISES ABORT");
    });
}

/// The servers forget such a command when the pause ends: its reply would be none.
#[test]
fn a_command_that_is_woken_during_a_pause_fails_by_name() {
    on_each_server(|server, client| {
        if !is_since_7_2(server) {
            return;
        }
        // A pause of all commands ends by itself alone.
        for (pause, key, end) in [("100000 WRITE", "paused", "CLIENT UNPAUSE"), ("200 ALL", "held", "PING")] {
            client.run(format!("HW.PROMISE KEEP BLPOP {key} 0"));
            for command in ["MULTI", &format!("RPUSH {key} v"), &format!("CLIENT PAUSE {pause}"), "EXEC", end]
            {
                client.run(command);
            }
            notes_with(client, "1 promise failed: Postponed");
            assert_eq!(client.int(format!("LLEN {key}")), 1);
        }
        // Taken back while it is postponed.
        client.run("HW.PROMISE KEEP BLPOP k 0");
        for command in ["MULTI", "RPUSH k v", "CLIENT PAUSE 100000 WRITE", "HW.PROMISES ABORT"] {
            client.run(command);
        }
        client.run("EXEC");
        client.run("CLIENT UNPAUSE");
        everything_is_dropped(client);
        assert_eq!(client.int("LLEN k"), 1);
    });
}

#[test]
fn what_needs_a_connection_or_a_user_is_no_promise() {
    on_each_server(|server, client| {
        if !is_since_7_2(server) {
            return;
        }
        for command in
            ["SUBSCRIBE c", "psubscribe c", "SSUBSCRIBE c", "MONITOR", "SHUTDOWN", "SYNC", "CLIENT KILL ID 1"]
        {
            let refusal = client.refusal(format!("HW.PROMISE KEEP {command}"));
            assert!(refusal.contains("does not survive"), "{command}: {refusal}");
        }
        assert!(client.refusal("HW.PROMISE KEEP NOSUCH").contains("no such command"));
        assert!(client.refusal("HW.PROMISE USER BLPOP k 0").contains("can't run as a user"));
        let reply = client.run(cmd!("HW.PROMISE", "KEEP", "ECHO", &b"\0%s\r\n\xff"[..]));
        assert_eq!(reply.as_array().expect("two")[1], Value::Bytes(b"\0%s\r\n\xff".to_vec()));
    });
}

#[test]
fn a_command_waits_beside_a_busy_script_which_may_end_its_wait() {
    on_each_server(|server, client| {
        if !is_since_7_2(server) {
            return;
        }
        client.run("CONFIG SET busy-reply-threshold 10");
        let mut script = server.client();
        let code = "while redis.call('EXISTS', 'go') == 0 do end return redis.call('RPUSH', 'k', 'v')";
        script.send(&cmd!("EVAL", code, 0)).expect("it is sent");
        wait_until("the server is busy", || client.call("PING").is_err());
        assert_eq!(client.text("HW.PROMISE KEEP BLPOP k 0"), "later");
        assert!(client.refusal("HW.PROMISE KEEP EVAL return(1) 0").contains("does not survive"));
        client.run("HW.PROMISE KEEP SET go 1");
        assert_eq!(script.receive().expect("the script ends"), Value::Int(1));
        notes_with(client, "1 promise: Array([Bulk([107]), Bulk([118])])");
        assert_eq!(client.int("EXISTS k"), 0);
        everything_is_dropped(client);
    });
}

#[test]
fn no_command_begins_to_wait_in_the_middle_of_a_load() {
    on_each_server(|server, client| {
        if !is_since_7_2(server) {
            return;
        }
        client.run("CONFIG SET key-load-delay 200 loading-process-events-interval-bytes 1024");
        for at in 0..2000 {
            client.run(cmd!("SET", format!("key{at}"), "x".repeat(100)));
        }
        let mut reload = server.client();
        reload.send(&cmd!("DEBUG", "RELOAD")).expect("it is sent");
        wait_until("the server loads", || client.call("PING").is_err());
        for command in ["BLPOP k 0", "SET key1999 new", "GET key0"] {
            let refusal = client.refusal(format!("HW.PROMISE KEEP {command}"));
            assert!(refusal.contains("loading its data"), "{refusal}");
        }
        assert_eq!(reload.receive().expect("the load ends").as_text().as_deref(), Some("OK"));
        assert_eq!(client.int("DBSIZE"), 2000);
        everything_is_dropped(client);
    });
}
