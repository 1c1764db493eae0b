//! OW.LOCK: closures under the server's lock.

use std::cell::RefCell;
use std::ops::ControlFlow;
use std::rc::Rc;

use redis_context::{
    Args, CallFlags, Command, CommandContext, Context, Error, LoadContext, LockError, LockedContext,
    MainCell, NotifyFlags, Outcome, RedisString, Reply, ScanCursor, ServerLock, Waker, YieldTo, thread,
};

use crate::{ANY, note};

pub static LOCK: MainCell<Option<ServerLock>> = MainCell::new(None);

/// State that is not `Send`: only the lock's thread and the main thread touch it, one at a time.
static SHARED: MainCell<Option<Rc<RefCell<i64>>>> = MainCell::new(None);

thread_local! {
    static SMUGGLED: RefCell<Option<Rc<RefCell<i64>>>> = const { RefCell::new(None) };
    static STRING: RefCell<Option<RedisString>> = const { RefCell::new(None) };
}

pub fn register(load: &LoadContext<'_>) -> Result<(), Error> {
    LOCK.replace(load, Some(load.server_lock()?))?;
    SHARED.replace(load, Some(Rc::default()))?;
    load.subscribe(NotifyFlags::STRING, |ctx, event| {
        let smuggled = SHARED.borrow(ctx).clone();
        SMUGGLED.with(|slot| *slot.borrow_mut() = smuggled);
        STRING.with(|slot| *slot.borrow_mut() = Some(RedisString::new(event.key.as_bytes())));
        if event.key.as_bytes().starts_with(b"relock") {
            note(ctx, format!("relock {:?}", relock(ctx)));
        }
    })?;
    load.command(Command::new(c"ow.lock").flags(ANY), lock)?;
    load.command(Command::new(c"ow.held").flags(ANY), |ctx: &CommandContext<'_>, _: Args<'_>| {
        Ok::<_, Error>(Reply::bulk(format!("{:?} {:?}", relock(ctx), yield_here(ctx))))
    })?;
    load.command(Command::new(c"ow.shared").flags(ANY), |ctx: &CommandContext<'_>, _: Args<'_>| {
        let shared = SHARED.borrow(ctx).clone().ok_or_else(|| Error::module("not loaded"))?;
        *shared.borrow_mut() += 1;
        let value = *shared.borrow();
        Ok::<_, Error>(Reply::Int(value))
    })
}

fn relock(ctx: &Context<'_>) -> (Result<(), LockError>, Result<(), LockError>) {
    let lock = LOCK.borrow(ctx).clone();
    lock.map_or((Ok(()), Ok(())), |lock| (lock.run(|_| ()), lock.try_run(|_| ())))
}

fn yield_here(ctx: &CommandContext<'_>) -> Result<(), Error> {
    ctx.yield_now(YieldTo::Events)
}

/// OW.LOCK what [arg]: a thread does it under the lock and answers with its result.
fn lock<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Outcome, Error> {
    let what = args.next_str()?.to_owned();
    let arg = args.next().map_or_else(Vec::new, |arg| arg.as_bytes().to_vec());
    let lock = LOCK.borrow(ctx).clone().ok_or_else(|| Error::module("not loaded"))?;
    let (blocked, unblocker) = ctx.block::<String>().on_reply(|_, text| Ok(Reply::from(text))).start()?;
    let body = move || unblocker.unblock(format!("{:?}", under_lock(&lock, &what, &arg)));
    let _ = thread::spawn("odd", body);
    Ok(blocked.into())
}

fn under_lock(lock: &ServerLock, what: &str, arg: &[u8]) -> Result<String, LockError> {
    // Borrowed by the closure: it lives on this thread's stack.
    let what = &what;
    match *what {
        "try" => loop {
            match lock.try_run(|ctx| format!("tried {}", ctx.db_size())) {
                Err(LockError::WouldBlock) => std::thread::yield_now(),
                other => return other,
            }
        },
        "std" => {
            let lock = lock.clone();
            let there = std::thread::spawn(move || format!("{:?}", lock.run(|_| ())));
            Ok(there.join().unwrap_or_default())
        }
        "scan" => {
            let mut cursor = lock.run(|ctx| ScanCursor::new(ctx))?;
            let mut seen = 0;
            while lock.run(|ctx| {
                cursor.step(ctx, |_, _, _| {
                    seen += 1;
                    ControlFlow::Continue(())
                })
            })? == redis_context::ScanProgress::More
            {}
            Ok(format!("{seen} keys"))
        }
        _ => lock.run(|ctx| odd(ctx, what, arg)),
    }
}

fn odd(ctx: &LockedContext<'_>, what: &str, arg: &[u8]) -> String {
    match what {
        "panic" => panic!("under the lock"),
        "twice" => format!("{:?}", relock(ctx)),
        "waker" => format!("{:?}", Waker::new(ctx).err()),
        "shared" => {
            let shared = SHARED.borrow(ctx).clone();
            shared.map_or_else(String::new, |shared| {
                *shared.borrow_mut() += 1;
                format!("{}", shared.borrow())
            })
        }
        "write" => match ctx.may_write_now() {
            Err(error) => format!("{error:?}"),
            Ok(write) => {
                let first = write.call(c"SET", CallFlags::REPLICATE, &[arg, b"1"]).is_ok();
                let second = write.call(c"INCR", CallFlags::REPLICATE, &[arg]).is_ok();
                let other = write.call(c"SELECT", CallFlags::empty(), &[b"1"]).is_ok();
                let fork = write.fork(|_| 0, |_, _| ()).err();
                format!("{first} {second} {other} {fork:?}")
            }
        },
        "call" => match ctx.may_write_now() {
            Err(error) => format!("{error:?}"),
            Ok(write) => match write.call(c"ow.held", CallFlags::empty(), &[]).map(|held| held.to_reply()) {
                Ok(Reply::Bulk(held)) => String::from_utf8_lossy(&held).into_owned(),
                other => format!("{other:?}"),
            },
        },
        "db" => {
            let was = ctx.selected_db();
            let _ = ctx.select_db(3);
            format!("{was} {}", ctx.selected_db())
        }
        _ => String::new(),
    }
}
