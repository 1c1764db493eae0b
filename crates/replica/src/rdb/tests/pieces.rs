//! Values in pieces: the same as whole ones, however they arrive, in bounded memory.

use proptest::prelude::*;

use super::made::value;
use super::*;
use crate::rdb::{
    Encoding, Error, Item, Key, Piece, Reader, Rebuild, Rejected, Step, Strings, Target, ValueBegin, Writer,
};

/// What a snapshot tells but for bytes passed over, and the most that was held.
#[derive(Debug, Default, PartialEq)]
struct Told {
    items: Vec<String>,
    values: Vec<(Vec<u8>, Value)>,
    in_pieces: usize,
    failure: Option<Error>,
    held: usize,
}

fn told(rdb: &[u8], limits: Limits, mut piece: impl FnMut() -> usize) -> Told {
    let mut reader = Reader::new(limits);
    let (mut at, mut there, mut told) = (0, 0, Told::default());
    let mut begun = None;
    loop {
        told.held = told.held.max(there - at);
        match reader.next(&rdb[at..there]) {
            Err(error) => {
                told.failure = Some(error);
                return told;
            }
            Ok(Step::Need(need)) => {
                assert!(need > there - at, "needs what is there");
                if there == rdb.len() {
                    return told;
                }
                there = rdb.len().min(there + piece().max(1));
            }
            Ok(Step::Item { item, consumed }) => {
                at += consumed;
                if take(&mut told, &mut begun, item) {
                    return told;
                }
            }
        }
    }
}

/// Notes an item; whether it was the last.
fn take(told: &mut Told, begun: &mut Option<(Vec<u8>, Value)>, item: Item<'_>) -> bool {
    match &item {
        Item::Passed => return false,
        Item::End => return true,
        Item::Entry(entry) => {
            told.values.push((entry.key.to_vec(), entry.object.decode().expect("validated")));
            told.items.push(format!("{} whole {:?}", entry.key.escape_ascii(), entry.expire_at_ms));
        }
        Item::ValueBegin(ValueBegin { key, kind, expire_at_ms, .. }) => {
            told.items.push(format!("{} begins {kind:?} {expire_at_ms:?}", key.escape_ascii()));
            *begun = Some((key.to_vec(), Value::empty(*kind).expect("no module")));
        }
        Item::Piece(piece) => {
            told.items.push(format!("{piece:?}"));
            let (_, value) = begun.as_mut().expect("a begun value");
            value.push(piece.clone()).expect("a piece of its own kind");
        }
        Item::ValueEnd => {
            told.in_pieces += 1;
            told.values.extend(begun.take());
        }
        Item::Rejected(Rejected { key, defect, .. }) => {
            told.items.push(format!("{} rejected: {defect}", key.escape_ascii()));
        }
        other => told.items.push(format!("{other:?}")),
    }
    false
}

