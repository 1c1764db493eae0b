//! p04, p05: pushes are taken out of the way of replies, whatever the pieces they come in.

use redis_replica::push::{
    HandlerContext, Notification, Processor, ProcessorKind, Protection, Reason, RegistryProcessor,
};
use redis_replica::resp::{Decoder, Frame, Limits, ProtocolError, Value};

use crate::support::{Recorder, bulk, push, received};

fn with_recorder(name: &str) -> (RegistryProcessor, std::sync::Arc<Recorder>) {
    let (processor, recorder) = (RegistryProcessor::new(), Recorder::new());
    processor.register(name, Some(recorder.clone()), Protection::Removable).unwrap();
    (processor, recorder)
}

/// As a client does: pushes to the processor, then the reply.
fn next_reply(processor: &RegistryProcessor, frames: &mut Decoder) -> Option<Value> {
    processor.process_pending(frames, &HandlerContext::new()).unwrap();
    match frames.poll_frame().unwrap() {
        Some(Frame::Reply(value)) => Some(value),
        Some(Frame::Push(items)) => panic!("a push took the place of a reply: {items:?}"),
        None => None,
    }
}

#[test]
fn p04_a_push_never_satisfies_a_pending_reply() {
    let (processor, recorder) = with_recorder("invalidate");
    let bytes = [
        push(&["invalidate", "a"]),
        b"+first\r\n".to_vec(),
        push(&["unknown", "b"]),
        push(&["invalidate", "c"]),
        // Between the elements of an EXEC array, and of an array within it.
        [b"*2\r\n:1\r\n".to_vec(), push(&["invalidate", "d"]), b"*2\r\n:2\r\n".to_vec()].concat(),
        [push(&["invalidate", "e"]), b":3\r\n".to_vec()].concat(),
    ]
    .concat();
    let mut frames = received(&bytes);
    assert_eq!(next_reply(&processor, &mut frames), Some(Value::Simple(b"first".to_vec())));
    let inner = Value::Array(vec![Value::Integer(2), Value::Integer(3)]);
    assert_eq!(next_reply(&processor, &mut frames), Some(Value::Array(vec![Value::Integer(1), inner])));
    assert_eq!(next_reply(&processor, &mut frames), None);
    let keys: Vec<_> = recorder.told().iter().map(|told| told.items()[1].clone()).collect();
    assert_eq!(keys, ["a", "c", "d", "e"].map(bulk));
}

#[test]
fn p04_an_array_that_looks_like_a_push_is_a_reply() {
    let (processor, recorder) = with_recorder("invalidate");
    let mut bytes = push(&["invalidate", "a"]);
    bytes[0] = b'*';
    let reply = next_reply(&processor, &mut received(&bytes));
    assert_eq!(reply, Some(Value::Array(vec![bulk("invalidate"), bulk("a")])));
    assert!(recorder.told().is_empty());
}

#[test]
fn p05_a_push_split_at_every_byte_is_told_once() {
    for name in ["invalidate", "a name of some length"] {
        let bytes = [push(&[name, "key"]), b"+OK\r\n".to_vec()].concat();
        for split in 0..=bytes.len() {
            let (processor, recorder) = with_recorder(name);
            let mut frames = received(&bytes[..split]);
            let early = next_reply(&processor, &mut frames);
            frames.receive(&bytes[split..]);
            let late = next_reply(&processor, &mut frames);
            assert_eq!(early.or(late), Some(Value::Simple(b"OK".to_vec())), "split at {split}");
            assert_eq!(recorder.told(), [Notification::new(vec![bulk(name), bulk("key")])]);
        }
    }
}

