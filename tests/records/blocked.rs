//! Readers that wait: who is woken, and how a wait ends.

use redis_mirror_test_support::{Options, Value, cmd, wait};

use crate::store::{self, Cursor, as_feed, put, sync, sync_command, token, versions};
use crate::waiter::{Waiter, wait_waiting, waiting};
use crate::{on_each, on_each_with, on_every};

/// Puts, evictions and ended records of other types leave it asleep.
#[test]
fn g10_a_reader_sleeps_through_other_types() {
    on_every(|server| {
        let mut client = server.client();
        client.run("RECORD.SETOPTIONS s other CAPACITY 1");
        let at = put(&mut client, "s", "SET mine 1 x").at;
        let mut waiter = Waiter::start(server, sync_command("s", &at, "TYPE mine BLOCK 0"));
        put(&mut client, "s", "SET other 1 x SET other 2 x SET short 1 x PX 1");
        wait::wait_until("the record ends", || versions(&mut client, "s").0.version == 6);
        client.run("RECORD.SETOPTIONS s mine TTL 100000");
        client.run("RECORD.LEASE s l TRY me 1000");
        client.run("SET elsewhere 1");
        client.run("EXPIRE s 1000");
        assert!(waiter.is_blocked(server));
        assert_eq!(waiting(server), 1);
        let done = put(&mut client, "s", "DEL mine 1");
        let page = as_feed(&waiter.answer());
        assert_eq!((page.at, page.records.len()), (done.at, 1));
        assert_eq!(waiting(server), 0);
    });
}

/// The changes of other types may leave the log meanwhile: nothing of what it asked for did.
#[test]
fn a_reader_of_a_quiet_type_is_served_though_the_log_moves_on() {
    on_every(|server| {
        let mut client = server.client();
        client.run("RECORD.SETOPTIONS s * MAXCHANGES 3");
        let at = put(&mut client, "s", "SET mine 1 x").at;
        let command = sync_command("s", &at, "TYPE mine BLOCK 0");
        let mut waiter = Waiter::start(server, command);
        let mut late = Waiter::start(server, sync_command("s", &at, "TYPE mine TYPE none BLOCK 500"));
        for number in 0..10 {
            put(&mut client, "s", &format!("SET busy {number} x"));
        }
        let page = as_feed(&late.answer());
        assert_eq!((page.at.version, page.records.len()), (11, 0), "the time-out moves the cursor on");
        put(&mut client, "s", "SET mine 2 y");
        let page = as_feed(&waiter.answer());
        assert_eq!((page.ids(), page.at.version), (vec!["2"], 12));
    });
}

/// A batch larger than what the log keeps is not served in part.
#[test]
fn a_reader_that_missed_something_is_told() {
    on_each(|server| {
        let mut client = server.client();
        client.run("RECORD.SETOPTIONS s * MAXCHANGES 2");
        let at = put(&mut client, "s", "SET a 1 x").at;
        let mut waiter = Waiter::start(server, sync_command("s", &at, "BLOCK 0"));
        put(&mut client, "s", "SET a 1 x SET a 2 x SET a 3 x");
        assert!(waiter.refusal().starts_with("RECCOMPACTED 2 "));
        let mut waiter = Waiter::start(server, sync_command("s", &versions(&mut client, "s").0, "BLOCK 0"));
        client.run("RECORD.CLEAR s");
        assert!(waiter.refusal().starts_with("RECCOMPACTED 5 "));
    });
}

#[test]
fn a_wait_that_is_over_gives_an_advanced_cursor() {
    on_every(|server| {
        let mut client = server.client();
        let at = put(&mut client, "s", "SET a 1 x").at;
        let mut waiter = Waiter::start(server, sync_command("s", &at, "TYPE b BLOCK 300"));
        let done = put(&mut client, "s", "SET a 2 x");
        let page = as_feed(&waiter.answer());
        assert_eq!((page.at, page.records.len(), page.more), (done.at, 0, false));
        assert_eq!(waiting(server), 0, "nobody is left on the lists");
        // A store that is not there yet.
        let page = sync(&mut client, "new", &Cursor::start(), "BLOCK 1");
        assert_eq!((page.at, page.records.len()), (Cursor::start(), 0));
    });
}