/// A snapshot of these values, each in one of its encodings.
fn snapshot(family: Family, values: &[(Value, usize)], strings: Strings) -> Vec<u8> {
    let version = if family == Family::Redis { 13 } else { 80 };
    let mut writer = Writer::new(family, version).expect("known");
    writer.set_strings(strings);
    for (number, (value, choice)) in values.iter().enumerate() {
        let fits = |encoding: &Encoding| {
            encoding.kind() == value.kind() && encoding.family().is_none_or(|defined| defined == family)
        };
        let encodings: Vec<Encoding> = Encoding::ALL.into_iter().filter(fits).collect();
        let name = format!("key {number}");
        let key = Key::new(name.as_bytes()).expiring_at_ms(number as u64 + 1);
        if writer.encoded(&key, value, encodings[choice % encodings.len()]).is_err() {
            writer.value(&key, value).expect("every value has an encoding");
        }
    }
    writer.finish()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn pieces_make_the_values_that_whole_decoding_makes(
        values in prop::collection::vec((value(), any::<usize>()), 1..5),
        cuts in prop::collection::vec(1..500usize, 1..20),
        above in prop_oneof![Just(0u64), 1..3000u64],
        redis in any::<bool>(),
        compact in any::<bool>(),
    ) {
        let family = if redis { Family::Redis } else { Family::Valkey };
        let strings = if compact { Strings::Compact } else { Strings::Plain };
        let rdb = snapshot(family, &values, strings);
        let whole = told(&rdb, Limits::default(), || rdb.len());
        prop_assert_eq!(whole.values.len(), values.len());
        let limits = Limits::default().with_pieces_above_bytes(above);
        let at_once = told(&rdb, limits, || rdb.len());
        prop_assert_eq!(&at_once.failure, &None);
        prop_assert_eq!(&at_once.values, &whole.values);
        let mut next = cuts.iter().copied().cycle();
        let in_parts = told(&rdb, limits, || next.next().unwrap_or(1));
        prop_assert_eq!(&in_parts.items, &at_once.items);
        prop_assert_eq!(&in_parts.values, &whole.values);
    }

    /// Damage ends a value or the reading in the same way however the bytes arrive.
    #[test]
    fn damage_is_told_alike_in_any_pieces(
        values in prop::collection::vec((value(), any::<usize>()), 1..4),
        damage in prop::collection::vec((any::<usize>(), any::<u8>()), 1..4),
        cuts in prop::collection::vec(1..300usize, 1..10),
        above in 0..500u64,
    ) {
        let mut rdb = snapshot(Family::Redis, &values, Strings::Plain);
        for (at, byte) in damage {
            let at = 9 + at % (rdb.len() - 9);
            rdb[at] = byte;
        }
        let small = Limits::default().with_value_bytes(1 << 20).with_decoded_bytes(1 << 20).with_string_bytes(1 << 20);
        let limits = small.with_pieces_above_bytes(above);
        let at_once = told(&rdb, limits, || rdb.len());
        let mut next = cuts.iter().copied().cycle();
        let in_parts = told(&rdb, limits, || next.next().unwrap_or(1));
        let shown = |told: &Told| {
            let beyond = |item: &&String| !item.contains("exceeds the limit");
            told.items.iter().filter(beyond).cloned().collect::<Vec<_>>()
        };
        prop_assert_eq!(shown(&in_parts), shown(&at_once));
        prop_assert_eq!(in_parts.values, at_once.values);
        prop_assert_eq!(in_parts.failure.is_some(), at_once.failure.is_some());
    }

    /// The commands of the pieces are those of the whole value, in their effect the same.
    #[test]
    fn commands_of_pieces_carry_what_those_of_the_whole_do(value in value(), choice in any::<usize>()) {
        let rdb = snapshot(Family::Redis, &[(value.clone(), choice)], Strings::Plain);
        let mut whole = None;
        let mut rebuilt = Vec::new();
        let mut rebuild = Rebuild::new(b"k", Target::redis(8, 6, 0));
        let mut reader = Reader::new(Limits::default().with_pieces_above_bytes(0));
        let mut rest = rdb.as_slice();
        while let Step::Item { item, consumed } = reader.next(rest).expect("well-formed") {
            match item {
                Item::End => break,
                Item::Piece(piece) => rebuild.piece(&piece, &mut |command| rebuilt.push(words(command))),
                Item::Entry(entry) => whole = Some(entry.object.decode().expect("validated")),
                _ => {}
            }
            rest = &rest[consumed..];
        }
        if whole.is_none() {
            let mut expected = Vec::new();
            let mut sink = |command: &[&[u8]]| expected.push(words(command));
            let losses = read_whole(&rdb).commands(b"k", Target::redis(8, 6, 0), &mut sink).expect("no module");
            let kept: Vec<_> = losses.into_iter().filter(|loss| !matches!(loss, crate::rdb::Loss::PendingDeleted(_))).collect();
            prop_assert_eq!(rebuild.finish(), kept);
            // Claims of deleted entries are tried, and settings of a stream come last.
            rebuilt.retain(|command| !matches!(command[0].as_slice(), b"XCLAIM" | b"XCFGSET"));
            expected.retain(|command| !matches!(command[0].as_slice(), b"XCLAIM" | b"XCFGSET"));
            prop_assert_eq!(arguments(&rebuilt), arguments(&expected));
        }
    }
}

