//! The driver's promises to its observer, over real sockets with a scripted source.

#![cfg(feature = "net")]
#![allow(clippy::unwrap_used)]

mod common;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use common::{Source, Wrapping, commands, parse_all, position, snapshot};
use redis_replica::callback::Whereabouts;
use redis_replica::transport::{
    BackoffConfig, Driver, DriverConfig, DriverError, Endpoint, LinkError, Observer, ObserverError, Reconnect,
};
use redis_replica::{Command, Error, Position, ReplId, rdb};

/// What the scripted source does with each connection: how many bytes it sends before it closes.
type Budgets = &'static [usize];

fn source(lines: &[&str]) -> Source {
    Source {
        replid: common::REPLID,
        base: 50,
        snapshot: snapshot(&[("k", "v")], &[]),
        wrapping: Wrapping::Length,
        stream: commands(lines),
    }
}

/// Serves one connection after the other; the thread returns what was acknowledged on the last.
fn serve(source: Source, budgets: Budgets) -> (SocketAddr, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let thread = thread::spawn(move || {
        let mut requests = Vec::new();
        for budget in budgets {
            let (socket, _) = listener.accept().unwrap();
            requests = serve_one(&source, socket, *budget);
        }
        requests
    });
    (address, thread)
}

/// Answers until the budget is spent or the replica closes, and returns all requests.
fn serve_one(source: &Source, mut socket: TcpStream, mut budget: usize) -> Vec<String> {
    let mut serving = source.serve();
    let mut all = Vec::new();
    let mut chunk = [0; 4096];
    while let Ok(len @ 1..) = socket.read(&mut chunk) {
        // The replica awaits each reply and its requests are small: they don't come in pieces.
        for request in parse_all(&chunk[..len]) {
            let answer = serving.answer(&request);
            all.push(request);
            let left = answer.len().min(budget);
            if socket.write_all(&answer[..left]).is_err() || left < answer.len() {
                return all;
            }
            budget -= left;
        }
    }
    all
}

#[derive(Default)]
struct Script {
    told: Vec<String>,
    refuse_init: bool,
    fail_at: Option<&'static str>,
    panic_at: Option<&'static str>,
    stop_at: Option<(&'static str, redis_replica::transport::StopHandle)>,
}

impl Script {
    fn tell(&mut self, what: String) -> Result<(), ObserverError> {
        if let Some((last, stop)) = &self.stop_at
            && *last == what
        {
            stop.stop();
        }
        assert!(self.panic_at != Some(what.as_str()), "asked to panic");
        let fails = self.fail_at == Some(what.as_str());
        self.told.push(what);
        if fails { Err("asked to fail".into()) } else { Ok(()) }
    }
}

impl Observer for Script {
    fn init(&mut self) -> Result<(), ObserverError> {
        if self.refuse_init { Err("not today".into()) } else { self.tell("init".into()) }
    }

    fn connected(&mut self, _: SocketAddr) {
        self.told.push("connected".into());
    }

    fn replication_start(&mut self, _: Option<ReplId>, offset: u64) -> Result<(), ObserverError> {
        self.tell(format!("start {offset}"))
    }

    fn snapshot_item(&mut self, item: rdb::Item<'_>) -> Result<(), ObserverError> {
        match item {
            rdb::Item::Entry(entry) => self.tell(format!("key {}", entry.key.escape_ascii())),
            _ => Ok(()),
        }
    }

    fn streaming_start(&mut self, _: Option<Position>) -> Result<(), ObserverError> {
        self.tell("live".into())
    }

    fn resumed(&mut self, position: Position) -> Result<(), ObserverError> {
        self.tell(format!("resumed in {}", position.db))
    }

    fn command(&mut self, command: Command<'_>) -> Result<(), ObserverError> {
        let words: Vec<_> = command.view.args().map(String::from_utf8_lossy).collect();
        self.tell(words.join(" "))
    }

    fn transaction_begin(&mut self, _: Whereabouts) -> Result<(), ObserverError> {
        self.tell("begin".into())
    }

    fn transaction_end(&mut self, _: u64, _: u32) -> Result<(), ObserverError> {
        self.tell("end".into())
    }

    fn closed(&mut self, _: &LinkError, retry_in: Option<Duration>) {
        self.told.push(if retry_in.is_some() { "closed".into() } else { "given up".into() });
    }

    fn destroy(&mut self) {
        self.told.push("destroy".into());
    }
}

fn driver(address: SocketAddr) -> Driver {
    Driver::new(config(address))
}

fn config(address: SocketAddr) -> DriverConfig {
    let mut config = DriverConfig::new(Endpoint::new(address.ip().to_string(), address.port()));
    config.backoff =
        BackoffConfig { first: Duration::from_millis(1), max: Duration::from_millis(2), jitter_percent: 0 };
    config
}

#[test]
fn a_refused_init_opens_no_socket() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let mut script = Script { refuse_init: true, ..Script::default() };
    let result = driver(listener.local_addr().unwrap()).run(&mut script);
    assert!(
        matches!(&result, Err(DriverError::Observer(error)) if error.to_string() == "not today"),
        "{result:?}"
    );
    assert!(listener.accept().is_err(), "nobody came");
    assert!(script.told.is_empty(), "what was not begun is not destroyed");
}

