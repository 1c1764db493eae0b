//! Calls and messages from outside.

use std::net::TcpListener;

use redis_mirror_test_support::{Options as ServerOptions, Server, any_server};
use redis_replica::transport::CallError;

use super::recorder::{Log, Recorder, options, run, start};

#[test]
fn v11_a_call_is_answered_in_the_stream_and_changes_the_handler_with_its_answer() {
    let server = Server::start(any_server(), ServerOptions::new());
    let log = Log::default();
    let replica = start(options(server.address()), &log);
    log.wait("streaming");
    let before = replica.call(|handler: &mut Recorder| std::mem::replace(&mut handler.batches, 40)).unwrap();
    assert_eq!(before, 0);
    run(&mut server.client(), "SET a 1");
    log.wait("live [0] set a 1");
    assert_eq!(replica.call(|handler: &mut Recorder| handler.batches).unwrap(), 41);
    replica.send(Box::new("hello")).unwrap();
    log.wait("message hello");
    replica.stop().unwrap().1.unwrap();
}

#[test]
fn v11_without_a_link_a_call_is_refused_and_a_message_still_comes() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    let log = Log::default();
    let replica = start(options(address), &log);
    assert_eq!(replica.call(|_: &mut Recorder| ()), Err(CallError::NotConnected));
    replica.send(Box::new("anyway")).unwrap();
    log.wait("message anyway");
    drop(silent);
    redis_mirror_test_support::wait::wait_until("the end of the link", || log.count("closed") > 0);
    assert_eq!(replica.call(|_: &mut Recorder| ()), Err(CallError::NotConnected));
}

#[test]
fn v11_whoever_calls_what_ends_learns_of_it() {
    let server = Server::start(any_server(), ServerOptions::new());
    let log = Log::default();
    let replica = start(options(server.address()), &log);
    log.wait("streaming");
    assert_eq!(replica.call(|_: &mut Recorder| panic!("asked to panic")), Err::<(), _>(CallError::Stopped));
    redis_mirror_test_support::wait::wait_until("the end", || {
        replica.send(Box::new(())) == Err(CallError::Stopped)
    });
    assert_eq!(log.all().last().map(String::as_str), Some("destroy"));
}
