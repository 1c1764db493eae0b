//! Clients that wait for anything.

use redis_mirror_test_support::wait::wait_until;
use redis_mirror_test_support::{Command, Value, cmd};

use crate::{answer, everything_is_dropped, notes_with, on_each_server, waiter};

#[test]
fn one_function_is_told_what_it_is_called_for() {
    on_each_server(|server, client| {
        let (mut one, _) = waiter(server, client, "HW.WAIT 0");
        client.run("HW.END 1 x");
        let text = Value::Bytes(b"x".to_vec());
        assert_eq!(answer(&mut one), Value::Array(vec![text.clone(), text]));
        notes_with(client, "1 Reply");
        assert_eq!(one.text("HW.WAIT 1"), "timeout");
        notes_with(client, "1 Timeout");
        drop(waiter(server, client, "HW.WAIT 0"));
        notes_with(client, "1 Disconnected");
        // The time-out's and the leaver's are still to be ended; the second of them is given no value.
        client.run("HW.END 1 late");
        notes_with(client, "1 undelivered in 0");
    });
}

#[test]
fn a_streamed_answer_is_complete_whatever_happens() {
    on_each_server(|server, client| {
        let (mut half, _) = waiter(server, client, "HW.WAIT 0 HALF");
        client.run("HW.END 1 x");
        let parts = vec![Value::Bytes(b"x".to_vec()), Value::Nil, Value::Nil];
        assert_eq!(answer(&mut half), Value::Array(parts));
        wait_until("the failure is logged", || server.log().contains("failed after its answer had begun"));
        for (how, wanted) in [("NONE", "NONE nothing was written"), ("PANIC", "ERR internal error")] {
            let (mut one, _) = waiter(server, client, cmd!("HW.WAIT", 0, how));
            client.run("HW.END 1 x");
            assert!(answer(&mut one).error().is_some_and(|error| error.starts_with(wanted)), "{how}");
            one.run("PING");
        }
    });
}

#[test]
fn any_bytes_are_streamed() {
    on_each_server(|server, client| {
        for text in [b"\0%s%n\r\n\xff".to_vec(), vec![b'y'; 1 << 20]] {
            let (mut one, _) = waiter(server, client, "HW.WAIT 0");
            client.run(cmd!("HW.END", 1, &text));
            let text = Value::Bytes(text);
            assert_eq!(answer(&mut one), Value::Array(vec![text.clone(), text]));
        }
    });
}

/// By then the server has looked for it among those to close, and frees it.
#[test]
fn a_client_that_is_being_freed_is_not_closed_once_more() {
    on_each_server(|server, client| {
        for command in ["HW.WAIT 0 CLOSE", "HW.KEYS 0 CLOSE k"] {
            for _ in 0..5 {
                let (_one, id) = waiter(server, client, command);
                client.run(cmd!("CLIENT", "KILL", "ID", id));
                notes_with(client, "1 closed: false");
                client.run("PING");
            }
            // One that leaves by itself.
            drop(waiter(server, client, command));
            notes_with(client, "1 closed: false");
        }
        client.run("HW.END 1 x");
    });
}

#[test]
fn a_panic_in_each_callback_of_a_blocked_client_is_contained() {
    on_each_server(|server, client| {
        let (mut one, _) = waiter(server, client, "HW.WAIT 0 PANIC");
        client.run("HW.END 1 x");
        assert!(answer(&mut one).error().is_some_and(|error| error.starts_with("ERR internal error")));
        assert!(one.refusal("HW.WAIT 1 PANIC").starts_with("ERR internal error"));
        // The value that comes back: the first of the list gets one.
        client.run("HW.END 1 late");
        // The thread that ends the waits has done so, and does not end the next one's.
        wait_until("the value came back", || server.log().contains("value that comes back"));
        drop(waiter(server, client, "HW.WAIT 0 PANIC"));
        let texts =
            ["client's reply", "client's time-out", "client's disconnection", "value that comes back"];
        for text in texts {
            wait_until(text, || server.log().contains(text));
        }
        client.run("HW.END 1 late");
    });
}

#[test]
fn a_block_is_taken_back_inside_its_handler() {
    on_each_server(|server, client| {
        for _ in 0..20 {
            assert_eq!(client.text("HW.NOTHREAD"), "no thread, true");
        }
        // The replies of a pipeline stay in order.
        let commands: Vec<Command> = (0..50).flat_map(|at| [cmd!("HW.NOTHREAD"), cmd!("ECHO", at)]).collect();
        let replies = client.pipeline(&commands).expect("replies");
        for (at, pair) in replies.chunks(2).enumerate() {
            assert_eq!(pair[0].as_text().as_deref(), Some("no thread, true"));
            assert_eq!(pair[1].as_int(), Some(at as i64));
        }
        assert_eq!(everything_is_dropped(client), 70);
        assert_eq!(client.texts("HW.NOTES"), [""; 0]);
        assert!(!server.log().contains("panic"));
    });
}

#[test]
fn another_commands_block_is_not_taken_back() {
    on_each_server(|server, client| {
        let (mut first, _) = waiter(server, client, "HW.SWAP");
        assert_eq!(client.bytes("HW.SWAP"), None);
        let error = answer(&mut first);
        assert!(error.error().is_some_and(|error| error.contains("gave this request up")), "{error}");
        let notes = client.texts("HW.NOTES");
        assert!(notes[0].contains("another command has blocked it"), "{notes:?}");
        first.run("PING");
        client.run("PING");
    });
}

/// 4 intervals of 5 ms at least; a guard that is forgotten counts for nothing and unbalances nothing.
#[test]
fn measured_intervals_add_up_once_each() {
    on_each_server(|_, client| {
        let mut measure = |command: &str| {
            client.run("CONFIG RESETSTAT");
            assert_eq!(client.int(command), 4);
            let text = client.text("INFO commandstats");
            let line = text.lines().find(|line| line.starts_with("cmdstat_hw.busy:")).expect("statistics");
            let field = |name: &str| {
                let rest = line.split(name).nth(1).and_then(|rest| rest.split(',').next());
                rest.and_then(|number| number.parse::<u64>().ok()).expect("a number")
            };
            (field("calls="), field(",usec="))
        };
        let (calls, usec) = measure("HW.BUSY 5000 4");
        assert!(calls == 1 && usec >= 20_000, "{calls} calls, {usec} us");
        let (calls, forgotten) = measure("HW.BUSY 5000 4 FORGET");
        assert!(calls == 1 && forgotten < 20_000, "{calls} calls, {forgotten} us");
    });
}

#[test]
fn a_client_is_unblocked_by_reset_and_kill_while_a_thread_answers() {
    on_each_server(|server, client| {
        for round in 0..30 {
            let (mut one, id) = waiter(server, client, "HW.WAIT 0");
            client.send(&cmd!("HW.END", 1, "x")).expect("sent");
            client.send(&cmd!("CLIENT", "KILL", "ID", id)).expect("sent");
            client.receive().expect("a reply");
            client.receive().expect("a reply");
            if round % 2 == 0 {
                // Pipelined behind the wait: it is looked at when the wait is over, if the client still is.
                let _ = one.send(&cmd!("RESET"));
            }
        }
        client.run("HW.END 1 x");
    });
}
