//! WORK.PRIMES: a long command on the main thread.

use redis_context::{
    Arg, Args, Command, CommandContext, CommandFlags, CommandInfo, Error, LoadContext, Reply, YieldTo,
};

static PRIMES: CommandInfo = CommandInfo {
    summary: Some(c"Counts the primes below a number."),
    complexity: Some(c"O(N * sqrt(N))"),
    arity: 2,
    args: &[Arg::integer(c"number")],
    ..CommandInfo::EMPTY
};

pub fn register(load: &LoadContext<'_>) -> Result<(), Error> {
    let flags = CommandFlags::READONLY | CommandFlags::DENY_SCRIPT;
    load.command(Command::new(c"work.primes").flags(flags).info(&PRIMES), primes)
}

fn primes<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let end = args.next_u64()?;
    let mut count = 0;
    for number in 2..end {
        let is_prime =
            (2..).take_while(|factor| factor * factor <= number).all(|factor| number % factor != 0);
        count += i64::from(is_prime);
        if number % 1000 == 0 {
            // Others are answered -BUSY from busy-reply-threshold on, instead of nothing at all.
            ctx.yield_now(YieldTo::Clients(c"the module is counting primes"))?;
        }
    }
    Ok(Reply::Int(count))
}
