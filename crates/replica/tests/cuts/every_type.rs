//! Snapshots with a value of every type, and the source's logs among them.

use super::common::Wrapping;
use super::history::Logs;

/// A snapshot in db 0 and in the dbs of the logs. A source without disk is a Valkey 9 here, the other one a Redis.
pub fn write(logs: &Logs, wrapping: Wrapping) -> Vec<u8> {
    let redis = wrapping == Wrapping::Length;
    let mut out = if redis { b"REDIS0013".to_vec() } else { b"VALKEY080".to_vec() };
    out.extend(b"\xfa\x09redis-ver\x057.0.0\xf5\x07#!lua x\xfe\x00\xfb\x1e\x01\xfc\xff\xff\xff\xff\xff\x03\0\0\xf8\x05");
    for (number, (type_byte, body)) in values(redis).into_iter().enumerate() {
        out.extend([&[type_byte, 2][..], format!("{number:02}").as_bytes(), &body].concat());
    }
    for (db, log) in logs {
        out.extend([254, *db as u8, 1]);
        out.extend(string(b"log"));
        out.extend([0x80].into_iter().chain((log.len() as u32).to_be_bytes()));
        out.extend(log.iter().flat_map(|text| string(text.as_bytes())));
    }
    out.push(255);
    out.extend([0; 8]);
    out
}

/// How many values there are beside the logs.
pub fn values_in(wrapping: Wrapping) -> usize {
    values(wrapping == Wrapping::Length).len()
}

fn string(bytes: &[u8]) -> Vec<u8> {
    match u8::try_from(bytes.len()) {
        Ok(len @ 0..64) => [&[len], bytes].concat(),
        _ => [&[0x80][..], &(bytes.len() as u32).to_be_bytes(), bytes].concat(),
    }
}

fn strings(all: &[&str]) -> Vec<u8> {
    all.iter().flat_map(|text| string(text.as_bytes())).collect()
}

/// Entries of at most 63 bytes; numbers up to 127 as such.
fn listpack(all: &[&str]) -> Vec<u8> {
    let entries: Vec<u8> = all
        .iter()
        .flat_map(|text| match text.parse::<u8>() {
            Ok(n @ 0..128) => vec![n, 1],
            _ => [&[0x80 | text.len() as u8], text.as_bytes(), &[text.len() as u8 + 1]].concat(),
        })
        .collect();
    let total = (entries.len() as u32 + 7).to_le_bytes();
    let count = (all.len() as u16).to_le_bytes();
    string(&[&total[..], &count, &entries, &[255]].concat())
}

fn ziplist(all: &[&str]) -> Vec<u8> {
    let (mut bytes, mut previous, mut tail) = (vec![0; 10], 0, 10);
    for text in all {
        tail = bytes.len();
        bytes.extend([&[previous, text.len() as u8], text.as_bytes()].concat());
        previous = (bytes.len() - tail) as u8;
    }
    bytes.push(255);
    let total = (bytes.len() as u32).to_le_bytes();
    bytes[..4].copy_from_slice(&total);
    bytes[4..8].copy_from_slice(&(tail as u32).to_le_bytes());
    bytes[8..10].copy_from_slice(&(all.len() as u16).to_le_bytes());
    string(&bytes)
}

/// A stream of one entry, pending with a consumer; what the three numbers of its type begin its groups with differs.
fn stream(type_byte: u8) -> Vec<u8> {
    let node = listpack(&["1", "0", "1", "f", "0", "2", "1", "1", "x", "4"]);
    let counters: &[u8] = if type_byte == 15 { &[] } else { &[1, 1, 0, 0, 1] };
    let read: &[u8] = if type_byte == 15 { &[] } else { &[1] };
    let active: &[u8] = if type_byte >= 21 { &[2; 8] } else { &[] };
    let id = [[0, 0, 0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 0, 0, 0, 1]].concat();
    let pending = [&[1][..], &id, &[1; 8], &[1]].concat();
    let consumer = [&[1][..], &string(b"c"), &[1; 8], active, &[1], &id].concat();
    let group = [&[1][..], &string(b"g"), &[1, 1], read, &pending, &consumer].concat();
    let producers: Vec<u8> = match type_byte {
        26 => [&[60, 60, 1][..], &string(b"p"), &[1], &string(b"i"), &[1, 1, 1, 0]].concat(),
        _ => Vec::new(),
    };
    [&[1][..], &string(&[0; 16]), &node, &[1, 1, 1], counters, &group, &producers].concat()
}

fn values(redis: bool) -> Vec<(u8, Vec<u8>)> {
    let texts = |count: u8, all: &[&str]| [vec![count], strings(all)].concat();
    let lzf = b"\xc3\x05\x0b\x00a\xe0\x01\x00".to_vec();
    let both = vec![
        (0, string(&[b'v'; 100])),
        (0, vec![0xc1, 0x39, 0x30]),
        (0, lzf),
        (1, texts(2, &["a", "b"])),
        (2, texts(2, &["a", "b"])),
        (3, [&[2][..], &string(b"a"), b"\x031.5", &string(b"b"), &[254]].concat()),
        (4, texts(2, &["a", "x", "b", "y"])),
        (5, [&[1][..], &string(b"a"), &1.5f64.to_le_bytes()].concat()),
        (7, vec![5, 2, 7, 4, 0, 0, 0, 0, 0, 0, 0, 0, 5, 1, b'x', 0]),
        (9, string(b"\x01\x01a\x01\x00x\xff")),
        (10, ziplist(&["x", "y"])),
        (11, string(b"\x02\0\0\0\x02\0\0\0\x01\x00\x05\x00")),
        (12, ziplist(&["a", "x1.5"].map(|text| text.trim_start_matches('x')))),
        (13, ziplist(&["a", "x"])),
        (14, [&[2][..], &ziplist(&["x"]), &ziplist(&["y"])].concat()),
        (15, stream(15)),
        (16, listpack(&["a", "x", "b", "7"])),
        (17, listpack(&["a", "1", "b", "2"])),
        (18, [&[2, 2][..], &listpack(&["a", "5"]), &[1], &string(b"b")].concat()),
        (19, stream(19)),
        (20, listpack(&["a", "5"])),
        (21, stream(21)),
    ];
    let own = match redis {
        false => vec![(22, [&[1][..], &strings(&["a", "x"]), &[1, 0, 0, 0, 0, 0, 0, 0]].concat())],
        true => vec![
            (22, [&[1, 9][..], &strings(&["a", "x"])].concat()),
            (23, listpack(&["a", "x", "5"])),
            (24, [&[9, 0, 0, 0, 0, 0, 0, 0][..], &[1, 2], &strings(&["a", "x"])].concat()),
            (25, [&[0; 8][..], &listpack(&["a", "x", "5"])].concat()),
            (26, stream(26)),
        ],
    };
    both.into_iter().chain(own).collect()
}
