//! `tests/modules/hello_structures`, which uses what the examples show in odd ways.

use redis_mirror_test_support::{Client, Family, Installed, Options, Server, servers};

use crate::example;

/// Options that load the module with these arguments.
pub fn options(arguments: &str) -> Options {
    Options::new().module(&example::module("hello_structures"), arguments)
}

/// Tells a story to each server there is, with the module loaded. The server must outlive it.
pub fn on_each_server(story: impl Fn(&Server, &mut Client)) {
    for installed in servers() {
        println!("on {installed}");
        let mut server = Server::start(installed, options(""));
        let mut client = server.client();
        story(&server, &mut client);
        assert!(server.is_running(), "{installed} has ended");
        client.run("PING");
    }
}

/// Whether a server is of this family and at least of this version.
pub fn is_since(installed: &Installed, family: Family, version: (u32, u32)) -> bool {
    installed.version.family == family && (installed.version.major, installed.version.minor) >= version
}
