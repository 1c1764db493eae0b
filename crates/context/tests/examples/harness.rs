//! What the stories of the examples share.

use redis_mirror_test_support::{Client, Family, Installed, Options, Server, servers};

use crate::example;

/// One subject of `examples/`.
pub struct Subject {
    /// The packages to load, in this order.
    pub packages: &'static [&'static str],
    /// What the example's own comment shows, as a user would type it. It passes on a server that other examples are
    /// loaded into, too; a server that lacks a function is asked for the error.
    pub drive: fn(&Server, &mut Client),
}

/// Options that load the examples of these names, without arguments.
pub fn options(packages: &[&str]) -> Options {
    let names: Vec<String> = packages.iter().map(|package| format!("example_{package}")).collect();
    let modules = example::modules(&names);
    modules.iter().fold(Options::new(), |options, module| options.module(module, ""))
}

/// Tells a story to each server there is, with these examples loaded. The server must outlive it.
pub fn on_each_server(packages: &[&str], story: impl Fn(&Server, &mut Client)) {
    for installed in servers() {
        println!("on {installed}");
        let mut server = Server::start(installed, options(packages));
        let mut client = server.client();
        story(&server, &mut client);
        assert!(server.is_running(), "{installed} has ended");
        client.run("PING");
    }
}

/// Whether a server has what Redis got with one version and Valkey with another (`None`: never).
pub fn is_since(installed: &Installed, redis: Option<(u32, u32)>, valkey: Option<(u32, u32)>) -> bool {
    let since = match installed.version.family {
        Family::Redis => redis,
        Family::Valkey => valkey,
    };
    since.is_some_and(|since| (installed.version.major, installed.version.minor) >= since)
}
