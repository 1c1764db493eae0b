//! Damaged values and snapshots: any outcome is fine but a panic, a hang, or more memory than the limits allow.

use proptest::prelude::*;

use super::*;
use crate::rdb::cursor::Text;
use crate::rdb::packed::{intset, ziplist};
use crate::rdb::{Item, Reader, Step, Target, crc, kind_of};

/// Something of every type, to start from.
fn samples() -> Vec<(u8, Vec<u8>)> {
    let zip =
        string(&ziplist::build(&[Text::Plain(b"a"), Text::Int(1), Text::Plain(b"b"), Text::Int(70_000)]));
    let stream = [
        &[1][..],
        &string(&[0; 16]),
        &listpack(&["1", "0", "1", "f", "0", "2", "1", "1", "x", "4"]),
        &[1, 9, 1, 1, 1, 0, 0, 1, 1],
        &string(b"g"),
        &[1, 1, 1, 1],
        &[0; 16],
        &[1; 8],
        &[1, 1],
        &string(b"c"),
        &[1; 16],
        &[1],
        &[0; 16],
    ];
    let stream_4 =
        [&stream.concat()[..], &[60, 60, 1], &string(b"p"), &[1], &string(b"i"), &[1, 1, 1, 0]].concat();
    vec![
        (0, compressed(b"some text, some text, some text")),
        (1, counted(2, &["a", "b"])),
        (4, counted(2, &["a", "x", "b", "y"])),
        (5, [&[1][..], &string(b"a"), &[0; 8]].concat()),
        (7, vec![5, 2, 7, 4, 0, 0, 0, 0, 0, 0, 0, 0, 5, 1, b'x', 0]),
        (9, string(b"\x01\x01a\x01\x00x\xff")),
        (10, zip.clone()),
        (11, string(&intset::build(2, &[1, 2, 3]))),
        (12, zip.clone()),
        (13, zip.clone()),
        (14, [&[1][..], &zip].concat()),
        (16, compressed(&listpack(&["a", "x", "b", "-70000", "c", "1000"])[5..])),
        (17, listpack(&["a", "1", "b", "2"])),
        (18, [&[2, 2][..], &listpack(&["a", "5"]), &[1], &string(b"b")].concat()),
        (20, listpack(&["a", "5"])),
        (21, stream.concat()),
        (22, [&[1, 9][..], &strings(&["a", "x"])].concat()),
        (24, [&[9; 5][..], &[0; 3], &[1, 2], &strings(&["a", "x"])].concat()),
        (25, [&[0; 8][..], &listpack(&["a", "x", "5"])].concat()),
        (26, stream_4),
    ]
}

#[derive(Debug, Clone)]
enum Change {
    Flip(usize, u8),
    Set(usize, u8),
    Insert(usize, Vec<u8>),
    Cut(usize),
    Repeat(usize, usize),
}

