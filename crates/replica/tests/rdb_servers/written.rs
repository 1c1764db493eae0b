//! Snapshots that we write, of every version and in every encoding, loaded by the servers that read that version.

use redis_replica::rdb::{
    Consumer, Encoding, Family, Group, GroupMeta, HashField, Idempotency, IdempotencyMeta, Key, Limits,
    Pending, Producer, Stream, StreamEntry, StreamId, StreamMeta, Strings, Validator, Value, Writer,
};

use super::dataset::FAR_MS;
use super::server::{Reply, Server};

/// Before 2038, in whole seconds: what every version can say.
const EXPIRE_AT_MS: u64 = 2_000_000_000_000;

fn texts(all: &[&str]) -> Vec<Vec<u8>> {
    all.iter().map(|text| text.as_bytes().to_vec()).collect()
}

fn numbered(count: usize) -> Vec<Vec<u8>> {
    (0..count).map(|n| format!("element number {n}").into_bytes()).collect()
}

fn hash(fields: &[(&str, &str, Option<u64>)]) -> Value {
    let field = |(field, value, at): &(&str, &str, Option<u64>)| HashField {
        field: field.as_bytes().to_vec(),
        value: value.as_bytes().to_vec(),
        expire_at_ms: *at,
    };
    Value::Hash(fields.iter().map(field).collect())
}

const fn id(ms: u64) -> StreamId {
    StreamId { ms, seq: 1 }
}

fn stream() -> Value {
    let entry = |ms: u64| StreamEntry {
        id: id(ms),
        fields: vec![
            (b"n".to_vec(), ms.to_string().into_bytes()),
            (format!("f{}", ms % 3).into_bytes(), vec![b'v'; 70]),
        ],
    };
    let pending = |ms| Pending { id: id(ms), delivered_at_ms: 1_700_000_000_000, deliveries: ms };
    let consumer = |name: &str, active_at_ms, pending: &[u64]| Consumer {
        name: name.as_bytes().to_vec(),
        seen_at_ms: 1_700_000_000_001,
        active_at_ms,
        pending: pending.iter().map(|ms| id(*ms)).collect(),
    };
    let group = Group {
        name: b"group".to_vec(),
        meta: GroupMeta { last_id: id(7), entries_read: Some(7) },
        pending: [3, 4, 7].map(pending).to_vec(),
        consumers: vec![consumer("a", Some(1_700_000_000_000), &[3, 7]), consumer("b", Some(5), &[4])],
    };
    Value::Stream(Box::new(Stream {
        entries: (1..=250).map(entry).collect(),
        meta: StreamMeta {
            length: 250,
            last_id: id(300),
            first_id: id(1),
            max_deleted_id: id(299),
            entries_added: 300,
        },
        groups: vec![group],
        idempotency: Some(Idempotency {
            meta: IdempotencyMeta { duration_s: 60, ids_max: 50, added: 3, duplicates: 1 },
            producers: vec![Producer { name: b"p".to_vec(), ids: vec![(b"i".to_vec(), id(250))] }],
        }),
    }))
}

