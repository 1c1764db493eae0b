//! p04: pushes without handlers, and handlers that fail.

use std::sync::{Arc, Mutex};

use redis_replica::push::{
    HandlerContext, Notification, Operation, Processed, Processor, Protection, Reason, RegistryProcessor,
    handler,
};
use redis_replica::resp::{Frame, Value};

use crate::support::{Recorder, bulk, notification, push, received};

#[test]
fn p04_without_a_handler_a_push_is_counted_and_the_reply_is_intact() {
    let processor = RegistryProcessor::new();
    let mut frames = received(&[push(&["MOVING", "slot", "123"]), b"$2\r\nhi\r\n".to_vec()].concat());
    let done = processor.process_pending(&mut frames, &HandlerContext::new()).unwrap();
    assert_eq!(done, Processed { unhandled: 1, ..Processed::default() });
    assert_eq!(frames.poll_frame(), Ok(Some(Frame::Reply(bulk("hi")))));
}

#[test]
fn p04_handlers_get_the_whole_array_including_the_name() {
    let (processor, recorder) = (RegistryProcessor::new(), Recorder::new());
    processor.register("MOVING", Some(recorder.clone()), Protection::Removable).unwrap();
    let words = ["MOVING", "slot", "123", "from", "node1", "to", "node2"];
    processor.process_pending(&mut received(&push(&words)), &HandlerContext::new()).unwrap();
    assert_eq!(recorder.told(), [notification(&words)]);
}

#[test]
fn p04_each_name_has_its_own_handler() {
    let (processor, moving, migrating) = (RegistryProcessor::new(), Recorder::new(), Recorder::new());
    processor.register("MOVING", Some(moving.clone()), Protection::Removable).unwrap();
    processor.register("MIGRATING", Some(migrating.clone()), Protection::Removable).unwrap();
    let bytes = [push(&["MOVING", "1"]), push(&["MIGRATING", "2"]), push(&["MOVING", "3"])].concat();
    let done = processor.process_pending(&mut received(&bytes), &HandlerContext::new()).unwrap();
    assert_eq!(done.handled, 3);
    assert_eq!(moving.told(), [notification(&["MOVING", "1"]), notification(&["MOVING", "3"])]);
    assert_eq!(migrating.told(), [notification(&["MIGRATING", "2"])]);
}

/// An error and a panic are logged with all they carry, and the pushes behind them are told.
#[test]
fn p04_a_handler_that_fails_is_logged_and_the_loop_goes_on() {
    let log = Arc::new(Mutex::new(Vec::new()));
    let lines = log.clone();
    let processor = RegistryProcessor::with_log(move |error| {
        let cause = error.cause().map(ToString::to_string);
        let reason = error.reason().clone();
        lines.lock().unwrap().push((error.operation(), error.name().map(String::from), reason, cause));
    });
    let recorder = Recorder::new();
    let failing = handler(|notification: &Notification, _| match notification.items() {
        [_, Value::Bulk(how)] if how == b"panic" => panic!("as the test wants it"),
        _ => Err("handler error".into()),
    });
    processor.register("bad", Some(failing), Protection::Removable).unwrap();
    processor.register("good", Some(recorder.clone()), Protection::Removable).unwrap();
    let bytes = [push(&["bad", "error"]), push(&["good"]), push(&["bad", "panic"]), push(&["good"])].concat();
    let mut frames = received(&[bytes, b"+OK\r\n".to_vec()].concat());
    let done = processor.process_pending(&mut frames, &HandlerContext::new()).unwrap();
    assert_eq!((done.handled, done.failed), (2, 2));
    assert_eq!(recorder.told().len(), 2);
    assert_eq!(frames.poll_frame(), Ok(Some(Frame::Reply(Value::Simple(b"OK".to_vec())))));
    let bad = || Some(String::from("bad"));
    assert_eq!(
        *log.lock().unwrap(),
        [
            (Operation::Process, bad(), Reason::HandlerFailed, Some(String::from("handler error"))),
            (Operation::Process, bad(), Reason::HandlerPanicked, None),
        ]
    );
}

#[test]
fn p04_nothing_received_is_nothing_to_do() {
    let processor = RegistryProcessor::new();
    let done = processor.process_pending(&mut received(b""), &HandlerContext::new()).unwrap();
    assert_eq!(done, Processed::default());
    let partial = b">2\r\n$6\r\nMOVING\r\n";
    let done = processor.process_pending(&mut received(partial), &HandlerContext::new()).unwrap();
    assert_eq!(done, Processed::default(), "incomplete input is no error");
}