fn words(command: &[&[u8]]) -> Vec<Vec<u8>> {
    command.iter().map(|word| word.to_vec()).collect()
}

/// Chunks may be cut elsewhere: what counts is what each command word is given, in order.
fn arguments(commands: &[Vec<Vec<u8>>]) -> Vec<&Vec<u8>> {
    let skipped = |command: &[Vec<u8>]| if command[0] == b"HPEXPIREAT" { command.len() } else { 2 };
    commands.iter().flat_map(|command| command.iter().skip(skipped(command))).collect()
}

fn read_whole(rdb: &[u8]) -> Value {
    told(rdb, Limits::default(), || rdb.len()).values.swap_remove(0).1
}

/// A list, a set, a sorted set, a hash and a stream of `count` records each, one snapshot.
fn giants(count: usize) -> Vec<u8> {
    let name = |n: usize| format!("name number {n} of many").into_bytes();
    let id = |n: usize| crate::rdb::StreamId { ms: n as u64 + 1, seq: 0 };
    let entry = |n: usize| crate::rdb::StreamEntry { id: id(n), fields: vec![(b"f".to_vec(), name(n))] };
    let pending = |n: usize| crate::rdb::Pending { id: id(n), delivered_at_ms: 5, deliveries: 1 };
    let consumer = crate::rdb::Consumer {
        name: b"c".to_vec(),
        seen_at_ms: 1,
        active_at_ms: None,
        pending: (0..count).map(id).collect(),
    };
    let group = crate::rdb::Group {
        name: b"g".to_vec(),
        meta: crate::rdb::GroupMeta { last_id: id(count), entries_read: None },
        pending: (0..count).map(pending).collect(),
        consumers: vec![consumer],
    };
    let meta = crate::rdb::StreamMeta { length: count as u64, last_id: id(count), ..Default::default() };
    let stream = crate::rdb::Stream {
        entries: (0..count).map(entry).collect(),
        meta,
        groups: vec![group],
        idempotency: None,
    };
    let field = |n: usize| crate::rdb::HashField { field: name(n), value: name(n), expire_at_ms: None };
    let values = [
        Value::List((0..count).map(name).collect()),
        Value::Set((0..count).map(name).collect()),
        Value::ZSet((0..count).map(|n| (name(n), n as f64)).collect()),
        Value::Hash((0..count).map(field).collect()),
        Value::Stream(Box::new(stream)),
    ];
    let mut writer = Writer::new(Family::Redis, 11).expect("known");
    for value in &values {
        writer.value(&Key::new(b"giant"), value).expect("well-formed");
    }
    writer.finish()
}

#[test]
fn what_is_held_is_one_piece() {
    let rdb = giants(100_000);
    assert!(rdb.len() > 20 << 20);
    let limits = Limits::default().with_pieces_above_bytes(1 << 20);
    for arriving in [1000, 16 << 10] {
        let told = told(&rdb, limits, || arriving);
        assert_eq!((told.in_pieces, told.failure), (5, None));
        // Until the limit is passed a value may still come whole.
        assert!(told.held <= (1 << 20) + arriving, "{} held", told.held);
    }
    let limits = limits.with_pieces_above_bytes(0);
    let told = told(&rdb, limits, || 4096);
    assert!(told.held <= (64 << 10) + 2 * 4096 + 4096, "{} held", told.held);
}

fn refused(type_byte: u8, body: &[u8]) -> String {
    let mut rdb =
        [b"REDIS0013", &[type_byte][..], &string(b"k"), body, &[0], &string(b"next"), &string(b"x"), &[255]]
            .concat();
    rdb.extend([0; 8]);
    let told = told(&rdb, Limits::default().with_pieces_above_bytes(0).with_value_bytes(3000), || 7);
    assert_eq!(told.failure, None, "the framing is right");
    assert_eq!(told.items.last().map(String::as_str), Some("next whole None"), "what follows is read");
    assert_eq!(told.in_pieces, 0, "it must not end as if it were right");
    told.items[told.items.len() - 2].clone()
}

