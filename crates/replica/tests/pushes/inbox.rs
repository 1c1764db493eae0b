//! p07: an inbox loses nothing without saying so.

use std::sync::Arc;

use redis_replica::push::{
    Event, HandlerContext, Inbox, InboxLimits, Processor, Protection, RegistryProcessor,
};

use crate::support::{Recorder, notification, push, received};

fn small(pushes: usize) -> Inbox {
    Inbox::new(InboxLimits { pushes, ..InboxLimits::default() })
}

fn all(inbox: &Inbox) -> Vec<Event> {
    std::iter::from_fn(|| inbox.take()).collect()
}

fn event(name: &str) -> Event {
    Event::Push(notification(&[name]))
}

#[test]
fn p07_a_gap_stands_where_pushes_are_missing() {
    let inbox = small(2);
    for name in ["a", "b", "c", "d", "e"] {
        inbox.put(notification(&[name]));
    }
    assert_eq!((inbox.len(), inbox.lost()), (2, 3));
    assert_eq!(inbox.take(), Some(event("a")));
    inbox.put(notification(&["f"]));
    inbox.put(notification(&["g"]));
    assert_eq!(all(&inbox), [event("b"), Event::Gap { lost: 3 }, event("f"), Event::Gap { lost: 1 }]);
    assert_eq!(inbox.lost(), 4);
    assert!(inbox.is_empty());
}

#[test]
fn p07_bytes_are_bounded_too() {
    let inbox = Inbox::new(InboxLimits { pushes: 100, bytes: 10_000 });
    let long = "x".repeat(9_000);
    inbox.put(notification(&[&long]));
    inbox.put(notification(&[&long]));
    inbox.put(notification(&["short"]));
    assert_eq!(all(&inbox), [event(&long), Event::Gap { lost: 1 }, event("short")]);
    inbox.put(notification(&[&"x".repeat(10_001)]));
    assert_eq!(all(&inbox), [Event::Gap { lost: 1 }], "one that never fits");
}

#[test]
fn p07_a_break_is_told_however_full_it_is() {
    let inbox = small(1);
    inbox.put(notification(&["a"]));
    inbox.put(notification(&["b"]));
    inbox.put_disconnected();
    inbox.put_disconnected();
    assert_eq!(all(&inbox), [event("a"), Event::Gap { lost: 1 }, Event::Disconnected]);
}

/// However often it breaks and loses, what nobody takes does not grow.
#[test]
fn p07_trouble_is_bounded() {
    let inbox = small(1);
    inbox.put(notification(&["a"]));
    for _ in 0..10_000 {
        inbox.put(notification(&["b"]));
        inbox.put_disconnected();
    }
    assert_eq!(all(&inbox), [event("a"), Event::Gap { lost: 10_000 }, Event::Disconnected]);
}

/// The pull side of a handler: the inbox is registered, a clone of it is read.
#[test]
fn p07_an_inbox_is_a_handler() {
    let (processor, inbox) = (RegistryProcessor::new(), small(10));
    let end: Arc<Inbox> = Arc::new(inbox.clone());
    for name in ["invalidate", "tracking-redir-broken"] {
        processor.register(name, Some(end.clone()), Protection::Removable).unwrap();
    }
    let recorder = Recorder::new();
    processor.register("other", Some(recorder.clone()), Protection::Removable).unwrap();
    let bytes = [push(&["invalidate"]), push(&["other"]), push(&["tracking-redir-broken"])].concat();
    processor.process_pending(&mut received(&bytes), &HandlerContext::new()).unwrap();
    processor.disconnected(&HandlerContext::new());
    assert_eq!(all(&inbox), [event("invalidate"), event("tracking-redir-broken"), Event::Disconnected]);
    assert_eq!(recorder.breaks(), 1);
}

/// A handler of two names has one connection that ends.
#[test]
fn p07_each_handler_is_told_once_that_its_connection_ended() {
    let (processor, recorder) = (RegistryProcessor::new(), Recorder::new());
    for name in ["a", "b", "c"] {
        processor.register(name, Some(recorder.clone()), Protection::Removable).unwrap();
    }
    processor.disconnected(&HandlerContext::new());
    assert_eq!(recorder.breaks(), 1);
}
