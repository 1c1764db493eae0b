//! One value, its type byte first: what passes validation decodes, can be written for every server, and means the same
//! afterwards.

use redis_replica::rdb::{
    Family, HashField, Item, Loss, Object, Reader, Step, Stream, StreamId, Target, Validator, Value,
};

use super::rdb_file::limits;

const TARGETS: [Target; 6] = [
    Target::redis(6, 2, 0),
    Target::redis(7, 0, 0),
    Target::redis(7, 2, 0),
    Target::redis(8, 6, 0),
    Target::valkey(8, 1, 0),
    Target::valkey(9, 1, 0),
];

pub fn check(data: &[u8]) {
    let [type_byte, choice, body @ ..] = data else { return };
    let type_byte = type_byte & 31;
    let (family, version) = match choice & 1 {
        0 => (Family::Redis, 13),
        _ => (Family::Valkey, 80),
    };
    if let Ok(object) = Validator::new(limits()).object(family, version, type_byte, body) {
        check_in_a_snapshot(&object);
        check_object(&object);
    }
}

/// The reader finds the value's end by its framing alone, the validator by all of its rules: they must agree.
fn check_in_a_snapshot(object: &Object<'_>) {
    let magic: &[u8] = match object.family() {
        Family::Redis => b"REDIS0013",
        Family::Valkey => b"VALKEY080",
    };
    let rdb = [magic, &[object.type_byte(), 1, b'k'], object.body(), &[255, 0, 0, 0, 0, 0, 0, 0, 0]].concat();
    let mut reader = Reader::new(limits());
    let mut at = 0;
    let mut entries = 0;
    loop {
        match reader.next(&rdb[at..]).expect("a snapshot of a valid value") {
            Step::Need(need) => panic!("{need} bytes are needed behind the end"),
            Step::Item { item: Item::Entry(entry), consumed } => {
                assert_eq!(entry.object, *object);
                (at, entries) = (at + consumed, entries + 1);
            }
            Step::Item { item: Item::End, consumed } => {
                assert_eq!((at + consumed, entries), (rdb.len(), 1));
                return;
            }
            Step::Item { consumed, .. } => at += consumed,
        }
    }
}

/// All that is promised of a validated value.
pub fn check_object(object: &Object<'_>) {
    let value = object.decode().expect("validated values decode");
    check_own_payload(object);
    for target in TARGETS {
        let mut payload = Vec::new();
        match object.reencode(target, &mut payload) {
            Ok(losses) => check_reencoded(&value, &payload, target, &losses),
            Err(_) => assert!(matches!(value, Value::Module(_)) && payload.is_empty()),
        }
        check_commands(&value, target);
    }
}

fn check_own_payload(object: &Object<'_>) {
    let target = match object.family() {
        Family::Redis => Target::redis(8, 6, 0),
        Family::Valkey => Target::valkey(9, 1, 0),
    };
    let mut payload = Vec::new();
    object.dump_payload(target, &mut payload).expect("its own family's newest server takes it");
    let again = Validator::new(limits()).dump(&payload, object.family());
    let again = again.expect("a payload of a valid value");
    assert_eq!((again.type_byte(), again.body()), (object.type_byte(), object.body()));
}

fn check_reencoded(value: &Value, payload: &[u8], target: Target, losses: &[Loss]) {
    // What is written plainly may be longer than the compressed form that passed the limits.
    let again = redis_replica::rdb::parse_dump(payload, target.family, Default::default());
    let again = again.expect("what we write passes our own checks").decode().expect("validated");
    match (value, &again) {
        (Value::Hash(before), Value::Hash(after)) => check_fields(before, after, losses),
        (Value::Stream(before), Value::Stream(after)) => check_stream(before, after, losses),
        _ => assert_eq!(*value, again),
    }
}

fn check_fields(before: &[HashField], after: &[HashField], losses: &[Loss]) {
    assert_eq!(before.len(), after.len());
    let mut lost = 0;
    for (before, after) in before.iter().zip(after) {
        assert_eq!((&before.field, &before.value), (&after.field, &after.value));
        if before.expire_at_ms != after.expire_at_ms {
            assert_eq!(after.expire_at_ms, None, "an expiry is kept or lost, never changed");
            lost += 1;
        }
    }
    let told =
        losses.iter().find_map(|loss| if let Loss::FieldTtl(count) = loss { Some(*count) } else { None });
    assert_eq!(told.unwrap_or(0), lost, "what is lost is told");
}

fn check_stream(before: &Stream, after: &Stream, losses: &[Loss]) {
    assert_eq!(before.entries, after.entries);
    assert_eq!((before.meta.length, before.meta.last_id), (after.meta.length, after.meta.last_id));
    if !losses.iter().any(|loss| matches!(loss, Loss::StreamCounters(_))) {
        assert_eq!(before.meta, after.meta);
    }
    assert_eq!(before.groups.len(), after.groups.len());
    for (before, after) in before.groups.iter().zip(&after.groups) {
        assert_eq!((&before.name, before.meta.last_id), (&after.name, after.meta.last_id));
        assert_eq!(before.pending, after.pending);
        let claims = |group: &redis_replica::rdb::Group| -> Vec<(Vec<u8>, Vec<StreamId>)> {
            group.consumers.iter().map(|consumer| (consumer.name.clone(), consumer.pending.clone())).collect()
        };
        assert_eq!(claims(before), claims(after));
    }
}

/// The commands that rebuild a value carry each of its parts once.
fn check_commands(value: &Value, target: Target) {
    let mut told: Vec<Vec<Vec<u8>>> = Vec::new();
    let done =
        value.commands(b"k", target, &mut |args| told.push(args.iter().map(|arg| arg.to_vec()).collect()));
    if done.is_err() {
        assert!(matches!(value, Value::Module(_)) && told.is_empty());
        return;
    }
    assert!(told.iter().all(|command| command.len() > 2 && command.contains(&b"k".to_vec())));
    let arguments = |name: &[u8], from: usize| -> Vec<Vec<u8>> {
        let of_name = told.iter().filter(|command| command[0] == name);
        of_name.flat_map(|command| command[from..].iter().cloned()).collect()
    };
    match value {
        Value::String(bytes) => assert_eq!(arguments(b"SET", 2), std::slice::from_ref(bytes)),
        Value::List(elements) => assert_eq!(arguments(b"RPUSH", 2), *elements),
        Value::Set(members) => assert_eq!(arguments(b"SADD", 2), *members),
        Value::ZSet(members) => check_scores(members, &arguments(b"ZADD", 2)),
        Value::Hash(fields) => {
            let pairs = fields.iter().flat_map(|field| [field.field.clone(), field.value.clone()]);
            assert_eq!(arguments(b"HSET", 2), pairs.collect::<Vec<_>>());
        }
        Value::Stream(stream) if !stream.entries.is_empty() => {
            let pairs = stream.entries.iter().flat_map(|entry| {
                let id = [entry.id.to_string().into_bytes()];
                id.into_iter()
                    .chain(entry.fields.iter().flat_map(|(name, value)| [name.clone(), value.clone()]))
            });
            assert_eq!(arguments(b"XADD", 2), pairs.collect::<Vec<_>>());
        }
        _ => {}
    }
}

fn check_scores(members: &[(Vec<u8>, f64)], arguments: &[Vec<u8>]) {
    assert_eq!(arguments.len(), members.len() * 2);
    for ((member, score), pair) in members.iter().zip(arguments.chunks_exact(2)) {
        let text = std::str::from_utf8(&pair[0]).expect("a score is a text");
        assert_eq!((text.parse(), &pair[1]), (Ok(*score), member));
    }
}
