//! `RECORD.SETOPTIONS key type [CAPACITY n|NONE] [TTL ms|NONE]`
//! `RECORD.SETOPTIONS key * [RETAIN ms|NONE] [MAXCHANGES n|NONE] [MAXBYTES n|NONE]`

use record_store::options::{StorePatch, TypePatch};
use redis_context::{Arg, Args, CommandContext, CommandInfo, Error, ErrorReply, Reply};

use super::numbers::{number_or_none, once};
use super::{CHANGES, info};
use crate::records::memory;
use crate::records::writing::{Missing, write};

static OF_A_TYPE: [Arg; 3] = [
    Arg::string(c"type"),
    Arg::integer(c"capacity").token(c"CAPACITY").optional().summary(c"Records, or NONE."),
    Arg::integer(c"ttl").token(c"TTL").optional().summary(c"Milliseconds, or NONE."),
];

static OF_THE_STORE: [Arg; 4] = [
    Arg::word(c"store", c"*"),
    Arg::integer(c"retain")
        .token(c"RETAIN")
        .optional()
        .summary(c"Milliseconds, or NONE. 24 hours by default."),
    Arg::integer(c"changes").token(c"MAXCHANGES").optional().summary(c"Changes kept, or NONE."),
    Arg::integer(c"bytes").token(c"MAXBYTES").optional().summary(c"Bytes of changes kept, or NONE."),
];

static TARGETS: [Arg; 2] = [Arg::block(c"of-a-type", &OF_A_TYPE), Arg::block(c"of-the-store", &OF_THE_STORE)];

pub static INFO: CommandInfo = info(
    c"Sets options of a type (capacity, time to live), or with * of the store (what its log keeps).",
    c"O(N log M) with N the records evicted or the changes forgotten, M the records of the type",
    -5,
    CHANGES,
    &[Arg::key(c"key", 0), Arg::one_of(c"target", &TARGETS)],
);

pub fn run<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, ErrorReply> {
    let (key, type_name) = (args.next_arg()?, args.next_arg()?.as_bytes());
    if type_name == b"*" {
        let patch = store_patch(args)?;
        memory::refuse_new(ctx, key, |store| store.versions().epoch.is_some())?;
        write(ctx, key, Missing::Create, |store, write| {
            store.set_options(write, patch).map(|commit| ((), commit))
        })?;
    } else {
        let patch = type_patch(args)?;
        memory::refuse_new(ctx, key, |store| store.has_type(type_name))?;
        write(ctx, key, Missing::Create, |store, write| {
            store.set_type_options(write, type_name, patch).map(|commit| ((), commit))
        })?;
    }
    Ok(Reply::OK)
}

fn type_patch(mut args: Args<'_>) -> Result<TypePatch, ErrorReply> {
    let mut patch = TypePatch::default();
    while !args.is_empty() {
        if args.take_keyword("CAPACITY") {
            once(&mut patch.capacity, number_or_none(&mut args)?)?;
        } else if args.take_keyword("TTL") {
            once(&mut patch.ttl_ms, number_or_none(&mut args)?)?;
        } else {
            return Err(Error::Syntax.into());
        }
    }
    Ok(patch)
}

fn store_patch(mut args: Args<'_>) -> Result<StorePatch, ErrorReply> {
    let mut patch = StorePatch::default();
    while !args.is_empty() {
        if args.take_keyword("RETAIN") {
            once(&mut patch.retain_ms, number_or_none(&mut args)?)?;
        } else if args.take_keyword("MAXCHANGES") {
            once(&mut patch.changes_max, number_or_none(&mut args)?)?;
        } else if args.take_keyword("MAXBYTES") {
            once(&mut patch.bytes_max, number_or_none(&mut args)?)?;
        } else {
            return Err(Error::Syntax.into());
        }
    }
    Ok(patch)
}
