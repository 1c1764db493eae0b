//! Typed values, written in any encoding of any version: what is written reads back as the same values, what is lost is
//! told, and what is refused leaves no trace.

use redis_replica::rdb::{
    Encoding, Entry, Family, HashField, Idempotency, IdempotencyMeta, Item, Key, Limits, Loss, Producer,
    Reader, Step, Stream, StreamId, StreamMeta, Strings, Value, WriteError, Writer,
};

use super::made::Made;

/// Versions of the format, and who defines them.
const VERSIONS: [(Family, u16); 14] = [
    (Family::Redis, 13),
    (Family::Redis, 12),
    (Family::Redis, 11),
    (Family::Redis, 10),
    (Family::Redis, 9),
    (Family::Redis, 8),
    (Family::Redis, 7),
    (Family::Redis, 6),
    (Family::Redis, 5),
    (Family::Redis, 4),
    (Family::Redis, 3),
    (Family::Redis, 2),
    (Family::Redis, 1),
    (Family::Valkey, 80),
];

pub fn check(data: &[u8]) {
    let mut made = Made::of(data);
    let at = VERSIONS[usize::from(made.byte()) % VERSIONS.len()];
    let mut writer = Writer::new(at.0, at.1).expect("a known version");
    let (mut expected, mut rdb) = (Vec::new(), Vec::new());
    while !made.is_used_up() {
        let db = u32::from(made.byte());
        writer.select_db(db);
        writer.set_strings(if made.flag() { Strings::Compact } else { Strings::Plain });
        expected.extend(write(&mut writer, &mut made, at).map(|written| Written { db, ..written }));
        if made.flag() {
            rdb.extend(writer.take());
        }
    }
    rdb.extend(writer.finish());
    assert_eq!(read(&rdb), expected);
}

/// A key as it was written, and as it is read.
#[derive(Debug, PartialEq)]
struct Written {
    db: u32,
    key: Vec<u8>,
    expire_at_ms: Option<u64>,
    idle_seconds: Option<u64>,
    freq: Option<u8>,
    type_byte: u8,
    value: Value,
}

fn write(writer: &mut Writer, made: &mut Made<'_>, at: (Family, u16)) -> Option<Written> {
    let (name, choice) = (made.text(), made.byte());
    let (mut key, mut written) = (Key::new(&name), None);
    let expire_at_ms = (choice & 1 != 0).then(|| made.number());
    let idle_seconds = (choice & 2 != 0).then(|| made.number());
    let freq = (choice & 4 != 0).then(|| made.byte());
    key = expire_at_ms.map_or(key, |at_ms| key.expiring_at_ms(at_ms));
    key = idle_seconds.map_or(key, |seconds| key.idle_for_s(seconds));
    key = freq.map_or(key, |freq| key.with_freq(freq));
    let value = made.value();
    let of_kind = |encoding: &Encoding| encoding.kind() == value.kind();
    for encoding in Encoding::ALL.into_iter().filter(of_kind).skip(usize::from(choice >> 3) % 4) {
        match writer.encoded(&key, &value, encoding) {
            Ok(losses) => {
                check_losses(&value, encoding.type_byte(), &losses);
                written = Some(encoding.type_byte());
                break;
            }
            Err(error) => check_refused(error, encoding, at),
        }
    }
    let type_byte = written?;
    let value = told_by(value, type_byte);
    Some(Written { db: 0, key: name, expire_at_ms, idle_seconds, freq, type_byte, value })
}

fn check_refused(error: WriteError, encoding: Encoding, (family, version): (Family, u16)) {
    let is_foreign = encoding.family().is_some_and(|own| own != family);
    match error {
        WriteError::Foreign { .. } => assert!(is_foreign),
        WriteError::TooOld { since, .. } => assert!(version < since && !is_foreign),
        _ => assert!(!is_foreign && version >= encoding.since(), "{error}"),
    }
}

