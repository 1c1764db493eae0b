//! Encodings that no living server writes any more, and every living server still reads.

use redis_replica::rdb::{Family, Limits, Loss, Target, Validator};

use super::compare::assert_same;
use super::dataset::{self, PROFILES};
use super::server::Server;

/// A ziplist of short strings.
fn ziplist(elements: &[&str]) -> Vec<u8> {
    let mut bytes = vec![0; 10];
    let (mut previous, mut tail) = (0, 10);
    for element in elements {
        tail = bytes.len();
        bytes.extend([previous as u8, element.len() as u8]);
        bytes.extend(element.bytes());
        previous = bytes.len() - tail;
    }
    bytes.push(255);
    let total = (bytes.len() as u32).to_le_bytes();
    bytes[..4].copy_from_slice(&total);
    bytes[4..8].copy_from_slice(&(tail as u32).to_le_bytes());
    bytes[8..10].copy_from_slice(&(elements.len() as u16).to_le_bytes());
    string(&bytes)
}

/// A short string as the snapshot holds it.
fn string(bytes: &[u8]) -> Vec<u8> {
    [&[0x40 | (bytes.len() >> 8) as u8, bytes.len() as u8], bytes].concat()
}

/// Type byte, value, and the command that makes the same key.
fn values() -> Vec<(u8, Vec<u8>, Vec<&'static str>)> {
    let zset_text = [&[2][..], &string(b"a"), b"\x031.5", &string(b"b"), &[254]].concat();
    let nodes = [&[2][..], &ziplist(&["x", "2"]), &ziplist(&["y"])].concat();
    vec![
        (1, [&[2][..], &string(b"x"), &string(b"y")].concat(), vec!["RPUSH", "k", "x", "y"]),
        (3, zset_text, vec!["ZADD", "k", "1.5", "a", "inf", "b"]),
        (9, string(b"\x02\x01a\x01\x00x\x01b\x02\x01yz.\xff"), vec!["HSET", "k", "a", "x", "b", "yz"]),
        (10, ziplist(&["x", "12", "y"]), vec!["RPUSH", "k", "x", "12", "y"]),
        (12, ziplist(&["a", "-1.5", "b", "2"]), vec!["ZADD", "k", "-1.5", "a", "2", "b"]),
        (13, ziplist(&["a", "1", "b", "2"]), vec!["HSET", "k", "a", "1", "b", "2"]),
        (14, nodes, vec!["RPUSH", "k", "x", "2", "y"]),
    ]
}

pub fn packed(server: &mut Server) {
    let mut validator = Validator::new(Limits::default());
    for (type_byte, body, command) in values() {
        let object = validator.object(Family::Redis, 6, type_byte, &body).expect("well-formed");
        let mut payload = Vec::new();
        object.dump_payload(server.target, &mut payload).expect("an old type");
        server.run(&["DEL", "k"]);
        server.run(&command);
        server.must(&[b"RESTORE", b"copy", b"0", &payload, b"REPLACE"]);
        let expected = server.run(&["DEBUG", "DIGEST-VALUE", "k"]);
        assert_eq!(server.run(&["DEBUG", "DIGEST-VALUE", "copy"]), expected, "type {type_byte}");
    }
}

/// Every value in the form a server of before 7.0 would have written.
pub fn reencoded(server: &mut Server) {
    let old = Target::redis(6, 2, 0);
    PROFILES[0].apply(server);
    dataset::fill(server);
    let mut validator = Validator::new(Limits::default());
    for key in dataset::keys(server) {
        let payload = server.must(&[b"DUMP", &key]).bytes();
        let object = validator.dump(&payload, server.target.family).expect("a real server's DUMP passes");
        let mut out = Vec::new();
        let losses = object.reencode(old, &mut out).expect("no module values here");
        let copy = validator.dump(&out, Family::Redis).expect("what we write passes our own checks");
        assert!(matches!(copy.type_byte(), 0..=5 | 15), "type {}", copy.type_byte());
        server.must(&[b"RESTORE", b"copy", b"0", &out, b"REPLACE"]);
        if losses.iter().any(|loss| matches!(loss, Loss::FieldTtl(_))) {
            continue;
        }
        if object.kind() == redis_replica::rdb::Kind::Stream
            || server.must(&[b"TTL", &key]) == super::server::Reply::Int(-1)
        {
            let expected = server.must(&[b"DEBUG", b"DIGEST-VALUE", &key]);
            assert_eq!(server.run(&["DEBUG", "DIGEST-VALUE", "copy"]), expected, "{}", key.escape_ascii());
        }
    }
}

/// And in the newest form, which keeps everything.
pub fn reencoded_natively(server: &mut Server) {
    let target = server.target;
    let mut validator = Validator::new(Limits::default());
    let mut second = Server::start(&server.name, &server.program);
    for key in dataset::keys(server) {
        let payload = server.must(&[b"DUMP", &key]).bytes();
        let object = validator.dump(&payload, target.family).expect("a real server's DUMP passes");
        let mut out = Vec::new();
        let losses = object.reencode(target, &mut out).expect("no module values here");
        let at = match server.must(&[b"PEXPIRETIME", &key]) {
            super::server::Reply::Int(at @ 1..) => at.to_string(),
            _ => "0".to_owned(),
        };
        second.must(&[b"RESTORE", &key, at.as_bytes(), &out, b"ABSTTL"]);
        assert_same(server, &mut second, &key, &key, &losses, "re-encoding");
    }
}
