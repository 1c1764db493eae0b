use std::sync::Arc;

use redis_replica::ReplId;
use redis_replica::rdb::Target;

use super::*;
use crate::definition::parse;
use crate::planner::{LocalServer, PlanLimits, Planner};
use crate::scope::Scope;

fn plan(command: &str) -> Batch {
    let scope = Scope::new(&parse(&[b"m", b"redis://h"]).expect("valid").definition);
    let local = LocalServer::by_release(Target::redis(8, 6, 0));
    let mut planner = Planner::new(Arc::new(scope), local, PlanLimits::default());
    let mut batch = Batch::new();
    planner.start(ReplId::from_bytes(&[b'a'; 40]).expect("an id"), &mut batch).expect("another server");
    let words: Vec<&[u8]> = command.split_whitespace().map(str::as_bytes).collect();
    let _one_origin = planner.command(0, words.as_slice(), 1, &mut batch).expect("planned");
    batch
}

fn remembering(key: &str) -> ExpiredKeys {
    let mut expired = ExpiredKeys::new(ExpiredLimits::default());
    expired.note(0, key.as_bytes()).expect("room");
    expired
}

fn check(expired: &mut ExpiredKeys, command: &str) -> Verdict {
    let batch = plan(command);
    expired.check(&batch, &batch.ops()[0])
}

#[test]
fn deletions_and_plain_overwrites_settle_a_key() {
    for command in [
        "DEL j k",
        "UNLINK k",
        "GETDEL k",
        "DELEX k IFEQ v",
        "SET k v",
        "SET k v PXAT 4000000000000",
        "SET k v XX GET",
        "SETNX k v",
        "GETSET k v",
        "MSET j a k b",
        "MSET k a k b",
        "COPY j k",
        "RENAME j k",
        "SUNIONSTORE k i j",
        "ZRANGESTORE k j 0 1",
        "GEORADIUS j 1 2 3 KM STORE k",
        "SORT j STORE k",
        "BITOP AND k i j",
        "FLUSHDB",
        "FLUSHALL",
        "SPOP k",
    ] {
        let mut expired = remembering("k");
        assert_eq!(check(&mut expired, command), Verdict::ClearsIt, "{command}");
        assert!(expired.is_empty(), "{command}");
    }
}

#[test]
fn any_use_of_its_old_value_needs_the_value() {
    for command in [
        "SET k v KEEPTTL",
        "INCR k",
        "APPEND k v",
        "HSET k f v",
        "LPUSH k v",
        "EXPIREAT k 4000000000",
        "PERSIST k",
        "COPY k j",
        "RENAME k j",
        "LMOVE j k LEFT LEFT",
        "SUNIONSTORE j k i",
        "SUNIONSTORE k k i",
        "PFMERGE k i",
        "ZUNIONSTORE j 2 i k",
        "MOVE k 1",
    ] {
        let mut expired = remembering("k");
        let expected = Verdict::NeedsRepair(vec![(0, b"k".to_vec())]);
        assert_eq!(check(&mut expired, command), expected, "{command}");
        assert_eq!(expired.len(), 1, "it stays until its value is known: {command}");
    }
}

#[test]
fn other_keys_and_dbs_are_not_its_business() {
    let mut expired = remembering("k");
    for command in ["INCR j", "COPY k2 j", "SET K v", "MOVE j 1"] {
        assert_eq!(check(&mut expired, command), Verdict::Fine, "{command}");
    }
    let mut elsewhere = ExpiredKeys::<DefaultHashBuilder>::new(ExpiredLimits::default());
    elsewhere.note(1, b"k").expect("room");
    assert_eq!(check(&mut elsewhere, "INCR k"), Verdict::Fine);
    assert_eq!(check(&mut elsewhere, "FLUSHDB"), Verdict::Fine);
    assert_eq!(check(&mut elsewhere, "COPY j k DB 1"), Verdict::ClearsIt);
    elsewhere.note(1, b"k").expect("room");
    assert_eq!(check(&mut elsewhere, "MOVE k 1"), Verdict::ClearsIt);
    elsewhere.note(1, b"k").expect("room");
    assert_eq!(check(&mut elsewhere, "SWAPDB 0 1"), Verdict::Fine);
    assert!(elsewhere.contains(0, b"k") && !elsewhere.contains(1, b"k"), "it goes along");
}

#[test]
fn memory_is_bounded_and_given_back() {
    let mut expired = ExpiredKeys::<DefaultHashBuilder>::new(ExpiredLimits { keys_max: 2, bytes_max: 10 });
    assert_eq!(expired.note(0, &[b'k'; 11]), Err(TooManyExpired));
    expired.note(0, b"a").expect("room");
    expired.note(0, b"a").expect("known already");
    expired.note(1, b"b").expect("room");
    assert_eq!(expired.note(0, b"c"), Err(TooManyExpired));
    expired.forget(0, b"a");
    expired.note(0, b"c").expect("room again");
    expired.clear();
    assert_eq!((expired.len(), expired.bytes), (0, 0));
}
