//! ST.FILTER.*: filters that panic, end themselves and each other, and change commands in every way.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::atomic::{AtomicI64, Ordering};

use redis_context::{
    Args, CallFlags, Command, CommandContext, CommandFilter, CommandFlags, Error, FilterScope,
    FilteredCommand, LoadContext, MainCell, Reply,
};

static FILTERS: MainCell<Vec<CommandFilter>> = MainCell::new(Vec::new());

/// What the filter that [`register`] adds has seen of commands called "st.filter.note".
static NOTED: AtomicI64 = AtomicI64::new(0);

/// The filters' values that are alive.
static ALIVE: AtomicI64 = AtomicI64::new(0);

pub fn register(load: &LoadContext<'_>) -> Result<(), Error> {
    load.filter_commands(FilterScope::All, |command| {
        if command.is("st.filter.note") {
            NOTED.fetch_add(1, Ordering::Relaxed);
        }
        assert!(!command.is("st.panic.before"), "in a command filter");
        rewrite(command);
        assert!(!command.is("st.panic.after"), "in a command filter, when it had changed the command");
    })?
    .keep();
    let admin = |name| Command::new(name).flags(CommandFlags::ADMIN);
    load.command(admin(c"st.filter.add"), add)?;
    load.command(admin(c"st.filter.many"), many)?;
    load.command(admin(c"st.filter.drop"), |ctx, _| {
        let filters = FILTERS.take(ctx)?;
        Ok::<_, Error>(Reply::Int(filters.len() as i64))
    })?;
    load.command(admin(c"st.filter.alive"), |_, _| Ok::<_, Error>(ALIVE.load(Ordering::Relaxed)))?;
    load.command(admin(c"st.filter.noted"), |_, _| Ok::<_, Error>(NOTED.load(Ordering::Relaxed)))?;
    load.command(admin(c"st.filter.note"), |_, args| Ok::<_, Error>(args.len() as i64))?;
    load.command(admin(c"st.filter.own"), |ctx, _| {
        let reply = ctx.call(c"st.filter.note", CallFlags::empty(), &[])?;
        Ok::<_, Error>(reply.to_reply())
    })
}

/// `ST.CHANGE what ..` becomes `ECHO result`.
fn rewrite(command: &mut FilteredCommand<'_>) {
    if !command.is("st.change") {
        return;
    }
    let what = command.arg(1).map(|what| what.as_bytes().to_ascii_lowercase()).unwrap_or_default();
    let result = match what.as_slice() {
        b"all" => take_all(command),
        b"grow" => grow(command),
        b"beyond" => beyond(command),
        b"client" => {
            let id = command.client_id();
            become_echo(command, &id.map_or_else(|error| error.to_string(), |id| id.to_string()))
        }
        b"same" => {
            // A command that is left with its own arguments, each replaced by itself.
            let args: Vec<Vec<u8>> = (0..command.len())
                .filter_map(|at| command.arg(at))
                .map(|arg| arg.as_bytes().to_vec())
                .collect();
            args.iter().enumerate().try_for_each(|(at, arg)| command.replace(at, arg)).and_then(|()| {
                command.remove(1)?;
                command.replace(0, "ECHO")
            })
        }
        _ => Ok(()),
    };
    assert!(result.is_ok(), "{result:?}");
}

fn become_echo(command: &mut FilteredCommand<'_>, text: &str) -> Result<(), Error> {
    while command.len() > 1 {
        command.remove(1)?;
    }
    command.replace(0, "ECHO")?;
    command.insert(1, text)
}

/// Removes one argument after the other, the name first; the last one can't be removed.
fn take_all(command: &mut FilteredCommand<'_>) -> Result<(), Error> {
    while command.len() > 1 {
        command.remove(0)?;
    }
    let refused = command.remove(0).err().map(|error| error.to_string());
    command.insert(0, "ECHO")?;
    command.replace(1, refused.unwrap_or_default())
}

/// Puts 200 arguments in before the second one, and takes all but ten of them out again.
fn grow(command: &mut FilteredCommand<'_>) -> Result<(), Error> {
    for number in 0..200 {
        command.insert(1, number.to_string())?;
    }
    for _ in 10..200 {
        command.remove(11)?;
    }
    let args: Vec<String> = (1..command.len())
        .filter_map(|at| command.arg(at))
        .map(|arg| arg.as_bytes().escape_ascii().to_string())
        .collect();
    become_echo(command, &args.join(" "))
}

