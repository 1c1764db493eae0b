//! OW.YIELD.

use redis_context::{
    Args, Command, CommandContext, CommandFlags, Error, LoadContext, MainCell, Reply, YieldTo,
};

use crate::note;

static BORROWED: MainCell<i64> = MainCell::new(0);

pub fn register(load: &LoadContext<'_>) -> Result<(), Error> {
    load.command(Command::new(c"ow.yield").flags(CommandFlags::READONLY), long)?;
    load.command(Command::new(c"ow.borrow").flags(crate::ANY), |ctx: &CommandContext<'_>, _: Args<'_>| {
        Ok::<_, Error>(Reply::Int(*BORROWED.try_borrow_mut(ctx)?))
    })
}

/// OW.YIELD EVENTS | CLIENTS: works until someone opens the gate, with a state borrowed.
fn long<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    if args.take_keyword("open-key") {
        let name = args.next_arg()?;
        let key = ctx.open_read(name)?;
        let refused = ctx.yield_now(YieldTo::Events);
        drop(key);
        return Ok(Reply::bulk(format!("{refused:?}")));
    }
    let clients = args.take_keyword("clients");
    let to = if clients { YieldTo::Clients(c"busy %s%n\r\nodd") } else { YieldTo::Events };
    args.take_keyword("events");
    let mut rounds = BORROWED.borrow_mut(ctx);
    *rounds = 0;
    note(ctx, "yield begins");
    let end = ctx.now() + std::time::Duration::from_secs(args.next_u64()?);
    while ctx.now() < end && !crate::late::gate_is_open() {
        ctx.yield_now(to)?;
        *rounds += 1;
    }
    note(ctx, "yield ends");
    Ok(Reply::Int(*rounds))
}
