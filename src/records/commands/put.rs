//! `RECORD.PUT key [FENCE lease token] op ..`

use record_store::Write;
use record_store::put::{Action, Condition, Done, Fence, Op, PutError};
use record_store::{EpochId, Store};
use redis_context::{Arg, Args, CommandContext, CommandInfo, Error, ErrorReply, Streamed};

use super::{UPDATES, info, numbers};
use crate::records::memory;
use crate::records::replies::{self, int};
use crate::records::writing::{Missing, write};

static CONDITIONS: [Arg; 3] = [
    Arg::word(c"missing", c"NX"),
    Arg::word(c"exists", c"XX"),
    Arg::integer(c"version").token(c"VER").summary(c"Only if it has this version; 0 is none."),
];

static SET: [Arg; 5] = [
    Arg::string(c"type").token(c"SET"),
    Arg::string(c"id"),
    Arg::string(c"data"),
    Arg::one_of(c"condition", &CONDITIONS).optional(),
    Arg::integer(c"milliseconds").token(c"PX").optional(),
];

static DELETE: [Arg; 3] = [
    Arg::string(c"type").token(c"DEL"),
    Arg::string(c"id"),
    Arg::integer(c"version").token(c"VER").optional(),
];

static OPERATIONS: [Arg; 2] = [Arg::block(c"set", &SET), Arg::block(c"delete", &DELETE)];

static FENCE: [Arg; 2] = [Arg::string(c"lease").token(c"FENCE"), Arg::integer(c"token")];

pub static INFO: CommandInfo = info(
    c"Puts and deletes records, all or none, each with the next version.",
    c"O(N log M) with N the operations and evictions, M the records of a type",
    -5,
    UPDATES,
    &[
        Arg::key(c"key", 0),
        Arg::block(c"fence", &FENCE).optional(),
        Arg::one_of(c"operation", &OPERATIONS).multiple(),
    ],
);

pub fn run<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Streamed, ErrorReply> {
    let key = args.next_arg()?;
    let fence = fence(&mut args)?;
    let mut ops = Vec::new();
    while !args.is_empty() {
        ops.push(op(&mut args)?);
    }
    if ops.iter().any(|op| matches!(op.action, Action::Set { .. })) {
        memory::refuse(ctx, key)?;
    }
    let done = write(ctx, key, Missing::Create, |store, write| put(store, write, fence, &ops))?;
    let Some((done, epoch)) = done else { return Err(Error::NoSuchKey.into()) };
    Ok(ctx.stream(|writer| {
        writer.map(5, |writer| {
            writer.bulk("epoch")?;
            replies::epoch(writer, epoch.0)?;
            writer.bulk("version")?;
            writer.int(int(epoch.1))?;
            writer.bulk("modified_at")?;
            writer.int(int(done.modified_at))?;
            writer.bulk("versions")?;
            writer.array(done.versions.len(), |writer| {
                done.versions.iter().try_for_each(|version| writer.int(int(*version)))
            })?;
            writer.bulk("evicted")?;
            replies::changes(writer, &done.evicted)
        })
    })?)
}

type Put = (Done, (Option<EpochId>, u64));

fn put(
    store: &mut Store,
    write: &Write<'_>,
    fence: Option<Fence<'_>>,
    ops: &[Op<'_>],
) -> Result<(Put, record_store::Commit), PutError> {
    let (done, commit) = store.put(write, fence, ops)?;
    let versions = store.versions();
    Ok(((done, (versions.epoch, versions.version)), commit))
}

fn fence<'cx>(args: &mut Args<'cx>) -> Result<Option<Fence<'cx>>, ErrorReply> {
    match args.take_option("FENCE")? {
        Some(lease) => Ok(Some(Fence { lease: lease.as_bytes(), token: args.next_u64()? })),
        None => Ok(None),
    }
}

fn op<'cx>(args: &mut Args<'cx>) -> Result<Op<'cx>, ErrorReply> {
    let is_set = args.take_keyword("SET");
    if !is_set && !args.take_keyword("DEL") {
        return Err(Error::Syntax.into());
    }
    let (type_name, id) = (args.next_arg()?.as_bytes(), args.next_arg()?.as_bytes());
    if !is_set {
        let condition = match args.take_keyword("VER") {
            true => Condition::Version(args.next_u64()?),
            false => Condition::Always,
        };
        return Ok(Op { type_name, id, condition, action: Action::Delete });
    }
    let data = args.next_arg()?.as_bytes();
    let (mut condition, mut ttl_ms) = (None, None);
    loop {
        if args.take_keyword("NX") {
            numbers::once(&mut condition, Condition::Missing)?;
        } else if args.take_keyword("XX") {
            numbers::once(&mut condition, Condition::Exists)?;
        } else if args.take_keyword("VER") {
            numbers::once(&mut condition, Condition::Version(args.next_u64()?))?;
        } else if args.take_keyword("PX") {
            numbers::once(&mut ttl_ms, numbers::positive(args)?)?;
        } else {
            break;
        }
    }
    let condition = condition.unwrap_or(Condition::Always);
    Ok(Op { type_name, id, condition, action: Action::Set { data, ttl_ms } })
}
