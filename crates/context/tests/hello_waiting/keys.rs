//! Clients that wait for keys.

use redis_mirror_test_support::wait::wait_until;
use redis_mirror_test_support::{Client, Server, Value, cmd, servers};

use crate::{answer, example, is_since_7_2, notes_with, on_each_server, options, waiter};

#[test]
fn a_client_is_served_when_its_key_is_signalled_and_holds_something() {
    on_each_server(|server, client| {
        let (mut one, _) = waiter(server, client, "HW.KEYS 0 SERVE a b a");
        client.run("HW.SIGNAL b");
        client.run("SET c 1");
        client.run("HW.SIGNAL c");
        // A string wakes nobody by itself; a key that is missing does not count.
        client.run("SET b 1");
        assert_eq!(server.info("clients").number("blocked_clients"), Some(1));
        client.run("HW.SIGNAL b");
        assert_eq!(answer(&mut one).as_text().as_deref(), Some("served b true"));
        client.run("HW.SIGNAL b");
        one.run("PING");
        // Lists, sorted sets and streams signal by themselves.
        for (key, command) in [("l", "RPUSH l x"), ("z", "ZADD z 1 m"), ("s", "XADD s * f v")] {
            let (mut one, _) = waiter(server, client, cmd!("HW.KEYS", 0, "SERVE", key));
            client.run(command);
            assert_eq!(answer(&mut one).as_text(), Some(format!("served {key} true")));
        }
    });
}

#[test]
fn not_yet_keeps_the_client_waiting() {
    on_each_server(|server, client| {
        let (mut one, _) = waiter(server, client, "HW.KEYS 0 THIRD k");
        client.run("SET k 1");
        for waiting in [1, 1, 0] {
            client.run("HW.SIGNAL k");
            wait_until("it was asked", || server.info("clients").number("blocked_clients") == Some(waiting));
        }
        assert_eq!(answer(&mut one).as_text().as_deref(), Some("served k true"));
        // Counted by its state, which on_timeout gets.
        let (mut one, id) = waiter(server, client, "HW.KEYS 0 THIRD k");
        client.run("HW.SIGNAL k");
        client.run(cmd!("CLIENT", "UNBLOCK", id));
        assert_eq!(answer(&mut one).as_text().as_deref(), Some("timeout after 1"));
    });
}

#[test]
fn a_signal_in_a_transaction_or_a_script_serves_when_it_is_over() {
    on_each_server(|server, client| {
        let (mut one, _) = waiter(server, client, "HW.KEYS 0 SERVE k");
        for command in ["MULTI", "SET k 1", "HW.SIGNAL k", "DEL k", "EXEC"] {
            client.run(command);
        }
        assert_eq!(server.info("clients").number("blocked_clients"), Some(1), "the key was gone again");
        let script = "redis.call('SET', 'k', '1') redis.call('HW.SIGNAL', 'k') return 1";
        client.run(cmd!("EVAL", script, 0));
        assert_eq!(answer(&mut one).as_text().as_deref(), Some("served k true"));
        // Blocking itself is refused there.
        client.run("MULTI");
        client.run("HW.KEYS 0 SERVE k");
        let refused = client.run("EXEC");
        let refused = refused.as_array().and_then(|replies| replies[0].error()).expect("a refusal");
        assert!(refused.contains("not allowed inside a transaction"), "{refused}");
        assert!(
            client
                .refusal(cmd!("EVAL", "return redis.call('HW.KEYS', 0, 'SERVE', 'k')", 0))
                .contains("not allowed")
        );
    });
}

#[test]
fn a_client_that_signals_its_own_key_for_ever_does_not_hold_the_server_up() {
    on_each_server(|server, client| {
        client.run("SET k 1");
        let (one, _) = waiter(server, client, "HW.KEYS 0 SIGNAL k");
        client.run("HW.SIGNAL k");
        for _ in 0..100 {
            client.run("PING");
        }
        drop(one);
        notes_with(client, "1 keys: Disconnected");
    });
}

/// Deleted, expired, renamed away, flushed, swapped away, replaced by another type.
#[test]
fn what_happens_to_a_key_is_noticed_by_who_asks_for_it() {
    const ENDS: [(&str, &str); 8] = [
        ("DEL k", ""),
        ("UNLINK k", ""),
        ("PEXPIRE k -1", ""),
        ("PEXPIRE k 1", ""),
        ("RENAME k other", ""),
        ("FLUSHALL", ""),
        ("SWAPDB 0 1", "SWAPDB 0 1"),
        ("SET k string", "DEL k"),
    ];
    on_each_server(|server, client| {
        for (end, cleanup) in ENDS {
            client.run("RPUSH k x");
            // Without asking, none of these ends the wait, and none of them harms it.
            let (mut patient, id) = waiter(server, client, "HW.KEYS 0 SERVE k");
            if !is_since_7_2(server) {
                let refusal = server.client().refusal("HW.KEYS 0 SERVE DELETED k");
                assert!(refusal.contains("came with Redis 7.2"), "{refusal}");
                client.run(end);
            } else {
                let (mut eager, eager_id) = waiter(server, client, "HW.KEYS 0 SERVE DELETED k");
                client.run(end);
                if end.starts_with("SET") {
                    // Another type signals nothing by itself: SET over a list signals on some servers alone.
                    client.run("HW.SIGNAL k");
                    assert_eq!(answer(&mut eager).as_text().as_deref(), Some("served k true"));
                } else {
                    wait_until("the key is gone", || client.int("EXISTS k") == 0);
                    let text = answer(&mut eager).as_text();
                    assert_eq!(text.as_deref(), Some("served k false"), "{end} for {eager_id}");
                }
            }
            if !cleanup.is_empty() {
                client.run(cleanup);
            }
            client.run(cmd!("CLIENT", "UNBLOCK", id));
            answer(&mut patient);
            client.run("FLUSHALL");
        }
    });
}