#[test]
fn rules_are_kept_piece_by_piece() {
    assert_eq!(refused(1, &[0]), "k rejected: empty list");
    assert_eq!(refused(18, &[&[1, 2][..], &listpack(&[])].concat()), "k rejected: empty list");
    assert_eq!(refused(2, &counted(2, &["x", "x"])), "k rejected: duplicate member");
    assert_eq!(refused(4, &counted(2, &["a", "x", "a", "y"])), "k rejected: duplicate field");
    assert!(
        refused(5, &[&[1][..], &string(b"a"), &f64::NAN.to_le_bytes()].concat()).contains("not a number")
    );
    let long = [&[3][..], &string(b"a"), &string(&[b'x'; 5000]), &string(b"b")].concat();
    assert_eq!(
        refused(1, &long),
        "k rejected: size of one element of 5005 exceeds the limit of 3000; raise the limit if the source is trusted"
    );
}

/// A group with these pending entries and consumers that claim these.
fn stream(owed: &[u8], claims: &[&[u8]]) -> Vec<u8> {
    let id = |ms: &u8| [&[0; 7][..], &[*ms], &[0; 8]].concat();
    let mut body = [&[0][..], &[0, 9, 0, 0, 0, 0, 0, 9], &[1], &string(b"g"), &[9, 0, 0]].concat();
    body.push(owed.len() as u8);
    owed.iter().for_each(|ms| body.extend([id(ms), vec![0; 8], vec![1]].concat()));
    body.push(claims.len() as u8);
    for (number, claims) in claims.iter().enumerate() {
        body.extend([string(&[b'a' + number as u8]), vec![0; 16], vec![claims.len() as u8]].concat());
        claims.iter().for_each(|ms| body.extend(id(ms)));
    }
    body
}

#[test]
fn pending_entries_have_one_owner_each() {
    let sum = "k rejected: invalid stream: its consumers don't own each pending entry once";
    assert_eq!(refused(21, &stream(&[5], &[&[5], &[5]])), sum, "owned twice");
    assert_eq!(refused(21, &stream(&[5, 6], &[&[5], &[]])), sum, "without an owner");
    assert_eq!(refused(21, &stream(&[5, 6], &[&[5, 5]])), sum, "one twice for another");
    assert_eq!(refused(21, &stream(&[5], &[&[7]])), sum, "not the group's");
    assert!(refused(21, &stream(&[6, 5], &[&[5, 6]])).contains("ascending"));
    let good =
        [b"REDIS0013", &[21][..], &string(b"k"), &stream(&[5, 6], &[&[6], &[5]]), &[255], &[0; 8]].concat();
    let told = told(&good, Limits::default().with_pieces_above_bytes(0), || 3);
    assert_eq!((told.in_pieces, told.failure), (1, None));
    assert!(
        told.items.contains(&format!("{:?}", Piece::Claims(vec![crate::rdb::StreamId { ms: 6, seq: 0 }])))
    );
}

#[test]
fn strings_blocks_and_modules_never_come_in_pieces() {
    let values = [(0u8, string(&[b'x'; 2000])), (16, listpack(&["a", "1"])), (7, vec![5, 2, 7, 0])];
    for (type_byte, body) in values {
        let rdb = [b"REDIS0013", &[type_byte][..], &string(b"k"), &body, &[255], &[0; 8]].concat();
        let mut reader = Reader::new(Limits::default().with_pieces_above_bytes(0));
        reader.next(&rdb).expect("a header");
        let step = reader.next(&rdb[9..]).expect("well-formed");
        assert!(matches!(step, Step::Item { item: Item::Entry(_), .. }), "type {type_byte}");
    }
}
