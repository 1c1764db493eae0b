//! p08: what pushes say.

use std::time::Duration;

use redis_replica::push::{
    Address, FormError, Invalidated, Maintenance, Migration, Notification, Push, SubscriptionKind,
};
use redis_replica::resp::{Frame, Value};

use crate::support::{bulk, received};

/// Reads the one push in `bytes` and compares.
#[track_caller]
fn says(bytes: &str, expected: Result<Push<'_>, FormError>) {
    let Ok(Some(Frame::Push(items))) = received(bytes.replace(' ', "\r\n").as_bytes()).poll_frame() else {
        panic!("{bytes} is no push")
    };
    assert_eq!(Notification::new(items).read(), expected, "{bytes}");
}

#[test]
fn p08_messages() {
    says(">3 +message +ch $2 hi ", Ok(Push::Message { channel: b"ch", payload: b"hi" }));
    says(">3 +smessage +ch $2 hi ", Ok(Push::ShardMessage { channel: b"ch", payload: b"hi" }));
    says(
        ">4 +pmessage +c* +ch $2 hi ",
        Ok(Push::PatternMessage { pattern: b"c*", channel: b"ch", payload: b"hi" }),
    );
}

#[test]
fn p08_subscriptions() {
    let kinds =
        [("", SubscriptionKind::Channel), ("p", SubscriptionKind::Pattern), ("s", SubscriptionKind::Shard)];
    for (prefix, kind) in kinds {
        says(&format!(">3 +{prefix}subscribe +a :2 "), Ok(Push::Subscribed { kind, name: b"a", count: 2 }));
        let ended = |name| Ok(Push::Unsubscribed { kind, name, count: 0 });
        says(&format!(">3 +{prefix}unsubscribe +a :0 "), ended(Some(b"a")));
        says(&format!(">3 +{prefix}unsubscribe _ :0 "), ended(None));
    }
}

#[test]
fn p08_invalidations() {
    says(">2 +invalidate _ ", Ok(Push::Invalidate(Invalidated::Everything)));
    let push = Notification::new(vec![bulk("invalidate"), Value::Array(vec![bulk("a"), bulk("b")])]);
    let Ok(Push::Invalidate(Invalidated::Keys(keys))) = push.read() else { panic!("{push:?}") };
    assert_eq!((keys.len(), keys.is_empty()), (2, false));
    assert_eq!(keys.iter().collect::<Vec<_>>(), [b"a", b"b"]);
    says(">2 +tracking-redir-broken :17 ", Ok(Push::TrackingRedirectionBroken { client_id: 17 }));
}

#[test]
fn p08_moves() {
    let moving =
        |to| Ok(Push::Maintenance(Maintenance::Moving { sequence: 15, within: Duration::from_secs(30), to }));
    let to = |host, port| Some(Address { host, port });
    says(">4 +MOVING :15 :30 +10.0.0.1:6380 ", moving(to("10.0.0.1", 6380)));
    says(">4 +MOVING :15 :30 +[::1]:6380 ", moving(to("::1", 6380)));
    says(">4 +MOVING :15 :30 +name.example ", moving(to("name.example", 6379)));
    says(">4 +MOVING :15 :30 _ ", moving(None));
    says(">3 +MOVING :15 :30 ", moving(None));
}

#[test]
fn p08_maintenance() {
    let within = Some(Duration::from_secs(10));
    let maintenance = |said| Ok(Push::Maintenance(said));
    says(">3 +MIGRATING :1 :10 ", maintenance(Maintenance::Migrating { sequence: 1, within }));
    says(">4 +MIGRATING :1 :10 +shards ", maintenance(Maintenance::Migrating { sequence: 1, within }));
    says(">2 +MIGRATING :1 ", maintenance(Maintenance::Migrating { sequence: 1, within: None }));
    says(">2 +MIGRATED :2 ", maintenance(Maintenance::Migrated { sequence: 2 }));
    says(">3 +FAILING_OVER :3 :10 ", maintenance(Maintenance::FailingOver { sequence: 3, within }));
    says(">2 +FAILED_OVER :4 ", maintenance(Maintenance::FailedOver { sequence: 4 }));
    let slots = vec!["123", "789-1000"];
    says(
        ">4 +SMIGRATING :5 +123 +789-1000 ",
        maintenance(Maintenance::SlotsMigrating { sequence: 5, slots }),
    );
    let one = |source, destination, slots| Migration { source, destination, slots };
    let migrations = vec![one("a:1", "b:2", "1,2-9"), one("a:1", "c:3", "10")];
    says(
        ">3 +SMIGRATED :6 *2 *3 +a:1 +b:2 +1,2-9 *3 +a:1 +c:3 +10 ",
        maintenance(Maintenance::SlotsMigrated { sequence: 6, migrations }),
    );
}

#[test]
fn p08_names_of_tomorrow_are_handed_on() {
    says(">2 +news :1 ", Ok(Push::Other { name: b"news", arguments: &[Value::Integer(1)] }));
    says(">1 +moving ", Ok(Push::Other { name: b"moving", arguments: &[] }));
}

#[test]
fn p08_what_is_not_its_name_is_named() {
    let wrong = |form, element| Err(FormError::Element { form, element });
    says(">0 ", Err(FormError::Nameless));
    says(">1 :1 ", Err(FormError::Nameless));
    says(">2 +message +ch ", wrong("message", 2));
    says(">3 +message :1 +x ", wrong("message", 1));
    says(">3 +subscribe +ch +x ", wrong("subscribe", 2));
    says(">3 +unsubscribe :1 :1 ", wrong("unsubscribe", 1));
    says(">1 +invalidate ", wrong("invalidate", 1));
    says(">2 +invalidate +key ", wrong("invalidate", 1));
    says(">2 +invalidate *2 +a :1 ", wrong("invalidate", 1));
    says(">2 +tracking-redir-broken +x ", wrong("tracking-redir-broken", 1));
    says(">4 +MOVING +x :30 +a:1 ", wrong("MOVING", 1));
    says(">4 +MOVING :1 :-30 +a:1 ", wrong("MOVING", 2));
    says(">4 +MOVING :1 :30 +a:99999 ", wrong("MOVING", 3));
    says(">4 +MOVING :1 :30 :6379 ", wrong("MOVING", 3));
    says(">1 +MIGRATED ", wrong("MIGRATED", 1));
    says(">2 +SMIGRATING :5 ", wrong("SMIGRATING", 2));
    says(">3 +SMIGRATED :6 *0 ", wrong("SMIGRATED", 2));
    says(">3 +SMIGRATED :6 *1 *2 +a:1 +b:2 ", wrong("SMIGRATED", 2));
    says(">3 +SMIGRATED :6 +a ", wrong("SMIGRATED", 2));
}
