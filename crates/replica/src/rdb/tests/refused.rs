//! Values that would harm a server, or that it could not have written.

use super::*;

fn refused(type_byte: u8, body: &[u8]) -> Defect {
    check(Family::Redis, type_byte, body).expect_err("it must not pass")
}

#[test]
fn empty_containers() {
    for type_byte in [1, 2, 3, 4, 5, 14, 18] {
        assert!(matches!(refused(type_byte, &[0]), Defect::Empty(_)), "type {type_byte}");
    }
    for type_byte in [16, 17, 20] {
        assert!(matches!(refused(type_byte, &listpack(&[])), Defect::Empty(_)), "type {type_byte}");
    }
    assert_eq!(refused(18, &[&[1, 2][..], &listpack(&[])].concat()), Defect::Empty("list"));
}

#[test]
fn duplicates_whatever_their_encoding() {
    assert_eq!(refused(2, &counted(2, &["a", "a"])), Defect::Duplicate("member"));
    assert_eq!(refused(4, &counted(2, &["a", "x", "a", "y"])), Defect::Duplicate("field"));
    assert_eq!(refused(16, &listpack(&["a", "x", "b", "x", "a", "x"])), Defect::Duplicate("field"));
    // 5 as text and 5 as a number are the same member.
    let mut builder = listpack::Builder::new();
    builder.int(5).text(b"5");
    assert_eq!(refused(20, &string(&builder.build())), Defect::Duplicate("member"));
    let body = [&[2][..], &compressed(b"abcd"), &string(b"abcd")].concat();
    assert_eq!(refused(2, &body), Defect::Duplicate("member"));
    let body = [&[2][..], &string(b"a"), &[0; 8], &string(b"a"), &1f64.to_le_bytes()].concat();
    assert_eq!(refused(5, &body), Defect::Duplicate("member"));
}

#[test]
fn scores_that_are_no_numbers_or_out_of_order() {
    assert!(check(Family::Redis, 5, &[&[1][..], &string(b"a"), &f64::NAN.to_le_bytes()].concat()).is_err());
    assert!(check(Family::Redis, 3, &[&[1][..], &string(b"a"), &[253]].concat()).is_err());
    for scores in [["2", "1"], ["nan", "1"], ["x", "1"], ["1", "one"]] {
        let body = listpack(&["a", scores[0], "b", scores[1]]);
        assert!(check(Family::Redis, 17, &body).is_err(), "{scores:?}");
    }
    assert!(
        check(Family::Redis, 17, &listpack(&["b", "1", "a", "1"])).is_err(),
        "equal scores, members descend"
    );
    assert!(check(Family::Redis, 17, &listpack(&["a", "1", "b"])).is_err(), "a score is missing");
}

#[test]
fn lengths_that_lie() {
    let huge = [&[0x81][..], &u64::MAX.to_be_bytes()].concat();
    for type_byte in [0, 1, 2, 3, 4, 5, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 24, 25, 26] {
        assert!(check(Family::Redis, type_byte, &huge).is_err(), "type {type_byte}");
        assert!(check(Family::Redis, type_byte, &[]).is_err(), "type {type_byte}");
        assert!(check(Family::Redis, type_byte, &[0xc4, 0]).is_err(), "type {type_byte}");
    }
    assert_eq!(refused(0, &[1, b'a', b'b']), Defect::Trailing(1));
}

#[test]
fn a_bomb_runs_into_the_limits_before_memory_is_taken() {
    let bomb = |len: u32| {
        // One byte, then references that repeat it: 264 bytes for 3.
        let runs = [&[0, b'a'][..], &[0xe0, 255, 0].repeat(5000)].concat();
        let packed = (runs.len() as u32).to_be_bytes();
        [&[0xc3, 0x80][..], &packed, &[0x80], &len.to_be_bytes(), &runs].concat()
    };
    assert!(check(Family::Redis, 0, &bomb(u32::MAX)).is_err(), "more than the format can hold");
    let len = 1 + 264 * 5000;
    assert!(check(Family::Redis, 0, &bomb(len)).is_ok());
    let limits = Limits::default().with_string_bytes(1 << 20);
    let refused = Validator::new(limits).object(Family::Redis, 13, 0, &bomb(len)).map(|_| ());
    assert!(matches!(refused, Err(Defect::Limit { .. })));
    let ten = [&[10][..], &bomb(len).repeat(10)].concat();
    let limits = Limits::default().with_decoded_bytes(5 << 20);
    let refused = Validator::new(limits).object(Family::Redis, 13, 1, &ten).map(|_| ());
    assert!(matches!(refused, Err(Defect::Limit { what: "decompressed size", .. })));
}

#[test]
fn foreign_type_bytes() {
    for type_byte in [6, 8, 27, 100, 243, 255] {
        assert_eq!(check(Family::Redis, type_byte, &[1]).map(|_| ()), Err(Defect::UnknownType(type_byte)));
    }
    for type_byte in [23, 24, 25, 26] {
        assert_eq!(check(Family::Valkey, type_byte, &[1]).map(|_| ()), Err(Defect::UnknownType(type_byte)));
    }
}

#[test]
fn field_expiries_out_of_range() {
    let redis_24 =
        |earliest: u64, ttl: u8| [&earliest.to_le_bytes()[..], &[1, ttl], &strings(&["a", "x"])].concat();
    assert!(check(Family::Redis, 24, &redis_24(1 << 48, 0)).is_ok(), "no field expires");
    assert!(check(Family::Redis, 24, &redis_24((1 << 48) - 1, 1)).is_ok());
    assert!(check(Family::Redis, 24, &redis_24((1 << 48) - 1, 2)).is_err());
    assert!(check(Family::Redis, 24, &redis_24(u64::MAX, 2)).is_err());
    let valkey_22 = |at: i64| [&[1][..], &strings(&["a", "x"]), &at.to_le_bytes()].concat();
    assert!(check(Family::Valkey, 22, &valkey_22(-1)).is_ok());
    assert!(check(Family::Valkey, 22, &valkey_22(-2)).is_err());
    for ttls in [["0", "5"], ["6", "5"], ["-1", "5"], ["x", "5"]] {
        let body = listpack(&["a", "x", ttls[0], "b", "x", ttls[1]]);
        assert!(check(Family::Redis, 25, &[&[0; 8][..], &body].concat()).is_err(), "{ttls:?}");
    }
}
