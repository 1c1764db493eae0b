//! A replica on the caller's thread: the same callbacks and errors, asked and stopped from another.

#![cfg(feature = "net")]
#![allow(clippy::unwrap_used)]

use std::net::TcpListener;
use std::thread::{self, ThreadId};

use redis_mirror_test_support::wait::wait_until;
use redis_mirror_test_support::{Command, Options as ServerOptions, Server, any_server};
use redis_replica::callback::{Batch, Handler, HandlerError};
use redis_replica::transport::{
    CallError, DriverError, LinkError, Options, Prepared, Reconnect, ReplicaHandle, ReplicaState,
};
use redis_replica::{Config, Goal};

/// What was called, and on which threads.
#[derive(Default)]
struct Recorder {
    told: Vec<String>,
    threads: Vec<ThreadId>,
    refuses: bool,
}

impl Recorder {
    fn tell(&mut self, what: &str) {
        self.told.push(what.into());
        self.threads.push(thread::current().id());
    }
}

impl Handler for Recorder {
    fn init(&mut self) -> Result<(), HandlerError> {
        self.tell("init");
        if self.refuses { Err("asked to refuse".into()) } else { Ok(()) }
    }

    fn batch(&mut self, batch: &Batch) -> Result<(), HandlerError> {
        batch.iter().for_each(|command| self.tell(&format!("{command:?}")));
        Ok(())
    }

    fn destroy(&mut self) -> Result<(), HandlerError> {
        self.tell("destroy");
        Ok(())
    }
}

fn options(server: &Server) -> Options {
    Options::new(server.address().ip().to_string(), server.address().port())
}

/// Asks how much was told, until it is so much, and stops the replica.
fn stop_after(handle: &ReplicaHandle<Recorder>, told: usize) {
    let count = || handle.call(|handler| handler.told.len());
    wait_until("what was told", || count().is_ok_and(|count| count >= told));
    handle.stop();
}

#[test]
fn every_callback_runs_on_the_callers_thread() {
    let server = Server::start(any_server(), ServerOptions::new());
    let mut client = server.client();
    client.run(Command::new("SET a 1"));
    let replica = Prepared::new(options(&server), Recorder::default());
    let handle = replica.handle();
    let asking = thread::spawn(move || {
        wait_until("the stream", || handle.status().state == ReplicaState::Streaming);
        client.run(Command::new("SET b 2"));
        stop_after(&handle, 3);
        handle
    });
    let (recorder, result) = replica.run();
    result.unwrap();
    assert_eq!(recorder.told.len(), 4, "{:?}", recorder.told);
    assert_eq!((recorder.told[0].as_str(), recorder.told[3].as_str()), ("init", "destroy"));
    assert!(recorder.threads.iter().all(|thread| *thread == thread::current().id()));
    let handle = asking.join().unwrap();
    assert_eq!((handle.status().state, handle.call(|_| ())), (ReplicaState::Ended, Err(CallError::Stopped)));
}

#[test]
fn it_ends_by_itself_when_all_that_was_wanted_is_there() {
    let server = Server::start(any_server(), ServerOptions::new());
    server.client().run(Command::new("SET a 1"));
    let mut options = options(&server);
    options.driver.connection = Config { goal: Goal::Snapshot, ..Config::default() };
    let (recorder, result) = Prepared::new(options, Recorder::default()).run();
    result.unwrap();
    assert_eq!(recorder.told.len(), 3, "{:?}", recorder.told);
}

#[test]
fn a_refused_init_is_the_error_and_opens_no_socket() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let options = Options::new("127.0.0.1", listener.local_addr().unwrap().port());
    let (recorder, result) = Prepared::new(options, Recorder { refuses: true, ..Recorder::default() }).run();
    let Err(DriverError::Observer(reason)) = result else { panic!("{result:?}") };
    assert_eq!(
        (reason.to_string().as_str(), recorder.told.as_slice()),
        ("asked to refuse", &["init".into()][..])
    );
    assert!(listener.accept().is_err(), "nobody came");
}

#[test]
fn a_link_that_is_not_tried_again_is_the_error() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let mut options = Options::new("127.0.0.1", port);
    options.driver.reconnect = Reconnect::Never;
    let (_, result) = Prepared::new(options, Recorder::default()).run();
    assert!(matches!(result, Err(DriverError::Link(LinkError::Connect(_)))), "{result:?}");
}

#[test]
fn stopped_before_it_runs_it_only_begins_and_ends() {
    let replica = Prepared::new(Options::new("127.0.0.1", 1), Recorder::default());
    replica.handle().stop();
    let (recorder, result) = replica.run();
    result.unwrap();
    assert_eq!(recorder.told, ["init", "destroy"]);
}

#[test]
fn nobody_waits_for_one_that_never_runs() {
    let replica = Prepared::new(Options::new("127.0.0.1", 1), Recorder::default());
    let handle = replica.handle();
    let asking = thread::spawn({
        let handle = handle.clone();
        move || handle.call(|_| ())
    });
    drop(replica);
    assert_eq!(asking.join().unwrap(), Err(CallError::Stopped));
    assert_eq!(handle.status().state, ReplicaState::Init);
}
