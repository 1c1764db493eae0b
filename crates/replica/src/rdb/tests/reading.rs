//! The reader: framing, pieces, limits, endings.

use super::*;
use crate::rdb::{Error, Item, Reader, Step, crc};

/// A snapshot with these items and a right checksum.
fn snapshot(magic: &[u8], items: &[u8]) -> Vec<u8> {
    let mut rdb = [magic, items, &[255]].concat();
    rdb.extend(crc::checksum(&rdb).to_le_bytes());
    rdb
}

fn entry(type_byte: u8, key: &str, body: &[u8]) -> Vec<u8> {
    [&[type_byte][..], &string(key.as_bytes()), body].concat()
}

/// Reads a snapshot that arrives byte by byte; items as text.
fn read(rdb: &[u8], limits: Limits) -> Result<Vec<String>, Error> {
    let mut reader = Reader::new(limits);
    let (mut at, mut there, mut items) = (0, 0, Vec::new());
    loop {
        match reader.next(&rdb[at..there])? {
            Step::Need(bytes) => {
                assert!(bytes > there - at && at + bytes <= rdb.len(), "{bytes} at {at} of {}", rdb.len());
                there += 1;
            }
            Step::Item { item: Item::End, consumed } => {
                assert_eq!(at + consumed, rdb.len());
                return Ok(items);
            }
            Step::Item { item, consumed } => {
                items.push(describe(&item));
                at += consumed;
            }
        }
    }
}

fn describe(item: &Item<'_>) -> String {
    match item {
        Item::Entry(entry) => {
            let key = entry.key.escape_ascii();
            let (expiry, idle, freq) = (entry.expire_at_ms, entry.idle_seconds, entry.freq);
            format!("{key} db {} type {} {expiry:?} {idle:?} {freq:?}", entry.db, entry.object.type_byte())
        }
        Item::Rejected(rejected) => format!("refused {}: {}", rejected.key.escape_ascii(), rejected.defect),
        other => format!("{other:?}"),
    }
}

#[test]
fn every_item_is_told() {
    let items = [
        &[250][..],
        &strings(&["redis-ver", "8.6.3"]),
        &[250],
        &string(b"used-mem"),
        &[0xc2, 0, 0, 16, 0],
        &[247, 0x81],
        &(1u64 << 58).to_be_bytes(),
        &[2, 1, 5, 1, b'x', 0],
        &[245],
        &string(b"#!lua"),
        &[254, 3, 251, 2, 1, 244, 5, 2, 1],
        &[252],
        &1_700_000_000_000u64.to_le_bytes(),
        &[249, 200],
        &entry(0, "a", &string(b"x")),
        &[253],
        &1_700_000_000u32.to_le_bytes(),
        &[248, 0x40, 100],
        &entry(1, "b", &counted(1, &["y"])),
        &[252],
        &u64::MAX.to_le_bytes(),
        &entry(0, "c", &string(b"x")),
    ];
    let items = items.concat();
    let read = read(&snapshot(b"REDIS0013", &items), Limits::default()).expect("well-formed");
    assert_eq!(
        read[3..],
        [
            r#"ModuleAux(ModuleType(288230376151711744))"#,
            "Function([35, 33, 108, 117, 97])",
            "SelectDb(3)",
            "ResizeDb { keys: 2, expires: 1 }",
            "SlotInfo { slot: 5, keys: 2, expires: 1 }",
            "a db 3 type 0 Some(1700000000000) None Some(200)",
            "b db 3 type 1 Some(1700000000000) Some(100) None",
            "c db 3 type 0 None None None",
        ]
    );
    assert_eq!(read[0], "Header { family: Redis, version: 13 }");
}

#[test]
fn byte_243_is_the_familys_own() {
    let metadata = [&[243, 1][..], b"abcd", &[2, 7, 0], &entry(0, "a", &string(b"x"))].concat();
    let read_as = |magic: &[u8], items: &[u8]| read(&snapshot(magic, items), Limits::default());
    assert_eq!(read_as(b"REDIS0013", &metadata).expect("well-formed")[1], "a db 0 type 0 None None None");
    let import = [&[243][..], &string(b"job"), &[1, 2, 5]].concat();
    let told = &read_as(b"VALKEY080", &import).expect("well-formed")[1];
    assert_eq!(told, "SlotImport { job: [106, 111, 98], ranges: [(2, 5)] }");
}