#[test]
fn p05_a_thousand_pushes_in_odd_pieces_lose_nothing() {
    let bytes: Vec<u8> = (0..1000)
        .flat_map(|index| {
            // Every seventh is a message, which is not the processor's; and replies are in between.
            let name = if index % 7 == 0 { "message" } else { "invalidate" };
            let reply = if index % 10 == 0 { format!(":{index}\r\n") } else { String::new() };
            [push(&[name, "channel", &index.to_string()]), reply.into_bytes()].concat()
        })
        .collect();
    // 4072 leaves each boundary inside the header of a frame for long stretches.
    for piece in [1, 2, 3, 7, 13, 41, 997, 4072, bytes.len()] {
        let (processor, recorder) = with_recorder("invalidate");
        let mut frames = Decoder::new(Limits::default());
        let (mut messages, mut replies) = (0, 0);
        for piece in bytes.chunks(piece) {
            frames.receive(piece);
            loop {
                processor.process_pending(&mut frames, &HandlerContext::new()).unwrap();
                match frames.poll_frame().unwrap() {
                    Some(Frame::Push(items)) => {
                        assert_eq!(items[0], bulk("message"));
                        messages += 1;
                    }
                    Some(Frame::Reply(_)) => replies += 1,
                    None => break,
                }
            }
        }
        assert_eq!((messages, replies), (143, 100), "in pieces of {piece}");
        let told: Vec<_> = recorder.told().iter().map(|told| told.items()[2].clone()).collect();
        let expected: Vec<_> =
            (0..1000).filter(|index| index % 7 != 0).map(|index| bulk(&index.to_string())).collect();
        assert_eq!(told, expected, "in pieces of {piece}");
    }
}

#[test]
fn p05_a_push_without_a_name_calls_nobody_and_breaks_nothing() {
    let nameless: [&[u8]; 7] = [
        b">0\r\n",
        b">1\r\n:7\r\n",
        b">2\r\n:123\r\n$4\r\ndata\r\n",
        b">1\r\n_\r\n",
        b">1\r\n*1\r\n$10\r\ninvalidate\r\n",
        b">1\r\n#t\r\n",
        b">1\r\n-invalidate\r\n",
    ];
    for bytes in nameless {
        let (processor, recorder) = with_recorder("invalidate");
        processor.register("", Some(recorder.clone()), Protection::Removable).unwrap();
        let mut frames = received(&[bytes, b"+OK\r\n"].concat());
        let done = processor.process_pending(&mut frames, &HandlerContext::new()).unwrap();
        assert_eq!((done.handled, done.unhandled), (0, 1), "{}", bytes.escape_ascii());
        assert_eq!(next_reply(&processor, &mut frames), Some(Value::Simple(b"OK".to_vec())));
        assert!(recorder.told().is_empty());
    }
}

/// A name may be a status, a bulk or a verbatim string.
#[test]
fn p05_a_name_is_any_kind_of_string() {
    for bytes in [b">1\r\n+name\r\n".as_slice(), b">1\r\n$4\r\nname\r\n", b">1\r\n=8\r\ntxt:name\r\n"] {
        let (processor, recorder) = with_recorder("name");
        processor.process_pending(&mut received(bytes), &HandlerContext::new()).unwrap();
        assert_eq!(recorder.told().len(), 1, "{}", bytes.escape_ascii());
    }
}

#[test]
fn p05_a_corrupt_element_fails_the_connection_for_good() {
    let corrupt: [(&[u8], ProtocolError); 4] = [
        (b">2\r\n$6\r\nMOVING\r\ncorrupted\r\n", ProtocolError::UnknownType),
        (b">2\r\n$6\r\nMOVING\r\n:x\r\n", ProtocolError::InvalidNumber),
        (b">2\r\n$6\r\nMOVING\r\n*-5\r\n", ProtocolError::NegativeLength),
        (b">-1\r\n", ProtocolError::NegativeLength),
    ];
    for (bytes, expected) in corrupt {
        let (processor, recorder) = with_recorder("MOVING");
        let mut frames =
            received(&[&push(&["MOVING", "1"]), bytes, b"+OK\r\n", &push(&["MOVING", "2"])].concat());
        for _ in 0..3 {
            let error = processor.process_pending(&mut frames, &HandlerContext::new()).unwrap_err();
            assert_eq!(
                (error.processor(), error.reason()),
                (Some(ProcessorKind::Processor), &Reason::Unreadable)
            );
            let cause = error.cause().and_then(|cause| cause.downcast_ref::<ProtocolError>());
            assert_eq!(cause, Some(&expected), "{}", bytes.escape_ascii());
            assert_eq!(frames.poll_frame(), Err(expected), "nothing behind it is read");
        }
        assert_eq!(recorder.told().len(), 1, "what came before it was told");
    }
}
