//! Where data can come from, beside one plain server: Sentinels, sources with renamed commands, two channels, parts of
//! a snapshot, files.

#![cfg(feature = "net")]
#![allow(clippy::unwrap_used)]

#[path = "../common/mod.rs"]
mod common;

mod copies;
#[path = "../../examples/copy/copying/mod.rs"]
mod copying;
mod dual_core;
mod dual_servers;
mod files;
mod names;
mod recorder;
mod scope;
mod sentinels;

use redis_mirror_test_support::{Client, Command, Installed, survey};

/// Runs `test` with each server version that `wanted` takes; says so if there is none.
fn with_servers(wanted: impl Fn(&Installed) -> bool, test: impl Fn(&Installed)) {
    let (servers, left_out) = survey();
    left_out.iter().for_each(|reason| println!("skipped: {reason}"));
    let servers: Vec<_> = servers.into_iter().filter(wanted).collect();
    if servers.is_empty() {
        println!(
            "skipped: no such server; set REDIS_MIRROR_TEST_SERVERS to a folder of <name>-server programs"
        );
    }
    for server in &servers {
        println!("with {server}");
        test(server);
    }
}

fn with_each_server(test: impl Fn(&Installed)) {
    with_servers(|_| true, test);
}

fn run(client: &mut Client, words: &str) {
    client.run(Command::new(words));
}
