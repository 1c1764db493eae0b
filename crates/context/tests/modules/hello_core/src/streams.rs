//! Replies written piece by piece, right and wrong.

use redis_context::{
    Args, Command, CommandContext, CommandFlags, Error, ErrorReply, LoadContext, ReplyWriter, Streamed,
};

pub fn register(load: &LoadContext<'_>) -> Result<(), Error> {
    let fast = CommandFlags::READONLY | CommandFlags::FAST;
    load.command(Command::new(c"hello.stream").flags(fast), stream)
}

/// `HELLO.STREAM case`
fn stream(ctx: &CommandContext<'_>, mut args: Args<'_>) -> Result<Streamed, Error> {
    let case = args.next_str()?;
    let streamed = ctx.stream(|out| match case {
        "map" => out.map(2, |map| {
            map.simple("list")?;
            map.array_uncounted(|list| (0..3).try_for_each(|i| list.int(i)))?;
            map.simple("set")?;
            map.set(1, |set| set.bulk("x"))
        }),
        "odd" => out.map_uncounted(|map| map.bulk("key without value")),
        "sets" => out.set_uncounted(|set| {
            set.set_uncounted(|_| Ok(()))?;
            set.set_uncounted(|inner| inner.bulk("x"))
        }),
        "short" => out.array(3, |list| list.int(1)),
        "long" => out.array(1, |list| {
            list.int(1)?;
            list.int(2)
        }),
        "panic" => out.array(3, |list| {
            list.int(1)?;
            panic!("half-way")
        }),
        "pieces" => out.array(5, |list| {
            list.c_str(c"a C string")?;
            list.empty_bulk()?;
            list.empty_array()?;
            list.null_array()?;
            list.string(&args.peek().ok_or(Error::WrongArity)?)
        }),
        "error-fmt" => out.error_fmt("busy key", format_args!("100% of {}\r\n\0%s%n", 7)),
        "error-long" => out.error_fmt("", format_args!("{}", "x".repeat(2000))),
        "error-twice" => {
            out.error_fmt("ERR", format_args!("once"))?;
            out.error_fmt("ERR", format_args!("twice"))
        }
        "error-own" => out.error_fmt("OWN", format_args!("counted")),
        "uncounted" => out.error_uncounted(&ErrorReply::new("SECRET", "not\r\ncounted %s")),
        case => attributes(case, out),
    });
    if case == "twice" {
        return ctx.stream(|out| out.int(2));
    }
    streamed
}

/// Attributes, which clients that speak RESP2 never see.
fn attributes(case: &str, out: &mut ReplyWriter<'_>) -> Result<(), Error> {
    let pair = |map: &mut ReplyWriter<'_>| {
        map.bulk("ttl")?;
        map.int(3600)
    };
    match case {
        "attributes" => {
            out.attributes(1, pair)?;
            out.int(5)
        }
        "attributes-none" => {
            out.attributes(0, |_| panic!("there are none"))?;
            out.int(5)
        }
        "attributes-uncounted" => out.array(1, |list| {
            list.attributes_uncounted(|map| {
                pair(map)?;
                map.bulk("key without value")
            })?;
            list.int(5)
        }),
        // A value follows, whatever the body does.
        "attributes-last" => out.array_uncounted(|list| list.attributes(1, pair)),
        "attributes-alone" => out.attributes(1, pair),
        "attributes-twice" => {
            out.attributes(1, pair)?;
            out.attributes(1, pair)
        }
        "attributes-late" => {
            out.int(5)?;
            out.attributes(1, pair)
        }
        "attributes-panic" => out.attributes_uncounted(|map| {
            map.bulk("ttl")?;
            panic!("half-way")
        }),
        _ => Err(Error::Syntax),
    }
}