/// Values that, together, need every form of number, length and string of every encoding.
fn values() -> Vec<Value> {
    let numbers = [
        "0",
        "12",
        "13",
        "-1",
        "127",
        "-129",
        "4096",
        "-32769",
        "8388608",
        "70000",
        "-2147483649",
        "9000000000",
    ];
    let long = vec![b"x".to_vec(), vec![b'z'; 20_000], b"007".to_vec(), vec![b'y'; 300], Vec::new()];
    let scores = [1.5, -2.0, f64::INFINITY, f64::NEG_INFINITY, 0.1, 3e300, 1e-300, 70_000.0, -12.0];
    let scored = scores.iter().enumerate().map(|(n, score)| (format!("m{n}").into_bytes(), *score));
    let string = |bytes: &[u8]| Value::String(bytes.to_vec());
    let big = [("f".to_owned(), "v".repeat(300)), ("g".repeat(260), "-70000".to_owned())];
    let big = big.map(|(field, value)| HashField {
        field: field.into_bytes(),
        value: value.into_bytes(),
        expire_at_ms: None,
    });
    vec![
        string(b""),
        string(b"-70000"),
        string(&b"text that repeats ".repeat(30)),
        Value::List(texts(&numbers)),
        Value::List(long),
        Value::List(numbered(2000)),
        Value::Set(texts(&["-3", "1", "2"])),
        Value::Set(texts(&["-70000", "1"])),
        Value::Set(texts(&["-9223372036854775808", "9000000000"])),
        Value::Set(texts(&["", "012", "12", "a"])),
        Value::Set(numbered(600)),
        Value::ZSet(scored.collect()),
        Value::ZSet(numbered(400).into_iter().zip((0..400).map(|n| f64::from(n % 7))).collect()),
        hash(&[("", "", None), ("a", "1", None), ("b", "two", None)]),
        Value::Hash(big.to_vec()),
        hash(&[("a", "1", Some(FAR_MS)), ("b", "2", None), ("c", "3", Some(FAR_MS + 7))]),
        stream(),
    ]
}

/// Whether the server loads snapshots of that version (`rdbLoadRioWithLoadingCtx` of each).
fn loads(server: &Server, family: Family, version: u16) -> bool {
    let target = server.target;
    match (target.family, family) {
        (Family::Redis, Family::Redis) => {
            version
                <= if target.version < (7, 2, 0) {
                    10
                } else if target.version < (7, 4, 0) {
                    11
                } else if target.version < (8, 6, 0) {
                    12
                } else {
                    13
                }
        }
        (Family::Valkey, Family::Redis) => version <= 11,
        (Family::Valkey, Family::Valkey) => target.version >= (9, 0, 0),
        (Family::Redis, Family::Valkey) => false,
    }
}

/// Key, value, and how it was written.
type Made = (Vec<u8>, Value, Encoding);

/// A snapshot of all values in all encodings that this version has, and what it was made of.
fn snapshot(family: Family, version: u16, strings: Strings) -> (Vec<u8>, Vec<Made>) {
    let mut writer = Writer::new(family, version).expect("known");
    writer.set_strings(strings);
    if version >= 7 {
        writer.aux(b"redis-ver", b"0.0.0").expect("of this version");
    }
    writer.select_db(0);
    let mut made = Vec::new();
    for (number, value) in values().into_iter().enumerate() {
        for encoding in Encoding::ALL.into_iter().filter(|encoding| encoding.kind() == value.kind()) {
            let name = format!("{encoding:?} {number}").into_bytes();
            let key = Key::new(&name);
            let key = if number % 2 == 0 { key } else { key.expiring_at_ms(EXPIRE_AT_MS) };
            if writer.encoded(&key, &value, encoding).is_ok() {
                made.push((name, value.clone(), encoding));
            }
        }
    }
    (writer.finish(), made)
}

/// Has the server load these bytes instead of what it holds.
fn load(server: &mut Server, rdb: &[u8]) {
    std::fs::write(server.dir.join("dump.rdb"), rdb).expect("the server's directory");
    server.run(&["DEBUG", "RELOAD", "NOSAVE"]);
}

/// Builds the same by commands, under the same name.
fn build(server: &mut Server, key: &[u8], value: &Value, expiring: bool) {
    let target = server.target;
    let mut sink = |command: &[&[u8]]| {
        server.must(command);
    };
    value.commands(key, target, &mut sink).expect("no module's value");
    if expiring {
        server.must(&[b"PEXPIREAT", key, EXPIRE_AT_MS.to_string().as_bytes()]);
    }
}

/// The value in the order of names, as far as the server keeps what it is told.
fn comparable(value: Value, encoding: Encoding, server: &Server) -> Value {
    let mut value = value;
    match &mut value {
        Value::Set(members) => members.sort(),
        Value::ZSet(members) => members.sort_by(|a, b| a.0.cmp(&b.0)),
        Value::Hash(fields) => {
            fields.sort_by(|a, b| a.field.cmp(&b.field));
            if !matches!(encoding.type_byte(), 22..=25) {
                fields.iter_mut().for_each(|field| field.expire_at_ms = None);
            }
        }
        Value::Stream(stream) => forget(stream, encoding, server),
        _ => {}
    }
    value
}