#[test]
fn an_error_of_a_callback_stops_with_that_error() {
    for (at, offset_moves) in
        [("start 50", false), ("key k", false), ("live", false), ("SET a 1", false), ("SET b 2", true)]
    {
        let (address, served) = serve(source(&["SET a 1", "SET b 2"]), &[usize::MAX]);
        let mut driver = driver(address);
        let mut script = Script { fail_at: Some(at), ..Script::default() };
        let result = driver.run(&mut script);
        assert!(matches!(result, Err(DriverError::Observer(_))), "{at}: {result:?}");
        assert_eq!(script.told.last().map(String::as_str), Some("destroy"));
        assert_eq!(script.told[script.told.len() - 2], at, "nothing is told behind the failure");
        assert_eq!(driver.position().is_some_and(|position| position.offset > 50), offset_moves, "{at}");
        served.join().unwrap();
    }
}

#[test]
fn a_panic_of_a_callback_is_caught() {
    let (address, served) = serve(source(&["SET a 1"]), &[usize::MAX]);
    let mut script = Script { panic_at: Some("SET a 1"), ..Script::default() };
    let result = driver(address).run(&mut script);
    assert!(matches!(result, Err(DriverError::ObserverPanicked)), "{result:?}");
    assert_eq!(script.told.last().map(String::as_str), Some("destroy"));
    served.join().unwrap();
}

/// Cut within the transaction: the first link tells nothing of it, the second all of it.
#[test]
fn a_transaction_is_told_whole_or_not_at_all() {
    let lines = ["SELECT 4", "SET a 1", "MULTI", "INCR b", "INCR c", "EXEC", "SET last 1"];
    let source = source(&lines);
    let tail = commands(&["INCR c", "EXEC", "SET last 1"]).len();
    // What precedes the stream on the first link is what a full synchronization sends in all, less the stream.
    let all = common::run_link(&source, &mut common::Consumer::default(), usize::MAX, usize::MAX);
    let budgets: Budgets = Box::leak(Box::new([all - tail, usize::MAX]));
    let (address, served) = serve(source.clone(), budgets);
    let mut driver = driver(address);
    let mut script = Script { stop_at: Some(("SET last 1", driver.stop_handle())), ..Script::default() };
    driver.run(&mut script).unwrap();
    assert_eq!(
        script.told,
        [
            "init",
            "connected",
            "start 50",
            "key k",
            "live",
            "SET a 1",
            "closed",
            "connected",
            "resumed in 4",
            "begin",
            "INCR b",
            "INCR c",
            "end",
            "SET last 1",
            "destroy",
        ]
    );
    assert_eq!(driver.position(), Some(position(50 + source.stream.len() as u64, 4)));
    drop(driver);
    served.join().unwrap();
}

#[test]
fn a_transaction_beyond_the_limit_needs_the_user() {
    let (address, served) = serve(source(&["MULTI", "SET a 12345678901234567890", "EXEC"]), &[usize::MAX]);
    let mut script = Script::default();
    let result = Driver::new(DriverConfig { transaction_bytes: 40, ..config(address) }).run(&mut script);
    assert!(
        matches!(result, Err(DriverError::Link(LinkError::TransactionTooLarge { limit: 40 }))),
        "{result:?}"
    );
    assert_eq!(script.told[4..], ["live", "given up", "destroy"]);
    served.join().unwrap();
}

#[test]
fn closed_is_told_once_for_each_link() {
    let (address, served) = serve(source(&["SET last 1"]), &[0, 3, 20, 140, usize::MAX]);
    let mut driver = driver(address);
    let mut script = Script { stop_at: Some(("SET last 1", driver.stop_handle())), ..Script::default() };
    driver.run(&mut script).unwrap();
    let count = |what: &str| script.told.iter().filter(|told| *told == what).count();
    assert_eq!((count("connected"), count("closed")), (5, 4));
    served.join().unwrap();
}

#[test]
fn without_reconnecting_the_reason_is_returned() {
    let (address, served) = serve(source(&[]), &[5]);
    let mut script = Script::default();
    let result =
        Driver::new(DriverConfig { reconnect: Reconnect::Never, ..config(address) }).run(&mut script);
    assert!(matches!(result, Err(DriverError::Link(LinkError::Closed | LinkError::Io(_)))), "{result:?}");
    served.join().unwrap();
    // Nobody listens there any more.
    let result =
        Driver::new(DriverConfig { reconnect: Reconnect::Never, ..config(address) }).run(&mut script);
    assert!(matches!(result, Err(DriverError::Link(LinkError::Connect(_)))), "{result:?}");
}

