//! Whether two servers hold the same under a key, by what they answer.

use std::collections::BTreeMap;

use redis_replica::rdb::Loss;

use super::server::{Reply, Server};

/// Everything observable about a key that both servers can show.
pub fn assert_same(
    source: &mut Server,
    target: &mut Server,
    key: &[u8],
    copy: &[u8],
    losses: &[Loss],
    how: &str,
) {
    let label = format!("{} -> {} by {how}: {}", source.name, target.name, key.escape_ascii());
    let kind = source.send(&[b"TYPE", key]).bytes();
    assert_eq!(target.send(&[b"TYPE", copy]).bytes(), kind, "{label}");
    let expiring = kind == b"hash" && has_expiring_fields(source, key);
    if expiring {
        // The servers' digests of such hashes differ between the families.
        assert_eq!(fields(source, key), fields(target, copy), "{label}");
        let kept = !losses.iter().any(|loss| matches!(loss, Loss::FieldTtl(_)));
        assert_eq!(kept, target.target.has_field_expiry(), "{label}: losses {losses:?}");
        if kept {
            assert_eq!(field_expiries(source, key), field_expiries(target, copy), "{label}");
        }
    } else if kind == b"zset" && (key == MINUS_ZERO || shortest_scores(source) != shortest_scores(target)) {
        assert_eq!(scores(source, key), scores(target, copy), "{label}");
    } else {
        assert_eq!(digest(source, key), digest(target, copy), "{label}");
    }
    if kind == b"stream" {
        let (mut ours, mut theirs) = (stream(source, key), stream(target, copy));
        forget(&mut ours, losses, target);
        forget(&mut theirs, losses, source);
        assert_eq!(ours, theirs, "{label}");
    }
}

fn digest(server: &mut Server, key: &[u8]) -> Reply {
    server.must(&[b"DEBUG", b"DIGEST-VALUE", key])
}

/// Redis 7.0 writes scores with 17 digits, later servers the shortest text; their digests are made of that text.
fn shortest_scores(server: &Server) -> bool {
    server.target.has_consumer_active_time()
}

/// A listpack stores minus zero as 0, a skip list keeps the sign, and the digest shows the difference.
const MINUS_ZERO: &[u8] = b"zset minus zero";

/// Members with their scores.
fn scores(server: &mut Server, key: &[u8]) -> Vec<(Vec<u8>, f64)> {
    let all = server.must(&[b"ZRANGE", key, b"0", b"-1", b"WITHSCORES"]).array();
    let all: Vec<_> = all.into_iter().map(Reply::bytes).collect();
    let score = |text: &[u8]| std::str::from_utf8(text).expect("text").parse::<f64>().expect("a score");
    all.chunks(2).map(|pair| (pair[0].clone(), score(&pair[1]))).collect()
}

fn fields(server: &mut Server, key: &[u8]) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let all: Vec<_> = server.must(&[b"HGETALL", key]).array().into_iter().map(Reply::bytes).collect();
    all.chunks(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect()
}

fn field_expiries(server: &mut Server, key: &[u8]) -> Vec<(Vec<u8>, Reply)> {
    let names: Vec<_> = fields(server, key).into_keys().collect();
    let count = names.len().to_string();
    let mut command: Vec<&[u8]> = vec![b"HPEXPIRETIME", key, b"FIELDS", count.as_bytes()];
    command.extend(names.iter().map(Vec::as_slice));
    let times = server.must(&command).array();
    names.into_iter().zip(times).collect()
}

fn has_expiring_fields(server: &mut Server, key: &[u8]) -> bool {
    server.target.has_field_expiry()
        && field_expiries(server, key).iter().any(|(_, at)| *at != Reply::Int(-1))
}

/// `XINFO STREAM FULL` as a tree of names and values.
fn stream(server: &mut Server, key: &[u8]) -> Tree {
    let info = server.must(&[b"XINFO", b"STREAM", key, b"FULL", b"COUNT", b"0"]);
    tree(info)
}

#[derive(Debug, PartialEq)]
enum Tree {
    Map(BTreeMap<String, Tree>),
    List(Vec<Tree>),
    Leaf(Reply),
}

/// Arrays that begin with a known name are maps.
fn tree(reply: Reply) -> Tree {
    match reply {
        Reply::Array(items) if names_first(&items) => {
            let mut map = BTreeMap::new();
            let mut items = items.into_iter();
            while let (Some(name), Some(value)) = (items.next(), items.next()) {
                map.insert(String::from_utf8(name.bytes()).expect("text"), tree(value));
            }
            Tree::Map(map)
        }
        Reply::Array(items) => Tree::List(items.into_iter().map(tree).collect()),
        leaf => Tree::Leaf(leaf),
    }
}

fn names_first(items: &[Reply]) -> bool {
    matches!(items.first(), Some(Reply::Bytes(name)) if name == b"length" || name == b"name")
}

/// Leaves out what the other server can't show, and what was reported lost.
fn forget(tree: &mut Tree, losses: &[Loss], other: &Server) {
    let lost_times = losses.iter().any(|loss| matches!(loss, Loss::ConsumerTimes(_)));
    let lost_ids = losses.iter().any(|loss| matches!(loss, Loss::StreamIdempotency(_)));
    let deleted = losses.iter().any(|loss| matches!(loss, Loss::PendingDeleted(_)));
    let mut gone: Vec<&str> = Vec::new();
    if !other.target.has_consumer_active_time() {
        gone.push("active-time");
    }
    if !other.target.has_stream_idempotency() || lost_ids {
        gone.extend([
            "idmp-duration",
            "idmp-maxsize",
            "pids-tracked",
            "iids-tracked",
            "iids-added",
            "iids-duplicates",
        ]);
    }
    if lost_times {
        gone.extend(["seen-time", "active-time"]);
    }
    if deleted {
        gone.extend(["pel", "pending", "pel-count"]);
    }
    if losses.contains(&REBUILT) {
        gone.extend(["radix-tree-keys", "radix-tree-nodes"]);
    }
    prune(tree, &gone);
}

/// Not a loss of data: a stream rebuilt entry by entry has other nodes. Marks the comparison as such.
pub const REBUILT: Loss = Loss::StreamCounters(u64::MAX);

fn prune(tree: &mut Tree, gone: &[&str]) {
    match tree {
        Tree::Map(map) => {
            map.retain(|name, _| !gone.contains(&name.as_str()));
            map.values_mut().for_each(|tree| prune(tree, gone));
        }
        Tree::List(list) => list.iter_mut().for_each(|tree| prune(tree, gone)),
        Tree::Leaf(_) => {}
    }
}
