//! One well-formed value of every type byte but streams.

use super::*;
use crate::rdb::cursor::Text;
use crate::rdb::packed::{intset, ziplist};
use crate::rdb::{HashField, Kind, LoadedField, Loss, ModuleType, Target, kind_of, restorable};

fn ziplist_of(all: &[&str]) -> Vec<u8> {
    string(&ziplist::build(&all.iter().map(|text| Text::Plain(text.as_bytes())).collect::<Vec<_>>()))
}

fn hash(fields: &[(&str, &str, u64)]) -> Value {
    let field = |(field, value, at): &(&str, &str, u64)| HashField {
        field: field.as_bytes().to_vec(),
        value: value.as_bytes().to_vec(),
        expire_at_ms: Some(*at).filter(|at| *at != 0),
    };
    Value::Hash(fields.iter().map(field).collect())
}

fn zset(members: &[(&str, f64)]) -> Value {
    Value::ZSet(members.iter().map(|(member, score)| (member.as_bytes().to_vec(), *score)).collect())
}

#[test]
fn strings_in_every_encoding() {
    let text = |bytes: &[u8]| Ok(Value::String(bytes.to_vec()));
    assert_eq!(redis(0, &[3, b'a', b'b', b'c']), text(b"abc"));
    assert_eq!(redis(0, &[0x40, 1, b'a']), text(b"a"));
    assert_eq!(redis(0, &[&[0x81][..], &1u64.to_be_bytes(), b"a"].concat()), text(b"a"));
    assert_eq!(redis(0, &[0xc0, 0x80]), text(b"-128"));
    assert_eq!(redis(0, &[0xc1, 0x2c, 1]), text(b"300"));
    assert_eq!(redis(0, &[0xc2, 0, 0, 0, 0x80]), text(b"-2147483648"));
    assert_eq!(redis(0, &compressed(&[b'x'; 100])), text(&[b'x'; 100]));
}

#[test]
fn lists_in_every_encoding() {
    let list = Ok(Value::List(owned(&["a", "5", "b"])));
    let text = ["a", "5", "b"];
    assert_eq!(redis(1, &counted(3, &text)), list);
    assert_eq!(redis(10, &ziplist_of(&text)), list);
    assert_eq!(redis(14, &[&[2][..], &ziplist_of(&text[..2]), &ziplist_of(&text[2..])].concat()), list);
    let nodes = [&[3, 2][..], &listpack(&text[..2]), &[2], &listpack(&[]), &[1], &string(b"b")].concat();
    assert_eq!(redis(18, &nodes), list);
}

#[test]
fn sets_in_every_encoding() {
    assert_eq!(redis(2, &counted(2, &["a", "5"])), Ok(Value::Set(owned(&["a", "5"]))));
    assert_eq!(redis(11, &string(&intset::build(4, &[-70_000, 5]))), Ok(Value::Set(owned(&["-70000", "5"]))));
    assert_eq!(redis(20, &listpack(&["a", "5"])), Ok(Value::Set(owned(&["a", "5"]))));
}

#[test]
fn sorted_sets_in_every_encoding() {
    let expected = Ok(zset(&[("a", -1.5), ("b", f64::INFINITY)]));
    assert_eq!(redis(3, &[&[2][..], &string(b"a"), b"\x04-1.5", &string(b"b"), &[254]].concat()), expected);
    let binary =
        [&[2][..], &string(b"a"), &(-1.5f64).to_le_bytes(), &string(b"b"), &f64::INFINITY.to_le_bytes()];
    assert_eq!(redis(5, &binary.concat()), expected);
    assert_eq!(redis(12, &ziplist_of(&["a", "-1.5", "b", "inf"])), expected);
    let mut builder = listpack::Builder::new();
    builder.text(b"a").text(b"-1.5").text(b"b").text(b"inf");
    assert_eq!(redis(17, &string(&builder.build())), expected);
}

#[test]
fn hashes_in_every_encoding() {
    let expected = Ok(hash(&[("a", "x", 0), ("b", "5", 0)]));
    let text = ["a", "x", "b", "5"];
    assert_eq!(redis(4, &counted(2, &text)), expected);
    assert_eq!(redis(9, &string(b"\x02\x01a\x01\x00x\x01b\x01\x00\x35\xff")), expected);
    assert_eq!(redis(13, &ziplist_of(&text)), expected);
    assert_eq!(redis(16, &listpack(&text)), expected);
    assert_eq!(redis(16, &compressed(&listpack(&text)[5..])), expected, "a compressed listpack");
}

