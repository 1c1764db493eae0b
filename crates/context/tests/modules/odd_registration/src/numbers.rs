//! Positions of keys, arities, and arguments that hold each other.

use redis_context::{
    Arg, Args, BeginSearch, Command, CommandInfo, Error, FindKeys, KeyAccess, KeySpec, LoadContext,
};

use crate::commands::echo;

fn number(args: &mut Args<'_>) -> Result<i32, Error> {
    i32::try_from(args.next_i64()?).map_err(|_| Error::NotAnInteger)
}

fn described(load: &LoadContext<'_>, info: CommandInfo) -> Result<(), Error> {
    load.command(Command::new(c"odd.keys").info(Box::leak(Box::new(info))), echo)
}

/// `first last step`
pub fn keys(load: &LoadContext<'_>, args: &mut Args<'_>) -> Result<(), Error> {
    let (first, last, step) = (number(args)?, number(args)?, number(args)?);
    load.command(Command::new(c"odd.keys").keys(first, last, step), echo)
}

/// `arity INDEX|WORD begin RANGE|COUNT a b c`
pub fn spec(load: &LoadContext<'_>, args: &mut Args<'_>) -> Result<(), Error> {
    let arity = number(args)?;
    let begin = match args.next_str()? {
        "INDEX" => BeginSearch::Index(number(args)?),
        _ => BeginSearch::Keyword(c"KEYS", number(args)?),
    };
    let is_range = args.next_str()? == "RANGE";
    let (a, b, c) = (number(args)?, number(args)?, number(args)?);
    let find = if is_range {
        FindKeys::Range { last: a, step: b, limit: c }
    } else {
        FindKeys::Count { index: a, first: b, step: c }
    };
    let specs = vec![KeySpec { notes: None, access: KeyAccess::RW, begin, find }];
    described(
        load,
        CommandInfo { arity, key_specs: Box::leak(specs.into_boxed_slice()), ..CommandInfo::EMPTY },
    )
}

pub fn arity(load: &LoadContext<'_>, args: &mut Args<'_>) -> Result<(), Error> {
    let arity = number(args)?;
    described(load, CommandInfo { arity, ..CommandInfo::EMPTY })
}

static CHICKEN: [Arg; 1] = [Arg::block(c"chicken", &EGG)];
static EGG: [Arg; 1] = [Arg::block(c"egg", &CHICKEN)];
static EMPTY: [Arg; 1] = [Arg::one_of(c"nothing", &[])];
static SPEC: [Arg; 1] = [Arg::key(c"key", 9)];
static WIDE: [Arg; 2000] = [Arg::string(c"a"); 2000];

pub fn arguments(load: &LoadContext<'_>, which: &str) -> Result<(), Error> {
    let args: &'static [Arg] = match which {
        "cyclic" => &CHICKEN,
        "empty" => &EMPTY,
        "spec" => &SPEC,
        "wide" => &WIDE,
        "deep" => deep(7),
        _ => deep(100_000),
    };
    described(load, CommandInfo { args, ..CommandInfo::EMPTY })
}

fn deep(levels: usize) -> &'static [Arg] {
    let mut args: &'static [Arg] = &[const { Arg::string(c"leaf") }];
    for _ in 0..levels {
        args = Box::leak(Box::new([Arg::block(c"level", args)]));
    }
    args
}
