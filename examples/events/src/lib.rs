//! Keyspace and server events, each with its payload: EVENTS tells what has happened.
//!
//! ```text
//! > SET greeting hello                     OK
//! > EVENTS
//! ..
//! .. "key greeting: set"
//! ..
//! .. "first seen: greeting"                # noted after the event: a listener must not write
//! ..
//! > FLUSHDB                                OK
//! > EVENTS
//! ..
//! .. "flush of Some(0) begins"
//! ..
//! .. "flush of Some(0) is done"
//! ..
//! > EVENTS.WATCH ON                        (integer) 1    # every class that this server has
//! > HSET h f v                             (integer) 1
//! > EVENTS
//! ..
//! .. "watched h: hset"
//! ..
//! > EVENTS.WATCH OFF                       (integer) 0
//! ```
#![forbid(unsafe_code)]

mod journal;

use journal::{note, text};
use redis_context::events::{self, ClientChangeEvent, FlushDbEvent, LoadingEvent, Role};
use redis_context::{
    Arg, Args, Command, CommandContext, CommandFlags, CommandInfo, Error, KeyspaceEvent, LoadContext,
    MainCell, NotificationContext, NotifyFlags, Subscription,
};

redis_context::module! {
    name: "events",
    version: 1,
    init: init,
}

/// What EVENTS.WATCH has subscribed to.
static WATCH: MainCell<Option<Subscription>> = MainCell::new(None);

static WATCH_INFO: CommandInfo = CommandInfo {
    summary: Some(c"Begins or ends to note all keyspace events; replies whether they are noted now."),
    arity: 2,
    args: &[Arg::one_of(c"switch", &[Arg::word(c"on", c"ON"), Arg::word(c"off", c"OFF")])],
    ..CommandInfo::EMPTY
};

fn init(load: &LoadContext<'_>) -> Result<(), Error> {
    journal::register(load)?;
    load.command(Command::new(c"events.watch").flags(CommandFlags::READONLY).info(&WATCH_INFO), watch)?;
    load.subscribe(NotifyFlags::STRING | NotifyFlags::EXPIRED, on_key)?;
    on_data(load)?;
    on_server(load)?;
    on_newer_servers(load)
}

/// A key has changed. This runs in the middle of the command that changed it, so it reads and takes notes; what it
/// has to write it writes afterwards, as one unit with that command.
fn on_key(ctx: &NotificationContext<'_>, event: &KeyspaceEvent<'_>) {
    let key = event.key;
    note(ctx, format!("key {}: {}", text(key.as_bytes()), event.name.to_string_lossy()));
    if key.as_bytes() == b"greeting" {
        let name = text(key.as_bytes());
        let queued = ctx.after(move |ctx| note(ctx, format!("first seen: {name}")));
        if let Err(error) = queued {
            note(ctx, format!("not now: {error}"));
        }
    }
}

fn on_data(load: &LoadContext<'_>) -> Result<(), Error> {
    load.on::<events::FlushDb>(|ctx, event| match event {
        FlushDbEvent::Started { db } => note(ctx, format!("flush of {db:?} begins")),
        FlushDbEvent::Ended { db } => note(ctx, format!("flush of {db:?} is done")),
        _ => note(ctx, "some flush"),
    })?;
    load.on::<events::SwapDb>(|ctx, event| note(ctx, format!("databases swapped: {:?}", event.dbs)))?;
    load.on::<events::Loading>(|ctx, event| {
        if let LoadingEvent::Started(source) = event {
            note(ctx, format!("loading from {source:?}"));
        }
    })?;
    load.on::<events::Persistence>(|ctx, event| note(ctx, format!("persistence: {event:?}")))
}

fn on_server(load: &LoadContext<'_>) -> Result<(), Error> {
    load.on::<events::ReplicationRole>(|ctx, event| {
        let primary =
            event.primary.map_or("nobody".to_owned(), |(host, port)| format!("{}:{port}", text(host)));
        note(
            ctx,
            match event.role {
                Role::Replica => format!("follows {primary}"),
                _ => "follows nobody".to_owned(),
            },
        );
    })?;
    load.on::<events::Config>(|ctx, event| {
        let names: Vec<String> = event.names().map(text).collect();
        note(ctx, format!("settings: {}", names.join(" ")));
    })?;
    load.on::<events::ClientChange>(|ctx, event| {
        if let ClientChangeEvent::Connected(Some(client)) = event {
            note(ctx, format!("client from {}", text(client.address)));
        }
    })?;
    load.on::<events::ModuleChange>(|ctx, event| note(ctx, format!("{event:?}")))
}

/// Events that not every server has: the error says which ones do.
fn on_newer_servers(load: &LoadContext<'_>) -> Result<(), Error> {
    let keys = load.on::<events::Key>(|ctx, event| {
        if let Some(name) = event.name() {
            note(ctx, format!("{} is lost: {:?}", text(name.as_bytes()), event.fate));
        }
    });
    let attempts = load.on::<events::AuthenticationAttempt>(|ctx, event| {
        let user = event.user.map(text).unwrap_or_default();
        note(ctx, format!("{user} was {}", if event.granted { "let in" } else { "kept out" }));
    });
    for result in [keys, attempts] {
        match result {
            Err(Error::Unsupported { function, since }) => {
                note(load, format!("no {function} before {since}"))
            }
            other => other?,
        }
    }
    Ok(())
}

/// EVENTS.WATCH ON | OFF
fn watch<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<i64, Error> {
    let on = args.take_keyword("ON");
    if !on && !args.take_keyword("OFF") {
        return Err(Error::Syntax);
    }
    args.finish()?;
    let classes = NotifyFlags::ALL | NotifyFlags::NEW | NotifyFlags::KEY_MISS;
    let subscription = if on { Some(ctx.subscription(classes, on_watched)?) } else { None };
    // Dropped, a subscription hears no more; a server that can is told so as well.
    match WATCH.replace(ctx, subscription)?.map(|old| old.end(ctx)) {
        None | Some(Ok(()) | Err(Error::Unsupported { .. })) => Ok(on.into()),
        Some(Err(error)) => Err(error),
    }
}

fn on_watched(ctx: &NotificationContext<'_>, event: &KeyspaceEvent<'_>) {
    note(ctx, format!("watched {}: {}", text(event.key.as_bytes()), event.name.to_string_lossy()));
}
