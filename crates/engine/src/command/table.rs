//! The rows, in order of their names.

use std::ffi::CStr;

use redis_replica::keys;

use super::{Base, Command, Release, Rule, Since, Unit};

/// In every release that a mirror runs on.
pub(super) const EVERYWHERE: Since = both((0, 0), (0, 0));

const fn both(redis: Release, valkey: Release) -> Since {
    Since { redis: Some(redis), valkey: Some(valkey) }
}

const fn redis(since: Release) -> Since {
    Since { redis: Some(since), valkey: None }
}

const fn valkey(since: Release) -> Since {
    Since { redis: None, valkey: Some(since) }
}

/// A row: name, rule, releases. Keys and number of arguments come from the table of keys.
const fn command(name: &'static CStr, rule: Rule, since: Since) -> Command {
    let mut at = 0;
    while !same(keys::TABLE[at].name.to_bytes(), name.to_bytes()) {
        at += 1;
    }
    let keys::Row { name, args_min, keys } = &keys::TABLE[at];
    Command { name, args_min: *args_min, keys: *keys, rule, since }
}

/// Every command that may be applied.
#[rustfmt::skip]
pub static TABLE: [Command; 113] = [
    command(c"append", Rule::Plain, EVERYWHERE),
    command(c"bitfield", Rule::Plain, EVERYWHERE),
    command(c"bitop", Rule::BitOp, EVERYWHERE),
    command(c"blmove", Rule::MoveElement, EVERYWHERE),
    command(c"blmpop", Rule::Plain, EVERYWHERE),
    command(c"blpop", Rule::Plain, EVERYWHERE),
    command(c"brpop", Rule::Plain, EVERYWHERE),
    command(c"brpoplpush", Rule::MoveElement, EVERYWHERE),
    command(c"bzmpop", Rule::Plain, EVERYWHERE),
    command(c"bzpopmax", Rule::Plain, EVERYWHERE),
    command(c"bzpopmin", Rule::Plain, EVERYWHERE),
    command(c"copy", Rule::Copy, EVERYWHERE),
    command(c"decr", Rule::Plain, EVERYWHERE),
    command(c"decrby", Rule::Plain, EVERYWHERE),
    command(c"del", Rule::Delete, EVERYWHERE),
    command(c"delex", Rule::DeleteIf, redis((8, 4))),
    command(c"delifeq", Rule::DeleteIf, valkey((9, 0))),
    command(c"expire", Rule::Expire(Unit::Seconds, Base::Now), EVERYWHERE),
    command(c"expireat", Rule::Expire(Unit::Seconds, Base::Epoch), EVERYWHERE),
    command(c"flushall", Rule::FlushAll, EVERYWHERE),
    command(c"flushdb", Rule::FlushDb, EVERYWHERE),
    command(c"geoadd", Rule::Plain, EVERYWHERE),
    command(c"georadius", Rule::Plain, EVERYWHERE),
    command(c"georadiusbymember", Rule::Plain, EVERYWHERE),
    command(c"geosearchstore", Rule::GeoSearchStore, EVERYWHERE),
    command(c"getdel", Rule::Plain, EVERYWHERE),
    command(c"getex", Rule::GetEx, EVERYWHERE),
    command(c"getset", Rule::SetValue, EVERYWHERE),
    command(c"hdel", Rule::Plain, EVERYWHERE),
    command(c"hexpire", Rule::FieldExpire(Unit::Seconds, Base::Now), both((7, 4), (9, 0))),
    command(c"hexpireat", Rule::FieldExpire(Unit::Seconds, Base::Epoch), both((7, 4), (9, 0))),
    command(c"hgetdel", Rule::HGetDel, both((8, 0), (9, 1))),
    command(c"hgetex", Rule::HGetEx, both((8, 0), (9, 0))),
    command(c"hincrby", Rule::Plain, EVERYWHERE),
    command(c"hincrbyfloat", Rule::Plain, EVERYWHERE),
    command(c"hmset", Rule::HashSet, EVERYWHERE),
    command(c"hpersist", Rule::FieldPersist, both((7, 4), (9, 0))),
    command(c"hpexpire", Rule::FieldExpire(Unit::Milliseconds, Base::Now), both((7, 4), (9, 0))),
    command(c"hpexpireat", Rule::FieldExpire(Unit::Milliseconds, Base::Epoch), both((7, 4), (9, 0))),
    command(c"hset", Rule::HashSet, EVERYWHERE),
    command(c"hsetex", Rule::HSetEx, both((8, 0), (9, 0))),
    command(c"hsetnx", Rule::Plain, EVERYWHERE),
    command(c"incr", Rule::Plain, EVERYWHERE),
    command(c"incrby", Rule::Plain, EVERYWHERE),
    command(c"incrbyfloat", Rule::Plain, EVERYWHERE),
    command(c"linsert", Rule::Plain, EVERYWHERE),
    command(c"lmove", Rule::MoveElement, EVERYWHERE),
    command(c"lmpop", Rule::Plain, EVERYWHERE),
    command(c"lpop", Rule::Plain, EVERYWHERE),
    command(c"lpush", Rule::Plain, EVERYWHERE),
    command(c"lpushx", Rule::Plain, EVERYWHERE),
    command(c"lrem", Rule::Plain, EVERYWHERE),
    command(c"lset", Rule::Plain, EVERYWHERE),
    command(c"ltrim", Rule::Plain, EVERYWHERE),
    command(c"move", Rule::Move, EVERYWHERE),
    command(c"mset", Rule::MSet, EVERYWHERE),
    command(c"msetex", Rule::MSetEx, both((8, 4), (9, 1))),
    command(c"msetnx", Rule::MSet, EVERYWHERE),
    command(c"persist", Rule::Plain, EVERYWHERE),
    command(c"pexpire", Rule::Expire(Unit::Milliseconds, Base::Now), EVERYWHERE),
    command(c"pexpireat", Rule::Expire(Unit::Milliseconds, Base::Epoch), EVERYWHERE),
    command(c"pfadd", Rule::Plain, EVERYWHERE),
    // Told to replicas when it has renewed the cardinality that the value caches (pfcountCommand, hyperloglog.c).
    command(c"pfcount", Rule::Plain, EVERYWHERE),
    command(c"pfdebug", Rule::Refetch, EVERYWHERE),
    command(c"pfmerge", Rule::Plain, EVERYWHERE),
    command(c"psetex", Rule::SetEx(Unit::Milliseconds), EVERYWHERE),
    command(c"rename", Rule::Rename, EVERYWHERE),
    command(c"renamenx", Rule::Rename, EVERYWHERE),
    command(c"restore", Rule::Restore, EVERYWHERE),
    command(c"restore-asking", Rule::Restore, EVERYWHERE),
    command(c"rpop", Rule::Plain, EVERYWHERE),
    command(c"rpoplpush", Rule::MoveElement, EVERYWHERE),
    command(c"rpush", Rule::Plain, EVERYWHERE),
    command(c"rpushx", Rule::Plain, EVERYWHERE),
    command(c"sadd", Rule::Plain, EVERYWHERE),
    command(c"sdiffstore", Rule::Plain, EVERYWHERE),
    command(c"set", Rule::Set, EVERYWHERE),
    command(c"setbit", Rule::Plain, EVERYWHERE),
    command(c"setex", Rule::SetEx(Unit::Seconds), EVERYWHERE),
    command(c"setnx", Rule::SetValue, EVERYWHERE),
    command(c"setrange", Rule::Plain, EVERYWHERE),
    command(c"sinterstore", Rule::Plain, EVERYWHERE),
    command(c"smove", Rule::SMove, EVERYWHERE),
    command(c"sort", Rule::Sort, EVERYWHERE),
    command(c"spop", Rule::Refetch, EVERYWHERE),
    command(c"srem", Rule::Plain, EVERYWHERE),
    command(c"sunionstore", Rule::Plain, EVERYWHERE),
    command(c"swapdb", Rule::SwapDb, EVERYWHERE),
    command(c"unlink", Rule::Delete, EVERYWHERE),
    command(c"xack", Rule::Plain, EVERYWHERE),
    command(c"xackdel", Rule::Plain, redis((8, 2))),
    command(c"xadd", Rule::StreamTrim, EVERYWHERE),
    command(c"xcfgset", Rule::StreamIdempotency, redis((8, 6))),
    command(c"xclaim", Rule::StreamClaim, EVERYWHERE),
    command(c"xdel", Rule::Plain, EVERYWHERE),
    command(c"xdelex", Rule::XDelEx, redis((8, 2))),
    command(c"xgroup", Rule::Plain, EVERYWHERE),
    command(c"xidmprecord", Rule::StreamIdempotency, redis((8, 6))),
    command(c"xsetid", Rule::Plain, EVERYWHERE),
    command(c"xtrim", Rule::StreamTrim, EVERYWHERE),
    command(c"zadd", Rule::Plain, EVERYWHERE),
    command(c"zdiffstore", Rule::Plain, EVERYWHERE),
    command(c"zincrby", Rule::Plain, EVERYWHERE),
    command(c"zinterstore", Rule::Plain, EVERYWHERE),
    command(c"zmpop", Rule::Plain, EVERYWHERE),
    command(c"zpopmax", Rule::Plain, EVERYWHERE),
    command(c"zpopmin", Rule::Plain, EVERYWHERE),
    command(c"zrangestore", Rule::Plain, EVERYWHERE),
    command(c"zrem", Rule::Plain, EVERYWHERE),
    command(c"zremrangebylex", Rule::Plain, EVERYWHERE),
    command(c"zremrangebyrank", Rule::Plain, EVERYWHERE),
    command(c"zremrangebyscore", Rule::Plain, EVERYWHERE),
    command(c"zunionstore", Rule::Plain, EVERYWHERE),
];

