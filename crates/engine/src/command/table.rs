//! The rows, in order of their names.

use super::keys::{Access, Keys};
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

/// A row: name, least number of arguments behind it, keys, rule, releases.
const fn command(
    name: &'static std::ffi::CStr,
    args_min: u8,
    keys: Keys,
    rule: Rule,
    since: Since,
) -> Command {
    Command { name, args_min, keys, rule, since }
}

/// Every command that may be applied.
#[rustfmt::skip]
pub static TABLE: [Command; 112] = [
    command(c"append", 2, Keys::First(Access::Update), Rule::Plain, EVERYWHERE),
    command(c"bitfield", 1, Keys::First(Access::Update), Rule::Plain, EVERYWHERE),
    command(c"bitop", 3, Keys::SecondThenRest(Access::Overwrite), Rule::BitOp, EVERYWHERE),
    command(c"blmove", 5, Keys::FirstTwo(Access::Update, Access::Update), Rule::MoveElement, EVERYWHERE),
    command(c"blmpop", 4, Keys::Counted { at: 1, step: 1, access: Access::Update }, Rule::Plain, EVERYWHERE),
    command(c"blpop", 2, Keys::AllButLast(Access::Update), Rule::Plain, EVERYWHERE),
    command(c"brpop", 2, Keys::AllButLast(Access::Update), Rule::Plain, EVERYWHERE),
    command(c"brpoplpush", 3, Keys::FirstTwo(Access::Update, Access::Update), Rule::MoveElement, EVERYWHERE),
    command(c"bzmpop", 4, Keys::Counted { at: 1, step: 1, access: Access::Update }, Rule::Plain, EVERYWHERE),
    command(c"bzpopmax", 2, Keys::AllButLast(Access::Update), Rule::Plain, EVERYWHERE),
    command(c"bzpopmin", 2, Keys::AllButLast(Access::Update), Rule::Plain, EVERYWHERE),
    command(c"copy", 2, Keys::FirstTwo(Access::Read, Access::Overwrite), Rule::Copy, EVERYWHERE),
    command(c"decr", 1, Keys::First(Access::Update), Rule::Plain, EVERYWHERE),
    command(c"decrby", 2, Keys::First(Access::Update), Rule::Plain, EVERYWHERE),
    command(c"del", 1, Keys::All(Access::Remove), Rule::Delete, EVERYWHERE),
    command(c"delex", 1, Keys::First(Access::Remove), Rule::DeleteIf, redis((8, 4))),
    command(c"delifeq", 2, Keys::First(Access::Remove), Rule::DeleteIf, valkey((9, 0))),
    command(c"expire", 2, Keys::First(Access::Update), Rule::Expire(Unit::Seconds, Base::Now), EVERYWHERE),
    command(c"expireat", 2, Keys::First(Access::Update), Rule::Expire(Unit::Seconds, Base::Epoch), EVERYWHERE),
    command(c"flushall", 0, Keys::None, Rule::FlushAll, EVERYWHERE),
    command(c"flushdb", 0, Keys::None, Rule::FlushDb, EVERYWHERE),
    command(c"geoadd", 4, Keys::First(Access::Update), Rule::Plain, EVERYWHERE),
    command(c"georadius", 5, Keys::Geo { options: 5 }, Rule::Plain, EVERYWHERE),
    command(c"georadiusbymember", 4, Keys::Geo { options: 4 }, Rule::Plain, EVERYWHERE),
    command(c"geosearchstore", 7, Keys::FirstTwo(Access::Overwrite, Access::Read), Rule::GeoSearchStore, EVERYWHERE),
    command(c"getdel", 1, Keys::First(Access::Remove), Rule::Plain, EVERYWHERE),
    command(c"getex", 1, Keys::First(Access::Update), Rule::GetEx, EVERYWHERE),
    command(c"getset", 2, Keys::First(Access::Overwrite), Rule::SetValue, EVERYWHERE),
    command(c"hdel", 2, Keys::First(Access::Update), Rule::Plain, EVERYWHERE),
    command(c"hexpire", 5, Keys::First(Access::Update), Rule::FieldExpire(Unit::Seconds, Base::Now), both((7, 4), (9, 0))),
    command(c"hexpireat", 5, Keys::First(Access::Update), Rule::FieldExpire(Unit::Seconds, Base::Epoch), both((7, 4), (9, 0))),
    command(c"hgetdel", 4, Keys::First(Access::Update), Rule::HGetDel, both((8, 0), (9, 1))),
    command(c"hgetex", 4, Keys::First(Access::Update), Rule::HGetEx, both((8, 0), (9, 0))),
    command(c"hincrby", 3, Keys::First(Access::Update), Rule::Plain, EVERYWHERE),
    command(c"hincrbyfloat", 3, Keys::First(Access::Update), Rule::Plain, EVERYWHERE),
    command(c"hmset", 3, Keys::First(Access::Update), Rule::HashSet, EVERYWHERE),
    command(c"hpersist", 4, Keys::First(Access::Update), Rule::FieldPersist, both((7, 4), (9, 0))),
    command(c"hpexpire", 5, Keys::First(Access::Update), Rule::FieldExpire(Unit::Milliseconds, Base::Now), both((7, 4), (9, 0))),
    command(c"hpexpireat", 5, Keys::First(Access::Update), Rule::FieldExpire(Unit::Milliseconds, Base::Epoch), both((7, 4), (9, 0))),
    command(c"hset", 3, Keys::First(Access::Update), Rule::HashSet, EVERYWHERE),
    command(c"hsetex", 5, Keys::First(Access::Update), Rule::HSetEx, both((8, 0), (9, 0))),
    command(c"hsetnx", 3, Keys::First(Access::Update), Rule::Plain, EVERYWHERE),
    command(c"incr", 1, Keys::First(Access::Update), Rule::Plain, EVERYWHERE),
    command(c"incrby", 2, Keys::First(Access::Update), Rule::Plain, EVERYWHERE),
    command(c"incrbyfloat", 2, Keys::First(Access::Update), Rule::Plain, EVERYWHERE),
    command(c"linsert", 4, Keys::First(Access::Update), Rule::Plain, EVERYWHERE),
    command(c"lmove", 4, Keys::FirstTwo(Access::Update, Access::Update), Rule::MoveElement, EVERYWHERE),
    command(c"lmpop", 3, Keys::Counted { at: 0, step: 1, access: Access::Update }, Rule::Plain, EVERYWHERE),
    command(c"lpop", 1, Keys::First(Access::Update), Rule::Plain, EVERYWHERE),
    command(c"lpush", 2, Keys::First(Access::Update), Rule::Plain, EVERYWHERE),
    command(c"lpushx", 2, Keys::First(Access::Update), Rule::Plain, EVERYWHERE),
    command(c"lrem", 3, Keys::First(Access::Update), Rule::Plain, EVERYWHERE),
    command(c"lset", 3, Keys::First(Access::Update), Rule::Plain, EVERYWHERE),
    command(c"ltrim", 3, Keys::First(Access::Update), Rule::Plain, EVERYWHERE),
    command(c"move", 2, Keys::First(Access::Update), Rule::Move, EVERYWHERE),
    command(c"mset", 2, Keys::Pairs(Access::Overwrite), Rule::MSet, EVERYWHERE),
    command(c"msetex", 3, Keys::Counted { at: 0, step: 2, access: Access::Overwrite }, Rule::MSetEx, both((8, 4), (9, 1))),
    command(c"msetnx", 2, Keys::Pairs(Access::Overwrite), Rule::MSet, EVERYWHERE),
    command(c"persist", 1, Keys::First(Access::Update), Rule::Plain, EVERYWHERE),
    command(c"pexpire", 2, Keys::First(Access::Update), Rule::Expire(Unit::Milliseconds, Base::Now), EVERYWHERE),
    command(c"pexpireat", 2, Keys::First(Access::Update), Rule::Expire(Unit::Milliseconds, Base::Epoch), EVERYWHERE),
    command(c"pfadd", 1, Keys::First(Access::Update), Rule::Plain, EVERYWHERE),
    command(c"pfdebug", 2, Keys::Second(Access::Update), Rule::Refetch, EVERYWHERE),
    command(c"pfmerge", 1, Keys::FirstThenRest(Access::Update), Rule::Plain, EVERYWHERE),
    command(c"psetex", 3, Keys::First(Access::Overwrite), Rule::SetEx(Unit::Milliseconds), EVERYWHERE),
    command(c"rename", 2, Keys::FirstTwo(Access::Update, Access::Overwrite), Rule::Rename, EVERYWHERE),
    command(c"renamenx", 2, Keys::FirstTwo(Access::Update, Access::Overwrite), Rule::Rename, EVERYWHERE),
    command(c"restore", 3, Keys::First(Access::Overwrite), Rule::Restore, EVERYWHERE),
    command(c"restore-asking", 3, Keys::First(Access::Overwrite), Rule::Restore, EVERYWHERE),
    command(c"rpop", 1, Keys::First(Access::Update), Rule::Plain, EVERYWHERE),
    command(c"rpoplpush", 2, Keys::FirstTwo(Access::Update, Access::Update), Rule::MoveElement, EVERYWHERE),
    command(c"rpush", 2, Keys::First(Access::Update), Rule::Plain, EVERYWHERE),
    command(c"rpushx", 2, Keys::First(Access::Update), Rule::Plain, EVERYWHERE),
    command(c"sadd", 2, Keys::First(Access::Update), Rule::Plain, EVERYWHERE),
    command(c"sdiffstore", 2, Keys::FirstThenRest(Access::Overwrite), Rule::Plain, EVERYWHERE),
    command(c"set", 2, Keys::First(Access::Overwrite), Rule::Set, EVERYWHERE),
    command(c"setbit", 3, Keys::First(Access::Update), Rule::Plain, EVERYWHERE),
    command(c"setex", 3, Keys::First(Access::Overwrite), Rule::SetEx(Unit::Seconds), EVERYWHERE),
    command(c"setnx", 2, Keys::First(Access::Overwrite), Rule::SetValue, EVERYWHERE),
    command(c"setrange", 3, Keys::First(Access::Update), Rule::Plain, EVERYWHERE),
    command(c"sinterstore", 2, Keys::FirstThenRest(Access::Overwrite), Rule::Plain, EVERYWHERE),
    command(c"smove", 3, Keys::FirstTwo(Access::Update, Access::Update), Rule::SMove, EVERYWHERE),
    command(c"sort", 1, Keys::Sort, Rule::Sort, EVERYWHERE),
    command(c"spop", 1, Keys::First(Access::Update), Rule::Refetch, EVERYWHERE),
    command(c"srem", 2, Keys::First(Access::Update), Rule::Plain, EVERYWHERE),
    command(c"sunionstore", 2, Keys::FirstThenRest(Access::Overwrite), Rule::Plain, EVERYWHERE),
    command(c"swapdb", 2, Keys::None, Rule::SwapDb, EVERYWHERE),
    command(c"unlink", 1, Keys::All(Access::Remove), Rule::Delete, EVERYWHERE),
    command(c"xack", 3, Keys::First(Access::Update), Rule::Plain, EVERYWHERE),
    command(c"xackdel", 5, Keys::First(Access::Update), Rule::Plain, redis((8, 2))),
    command(c"xadd", 4, Keys::First(Access::Update), Rule::StreamTrim, EVERYWHERE),
    command(c"xcfgset", 1, Keys::First(Access::Update), Rule::StreamIdempotency, redis((8, 6))),
    command(c"xclaim", 5, Keys::First(Access::Update), Rule::StreamClaim, EVERYWHERE),
    command(c"xdel", 2, Keys::First(Access::Update), Rule::Plain, EVERYWHERE),
    command(c"xdelex", 4, Keys::First(Access::Update), Rule::XDelEx, redis((8, 2))),
    command(c"xgroup", 3, Keys::Second(Access::Update), Rule::Plain, EVERYWHERE),
    command(c"xidmprecord", 4, Keys::First(Access::Update), Rule::StreamIdempotency, redis((8, 6))),
    command(c"xsetid", 2, Keys::First(Access::Update), Rule::Plain, EVERYWHERE),
    command(c"xtrim", 3, Keys::First(Access::Update), Rule::StreamTrim, EVERYWHERE),
    command(c"zadd", 3, Keys::First(Access::Update), Rule::Plain, EVERYWHERE),
    command(c"zdiffstore", 3, Keys::FirstThenCounted(Access::Overwrite), Rule::Plain, EVERYWHERE),
    command(c"zincrby", 3, Keys::First(Access::Update), Rule::Plain, EVERYWHERE),
    command(c"zinterstore", 3, Keys::FirstThenCounted(Access::Overwrite), Rule::Plain, EVERYWHERE),
    command(c"zmpop", 3, Keys::Counted { at: 0, step: 1, access: Access::Update }, Rule::Plain, EVERYWHERE),
    command(c"zpopmax", 1, Keys::First(Access::Update), Rule::Plain, EVERYWHERE),
    command(c"zpopmin", 1, Keys::First(Access::Update), Rule::Plain, EVERYWHERE),
    command(c"zrangestore", 4, Keys::FirstTwo(Access::Overwrite, Access::Read), Rule::Plain, EVERYWHERE),
    command(c"zrem", 2, Keys::First(Access::Update), Rule::Plain, EVERYWHERE),
    command(c"zremrangebylex", 3, Keys::First(Access::Update), Rule::Plain, EVERYWHERE),
    command(c"zremrangebyrank", 3, Keys::First(Access::Update), Rule::Plain, EVERYWHERE),
    command(c"zremrangebyscore", 3, Keys::First(Access::Update), Rule::Plain, EVERYWHERE),
    command(c"zunionstore", 3, Keys::FirstThenCounted(Access::Overwrite), Rule::Plain, EVERYWHERE),
];

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
