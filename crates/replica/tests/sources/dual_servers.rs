//! Two channels with real sources: exact, and so after cuts of either channel at any byte.

use std::net::SocketAddr;

use redis_mirror_test_support::wait::wait_until;
use redis_mirror_test_support::{
    Command, Direction, Family, Installed, Options, Proxy, Random, Server, Traffic, cmd,
};
use redis_replica::transport::{DriverConfig, Endpoint};
use redis_replica::{Config, DualChannel};

use crate::recorder::Running;
use crate::{run, with_servers};

fn has_dual_channel(installed: &Installed) -> bool {
    installed.version.major >= 8
}

fn options(installed: &Installed) -> Options {
    let setting = match installed.version.family {
        Family::Valkey => "dual-channel-replication-enabled",
        Family::Redis => "repl-rdb-channel",
    };
    Options::new().set(setting, "yes")
}

fn config(address: SocketAddr) -> DriverConfig {
    let mut config = DriverConfig::new(Endpoint::new(address.ip().to_string(), address.port()));
    config.connection =
        Config { dual_channel: DualChannel::Announced { held_bytes_max: 64 << 20 }, ..Config::default() };
    config
}

/// Writes go on while the snapshot is read, slowly: the source delays each key.
#[test]
fn snapshot_and_stream_come_over_two_channels() {
    with_servers(has_dual_channel, |installed| {
        let server = Server::start(installed, options(installed));
        let mut client = server.client();
        run(&mut client, "SELECT 5");
        run(&mut client, "DEBUG POPULATE 2000 key 10");
        run(&mut client, "CONFIG SET rdb-key-save-delay 500");
        let proxy = Proxy::new(server.address());
        let running = Running::start(config(proxy.address()));
        running.told.wait_start("key 5");
        for round in 0..500 {
            client.run(cmd!("INCR", "n"));
            client.run(cmd!("SET", "last", round));
        }
        run(&mut client, "SET done 1");
        running.told.wait("command 5 SET done 1");
        assert_eq!(proxy.connections(), 2, "{installed}");
        let told = running.stop();
        assert_eq!((told.count("start"), told.starting("key 5 key:").len()), (1, 2000), "{installed}");
        assert_eq!(told.count("command 5 INCR n"), 500, "{installed}");
        let sets: Vec<_> = told.starting("command 5 SET last ");
        assert_eq!(sets, (0..500).map(|n: i32| n.to_string()).collect::<Vec<_>>(), "{installed}");
    });
}

/// A source that has it switched off, or does not know it, sends both over one connection.
#[test]
fn without_it_one_channel_is_used() {
    // Redis 8 does it for whoever announces it.
    let asks_first =
        |installed: &Installed| installed.version.family == Family::Valkey || installed.version.major < 8;
    with_servers(asks_first, |installed| {
        let server = Server::start(installed, Options::new());
        run(&mut server.client(), "SET k v");
        let proxy = Proxy::new(server.address());
        let running = Running::start(config(proxy.address()));
        running.told.wait("live");
        run(&mut server.client(), "SET a 1");
        running.told.wait("command 0 SET a 1");
        assert_eq!((proxy.connections(), running.stop().count("key 0 k")), (1, 1), "{installed}");
    });
}

/// Cuts fall into the handshake, the snapshot or the stream of either: in the end each effect is there once.
#[test]
fn cuts_of_either_channel_lose_and_repeat_nothing() {
    with_servers(has_dual_channel, |installed| {
        let server = Server::start(installed, options(installed));
        run(&mut server.client(), "DEBUG POPULATE 300 key 40");
        let proxy = Proxy::new(server.address());
        let running = Running::start(config(proxy.address()));
        let traffic = Traffic::start(server.address());
        let mut random = Random::new(7);
        for _ in 0..12 {
            Traffic::wait_rounds(&server, 5);
            let starts = running.told.count("start");
            proxy.cut_after(Direction::FromServer, random.below(40_000) as u64);
            // What is lost can't be had as a continuation any more: a full synchronization follows.
            server.client().run(Command::new("DEBUG CHANGE-REPL-ID"));
            proxy.cut();
            wait_until("another synchronization", || running.told.count("start") > starts);
        }
        let rounds = traffic.stop();
        // Until it comes as a command: the last cut may fall behind it.
        wait_until("the end of the stream", || {
            run(&mut server.client(), "SET done 1");
            running.told.count("command 0 SET done 1") > 0
        });
        let told = running.stop().all();
        let last_start = told.iter().rposition(|what| what == "start").unwrap();
        let behind = &told[last_start..];
        let said = |start: &str| {
            let texts = behind.iter().filter_map(|what| what.strip_prefix(start));
            texts.map(str::to_owned).collect::<String>()
        };
        // What the snapshot held, and then what came: each round once and in order.
        let log = said("log ") + &said("command 0 APPEND log ");
        assert_eq!(log, (0..rounds).map(|round| format!("{round},")).collect::<String>(), "{installed}");
        assert!(told.iter().filter(|what| *what == "start").count() > 12, "{installed}");
    });
}
