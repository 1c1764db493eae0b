use super::{Op, op};
use crate::cmd;

/// Reads before it writes: its effects depend on the order of everything before.
const MOVE_HALF: &str = "local n = tonumber(redis.call('GET', KEYS[1]) or '0') \
     redis.call('SET', KEYS[1], math.floor(n / 2)) redis.call('INCRBY', KEYS[2], n - math.floor(n / 2)) return n";
/// The server rewrites each of these for its replicas.
const UNCERTAIN: &str = "redis.call('SPOP', KEYS[1]) redis.call('XADD', KEYS[2], '*', 'by', 'script') \
     redis.call('SET', KEYS[3], redis.call('TIME')[1], 'PX', 500000) return redis.call('INCRBYFLOAT', KEYS[4], 0.1)";
/// Ends in an error after a write, which stays.
const BREAKS: &str = "redis.call('RPUSH', KEYS[1], 'kept') return redis.call('INCR', KEYS[1])";
const LIBRARY: &str = "#!lua name=live\nredis.register_function('bump', function(keys, args) \
     redis.call('HINCRBY', keys[1], 'bumped', args[1]) return redis.call('INCR', keys[2]) end)";

pub(super) static OPS: &[Op] = &[
    op("eval", |d| cmd!("EVAL", MOVE_HALF, 2, d.key("num"), d.key("num"))),
    op("eval", |d| cmd!("EVAL", UNCERTAIN, 4, d.key("set"), d.key("stream"), d.key("str"), d.key("float"))),
    op("eval", |d| cmd!("EVAL", BREAKS, 1, d.key("list"))),
    op("eval", |d| cmd!("EVAL", "return redis.call('DEL', unpack(KEYS))", 2, d.key("set"), d.key("zset"))),
    op("function|load", |_| cmd!("FUNCTION LOAD", "REPLACE", LIBRARY)),
    op("fcall", |d| cmd!("FCALL", "bump", 2, d.key("hash"), d.key("num"), d.small())),
];
