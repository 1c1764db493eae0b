//! A driver on a thread of its own, and what its observer was told.

use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use redis_mirror_test_support::wait::wait_for;
use redis_replica::transport::{
    BackoffConfig, Driver, DriverConfig, DriverError, LinkError, Observer, ObserverError, StopHandle,
};
use redis_replica::{Command, Position, ReplId, rdb};

#[derive(Debug, Clone, Default)]
pub struct Told(Arc<Mutex<Vec<String>>>);

impl Told {
    fn push(&self, what: String) {
        self.0.lock().unwrap().push(what);
    }

    pub fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    pub fn count(&self, what: &str) -> usize {
        self.all().iter().filter(|told| *told == what).count()
    }

    /// All that begins so, without its beginning.
    pub fn starting(&self, start: &str) -> Vec<String> {
        self.all().iter().filter_map(|told| told.strip_prefix(start).map(str::to_owned)).collect()
    }

    #[track_caller]
    pub fn wait(&self, what: &str) {
        wait_for(what, || {
            let all = self.all();
            if all.iter().any(|told| told == what) { Ok(()) } else { Err(format!("{:?}", tail(&all))) }
        });
    }

    #[track_caller]
    pub fn wait_start(&self, start: &str) {
        wait_for(start, || {
            let all = self.all();
            if all.iter().any(|told| told.starts_with(start)) {
                Ok(())
            } else {
                Err(format!("{:?}", tail(&all)))
            }
        });
    }
}

fn tail(all: &[String]) -> &[String] {
    &all[all.len().saturating_sub(20)..]
}

impl Observer for Told {
    fn replication_start(&mut self, _: Option<ReplId>, _: u64) -> Result<(), ObserverError> {
        self.push("start".into());
        Ok(())
    }

    fn snapshot_item(&mut self, item: rdb::Item<'_>) -> Result<(), ObserverError> {
        match item {
            rdb::Item::Entry(entry) => {
                self.push(format!("key {} {}", entry.db, entry.key.escape_ascii()));
                if *entry.key == *b"log" {
                    let text = entry.object.string().unwrap_or_default();
                    self.push(format!("log {}", text.escape_ascii()));
                }
            }
            rdb::Item::Function(_) => self.push("function".into()),
            _ => {}
        }
        Ok(())
    }

    fn streaming_start(&mut self, position: Option<Position>) -> Result<(), ObserverError> {
        self.push(if position.is_some() { "live".into() } else { "live without position".into() });
        Ok(())
    }

    fn resumed(&mut self, position: Position) -> Result<(), ObserverError> {
        self.push(format!("resumed {}", position.db));
        Ok(())
    }

    fn command(&mut self, command: Command<'_>) -> Result<(), ObserverError> {
        let words: Vec<_> = command.view.args().map(String::from_utf8_lossy).collect();
        self.push(format!("command {} {}", command.db, words.join(" ")));
        Ok(())
    }

    fn transaction_begin(&mut self, _: redis_replica::callback::Whereabouts) -> Result<(), ObserverError> {
        self.push("begin".into());
        Ok(())
    }

    fn transaction_end(&mut self, _: u64, _: u32) -> Result<(), ObserverError> {
        self.push("end".into());
        Ok(())
    }

    fn closed(&mut self, reason: &LinkError, _: Option<Duration>) {
        self.push(format!("closed {reason}"));
    }
}

pub struct Running {
    pub told: Told,
    stop: StopHandle,
    thread: JoinHandle<(Driver, Result<(), DriverError>)>,
}

impl Running {
    pub fn start(mut config: DriverConfig) -> Self {
        config.backoff = BackoffConfig {
            first: Duration::from_millis(50),
            max: Duration::from_millis(500),
            jitter_percent: 0,
        };
        let mut driver = Driver::new(config);
        let (told, stop) = (Told::default(), driver.stop_handle());
        let mut observer = told.clone();
        let thread = thread::spawn(move || {
            let result = driver.run(&mut observer);
            (driver, result)
        });
        Running { told, stop, thread }
    }

    /// Stops it and returns all that was told.
    #[track_caller]
    pub fn stop(self) -> Told {
        self.stop.stop();
        let (_, result) = self.thread.join().unwrap();
        result.unwrap();
        self.told
    }

    /// Until it ends by itself.
    pub fn join(self) -> (Driver, Result<(), DriverError>, Told) {
        let (driver, result) = self.thread.join().unwrap();
        (driver, result, self.told)
    }
}
