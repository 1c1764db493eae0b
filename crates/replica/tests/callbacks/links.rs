//! Acknowledgements, and what happens when links end.

use std::sync::Arc;
use std::time::Duration;

use redis_mirror_test_support::wait::wait_until;
use redis_mirror_test_support::{Command, Options as ServerOptions, Server, any_server};
use redis_replica::AckPolicy;
use redis_replica::transport::{Backoff, BackoffConfig};

use super::recorder::{Log, options, run, start};
use super::scripted::{Answer, Script, accept_psync, full_sync, serve, usual};

#[test]
fn v13_what_the_handler_has_applied_is_acknowledged() {
    let server = Server::start(any_server(), ServerOptions::new());
    let log = Log::default();
    let mut options = options(server.address());
    options.driver.connection.ack = AckPolicy::Exact;
    let replica = start(options, &log);
    log.wait("streaming");
    let mut client = server.client();
    run(&mut client, "SET a 1");
    // WAIT sends GETACK and counts exact acknowledgements.
    assert_eq!(client.int(Command::new("WAIT 1 30000")), 1);
    replica.stop().unwrap().1.unwrap();
}

#[test]
fn v13_what_a_handler_holds_is_not_acknowledged() {
    use redis_replica::callback::{Batch, Handler, HandlerError};
    struct Held(Arc<std::sync::Mutex<()>>);
    impl Handler for Held {
        fn batch(&mut self, _: &Batch) -> Result<(), HandlerError> {
            drop(self.0.lock().unwrap());
            Ok(())
        }
    }
    let server = Server::start(any_server(), ServerOptions::new());
    let gate = Arc::new(std::sync::Mutex::new(()));
    let mut options = options(server.address()).start(redis_replica::transport::Start::AFTER_LOAD);
    options.driver.connection.ack = AckPolicy::Exact;
    let replica = redis_replica::transport::Replica::start(options, Held(Arc::clone(&gate))).unwrap();
    let closed = gate.lock().unwrap();
    let mut client = server.client();
    run(&mut client, "SET a 1");
    assert_eq!(client.int(Command::new("WAIT 1 300")), 0);
    drop(closed);
    assert_eq!(client.int(Command::new("WAIT 1 30000")), 1);
    replica.stop().unwrap().1.unwrap();
}

#[test]
fn v13_a_long_snapshot_is_kept_alive() {
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let source = std::thread::spawn(move || {
        let mut socket = accept_psync(&listener);
        let data = full_sync(b"");
        let (begin, rest) = data.split_at(data.len() - 5);
        socket.write_all(begin).unwrap();
        // Waits for signs of life, and sends the rest only then.
        let (mut signs, mut chunk) = (Vec::new(), [0; 64]);
        while signs.len() < 3 {
            let len = socket.read(&mut chunk).unwrap();
            assert!(len > 0, "the replica closed the connection");
            signs.extend_from_slice(&chunk[..len]);
        }
        socket.write_all(rest).unwrap();
        (socket, signs)
    });
    let mut options = options(address);
    options.driver.connection.timeouts.ack_interval = Duration::from_millis(20);
    let log = Log::default();
    let replica = start(options, &log);
    log.wait("streaming");
    let (_socket, signs) = source.join().unwrap();
    assert!(signs.iter().all(|byte| *byte == b'\n'), "{}", signs.escape_ascii());
    replica.stop().unwrap().1.unwrap();
}

#[test]
fn v14_delays_double_from_one_second_to_thirty_with_jitter() {
    let config = BackoffConfig::default();
    assert_eq!((config.first, config.max), (Duration::from_secs(1), Duration::from_secs(30)));
    assert!(config.jitter_percent > 0);
    let mut backoff = Backoff::new(BackoffConfig { jitter_percent: 0, ..config }, 1);
    let seconds: Vec<u64> = (0..8).map(|_| backoff.next_delay().as_secs()).collect();
    assert_eq!(seconds, [1, 2, 4, 8, 16, 30, 30, 30]);
    backoff.reset();
    assert_eq!(backoff.next_delay(), config.first);
}

/// The delays, in milliseconds, that a handler is told while links to this source fail; from 4 to 30.
fn delays_told(script: Script, failures: usize) -> Vec<u128> {
    use redis_replica::callback::{Batch, Handler, HandlerError};
    struct Delays(Arc<std::sync::Mutex<Vec<u128>>>);
    impl Handler for Delays {
        fn batch(&mut self, _: &Batch) -> Result<(), HandlerError> {
            Ok(())
        }
        fn closed(&mut self, _: &(dyn std::error::Error + 'static), retry_in: Option<Duration>) {
            self.0.lock().unwrap().push(retry_in.unwrap().as_millis());
        }
    }
    let (address, _) = serve(script);
    let mut options = options(address);
    options.driver.backoff =
        BackoffConfig { first: Duration::from_millis(4), max: Duration::from_millis(30), jitter_percent: 0 };
    let delays = Arc::new(std::sync::Mutex::new(Vec::new()));
    let replica = redis_replica::transport::Replica::start(options, Delays(Arc::clone(&delays))).unwrap();
    wait_until("the failures", || delays.lock().unwrap().len() >= failures);
    replica.stop().unwrap().1.unwrap();
    let mut delays = delays.lock().unwrap().clone();
    delays.truncate(failures);
    delays
}

/// They double while links fail and start over behind one that streamed.
#[test]
fn v14_a_link_that_streamed_starts_the_delays_over() {
    let script: Script = Arc::new(|number, request| match request {
        "PING" if number != 3 => Answer::Close,
        request if request.starts_with("REPLCONF ACK") => Answer::Close,
        _ => usual(request, &full_sync(b"")),
    });
    assert_eq!(delays_told(script, 6), [4, 8, 16, 4, 8, 16]);
}

#[test]
fn n22_a_source_that_loads_is_tried_again_soon_and_does_not_move_the_delays() {
    let script: Script = Arc::new(|number, _| match number {
        0..=3 => Answer::Bytes(b"-LOADING Redis is loading the dataset in memory\r\n".to_vec()),
        _ => Answer::Close,
    });
    assert_eq!(delays_told(script, 7), [4, 4, 4, 4, 4, 8, 16]);
}

#[test]
fn n22_closed_comes_once_for_each_drop_before_the_next_attempt() {
    let (address, _) = serve(Arc::new(|number, request| match (number, request) {
        (0..=2, "PING") => Answer::Bytes(b"-LOADING Redis is loading the dataset in memory\r\n".to_vec()),
        (3, "PING") => Answer::Close,
        _ => usual(request, &full_sync(b"")),
    }));
    let log = Log::default();
    let replica = start(options(address), &log);
    log.wait("streaming");
    replica.stop().unwrap().1.unwrap();
    assert_eq!(log.all(), ["init", "closed", "closed", "closed", "closed", "start", "streaming", "destroy"]);
}
