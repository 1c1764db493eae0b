use super::super::{Conditions, KeyCommand, Order, Presence, Problem, Time, Typed, ValueCondition};
use super::{all_are, items, refused};

#[test]
fn deletion() {
    all_are(&["DEL a b", "UNLINK a b"], Typed::Key(KeyCommand::Delete { keys: items("a b") }));
    let condition = Some(ValueCondition::Equal(b"v"));
    all_are(&["DELEX k IFEQ v", "DELIFEQ k v"], Typed::Key(KeyCommand::DeleteIf { key: b"k", condition }));
    all_are(&["DELEX k"], Typed::Key(KeyCommand::DeleteIf { key: b"k", condition: None }));
}

#[test]
fn expiry() {
    let expire = |time, presence, order| {
        Typed::Key(KeyCommand::Expire { key: b"k", time, conditions: Conditions { presence, order } })
    };
    all_are(&["EXPIRE k 5"], expire(Time::InSeconds(5), None, None));
    all_are(&["PEXPIRE k -5 nx NX"], expire(Time::InMs(-5), Some(Presence::Absent), None));
    all_are(&["EXPIREAT k 5 GT"], expire(Time::AtSeconds(5), None, Some(Order::Greater)));
    all_are(
        &["PEXPIREAT k 5 XX LT", "PEXPIREAT k 5 LT XX"],
        expire(Time::AtMs(5), Some(Presence::Present), Some(Order::Less)),
    );
    all_are(&["PERSIST k"], Typed::Key(KeyCommand::Persist { key: b"k" }));
    assert_eq!(Time::AtSeconds(5).unix_ms(), Some(5000));
    assert_eq!((Time::AtMs(5).unix_ms(), Time::InMs(5).unix_ms()), (Some(5), None));
    assert_eq!(Time::AtSeconds(i64::MAX).unix_ms(), None);
}

#[test]
fn other_names_and_databases() {
    let rename = |replace| Typed::Key(KeyCommand::Rename { from: b"a", to: b"b", replace });
    all_are(&["RENAME a b"], rename(true));
    all_are(&["RENAMENX a b"], rename(false));
    let copy = |db, replace| Typed::Key(KeyCommand::Copy { from: b"a", to: b"b", db, replace });
    all_are(&["COPY a b"], copy(None, false));
    all_are(&["COPY a b replace DB 7", "COPY a b DB 1 DB 7 REPLACE"], copy(Some(7), true));
    all_are(&["MOVE k 9"], Typed::Key(KeyCommand::Move { key: b"k", db: 9 }));
}

#[test]
fn restored_values() {
    let restore = |expiry, replace, idle_seconds, frequency| {
        let (key, payload) = (b"k".as_slice(), b"p".as_slice());
        Typed::Key(KeyCommand::Restore { key, expiry, payload, replace, idle_seconds, frequency })
    };
    all_are(&["RESTORE k 0 p", "RESTORE k 0 p ABSTTL"], restore(None, false, None, None));
    all_are(&["RESTORE k 5 p", "RESTORE-ASKING k 5 p"], restore(Some(Time::InMs(5)), false, None, None));
    all_are(
        &["RESTORE k 5 p absttl REPLACE IDLETIME 3 FREQ 255"],
        restore(Some(Time::AtMs(5)), true, Some(3), Some(255)),
    );
}

#[test]
fn malformed() {
    refused(&[
        ("DEL", 1, Problem::Missing("argument")),
        ("DELEX k NX", 2, Problem::Unexpected),
        ("DELEX k IFEQ", 3, Problem::Missing("value to compare with")),
        ("EXPIRE k", 2, Problem::Missing("time")),
        ("PEXPIREAT k soon", 2, Problem::Invalid("time")),
        ("PEXPIREAT k 5 NX GT", 4, Problem::Conflict),
        ("PEXPIREAT k 5 NX XX", 4, Problem::Conflict),
        ("PEXPIREAT k 5 GT LT", 4, Problem::Conflict),
        ("PEXPIREAT k 5 EX", 3, Problem::Unexpected),
        ("PERSIST k k", 2, Problem::Unexpected),
        ("RENAME a", 2, Problem::Missing("key")),
        ("COPY a b DB -1", 4, Problem::Invalid("database number")),
        ("MOVE k 4294967296", 2, Problem::Invalid("database number")),
        ("RESTORE k -1 p", 2, Problem::Invalid("time")),
        ("RESTORE k 0 p FREQ 256", 5, Problem::Invalid("frequency")),
        ("RESTORE k 0", 3, Problem::Missing("payload")),
    ]);
}
