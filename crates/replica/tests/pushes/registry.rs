//! p01: handlers by name. p03: names that have none.

use std::sync::Arc;
use std::thread;

use redis_replica::push::{
    Handler, HandlerContext, Operation, Processor, Protection, Reason, RegistryProcessor, SubscriptionKind,
    handler, is_handler_exists, is_handler_nil, is_handler_protected, is_reserved,
};

use crate::support::{Recorder, push, received};

const RESERVED: [&str; 9] = [
    "message",
    "pmessage",
    "smessage",
    "subscribe",
    "psubscribe",
    "ssubscribe",
    "unsubscribe",
    "punsubscribe",
    "sunsubscribe",
];

fn same(found: Option<Arc<dyn Handler>>, handler: &Arc<Recorder>) -> bool {
    found.is_some_and(|found| Arc::as_ptr(&found).addr() == Arc::as_ptr(handler).addr())
}

#[test]
fn p01_no_handler_is_an_error() {
    let processor = RegistryProcessor::new();
    let error = processor.register("MOVING", None, Protection::Removable).unwrap_err();
    assert!(is_handler_nil(&error));
    assert!(processor.get_handler("MOVING").is_none());
}

#[test]
fn p01_an_existing_name_is_never_overwritten() {
    let processor = RegistryProcessor::new();
    for (name, protection) in [("removable", Protection::Removable), ("protected", Protection::Protected)] {
        let first = Recorder::new();
        processor.register(name, Some(first.clone()), protection).unwrap();
        for again in [Protection::Removable, Protection::Protected] {
            let error = processor.register(name, Some(Recorder::new()), again).unwrap_err();
            assert!(is_handler_exists(&error));
            assert!(error.to_string().contains("cannot overwrite existing handler"), "{error}");
            // Also the very same handler.
            assert!(is_handler_exists(&processor.register(name, Some(first.clone()), again).unwrap_err()));
        }
        assert!(same(processor.get_handler(name), &first));
    }
}

#[test]
fn p01_a_protected_handler_stays_and_others_go() {
    let processor = RegistryProcessor::new();
    let (removable, protected) = (Recorder::new(), Recorder::new());
    processor.register("removable", Some(removable.clone()), Protection::Removable).unwrap();
    processor.register("protected", Some(protected.clone()), Protection::Protected).unwrap();
    processor.unregister("removable").unwrap();
    assert!(processor.get_handler("removable").is_none());
    processor.register("removable", Some(removable), Protection::Removable).unwrap();
    let error = processor.unregister("protected").unwrap_err();
    assert!(is_handler_protected(&error));
    assert!(error.to_string().contains("handler is protected"), "{error}");
    assert!(same(processor.get_handler("protected"), &protected));
}

#[test]
fn p01_an_unknown_name_may_be_unregistered() {
    RegistryProcessor::new().unregister("never seen").unwrap();
}

#[test]
fn p01_the_empty_name_is_one_like_others() {
    let processor = RegistryProcessor::new();
    let recorder = Recorder::new();
    processor.register("", Some(recorder.clone()), Protection::Removable).unwrap();
    let mut frames = received(&push(&["", "x"]));
    assert_eq!(processor.process_pending(&mut frames, &HandlerContext::new()).unwrap().handled, 1);
    assert_eq!(recorder.told().len(), 1);
    processor.unregister("").unwrap();
    assert!(processor.get_handler("").is_none());
}

#[test]
fn p01_names_match_exactly() {
    let processor = RegistryProcessor::new();
    let recorder = Recorder::new();
    processor.register("MOVING", Some(recorder.clone()), Protection::Removable).unwrap();
    for other in ["moving", "MOVIN", "MOVING ", " MOVING", "MOVINGS", "MOVING\0"] {
        assert!(processor.get_handler(other).is_none());
        let done = processor.process_pending(&mut received(&push(&[other])), &HandlerContext::new()).unwrap();
        assert_eq!((done.handled, done.unhandled), (0, 1), "{other:?}");
    }
    assert!(recorder.told().is_empty());
}

