//! Values beyond the limits: named, never held, and what follows them is read.

use super::*;
use crate::rdb::{Error, Item, Reader, Rejected, Step, crc};

/// What a value may take in these tests.
const LIMIT: usize = 1000;

fn limits() -> Limits {
    Limits::default().with_value_bytes(LIMIT as u64).with_string_bytes(900).with_elements(100)
}

fn entry(type_byte: u8, key: &[u8], body: &[u8]) -> Vec<u8> {
    [&[type_byte][..], &string(key), body].concat()
}

/// A length in its 32-bit form.
fn len(count: u32) -> Vec<u8> {
    [&[0x80][..], &count.to_be_bytes()].concat()
}

/// Values that are too large, each in another way: (type byte, body).
fn giants() -> Vec<(u8, Vec<u8>)> {
    let long = string(&[b'v'; 5000]);
    let many = |count: u32, each: &[u8]| [len(count), each.repeat(count as usize)].concat();
    let module = [&[0x81][..], &(1u64 << 58).to_be_bytes(), &[5], &long, &[2, 7, 5], &long, &[0]].concat();
    let group =
        [string(b"g"), vec![0; 3], many(50, &[[0u8; 24].as_slice(), &[1]].concat()), vec![0]].concat();
    let stream = [vec![0], vec![0; 8], vec![1], group].concat();
    vec![
        (0, long.clone()),
        (0, [&[0xc3][..], &len(3000), &len(260_000), &[0; 3000]].concat()),
        (1, many(300, &string(b"element"))),
        (1, many(3, &long)),
        (5, many(200, &[string(b"m"), vec![0; 8]].concat())),
        (3, many(200, &[string(b"m"), vec![3], b"1.5".to_vec()].concat())),
        (4, many(2, &[string(b"field"), long.clone()].concat())),
        (7, module),
        (21, stream),
        (2, [len(1), long].concat()),
    ]
}

/// What a snapshot tells when it arrives in pieces, and the most that was held at once.
fn told(rdb: &[u8], piece: usize) -> Result<(Vec<String>, usize), Error> {
    let mut reader = Reader::new(limits());
    let (mut at, mut there, mut told, mut held) = (0, 0, Vec::new(), 0);
    loop {
        held = held.max(there - at);
        match reader.next(&rdb[at..there])? {
            Step::Need(need) if there == rdb.len() => panic!("{need} needed at {at}, after {told:?}"),
            Step::Need(_) => there = rdb.len().min(there + piece),
            Step::Item { item: Item::End, consumed } => {
                assert_eq!(at + consumed, rdb.len());
                return Ok((told, held));
            }
            Step::Item { item, consumed } => {
                at += consumed;
                told.extend(describe(&item));
            }
        }
    }
}

fn describe(item: &Item<'_>) -> Option<String> {
    match item {
        Item::Entry(entry) => Some(format!("{} {:?}", entry.key.escape_ascii(), entry.expire_at_ms)),
        Item::Rejected(Rejected { key, defect: Defect::Limit { .. }, .. }) => {
            Some(format!("beyond {}", key.escape_ascii()))
        }
        Item::Rejected(rejected) => Some(format!("bad {}", rejected.key.escape_ascii())),
        _ => None,
    }
}

fn closed(magic: &[u8], items: &[Vec<u8>]) -> Vec<u8> {
    let mut rdb = [magic, &items.concat(), &[255]].concat();
    rdb.extend(crc::checksum(&rdb).to_le_bytes());
    rdb
}

#[test]
fn giants_are_named_and_passed_over() {
    let (mut items, mut expected) = (Vec::new(), Vec::new());
    for (number, (type_byte, body)) in giants().into_iter().enumerate() {
        let (giant, small) = (format!("giant{number}"), format!("small{number}"));
        let expiry = [&[252][..], &42u64.to_le_bytes()].concat();
        items.extend([expiry, entry(type_byte, giant.as_bytes(), &body)]);
        items.push(entry(0, small.as_bytes(), &string(b"x")));
        expected.extend([format!("beyond {giant}"), format!("{small} None")]);
    }
    let rdb = closed(b"REDIS0013", &items);
    for piece in [1, 7, 64, 1500, rdb.len()] {
        let (told, held) = told(&rdb, piece).expect("the framing and the checksum are right");
        assert_eq!(told, expected, "pieces of {piece}");
        assert!(piece == rdb.len() || held <= LIMIT + piece, "{held} held in pieces of {piece}");
    }
}

#[test]
fn a_giant_key_is_told_by_its_beginning() {
    let items = [entry(0, &[b'k'; 50_000], &string(b"x")), entry(0, b"small", &string(b"x"))];
    let rdb = closed(b"REDIS0011", &items);
    let (told, held) = told(&rdb, 100).expect("the framing and the checksum are right");
    assert!(told[0].starts_with("beyond ") && told[0].len() < 3000, "{}", told[0].len());
    assert!(told[1] == "small None" && held <= LIMIT + 100, "{told:?}, {held} held");
}

/// Metadata (Redis 8.6) and data beside the keys can be too large as well.
#[test]
fn giants_beside_the_keys_are_passed_over() {
    let metadata = [&[243, 1][..], b"name", &[5], &string(&[0; 3000]), &[0]].concat();
    let expiry = [&[252][..], &42u64.to_le_bytes()].concat();
    let aux = [&[250][..], &string(b"lua"), &string(&[b'-'; 4000])].concat();
    let items = [aux, expiry, metadata, entry(0, b"key", &string(b"x"))];
    let rdb = closed(b"REDIS0013", &items);
    for piece in [1, 50, 900] {
        let (told, held) = told(&rdb, piece).expect("the framing and the checksum are right");
        assert_eq!(told, ["key Some(42)"], "the expiry stays with its key");
        assert!(held <= LIMIT + piece, "{held} held in pieces of {piece}");
    }
}

#[test]
fn a_string_longer_than_any_servers_memory_ends_the_reading() {
    let body = [&[0x81][..], &(1u64 << 50).to_be_bytes(), b"xx"].concat();
    let rdb = closed(b"REDIS0011", &[entry(0, b"key", &body)]);
    assert!(matches!(told(&rdb, 50), Err(Error::Limit { what: "size", .. })));
}

/// The elements within packed nodes are counted too: all of them are marked.
#[test]
fn the_elements_of_a_packed_set_are_limited() {
    let members: Vec<String> = (0..150u32).map(|n| n.to_string()).collect();
    let members: Vec<&str> = members.iter().map(String::as_str).collect();
    let rdb = closed(b"REDIS0011", &[entry(20, b"set", &listpack(&members))]);
    assert_eq!(told(&rdb, rdb.len()).expect("well-formed").0, ["beyond set"]);
}

/// Names that meet in their short marks are told apart by the long ones; equal names are found.
#[test]
fn duplicates_are_found_among_many() {
    let mut members: Vec<String> = (0..5000u32).map(|n| format!("m{n}")).collect();
    members.push("m17".to_owned());
    let body = [len(5001), members.iter().flat_map(|m| string(m.as_bytes())).collect()].concat();
    assert_eq!(check(Family::Redis, 2, &body), Err(Defect::Duplicate("member")));
}
