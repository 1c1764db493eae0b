//! A source's patience with a slow replica.

#![cfg(feature = "net")]
#![allow(clippy::unwrap_used)]

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use redis_mirror_test_support::wait::wait_until;
use redis_mirror_test_support::{Options as ServerOptions, Server, any_server, cmd};
use redis_replica::callback::{Batch, Handler, HandlerError, Phase};
use redis_replica::transport::{Options, Replica};
use redis_replica::{Position, ReplId};

/// What the handler was told.
type Log = Arc<Mutex<Vec<String>>>;

fn told(log: &Log, line: &str) {
    wait_until(line, || log.lock().unwrap().iter().any(|told| told == line));
}

/// A handler that takes longer over a snapshot than the source waits for a sign of life: the file has been sent long ago,
/// and replicationCron (replication.c) drops a replica whose last acknowledgement or newline is older than `repl-timeout`.
#[test]
fn v13_a_snapshot_that_takes_longer_than_the_sources_patience_is_kept_alive() {
    const PATIENCE: Duration = Duration::from_secs(1);
    const KEYS: u32 = 400;
    struct Slow(Log);
    impl Handler for Slow {
        fn batch(&mut self, batch: &Batch) -> Result<(), HandlerError> {
            match batch.phase() {
                Phase::Snapshot => std::thread::sleep(PATIENCE * 4 / KEYS),
                _ => self.0.lock().unwrap().push("live".into()),
            }
            Ok(())
        }
        fn replication_start(&mut self, _: Option<ReplId>, _: u64) -> Result<(), HandlerError> {
            self.0.lock().unwrap().push("start".into());
            Ok(())
        }
        fn streaming_start(&mut self, _: Option<Position>) -> Result<(), HandlerError> {
            self.0.lock().unwrap().push("streaming".into());
            Ok(())
        }
        fn closed(&mut self, reason: &(dyn std::error::Error + 'static), _: Option<Duration>) {
            self.0.lock().unwrap().push(format!("closed: {reason}"));
        }
    }
    let settings =
        ServerOptions::new().set("repl-timeout", PATIENCE.as_secs()).set("repl-diskless-sync", "no");
    let server = Server::start(any_server(), settings);
    server.client().run(cmd!("DEBUG", "POPULATE", KEYS, "key", 10));
    let mut options = Options::new(server.address().ip().to_string(), server.address().port());
    options.batch.commands = 1;
    options.driver.connection.timeouts.ack_interval = Duration::from_millis(50);
    let log = Log::default();
    let replica = Replica::start(options, Slow(log.clone())).unwrap();
    told(&log, "start");
    let begun = Instant::now();
    told(&log, "streaming");
    assert!(begun.elapsed() > PATIENCE * 3, "the source was not made to wait");
    // It comes over the first link, or over a second one if the source has dropped that.
    server.client().run(cmd!("SET", "done", 1));
    told(&log, "live");
    assert_eq!(*log.lock().unwrap(), ["start", "streaming", "live"]);
    replica.stop().unwrap().1.unwrap();
}