/// Asks for what isn't there.
fn beyond(command: &mut FilteredCommand<'_>) -> Result<(), Error> {
    let len = command.len();
    let at_max = usize::try_from(i32::MAX).unwrap_or(usize::MAX);
    for at in [len + 1, at_max, at_max + 1, usize::MAX] {
        assert!(command.insert(at, "x").is_err() && command.replace(at, "x").is_err());
        assert!(command.remove(at).is_err() && command.arg(at).is_none());
    }
    assert!(command.replace(len, "x").is_err() && command.remove(len).is_err());
    let errors = [command.insert(len + 1, "x").err(), command.remove(len).err()];
    become_echo(command, &format!("{errors:?}"))
}

/// Counts the filters that are alive.
struct Counted;

impl Counted {
    fn new() -> Self {
        ALIVE.fetch_add(1, Ordering::Relaxed);
        Self
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        ALIVE.fetch_sub(1, Ordering::Relaxed);
    }
}

type Shared = Rc<RefCell<Vec<CommandFilter>>>;

/// ST.FILTER.ADD OWN | COUNT | SUICIDE | MASSACRE | NESTED
fn add<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let counted = Counted::new();
    let filter = if args.take_keyword("own") {
        ctx.filter_commands(FilterScope::NotOwnCalls, move |command| {
            let _ = &counted;
            if command.is("st.filter.note") {
                NOTED.fetch_add(100, Ordering::Relaxed);
            }
        })?
    } else if args.take_keyword("suicide") {
        return suicide(ctx, counted);
    } else if args.take_keyword("massacre") {
        return massacre(ctx, counted);
    } else {
        ctx.filter_commands(FilterScope::All, move |_| {
            let _ = &counted;
        })?
    };
    FILTERS.try_borrow_mut(ctx)?.push(filter);
    Ok(Reply::OK)
}

/// A filter that ends itself when it is called, and goes on afterwards.
fn suicide(ctx: &CommandContext<'_>, counted: Counted) -> Result<Reply, Error> {
    let own: Rc<Cell<Option<CommandFilter>>> = Rc::default();
    let captured = Rc::clone(&own);
    let filter = ctx.filter_commands(FilterScope::All, move |command| {
        let _ = &counted;
        if command.is("st.filter.note") {
            drop(captured.take());
            let _ = command.insert(1, "after the end");
        }
    })?;
    own.set(Some(filter));
    Ok(Reply::OK)
}

/// Three filters of which the one in the middle ends all three: one that was called before it, and one that the server
/// is about to call.
fn massacre(ctx: &CommandContext<'_>, counted: Counted) -> Result<Reply, Error> {
    let all = Shared::default();
    let victim = |_: &mut FilteredCommand<'_>| ();
    let first = ctx.filter_commands(FilterScope::All, victim)?;
    let captured = Rc::clone(&all);
    let second = ctx.filter_commands(FilterScope::All, move |command| {
        let _ = &counted;
        if command.is("st.filter.note") {
            captured.borrow_mut().clear();
            // Memory that was freed a moment ago is used again: whoever still reads it finds no addresses there.
            let filling: Vec<Box<[u64; 4]>> = (0..256).map(|_| Box::new([7; 4])).collect();
            std::hint::black_box(&filling);
        }
    })?;
    let third = ctx.filter_commands(FilterScope::All, victim)?;
    all.borrow_mut().extend([first, second, third]);
    Ok(Reply::OK)
}

/// ST.FILTER.MANY: as many as there can be; how many those were, and the error of one more.
fn many<'cx>(ctx: &CommandContext<'cx>, _args: Args<'cx>) -> Result<Reply, Error> {
    let mut filters = FILTERS.try_borrow_mut(ctx)?;
    loop {
        match ctx.filter_commands(FilterScope::All, |_| ()) {
            Ok(filter) => filters.push(filter),
            Err(error) => {
                return Ok(Reply::array([Reply::Int(filters.len() as i64), error.to_string().into()]));
            }
        }
    }
}
