use super::{Op, op};
use crate::cmd;

/// Acknowledges, deletes or both the oldest entry of a group that is pending: its id isn't known here.
const WITH_OLDEST_PENDING: &str = "local p = redis.pcall('XPENDING', KEYS[1], 'g', '-', '+', 1) \
     if p.err or #p == 0 then return 0 end";

/// A group together with its consumers. Left to themselves XREADGROUP and XAUTOCLAIM create a consumer that
/// their replicas hear of only when it gets an entry: then even a native replica isn't the same.
const CREATE_GROUP: &str = "redis.call('XGROUP', 'CREATE', KEYS[1], ARGV[1], ARGV[2], 'MKSTREAM') \
     for i = 3, #ARGV do redis.call('XGROUP', 'CREATECONSUMER', KEYS[1], ARGV[1], ARGV[i]) end";

pub(super) static OPS: &[Op] = &[
    op("xadd", |d| cmd!("XADD", d.key("stream"), "*", "f", d.value())),
    op("xadd", |d| cmd!("XADD", d.key("stream"), "*", "f", d.word(), "g", d.word())),
    op("xadd", |d| cmd!("XADD", d.key("stream"), "MAXLEN", 50, "*", "f", d.value())),
    op("xadd", |d| cmd!("XADD", d.key("stream"), "MAXLEN", "~", 100, "*", "f", d.value())),
    op("xadd", |d| {
        let id = format!("{}-1", d.next());
        cmd!("XADD", d.key("counted"), id, "f", d.value())
    }),
    op("xadd", |d| {
        let id = d.recent();
        cmd!("XADD", d.key("counted"), "MINID", id, "9999999999-*", "f", d.value())
    }),
    op("xdel", |d| {
        let id = format!("{}-1", d.recent());
        cmd!("XDEL", d.key("counted"), id)
    }),
    op("xtrim", |d| cmd!("XTRIM", d.key("stream"), "MAXLEN", 20 + d.small())),
    op("xtrim", |d| cmd!("XTRIM", d.key("stream"), "MAXLEN", "~", 20, "LIMIT", 200)),
    op("xsetid", |d| cmd!("XSETID", d.key("counted"), "9999999999-99")),
    op("xgroup|create", |d| {
        cmd!("EVAL", CREATE_GROUP, 1, d.key("stream")).args(["g", "0", "alice", "bob", "carol"])
    }),
    op("xgroup|create", |d| cmd!("EVAL", CREATE_GROUP, 1, d.key("stream")).args(["h", "$", "alice"])),
    op("xgroup|setid", |d| cmd!("XGROUP SETID", d.key("stream"), "g", 0)),
    op("xgroup|createconsumer", |d| cmd!("XGROUP CREATECONSUMER", d.key("stream"), "g", "dave")),
    op("xgroup|delconsumer", |d| cmd!("XGROUP DELCONSUMER", d.key("stream"), "g", "dave")),
    op("xgroup|destroy", |d| cmd!("XGROUP DESTROY", d.key("stream"), "h")),
    op("xreadgroup", |d| cmd!("XREADGROUP GROUP g alice COUNT 3 STREAMS", d.key("stream"), ">")),
    op("xreadgroup", |d| cmd!("XREADGROUP GROUP g carol COUNT 2 STREAMS", d.key("stream"), ">")),
    op("xreadgroup", |d| cmd!("XREADGROUP GROUP h alice COUNT 2 NOACK STREAMS", d.key("stream"), ">")),
    op("xautoclaim", |d| cmd!("XAUTOCLAIM", d.key("stream"), "g", "bob", 0, 0, "COUNT", 3)),
    op("xack", |d| {
        let script = format!("{WITH_OLDEST_PENDING} return redis.call('XACK', KEYS[1], 'g', p[1][1])");
        cmd!("EVAL", script, 1, d.key("stream"))
    }),
    op("xclaim", |d| {
        let script =
            format!("{WITH_OLDEST_PENDING} return redis.call('XCLAIM', KEYS[1], 'g', 'bob', 0, p[1][1])");
        cmd!("EVAL", script, 1, d.key("stream"))
    }),
    op("xdel", |d| {
        let script = format!("{WITH_OLDEST_PENDING} return redis.call('XDEL', KEYS[1], p[1][1])");
        cmd!("EVAL", script, 1, d.key("stream"))
    }),
    // Redis 8.2 on.
    op("xackdel", |d| {
        let script = format!(
            "{WITH_OLDEST_PENDING} return redis.call('XACKDEL', KEYS[1], 'g', 'ACKED', 'IDS', 1, p[1][1])"
        );
        cmd!("EVAL", script, 1, d.key("stream"))
    }),
    // Of an entry that is there: for one that is only pending still, Redis 8.6 removes what is pending and
    // doesn't tell its replicas.
    op("xdelex", |d| {
        let script = format!(
            "{WITH_OLDEST_PENDING} if #redis.call('XRANGE', KEYS[1], p[1][1], p[1][1]) == 0 then return 0 end \
             return redis.call('XDELEX', KEYS[1], 'DELREF', 'IDS', 1, p[1][1])"
        );
        cmd!("EVAL", script, 1, d.key("stream"))
    }),
    op("xdelex", |d| cmd!("XADD", d.key("stream"), "DELREF", "MAXLEN", 30, "*", "f", d.word())),
    op("xdelex", |d| cmd!("XADD", d.key("stream"), "KEEPREF", "MAXLEN", 40, "*", "f", d.word())),
    op("xdelex", |d| cmd!("XTRIM", d.key("stream"), "MAXLEN", 25 + d.small(), "ACKED")),
    op("xdelex", |d| {
        let id = format!("{}-1", d.recent());
        cmd!("XDELEX", d.key("counted"), "KEEPREF", "IDS", 1, id)
    }),
    // Redis 8.6 on. Streams of their own: what such a stream remembers no older server can hold.
    op("xcfgset", |d| cmd!("XADD", d.key("idempotent"), "IDMPAUTO", "alice", "*", "f", d.word())),
    op("xcfgset", |d| {
        let id = d.small();
        cmd!("XADD", d.key("idempotent"), "IDMP", "bob", id, "*", "f", d.value())
    }),
    op("xcfgset", |d| cmd!("XCFGSET", d.key("idempotent"), "IDMP-MAXSIZE", 10 + d.small())),
];
