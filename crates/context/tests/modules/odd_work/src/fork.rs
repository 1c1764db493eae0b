//! OW.FORK, OW.KILL.

use std::time::Duration;

use redis_context::{Args, Command, CommandContext, Error, ForkedChild, LoadContext, MainCell, Reply};

use crate::{ANY, note};

static CHILD: MainCell<Option<ForkedChild>> = MainCell::new(None);

/// Tells whether what `done` has captured was dropped.
struct Captured;

impl Drop for Captured {
    fn drop(&mut self) {
        redis_context::log(redis_context::LogLevel::Notice, "the captured is dropped");
    }
}

pub fn register(load: &LoadContext<'_>) -> Result<(), Error> {
    load.command(Command::new(c"ow.fork").flags(ANY), fork)?;
    load.command(Command::new(c"ow.kill").flags(ANY), |ctx: &CommandContext<'_>, _: Args<'_>| {
        Ok::<_, Error>(Reply::Bool(CHILD.take(ctx)?.is_some_and(|child| child.kill(ctx))))
    })
}

/// OW.FORK EXIT code | PANIC | HANG | BEAT | WRITE, [DONEPANIC]
fn fork<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let what = args.next_str()?.to_owned();
    let code = if what == "exit" { args.next_u64()? as u8 } else { 0 };
    let done_panics = args.take_keyword("donepanic");
    let captured = Captured;
    let child = ctx.fork(
        move |ctx| {
            match what.as_str() {
                "panic" => panic!("in a child"),
                "hang" | "beat" => loop {
                    for progress in [0.5, f64::NAN, 7.0, -1.0, f64::INFINITY, 0.25] {
                        ctx.heartbeat(progress);
                    }
                    std::thread::sleep(Duration::from_millis(5));
                },
                _ => {}
            }
            note(ctx, "seen by nobody");
            code
        },
        move |ctx, end| {
            note(ctx, format!("end {end:?}"));
            drop(captured);
            assert!(!done_panics, "at the end of a child");
        },
    )?;
    let pid = child.pid();
    CHILD.replace(ctx, Some(child))?;
    Ok(Reply::Int(pid.into()))
}