#[test]
fn a_panic_in_each_callback_of_a_client_that_waits_for_keys_is_contained() {
    on_each_server(|server, client| {
        client.run("SET k 1");
        let (mut one, _) = waiter(server, client, "HW.KEYS 0 PANIC k");
        client.run("HW.SIGNAL k");
        assert!(answer(&mut one).error().is_some_and(|error| error.starts_with("ERR internal error")));
        assert!(one.refusal("HW.KEYS 1 PANIC k").starts_with("ERR internal error"));
        drop(waiter(server, client, "HW.KEYS 0 PANIC k"));
        let texts =
            ["keys is served", "time-out of a client that waits for keys", "client that waits for keys left"];
        for text in texts {
            wait_until(text, || server.log().contains(text));
        }
        let (mut one, _) = waiter(server, client, "HW.KEYS 0 ERROR k");
        client.run("HW.SIGNAL k");
        assert_eq!(answer(&mut one).error(), Some("NEVER this key will not do"));
    });
}

#[test]
fn a_client_that_is_served_may_be_streamed_to() {
    on_each_server(|server, client| {
        client.run("SET k 1");
        let (mut one, _) = waiter(server, client, "HW.KEYS 0 STREAM k");
        client.run("HW.SIGNAL k");
        assert_eq!(answer(&mut one), Value::Array(vec![Value::Bytes(b"k".to_vec()), Value::Int(1)]));
        let (mut one, _) = waiter(server, client, "HW.KEYS 0 HALF k");
        client.run("HW.SIGNAL k");
        assert_eq!(answer(&mut one).as_text().as_deref(), Some("begun"));
        one.run("PING");
    });
}

#[test]
fn the_module_ends_waits_by_itself_and_only_once() {
    on_each_server(|server, client| {
        client.run("SET k 1");
        let (mut served, _) = waiter(server, client, "HW.KEYS 0 SERVE k");
        client.run("HW.SIGNAL k");
        answer(&mut served);
        let mut waiting: Vec<Client> =
            (0..3).map(|_| waiter(server, client, "HW.KEYS 0 SERVE other").0).collect();
        drop(waiting.pop());
        notes_with(client, "1 keys: Disconnected");
        // Two that wait; one that was served and one that left.
        assert_eq!(client.run("HW.GIVEUP"), Value::Array(vec![Value::Int(2), Value::Int(2)]));
        for one in &mut waiting {
            assert_eq!(answer(one).as_text().as_deref(), Some("timeout after 0"));
            one.run("PING");
        }
        // A client does not end its own wait while it is served.
        let (mut one, _) = waiter(server, client, "HW.KEYS 0 SELF k");
        client.run("HW.SIGNAL k");
        assert_eq!(answer(&mut one).as_text().as_deref(), Some("[Err(Busy)]"));
        one.run("PING");
    });
}

/// The server holds on to the next client in its list while it serves one: nothing may free it there.
#[test]
fn nothing_ends_anothers_wait_while_one_is_served() {
    on_each_server(|server, client| {
        client.run("SET k 1");
        let (mut last, id) = waiter(server, client, "HW.KEYS 0 SERVE other");
        let refused = [
            format!("CLIENT UNBLOCK {id}"),
            format!("client kill id {id}"),
            "REPLICAOF NO ONE".to_owned(),
            "slaveof 127.0.0.1 1".to_owned(),
            "FAILOVER".to_owned(),
            "CLUSTER RESET".to_owned(),
            "CLIENT PAUSE 1".to_owned(),
        ];
        for command in refused {
            let (mut one, _) = waiter(server, client, cmd!("HW.KEYS", 0, format!("CALL:{command}"), "k"));
            client.run("HW.SIGNAL k");
            let text = answer(&mut one).as_text().expect("text");
            assert!(text == "Err(NotWhileServing)" || text == "Err(NotForModules)", "{command}: {text}");
        }
        for command in ["CLIENT ID", "EVAL return(1) 0", "LPUSH list x"] {
            let (mut one, _) = waiter(server, client, cmd!("HW.KEYS", 0, format!("CALL:{command}"), "k"));
            client.run("HW.SIGNAL k");
            assert!(answer(&mut one).as_text().is_some_and(|text| text.starts_with("Ok(Int(")), "{command}");
        }
        client.run(cmd!("CLIENT", "UNBLOCK", id));
        answer(&mut last);
    });
}

