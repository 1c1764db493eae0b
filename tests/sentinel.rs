//! Sentinels that watch the source, and fail it over, have nothing to do with the server that mirrors it.

use redis_mirror_test_support::digest::{self, Mapping};
use redis_mirror_test_support::workload::{Abilities, Live, Writer};
use redis_mirror_test_support::{
    Info, Installed, Options, Sentinels, Server, Status, cmd, server, wait, wait::wait_until, wait_applied,
};

fn writer(to: &Server, seed: u64) -> Writer {
    let abilities = Abilities::of(&mut to.client()).expect("the server tells what it can");
    let pause = std::time::Duration::from_millis(10);
    Writer::start_with_pause(to.address(), Live::new(seed, &abilities).dbs(&[0]), pause)
}

/// A field of INFO's replication; nothing if the connection was cut: Sentinels cut all of a server whose role they change.
fn replication(server: &Server, field: &str) -> Option<String> {
    let info = Info::read(&mut server.client(), "replication").ok()?;
    info.get(field).map(str::to_owned)
}

fn role(server: &Server) -> String {
    server.info("replication").get("role").unwrap_or_default().to_owned()
}

/// A mirror's server is no replica to anybody: not listed with its port, never told whom to follow.
fn assert_untouched(local: &Server, sentinels: &Sentinels) {
    assert_eq!(role(local), "master");
    assert_eq!(local.client().text(cmd!("GET", "own")), "1");
    let stats = local.info("commandstats");
    for command in ["cmdstat_slaveof", "cmdstat_replicaof"] {
        assert_eq!(stats.get(command), None, "{}", local.log_tail());
    }
    assert!(!sentinels.log().contains(&format!(" {} ", local.port())), "{}", sentinels.log());
    for (port, flags) in sentinels.replicas().expect("the Sentinels answer") {
        assert_ne!(port, local.port());
        // What they may list of it is an address that nothing listens on.
        assert!(port != 0 || flags.contains("down") || flags.contains("disconnected"), "{flags}");
    }
}

#[test]
fn a_failover_of_the_source_by_sentinels() {
    let names = ["redis70", "redis8", "valkey9"];
    std::thread::scope(|scope| {
        for name in names {
            match server(name) {
                Some(installed) => drop(scope.spawn(move || story(installed))),
                None => println!("skipped: {name} is not installed"),
            }
        }
    });
}

fn story(installed: &Installed) {
    let source = || Options::new().set("repl-backlog-size", "64mb").set("appendonly", "yes");
    let mut first = Server::start(installed, source());
    let second = Server::start(installed, source());
    second.replicate(first.address());
    let local = Server::start(installed, Options::new().mirror("").set("appendonly", "yes"));
    local.client().run(cmd!("SET", "own", 1));
    local.client().run(cmd!("MIRROR.CREATE", "m", first.url(), "DB", 0, "TO", 1));
    let sentinels = Sentinels::watch(installed, first.address()).expect("the Sentinels start");
    let writes = writer(&first, 1);
    wait_until("the Sentinels know the replica", || {
        sentinels
            .replicas()
            .is_ok_and(|all| all.iter().filter(|(port, _)| *port == second.port()).count() == 3)
    });
    wait_applied(&mut local.client(), "m", wait::PATIENCE).expect("the mirror works");
    assert_untouched(&local, &sentinels);

    first.kill();
    writes.stop();
    wait_until("the Sentinels promote the replica", || {
        sentinels.primary_port().is_ok_and(|port| port == second.port())
            && replication(&second, "role").as_deref() == Some("master")
    });
    wait_until("the mirror says that its source is gone", || {
        !Status::read(&mut local.client(), "m").expect("status").text("last_error").is_empty()
    });
    assert_untouched(&local, &sentinels);

    let writes = writer(&second, 2);
    first.resume();
    wait_until("the Sentinels make it a replica", || {
        replication(&first, "master_link_status").as_deref() == Some("up")
    });
    writes.stop();
    let end = second.info("replication").number("master_repl_offset");
    wait_until("it has everything", || first.info("replication").number("master_repl_offset") >= end);
    wait_applied(&mut local.client(), "m", wait::PATIENCE)
        .unwrap_or_else(|error| panic!("{error}\n{}", local.log_tail()));
    digest::wait_mirrored(&second, &local, &Mapping::identity().db(0, 1));
    assert_untouched(&local, &sentinels);
    wait::wait_for("the mirror streams and is consistent", || {
        let status = Status::read(&mut local.client(), "m").map_err(|error| error.to_string())?;
        let seen = (status.state(), status.text("consistent"));
        if seen == ("streaming".into(), "yes".into()) { Ok(()) } else { Err(format!("{seen:?}")) }
    });
}