/// Losses are told exactly if there are any.
fn check_losses(value: &Value, type_byte: u8, losses: &[Loss]) {
    match (value, told_by(value.clone(), type_byte)) {
        (Value::Hash(before), Value::Hash(after)) => {
            let expiring = |fields: &[HashField]| {
                fields.iter().filter(|field| field.expire_at_ms.is_some()).count() as u64
            };
            let lost = expiring(before) - expiring(&after);
            assert_eq!(losses, Vec::from_iter((lost > 0).then_some(Loss::FieldTtl(lost))));
        }
        // It guesses its counters, rightly or not.
        (Value::Stream(_), _) if type_byte == 15 => assert!(!losses.is_empty()),
        (Value::Stream(before), Value::Stream(after)) => {
            let is_same = *without_idle_settings(before, type_byte) == *after;
            assert_eq!(losses.is_empty(), type_byte == 26 || is_same, "{losses:?}");
        }
        _ => assert!(losses.is_empty()),
    }
}

/// Settings of idempotency that no id depends on are no loss.
fn without_idle_settings(stream: &Stream, type_byte: u8) -> Box<Stream> {
    let mut stream = Box::new(stream.clone());
    let has_ids = |producers: &[Producer]| producers.iter().any(|producer| !producer.ids.is_empty());
    if type_byte != 26 && stream.idempotency.as_ref().is_some_and(|kept| !has_ids(&kept.producers)) {
        stream.idempotency = None;
    }
    stream
}

/// The value as an encoding tells it: in one order where none is kept, without what the type has no place for.
fn told_by(mut value: Value, type_byte: u8) -> Value {
    match &mut value {
        Value::Set(members) => members.sort(),
        Value::ZSet(members) => members.sort_by(|a, b| a.0.cmp(&b.0)),
        Value::Hash(fields) => {
            fields.sort_by(|a, b| a.field.cmp(&b.field));
            if !matches!(type_byte, 22..=25) {
                fields.iter_mut().for_each(|field| field.expire_at_ms = None);
            }
        }
        Value::Stream(stream) => forget(stream, type_byte),
        _ => {}
    }
    value
}

fn forget(stream: &mut Stream, type_byte: u8) {
    let own = stream.idempotency.take();
    stream.idempotency = (type_byte == 26).then(|| own.unwrap_or_else(as_new));
    if type_byte == 15 {
        let first_id = stream.entries.first().map(|entry| entry.id).unwrap_or_default();
        let (max_deleted_id, entries_added) = (StreamId::default(), stream.meta.length);
        stream.meta = StreamMeta { first_id, max_deleted_id, entries_added, ..stream.meta };
    }
    for group in &mut stream.groups {
        group.meta.entries_read = group.meta.entries_read.filter(|_| type_byte != 15);
        for consumer in &mut group.consumers {
            if matches!(type_byte, 15 | 19) {
                consumer.active_at_ms = Some(consumer.seen_at_ms);
            }
        }
    }
}

/// That of a new stream (config.c, Redis 8.6: `stream-idmp-duration`, `stream-idmp-maxsize`).
fn as_new() -> Idempotency {
    let meta = IdempotencyMeta { duration_s: 100, ids_max: 100, added: 0, duplicates: 0 };
    Idempotency { meta, producers: Vec::new() }
}

fn read(rdb: &[u8]) -> Vec<Written> {
    let mut reader = Reader::new(Limits::default());
    let (mut rest, mut found) = (rdb, Vec::new());
    loop {
        match reader.next(rest).expect("what we write reads") {
            Step::Need(bytes) => panic!("{bytes} bytes are needed behind the end"),
            Step::Item { item: Item::End, consumed } => {
                assert_eq!(consumed, rest.len());
                return found;
            }
            Step::Item { item, consumed } => {
                match item {
                    Item::Entry(entry) => found.push(written(&entry)),
                    Item::Rejected(rejected) => panic!("written and refused: {rejected:?}"),
                    _ => {}
                }
                rest = &rest[consumed..];
            }
        }
    }
}

fn written(entry: &Entry<'_>) -> Written {
    let type_byte = entry.object.type_byte();
    Written {
        db: entry.db,
        key: entry.key.to_vec(),
        expire_at_ms: entry.expire_at_ms,
        idle_seconds: entry.idle_seconds,
        freq: entry.freq,
        type_byte,
        value: told_by(entry.object.decode().expect("validated values decode"), type_byte),
    }
}
