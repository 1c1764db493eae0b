//! What has happened since somebody asked.

use std::collections::VecDeque;

use redis_context::{
    Args, Command, CommandContext, CommandFlags, CommandInfo, Context, Error, LoadContext, MainCell, Reply,
};

/// Older lines are dropped.
const LINES_MAX: usize = 1000;

static LINES: MainCell<VecDeque<String>> = MainCell::new(VecDeque::new());

static INFO: CommandInfo = CommandInfo {
    summary: Some(c"What has happened since this was last asked, oldest first."),
    arity: 1,
    ..CommandInfo::EMPTY
};

/// Notes a line. Nothing else is borrowed or called meanwhile, so a listener can't come in between.
pub fn note(ctx: &Context<'_>, line: impl Into<String>) {
    let mut lines = LINES.borrow_mut(ctx);
    if lines.len() >= LINES_MAX {
        lines.pop_front();
    }
    lines.push_back(line.into());
}

/// Keys and names are any bytes: those that are no text are shown as `\xNN`.
pub fn text(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

pub fn register(load: &LoadContext<'_>) -> Result<(), Error> {
    let flags = CommandFlags::READONLY | CommandFlags::ALLOW_LOADING | CommandFlags::ALLOW_STALE;
    load.command(Command::new(c"events").flags(flags).info(&INFO), events)
}

/// EVENTS
fn events<'cx>(ctx: &CommandContext<'cx>, args: Args<'cx>) -> Result<Reply, Error> {
    args.finish()?;
    Ok(Reply::array(LINES.take(ctx)?))
}
