use super::{Op, op};
use crate::cmd;

pub(super) static OPS: &[Op] = &[
    op("lpush", |d| cmd!("LPUSH", d.key("list")).args(d.words())),
    op("rpush", |d| cmd!("RPUSH", d.key("list")).args(d.words())),
    op("rpush", |d| cmd!("RPUSH", d.key("list"), d.value())),
    op("rpush", |d| {
        let text = d.random.text(40);
        cmd!("RPUSH", d.key("list")).args((0..200).map(|i| format!("{i}:{text}")))
    }),
    op("lpushx", |d| cmd!("LPUSHX", d.key("list"), d.word())),
    op("rpushx", |d| cmd!("RPUSHX", d.key("list"), d.word())),
    op("lpop", |d| cmd!("LPOP", d.key("list"))),
    op("rpop", |d| cmd!("RPOP", d.key("list"), 1 + d.small())),
    op("linsert", |d| cmd!("LINSERT", d.key("list"), "BEFORE", d.word(), d.word())),
    op("lset", |d| cmd!("LSET", d.key("list"), 0, d.word())),
    op("lset", |d| cmd!("LSET", d.key("list"), -1, d.value())),
    op("lrem", |d| cmd!("LREM", d.key("list"), 1, d.word())),
    op("ltrim", |d| cmd!("LTRIM", d.key("list"), 0, 60)),
    op("rpoplpush", |d| cmd!("RPOPLPUSH", d.key("list"), d.key("list"))),
    op("lmove", |d| cmd!("LMOVE", d.key("list"), d.key("list"), "LEFT", "RIGHT")),
    op("lmpop", |d| cmd!("LMPOP", 2, d.key("list"), d.key("list"), "LEFT", "COUNT", 2)),
    op("sort", |d| cmd!("SORT", d.key("list"), "ALPHA", "LIMIT", 0, 30, "STORE", d.key("list"))),
    op("sort", |d| cmd!("SORT", d.key("set"), "BY", "live:num:*", "GET", "#", "STORE", d.key("list"))),
];
