//! Replies of every kind, as values and as a stream; a documented command; a group of subcommands.

use redis_context::{
    Arg, Args, BeginSearch, Command, CommandContext, CommandFlags, CommandInfo, Error, ErrorReply, FindKeys,
    KeyAccess, KeySpec, LoadContext, MainCell, Outcome, Reply, VerbatimFormat,
};

static ECHO_INFO: CommandInfo = CommandInfo {
    summary: Some(c"Replies with a value of the kind asked for."),
    complexity: Some(c"O(1)"),
    since: Some(c"0.1.0"),
    history: &[(c"0.2.0", c"More kinds.")],
    tips: Some(c"nondeterministic_output"),
    arity: -2,
    args: &[
        Arg::one_of(c"kind-name", KINDS),
        Arg::block(c"repeat", &[Arg::word(c"times-word", c"TIMES"), Arg::integer(c"times")]).optional(),
    ],
    ..CommandInfo::EMPTY
};
const KINDS: &[Arg] = &[Arg::word(c"null", c"NULL"), Arg::string(c"other")];

static SUM_INFO: CommandInfo = CommandInfo {
    summary: Some(c"Tells how many keys exist."),
    arity: -3,
    key_specs: &[KeySpec {
        notes: None,
        access: KeyAccess::RO.union(KeyAccess::ACCESS),
        begin: BeginSearch::Index(1),
        find: FindKeys::Count { index: 0, first: 1, step: 1 },
    }],
    args: &[Arg::integer(c"numkeys"), Arg::key(c"key", 0).multiple()],
    ..CommandInfo::EMPTY
};

pub fn register(load: &LoadContext<'_>) -> Result<(), Error> {
    let fast = CommandFlags::READONLY | CommandFlags::FAST;
    load.command(Command::new(c"hello.reply").flags(fast).info(&ECHO_INFO).acl(c"connection"), reply)?;
    load.command(Command::new(c"hello.keys").flags(fast).info(&SUM_INFO), keys)?;
    load.command_with_keys(Command::new(c"hello.lastkey").flags(fast), keys, |positions| {
        let last = positions.args().len();
        positions.key(last, KeyAccess::RO | KeyAccess::ACCESS);
        positions.key(last + 1, KeyAccess::RO);
    })?;
    let group = load.command_group(Command::new(c"hello.count"))?;
    group.subcommand(Command::new(c"up").flags(fast), |ctx, mut args| {
        let step = if args.is_empty() { 1 } else { args.next_i64()? };
        let mut count = COUNT.try_borrow_mut(ctx)?;
        *count += step;
        Ok::<_, Error>(*count)
    })?;
    group.subcommand(Command::new(c"args").flags(fast), |_, args| Ok::<_, Error>(listed(args)))
}

static COUNT: MainCell<i64> = MainCell::new(0);

fn listed(args: Args<'_>) -> Reply {
    Reply::array(args.map(Reply::bulk))
}

fn keys(_: &CommandContext<'_>, args: Args<'_>) -> Result<Reply, Error> {
    Ok(listed(args))
}

/// `HELLO.REPLY kind`
fn reply(_: &CommandContext<'_>, mut args: Args<'_>) -> Result<Outcome, ErrorReply> {
    let reply = match args.next_str()? {
        "null" => Reply::Null,
        "int" => Reply::Int(-7),
        "double" => Reply::Double(1.5),
        "bool" => Reply::Bool(true),
        "bulk" => Reply::bulk(b"a\0b\r\n\xff"),
        "simple" => Reply::Simple("two\r\nlines".into()),
        "error" => Reply::Error(ErrorReply::new("busykey", "not\r\nnow %s%n")),
        "array" => Reply::array([Reply::Int(1), Reply::Array(vec![]), Reply::OK]),
        "map" => Reply::map([("a", Reply::Int(1)), ("b", Reply::Bool(false))]),
        "set" => Reply::Set(vec![Reply::Int(1), Reply::Int(2)]),
        "verbatim" => Reply::Verbatim(VerbatimFormat::Markdown, b"*hi*".to_vec()),
        "plain" => Reply::Verbatim(VerbatimFormat::Text, b"a\r\n\0".to_vec()),
        "no-list" => Reply::NullArray,
        "attributed" => {
            let attributes = vec![(Reply::from("popular"), Reply::Array(vec![Reply::Int(1)]))];
            Reply::Attributed(attributes, Box::new(Reply::Int(7)))
        }
        "big" => Reply::BigNumber("-123456789012345678901234567890".into()),
        "notbig" => Reply::BigNumber("12x".into()),
        "fail" => return Err(ErrorReply::new("OWN", "the module's own error")),
        _ => return Err(Error::Syntax.into()),
    };
    Ok(reply.into())
}
