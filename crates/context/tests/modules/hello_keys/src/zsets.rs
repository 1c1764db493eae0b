//! HK.ZSET: steps on one open sorted set. HK.WALK: steps of one walk.

use std::ops::Bound;

use redis_context::{
    Args, Command, CommandContext, CommandFlags, Error, LoadContext, RedisStr, RedisString, Reply, WriteKey,
    ZsetCondition, ZsetStart,
};

use crate::{answer, count, number};

pub fn register(load: &LoadContext<'_>) -> Result<(), Error> {
    load.command(Command::new(c"hk.zset").flags(CommandFlags::WRITE).keys(1, 1, 1), zset)?;
    load.command(Command::new(c"hk.walk").flags(CommandFlags::WRITE).keys(1, 1, 1), walk)
}

/// HK.ZSET key step ..
///
/// ADD condition score m | INCR condition by m | SCORE m | REMOVE m | LEN | KEYDEL | LEAK | SCORES min max | NAMES min max
fn zset<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let mut key = ctx.open_write(args.next_arg()?)?;
    let mut answers = Vec::new();
    while !args.is_empty() {
        answers.push(answer(step(&mut key, &mut args)));
    }
    Ok(Reply::Array(answers))
}

fn step(key: &mut WriteKey<'_>, args: &mut Args<'_>) -> Result<Reply, Error> {
    match args.next_str()? {
        "ADD" => {
            let (condition, score) = (condition(args)?, number(args.next_arg()?)?);
            Ok(Reply::from(format!("{:?}", key.zset_add(args.next_arg()?, score, condition)?)))
        }
        "INCR" => {
            let (condition, by) = (condition(args)?, number(args.next_arg()?)?);
            Ok(key.zset_incr(args.next_arg()?, by, condition)?.into())
        }
        "SCORE" => Ok(key.zset_score(args.next_arg()?)?.into()),
        "REMOVE" => Ok(count(key.zset_remove(args.next_arg()?)?)),
        "LEN" => Ok(Reply::Int(key.value_len() as i64)),
        "KEYDEL" => Ok(count(key.delete())),
        // A walk that is never dropped leaves its bounds behind, and harms nothing else.
        "LEAK" => {
            std::mem::forget(key.zset_by_name(.., ZsetStart::First)?);
            Ok(count(true))
        }
        "SCORES" => {
            let bounds = (score_bound(args.next_arg()?)?, score_bound(args.next_arg()?)?);
            let up = shown(key.zset_by_score(bounds, ZsetStart::First)?);
            let down = shown(key.zset_by_score(bounds, ZsetStart::Last)?);
            Ok(Reply::Array(vec![up, down]))
        }
        "NAMES" => {
            let bounds = (name_bound(args.next_arg()?)?, name_bound(args.next_arg()?)?);
            let up = shown(key.zset_by_name(bounds, ZsetStart::First)?);
            let down = shown(key.zset_by_name(bounds, ZsetStart::Last)?);
            Ok(Reply::Array(vec![up, down]))
        }
        _ => Err(Error::Syntax),
    }
}

/// HK.WALK key min max FIRST|LAST step ..: < and > step and answer 1 or 0, . answers where it stands, ! whether the end was
/// reached, * iterates to the end, = the score by the key
fn walk<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let mut key = ctx.open_write(args.next_arg()?)?;
    let bounds = (score_bound(args.next_arg()?)?, score_bound(args.next_arg()?)?);
    let start = if args.take_keyword("last") { ZsetStart::Last } else { ZsetStart::First };
    args.take_keyword("first");
    let mut range = key.zset_by_score(bounds, start)?;
    let steps = args.map(|step| match step.as_bytes() {
        b"<" => count(range.to_previous()),
        b">" => count(range.to_next()),
        b"!" => count(range.end_was_reached()),
        b"*" => shown(range.by_ref()),
        b"=" => {
            let member = range.current().map(|(member, _)| member);
            member.and_then(|member| range.key().zset_score(&member).ok()?).into()
        }
        _ => range.current().map_or(Reply::Null, |(member, _)| Reply::bulk(member)),
    });
    Ok(Reply::Array(steps.collect()))
}

fn shown(range: impl Iterator<Item = (RedisString, f64)>) -> Reply {
    Reply::Array(range.map(|(member, _)| Reply::bulk(member)).collect())
}

fn condition(args: &mut Args<'_>) -> Result<ZsetCondition, Error> {
    Ok(match args.next_str()? {
        "ALWAYS" => ZsetCondition::Always,
        "NX" => ZsetCondition::IfMissing,
        "XX" => ZsetCondition::IfPresent,
        "GT" => ZsetCondition::IfGreater,
        "LT" => ZsetCondition::IfLess,
        "XXGT" => ZsetCondition::IfPresentAndGreater,
        "XXLT" => ZsetCondition::IfPresentAndLess,
        _ => return Err(Error::Syntax),
    })
}

/// As ZRANGEBYSCORE writes it, and `*` for no bound.
fn score_bound(text: RedisStr<'_>) -> Result<Bound<f64>, Error> {
    if text.as_bytes() == b"*" {
        return Ok(Bound::Unbounded);
    }
    let text = text.to_str().map_err(|_| Error::Syntax)?;
    let parsed = |text: &str| text.parse().map_err(|_| Error::Syntax);
    match text.strip_prefix('(') {
        Some(text) => parsed(text).map(Bound::Excluded),
        None => parsed(text).map(Bound::Included),
    }
}

/// As ZRANGEBYLEX writes it, and `*` for no bound.
fn name_bound<'a>(text: RedisStr<'a>) -> Result<Bound<&'a [u8]>, Error> {
    match text.as_bytes() {
        b"*" => Ok(Bound::Unbounded),
        [b'[', name @ ..] => Ok(Bound::Included(name)),
        [b'(', name @ ..] => Ok(Bound::Excluded(name)),
        _ => Err(Error::Syntax),
    }
}