/// Another module does not know that this one's clients are being served.
#[test]
fn commands_of_other_modules_are_not_called_while_a_client_is_served() {
    for installed in servers() {
        println!("on {installed}");
        let options = options().module(&example::module("hello-core"), "");
        let mut server = Server::start(installed, options);
        let mut client = server.client();
        client.run("SET k 1");
        for (command, refused) in
            [("HELLO.CALL - PING", true), ("HW.SIGNAL other", false), ("CLIENT ID", false)]
        {
            let (mut one, _) =
                waiter(&server, &mut client, cmd!("HW.KEYS", 0, format!("CALL:{command}"), "k"));
            client.run("HW.SIGNAL k");
            let text = answer(&mut one).as_text().expect("text").to_owned();
            assert_eq!(text == "Err(NotWhileServing)", refused, "{command}: {text}");
        }
        assert!(server.is_running(), "{installed} has ended");
    }
}

/// The job runs inside the walk, when `on_ready` has returned and before the server has noted that the client was
/// served.
#[test]
fn a_job_inside_the_walk_ends_no_waits_either() {
    on_each_server(|server, client| {
        let (mut next, id) = waiter(server, client, "HW.KEYS 0 SERVE key");
        let key = format!("job:{id}");
        let (mut one, _) = waiter(server, client, cmd!("HW.KEYS", 0, "POP", &key));
        let (mut other, _) = waiter(server, client, cmd!("HW.KEYS", 0, "POP", &key));
        client.run(cmd!("RPUSH", &key, "a"));
        assert_eq!(answer(&mut one).as_text().as_deref(), Some("a"));
        if is_since_7_2(server) {
            notes_with(client, "1 job: Err(NotWhileServing)");
        } else {
            // There it runs in the event loop, where nothing is walked over.
            notes_with(client, "1 job: Ok(())");
        }
        assert!(answer(&mut other).as_text().is_some_and(|text| text.starts_with("timeout after")));
        answer(&mut next);
        one.run("PING");
    });
}

#[test]
fn clients_come_and_go_in_every_way_while_others_are_served() {
    on_each_server(|server, client| {
        for round in 0..20 {
            let mut waiting: Vec<(Client, i64)> =
                (0..6).map(|_| waiter(server, client, "HW.KEYS 60000 POP list")).collect();
            let (_, gone) = waiting.remove(round % 5);
            // Of those that are left the first two are served. CLIENT UNBLOCK .. ERROR of one that was served just now
            // would answer it twice, whoever has blocked it: a fault of the servers.
            client.send(&cmd!("RPUSH", "list", "a", "b")).expect("sent");
            client.send(&cmd!("CLIENT", "KILL", "ID", waiting[round % 4].1)).expect("sent");
            client.send(&cmd!("CLIENT", "UNBLOCK", waiting[4].1, "ERROR")).expect("sent");
            client.send(&cmd!("HW.GIVEUP")).expect("sent");
            for _ in 0..4 {
                client.receive().expect("a reply");
            }
            assert!(gone > 0);
            // Each is answered once, or closed.
            for (mut one, id) in waiting {
                let Ok(_) = one.receive() else { continue };
                let echo = one.send(&cmd!("ECHO", id)).and_then(|()| one.receive());
                if let Ok(echo) = echo {
                    assert_eq!(echo.as_int(), Some(id));
                }
            }
            client.run("FLUSHALL");
        }
    });
}

#[test]
fn the_number_of_keys_has_limits() {
    on_each_server(|server, client| {
        assert!(client.refusal("HW.MANY 0").contains("the number of keys"));
        assert!(client.refusal("HW.MANY 65537").contains("the number of keys"));
        let (mut one, _) = waiter(server, client, "HW.MANY 65536");
        client.run("RPUSH k x");
        assert_eq!(answer(&mut one).as_text().as_deref(), Some("k"));
    });
}

/// A write that a signal brings about while writes are paused is refused, and the server lives.
#[test]
fn a_client_that_is_served_while_writes_are_paused_does_not_replicate() {
    for installed in servers() {
        println!("on {installed}");
        let mut server = Server::start(installed, options().durable());
        let mut client = server.client();
        client.run("RPUSH other x");
        let (mut one, _) = waiter(&server, &mut client, "HW.KEYS 0 POP k");
        client.run("MULTI");
        client.run("CLIENT PAUSE 100000 WRITE");
        client.run("RENAME other k");
        client.run("EXEC");
        client.run("HW.SIGNAL k");
        let error = answer(&mut one);
        assert!(error.error().is_some_and(|error| error.contains("writes are paused")), "{error}");
        client.run("CLIENT UNPAUSE");
        assert!(server.is_running());
        waits_end(&server, &mut client);
    }
}

fn waits_end(server: &Server, client: &mut Client) {
    client.run("PING");
    assert_eq!(server.info("clients").number("blocked_clients"), Some(0));
}
