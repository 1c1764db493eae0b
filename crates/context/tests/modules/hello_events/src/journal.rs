//! What has happened, for HE.JOURNAL and INFO.

use redis_context::{
    Args, Command, CommandContext, CommandFlags, Context, Error, LoadContext, MainCell, Reply,
};

/// Older lines are dropped.
const LINES_MAX: usize = 1000;

static JOURNAL: MainCell<Vec<String>> = MainCell::new(Vec::new());

/// Notes a line.
pub fn note(ctx: &Context<'_>, line: impl Into<String>) {
    let mut journal = JOURNAL.borrow_mut(ctx);
    if journal.len() >= LINES_MAX {
        journal.remove(0);
    }
    journal.push(line.into());
}

/// How many lines there are.
pub fn len(ctx: &Context<'_>) -> usize {
    JOURNAL.borrow(ctx).len()
}

/// Text out of any bytes.
pub fn text(bytes: impl AsRef<[u8]>) -> String {
    String::from_utf8_lossy(bytes.as_ref()).into_owned()
}

pub fn register(load: &LoadContext<'_>) -> Result<(), Error> {
    let flags = CommandFlags::READONLY
        | CommandFlags::ALLOW_LOADING
        | CommandFlags::ALLOW_STALE
        | CommandFlags::ALLOW_BUSY;
    load.command(Command::new(c"he.journal").flags(flags), journal)?;
    load.info(|info| {
        if info.for_crash_report() {
            return info.section("journal", |section| section.bool("crashed", true));
        }
        info.section("journal", |section| {
            let lines = section.context().map_or(0, len);
            section.uint("lines", lines as u64);
            // Asking for INFO in the middle of it does not come back to here.
            let asked = section.context().and_then(|ctx| ctx.server_info(c"everything"));
            section.bool("asked", asked.is_some());
            section.text("text", "a\r\nb:c");
            section.double("double", 1.5);
            section.dict("dict of", |fields| {
                fields.int("minus", -1);
                fields.text("text", "x,y=z");
            });
        });
    })?;
    load.info(|_| panic!("in an INFO section"))
}

/// HE.JOURNAL [CLEAR]: the lines, oldest first.
fn journal<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let lines = JOURNAL.borrow(ctx).clone();
    if args.take_keyword("clear") {
        JOURNAL.take(ctx)?;
    }
    args.finish()?;
    Ok(Reply::array(lines))
}