fn forget(stream: &mut Stream, encoding: Encoding, server: &Server) {
    stream.idempotency = stream.idempotency.take().filter(|_| encoding == Encoding::Stream4);
    if encoding == Encoding::Stream {
        let max_deleted_id = StreamId::default();
        stream.meta = StreamMeta { max_deleted_id, entries_added: stream.meta.length, ..stream.meta };
        stream.groups.iter_mut().for_each(|group| group.meta.entries_read = None);
    }
    let told =
        matches!(encoding, Encoding::Stream3 | Encoding::Stream4) && server.target.has_consumer_active_time();
    for consumer in stream.groups.iter_mut().flat_map(|group| &mut group.consumers) {
        if !told {
            consumer.active_at_ms = Some(consumer.seen_at_ms);
        }
    }
}

fn dumped(server: &mut Server, key: &[u8], encoding: Encoding) -> Value {
    let family = server.target.family;
    let payload = server.must(&[b"DUMP", key]).bytes();
    let object = Validator::new(Limits::default()).dump(&payload, family).map(|object| object.decode());
    let value = object.and_then(|value| value).expect("a real server's DUMP passes");
    comparable(value, encoding, server)
}

/// Loads a snapshot and compares all of it with what commands make; answers the encodings seen.
fn check(server: &mut Server, family: Family, version: u16, strings: Strings) -> Vec<Encoding> {
    let (rdb, made) = snapshot(family, version, strings);
    load(server, &rdb);
    let label = format!("{}: {family} {version} {strings:?}", server.name);
    assert_eq!(server.run(&["DBSIZE"]), Reply::Int(made.len() as i64), "{label}");
    for (key, value, encoding) in &made {
        let label = format!("{label}: {}", key.escape_ascii());
        let loaded = dumped(server, key, *encoding);
        let expected = comparable(value.clone(), *encoding, server);
        assert_eq!(loaded, expected, "{label}");
        let at = if odd(key) { EXPIRE_AT_MS as i64 } else { -1 };
        assert_eq!(server.must(&[b"PEXPIRETIME", key]), Reply::Int(at), "{label}");
    }
    let digest = server.run(&["DEBUG", "DIGEST"]);
    server.run(&["FLUSHALL"]);
    for (key, value, encoding) in &made {
        build(server, key, &comparable(value.clone(), *encoding, server), odd(key));
    }
    assert_eq!(server.run(&["DEBUG", "DIGEST"]), digest, "{label}: commands make something else");
    made.into_iter().map(|(.., encoding)| encoding).collect()
}

/// Whether the key was given an expiry.
fn odd(key: &[u8]) -> bool {
    key.last().is_some_and(|digit| digit % 2 == 1)
}

/// Every version in every server that reads it; answers how many snapshots that were.
pub fn every_version(server: &mut Server) -> usize {
    let versions = (1..=13).map(|version| (Family::Redis, version)).chain([(Family::Valkey, 80)]);
    let mut encodings = std::collections::BTreeSet::new();
    let mut snapshots = 0;
    for (family, version) in versions {
        if !loads(server, family, version) {
            continue;
        }
        for strings in [Strings::Plain, Strings::Compact] {
            encodings.extend(check(server, family, version, strings));
            snapshots += 1;
        }
    }
    let known = |encoding: &Encoding| {
        let version = if encoding.family() == Some(Family::Valkey) { 80 } else { encoding.since() };
        loads(server, encoding.family().unwrap_or(Family::Redis), version)
    };
    let expected: std::collections::BTreeSet<_> = Encoding::ALL.into_iter().filter(known).collect();
    assert_eq!(encodings, expected, "{}", server.name);
    snapshots
}
