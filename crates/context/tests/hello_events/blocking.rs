//! Blocked clients: served, timed out, abandoned, killed, refused.

use redis_mirror_test_support::wait::wait_until;
use redis_mirror_test_support::{Client, Command, Server, Value};

use crate::{journal, journal_with, on_each_server};

/// A client that waits, and how many do.
fn waiter(server: &Server, client: &mut Client, command: &str) -> Client {
    let mut waiter = server.client();
    waiter.send(&Command::new(command)).expect("the command is sent");
    wait_until("the client waits", || counts(client).0 == 1);
    waiter
}

/// How many wait, and how many of these are gone.
fn counts(client: &mut Client) -> (i64, i64) {
    let value = client.run("HE.WAITING");
    let counts: Vec<i64> = value.as_array().unwrap_or_default().iter().filter_map(Value::as_int).collect();
    (counts[0], counts[1])
}

fn answer(waiter: &mut Client) -> Value {
    waiter.receive().expect("the waiting client is answered")
}

#[test]
fn a_waiting_client_gets_what_it_waits_for() {
    on_each_server(|server, client| {
        let mut waiting = waiter(server, client, "HE.WAIT 0");
        client.run("HE.SERVE value");
        assert_eq!(answer(&mut waiting).as_text().as_deref(), Some("value"));
        waiting.run("PING");
        let mut bare = waiter(server, client, "HE.WAIT 0 BARE");
        client.run("HE.SERVE value");
        assert_eq!(answer(&mut bare), Value::Nil);
    });
}

#[test]
fn a_time_out_answers_once_and_a_late_value_is_dropped() {
    on_each_server(|_, client| {
        assert_eq!(client.text("HE.WAIT 5"), "timeout");
        assert_eq!(client.bytes("HE.WAIT 5 BARE"), None);
        assert_eq!(counts(client), (2, 2));
        client.run("HE.SERVE late");
        client.run("HE.ABANDON");
        assert_eq!(counts(client), (0, 0));
        assert_eq!(client.text("PING"), "PONG");
        assert_eq!(journal(client), ["wait: timeout"]);
    });
}

#[test]
fn giving_up_answers_with_an_error() {
    on_each_server(|server, client| {
        let mut waiting = waiter(server, client, "HE.WAIT 0");
        client.run("HE.ABANDON");
        assert!(answer(&mut waiting).error().is_some_and(|message| message.contains("gave this request up")));
        waiting.run("PING");
    });
}

#[test]
fn a_panic_in_each_callback_is_answered_with_an_error() {
    on_each_server(|server, client| {
        let mut waiting = waiter(server, client, "HE.WAIT 0 PANIC");
        client.run("HE.SERVE value");
        assert!(answer(&mut waiting).error().is_some_and(|message| message.contains("internal error")));
        assert!(client.refusal("HE.WAIT 5 PANIC").contains("internal error"));
        client.run("HE.ABANDON");
        drop(waiter(server, client, "HE.WAIT 0 PANIC"));
        wait_until("the client is gone", || counts(client) == (1, 1));
        client.run("HE.SERVE nobody");
        for text in ["client's reply", "client's time-out", "client's disconnection"] {
            assert!(server.log().contains(text), "{text} is not in the log");
        }
    });
}

#[test]
fn a_client_that_leaves_is_noticed_and_its_record_freed_once() {
    on_each_server(|server, client| {
        drop(waiter(server, client, "HE.WAIT 0"));
        journal_with(client, "wait: disconnect");
        assert_eq!(counts(client), (1, 1));
        client.run("HE.SERVE nobody");

        let mut killed = server.client();
        let id = killed.int("CLIENT ID");
        killed.send(&Command::new("HE.WAIT 0")).expect("the command is sent");
        wait_until("the client waits", || counts(client).0 == 1);
        client.run(Command::new("CLIENT KILL ID").arg(id.to_string()));
        journal_with(client, "wait: disconnect");
        client.run("HE.ABANDON");
        assert_eq!(counts(client), (0, 0));
    });
}

#[test]
fn client_unblock_works_both_ways() {
    on_each_server(|server, client| {
        for (way, wanted) in [("TIMEOUT", "timeout"), ("ERROR", "UNBLOCKED")] {
            let mut waiting = server.client();
            let id = waiting.int("CLIENT ID");
            waiting.send(&Command::new("HE.WAIT 0")).expect("the command is sent");
            wait_until("the client waits", || counts(client).0 == 1);
            client.run(Command::new("CLIENT UNBLOCK").arg(id.to_string()).arg(way));
            assert!(answer(&mut waiting).to_string().contains(wanted), "{way}");
            client.run("HE.ABANDON");
            waiting.run("PING");
        }
    });
}

#[test]
fn blocking_is_refused_where_the_server_would_answer_by_itself() {
    on_each_server(|server, client| {
        client.run("MULTI");
        client.run("HE.WAIT 0");
        let replies = client.run("EXEC");
        let replies = replies.as_array().expect("one reply");
        assert_eq!(replies.len(), 1);
        assert!(
            replies[0].error().is_some_and(|message| message.contains("not allowed inside a transaction"))
        );
        let script = Command::new("EVAL").arg("return redis.call('HE.WAIT', '0')").arg("0");
        assert!(client.refusal(script).contains("not allowed inside a transaction"));
        assert!(client.refusal("HE.WAIT 99999999999999").contains("100 years"));
        assert_eq!(counts(client), (0, 0));
        let mut twice = waiter(server, client, "HE.WAIT 0 TWICE");
        client.run("HE.SERVE once");
        assert_eq!(answer(&mut twice).as_text().as_deref(), Some("once"));
        assert!(journal(client).contains(&"wait: again Some(AlreadyAnswered)".to_owned()));
        twice.run("PING");
    });
}
