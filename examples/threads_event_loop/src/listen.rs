//! WORK.LISTEN and WORK.HEARD: descriptors that the event loop watches.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::{BorrowedFd, OwnedFd};

use redis_context::{
    Arg, Args, Command, CommandContext, CommandFlags, CommandInfo, Context, Error, FdWatcher, LoadContext,
    LogLevel, MainCell, Readiness, Reply, TimerContext,
};

/// The one port, and those who have connected to it.
static LISTENER: MainCell<Option<FdWatcher>> = MainCell::new(None);
static CALLERS: MainCell<BTreeMap<u64, FdWatcher>> = MainCell::new(BTreeMap::new());
static HEARD: MainCell<Vec<Vec<u8>>> = MainCell::new(Vec::new());

const CALLERS_MAX: usize = 16;
const HEARD_MAX: usize = 100;

static LISTEN: CommandInfo = CommandInfo {
    summary: Some(c"Listens on a port of the loopback interface; 0 ends it."),
    arity: 2,
    args: &[Arg::integer(c"port")],
    ..CommandInfo::EMPTY
};
static SHOW: CommandInfo =
    CommandInfo { summary: Some(c"Shows what was heard, and forgets it."), arity: 1, ..CommandInfo::EMPTY };

pub fn register(load: &LoadContext<'_>) -> Result<(), Error> {
    let admin = CommandFlags::ADMIN | CommandFlags::DENY_SCRIPT;
    load.command(Command::new(c"work.listen").flags(admin).info(&LISTEN), listen)?;
    load.command(Command::new(c"work.heard").flags(CommandFlags::FAST).info(&SHOW), heard)
}

fn io(error: std::io::Error) -> Error {
    Error::module(error.to_string())
}

fn listen<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let port = u16::try_from(args.next_u64()?).map_err(|_| Error::NotAnInteger)?;
    drop((LISTENER.take(ctx)?, CALLERS.take(ctx)?));
    if port != 0 {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(io)?;
        listener.set_nonblocking(true).map_err(io)?;
        let watcher = FdWatcher::start(ctx, OwnedFd::from(listener), Readiness::READABLE, |ctx, fd, _| {
            if let Err(error) = accept(ctx, fd) {
                ctx.log_fmt(LogLevel::Warning, format_args!("nobody was let in: {error}"));
            }
        })?;
        LISTENER.replace(ctx, Some(watcher))?;
    }
    Ok(Reply::OK)
}

fn accept(ctx: &TimerContext<'_>, fd: BorrowedFd<'_>) -> Result<(), Error> {
    let listener = TcpListener::from(fd.try_clone_to_owned().map_err(io)?);
    let (caller, _) = listener.accept().map_err(io)?;
    caller.set_nonblocking(true).map_err(io)?;
    let mut callers = CALLERS.try_borrow_mut(ctx)?;
    if callers.len() >= CALLERS_MAX {
        return Err(Error::module("too many callers"));
    }
    let number = callers.last_key_value().map_or(0, |(last, _)| last + 1);
    let watcher = FdWatcher::start(ctx, OwnedFd::from(caller), Readiness::READABLE, move |ctx, fd, _| {
        if !hear(ctx, fd) {
            // Its own watcher: what runs now stays until it has returned.
            let watcher = CALLERS.borrow_mut(ctx).remove(&number);
            drop(watcher);
        }
    })?;
    callers.insert(number, watcher);
    Ok(())
}

/// Notes what a caller says; `false` when there is nothing more to come.
fn hear(ctx: &Context<'_>, fd: BorrowedFd<'_>) -> bool {
    let mut buffer = [0; 1024];
    let read = fd.try_clone_to_owned().map(TcpStream::from).and_then(|mut caller| caller.read(&mut buffer));
    match read {
        Ok(0) => false,
        Ok(len) => {
            let mut heard = HEARD.borrow_mut(ctx);
            if heard.len() < HEARD_MAX {
                heard.push(buffer[..len].to_vec());
            }
            true
        }
        Err(error) => error.kind() == ErrorKind::WouldBlock,
    }
}

fn heard<'cx>(ctx: &CommandContext<'cx>, _args: Args<'cx>) -> Result<Reply, Error> {
    Ok(Reply::array(HEARD.take(ctx)?))
}
