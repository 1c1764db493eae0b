//! A replication over TLS: snapshot, stream, cuts at many bytes, resumed.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use redis_mirror_test_support::wait::wait_until;
use redis_mirror_test_support::{
    Authority, Client as TestClient, ClientCertificates, Command as TestCommand, Direction, Options, Proxy,
    Server,
};
use redis_replica::transport::tls::{ClientIdentity, TlsConfig, TlsConnector};
use redis_replica::transport::{
    BackoffConfig, Driver, DriverConfig, DriverError, Endpoint, Observer, ObserverError, StopHandle,
};
use redis_replica::{Command, Position, ReplId, rdb};

use super::{VERSIONS, good_port, start, trusting, with_each_server};

/// Wants to know nothing.
pub(super) struct Nobody;

impl Observer for Nobody {
    fn snapshot_item(&mut self, _: rdb::Item<'_>) -> Result<(), ObserverError> {
        Ok(())
    }

    fn command(&mut self, _: Command<'_>) -> Result<(), ObserverError> {
        Ok(())
    }
}

/// What a link told, in figures and words.
#[derive(Debug, Default)]
struct Told {
    full_syncs: usize,
    resumed: usize,
    is_live: bool,
    keys: usize,
    value_bytes: usize,
    commands: Vec<String>,
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Told>>);

impl Log {
    fn read<T>(&self, read: impl FnOnce(&Told) -> T) -> T {
        read(&self.0.lock().unwrap())
    }

    fn wait_command(&self, words: &str) {
        wait_until(words, || self.read(|told| told.commands.iter().any(|command| command == words)));
    }
}

impl Observer for Log {
    fn replication_start(&mut self, _: Option<ReplId>, _: u64) -> Result<(), ObserverError> {
        *self.0.lock().unwrap() =
            Told { full_syncs: self.read(|told| told.full_syncs) + 1, ..Told::default() };
        Ok(())
    }

    fn snapshot_item(&mut self, item: rdb::Item<'_>) -> Result<(), ObserverError> {
        if let rdb::Item::Entry(entry) = item {
            let mut told = self.0.lock().unwrap();
            told.keys += 1;
            told.value_bytes += entry.object.body().len();
        }
        Ok(())
    }

    fn streaming_start(&mut self, _: Option<Position>) -> Result<(), ObserverError> {
        self.0.lock().unwrap().is_live = true;
        Ok(())
    }

    fn resumed(&mut self, _: Position) -> Result<(), ObserverError> {
        self.0.lock().unwrap().resumed += 1;
        Ok(())
    }

    fn command(&mut self, command: Command<'_>) -> Result<(), ObserverError> {
        let words: Vec<_> = command.view.args().map(String::from_utf8_lossy).collect();
        self.0.lock().unwrap().commands.push(words.join(" "));
        Ok(())
    }
}

/// A driver on a thread of its own.
struct Running {
    log: Log,
    stop: StopHandle,
    thread: JoinHandle<Result<(), DriverError>>,
}

impl Running {
    /// Waits until the first snapshot is complete.
    fn start(address: SocketAddr, tls: TlsConfig) -> Self {
        let mut config = DriverConfig::new(Endpoint::new("127.0.0.1", address.port()));
        config.tls = Some(TlsConnector::new(tls).unwrap());
        config.backoff = BackoffConfig { first: Duration::from_millis(5), ..BackoffConfig::default() };
        let mut driver = Driver::new(config);
        let (log, stop) = (Log::default(), driver.stop_handle());
        let mut observer = log.clone();
        let running = Running { stop, thread: thread::spawn(move || driver.run(&mut observer)), log };
        wait_until("the stream", || running.log.read(|told| told.is_live));
        running
    }

    fn stop(self) -> Log {
        self.stop.stop();
        self.thread.join().unwrap().unwrap();
        self.log
    }
}

fn run(client: &mut TestClient, words: &str) {
    client.run(TestCommand::new(words));
}