// A lookup by name answers a place in the table of keys.
const _: () = {
    assert!(TABLE.len() == keys::TABLE.len());
    let mut at = 0;
    while at < TABLE.len() {
        assert!(same(TABLE[at].name.to_bytes(), keys::TABLE[at].name.to_bytes()));
        at += 1;
    }
};

/// What this module's own record stores replicate: beside the table, because it is no command of any server.
pub static RECORD_APPLY: Command = Command {
    name: c"record.apply",
    args_min: 3,
    keys: keys::Keys::First(keys::Access::Update),
    rule: Rule::RecordCommit,
    since: Since { redis: None, valkey: None },
};

/// The row of a command, by its name in any case.
#[inline]
pub fn lookup(name: &[u8]) -> Option<&'static Command> {
    match keys::index_of(name) {
        Some(index) => TABLE.get(index),
        None => Some(&RECORD_APPLY).filter(|row| row.name.to_bytes().eq_ignore_ascii_case(name)),
    }
}

/// The place of a row in the table.
pub(super) fn index(command: &'static Command) -> usize {
    TABLE.binary_search_by(|row| row.name.cmp(command.name)).unwrap_or_default()
}

/// A row that this crate itself plans with. The names it is asked for are literals, each of them tested.
pub(crate) const fn row(name: &str) -> &'static Command {
    let mut at = 0;
    while at < TABLE.len() {
        if same(TABLE[at].name.to_bytes(), name.as_bytes()) {
            return &TABLE[at];
        }
        at += 1;
    }
    panic!("no such row");
}

const fn same(one: &[u8], other: &[u8]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    let mut at = 0;
    while at < one.len() {
        if one[at] != other[at] {
            return false;
        }
        at += 1;
    }
    true
}