#[test]
fn hashes_with_expiring_fields_in_every_encoding() {
    let expected = Ok(hash(&[("a", "x", 1000), ("b", "5", 0), ("c", "y", 1007)]));
    let of_redis = |ttls: [u8; 3]| {
        let pairs = [strings(&["a", "x"]), strings(&["b", "5"]), strings(&["c", "y"])];
        pairs.iter().zip(ttls).flat_map(|(pair, ttl)| [&[ttl], pair.as_slice()].concat()).collect::<Vec<u8>>()
    };
    let body = [&1000u64.to_le_bytes()[..], &[3], &of_redis([1, 0, 8])].concat();
    assert_eq!(redis(24, &body), expected);
    assert_eq!(
        redis(22, &[&[3][..], &of_redis([9, 0, 10])].concat()),
        Ok(hash(&[("a", "x", 9), ("b", "5", 0), ("c", "y", 10)]))
    );
    let sorted = Ok(hash(&[("a", "x", 1000), ("c", "y", 1007), ("b", "5", 0)]));
    let packed = listpack(&["a", "x", "1000", "c", "y", "1007", "b", "5", "0"]);
    assert_eq!(redis(23, &packed), sorted);
    assert_eq!(redis(25, &[&1000u64.to_le_bytes()[..], &packed].concat()), sorted);
    let never = u64::MAX.to_le_bytes();
    let pairs = [strings(&["a", "x"]), strings(&["b", "5"]), strings(&["c", "y"])];
    let body =
        [&[3][..], &pairs[0], &1000u64.to_le_bytes(), &pairs[1], &never, &pairs[2], &1007u64.to_le_bytes()];
    assert_eq!(valkey(22, &body.concat()), expected);
}

#[test]
fn module_values_are_framed_and_named_but_never_built() {
    // "testtype1" with encoding version 3.
    let id = b"testtype1".iter().fold(0u64, |id, byte| {
        let charset = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        id << 6 | charset.iter().position(|known| known == byte).expect("of the charset") as u64
    }) << 10
        | 3;
    let body =
        [&[0x81][..], &id.to_be_bytes(), &[2, 7, 1, 5, 3, 0, 0, 0, 0, 4], &[0; 8], &[5, 1, b'x', 0]].concat();
    let object = check(Family::Redis, 7, &body).expect("well-formed");
    let module = object.module_type().expect("a module's value");
    assert_eq!((module.name().as_str(), module.encoding_version()), ("testtype1", 3));
    assert_eq!(ModuleType::new(b"testtype1", 3), Some(module));
    assert_eq!(ModuleType::new(b"test.type", 3), None);
    let fields: Vec<LoadedField<'_>> = object.module_fields().collect();
    let expected = [
        LoadedField::Unsigned(7),
        LoadedField::Signed(5),
        LoadedField::Float(0.0),
        LoadedField::Double(0.0),
        LoadedField::String(b"x".into()),
    ];
    assert_eq!(fields, expected);
    assert!(object.reencode(Target::redis(7, 0, 0), &mut Vec::new()).is_err());
    let value = object.decode().expect("validated");
    assert!(value.commands(b"k", Target::redis(7, 0, 0), &mut |_| panic!("no command")).is_err());
}

#[test]
fn family_and_version_decide_what_a_target_takes() {
    let servers = [
        (Target::redis(7, 0, 15), vec![20, 21, 22, 23, 24, 25, 26]),
        (Target::redis(7, 2, 0), vec![22, 23, 24, 25, 26]),
        (Target::redis(8, 0, 2), vec![26]),
        (Target::redis(8, 6, 3), vec![]),
        (Target::valkey(8, 1, 1), vec![22, 23, 24, 25, 26]),
        (Target::valkey(9, 1, 2), vec![22, 23, 24, 25, 26]),
    ];
    for (target, refused) in servers {
        let types = (0..=26).filter(|byte| kind_of(*byte, Family::Redis).is_some());
        let found: Vec<u8> = types.filter(|byte| !restorable(*byte, Family::Redis, target)).collect();
        assert_eq!(found, refused, "{target:?}");
        let hash_2 = restorable(22, Family::Valkey, target);
        assert_eq!(hash_2, target == Target::valkey(9, 1, 2), "{target:?}");
    }
    assert_eq!(kind_of(24, Family::Valkey), None);
    assert_eq!(kind_of(22, Family::Valkey), Some(Kind::Hash));
}

#[test]
fn what_a_target_has_no_place_for_is_said() {
    let body = [&[1][..], &strings(&["a", "x"]), &1000u64.to_le_bytes()].concat();
    let object = check(Family::Valkey, 22, &body).expect("well-formed");
    let mut out = b"before".to_vec();
    assert_eq!(object.payload_for(Target::redis(7, 0, 0), &mut out), Ok(vec![Loss::FieldTtl(1)]));
    assert!(out.starts_with(b"before\x04"));
    let value = object.decode().expect("validated");
    let mut commands = Vec::new();
    let mut sink = |command: &[&[u8]]| commands.push(command.join(&b' '));
    assert_eq!(value.commands(b"k", Target::redis(8, 0, 0), &mut sink), Ok(vec![]));
    assert_eq!(commands, [b"HSET k a x".to_vec(), b"HPEXPIREAT k 1000 FIELDS 1 a".to_vec()]);
}

#[test]
fn long_values_come_as_several_commands() {
    let list = Value::List((0..2000).map(|n: u32| n.to_string().into_bytes()).collect());
    let (mut commands, mut elements) = (0, 0);
    let mut sink = |command: &[&[u8]]| {
        assert!(command.len() <= 512);
        assert_eq!(command[..2], [b"RPUSH".as_slice(), b"k"]);
        commands += 1;
        elements += command.len() - 2;
    };
    assert_eq!(list.commands(b"k", Target::redis(7, 0, 0), &mut sink), Ok(vec![]));
    assert_eq!((commands, elements), (4, 2000));
}