#[test]
fn a_snapshot_and_its_stream_pass_encrypted() {
    with_each_server(|installed| {
        let authority = Authority::new("ca");
        for version in VERSIONS {
            let server = start(installed, good_port(&authority), version);
            run(&mut server.client(), "CONFIG SET rdbcompression no");
            run(&mut server.client(), "SETRANGE big 5000000 x");
            run(&mut server.client(), "DEBUG POPULATE 20000 small 200");
            let running = Running::start(server.tls_address(), trusting(&authority));
            let long = "y".repeat(3_000_000);
            run(&mut server.client(), &format!("SET long {long}"));
            run(&mut server.client(), "SET last 1");
            running.log.wait_command("SET last 1");
            let log = running.stop();
            log.read(|told| {
                assert_eq!((told.full_syncs, told.keys), (1, 20_001), "{installed}, {version}");
                assert!(told.value_bytes > 5_000_000, "{}", told.value_bytes);
                assert!(told.commands.contains(&format!("SET long {long}")), "{installed}, {version}");
            });
        }
    });
}

/// The acknowledgements arrive, or the source would see a replica that lags for ever.
#[test]
fn the_source_sees_an_online_replica() {
    with_each_server(|installed| {
        let authority = Authority::new("ca");
        let port = good_port(&authority).clients(ClientCertificates::Required);
        let server = start(installed, port, "TLSv1.3");
        let ours = authority.client("us");
        let identity = Some(ClientIdentity::new(ours.chain_pem, ours.key_pem));
        let running = Running::start(server.tls_address(), TlsConfig { identity, ..trusting(&authority) });
        run(&mut server.client(), "SET k 1");
        running.log.wait_command("SET k 1");
        wait_until("the acknowledgement", || {
            let info = server.info("replication");
            let end = info.number("master_repl_offset").unwrap();
            info.get("slave0").is_some_and(|line| {
                line.contains("state=online") && line.contains(&format!("offset={},", end - 1))
            })
        });
        running.stop();
    });
}

/// Cut at each of these many bytes of the server's, from within the handshake to far in the stream; nothing is lost or
/// repeated, and one snapshot is enough.
#[test]
fn cut_links_are_resumed() {
    with_each_server(|installed| {
        let authority = Authority::new("ca");
        let server = start(installed, good_port(&authority), "TLSv1.2 TLSv1.3");
        let proxy = Proxy::new(server.tls_address());
        let running = Running::start(proxy.address(), trusting(&authority));
        let mut client = server.client();
        let cuts: Vec<u64> = (0..40).chain((40..3000).step_by(97)).collect();
        for (round, bytes) in cuts.iter().enumerate() {
            proxy.cut();
            proxy.cut_after(Direction::FromServer, *bytes);
            run(&mut client, &format!("APPEND key {round}"));
            run(&mut client, "MULTI");
            run(&mut client, &format!("RPUSH list {round}"));
            run(&mut client, &format!("INCRBY n {round}"));
            run(&mut client, "EXEC");
            running.log.wait_command(&format!("INCRBY n {round}"));
        }
        let expected: Vec<String> = (0..cuts.len())
            .flat_map(|round| {
                [format!("APPEND key {round}"), format!("RPUSH list {round}"), format!("INCRBY n {round}")]
            })
            .collect();
        running.stop().read(|told| {
            assert_eq!(told.commands, expected, "{installed}");
            assert_eq!(told.full_syncs, 1, "{installed}");
            assert!(told.resumed >= cuts.len() / 2, "{installed}: only {} cuts were resumed", told.resumed);
        });
    });
}

/// Bytes one by one, both ways: records come in pieces, and so does the handshake.
#[test]
fn a_trickling_link_works() {
    with_each_server(|installed| {
        let authority = Authority::new("ca");
        for version in VERSIONS {
            let server = start(installed, good_port(&authority), version);
            let proxy = Proxy::new(server.tls_address());
            proxy.trickle(Direction::FromServer);
            proxy.trickle(Direction::ToServer);
            let running = Running::start(proxy.address(), trusting(&authority));
            run(&mut server.client(), "SET k 1");
            running.log.wait_command("SET k 1");
            running.stop();
        }
    });
}

/// A source that only opens its port with TLS.
#[test]
fn a_changed_byte_breaks_the_link() {
    with_each_server(|installed| {
        let authority = Authority::new("ca");
        let server = Server::start(installed, Options::new().tls(good_port(&authority)));
        let flipping = super::flip::Flipper::new(server.tls_address(), 6000);
        run(&mut server.client(), "DEBUG POPULATE 2000 key 100");
        let running = Running::start(flipping.address(), trusting(&authority));
        let log = running.stop();
        assert!(flipping.connections() >= 2, "the first link ended: its byte was changed");
        log.read(|told| assert_eq!(told.keys, 2000, "{installed}"));
    });
}
