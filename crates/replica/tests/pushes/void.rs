//! p06: the processor without handlers.

use redis_replica::push::{
    HandlerContext, Operation, Processor, ProcessorKind, Protection, Reason, VoidProcessor, is_void_processor,
};
use redis_replica::resp::{Frame, ProtocolError};

use crate::support::{Recorder, bulk, push, received};

#[test]
fn p06_it_refuses_registration() {
    let errors = [
        (Operation::Register, VoidProcessor.register("n", Some(Recorder::new()), Protection::Removable)),
        (Operation::Register, VoidProcessor.register("n", None, Protection::Protected)),
        (Operation::Unregister, VoidProcessor.unregister("n")),
    ];
    for (operation, refused) in errors {
        let error = refused.unwrap_err();
        assert!(is_void_processor(&error));
        assert_eq!((error.operation(), error.name()), (operation, Some("n")));
        assert_eq!(
            (error.processor(), error.reason()),
            (Some(ProcessorKind::VoidProcessor), &Reason::PushesDisabled)
        );
        assert!(error.to_string().contains("push notifications are disabled"), "{error}");
    }
    assert!(VoidProcessor.get_handler("n").is_none());
}

#[test]
fn p06_it_discards_pushes_and_stops_at_replies() {
    let bytes =
        [push(&["MOVING", "1"]), push(&["x"]), b">0\r\n*1\r\n$1\r\nr\r\n".to_vec(), push(&["y"])].concat();
    let mut frames = received(&bytes);
    let done = VoidProcessor.process_pending(&mut frames, &HandlerContext::new()).unwrap();
    assert_eq!(done.discarded, 3);
    let again = VoidProcessor.process_pending(&mut frames, &HandlerContext::new()).unwrap();
    assert_eq!(again.discarded, 0, "the reply is still there");
    let reply = frames.poll_frame().unwrap();
    assert_eq!(reply, Some(Frame::Reply(redis_replica::resp::Value::Array(vec![bulk("r")]))));
    assert_eq!(VoidProcessor.process_pending(&mut frames, &HandlerContext::new()).unwrap().discarded, 1);
}

#[test]
fn p06_it_leaves_reserved_pushes() {
    let mut frames = received(&[push(&["x"]), push(&["message", "c", "m"])].concat());
    assert_eq!(VoidProcessor.process_pending(&mut frames, &HandlerContext::new()).unwrap().discarded, 1);
    let left = frames.poll_frame().unwrap();
    assert_eq!(left, Some(Frame::Push(["message", "c", "m"].map(bulk).to_vec())));
}

#[test]
fn p06_it_tells_of_input_that_cant_be_read() {
    let mut frames = received(b">1\r\ninvalid\r\n");
    let error = VoidProcessor.process_pending(&mut frames, &HandlerContext::new()).unwrap_err();
    assert_eq!(error.processor(), Some(ProcessorKind::VoidProcessor));
    assert!(!is_void_processor(&error), "that is another failure");
    let cause = error.cause().and_then(|cause| cause.downcast_ref::<ProtocolError>());
    assert_eq!(cause, Some(&ProtocolError::UnknownType));
}
