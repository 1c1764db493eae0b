//! Streams: each rule broken in turn.

use super::*;
use crate::rdb::{GroupMeta, IdempotencyMeta, StreamId, Target};

const fn id(ms: u64, seq: u64) -> StreamId {
    StreamId { ms, seq }
}

fn raw(ms: u64) -> Vec<u8> {
    [ms.to_be_bytes(), 1u64.to_be_bytes()].concat()
}

/// A node whose entries are given as listpack elements after the master entry.
fn node(ms: u64, alive: &str, deleted: &str, entries: &[&str]) -> Vec<u8> {
    let master = [alive, deleted, "1", "f", "0"];
    [string(&raw(ms)), listpack(&[&master, entries].concat())].concat()
}

/// Two entries that share the master's field, one deleted between them, one with fields of its own.
fn good_node() -> Vec<u8> {
    node(
        5,
        "3",
        "1",
        &[
            "2", "0", "0", "x", "4", "3", "0", "1", "gone", "4", "2", "1", "-1", "y", "4", "0", "2", "0",
            "2", "g", "1", "h", "2", "8",
        ],
    )
}

const LONG_AGO: [u8; 8] = [1, 0, 0, 0, 0, 0, 0, 0];

fn pending(all: &[u64]) -> Vec<u8> {
    let each = |ms: &u64| [raw(*ms), LONG_AGO.to_vec(), vec![7]].concat();
    [vec![all.len() as u8], all.iter().flat_map(each).collect()].concat()
}

fn consumer(name: &str, claims: &[u64]) -> Vec<u8> {
    let claims = [vec![claims.len() as u8], claims.iter().flat_map(|ms| raw(*ms)).collect()].concat();
    [string(name.as_bytes()), LONG_AGO.to_vec(), LONG_AGO.to_vec(), claims].concat()
}

fn group(name: &str, owed: &[u64], consumers: &[Vec<u8>]) -> Vec<u8> {
    let head = [string(name.as_bytes()), vec![6, 0, 2], pending(owed), vec![consumers.len() as u8]].concat();
    [head, consumers.concat()].concat()
}

/// Nodes, length, last id, first id, highest deleted id, entries added, groups.
fn stream(nodes: &[Vec<u8>], length: u8, last: u8, groups: &[Vec<u8>]) -> Vec<u8> {
    let meta = [length, last, 1, 5, 1, 5, 2, 9, groups.len() as u8];
    [vec![nodes.len() as u8], nodes.concat(), meta.to_vec(), groups.concat()].concat()
}

fn good_group() -> Vec<u8> {
    group("g", &[5, 6], &[consumer("alice", &[6]), consumer("bob", &[5]), consumer("idle", &[])])
}

fn refused(body: &[u8]) -> Defect {
    check(Family::Redis, 21, body).expect_err("it must not pass")
}

#[test]
fn everything_is_decoded() {
    let Ok(Value::Stream(stream)) = redis(21, &stream(&[good_node()], 3, 9, &[good_group()])) else {
        panic!("well-formed")
    };
    let ids: Vec<_> = stream.entries.iter().map(|entry| entry.id).collect();
    assert_eq!(ids, [id(5, 1), id(6, 0), id(7, 1)]);
    assert_eq!(stream.entries[1].fields, [(b"f".to_vec(), b"y".to_vec())]);
    assert_eq!(stream.entries[2].fields, [(b"g".to_vec(), b"1".to_vec()), (b"h".to_vec(), b"2".to_vec())]);
    assert_eq!((stream.meta.last_id, stream.meta.entries_added), (id(9, 1), 9));
    let group = &stream.groups[0];
    assert_eq!(group.meta, GroupMeta { last_id: id(6, 0), entries_read: Some(2) });
    assert_eq!((group.pending.len(), group.pending[1].deliveries), (2, 7));
    assert_eq!(group.consumers[1].pending, [id(5, 1)]);
}

#[test]
fn the_commands_rebuild_it() {
    let value = redis(21, &stream(&[good_node()], 3, 9, &[good_group()])).expect("well-formed");
    let mut commands = Vec::new();
    let mut sink = |command: &[&[u8]]| commands.push(String::from_utf8(command.join(&b' ')).expect("text"));
    value.commands(b"k", Target::redis(7, 0, 0), &mut sink).expect("a stream");
    assert_eq!(
        commands,
        [
            "XADD k 5-1 f x",
            "XADD k 6-0 f y",
            "XADD k 7-1 g 1 h 2",
            "XSETID k 9-1 ENTRIESADDED 9 MAXDELETEDID 5-2",
            "XGROUP CREATE k g 6-0 ENTRIESREAD 2",
            "XGROUP CREATECONSUMER k g alice",
            "XGROUP CREATECONSUMER k g bob",
            "XCLAIM k g bob 0 5-1 TIME 1 RETRYCOUNT 7 FORCE JUSTID",
            "XGROUP CREATECONSUMER k g idle",
        ]
    );
}

