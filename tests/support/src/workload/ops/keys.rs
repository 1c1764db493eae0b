use super::super::draw::Draw;
use super::{Op, op};
use crate::{Command, cmd};

pub(super) static OPS: &[Op] = &[
    op("del", |d| cmd!("DEL", d.any_key())),
    op("unlink", |d| cmd!("UNLINK", d.any_key(), d.any_key())),
    op("expire", |d| cmd!("EXPIRE", d.any_key(), 100 + d.small())),
    op("pexpire", |d| cmd!("PEXPIRE", d.any_key(), d.lifetime())),
    op("expire", |d| cmd!("EXPIRE", d.any_key(), 5000 + d.small(), "GT")),
    op("expireat", |d| cmd!("EXPIREAT", d.any_key(), "4000000000")),
    op("pexpireat", |d| cmd!("PEXPIREAT", d.any_key(), "4000000000123")),
    op("pexpireat", |d| cmd!("PEXPIREAT", d.key("str"), 1)),
    op("persist", |d| cmd!("PERSIST", d.any_key())),
    op("persist", |d| cmd!("PERSIST", d.key("str"))),
    op("rename", |d| same_type("RENAME", d)),
    op("renamenx", |d| same_type("RENAMENX", d)),
    op("copy", |d| same_type("COPY", d).arg("REPLACE")),
    op("copy", |d| {
        let db = d.random.below(2);
        same_type("COPY", d).arg("DB").arg(db)
    }),
    op("move", |d| {
        let db = d.random.below(2);
        cmd!("MOVE", d.any_key(), db)
    }),
    // The payload of the string "10", as Redis 7.0 dumps it: a footer every supported version takes.
    op("restore", |d| {
        let payload = b"\x00\xc0\n\n\x00n\x9fWE\x0e\xaec\xbb".as_slice();
        cmd!("RESTORE", d.key("num"), 0, payload, "REPLACE")
    }),
    op("restore-asking", |d| {
        let payload = b"\x00\xc0\n\n\x00n\x9fWE\x0e\xaec\xbb".as_slice();
        cmd!("RESTORE-ASKING", d.key("num"), 0, payload, "REPLACE")
    }),
];

pub(super) static DESTRUCTIVE: &[Op] = &[
    op("flushdb", |_| cmd!("FLUSHDB")),
    op("flushall", |_| cmd!("FLUSHALL", "ASYNC")),
    op("swapdb", |_| cmd!("SWAPDB", 0, 1)),
];

fn same_type(command: &str, draw: &mut Draw) -> Command {
    const KINDS: [&str; 7] = ["str", "list", "set", "zset", "hash", "hll", "stream"];
    let kind = *draw.random.pick(&KINDS);
    cmd!(command, draw.key(kind), draw.key(kind))
}