/// What is acknowledged is what the observer has taken, less one by default. The source itself waits for it: were
/// it never sent, its read would time out and the test fail.
#[test]
fn what_was_told_is_acknowledged() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut driver = driver(listener.local_addr().unwrap());
    let stop = driver.stop_handle();
    let source = source(&["SET a 1", "REPLCONF GETACK *"]);
    let wanted = format!("REPLCONF ACK {}", 50 + source.stream.len() as u64 - 1);
    let served = thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let mut serving = source.serve();
        let mut chunk = [0; 4096];
        loop {
            let len = socket.read(&mut chunk).expect("an acknowledgement");
            for request in parse_all(&chunk[..len]) {
                if request == wanted {
                    return stop.stop();
                }
                socket.write_all(&serving.answer(&request)).unwrap();
            }
        }
    });
    driver.run(&mut Script::default()).unwrap();
    served.join().unwrap();
}

#[test]
fn an_error_only_a_user_can_heal_is_not_tried_again() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let served = thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        socket.write_all(b"-NOAUTH Authentication required.\r\n").unwrap();
        let _ = socket.read(&mut [0; 100]);
    });
    let mut script = Script::default();
    let result = driver(address).run(&mut script);
    assert!(
        matches!(result, Err(DriverError::Link(LinkError::Replication(Error::AuthRequired)))),
        "{result:?}"
    );
    assert_eq!(script.told, ["init", "connected", "given up", "destroy"]);
    served.join().unwrap();
}

/// What a driver is doing while it is woken and stopped.
fn wake_and_stop(config: DriverConfig, doing: &'static str) {
    let mut driver = Driver::new(config);
    let (waker, stop) = (driver.waker(), driver.stop_handle());
    let (told, tellings) = std::sync::mpsc::channel();
    let running = thread::spawn(move || {
        let result = driver.run(&mut Channel(told));
        result.unwrap();
    });
    let await_word = |word: &str| {
        while tellings.recv_timeout(Duration::from_secs(30)).expect(doing) != word {}
    };
    await_word(doing);
    waker.wake();
    await_word("woken");
    waker.wake();
    await_word("woken");
    stop.stop();
    await_word("destroy");
    running.join().unwrap();
}

struct Channel(std::sync::mpsc::Sender<&'static str>);

impl Channel {
    fn tell(&self, word: &'static str) {
        let _ = self.0.send(word);
    }
}

impl Observer for Channel {
    fn init(&mut self) -> Result<(), ObserverError> {
        self.tell("init");
        Ok(())
    }

    fn connected(&mut self, _: SocketAddr) {
        self.tell("connected");
    }

    fn streaming_start(&mut self, _: Option<Position>) -> Result<(), ObserverError> {
        self.tell("live");
        Ok(())
    }

    fn snapshot_item(&mut self, _: rdb::Item<'_>) -> Result<(), ObserverError> {
        Ok(())
    }

    fn command(&mut self, _: Command<'_>) -> Result<(), ObserverError> {
        Ok(())
    }

    fn woken(&mut self) -> Result<(), ObserverError> {
        self.tell("woken");
        Ok(())
    }

    fn closed(&mut self, _: &LinkError, _: Option<Duration>) {
        self.tell("closed");
    }

    fn destroy(&mut self) {
        self.tell("destroy");
    }
}

/// Delays and time-outs far beyond what the test waits for: were any of them waited out, it would fail.
fn patient(address: SocketAddr) -> DriverConfig {
    let hour = Duration::from_secs(3600);
    let mut config = config(address);
    config.backoff = BackoffConfig { first: hour, max: hour, jitter_percent: 0 };
    config.connect_timeout = hour;
    config.connection.timeouts.reply = hour;
    config.connection.timeouts.ack_interval = hour;
    config
}

#[test]
fn a_driver_is_woken_and_stopped_at_once_whatever_it_does() {
    // Nobody listens there any more.
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    wake_and_stop(patient(closed), "closed");
    // Accepted by the kernel; nobody answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    wake_and_stop(patient(silent.local_addr().unwrap()), "connected");
    let (address, served) = serve(source(&[]), &[usize::MAX]);
    wake_and_stop(patient(address), "live");
    served.join().unwrap();
}

/// A listener whose queue is full takes no more connections: connecting waits for its time-out.
#[test]
fn a_driver_is_woken_while_it_connects() {
    let full = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = full.local_addr().unwrap();
    let mut waiting = Vec::new();
    while let Ok(socket) = TcpStream::connect_timeout(&address, Duration::from_millis(200)) {
        waiting.push(socket);
    }
    wake_and_stop(patient(address), "init");
}

#[test]
fn what_is_asked_before_the_run_is_not_lost() {
    let (address, served) = serve(source(&[]), &[usize::MAX]);
    let mut driver = driver(address);
    driver.waker().wake();
    driver.stop_handle().stop();
    let (told, tellings) = std::sync::mpsc::channel();
    driver.run(&mut Channel(told)).unwrap();
    assert_eq!(tellings.iter().collect::<Vec<_>>(), ["init", "woken", "destroy"]);
    drop(TcpStream::connect(address));
    served.join().unwrap();
}