/// Woken, and its time is over before the server comes to answer: Redis 7.0 forgets such a client.
#[test]
fn a_client_whose_time_is_over_as_it_is_woken_gets_its_answer() {
    on_every(|server| {
        let mut client = server.client();
        let held = store::acquire(&mut client, "s", "l", "me", 600_000).expect("it is free");
        let at = versions(&mut client, "s").0;
        let mut reader = Waiter::start(server, sync_command("s", &at, "TYPE b BLOCK 3000"));
        let mut candidate = Waiter::start(server, "RECORD.LEASE s l ACQUIRE you PX 600000 BLOCK 3000");
        client.run("MULTI");
        client.run("RECORD.PUT s SET b 1 x");
        client.run(format!("RECORD.LEASE s l RELEASE me {held}"));
        client.run("DEBUG SLEEP 3.2");
        client.run("EXEC");
        assert!(!as_feed(&reader.answer()).records.is_empty());
        assert!(token(&candidate.answer()) > Some(held));
        assert_eq!(reader.client.text("PING"), "PONG", "one answer and no more");
        assert_eq!(candidate.client.text("PING"), "PONG", "one answer and no more");
        let holder = client.run("RECORD.GETLEASE s l");
        assert_eq!(holder.as_array().and_then(|held| held[0].as_text()).as_deref(), Some("you"));
        assert_eq!(waiting(server), 0);
    });
}

#[test]
fn clients_that_are_unblocked_or_killed_leave_no_trace() {
    on_every(|server| {
        let mut client = server.client();
        let at = put(&mut client, "s", "SET a 1 x").at;
        let command = sync_command("s", &at, "BLOCK 0");
        let mut waiter = Waiter::start(server, &command);
        assert_eq!(client.int(cmd!("CLIENT", "UNBLOCK", waiter.id)), 1);
        assert_eq!(as_feed(&waiter.answer()).at, at);
        let mut waiter = Waiter::start(server, &command);
        assert_eq!(client.int(cmd!("CLIENT", "UNBLOCK", waiter.id, "ERROR")), 1);
        assert!(waiter.refusal().starts_with("UNBLOCKED"));
        let waiter = Waiter::start(server, &command);
        client.run(cmd!("CLIENT", "KILL", "ID", waiter.id));
        wait_waiting(server, 0);
        drop(Waiter::start(server, &command));
        wait_waiting(server, 0);
        // Woken and killed in one step.
        let waiter = Waiter::start(server, &command);
        client.run("MULTI");
        client.run("RECORD.PUT s SET a 2 x");
        client.run(cmd!("CLIENT", "KILL", "ID", waiter.id));
        client.run("EXEC");
        assert_eq!(waiting(server), 0);
        assert_eq!(client.text("PING"), "PONG");
    });
}

/// The server drops clients that take too much memory, blocked or not.
#[test]
fn an_evicted_reader_leaves_no_trace() {
    on_each(|server| {
        let mut client = server.client();
        let at = put(&mut client, "s", "SET a 1 x").at;
        let types: Vec<String> = (0..1000).map(|number| format!("{number:01000}")).collect();
        let command = sync_command("s", &at, "BLOCK 0");
        let command = types.iter().fold(command, |command, name| command.arg("TYPE").arg(name));
        let mut waiter = Waiter::start(server, command);
        client.run("CLIENT NO-EVICT ON");
        client.run("CONFIG SET maxmemory-clients 500kb");
        wait_waiting(server, 0);
        assert!(waiter.client.receive().is_err(), "it is disconnected");
        put(&mut client, "s", "SET a 2 x");
    });
}

#[test]
fn fault07_a_put_wakes_whom_it_concerns_and_no_other() {
    on_each(|server| {
        let mut client = server.client();
        let at = put(&mut client, "s", "SET a 1 x").at;
        let mut waiters: Vec<Waiter> = (0..50)
            .map(|number| Waiter::start(server, sync_command("s", &at, &format!("TYPE t{number} BLOCK 0"))))
            .collect();
        put(&mut client, "s", "SET t7 1 x");
        assert_eq!(as_feed(&waiters[7].answer()).records.len(), 1);
        wait_waiting(server, 49);
        // Several types, one wait.
        let mut both = Waiter::start(
            server,
            sync_command("s", &versions(&mut client, "s").0, "TYPE a TYPE b TYPE a BLOCK 0"),
        );
        put(&mut client, "s", "SET b 1 x SET a 2 y SET c 1 x");
        assert_eq!(as_feed(&both.answer()).versions(), [3, 4]);
        wait_waiting(server, 49);
    });
}