fn change() -> impl Strategy<Value = Change> {
    let length = prop_oneof![
        Just(vec![0x80, 0xff, 0xff, 0xff, 0xff]),
        Just(vec![0x81, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
        prop::collection::vec(any::<u8>(), 1..9),
    ];
    prop_oneof![
        (any::<usize>(), 0..8u8).prop_map(|(at, bit)| Change::Flip(at, 1 << bit)),
        (any::<usize>(), any::<u8>()).prop_map(|(at, byte)| Change::Set(at, byte)),
        (any::<usize>(), length).prop_map(|(at, bytes)| Change::Insert(at, bytes)),
        any::<usize>().prop_map(Change::Cut),
        (any::<usize>(), 1..20usize).prop_map(|(at, len)| Change::Repeat(at, len)),
    ]
}

fn apply(bytes: &mut Vec<u8>, change: &Change) {
    let len = bytes.len().max(1);
    match change {
        _ if bytes.is_empty() => bytes.push(0),
        Change::Flip(at, bits) => bytes[at % len] ^= bits,
        Change::Set(at, byte) => bytes[at % len] = *byte,
        Change::Insert(at, more) => drop(bytes.splice(at % len..at % len, more.iter().copied())),
        Change::Cut(at) => bytes.truncate(at % len),
        Change::Repeat(at, count) => {
            let from = at % len;
            let again = bytes[from..len.min(from + count)].to_vec();
            bytes.extend(again);
        }
    }
}

fn small() -> Limits {
    Limits::default().with_decoded_bytes(1 << 20).with_string_bytes(1 << 20).with_value_bytes(1 << 20)
}

/// What passes can be decoded and written in every form, and those pass again.
fn whole(object: &Object<'_>) {
    object.decode().expect("validated values decode");
    for target in
        [Target::redis(6, 2, 0), Target::redis(7, 0, 0), Target::redis(8, 6, 0), Target::valkey(9, 1, 0)]
    {
        let mut out = Vec::new();
        if object.reencode(target, &mut out).is_ok() {
            let again =
                Validator::new(Limits::default()).dump(&out, target.family).map(|object| object.kind());
            assert_eq!(again, Ok(object.kind()), "for {target:?}: {}", object.body().escape_ascii());
        }
    }
}

#[test]
fn the_samples_are_well_formed() {
    for (type_byte, body) in samples() {
        whole(
            &check(Family::Redis, type_byte, &body)
                .unwrap_or_else(|defect| panic!("type {type_byte}: {defect}")),
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, ..ProptestConfig::default() })]

    #[test]
    fn damaged_values_are_refused_or_whole(
        sample in 0..20usize,
        changes in prop::collection::vec(change(), 1..4),
        type_byte in prop_oneof![9 => Just(None), 1 => (0..30u8).prop_map(Some)],
    ) {
        let (own, mut body) = samples().swap_remove(sample);
        changes.iter().for_each(|change| apply(&mut body, change));
        let type_byte = type_byte.unwrap_or(own);
        for family in [Family::Redis, Family::Valkey] {
            let mut validator = Validator::new(small());
            if let Ok(object) = validator.object(family, 13, type_byte, &body) {
                prop_assert_eq!(Some(object.kind()), kind_of(type_byte, family));
                whole(&object);
            }
        }
    }

    #[test]
    fn damaged_snapshots_end_or_fail(changes in prop::collection::vec(change(), 1..6), piece in 1..40usize) {
        let mut rdb = b"REDIS0013\xfa\x01a\x01b\xfe\x00\xfb\x05\x01\xfc\0\0\0\0\0\0\0\0".to_vec();
        for (type_byte, body) in samples() {
            rdb.extend([&[type_byte][..], &string(b"key"), &body].concat());
        }
        rdb.push(255);
        rdb.extend(crc::checksum(&rdb).to_le_bytes());
        changes.iter().for_each(|change| apply(&mut rdb, change));
        prop_assert_eq!(outcome(&rdb, piece), outcome(&rdb, rdb.len()), "pieces change nothing");
    }
}

/// Number of items and whether it failed; running out of bytes is an end, too. Which of an error and a limit is found
/// first may depend on the pieces: a limit can be foreseen. So what is beyond a limit doesn't count.
fn outcome(rdb: &[u8], piece: usize) -> (usize, bool) {
    let mut reader = Reader::new(small());
    let (mut at, mut there, mut items) = (0, 0, 0);
    loop {
        match reader.next(&rdb[at..there]) {
            Err(_) => return (items, true),
            Ok(Step::Need(_)) if there == rdb.len() => return (items, false),
            Ok(Step::Need(_)) => there = rdb.len().min(there + piece),
            Ok(Step::Item { item, consumed }) => {
                at += consumed;
                let beyond = matches!(
                    &item,
                    Item::Passed | Item::Rejected(crate::rdb::Rejected { defect: Defect::Limit { .. }, .. })
                );
                items += usize::from(!beyond);
                if item == Item::End {
                    return (items, false);
                }
            }
        }
    }
}