#[test]
fn a_bad_value_costs_its_key_only() {
    let items = [entry(2, "bad", &counted(2, &["x", "x"])), entry(0, "good", &string(b"x"))].concat();
    let read = read(&snapshot(b"REDIS0011", &items), Limits::default()).expect("framing is right");
    assert_eq!(read[1..], ["refused bad: duplicate member", "good db 0 type 0 None None None"]);
}

#[test]
fn what_cannot_be_skipped_ends_the_reading() {
    let fails = |rdb: &[u8]| read(rdb, Limits::default()).expect_err("it must not pass");
    assert_eq!(fails(b"GARBAGE0011"), Error::BadMagic);
    assert_eq!(fails(b"REDIS00x1"), Error::BadMagic);
    let redis = |version| Error::UnsupportedVersion { family: Family::Redis, version };
    assert_eq!(fails(b"REDIS0014"), redis(14));
    assert_eq!(fails(b"REDIS0080"), redis(80));
    assert!(matches!(fails(b"VALKEY081"), Error::UnsupportedVersion { family: Family::Valkey, .. }));
    for byte in [8, 27, 200, 242, 246] {
        let rdb = snapshot(b"REDIS0013", &[byte, 0]);
        assert!(matches!(fails(&rdb), Error::UnknownType { byte: found, .. } if found == byte));
    }
    let expiry_alone = [&[252][..], &[0; 8], &[254, 1]].concat();
    assert!(matches!(fails(&snapshot(b"REDIS0011", &expiry_alone)), Error::Corrupt { .. }));
    assert!(matches!(fails(&snapshot(b"REDIS0011", &entry(0, "a", &[0xc7, 0]))), Error::Corrupt { .. }));
}

/// Nothing tells how long a value of an unknown type is, so what came before it is all that can be had; in a DUMP
/// payload the end is known, and it is that key only. Newer versions end at their header: bytes that we know may mean
/// something else there, as 22 did between the release candidates of Redis 7.4 and its release.
#[test]
fn an_unknown_type_ends_a_snapshot_but_costs_a_dump_only_its_key() {
    let good = entry(0, "good", &string(b"x"));
    for (magic, byte, family) in [(b"REDIS0013", 27, Family::Redis), (b"VALKEY080", 24, Family::Valkey)] {
        let rdb = snapshot(magic, &[&good[..], &entry(byte, "new", &counted(1, &["x"])), &good].concat());
        let mut told = 0;
        let mut reader = Reader::new(Limits::default());
        let mut rest = rdb.as_slice();
        let error = loop {
            match reader.next(rest) {
                Err(error) => break error,
                Ok(Step::Item { item, consumed }) => {
                    told += usize::from(matches!(item, Item::Entry(_)));
                    rest = &rest[consumed..];
                }
                Ok(Step::Need(_)) => panic!("all is there"),
            }
        };
        let offset = 9 + good.len() as u64;
        let version = if family == Family::Redis { 13 } else { 80 };
        assert_eq!((told, error), (1, Error::UnknownType { family, version, byte, offset }));

        let mut payload = [&[byte][..], &counted(1, &["x"]), &9u16.to_le_bytes()].concat();
        payload.extend(crc::checksum(&payload).to_le_bytes());
        let mut validator = Validator::new(Limits::default());
        assert_eq!(validator.dump(&payload, family).map(|_| ()), Err(Defect::UnknownType(byte)));
        payload[0] = 1;
        let footer = payload.len() - 8;
        let checksum = crc::checksum(&payload[..footer]).to_le_bytes();
        payload[footer..].copy_from_slice(&checksum);
        assert!(validator.dump(&payload, family).is_ok(), "the next key's passes");
    }
}

