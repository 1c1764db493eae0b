//! Statement 17: a list of Sentinels, a group, a role; their own credentials and TLS; asked in order; ROLE verified;
//! rediscovery at every reconnect; +switch-master watched.

use std::net::SocketAddr;
use std::time::Duration;

use redis_mirror_test_support::wait::wait_until;
use redis_mirror_test_support::{Installed, Options, SentinelOptions, Sentinels as Watching, Server, cmd};
use redis_replica::transport::{DriverConfig, Endpoint, Sentinels, SourceRole};
use redis_replica::{AckPolicy, Config, Credentials};

use crate::recorder::Running;
use crate::{run, with_servers};

/// One of each lineage, old and new.
fn is_chosen(installed: &Installed) -> bool {
    ["redis70", "redis8", "valkey9"].contains(&installed.name.as_str())
}

fn endpoints(addresses: &[SocketAddr]) -> Vec<Endpoint> {
    addresses.iter().map(|address| Endpoint::new(address.ip().to_string(), address.port())).collect()
}

/// A PING that reaches us and not the replica would put us ahead of it.
fn options() -> Options {
    Options::new().set("repl-ping-replica-period", 3600)
}

/// Exact, so that WAIT counts us too.
fn exact(sentinels: Sentinels) -> DriverConfig {
    let mut config = DriverConfig::new(sentinels);
    config.connection = Config { ack: AckPolicy::Exact, ..Config::default() };
    config
}

/// Writes `rounds` counters to a server, all of which its replica and we have at the end.
fn write(server: &Server, rounds: std::ops::Range<u32>, replicas: i64) {
    let mut client = server.client();
    run(&mut client, "SELECT 3");
    for round in rounds {
        client.run(cmd!("RPUSH", "list", round));
    }
    assert_eq!(client.int(cmd!("WAIT", replicas, 30_000)), replicas, "{}", server.log_tail());
}

/// Kills the primary when nothing is on its way: the Sentinels' own messages go over the stream too.
fn kill_at_rest(primary: &mut Server, replica: &Server) {
    run(&mut primary.client(), "CLIENT PAUSE 60000 WRITE");
    let offset = |server: &Server, field: &str| server.info("replication").number(field);
    wait_until("the replica has all", || {
        let ours = offset(primary, "master_repl_offset");
        ours == offset(replica, "slave_repl_offset") && ours == offset(primary, "master_repl_offset")
    });
    primary.kill();
}

fn assert_each_once(running: Running, rounds: u32, installed: &Installed) {
    let told = running.stop();
    let pushes = told.starting("command 3 RPUSH list ");
    assert_eq!(pushes, (0..rounds).map(|round| round.to_string()).collect::<Vec<_>>(), "{installed}");
    assert_eq!(told.count("start"), 1, "{installed}: {:?}", told.starting("closed"));
}

#[test]
fn v17_a_failover_is_followed_without_losing_or_repeating_a_command() {
    with_servers(is_chosen, |installed| {
        let mut primary = Server::start(installed, options());
        let replica = Server::start(installed, options());
        replica.replicate(primary.address());
        let watching = Watching::watch(installed, primary.address()).unwrap();
        let running = Running::start(exact(Sentinels::new(endpoints(&watching.addresses()), "watched")));
        running.told.wait("live");
        write(&primary, 0..50, 2);
        kill_at_rest(&mut primary, &replica);
        running.told.wait_start("resumed");
        write(&replica, 50..100, 1);
        running.told.wait("command 3 RPUSH list 99");
        assert_each_once(running, 100, installed);
    });
}

/// The old primary lives on: only the Sentinels' message ends the link.
#[test]
fn v17_a_switch_ends_the_link_at_once() {
    with_servers(is_chosen, |installed| {
        let primary = Server::start(installed, options());
        let replica = Server::start(installed, options());
        replica.replicate(primary.address());
        let mut watching = Watching::watch(installed, primary.address()).unwrap();
        let running = Running::start(exact(Sentinels::new(endpoints(&watching.addresses()), "watched")));
        running.told.wait("live");
        write(&primary, 0..20, 2);
        // The one that is watched goes: another one takes over.
        watching.kill(0);
        // Frozen, it is down for the Sentinels, and its sockets stay open.
        primary.freeze();
        running.told.wait_start("closed the Sentinels have made another server the primary");
        running.told.wait_start("resumed");
        primary.thaw();
        write(&replica, 20..40, 1);
        running.told.wait("command 3 RPUSH list 39");
        assert_each_once(running, 40, installed);
    });
}

#[test]
fn v17_sentinels_are_asked_in_order_and_one_that_answers_comes_first() {
    with_servers(is_chosen, |installed| {
        let primary = Server::start(installed, options());
        let replica = Server::start(installed, options());
        replica.replicate(primary.address());
        let watching = Watching::watch(installed, primary.address()).unwrap();
        // A data server is no Sentinel, and nobody listens at port 1.
        let wrong = [Endpoint::new("127.0.0.1", 1), Endpoint::new("127.0.0.1", primary.port())];
        let all = [wrong.to_vec(), endpoints(&watching.addresses())].concat();
        let sentinels = Sentinels::new(all.clone(), "watched").timeout(Duration::from_secs(20));
        let running = Running::start(exact(sentinels.clone()));
        running.told.wait("live");
        running.stop();
        let expected = [&all[2..3], &all[..2], &all[3..]].concat();
        assert_eq!(sentinels.order(), expected, "{installed}");
        let running = Running::start(exact(Sentinels::new(all, "other")));
        running.told.wait_start("closed Sentinel");
        let closed = running.stop().starting("closed ").remove(0);
        assert!(closed.contains("watches no group \"other\""), "{closed}");
    });
}

