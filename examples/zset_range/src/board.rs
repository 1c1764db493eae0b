//! A leader board: BOARD.ADD, BOARD.INCR, BOARD.SCORE, BOARD.LEAVE, BOARD.TOP, BOARD.BETWEEN, BOARD.AROUND, BOARD.NAMES.

use std::ops::Bound;

use redis_context::{
    Arg, Args, Command, CommandContext, CommandFlags, CommandInfo, Error, LoadContext, RedisStr, RedisString,
    Reply, ZsetAdded, ZsetCondition, ZsetStart,
};

/// How many members one reply holds at most.
const SHOWN_MAX: usize = 1000;

const fn info(summary: &'static std::ffi::CStr, arity: i32, args: &'static [Arg]) -> CommandInfo {
    CommandInfo { summary: Some(summary), arity, args, ..CommandInfo::EMPTY }
}

const BOARD: Arg = Arg::key(c"board", 0);
const PLAYER: Arg = Arg::string(c"player");

static ADD: CommandInfo = info(
    c"Gives a player a score.",
    -4,
    &[
        BOARD,
        Arg::double(c"score"),
        PLAYER,
        Arg::one_of(
            c"condition",
            &[
                Arg::word(c"if-missing", c"IFMISSING"),
                Arg::word(c"if-present", c"IFPRESENT"),
                Arg::word(c"if-greater", c"IFGREATER"),
                Arg::word(c"if-less", c"IFLESS"),
            ],
        )
        .optional(),
    ],
);
static INCR: CommandInfo = info(c"Adds to a player's score.", 4, &[BOARD, Arg::double(c"points"), PLAYER]);
static SCORE: CommandInfo = info(c"A player's score.", 3, &[BOARD, PLAYER]);
static LEAVE: CommandInfo = info(c"Takes a player off the board.", 3, &[BOARD, PLAYER]);
static TOP: CommandInfo = info(c"The best players, best first.", 3, &[BOARD, Arg::integer(c"count")]);
static BETWEEN: CommandInfo = info(
    c"Players from one score up to, but not including, another.",
    4,
    &[BOARD, Arg::double(c"from"), Arg::double(c"below")],
);
static AROUND: CommandInfo =
    info(c"A player between the next worse and the next better one.", 3, &[BOARD, PLAYER]);
static NAMES: CommandInfo = info(
    c"Players of the same score from one name on, in the order of their names.",
    -3,
    &[BOARD, Arg::string(c"from"), Arg::word(c"reverse", c"REVERSE").optional()],
);

pub fn register(load: &LoadContext<'_>) -> Result<(), Error> {
    let write = CommandFlags::WRITE | CommandFlags::DENY_OOM;
    let write = |name, info| Command::new(name).flags(write).keys(1, 1, 1).info(info);
    let read = |name, info| Command::new(name).flags(CommandFlags::READONLY).keys(1, 1, 1).info(info);
    load.command(write(c"board.add", &ADD), add)?;
    load.command(write(c"board.incr", &INCR), incr)?;
    load.command(read(c"board.score", &SCORE), score)?;
    load.command(write(c"board.leave", &LEAVE), leave)?;
    load.command(read(c"board.top", &TOP), top)?;
    load.command(read(c"board.between", &BETWEEN), between)?;
    load.command(read(c"board.around", &AROUND), around)?;
    load.command(read(c"board.names", &NAMES), names)
}

fn number(text: RedisStr<'_>) -> Result<f64, Error> {
    let number = text.to_str().ok().and_then(|text| text.parse().ok());
    number.ok_or_else(|| Error::module("value is not a valid float"))
}

fn condition(args: &mut Args<'_>) -> ZsetCondition {
    let words = [
        ("ifmissing", ZsetCondition::IfMissing),
        ("ifpresent", ZsetCondition::IfPresent),
        ("ifgreater", ZsetCondition::IfGreater),
        ("ifless", ZsetCondition::IfLess),
    ];
    let found = words.into_iter().find(|(word, _)| args.take_keyword(word));
    found.map_or(ZsetCondition::Always, |(_, condition)| condition)
}

fn add<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let (board, score, player) = (args.next_arg()?, number(args.next_arg()?)?, args.next_arg()?);
    let condition = condition(&mut args);
    args.finish()?;
    let added = ctx.open_write(board)?.zset_add(player, score, condition)?;
    if matches!(added, ZsetAdded::Added | ZsetAdded::Updated) {
        ctx.replicate_verbatim()?;
    }
    Ok(Reply::Simple(
        match added {
            ZsetAdded::Added => "added",
            ZsetAdded::Updated => "updated",
            ZsetAdded::Unchanged => "unchanged",
            ZsetAdded::Skipped => "skipped",
        }
        .into(),
    ))
}

fn incr<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Option<f64>, Error> {
    let (board, points, player) = (args.next_arg()?, number(args.next_arg()?)?, args.next_arg()?);
    let score = ctx.open_write(board)?.zset_incr(player, points, ZsetCondition::Always)?;
    ctx.replicate_verbatim()?;
    Ok(score)
}

fn score<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Option<f64>, Error> {
    ctx.open_read(args.next_arg()?)?.zset_score(args.next_arg()?)
}

fn leave<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<i64, Error> {
    let left = ctx.open_write(args.next_arg()?)?.zset_remove(args.next_arg()?)?;
    if left {
        ctx.replicate_verbatim()?;
    }
    Ok(left.into())
}

fn top<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let mut board = ctx.open_read(args.next_arg()?)?;
    let count = args.next_u64()?.min(SHOWN_MAX as u64) as usize;
    let best = board.zset_by_score(.., ZsetStart::Last)?.take(count);
    Ok(Reply::Array(best.flat_map(|(player, score)| [shown(&player), Reply::Double(score)]).collect()))
}

fn between<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let mut board = ctx.open_read(args.next_arg()?)?;
    let scores = number(args.next_arg()?)?..number(args.next_arg()?)?;
    let players = board.zset_by_score(scores, ZsetStart::First)?.take(SHOWN_MAX);
    Ok(Reply::Array(players.map(|(player, _)| shown(&player)).collect()))
}

/// Looks to both sides of the player's score, past others who have the same: two walks, one after the other.
fn around<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let mut board = ctx.open_read(args.next_arg()?)?;
    let player = args.next_arg()?;
    let Some(score) = board.zset_score(player)? else { return Ok(Reply::Array(Vec::new())) };
    let worse = board.zset_by_score(..score, ZsetStart::Last)?.next();
    let better = (Bound::Excluded(score), Bound::Unbounded);
    let better = board.zset_by_score(better, ZsetStart::First)?.next();
    let players = [worse, Some((player.to_owned(), score)), better];
    Ok(Reply::Array(players.iter().flatten().map(|(player, _)| shown(player)).collect()))
}

fn names<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let mut board = ctx.open_read(args.next_arg()?)?;
    let from = (Bound::Included(args.next_arg()?.as_bytes()), Bound::Unbounded);
    let start = if args.take_keyword("reverse") { ZsetStart::Last } else { ZsetStart::First };
    args.finish()?;
    let players = board.zset_by_name(from, start)?.take(SHOWN_MAX);
    Ok(Reply::Array(players.map(|(player, _)| shown(&player)).collect()))
}

fn shown(player: &RedisString) -> Reply {
    Reply::bulk(player)
}