#[test]
fn p01_any_number_of_threads_may_register_ask_and_dispatch() {
    // Many, so that they meet.
    const THREADS: usize = 8;
    const ROUNDS: usize = 4000;
    let processor = RegistryProcessor::new();
    let steady = Recorder::new();
    processor.register("steady", Some(steady.clone()), Protection::Protected).unwrap();
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let processor = &processor;
            scope.spawn(move || {
                let own = format!("own {thread}");
                for _ in 0..ROUNDS {
                    processor.register(&own, Some(Recorder::new()), Protection::Removable).unwrap();
                    // Shared with the other threads: whoever comes second is refused.
                    let shared = processor.register("shared", Some(Recorder::new()), Protection::Removable);
                    assert!(shared.is_ok() || shared.is_err_and(|error| is_handler_exists(&error)));
                    assert!(processor.get_handler(&own).is_some());
                    let mut frames = received(&push(&["steady", "x"]));
                    let done = processor.process_pending(&mut frames, &HandlerContext::new()).unwrap();
                    assert_eq!(done.handled, 1);
                    processor.unregister("shared").unwrap();
                    processor.unregister(&own).unwrap();
                }
            });
        }
    });
    assert_eq!(steady.told().len(), THREADS * ROUNDS);
    assert!(processor.get_handler("shared").is_none());
}

/// No lock is held while a handler runs.
#[test]
fn p01_a_handler_may_take_itself_away() {
    let processor = Arc::new(RegistryProcessor::new());
    let inner = processor.clone();
    let once = handler(move |_, _| Ok(inner.unregister("once")?));
    processor.register("once", Some(once), Protection::Removable).unwrap();
    let mut frames = received(&push(&["once"]).repeat(2));
    let done = processor.process_pending(&mut frames, &HandlerContext::new()).unwrap();
    assert_eq!((done.handled, done.unhandled), (1, 1));
}

#[test]
fn p03_reserved_names_have_no_handlers() {
    let processor = RegistryProcessor::new();
    for name in RESERVED {
        let error = processor.register(name, Some(Recorder::new()), Protection::Removable).unwrap_err();
        assert_eq!((error.operation(), error.reason()), (Operation::Register, &Reason::NameReserved));
        assert!(processor.get_handler(name).is_none());
        assert!(is_reserved(name));
    }
    for name in ["MOVING", "MIGRATING", "invalidate", "custom", "", "Message", "messages"] {
        assert!(!is_reserved(name), "{name:?}");
    }
}

#[test]
fn p03_reserved_pushes_are_left_for_the_subscription_table() {
    let processor = RegistryProcessor::new();
    for name in RESERVED {
        let mut frames = received(&[push(&["x"]), push(&[name, "a", "b", "c"]), push(&["x"])].concat());
        let done = processor.process_pending(&mut frames, &HandlerContext::new()).unwrap();
        assert_eq!(done.unhandled, 1, "it stops there");
        let Ok(Some(redis_replica::resp::Frame::Push(items))) = frames.poll_frame() else { panic!("{name}") };
        assert_eq!(items[0].as_bytes(), Some(name.as_bytes()));
    }
}

/// A server's word alone does not make the table grow.
#[test]
fn p03_the_table_notes_what_was_asked_for_only() {
    let subscriptions = redis_replica::push::Subscriptions::new(Default::default());
    let confirm = |name: &str| {
        redis_replica::push::Notification::new(vec![
            crate::support::bulk("subscribe"),
            crate::support::bulk(name),
            redis_replica::resp::Value::Integer(1),
        ])
    };
    subscriptions.ask(SubscriptionKind::Channel, &[b"a"]);
    subscriptions.accept(confirm("b"));
    assert!(!subscriptions.is_settled(SubscriptionKind::Channel, &[b"a"]));
    subscriptions.accept(confirm("a"));
    assert!(subscriptions.is_settled(SubscriptionKind::Channel, &[b"a"]));
    assert_eq!(subscriptions.names(SubscriptionKind::Channel), [b"a"]);
    assert_eq!(subscriptions.names(SubscriptionKind::Pattern), Vec::<Vec<u8>>::new());
    assert_eq!(subscriptions.inbox().len(), 2, "both are told");
}
