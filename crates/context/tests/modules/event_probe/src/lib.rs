//! A module for tests of events: subscriptions that come and go, and each event of one family or refused.
#![forbid(unsafe_code)]

use redis_context::events::{self, ServerEvent};
use redis_context::{
    Args, Command, CommandContext, CommandFlags, Context, Error, LoadContext, MainCell, NotifyFlags, Reply,
    Subscription, WriteContext,
};

redis_context::module! {
    name: "event_probe",
    version: 1,
    init: init,
    deinit: deinit,
}

static SUBSCRIPTIONS: MainCell<Vec<Option<Subscription>>> = MainCell::new(Vec::new());
static JOURNAL: MainCell<Vec<String>> = MainCell::new(Vec::new());

fn note(ctx: &Context<'_>, line: String) {
    JOURNAL.borrow_mut(ctx).push(line);
}

fn init(load: &LoadContext<'_>) -> Result<(), Error> {
    let command = |name| Command::new(name).flags(CommandFlags::ALLOW_LOADING);
    load.command(command(c"ep.subscribe"), subscribe)?;
    load.command(command(c"ep.end"), end)?;
    load.command(command(c"ep.notify"), notify)?;
    load.command(command(c"ep.classes"), classes)?;
    load.command(command(c"ep.on"), on)?;
    load.command(command(c"ep.sub"), sub_event)?;
    load.command(command(c"ep.send"), send)?;
    load.command(command(c"ep.journal"), journal)?;
    // One that ends before the server hears of it, and one that is dropped.
    load.subscription(NotifyFlags::STRING, |_, _| panic!("ended while the module was loaded"))?
        .end(load)
        .or_else(|error| if matches!(error, Error::Unsupported { .. }) { Ok(()) } else { Err(error) })?;
    drop(load.subscription(NotifyFlags::STRING, |_, _| panic!("dropped while the module was loaded"))?);
    Ok(())
}

fn deinit(unload: &redis_context::UnloadContext<'_>) -> Result<(), Error> {
    SUBSCRIPTIONS.take(unload).map(drop)
}

/// EP.SUBSCRIBE class-bits name: subscribes and replies with the subscription's number; a key `panic` panics.
fn subscribe<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<i64, Error> {
    let classes = NotifyFlags::from_bits_retain(args.next_i64()? as i32);
    let name = args.next_str()?.to_owned();
    let subscription = ctx.subscription(classes, move |ctx, event| {
        assert!(event.key.as_bytes() != b"panic", "in a listener that can end");
        note(ctx, format!("{name} {} {}", event.name.to_string_lossy(), event.key.as_bytes().escape_ascii()));
        if event.key.as_bytes() == b"end:all" {
            // In the middle of the server's walk over its subscribers.
            for subscription in SUBSCRIPTIONS.take(ctx).unwrap_or_default().into_iter().flatten() {
                let _ = subscription.end(ctx);
            }
        }
    })?;
    let mut subscriptions = SUBSCRIPTIONS.borrow_mut(ctx);
    subscriptions.push(Some(subscription));
    Ok(subscriptions.len() as i64 - 1)
}

/// EP.END number [DROP]
fn end<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let number = args.next_u64()? as usize;
    let subscription = SUBSCRIPTIONS.borrow_mut(ctx).get_mut(number).and_then(Option::take);
    let subscription = subscription.ok_or_else(|| Error::module("no such subscription"))?;
    if args.take_keyword("drop") {
        drop(subscription)
    } else {
        subscription.end(ctx)?
    }
    Ok(Reply::OK)
}

/// EP.NOTIFY class-bits key
fn notify<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let class = NotifyFlags::from_bits_retain(args.next_i64()? as i32);
    ctx.notify(class, c"ep.event", args.next_arg()?)?;
    Ok(Reply::OK)
}

/// EP.CLASSES: the bits this server knows, and those of which clients hear.
fn classes<'cx>(ctx: &CommandContext<'cx>, _: Args<'cx>) -> Result<Reply, Error> {
    let bits = [ctx.known_notifications(), ctx.client_notifications()].map(|classes| classes.bits());
    Ok(Reply::array(bits.map(i64::from)))
}

/// EP.ON event: subscribes to a server event that only one family has.
fn on<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    match args.next_str()? {
        "auth" => ctx.on::<events::AuthenticationAttempt>(|ctx, event| {
            let text = |text: Option<&[u8]>| text.map(|text| text.escape_ascii().to_string());
            let (user, module) = (text(event.user), text(event.module));
            assert!(user.as_deref() != Some("panic"), "in an event of one family");
            let is_known = event.client_id.is_some_and(|id| id > 0);
            note(ctx, format!("auth {user:?} {module:?} granted {} client {is_known}", event.granted));
        }),
        "redis-migration" => on_any::<events::ClusterSlotMigration>(ctx),
        "redis-trim" => on_any::<events::ClusterSlotMigrationTrim>(ctx),
        "valkey-migration" => on_any::<events::AtomicSlotMigration>(ctx),
        _ => Err(Error::Syntax),
    }?;
    Ok(Reply::OK)
}

fn on_any<E: ServerEvent>(ctx: &WriteContext<'_>) -> Result<(), Error> {
    ctx.on::<E>(|ctx, _| note(ctx, "an event".to_owned()))
}

/// EP.SUB event number
fn sub_event<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<i64, Error> {
    let event = args.next_str()?;
    let number = args.next_u64()? as u32;
    let has = match event {
        "persistence" => ctx.has_sub_event::<events::Persistence>(number),
        "shutdown" => ctx.has_sub_event::<events::Shutdown>(number),
        "eventloop" => ctx.has_sub_event::<events::EventLoop>(number),
        "redis-migration" => ctx.has_sub_event::<events::ClusterSlotMigration>(number),
        "valkey-migration" => ctx.has_sub_event::<events::AtomicSlotMigration>(number),
        _ => return Err(Error::Syntax),
    };
    Ok(has.into())
}

/// EP.SEND: a cluster message of a module whose name is no address.
fn send<'cx>(ctx: &CommandContext<'cx>, _: Args<'cx>) -> Result<Reply, Error> {
    let cluster = ctx.cluster().ok_or_else(|| Error::module("no cluster"))?;
    let heard = cluster.receive(1, |_, _| ()).map(|_| ());
    if heard.is_ok() {
        return Err(Error::module("it may hear"));
    }
    cluster.broadcast(1, b"x")?;
    Ok(Reply::OK)
}

/// EP.JOURNAL: the lines, which are then forgotten.
fn journal<'cx>(ctx: &CommandContext<'cx>, _: Args<'cx>) -> Result<Reply, Error> {
    Ok(Reply::array(JOURNAL.take(ctx)?))
}
