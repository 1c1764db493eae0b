use super::super::draw::Draw;
use super::{Op, op};
use crate::{Command, cmd};

pub(super) static OPS: &[Op] = &[
    op("hset", |d| cmd!("HSET", d.key("hash"), d.word(), d.value(), d.word(), d.value())),
    op("hset", |d| {
        let text = d.random.text(8);
        cmd!("HSET", d.key("hash")).args((0..150).flat_map(|i| [format!("f{i}"), text.clone()]))
    }),
    op("hmset", |d| cmd!("HMSET", d.key("hash"), d.word(), d.value())),
    op("hsetnx", |d| cmd!("HSETNX", d.key("hash"), d.word(), d.value())),
    op("hdel", |d| cmd!("HDEL", d.key("hash")).args(d.words())),
    op("hincrby", |d| cmd!("HINCRBY", d.key("hash"), "count", d.small())),
    op("hincrbyfloat", |d| cmd!("HINCRBYFLOAT", d.key("hash"), "sum", format!("{}.5", d.small()))),
    // Expiring fields: Redis 7.4 and Valkey 9.0 on.
    op("hexpire", |d| one_field(cmd!("HEXPIRE", d.key("hash"), 100 + d.small()), d)),
    op("hpexpire", |d| one_field(cmd!("HPEXPIRE", d.key("hash"), d.long_lifetime()), d)),
    op("hpexpireat", |d| one_field(cmd!("HPEXPIREAT", d.key("hash"), "4000000000000"), d)),
    op("hexpireat", |d| one_field(cmd!("HEXPIREAT", d.key("hash"), "4000000000"), d)),
    op("hpexpireat", |d| one_field(cmd!("HPEXPIREAT", d.key("hash"), 1), d)),
    op("hpersist", |d| one_field(cmd!("HPERSIST", d.key("hash")), d)),
    // Redis 8.0 and Valkey 9.0 on.
    op("hsetex", |d| one_field(cmd!("HSETEX", d.key("hash"), "PX", d.long_lifetime()), d).arg(d.value())),
    op("hsetex", |d| one_field(cmd!("HSETEX", d.key("hash"), "KEEPTTL"), d).arg(d.value())),
    op("hgetex", |d| one_field(cmd!("HGETEX", d.key("hash"), "PX", d.long_lifetime()), d)),
    op("hgetex", |d| one_field(cmd!("HGETEX", d.key("hash"), "PERSIST"), d)),
    op("hgetdel", |d| one_field(cmd!("HGETDEL", d.key("hash")), d)),
];

fn one_field(command: Command, draw: &mut Draw) -> Command {
    command.arg("FIELDS").arg(1).arg(draw.word())
}
