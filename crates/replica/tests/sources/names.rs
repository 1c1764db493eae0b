//! Sources that renamed the commands of replication, or refuse some.

use std::net::SocketAddr;
use std::time::Duration;

use redis_mirror_test_support::wait::wait_until;
use redis_mirror_test_support::{Direction, Options, Proxy, Server};
use redis_replica::transport::{DriverConfig, Endpoint};
use redis_replica::{CommandNames, Config, Credentials, Error, Timeouts};

use crate::common::{Link, REPLID, Wrapping, parse_all, snapshot, wrap};
use crate::recorder::Running;
use crate::{run, with_each_server};

fn renamed() -> CommandNames {
    CommandNames {
        ping: "P1".into(),
        auth: "A1".into(),
        replconf: "R1".into(),
        psync: "S1".into(),
        sync: "S2".into(),
    }
}

fn config(address: SocketAddr, connection: Config) -> DriverConfig {
    let mut config = DriverConfig::new(Endpoint::new(address.ip().to_string(), address.port()));
    // Often, so that a refused acknowledgement would break the link soon.
    let timeouts = Timeouts { ack_interval: Duration::from_millis(20), ..Timeouts::default() };
    config.connection = Config { timeouts, ..connection };
    config
}

#[test]
fn all_requests_go_by_the_names_given() {
    let credentials = Some(Credentials::password("secret"));
    let mut link = Link::new(Config { names: renamed(), credentials, ..Config::default() });
    let mut asked = Vec::new();
    while !asked.last().is_some_and(|last: &String| last.starts_with("S1")) {
        asked.extend(parse_all(&link.sent()));
        if !asked.last().unwrap().starts_with("S1") {
            link.feed(b"+OK\r\n");
        }
    }
    assert_eq!(asked, ["A1 secret", "P1", "R1 capa eof", "R1 capa psync2", "R1 version 9.1.0", "S1 ? -1"]);
    link.feed(b"-ERR unknown command 'S1'\r\n");
    assert_eq!(parse_all(&link.sent()), ["S2"]);
}

#[test]
fn what_has_no_name_is_not_sent() {
    let none = || String::new();
    let names =
        CommandNames { ping: none(), auth: none(), replconf: none(), psync: none(), sync: "S2".into() };
    let mut link = Link::new(Config { names: names.clone(), ..Config::default() });
    assert_eq!(parse_all(&link.sent()), ["S2"]);
    let names = CommandNames { sync: none(), ..names };
    let mut link = Link::new(Config { names, ..Config::default() });
    link.feed(b"");
    assert_eq!(link.connection.poll_event().unwrap_err(), Error::ReplicationUnsupported);
}

/// Servers from Redis 7.0 on drop a replica whose acknowledgement they have to refuse.
#[test]
fn where_replconf_is_refused_newlines_keep_the_link() {
    let mut link = Link::new(Config::default());
    link.sent();
    link.feed(b"+PONG\r\n");
    while !parse_all(&link.sent()).last().unwrap().starts_with("PSYNC") {
        link.feed(b"-ERR unknown command 'REPLCONF'\r\n");
    }
    link.feed(format!("+FULLRESYNC {REPLID} 100\r\n").as_bytes());
    link.feed(&wrap(&snapshot(&[], &[]), Wrapping::Length));
    assert_eq!(link.sent(), b"\n");
}

#[test]
fn renamed_commands_replicate() {
    with_each_server(|installed| {
        let names = renamed();
        let mut options = Options::new().set("requirepass", "secret");
        let lines = [
            ("PING", &names.ping),
            ("REPLCONF", &names.replconf),
            ("PSYNC", &names.psync),
            ("SYNC", &names.sync),
        ];
        for (command, name) in lines {
            options = options.set(&format!("rename-command {command}"), name);
        }
        let names = CommandNames { auth: "AUTH".into(), ..names };
        let server = Server::start(installed, options);
        let connection =
            Config { names, credentials: Some(Credentials::password("secret")), ..Config::default() };
        let running = Running::start(config(server.address(), connection));
        // Under another name PSYNC is SYNC.
        running.told.wait("live without position");
        let mut client = server.client();
        run(&mut client, "AUTH secret");
        for round in 0..5 {
            run(&mut client, &format!("SET k {round}"));
            running.told.wait(&format!("command 0 SET k {round}"));
        }
        assert_eq!(running.stop().starting("closed"), [""; 0], "{installed}");
    });
}

/// By a user who may not: the link begins, stays and continues without an acknowledgement.
#[test]
fn refused_replconf_goes_on() {
    with_each_server(|installed| {
        let server = Server::start(installed, Options::new());
        run(&mut server.client(), "ACL SETUSER mirror on >secret +psync +ping");
        run(&mut server.client(), "SET k v");
        let connection =
            Config { credentials: Some(Credentials::user("mirror", "secret")), ..Config::default() };
        let proxy = Proxy::new(server.address());
        let running = Running::start(config(proxy.address(), connection));
        running.told.wait("live");
        let sent = proxy.bytes(Direction::ToServer);
        wait_until("a few signs of life", || proxy.bytes(Direction::ToServer) > sent + 3);
        for round in 0..5 {
            run(&mut server.client(), &format!("SET k {round}"));
            running.told.wait(&format!("command 0 SET k {round}"));
        }
        let told = running.stop();
        assert_eq!((told.starting("closed"), told.count("start")), (vec![], 1), "{installed}");
    });
}
