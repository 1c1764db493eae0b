//! Drives the module `hello_waiting` on every real server there is: what blocked clients, promises and paused
//! servers meet.

mod crowd;
#[path = "../example/mod.rs"]
mod example;
mod keys;
mod paused;
mod plain;
mod promises;

use redis_mirror_test_support::wait::wait_for;
use redis_mirror_test_support::{Client, Command, Family, Options, Server, Value, cmd, servers};

fn options() -> Options {
    Options::new().module(&example::module("hello_waiting"), "")
}

/// Tells a story to each server there is, which must outlive it with nothing leaked and nobody left waiting.
fn on_each_server(story: impl Fn(&Server, &mut Client)) {
    for installed in servers() {
        println!("on {installed}");
        let mut server = Server::start(installed, options());
        let mut client = server.client();
        story(&server, &mut client);
        assert!(server.is_running(), "{installed} has ended");
        everything_is_dropped(&mut client);
        assert_eq!(server.info("clients").number("blocked_clients"), Some(0));
    }
}

fn is_since_7_2(server: &Server) -> bool {
    let version = &server.installed().version;
    version.family == Family::Valkey || (version.major, version.minor) >= (7, 2)
}

/// What the module made and what it dropped: the same number, now or soon.
#[track_caller]
fn everything_is_dropped(client: &mut Client) -> i64 {
    wait_for("everything is dropped", || {
        let tally = client.run("HW.TALLY");
        let counts: Vec<i64> =
            tally.as_array().expect("two numbers").iter().filter_map(Value::as_int).collect();
        if counts[0] == counts[1] { Ok(counts[0]) } else { Err(format!("{counts:?}")) }
    })
}

/// A client that sent a command and waits, and its id.
#[track_caller]
fn waiter(server: &Server, client: &mut Client, command: impl Into<Command>) -> (Client, i64) {
    let mut one = server.client();
    let id = one.int("CLIENT ID");
    one.send(&command.into()).expect("sent");
    wait_for("the client waits", || {
        let line = client.text(cmd!("CLIENT", "LIST", "ID", id));
        let is_blocked = line.split(' ').any(|field| field.starts_with("flags=") && field.contains('b'));
        if is_blocked { Ok(()) } else { Err(line) }
    });
    (one, id)
}

#[track_caller]
fn answer(client: &mut Client) -> Value {
    client.receive().expect("an answer")
}

/// What has happened since this was last asked, waiting until `line` is part of it.
#[track_caller]
fn notes_with(client: &mut Client, line: &str) -> Vec<String> {
    let mut all = Vec::new();
    wait_for(line, || {
        all.append(&mut client.texts("HW.NOTES"));
        if all.iter().any(|found| found == line) { Ok(()) } else { Err(format!("{all:?}")) }
    });
    all
}