/// A replica that lags: the reader knows more than it does.
#[test]
fn a_reader_ahead_of_a_replica_waits_there() {
    on_each(|server| {
        let mut client = server.client();
        put(&mut client, "s", "SET a 1 x");
        let replica = crate::with_replica(server);
        crate::wait_caught_up(server, &replica);
        let at = put(&mut client, "s", "SET a 2 x SET a 3 x").at;
        crate::wait_caught_up(server, &replica);
        let ahead = Cursor { version: at.version + 2, ..at };
        assert!(replica.client().refusal(sync_command("s", &ahead, "")).starts_with("RECFUTURE"));
        assert!(replica.client().refusal(sync_command("s", &ahead, "BLOCK 1")).starts_with("RECFUTURE"));
        assert!(
            client.refusal(sync_command("s", &ahead, "BLOCK 0")).starts_with("RECFUTURE"),
            "the primary knows"
        );
        let mut waiter = Waiter::start(&replica, sync_command("s", &ahead, "BLOCK 0"));
        put(&mut client, "s", "SET a 4 x");
        put(&mut client, "s", "SET a 5 x");
        crate::wait_caught_up(server, &replica);
        assert!(waiter.is_blocked(&replica), "what it has seen is no news");
        put(&mut client, "s", "SET a 6 x SET a 7 x");
        assert_eq!(as_feed(&waiter.answer()).versions(), [6, 7]);
        // The greatest version that can be written down.
        let last = Cursor { version: i64::MAX, ..ahead };
        assert!(replica.client().refusal(sync_command("s", &last, "BLOCK 1")).starts_with("RECFUTURE"));
    });
}

#[test]
fn too_many_waiting_clients_are_refused() {
    on_each_with(Options::new().set("mirror.record-waiting-max", 2), |server| {
        let at = put(&mut server.client(), "s", "SET a 1 x").at;
        let command = sync_command("s", &at, "BLOCK 0");
        let waiters = [Waiter::start(server, &command), Waiter::start(server, &command)];
        assert!(server.client().refusal(&command).starts_with("RECLIMIT"));
        // Where nobody waits, nobody is too many.
        let mut client = server.client();
        client.run("MULTI");
        client.run(&command);
        let done = client.run("EXEC");
        assert_eq!(as_feed(&done.as_array().expect("an array")[0]).versions(), [0; 0]);
        let elsewhere = Waiter::start(server, "RECORD.SYNC other 0 0 BLOCK 0");
        drop(waiters);
        wait_waiting(server, 1);
        drop((Waiter::start(server, &command), elsewhere));
    });
}

/// A client that asks for a type again and again while another type wakes it.
#[test]
fn a_reader_that_comes_again_is_listed_once() {
    on_each(|server| {
        let mut client = server.client();
        let at = put(&mut client, "s", "SET a 0 x").at;
        let other = Waiter::start(server, sync_command("s", &at, "TYPE never BLOCK 0"));
        let memory = |server: &redis_mirror_test_support::Server| {
            server.info("memory").number("used_memory").expect("it is there")
        };
        client.run("RECORD.SETOPTIONS s * MAXCHANGES 10");
        let mut reader = server.client();
        let mut rounds = |count: i64| {
            for number in 0..count {
                let at = versions(&mut client, "s").0;
                reader.send(&sync_command("s", &at, "TYPE a TYPE quiet BLOCK 0")).expect("it is sent");
                wait_waiting(server, 2);
                put(&mut client, "s", &format!("SET a 1 {number}"));
                assert_eq!(as_feed(&reader.receive().expect("an answer")).records.len(), 1);
            }
        };
        rounds(20);
        let before = memory(server);
        rounds(200);
        let grown = memory(server) - before;
        assert!(grown < 100_000, "{grown} bytes");
        drop(other);
        assert_eq!(store::list(&mut client, "s", "").records.len(), 2);
        assert_ne!(client.run("RECORD.TYPES s"), Value::Nil);
    });
}
