//! Record stores in keys of real servers: what `RECORD.*` promises, over the wire.

mod acl;
mod blocked;
mod cluster;
mod configs;
mod consumer;
mod crashes;
mod cuts;
mod docs;
mod events;
mod faults;
mod full;
mod gone;
mod guarantees;
mod hostile;
mod journeys;
mod leases;
mod many;
mod memory;
mod moves;
mod pages;
mod pauses;
mod payload;
mod persistence;
mod refusals;
mod replicas;
mod replies;
mod seed;
mod slots;
mod soak;
mod store;
mod swaps;
mod upkeep;
mod values;
mod waiter;
mod watchers;

use redis_mirror_test_support::{Client, Installed, Options, Server, digest, server, servers, wait};

/// Both families, the oldest and the newest of each that differ.
const SERVERS: [&str; 4] = ["redis70", "redis86", "valkey81", "valkey9"];

fn installed() -> impl Iterator<Item = &'static Installed> {
    SERVERS.into_iter().filter_map(|name| {
        let found = server(name);
        if found.is_none() {
            println!("skipped: {name} is not installed");
        }
        found
    })
}

/// A story on a server of each kind, all at once.
fn on_each(story: impl Fn(&Server) + Sync) {
    on_each_with(Options::new(), |server| story(server));
}

/// The same, with a configuration, and the server to restart.
fn on_each_with(options: Options, story: impl Fn(&mut Server) + Sync) {
    run(installed(), &options, &story);
}

/// A story on every server there is, all at once.
fn on_every(story: impl Fn(&Server) + Sync) {
    run(servers().iter(), &Options::new(), &|server: &mut Server| story(server));
}

fn run(
    on: impl Iterator<Item = &'static Installed>,
    options: &Options,
    story: &(impl Fn(&mut Server) + Sync),
) {
    std::thread::scope(|scope| {
        let started: Vec<_> = on
            .map(|installed| {
                let run = move || {
                    let mut server = start(installed, options.clone());
                    story(&mut server);
                    assert!(server.is_running(), "{installed} has ended");
                };
                (installed, scope.spawn(run))
            })
            .collect();
        for (installed, thread) in started {
            assert!(thread.join().is_ok(), "failed on {installed}");
        }
    });
}

/// A server with the module.
fn start(installed: &Installed, options: Options) -> Server {
    Server::start(installed, options.mirror(""))
}

fn digest(client: &mut Client) -> String {
    digest::of(client).expect("DEBUG DIGEST")
}

/// A server and one that follows it.
fn with_replica(primary: &Server) -> Server {
    let replica = start(primary.installed(), Options::new());
    replica.replicate(primary.address());
    replica
}

/// Waits until a replica has all that its primary has.
fn wait_caught_up(primary: &Server, replica: &Server) {
    let end = primary.info("replication").number("master_repl_offset");
    wait::wait_until("the replica has everything", || {
        replica.info("replication").number("master_repl_offset") >= end
    });
}
