use super::{Op, op};
use crate::cmd;

pub(super) static OPS: &[Op] = &[
    op("set", |d| cmd!("SET", d.key("str"), d.value())),
    op("set", |d| cmd!("SET", d.key("num"), d.small())),
    op("set", |d| cmd!("SET", d.key("str"), d.value(), "PX", d.lifetime())),
    op("set", |d| cmd!("SET", d.key("str"), d.value(), "KEEPTTL")),
    op("set", |d| cmd!("SET", d.key("str"), d.value(), "NX", "EX", 100 + d.small())),
    op("set", |d| cmd!("SET", d.key("str"), d.value(), "XX", "GET")),
    op("setnx", |d| cmd!("SETNX", d.key("str"), d.value())),
    op("setex", |d| cmd!("SETEX", d.key("str"), 100 + d.small(), d.value())),
    op("psetex", |d| cmd!("PSETEX", d.key("str"), d.lifetime(), d.value())),
    op("getset", |d| cmd!("GETSET", d.key("str"), d.value())),
    op("getdel", |d| cmd!("GETDEL", d.key("str"))),
    op("getex", |d| cmd!("GETEX", d.key("str"), "PX", d.lifetime())),
    op("getex", |d| cmd!("GETEX", d.key("str"), "PERSIST")),
    op("append", |d| cmd!("APPEND", d.key("str"), d.word())),
    op("setrange", |d| cmd!("SETRANGE", d.key("str"), d.small(), d.word())),
    op("mset", |d| cmd!("MSET", d.key("str"), d.value(), d.key("str"), d.value())),
    op("msetnx", |d| cmd!("MSETNX", format!("live:once:{}", d.next()), d.value())),
    op("incr", |d| cmd!("INCR", d.key("num"))),
    op("incrby", |d| cmd!("INCRBY", d.key("num"), d.small())),
    op("decr", |d| cmd!("DECR", d.key("num"))),
    op("decrby", |d| cmd!("DECRBY", d.key("num"), d.small())),
    op("incrbyfloat", |d| cmd!("INCRBYFLOAT", d.key("float"), format!("{}.5", d.small()))),
    op("setbit", |d| cmd!("SETBIT", d.key("bits"), d.random.below(5000), d.random.below(2))),
    op("bitfield", |d| cmd!("BITFIELD", d.key("bits"), "INCRBY", "u8", d.small(), 7)),
    op("bitop", |d| cmd!("BITOP", "XOR", d.key("bits"), d.key("bits"), d.key("bits"))),
    op("pfadd", |d| cmd!("PFADD", d.key("hll")).args(d.words())),
    op("pfcount", |d| cmd!("PFCOUNT", d.key("hll"))),
    op("pfmerge", |d| cmd!("PFMERGE", d.key("hll"), d.key("hll"), d.key("hll"))),
    // Redis 8.4 and Valkey 9.0 on.
    op("msetex", |d| cmd!("MSETEX", 2, d.key("str"), d.value(), d.key("str"), d.value(), "PX", d.lifetime())),
    op("delex", |d| {
        let key = d.key("num");
        cmd!("DELEX", key, "IFEQ", d.small())
    }),
    op("delex", |d| {
        let key = d.key("num");
        cmd!("SET", key, d.small(), "IFNE", d.small())
    }),
    op("delex", |d| {
        let key = d.key("num");
        cmd!("SET", key, d.small(), "IFEQ", d.small())
    }),
    // Redis 8.2 on, as XDELEX.
    op("xdelex", |d| {
        let word = *d.random.pick(&["DIFF", "DIFF1", "ANDOR", "ONE"]);
        cmd!("BITOP", word, d.key("bits"), d.key("bits"), d.key("bits"))
    }),
    op("delifeq", |d| {
        let key = d.key("num");
        cmd!("SET", key, d.small(), "IFEQ", d.small())
    }),
    op("delifeq", |d| cmd!("DELIFEQ", d.key("num"), d.small())),
];
