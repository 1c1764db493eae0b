//! A handler that writes down what it is told.

use std::error::Error;
use std::fmt::Display;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use redis_mirror_test_support::wait::wait_until;
use redis_mirror_test_support::{Client, Command, Installed, survey};
use redis_replica::callback::{Batch, Entry, Handler, HandlerError, LeftOut, Message, Phase};
use redis_replica::transport::{BackoffConfig, Options, Replica};
use redis_replica::{Position, ReplId};

/// Runs `test` with each server version; says so if there is none.
pub fn with_each_server(test: impl Fn(&Installed)) {
    let (servers, left_out) = survey();
    left_out.iter().for_each(|reason| println!("skipped: {reason}"));
    if servers.is_empty() {
        println!("skipped: no server found; set REDIS_MIRROR_TEST_SERVERS");
    }
    for server in &servers {
        println!("with {server}");
        test(server);
    }
}

pub fn run(client: &mut Client, words: &str) {
    client.run(Command::new(words));
}

pub fn options(address: SocketAddr) -> Options {
    let mut options = Options::new(address.ip().to_string(), address.port());
    options.driver.backoff =
        BackoffConfig { first: Duration::from_millis(20), max: Duration::from_millis(50), jitter_percent: 0 };
    options
}

/// What was told, one line each; the commands of a batch on one line, with ` | ` between them.
#[derive(Debug, Clone, Default)]
pub struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    pub fn push(&self, line: impl Into<String>) {
        self.0.lock().unwrap().push(line.into());
    }

    pub fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    pub fn count(&self, line: &str) -> usize {
        self.all().iter().filter(|told| *told == line).count()
    }

    pub fn wait(&self, line: &str) {
        wait_until(line, || self.count(line) > 0);
    }

    /// The batches of a phase.
    pub fn batches(&self, phase: &str) -> Vec<String> {
        let all = self.all();
        all.iter().filter_map(|line| line.strip_prefix(phase)).map(str::to_owned).collect()
    }
}

#[derive(Default)]
pub struct Recorder {
    pub log: Log,
    pub fail_at: Option<&'static str>,
    pub panic_at: Option<&'static str>,
    pub batches: usize,
    /// A look at the world while `destroy` runs.
    pub at_the_end: Option<Box<dyn FnMut() + Send>>,
}

impl Recorder {
    pub fn new(log: &Log) -> Self {
        Recorder { log: log.clone(), ..Recorder::default() }
    }

    pub fn failing_at(log: &Log, line: &'static str) -> Self {
        Recorder { fail_at: Some(line), ..Recorder::new(log) }
    }

    fn tell(&mut self, line: String) -> Result<(), HandlerError> {
        self.log.push(line.clone());
        assert!(self.panic_at != Some(line.as_str()), "asked to panic");
        if self.fail_at == Some(line.as_str()) { Err("asked to fail".into()) } else { Ok(()) }
    }
}

pub fn words(entry: &Entry<'_>) -> String {
    let args: Vec<_> = entry.args().map(|arg| arg.escape_ascii().to_string()).collect();
    format!("[{}] {}", entry.db(), args.join(" "))
}

impl Handler for Recorder {
    fn init(&mut self) -> Result<(), HandlerError> {
        self.tell("init".into())
    }

    fn replication_start(&mut self, _: Option<ReplId>, _: u64) -> Result<(), HandlerError> {
        self.tell("start".into())
    }

    fn batch(&mut self, batch: &Batch) -> Result<(), HandlerError> {
        assert!(!batch.is_empty(), "a batch is never empty");
        self.batches += 1;
        let phase = if batch.phase() == Phase::Snapshot { "snapshot" } else { "live" };
        let commands: Vec<_> = batch.iter().map(|entry| words(&entry)).collect();
        self.tell(format!("{phase} {}", commands.join(" | ")))
    }

    fn left_out(&mut self, db: u32, key: &[u8], _: LeftOut) -> Result<(), HandlerError> {
        self.tell(format!("left out [{db}] {}", key.escape_ascii()))
    }

    fn streaming_start(&mut self, _: Option<Position>) -> Result<(), HandlerError> {
        self.tell("streaming".into())
    }

    fn resumed(&mut self, position: Position) -> Result<(), HandlerError> {
        self.tell(format!("resumed [{}]", position.db))
    }

    fn message(&mut self, message: Message) -> Result<(), HandlerError> {
        let text = message.downcast_ref::<&'static str>().copied().unwrap_or("?");
        self.tell(format!("message {text}"))
    }

    fn closed(&mut self, _: &(dyn Error + 'static), retry_in: Option<Duration>) {
        self.log.push(if retry_in.is_some() { "closed" } else { "given up" });
    }

    fn destroy(&mut self) -> Result<(), HandlerError> {
        if let Some(look) = &mut self.at_the_end {
            look();
        }
        self.tell("destroy".into())
    }

    fn note(&mut self, what: &dyn Display) {
        self.log.push(format!("note {what}"));
    }
}

pub fn start(options: Options, log: &Log) -> Replica<Recorder> {
    Replica::start(options, Recorder::new(log)).unwrap()
}