#[test]
fn v17_a_replica_is_followed_when_asked_for_and_roles_are_verified() {
    with_servers(is_chosen, |installed| {
        let primary = Server::start(installed, options());
        let replica = Server::start(installed, options());
        replica.replicate(primary.address());
        let watching = Watching::watch(installed, primary.address()).unwrap();
        wait_until("the Sentinels know the replica", || {
            watching
                .replicas()
                .unwrap()
                .iter()
                .filter(|(port, flags)| *port == replica.port() && flags == "slave")
                .count()
                == 3
        });
        let sentinels = Sentinels::new(endpoints(&watching.addresses()), "watched");
        let running = Running::start(exact(sentinels.clone().role(SourceRole::Replica)));
        running.told.wait("live");
        let replicas = |server: &Server| server.info("replication").number("connected_slaves");
        assert_eq!((replicas(&primary), replicas(&replica)), (Some(1), Some(1)), "{installed}");
        running.stop();
        // What the Sentinels say and what the server says need not agree: then it is not followed.
        run(&mut primary.client(), &format!("REPLICAOF 127.0.0.1 {}", replica.port()));
        let running = Running::start(exact(sentinels));
        running.told.wait_start("closed ");
        let told = running.stop();
        assert!(told.starting("closed ")[0].contains("is no primary"), "{:?}", told.all());
    });
}

/// The Sentinels' user and the servers' differ; neither may more than it needs.
#[test]
fn v17_sentinels_and_servers_have_their_own_users() {
    with_servers(is_chosen, |installed| {
        let mut primary = Server::start(installed, options());
        let replica = Server::start(installed, options());
        for server in [&primary, &replica] {
            run(&mut server.client(), "ACL SETUSER mirror on >secret +psync +replconf +ping +role");
        }
        replica.replicate(primary.address());
        let user = SentinelOptions::new().line("user watcher on >word &* -@all +sentinel +subscribe");
        let watching = Watching::watch_with(installed, primary.address(), &user).unwrap();
        let sentinels = |password: &str| {
            Sentinels::new(endpoints(&watching.addresses()), "watched")
                .credentials(Credentials::user("watcher", password))
        };
        let mut config = exact(sentinels("word"));
        config.connection.credentials = Some(Credentials::user("mirror", "secret"));
        let refused = Running::start(DriverConfig { source: sentinels("wrong").into(), ..config.clone() });
        refused.told.wait_start("closed Sentinel");
        assert!(refused.stop().starting("closed ")[0].contains("refused the user or password"));
        let running = Running::start(config);
        running.told.wait("live");
        write(&primary, 0..20, 2);
        kill_at_rest(&mut primary, &replica);
        running.told.wait_start("resumed");
        write(&replica, 20..40, 1);
        running.told.wait("command 3 RPUSH list 39");
        assert_each_once(running, 40, installed);
    });
}

#[cfg(feature = "tls")]
mod encrypted {
    use redis_mirror_test_support::{Authority, ClientCertificates, Folder, TlsPort};
    use redis_replica::transport::tls::{ClientIdentity, Roots, TlsConfig, TlsConnector};

    use super::*;

    /// Every connection is encrypted and shows a certificate: ours, the replica's and the Sentinels'.
    #[test]
    fn v17_sentinels_and_servers_are_reached_by_tls_with_certificates() {
        with_servers(is_chosen, |installed| {
            let authority = Authority::new("ca");
            let port = TlsPort::new(authority.server(&["localhost", "127.0.0.1"]), &authority)
                .clients(ClientCertificates::Required);
            let (folder, client) = (Folder::new("tls-client"), authority.client("node"));
            let (certificate, key) = (folder.path().join("crt"), folder.path().join("key"));
            folder.write("crt", &client.chain_pem);
            folder.write("key", &client.key_pem);
            let lines = [
                ("tls-replication", String::from("yes")),
                ("tls-client-cert-file", certificate.display().to_string()),
                ("tls-client-key-file", key.display().to_string()),
            ];
            let all = |options: Options| {
                lines.iter().fold(options, |options, (name, value)| options.set(name, value))
            };
            let mut primary = Server::start(installed, all(options().tls(port.clone())));
            let replica = Server::start(installed, all(options().tls(port.clone())));
            replica.replicate(primary.tls_address());
            let sentinel = lines.iter().fold(SentinelOptions::new().tls(port), |options, (name, value)| {
                options.line(format!("{name} {value}"))
            });
            let watching = Watching::watch_with(installed, primary.tls_address(), &sentinel).unwrap();
            let ours = authority.client("mirror");
            let tls = TlsConnector::new(TlsConfig {
                roots: Roots::Pem(authority.pem().into()),
                identity: Some(ClientIdentity::new(ours.chain_pem, ours.key_pem)),
                ..TlsConfig::default()
            })
            .unwrap();
            let sentinels = Sentinels::new(endpoints(&watching.tls_addresses()), "watched").tls(tls.clone());
            let running = Running::start(DriverConfig { tls: Some(tls), ..exact(sentinels) });
            running.told.wait("live");
            write(&primary, 0..20, 2);
            kill_at_rest(&mut primary, &replica);
            running.told.wait_start("resumed");
            write(&replica, 20..40, 1);
            running.told.wait("command 3 RPUSH list 39");
            assert_each_once(running, 40, installed);
        });
    }
}
