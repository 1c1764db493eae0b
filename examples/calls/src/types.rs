//! CALLS.TYPE: looking into a reply.

use redis_context::{
    Args, CallFlags, Command, CommandContext, CommandFlags, CommandInfo, Error, LoadContext, Reply, ReplyRef,
    ReplyView,
};

static TYPE: CommandInfo = CommandInfo {
    summary: Some(c"Runs a command and describes its reply."),
    arity: -2,
    ..CommandInfo::EMPTY
};

pub fn register(load: &LoadContext<'_>, flags: CommandFlags) -> Result<(), Error> {
    load.command(Command::new(c"calls.type").flags(flags).info(&TYPE), describe)
}

/// CALLS.TYPE command [arg ..]
fn describe<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let reply = crate::run(ctx, &mut args, CallFlags::RESP3)?;
    let kind = kind(reply.as_reply());
    Ok(match reply.as_reply().attributes() {
        Some(attributes) => Reply::Array(vec![kind.into(), Reply::Map(attributes)]),
        None => kind.into(),
    })
}

fn kind(reply: ReplyRef<'_>) -> String {
    let text = String::from_utf8_lossy;
    match reply.view() {
        ReplyView::Null => "null".to_owned(),
        ReplyView::Int(value) => format!("integer {value}"),
        ReplyView::Double(value) => format!("double {value}"),
        ReplyView::Bool(value) => format!("boolean {value}"),
        ReplyView::String(bytes) => format!("string {}", text(bytes)),
        ReplyView::Error(message) => format!("error {}", text(message)),
        ReplyView::BigNumber(digits) => format!("big number {}", text(digits)),
        ReplyView::Verbatim(bytes, format) => format!("{} {}", text(format), text(bytes)),
        ReplyView::Array(items) => format!("array of {}", items.len()),
        ReplyView::Set(members) => format!("set of {}", members.len()),
        ReplyView::Map(pairs) => format!("map of {}", pairs.len()),
        _ => "something new".to_owned(),
    }
}
