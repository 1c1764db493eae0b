//! The commands. A value is looked at and changed through its open key.

use std::sync::atomic::Ordering;

use redis_context::{
    Arg, Args, Command, CommandContext, CommandFlags, CommandInfo, Error, LoadContext, Outcome, Reply,
    Streamed, WriteKey,
};

use crate::series::{ADDED, LABEL_BYTES_MAX, SAMPLES_MAX, Series, UNLINKED, handle};

const fn info(
    summary: &'static std::ffi::CStr,
    complexity: &'static std::ffi::CStr,
    arity: i32,
    args: &'static [Arg],
) -> CommandInfo {
    CommandInfo {
        summary: Some(summary),
        complexity: Some(complexity),
        since: Some(c"1.0.0"),
        arity,
        args,
        ..CommandInfo::EMPTY
    }
}

static ADD: CommandInfo = info(
    c"Adds measurements to a series, and makes the series if there is none.",
    c"O(N) with N the measurements added",
    -3,
    &[Arg::key(c"key", 0), Arg::string(c"value").multiple()],
);
static LABEL: CommandInfo = info(
    c"Reads or sets the label of a series.",
    c"O(1)",
    -2,
    &[Arg::key(c"key", 0), Arg::string(c"label").optional()],
);
static RANGE: CommandInfo = info(
    c"Reads measurements by their positions. Negative ones count from the end.",
    c"O(N) with N the measurements before the last one read",
    4,
    &[Arg::key(c"key", 0), Arg::integer(c"start"), Arg::integer(c"stop")],
);
static STATS: CommandInfo = info(c"Sums a series up.", c"O(1)", 2, &[Arg::key(c"key", 0)]);
static TOTALS: CommandInfo = info(c"Sums all series up.", c"O(1)", 1, &[]);

pub fn register(load: &LoadContext<'_>) -> Result<(), Error> {
    let write = CommandFlags::WRITE | CommandFlags::DENY_OOM;
    let read = CommandFlags::READONLY;
    load.command(Command::new(c"series.add").flags(write).keys(1, 1, 1).info(&ADD), add)?;
    load.command(Command::new(c"series.label").flags(write).keys(1, 1, 1).info(&LABEL), label)?;
    load.command(Command::new(c"series.range").flags(read).keys(1, 1, 1).info(&RANGE), range)?;
    load.command(
        Command::new(c"series.stats").flags(read | CommandFlags::FAST).keys(1, 1, 1).info(&STATS),
        stats,
    )?;
    load.command(Command::new(c"series.totals").flags(read | CommandFlags::FAST).info(&TOTALS), totals)
}

/// SERIES.ADD key value [value ...]: how many measurements there are.
fn add<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let of = handle(ctx)?;
    let mut key = ctx.open_write(args.next_arg()?)?;
    // All or none: nothing is written before the last argument was understood.
    let samples = args.map(|text| number(text.as_bytes())).collect::<Result<Vec<f64>, Error>>()?;
    let series = value_or_new(&mut key, of)?;
    if series.len() + samples.len() > SAMPLES_MAX {
        return Err(Error::module("the series would hold more than 10,000,000 measurements"));
    }
    samples.iter().for_each(|&sample| series.add(sample));
    let len = series.len() as i64;
    *ADDED.try_borrow_mut(ctx)? += samples.len() as u64;
    ctx.replicate_verbatim()?;
    Ok(Reply::Int(len))
}

fn number(text: &[u8]) -> Result<f64, Error> {
    let number = std::str::from_utf8(text).ok().and_then(|text| text.parse::<f64>().ok());
    number.filter(|number| number.is_finite()).ok_or(Error::module("value is not a valid float"))
}

fn value_or_new<'k>(
    key: &'k mut WriteKey<'_>,
    of: redis_context::TypeHandle<Series>,
) -> Result<&'k mut Series, Error> {
    if key.value(of)?.is_none() {
        key.set_value(of, Series::new())?;
    }
    key.value_mut(of)?.ok_or(Error::NoSuchKey)
}

/// SERIES.LABEL key [label]
fn label<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let of = handle(ctx)?;
    let mut key = ctx.open_write(args.next_arg()?)?;
    let series = key.value_mut(of)?.ok_or(Error::NoSuchKey)?;
    if args.is_empty() {
        return Ok(Reply::bulk(series.label()));
    }
    let label = args.next_str()?;
    args.finish()?;
    if label.len() > LABEL_BYTES_MAX {
        return Err(Error::module("a label has at most 1000 bytes"));
    }
    series.set_label(label);
    ctx.replicate_verbatim()?;
    Ok(Reply::OK)
}

/// SERIES.RANGE key start stop
fn range<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Outcome, Error> {
    let key = ctx.open_read(args.next_arg()?)?;
    let (start, stop) = (args.next_i64()?, args.next_i64()?);
    let Some(series) = key.value(handle(ctx)?)? else { return Ok(Reply::Array(Vec::new()).into()) };
    let len = series.len();
    let position = |at: i64| if at < 0 { len as i64 + at.max(-(len as i64) - 1) } else { at.min(len as i64) };
    let first = usize::try_from(position(start)).unwrap_or(0);
    let count = usize::try_from(position(stop) + 1).unwrap_or(0).min(len).saturating_sub(first);
    let streamed: Streamed = ctx.stream(|reply| {
        reply.array(count, |reply| {
            series.samples().skip(first).take(count).try_for_each(|sample| reply.double(sample))
        })
    })?;
    Ok(streamed.into())
}

/// SERIES.STATS key
fn stats<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Outcome, Error> {
    let key = ctx.open_read(args.next_arg()?)?;
    let Some(series) = key.value(handle(ctx)?)? else { return Ok(Reply::Null.into()) };
    let streamed: Streamed = ctx.stream(|reply| {
        reply.map(3, |reply| {
            reply.bulk("label")?;
            reply.bulk(series.label())?;
            reply.bulk("samples")?;
            reply.int(series.len() as i64)?;
            reply.bulk("sum")?;
            reply.long_double(series.sum())
        })
    })?;
    Ok(streamed.into())
}

/// SERIES.TOTALS
fn totals<'cx>(ctx: &CommandContext<'cx>, args: Args<'cx>) -> Result<Reply, Error> {
    args.finish()?;
    let added = *ADDED.try_borrow(ctx)?;
    let unlinked = UNLINKED.load(Ordering::Relaxed);
    Ok(Reply::map([("added", Reply::Int(added as i64)), ("unlinked", Reply::Int(unlinked as i64))]))
}