#[test]
fn pending_entries_have_one_owner_each() {
    let twice = group("g", &[5], &[consumer("a", &[5]), consumer("b", &[5])]);
    let shared = [
        (twice, "a pending entry owned twice"),
        (group("g", &[5], &[consumer("a", &[5, 5])]), "a pending entry owned twice"),
        (group("g", &[5, 6], &[consumer("a", &[5])]), "a pending entry without a consumer"),
        (
            group("g", &[5], &[consumer("a", &[5, 6])]),
            "a consumer's pending entry that its group doesn't have",
        ),
        (
            group("g", &[6, 5], &[consumer("a", &[5, 6])]),
            "a group's pending entries are not in ascending order",
        ),
        (group("g", &[5, 5], &[consumer("a", &[5])]), "a group's pending entries are not in ascending order"),
    ];
    for (group, rule) in shared {
        assert_eq!(refused(&stream(&[good_node()], 3, 9, &[group])), Defect::invalid("stream", rule));
    }
}

#[test]
fn names_are_unique() {
    let two = [good_group(), good_group()];
    assert_eq!(refused(&stream(&[good_node()], 3, 9, &two)), Defect::Duplicate("consumer group"));
    let group = group("g", &[], &[consumer("a", &[]), consumer("a", &[])]);
    assert_eq!(refused(&stream(&[good_node()], 3, 9, &[group])), Defect::Duplicate("consumer"));
}

#[test]
fn nodes_and_counts_are_consistent() {
    let one = |entries: &[&str]| vec![node(5, "1", "0", entries)];
    let same = ["2", "0", "0", "x", "4"];
    assert!(check(Family::Redis, 21, &stream(&one(&same), 1, 9, &[])).is_ok());
    let bad = [
        stream(&one(&same), 2, 9, &[]),
        stream(&one(&same), 1, 4, &[]),
        stream(&one(&["2", "0", "0", "x", "5"]), 1, 9, &[]),
        stream(&one(&["2", "-1", "0", "x", "4"]), 1, 9, &[]),
        stream(&one(&["4", "0", "0", "x", "4"]), 1, 9, &[]),
        stream(&one(&["0", "0", "0", "-1", "4"]), 1, 9, &[]),
        stream(&one(&["0", "0", "0", "9", "f", "x", "6"]), 1, 9, &[]),
        stream(&one(&["2", "0", "0", "x"]), 1, 9, &[]),
        stream(&one(&["text", "0", "0", "x", "4"]), 1, 9, &[]),
        stream(&one(&[]), 0, 9, &[]),
        stream(&[node(5, "2", "0", &[same, same].concat())], 2, 9, &[]),
        stream(&[node(5, "0", "1", &["3", "0", "0", "x", "4"])], 0, 9, &[]),
        stream(&[node(6, "1", "0", &same), node(5, "1", "0", &same)], 2, 9, &[]),
        stream(&[node(5, "1", "0", &same), node(5, "1", "0", &same)], 2, 9, &[]),
    ];
    for (at, body) in bad.iter().enumerate() {
        assert!(check(Family::Redis, 21, body).is_err(), "case {at}");
    }
}

#[test]
fn idempotent_ids_are_decoded_and_bounded() {
    let tail = |settings: [u8; 2], producers: &[u8]| {
        let base = stream(&[good_node()], 3, 9, &[good_group()]);
        [&base[..], &settings, producers, &[3, 1]].concat()
    };
    let producer = |iids: &[&str]| {
        let ids = iids.iter().flat_map(|iid| [string(iid.as_bytes()), vec![5, 1]].concat());
        [string(b"p"), vec![iids.len() as u8], ids.collect()].concat()
    };
    let one = [&[1][..], &producer(&["i", "j"])].concat();
    let Ok(Value::Stream(value)) = redis(26, &tail([60, 50], &one)) else { panic!("well-formed") };
    let idempotency = value.idempotency.expect("of type 26");
    assert_eq!(idempotency.meta, IdempotencyMeta { duration_s: 60, ids_max: 50, added: 3, duplicates: 1 });
    assert_eq!(idempotency.producers[0].ids, [(b"i".to_vec(), id(5, 1)), (b"j".to_vec(), id(5, 1))]);
    assert!(redis(26, &tail([0, 50], &one)).is_err());
    assert!(redis(26, &tail([60, 0], &one)).is_err());
    let twice = [&[2][..], &producer(&["i"]), &producer(&["i"])].concat();
    assert_eq!(redis(26, &tail([60, 50], &twice)), Err(Defect::Duplicate("producer")));
    let repeated = [&[1][..], &producer(&["i", "i"])].concat();
    assert_eq!(redis(26, &tail([60, 50], &repeated)), Err(Defect::Duplicate("idempotent id")));
}

#[test]
fn older_types_read_back_with_what_they_lack_filled_in() {
    let group = [string(b"g"), vec![6, 0, 0, 0]].concat();
    let body = [vec![1], good_node(), vec![3, 9, 1, 1], group].concat();
    let Ok(Value::Stream(stream)) = redis(15, &body) else { panic!("well-formed") };
    assert_eq!((stream.meta.first_id, stream.meta.entries_added), (id(5, 1), 3));
    assert_eq!(stream.groups[0].meta.entries_read, None);
}
