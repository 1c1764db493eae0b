//! Commands changed before the server runs them.
//!
//! A filter sees every command of every client first. This one gives commands other names, puts keys under a prefix
//! and counts; `FILTER.OFF` ends it.
//!
//! ```text
//! > FILTER.RENAME fetch get            OK
//! > SET color red                      OK
//! > FETCH color                        "red"
//! > FILTER.PREFIX tenant:              OK             # GET, SET and DEL of one key get "tenant:" before the key
//! > SET color blue                     OK
//! > FILTER.PREFIX ""                   OK
//! > GET tenant:color                   "blue"
//! > SET color green KEEPING            OK             # KEEPING, a client's own dialect, becomes KEEPTTL
//! > FILTER.SEEN                        (integer) ..   # how many commands the filter has seen
//! > FILTER.OFF                         (integer) 1
//! > FETCH color
//! (error) ERR unknown command 'FETCH', ..
//! > FILTER.ON                          (integer) 1
//! ```
//!
//! No context reaches a filter, so it shares its rules with the commands through an `Rc`. In a cluster of Redis 8.2 or
//! later its changes are refused, and it only counts.
#![forbid(unsafe_code)]

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use redis_context::{
    Arg, Args, Command, CommandContext, CommandFilter, CommandFlags, CommandInfo, Context, Error,
    FilterScope, FilteredCommand, LoadContext, MainCell, Reply,
};

redis_context::module! {
    name: "filter",
    version: 1,
    init: init,
}

/// What the filter does.
#[derive(Default)]
struct Rules {
    seen: Cell<i64>,
    names: RefCell<HashMap<Vec<u8>, Vec<u8>>>,
    prefix: RefCell<Vec<u8>>,
}

/// The rules, and the filter while it is on.
#[derive(Default)]
struct State {
    rules: Rc<Rules>,
    filter: Option<CommandFilter>,
}

static STATE: MainCell<Option<State>> = MainCell::new(None);

/// How many names may be given.
const NAMES_MAX: usize = 1000;

static RENAME: CommandInfo = CommandInfo {
    summary: Some(c"Gives a command another name."),
    complexity: Some(c"O(1)"),
    arity: 3,
    args: &[Arg::string(c"name"), Arg::string(c"command")],
    ..CommandInfo::EMPTY
};

static PREFIX: CommandInfo = CommandInfo {
    summary: Some(c"Has the keys of GET, SET and DEL put under a prefix."),
    complexity: Some(c"O(1)"),
    arity: 2,
    args: &[Arg::string(c"prefix")],
    ..CommandInfo::EMPTY
};

static SEEN: CommandInfo = CommandInfo {
    summary: Some(c"Tells how many commands the filter has seen."),
    complexity: Some(c"O(1)"),
    arity: 1,
    ..CommandInfo::EMPTY
};

static ON: CommandInfo = CommandInfo {
    summary: Some(c"Puts the filter in force. Answers 1 if it was not."),
    complexity: Some(c"O(1)"),
    arity: 1,
    ..CommandInfo::EMPTY
};

static OFF: CommandInfo =
    CommandInfo { summary: Some(c"Ends the filter. Answers 1 if it was in force."), ..ON };

fn init(load: &LoadContext<'_>) -> Result<(), Error> {
    let rules = Rc::<Rules>::default();
    let filter = load.filter_commands(FilterScope::NotOwnCalls, apply(&rules))?;
    STATE.replace(load, Some(State { rules, filter: Some(filter) }))?;
    let admin = |name| Command::new(name).flags(CommandFlags::ADMIN | CommandFlags::FAST);
    load.command(admin(c"filter.rename").info(&RENAME), rename)?;
    load.command(admin(c"filter.prefix").info(&PREFIX), prefix)?;
    load.command(admin(c"filter.seen").info(&SEEN), |ctx, _| {
        with_state(ctx, |state| state.rules.seen.get())
    })?;
    load.command(admin(c"filter.on").info(&ON), on)?;
    load.command(admin(c"filter.off").info(&OFF), |ctx, _| {
        with_state(ctx, |state| Reply::Int(state.filter.take().is_some().into()))
    })
}

fn with_state<R>(ctx: &Context<'_>, body: impl FnOnce(&mut State) -> R) -> Result<R, Error> {
    Ok(body(STATE.try_borrow_mut(ctx)?.get_or_insert_default()))
}

/// The filter. The positions are those of arguments that were just looked at; a change that the server refuses leaves
/// the command as it came.
fn apply(rules: &Rc<Rules>) -> impl Fn(&mut FilteredCommand<'_>) + 'static {
    let rules = Rc::clone(rules);
    move |command| {
        rules.seen.set(rules.seen.get() + 1);
        let _ = rules.rename(command).and_then(|()| rules.prefix(command)).and_then(|()| drop_word(command));
    }
}

impl Rules {
    fn rename(&self, command: &mut FilteredCommand<'_>) -> Result<(), Error> {
        let name = command.arg(0).map(|name| name.as_bytes().to_ascii_lowercase());
        match name.and_then(|name| self.names.borrow().get(&name).cloned()) {
            Some(new_name) => command.replace(0, new_name),
            None => Ok(()),
        }
    }

    fn prefix(&self, command: &mut FilteredCommand<'_>) -> Result<(), Error> {
        let mut key = self.prefix.borrow().clone();
        let has_one_key = command.is("get") || command.is("set") || command.is("del") && command.len() == 2;
        if key.is_empty() || !has_one_key {
            return Ok(());
        }
        let Some(name) = command.arg(1) else { return Ok(()) };
        key.extend_from_slice(name.as_bytes());
        command.replace(1, key)
    }
}

/// SET key value KEEPING: the last word goes, and KEEPTTL comes.
fn drop_word(command: &mut FilteredCommand<'_>) -> Result<(), Error> {
    let last = command.len() - 1;
    let is_dialect = command.arg(last).is_some_and(|word| word.as_bytes().eq_ignore_ascii_case(b"keeping"));
    if !(command.is("set") && last >= 3 && is_dialect) {
        return Ok(());
    }
    command.remove(last)?;
    command.insert(last, "KEEPTTL")
}

/// FILTER.RENAME name command
fn rename<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let (name, command) = (args.next_arg()?.as_bytes().to_ascii_lowercase(), args.next_arg()?);
    with_state(ctx, |state| {
        let mut names = state.rules.names.borrow_mut();
        if names.len() >= NAMES_MAX {
            return Err(Error::module("at most 1000 names"));
        }
        names.insert(name, command.as_bytes().to_vec());
        Ok(Reply::OK)
    })?
}

/// FILTER.PREFIX prefix
fn prefix<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let prefix = args.next_arg()?.as_bytes().to_vec();
    with_state(ctx, |state| {
        state.rules.prefix.replace(prefix);
        Reply::OK
    })
}

/// FILTER.ON
fn on<'cx>(ctx: &CommandContext<'cx>, _args: Args<'cx>) -> Result<Reply, Error> {
    with_state(ctx, |state| {
        if state.filter.is_some() {
            return Ok(Reply::Int(0));
        }
        state.filter = Some(ctx.filter_commands(FilterScope::NotOwnCalls, apply(&state.rules))?);
        Ok(Reply::Int(1))
    })?
}
