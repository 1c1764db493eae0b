//! Drives the example module `hello_events` on every real server there is, over the wire.

mod blocking;
mod data;
#[path = "../example/mod.rs"]
mod example;
mod keys;
mod listening;
mod replication;
mod working;

use redis_mirror_test_support::wait::{PATIENCE, wait_within};
use redis_mirror_test_support::{Client, Family, Installed, Options, Server, servers};

fn options() -> Options {
    Options::new().module(&example::module("hello_events"), "")
}

/// Runs `test` on each server, with the example loaded and an empty journal.
fn on_each_server(test: impl Fn(&Server, &mut Client)) {
    for installed in servers() {
        eprintln!("-- {installed}");
        let mut server = Server::start(installed, options());
        let mut client = server.client();
        client.run("HE.JOURNAL CLEAR");
        test(&server, &mut client);
        assert!(server.is_running(), "{installed} has ended");
        client.run("PING");
    }
}

fn is_since_7_2(installed: &Installed) -> bool {
    installed.version.family == Family::Valkey || (installed.version.major, installed.version.minor) >= (7, 2)
}

/// The journal's lines, with the connections of these very tests left out.
fn journal(client: &mut Client) -> Vec<String> {
    client.texts("HE.JOURNAL").into_iter().filter(|line| !line.starts_with("client ")).collect()
}

/// Waits until the journal has a line, clears it and returns all lines.
#[track_caller]
fn journal_with(client: &mut Client, line: &str) -> Vec<String> {
    let seen = wait_within(PATIENCE, line, || {
        let lines = journal(client);
        if lines.iter().any(|found| found == line) { Ok(lines) } else { Err(format!("{lines:?}")) }
    });
    client.run("HE.JOURNAL CLEAR");
    seen.unwrap_or_else(|error| panic!("{error}"))
}

#[track_caller]
fn position(lines: &[String], line: &str) -> usize {
    lines.iter().position(|found| found == line).unwrap_or_else(|| panic!("{line:?} is not in {lines:?}"))
}
