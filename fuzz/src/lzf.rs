//! Compressed strings against the plainest decoder there can be. They are reached as parts of DUMP payloads.

use redis_replica::rdb::{Family, Limits, Value, check_string, parse_dump};

/// The longest string that is tried, in bytes.
const LEN_MAX: usize = 1 << 16;

/// What the first byte of an input chooses: which value the string is part of.
const STRING: u8 = 0;
const LIST: u8 = 1;
const SET: u8 = 2;

pub fn check(data: &[u8]) {
    let [choice, low, high, packed @ ..] = data else { return };
    let unfolded = naive(packed);
    let announced = usize::from(u16::from_le_bytes([*low, *high]));
    // As often as not the length that is right: a wrong one is refused before much is read.
    let len = match (&unfolded, choice & 4) {
        (Some(bytes), 4) => bytes.len(),
        _ => announced,
    };
    let type_byte = choice % 3;
    let expected =
        unfolded.filter(|bytes| bytes.len() == len && (type_byte != STRING || check_string(bytes).is_ok()));
    let payload = payload(type_byte, packed, len);
    let limits = Limits::default().with_string_bytes(LEN_MAX as u64).with_decoded_bytes(LEN_MAX as u64);
    let object = parse_dump(&payload, Family::Redis, limits);
    assert_eq!(object.is_ok(), expected.is_some(), "{object:?}");
    if let (Ok(object), Some(bytes)) = (object, expected) {
        let value = object.decode().expect("validated");
        assert_eq!(
            value,
            match type_byte {
                LIST => Value::List(vec![bytes]),
                SET => Value::Set(vec![bytes]),
                _ => Value::String(bytes),
            }
        );
    }
}

/// A value of one compressed string; its checksum is switched off.
fn payload(type_byte: u8, packed: &[u8], len: usize) -> Vec<u8> {
    let count: &[u8] = if type_byte == STRING { &[] } else { &[1] };
    let lengths = [packed.len(), len].map(|len| [&[0x81][..], &(len as u64).to_be_bytes()].concat());
    [&[type_byte][..], count, &[0xc3], &lengths.concat(), packed, &9u16.to_le_bytes(), &[0; 8]].concat()
}

/// lzf_d.c, byte by byte; `None` for what is malformed or longer than is tried.
fn naive(packed: &[u8]) -> Option<Vec<u8>> {
    let (mut out, mut at) = (Vec::new(), 0);
    while at < packed.len() && out.len() < LEN_MAX {
        let control = usize::from(packed[at]);
        at += 1;
        if control < 32 {
            out.extend_from_slice(packed.get(at..at + control + 1)?);
            at += control + 1;
            continue;
        }
        let mut len = control >> 5;
        if len == 7 {
            len += usize::from(*packed.get(at)?);
            at += 1;
        }
        let distance = ((control & 31) << 8) + usize::from(*packed.get(at)?) + 1;
        at += 1;
        for _ in 0..len + 2 {
            out.push(*out.get(out.len().checked_sub(distance)?)?);
        }
    }
    (out.len() < LEN_MAX).then_some(out)
}
