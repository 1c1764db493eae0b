//! What the writer writes, and what it refuses to.

use proptest::prelude::*;

use super::made::{told_by, value};
use super::*;
use crate::rdb::{
    Consumer, Encoding, Group, GroupMeta, HashField, Item, Key, Loss, ModuleAuxTime, ModuleField, ModuleType,
    Reader, Step, Stream, StreamMeta, Strings, WriteError, Writer,
};

/// All versions, with who defines them.
fn versions() -> Vec<(Family, u16)> {
    (1..=13).map(|version| (Family::Redis, version)).chain([(Family::Valkey, 80)]).collect()
}

/// Hands each item of a snapshot to `each`.
fn read(rdb: &[u8], mut each: impl FnMut(Item<'_>)) {
    let mut reader = Reader::new(Limits::default());
    let mut rest = rdb;
    loop {
        match reader.next(rest).expect("what we write reads") {
            Step::Need(bytes) => panic!("{bytes} needed"),
            Step::Item { item: Item::End, consumed } => return assert_eq!(consumed, rest.len()),
            Step::Item { item, consumed } => {
                each(item);
                rest = &rest[consumed..];
            }
        }
    }
}

fn entry(rdb: &[u8]) -> (Vec<u8>, Option<u64>, u8, Value) {
    let mut found = None;
    read(rdb, |item| {
        if let Item::Entry(entry) = item {
            let value = entry.object.decode().expect("validated");
            found = Some((entry.key.to_vec(), entry.expire_at_ms, entry.object.type_byte(), value));
        }
    });
    found.expect("a key")
}

/// What a value loses in an encoding of this version, if it can be written so at all.
fn rewritten(
    value: &Value,
    encoding: Encoding,
    (family, version): (Family, u16),
    strings: Strings,
) -> Result<Value, WriteError> {
    let mut writer = Writer::new(family, version).expect("a known version");
    writer.set_strings(strings);
    let key = Key::new(b"key").expiring_at_ms(2_000_000_000_000);
    writer.encoded(&key, value, encoding)?;
    let (key, expire_at_ms, type_byte, value) = entry(&writer.finish());
    assert_eq!(
        (key.as_slice(), expire_at_ms, type_byte),
        (&b"key"[..], Some(2_000_000_000_000), encoding.type_byte())
    );
    Ok(told_by(value, encoding.type_byte()))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    /// Any value, in every encoding of its kind, in every version.
    #[test]
    fn what_is_written_reads_back(value in value(), compact in any::<bool>()) {
        let strings = if compact { Strings::Compact } else { Strings::Plain };
        let mut written = 0;
        for at in versions() {
            for encoding in Encoding::ALL.into_iter().filter(|encoding| encoding.kind() == value.kind()) {
                let foreign = encoding.family().is_some_and(|family| family != at.0);
                match rewritten(&value, encoding, at, strings) {
                    Ok(read) => {
                        prop_assert!(!foreign && at.1 >= encoding.since(), "{:?} in {:?}", encoding, at);
                        prop_assert_eq!(read, told_by(value.clone(), encoding.type_byte()), "{:?} in {:?}", encoding, at);
                        written += 1;
                    }
                    Err(WriteError::Foreign { .. }) => prop_assert!(foreign),
                    Err(WriteError::TooOld { .. }) => prop_assert!(at.1 < encoding.since()),
                    Err(WriteError::NotEncodable { encoding, .. }) => {
                        prop_assert_eq!(encoding, Encoding::SetIntset, "only numbers fit");
                    }
                    Err(other) => prop_assert!(false, "{}", other),
                }
            }
        }
        prop_assert!(written > 0);
    }

    /// Without a say in the encoding, too.
    #[test]
    fn every_version_has_an_encoding_that_keeps_most(value in value()) {
        for (family, version) in versions() {
            let mut writer = Writer::new(family, version).expect("a known version");
            match writer.value(&Key::new(b"key"), &value) {
                Ok(losses) => {
                    let (_, _, type_byte, read) = entry(&writer.finish());
                    prop_assert_eq!(told_by(read, type_byte), told_by(value.clone(), type_byte));
                    if let Value::Hash(fields) = &value {
                        let expiring = fields.iter().filter(|field| field.expire_at_ms.is_some()).count() as u64;
                        let lost = if matches!(type_byte, 22 | 24) { 0 } else { expiring };
                        prop_assert_eq!(losses, Vec::from_iter((lost > 0).then_some(Loss::FieldTtl(lost))));
                    }
                }
                Err(WriteError::TooOld { since: 9, .. }) => {
                    prop_assert!(version < 9 && value.kind() == crate::rdb::Kind::Stream);
                }
                Err(other) => prop_assert!(false, "{}", other),
            }
        }
    }
}

#[test]
fn everything_beside_the_keys_reads_back() {
    let mut writer = Writer::new(Family::Redis, 13).expect("known");
    let module = ModuleType::from_id(1 << 58);
    let fields = [
        ModuleField::Signed(-5),
        ModuleField::Unsigned(70_000),
        ModuleField::Float(1.5),
        ModuleField::Double(-2.5),
        ModuleField::String(b"text"),
    ];
    writer.aux(b"redis-ver", b"8.6.0").expect("of this version");
    writer.function(b"#!lua name=l").expect("of this version");
    writer.module_aux(module, ModuleAuxTime::Before, &fields).expect("of this version");
    writer.select_db(7);
    writer.resize_db(3, 1).expect("of this version");
    writer.slot_info(5, 2, 1).expect("of this version");
    let mut rdb = writer.take();
    writer.module_value(&Key::new(b"m").with_freq(9), module, &fields).expect("of this version");
    let body = string(b"raw");
    let object = check(Family::Redis, 0, &body).expect("well-formed");
    writer.object(&Key::new(b"r").idle_for_s(77), &object).expect("of this version");
    rdb.extend(writer.finish());
    let mut told = Vec::new();
    read(&rdb, |item| {
        told.push(match item {
            Item::Entry(entry) => format!(
                "{} db {} {:?} {:?} {:?}",
                entry.key.escape_ascii(),
                entry.db,
                entry.object.kind(),
                entry.idle_seconds,
                entry.freq
            ),
            Item::Aux { key, value } => format!("{}={}", key.escape_ascii(), value.escape_ascii()),
            other => format!("{other:?}"),
        });
    });
    let expected = [
        "Header { family: Redis, version: 13 }",
        "redis-ver=8.6.0",
        "Function([35, 33, 108, 117, 97, 32, 110, 97, 109, 101, 61, 108])",
        "ModuleAux(ModuleType(288230376151711744))",
        "SelectDb(7)",
        "ResizeDb { keys: 3, expires: 1 }",
        "SlotInfo { slot: 5, keys: 2, expires: 1 }",
        "m db 7 Module None Some(9)",
        "r db 7 String Some(77) None",
    ];
    assert_eq!(told, expected);
}

#[test]
fn what_a_version_cannot_hold_is_refused_by_name_and_leaves_no_trace() {
    let key = Key::new(b"k");
    let x = Value::String(b"x".to_vec());
    let mut old = Writer::new(Family::Redis, 2).expect("known");
    let too_old = |since| move |error| matches!(error, WriteError::TooOld { since: named, version: 2, .. } if named == since);
    assert!(old.aux(b"a", b"b").is_err_and(too_old(7)));
    assert!(old.resize_db(1, 1).is_err_and(too_old(7)));
    assert!(old.function(b"x").is_err_and(too_old(10)));
    assert!(old.slot_info(1, 1, 1).is_err_and(too_old(12)));
    assert!(old.value(&key.with_freq(1), &x).is_err_and(too_old(9)));
    assert!(old.module_value(&key, ModuleType::from_id(5), &[]).is_err_and(too_old(8)));
    assert!(old.module_aux(ModuleType::from_id(5), ModuleAuxTime::After, &[]).is_err_and(too_old(9)));
    let sub_second = WriteError::ExpiryInMilliseconds { expire_at_ms: 1_000_500 };
    assert_eq!(old.value(&key.expiring_at_ms(1_000_500), &x), Err(sub_second));
    assert!(old.value(&key.expiring_at_ms(4_102_444_800_000), &x).is_err(), "beyond 2038");
    let object = [&[1, 2][..], &listpack(&["a"])].concat();
    let object = check(Family::Redis, 18, &object).expect("well-formed");
    assert!(old.object(&key, &object).is_err_and(too_old(10)));
    assert_eq!(old.finish(), b"REDIS0002\xff");

    let mut new = Writer::new(Family::Redis, 13).expect("known");
    let wrong = WriteError::WrongKind { encoding: Encoding::List, kind: crate::rdb::Kind::String };
    assert_eq!(new.encoded(&key, &x, Encoding::List), Err(wrong));
    let invalid = [
        (Value::List(vec![]), Defect::Empty("list")),
        (Value::Set(owned(&["a", "a"])), Defect::Duplicate("member")),
        (
            Value::ZSet(vec![(b"a".to_vec(), f64::NAN)]),
            Defect::invalid("sorted set", "a score that is not a number"),
        ),
    ];
    for (value, defect) in invalid {
        assert_eq!(new.value(&key, &value), Err(WriteError::Invalid(defect)));
    }
    let beyond = WriteError::ExpiryOutOfRange { expire_at_ms: 1 << 63 };
    assert_eq!(new.value(&key.expiring_at_ms(1 << 63), &x), Err(beyond));
    let lying =
        crate::rdb::Stream { meta: StreamMeta { length: 3, ..StreamMeta::default() }, ..Default::default() };
    assert!(matches!(new.value(&key, &Value::Stream(Box::new(lying))), Err(WriteError::Invalid(_))));
    assert!(matches!(
        new.value(&key, &Value::Module(ModuleType::from_id(5))),
        Err(WriteError::WrongKind { .. })
    ));
    assert_eq!(new.finish().len(), 9 + 1 + 8);
    for (family, version) in
        [(Family::Redis, 0), (Family::Redis, 14), (Family::Valkey, 11), (Family::Valkey, 81)]
    {
        assert!(matches!(Writer::new(family, version), Err(WriteError::UnknownVersion { .. })));
    }
}

/// Numbers that stand for none where they are serialized would be lost without a word.
#[test]
fn a_number_that_would_read_back_as_none_is_refused() {
    let field = |expire_at_ms| HashField { field: b"f".to_vec(), value: b"v".to_vec(), expire_at_ms };
    let group = |entries_read, active_at_ms| {
        let consumer = Consumer { name: b"c".to_vec(), seen_at_ms: 1, active_at_ms, pending: Vec::new() };
        let meta = GroupMeta { entries_read, ..GroupMeta::default() };
        let group = Group { name: b"g".to_vec(), meta, pending: Vec::new(), consumers: vec![consumer] };
        Value::Stream(Box::new(Stream { groups: vec![group], ..Stream::default() }))
    };
    let mut writer = Writer::new(Family::Valkey, 80).expect("known");
    let mut is_refused = |value: &Value| match writer.value(&Key::new(b"k"), value) {
        Ok(_) => false,
        Err(WriteError::NotEncodable { .. }) => true,
        Err(other) => panic!("{other}"),
    };
    for at in [0, u64::MAX] {
        assert!(is_refused(&Value::Hash(vec![field(Some(1)), field(Some(at))])));
    }
    assert!(is_refused(&group(Some(u64::MAX), None)));
    assert!(is_refused(&group(None, Some(u64::MAX))));
    assert!(!is_refused(&Value::Hash(vec![field(Some(1))])));
    assert!(!is_refused(&group(Some(u64::MAX - 1), Some(u64::MAX - 1))));
}
