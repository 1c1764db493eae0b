use super::{Op, op};
use crate::cmd;

/// For inside transactions, where they never block: a time-out may take the server 100 ms to notice.
pub(super) static OPS: &[Op] = &[
    op("blpop", |d| cmd!("BLPOP", d.key("list"), "0.001")),
    op("brpop", |d| cmd!("BRPOP", d.key("list"), "0.001")),
    op("blmove", |d| cmd!("BLMOVE", d.key("list"), d.key("list"), "RIGHT", "LEFT", "0.001")),
    op("brpoplpush", |d| cmd!("BRPOPLPUSH", d.key("list"), d.key("list"), "0.001")),
    op("blmpop", |d| cmd!("BLMPOP", "0.001", 1, d.key("list"), "RIGHT")),
    op("bzpopmin", |d| cmd!("BZPOPMIN", d.key("zset"), "0.001")),
    op("bzpopmax", |d| cmd!("BZPOPMAX", d.key("zset"), "0.001")),
    op("bzmpop", |d| cmd!("BZMPOP", "0.001", 1, d.key("zset"), "MAX")),
];
