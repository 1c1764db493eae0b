//! The rows, in order of their names.

use std::ffi::CStr;

use super::args::Args;
use super::positions::{Access, KeyArgs, Keys, Malformed};

/// A command that writes, and where its keys are.
#[derive(Debug)]
pub struct Row {
    /// In small letters.
    pub name: &'static CStr,
    /// Least number of arguments behind the name.
    pub args_min: u8,
    /// Where the keys are.
    pub keys: Keys,
}

impl Row {
    /// Which of `args` (the name not among them) are keys, and how each is used.
    ///
    /// # Errors
    /// The arguments don't say.
    #[inline]
    pub fn find<A: Args + ?Sized>(&self, args: &A) -> Result<KeyArgs, Malformed> {
        if args.arg_count() < usize::from(self.args_min) { Err(Malformed) } else { self.keys.find(args) }
    }
}

const fn row(name: &'static CStr, args_min: u8, keys: Keys) -> Row {
    Row { name, args_min, keys }
}

/// Every data command that writes, of Redis up to 8.6 and Valkey up to 9.1.
#[rustfmt::skip]
pub static TABLE: [Row; 113] = [
    row(c"append", 2, Keys::First(Access::Update)),
    row(c"bitfield", 1, Keys::First(Access::Update)),
    row(c"bitop", 3, Keys::SecondThenRest(Access::Overwrite)),
    row(c"blmove", 5, Keys::FirstTwo(Access::Update, Access::Update)),
    row(c"blmpop", 4, Keys::Counted { at: 1, step: 1, access: Access::Update }),
    row(c"blpop", 2, Keys::AllButLast(Access::Update)),
    row(c"brpop", 2, Keys::AllButLast(Access::Update)),
    row(c"brpoplpush", 3, Keys::FirstTwo(Access::Update, Access::Update)),
    row(c"bzmpop", 4, Keys::Counted { at: 1, step: 1, access: Access::Update }),
    row(c"bzpopmax", 2, Keys::AllButLast(Access::Update)),
    row(c"bzpopmin", 2, Keys::AllButLast(Access::Update)),
    row(c"copy", 2, Keys::FirstTwo(Access::Read, Access::Overwrite)),
    row(c"decr", 1, Keys::First(Access::Update)),
    row(c"decrby", 2, Keys::First(Access::Update)),
    row(c"del", 1, Keys::All(Access::Remove)),
    row(c"delex", 1, Keys::First(Access::Remove)),
    row(c"delifeq", 2, Keys::First(Access::Remove)),
    row(c"expire", 2, Keys::First(Access::Update)),
    row(c"expireat", 2, Keys::First(Access::Update)),
    row(c"flushall", 0, Keys::None),
    row(c"flushdb", 0, Keys::None),
    row(c"geoadd", 4, Keys::First(Access::Update)),
    row(c"georadius", 5, Keys::Geo { options: 5 }),
    row(c"georadiusbymember", 4, Keys::Geo { options: 4 }),
    row(c"geosearchstore", 7, Keys::FirstTwo(Access::Overwrite, Access::Read)),
    row(c"getdel", 1, Keys::First(Access::Remove)),
    row(c"getex", 1, Keys::First(Access::Update)),
    row(c"getset", 2, Keys::First(Access::Overwrite)),
    row(c"hdel", 2, Keys::First(Access::Update)),
    row(c"hexpire", 5, Keys::First(Access::Update)),
    row(c"hexpireat", 5, Keys::First(Access::Update)),
    row(c"hgetdel", 4, Keys::First(Access::Update)),
    row(c"hgetex", 4, Keys::First(Access::Update)),
    row(c"hincrby", 3, Keys::First(Access::Update)),
    row(c"hincrbyfloat", 3, Keys::First(Access::Update)),
    row(c"hmset", 3, Keys::First(Access::Update)),
    row(c"hpersist", 4, Keys::First(Access::Update)),
    row(c"hpexpire", 5, Keys::First(Access::Update)),
    row(c"hpexpireat", 5, Keys::First(Access::Update)),
    row(c"hset", 3, Keys::First(Access::Update)),
    row(c"hsetex", 5, Keys::First(Access::Update)),
    row(c"hsetnx", 3, Keys::First(Access::Update)),
    row(c"incr", 1, Keys::First(Access::Update)),
    row(c"incrby", 2, Keys::First(Access::Update)),
    row(c"incrbyfloat", 2, Keys::First(Access::Update)),
    row(c"linsert", 4, Keys::First(Access::Update)),
    row(c"lmove", 4, Keys::FirstTwo(Access::Update, Access::Update)),
    row(c"lmpop", 3, Keys::Counted { at: 0, step: 1, access: Access::Update }),
    row(c"lpop", 1, Keys::First(Access::Update)),
    row(c"lpush", 2, Keys::First(Access::Update)),
    row(c"lpushx", 2, Keys::First(Access::Update)),
    row(c"lrem", 3, Keys::First(Access::Update)),
    row(c"lset", 3, Keys::First(Access::Update)),
    row(c"ltrim", 3, Keys::First(Access::Update)),
    row(c"move", 2, Keys::First(Access::Update)),
    row(c"mset", 2, Keys::Pairs(Access::Overwrite)),
    row(c"msetex", 3, Keys::Counted { at: 0, step: 2, access: Access::Overwrite }),
    row(c"msetnx", 2, Keys::Pairs(Access::Overwrite)),
    row(c"persist", 1, Keys::First(Access::Update)),
    row(c"pexpire", 2, Keys::First(Access::Update)),
    row(c"pexpireat", 2, Keys::First(Access::Update)),
    row(c"pfadd", 1, Keys::First(Access::Update)),
    row(c"pfcount", 1, Keys::FirstThenRest(Access::Update)),
    row(c"pfdebug", 2, Keys::Second(Access::Update)),
    row(c"pfmerge", 1, Keys::FirstThenRest(Access::Update)),
    row(c"psetex", 3, Keys::First(Access::Overwrite)),
    row(c"rename", 2, Keys::FirstTwo(Access::Update, Access::Overwrite)),
    row(c"renamenx", 2, Keys::FirstTwo(Access::Update, Access::Overwrite)),
    row(c"restore", 3, Keys::First(Access::Overwrite)),
    row(c"restore-asking", 3, Keys::First(Access::Overwrite)),
    row(c"rpop", 1, Keys::First(Access::Update)),
    row(c"rpoplpush", 2, Keys::FirstTwo(Access::Update, Access::Update)),
    row(c"rpush", 2, Keys::First(Access::Update)),
    row(c"rpushx", 2, Keys::First(Access::Update)),
    row(c"sadd", 2, Keys::First(Access::Update)),
    row(c"sdiffstore", 2, Keys::FirstThenRest(Access::Overwrite)),
    row(c"set", 2, Keys::First(Access::Overwrite)),
    row(c"setbit", 3, Keys::First(Access::Update)),
    row(c"setex", 3, Keys::First(Access::Overwrite)),
    row(c"setnx", 2, Keys::First(Access::Overwrite)),
    row(c"setrange", 3, Keys::First(Access::Update)),
    row(c"sinterstore", 2, Keys::FirstThenRest(Access::Overwrite)),
    row(c"smove", 3, Keys::FirstTwo(Access::Update, Access::Update)),
    row(c"sort", 1, Keys::Sort),
    row(c"spop", 1, Keys::First(Access::Update)),
    row(c"srem", 2, Keys::First(Access::Update)),
    row(c"sunionstore", 2, Keys::FirstThenRest(Access::Overwrite)),
    row(c"swapdb", 2, Keys::None),
    row(c"unlink", 1, Keys::All(Access::Remove)),
    row(c"xack", 3, Keys::First(Access::Update)),
    row(c"xackdel", 5, Keys::First(Access::Update)),
    row(c"xadd", 4, Keys::First(Access::Update)),
    row(c"xcfgset", 1, Keys::First(Access::Update)),
    row(c"xclaim", 5, Keys::First(Access::Update)),
    row(c"xdel", 2, Keys::First(Access::Update)),
    row(c"xdelex", 4, Keys::First(Access::Update)),
    row(c"xgroup", 3, Keys::Second(Access::Update)),
    row(c"xidmprecord", 4, Keys::First(Access::Update)),
    row(c"xsetid", 2, Keys::First(Access::Update)),
    row(c"xtrim", 3, Keys::First(Access::Update)),
    row(c"zadd", 3, Keys::First(Access::Update)),
    row(c"zdiffstore", 3, Keys::FirstThenCounted(Access::Overwrite)),
    row(c"zincrby", 3, Keys::First(Access::Update)),
    row(c"zinterstore", 3, Keys::FirstThenCounted(Access::Overwrite)),
    row(c"zmpop", 3, Keys::Counted { at: 0, step: 1, access: Access::Update }),
    row(c"zpopmax", 1, Keys::First(Access::Update)),
    row(c"zpopmin", 1, Keys::First(Access::Update)),
    row(c"zrangestore", 4, Keys::FirstTwo(Access::Overwrite, Access::Read)),
    row(c"zrem", 2, Keys::First(Access::Update)),
    row(c"zremrangebylex", 3, Keys::First(Access::Update)),
    row(c"zremrangebyrank", 3, Keys::First(Access::Update)),
    row(c"zremrangebyscore", 3, Keys::First(Access::Update)),
    row(c"zunionstore", 3, Keys::FirstThenCounted(Access::Overwrite)),
];
