use super::{Op, op};
use crate::{Random, cmd};

pub(super) static SETS: &[Op] = &[
    op("sadd", |d| cmd!("SADD", d.key("set")).args(d.words())),
    op("sadd", |d| cmd!("SADD", d.key("set")).args((0..30).map(|i| i * 3))),
    op("sadd", |d| {
        let mut random = d.random.clone();
        cmd!("SADD", d.key("set")).args((0..200).map(|_| random.text(6)))
    }),
    op("srem", |d| cmd!("SREM", d.key("set")).args(d.words())),
    op("spop", |d| cmd!("SPOP", d.key("set"))),
    op("spop", |d| cmd!("SPOP", d.key("set"), 1 + d.small())),
    op("smove", |d| cmd!("SMOVE", d.key("set"), d.key("set"), d.word())),
    op("sunionstore", |d| cmd!("SUNIONSTORE", d.key("set"), d.key("set"), d.key("set"))),
    op("sinterstore", |d| cmd!("SINTERSTORE", d.key("set"), d.key("set"), d.key("set"))),
    op("sdiffstore", |d| cmd!("SDIFFSTORE", d.key("set"), d.key("set"), d.key("set"))),
];

pub(super) static SORTED_SETS: &[Op] = &[
    op("zadd", |d| cmd!("ZADD", d.key("zset"), d.score(), d.word(), d.score(), d.word())),
    op("zadd", |d| cmd!("ZADD", d.key("zset"), "GT", "CH", d.score(), d.word())),
    op("zadd", |d| cmd!("ZADD", d.key("zset"), "INCR", d.small(), d.word())),
    op("zadd", |d| {
        let members = (0..200).flat_map(|i| [(i * 7 % 50).to_string(), format!("m{i}")]);
        cmd!("ZADD", d.key("zset")).args(members)
    }),
    op("zincrby", |d| cmd!("ZINCRBY", d.key("zset"), format!("{}.25", d.small()), d.word())),
    op("zrem", |d| cmd!("ZREM", d.key("zset")).args(d.words())),
    op("zpopmin", |d| cmd!("ZPOPMIN", d.key("zset"), 1 + d.small())),
    op("zpopmax", |d| cmd!("ZPOPMAX", d.key("zset"))),
    op("zmpop", |d| cmd!("ZMPOP", 1, d.key("zset"), "MIN", "COUNT", 2)),
    op("zremrangebyrank", |d| cmd!("ZREMRANGEBYRANK", d.key("zset"), 50, -1)),
    op("zremrangebyscore", |d| cmd!("ZREMRANGEBYSCORE", d.key("zset"), "(0", 9)),
    // Only equal scores have an order by name: with others it depends on the shape of the skip list, which is
    // each server's own.
    op("zadd", |d| {
        let members: Vec<Vec<u8>> = d.words().into_iter().flat_map(|word| [b"0".to_vec(), word]).collect();
        cmd!("ZADD", d.key("lex")).args(members)
    }),
    op("zremrangebylex", |d| cmd!("ZREMRANGEBYLEX", d.key("lex"), "[w1", "[w2")),
    op("zrangestore", |d| cmd!("ZRANGESTORE", d.key("lex"), d.key("lex"), "[w2", "+", "BYLEX")),
    op("zunionstore", |d| {
        cmd!("ZUNIONSTORE", d.key("zset"), 2, d.key("zset"), d.key("set"), "WEIGHTS", 2, 3)
    }),
    op("zinterstore", |d| {
        cmd!("ZINTERSTORE", d.key("zset"), 2, d.key("zset"), d.key("zset"), "AGGREGATE", "MAX")
    }),
    op("zdiffstore", |d| cmd!("ZDIFFSTORE", d.key("zset"), 2, d.key("zset"), d.key("zset"))),
    op("zrangestore", |d| cmd!("ZRANGESTORE", d.key("zset"), d.key("zset"), 0, 40)),
    op("geoadd", |d| {
        let key = d.key("geo");
        let place = format!("place{}", d.small());
        cmd!("GEOADD", key, degrees(&mut d.random, 170), degrees(&mut d.random, 80), place)
    }),
    op("geosearchstore", |d| {
        cmd!("GEOSEARCHSTORE", d.key("geo"), d.key("geo"), "FROMLONLAT", 40, 40, "BYRADIUS", 5000, "km")
    }),
    op("georadius", |d| cmd!("GEORADIUS", d.key("geo"), 40, 40, 5000, "km", "STORE", d.key("zset"))),
    op("georadiusbymember", |d| {
        let place = format!("place{}", d.small());
        let (from, to) = (d.key("geo"), d.key("geo"));
        cmd!("GEORADIUSBYMEMBER", from, place, 5000, "km", "STORE", to)
    }),
    // Polygons: Valkey 9.0 on, as DELIFEQ.
    op("delifeq", |d| {
        let (to, from) = (d.key("geo"), d.key("geo"));
        cmd!("GEOSEARCHSTORE", to, from, "BYPOLYGON", 4, 0, 0, 90, 0, 90, 60, 0, 60)
    }),
];

fn degrees(random: &mut Random, span: usize) -> String {
    format!("{}.{}", random.below(span), random.below(1000))
}
