//! Clients that wait for keys: HW.KEYS, HW.SIGNAL, HW.GIVEUP.

use std::ffi::CString;
use std::time::Duration;

use redis_context::{
    Args, CallFlags, Command, CommandContext, CommandFlags, Error, ErrorReply, KeysUnblocker, LoadContext,
    MainCell, NotifyFlags, Outcome, Ready, ReadyContext, RedisStr, Reply,
};

use crate::tally::{Counted, note};

static WAITING: MainCell<Vec<KeysUnblocker<State>>> = MainCell::new(Vec::new());

struct State {
    what: Vec<u8>,
    calls: u32,
    _counted: Counted,
}

pub fn register(load: &LoadContext<'_>) -> Result<(), Error> {
    let flags = CommandFlags::BLOCKING | CommandFlags::WRITE;
    load.command(Command::new(c"hw.keys").flags(flags), wait)?;
    load.command(Command::new(c"hw.many"), many)?;
    load.command(Command::new(c"hw.signal").flags(CommandFlags::READONLY), signal)?;
    load.command(Command::new(c"hw.giveup"), give_up)?;
    load.subscribe(NotifyFlags::LIST, |ctx, event| {
        if event.key.as_bytes().starts_with(b"job:") && event.name == c"lpop" {
            let name = event.key.to_owned();
            let job = move |ctx: &redis_context::TimerContext<'_>| {
                let Ok(write) = ctx.may_write_now() else { return note("job: not now") };
                let id = String::from_utf8_lossy(name.as_bytes())["job:".len()..].to_owned();
                let called = write.call(c"CLIENT", CallFlags::empty(), &[b"UNBLOCK", id.as_bytes()]);
                note(format!("job: {:?}", called.map(|_| ())));
                let ended = WAITING.take(ctx).unwrap_or_default();
                for unblocker in ended {
                    note(format!("job: unblock {:?}", unblocker.unblock(ctx)));
                }
            };
            if let Err(error) = ctx.after(job) {
                note(format!("job: {error}"));
            }
        }
    })
}

/// HW.KEYS ms what [DELETED] key ..
fn wait<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Outcome, Error> {
    let timeout = Duration::from_millis(args.next_u64()?);
    let what = args.next_arg()?.as_bytes().to_vec();
    let deleted = args.take_keyword("deleted");
    let keys: Vec<RedisStr<'_>> = args.collect();
    let panics = what == b"PANIC";
    let closed = (what == b"CLOSE").then(|| ctx.client_id());
    let state = State { what, calls: 0, _counted: Counted::new() };
    let block =
        ctx.block_on_keys(&keys, state).on_ready(serve).timeout(timeout).on_disconnect(move |ctx, _state| {
            note(format!("keys: {:?}", ctx.moment()));
            closed.into_iter().for_each(|client| crate::plain::note_closing(ctx, client));
            assert!(!panics, "when a client that waits for keys left");
        });
    let block = if deleted { block.wake_on_deletion() } else { block };
    let block = block.on_timeout(move |ctx, state| {
        note(format!("keys: {:?}", ctx.moment()));
        assert!(!panics, "in the time-out of a client that waits for keys");
        Ok(Reply::from(format!("timeout after {}", state.calls)))
    });
    let (blocked, unblocker) = block.start()?;
    WAITING.try_borrow_mut(ctx)?.push(unblocker);
    Ok(blocked.into())
}

fn serve(ctx: &ReadyContext<'_>, key: RedisStr<'_>, state: &mut State) -> Result<Ready, ErrorReply> {
    state.calls += 1;
    let exists = ctx.open_read(key)?.exists();
    let what = String::from_utf8_lossy(&state.what).into_owned();
    match what.as_str() {
        "PANIC" => panic!("while a client that waits for keys is served"),
        "ERROR" => Err(ErrorReply::new("NEVER", "this key will not do")),
        "THIRD" if state.calls < 3 => Ok(Ready::NotYet),
        // Its own key, for ever: it must not keep the server busy.
        "SIGNAL" => {
            ctx.signal_key_ready(key)?;
            Ok(Ready::NotYet)
        }
        "SELF" => {
            let waiting = WAITING.take(ctx)?;
            let ended: Vec<_> = waiting.iter().map(|unblocker| unblocker.unblock(ctx)).collect();
            Ok(Ready::serve(format!("{ended:?}")))
        }
        "STREAM" => Ok(Ready::serve(ctx.stream(|writer| {
            writer.array_uncounted(|writer| {
                writer.bulk(key)?;
                writer.bool(exists)
            })
        })?)),
        // An answer that was begun is an answer, whatever is returned.
        "HALF" => {
            ctx.stream(|writer| writer.bulk("begun"))?.into_nothing();
            Ok(Ready::NotYet)
        }
        "POP" => {
            let reply = ctx.call(c"LPOP", CallFlags::REPLICATE, &[key.as_bytes()]).map_err(Error::from)?;
            let found: Option<Vec<u8>> = reply.get()?;
            Ok(found.map_or(Ready::NotYet, Ready::serve))
        }
        // CALL:CLIENT UNBLOCK 7 and the like.
        _ if what.starts_with("CALL:") => {
            let words: Vec<&[u8]> = what["CALL:".len()..].split(' ').map(str::as_bytes).collect();
            let name = CString::new(words[0]).map_err(|_| Error::Syntax)?;
            let called = ctx.call(&name, CallFlags::empty(), &words[1..]).map(|reply| reply.to_reply());
            Ok(Ready::serve(format!("{called:?}")))
        }
        _ => Ok(Ready::serve(format!("served {} {exists}", String::from_utf8_lossy(key.as_bytes())))),
    }
}

trait IntoNothing {
    fn into_nothing(self);
}

impl IntoNothing for redis_context::Streamed {
    fn into_nothing(self) {}
}

/// HW.MANY n: blocks on so many keys.
fn many<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Outcome, Error> {
    let name = redis_context::RedisString::new(b"k");
    let keys = vec![name.as_redis_str(); args.next_u64()?.min(100_000) as usize];
    Ok(ctx.block_on_keys(&keys, ()).on_ready(|_, _, ()| Ok(Ready::serve("k"))).start()?.into())
}

/// HW.SIGNAL key
fn signal<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    ctx.signal_key_ready(args.next_arg()?)?;
    Ok(Reply::OK)
}

/// HW.GIVEUP: how many were unblocked, and how many had ended before; twice, the second time in vain.
fn give_up<'cx>(ctx: &CommandContext<'cx>, _: Args<'cx>) -> Result<Reply, Error> {
    let waiting = WAITING.take(ctx)?;
    let mut ended = [0, 0];
    for unblocker in &waiting {
        let was = unblocker.is_waiting();
        let done = unblocker.unblock(ctx)?;
        assert!(was == done && !unblocker.is_waiting() && !unblocker.unblock(ctx)?);
        ended[usize::from(!done)] += 1;
    }
    Ok(Reply::array(ended))
}