#[test]
fn a_changed_byte_fails_the_checksum_unless_it_is_switched_off() {
    let mut rdb = snapshot(b"REDIS0011", &entry(0, "a", &string(b"x")));
    let value = rdb.len() - 10;
    rdb[value] ^= 1;
    assert!(matches!(read(&rdb, Limits::default()), Err(Error::Checksum { .. })));
    let trailer = rdb.len() - 8;
    rdb[trailer..].fill(0);
    assert!(read(&rdb, Limits::default()).is_ok());
}

#[test]
fn limits_hold_before_the_bytes_arrive() {
    let needs = |limits: Limits, items: &[u8]| Reader::new(limits).feed(&[b"REDIS0011", items].concat());
    let huge = [&[0, 1, b'k', 0x81][..], &u64::MAX.to_be_bytes()].concat();
    assert!(matches!(needs(Limits::default(), &huge), Err(Error::Limit { what: "size", .. })));
    let refusal = |limits, items: &[u8]| {
        let rdb = [b"REDIS0011", items].concat();
        let mut reader = Reader::new(limits);
        describe(&reader.second(&rdb).expect("the key is told before its value arrives"))
    };
    let many = [&[1, 1, b'k', 0x81][..], &(1u64 << 40).to_be_bytes()].concat();
    assert!(refusal(Limits::default(), &many).starts_with("refused k: number of elements of 1099511627776"));
    let limits = Limits::default().with_value_bytes(1000);
    let wide = [&[5, 1, b'k', 0x40, 200][..]].concat();
    assert!(refusal(limits, &wide).starts_with("refused k: size of 1805 exceeds the limit of 1000"));
    let far = [&[254, 0x80][..], &u32::MAX.to_be_bytes()].concat();
    assert!(matches!(needs(Limits::default(), &far), Err(Error::Limit { what: "database number", .. })));
    let limits = Limits::default().with_key_bytes(3);
    let long =
        read(&snapshot(b"REDIS0011", &entry(0, "long", &string(b"x"))), limits).expect("framing is right");
    assert!(long[1].contains("key length of 4 exceeds the limit of 3"), "{}", long[1]);
}

impl Reader {
    /// The item behind the header, if what is there tells it.
    fn second<'b>(&mut self, rdb: &'b [u8]) -> Option<Item<'b>> {
        self.next(rdb).ok()?;
        match self.next(&rdb[9..]).ok()? {
            Step::Item { item, .. } => Some(item),
            Step::Need(_) => None,
        }
    }

    /// Reads a header and what follows until something is missing or wrong.
    fn feed(&mut self, mut rdb: &[u8]) -> Result<usize, Error> {
        loop {
            match self.next(rdb)? {
                Step::Need(bytes) => return Ok(bytes),
                Step::Item { consumed, .. } => rdb = &rdb[consumed..],
            }
        }
    }
}

#[test]
fn need_foresees_all_that_is_announced() {
    // A sorted set of 200 members needs at least 9 bytes each; the string of 5000 bytes needs all of them.
    let mut reader = Reader::new(Limits::default());
    assert_eq!(reader.feed(&[b"REDIS0011".as_slice(), &[5, 1, b'k', 0x40, 200]].concat()), Ok(5 + 200 * 9));
    let mut reader = Reader::new(Limits::default());
    assert_eq!(reader.feed(&[b"REDIS0011".as_slice(), &[0, 1, b'k', 0x53, 0x88]].concat()), Ok(5 + 5000));
}

#[test]
fn nothing_is_read_after_the_end() {
    let rdb = [snapshot(b"REDIS0011", &[]), b"*1\r\n$4\r\nPING\r\n".to_vec()].concat();
    let mut reader = Reader::new(Limits::default());
    assert_eq!(reader.feed(&rdb), Err(Error::Ended));
    assert_eq!(reader.offset(), 9 + 9);
}

#[test]
fn snapshots_of_before_version_5_have_no_checksum() {
    let rdb = [&b"REDIS0003"[..], &entry(0, "a", &string(b"x")), &[255]].concat();
    assert_eq!(read(&rdb, Limits::default()).expect("well-formed").len(), 2);
}
