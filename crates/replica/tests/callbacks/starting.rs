//! Starting, stopping, and what is known of a replica.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use redis_mirror_test_support::wait::wait_until;
use redis_mirror_test_support::{Command, Options as ServerOptions, Server, any_server};
use redis_replica::Credentials;
use redis_replica::transport::{DriverError, LinkError, Reconnect, Replica, ReplicaState, Start, StartError};

use super::recorder::{Log, Recorder, options, run, start, with_each_server};
use super::scripted::{full_sync, serve, usual};

#[test]
fn v01_a_refused_init_fails_the_start_and_opens_no_socket() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let log = Log::default();
    let handler = Recorder::failing_at(&log, "init");
    let refused = Replica::start(options(listener.local_addr().unwrap()), handler).err().unwrap();
    assert!(matches!(&refused, StartError::Init(error) if error.to_string() == "asked to fail"), "{refused}");
    assert!(listener.accept().is_err(), "nobody came");
    assert_eq!(log.all(), ["init"]);
}

#[test]
fn v02_a_password_is_said_first_and_a_ping_comes_first_without() {
    let login = [
        (None, &["PING", "REPLCONF"][..]),
        (Some(Credentials::password("secret")), &["AUTH secret", "PING", "REPLCONF"]),
        (Some(Credentials::user("joe", "secret")), &["AUTH joe secret", "PING", "REPLCONF"]),
    ];
    for (credentials, expected) in login {
        let (address, asked) = serve(Arc::new(|_, request| usual(request, &full_sync(b""))));
        let mut options = options(address);
        options.driver.connection.credentials = credentials;
        let log = Log::default();
        let replica = start(options, &log);
        log.wait("streaming");
        let asked = asked.lock().unwrap().clone();
        for (said, begin) in asked.iter().zip(expected) {
            assert!(said.starts_with(begin), "{asked:?}");
        }
        let psync = asked.iter().position(|request| request.starts_with("PSYNC")).unwrap();
        assert!(asked[..psync].iter().filter(|request| request.starts_with("REPLCONF")).count() >= 2);
        replica.stop().unwrap().1.unwrap();
    }
}

#[test]
fn v02_servers_take_a_password_and_a_user() {
    with_each_server(|installed| {
        let server = Server::start(installed, ServerOptions::new().set("requirepass", "secret"));
        let mut client = server.client();
        run(&mut client, "AUTH secret");
        run(&mut client, "ACL SETUSER joe on >pass +psync +replconf +ping");
        for credentials in [Credentials::password("secret"), Credentials::user("joe", "pass")] {
            let log = Log::default();
            let replica = start(options(server.address()).credentials(credentials), &log);
            log.wait("streaming");
            replica.stop().unwrap().1.unwrap();
        }
    });
}

#[test]
fn v03_start_returns_before_it_connects_and_a_failed_connect_is_retried() {
    // Nobody listens there yet.
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let log = Log::default();
    let (starts, started) = std::sync::mpsc::channel();
    let begins = log.clone();
    std::thread::spawn(move || starts.send(start(options(address), &begins)));
    let replica = started.recv_timeout(Duration::from_secs(60)).expect("it waits for a connection");
    wait_until("two failures", || log.count("closed") >= 2);
    replica.stop().unwrap().1.unwrap();

    let mut once = options(address);
    once.driver.reconnect = Reconnect::Never;
    let (_, result) = start(once, &log).wait().unwrap();
    assert!(matches!(result, Err(DriverError::Link(LinkError::Connect(_)))), "{result:?}");
}

#[test]
fn v10_destroy_runs_before_the_socket_closes_and_its_error_is_only_noted() {
    let server = Server::start(any_server(), ServerOptions::new());
    let log = Log::default();
    let mut handler = Recorder::failing_at(&log, "destroy");
    let (seen, address) = (log.clone(), server.address());
    handler.at_the_end = Some(Box::new(move || {
        let mut client = redis_mirror_test_support::Client::connect(address).unwrap();
        let clients = client.text(Command::new("CLIENT LIST TYPE replica"));
        seen.push(format!("{} connected", clients.lines().count()));
    }));
    let replica = Replica::start(options(address), handler).unwrap();
    log.wait("streaming");
    replica.stop().unwrap().1.unwrap();
    let all = log.all();
    let end = all.iter().position(|line| line == "1 connected").expect("the link is open");
    assert_eq!(all[end + 1..], ["destroy", "note the handler's end failed: asked to fail"]);
}

#[test]
fn v16_state_offset_id_and_address_are_known() {
    let server = Server::start(any_server(), ServerOptions::new());
    let log = Log::default();
    let replica = start(options(server.address()), &log);
    log.wait("streaming");
    run(&mut server.client(), "SET a 1");
    log.wait("live [0] set a 1");
    let source = |field: &str| server.info("replication").get(field).map(str::to_owned).unwrap_or_default();
    wait_until("the source's offset", || replica.offset().to_string() == source("master_repl_offset"));
    let status = replica.status();
    assert_eq!(status.state, ReplicaState::Streaming);
    assert_eq!(status.peer, Some(server.address()));
    assert_eq!(replica.replid().unwrap().to_string(), source("master_replid"));
    assert_eq!(replica.position().unwrap().offset, replica.offset());
    drop(server);
    wait_until("backing off", || replica.state() == ReplicaState::BackingOff);
    assert_eq!(replica.status().peer, None);
}

#[test]
fn v16_each_state_is_shown() {
    let gate = Arc::new(std::sync::Mutex::new(()));
    let closed = gate.lock().unwrap();
    let held = Arc::clone(&gate);
    let (address, _) = serve(Arc::new(move |_, request| {
        if request.starts_with("PSYNC") {
            drop(held.lock().unwrap());
            return usual(request, format!("+FULLRESYNC {} 100\r\n", super::scripted::REPLID).as_bytes());
        }
        usual(request, b"")
    }));
    let log = Log::default();
    let replica = start(options(address), &log);
    wait_until("the handshake", || replica.state() == ReplicaState::Handshake);
    drop(closed);
    wait_until("the snapshot", || replica.state() == ReplicaState::Snapshot);
    assert_eq!((replica.offset(), replica.position()), (100, None));
    replica.stop().unwrap().1.unwrap();
}

#[test]
fn n23_a_blocking_start_returns_behind_the_load_and_gives_up_in_time() {
    let server = Server::start(any_server(), ServerOptions::new());
    run(&mut server.client(), "SET early 1");
    let log = Log::default();
    let replica = start(options(server.address()).start(Start::AFTER_LOAD), &log);
    assert_eq!(log.all(), ["init", "start", "snapshot [0] set early 1", "streaming"]);
    drop(replica);

    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let timeout = Duration::from_millis(50);
    let waiting = options(silent.local_addr().unwrap()).start(Start::AfterLoad { timeout });
    let refused = Replica::start(waiting, Recorder::new(&log)).err().unwrap();
    assert!(matches!(refused, StartError::Timeout(after) if after == timeout), "{refused}");
    assert_eq!(Start::AFTER_LOAD, Start::AfterLoad { timeout: Duration::from_secs(360) });
}
