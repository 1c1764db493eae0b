//! A module for tests of the cluster: messages out of order, a receiver that panics, slots that move.
#![forbid(unsafe_code)]

mod slots;

use std::collections::BTreeMap;
use std::time::Duration;

use redis_context::events::{self, PersistenceEvent};
use redis_context::{
    Args, CallFlags, Cluster, ClusterFlags, ClusterMessage, ClusterMessageContext, ClusterReceiver, Command,
    CommandContext, Context, Error, LoadContext, LogLevel, MainCell, NodeId, Reply, Timer,
};

redis_context::module! {
    name: "clusprobe",
    version: 1,
    init: init,
    deinit: |_| Ok(()),
}

static RECEIVERS: MainCell<BTreeMap<u8, ClusterReceiver>> = MainCell::new(BTreeMap::new());
static JOURNAL: MainCell<Vec<String>> = MainCell::new(Vec::new());

fn note(ctx: &Context<'_>, line: String) {
    JOURNAL.borrow_mut(ctx).push(line);
}

fn cluster<'c>(ctx: &'c Context<'_>) -> Result<Cluster<'c>, Error> {
    ctx.cluster().ok_or_else(|| Error::module("no cluster"))
}

fn init(load: &LoadContext<'_>) -> Result<(), Error> {
    load.command(Command::new(c"cp.receive"), receive)?;
    load.command(Command::new(c"cp.drop"), stop)?;
    load.command(Command::new(c"cp.send"), send)?;
    load.command(Command::new(c"cp.large"), large)?;
    load.command(Command::new(c"cp.journal"), journal)?;
    load.command(Command::new(c"cp.node"), node)?;
    load.command(Command::new(c"cp.size"), size)?;
    load.command(Command::new(c"cp.flags"), flags)?;
    slots::register(load)?;
    // Right after the fork, in the child: its messages would go through its parent's connections.
    load.on::<events::Persistence>(|ctx, event| {
        if let (PersistenceEvent::RdbStarted, Some(cluster)) = (event, ctx.cluster()) {
            let sent = cluster.broadcast(1, b"from a child");
            ctx.log_fmt(LogLevel::Warning, format_args!("sent by a child: {sent:?}"));
        }
    })?;
    if let Some(cluster) = load.cluster() {
        // At start a node knows itself only, and by its id it is not reached.
        let myself = cluster.my_id();
        assert!(cluster.size() >= 1 && cluster.nodes().contains(&myself));
        assert!(cluster.send(&myself, 1, b"to myself").is_err());
        cluster
            .receive(100, |ctx, _| note(ctx, "registered while the module was loaded".to_owned()))?
            .detach();
        drop(cluster.receive(101, |ctx, _| note(ctx, "dropped".to_owned()))?);
    }
    if load.args().take_keyword("refuse") { Err(Error::module("asked to")) } else { Ok(()) }
}

fn heard(ctx: &ClusterMessageContext<'_>, message: ClusterMessage<'_>) {
    assert!(message.payload != b"panic", "in a cluster message");
    let sum: u64 = message.payload.iter().map(|byte| u64::from(*byte)).sum();
    let ClusterMessage { sender, kind, payload } = message;
    note(ctx, format!("{kind} from {sender}: {} bytes, sum {sum}", payload.len()));
    if let Some(key) = payload.strip_prefix(b"set ") {
        let started = Timer::start(ctx, Duration::ZERO, key.to_vec(), |ctx, key| {
            let written = ctx
                .may_write_now()
                .map(|write| write.call(c"SET", CallFlags::empty(), &[&key, b"1"]).is_ok());
            note(ctx, format!("written {written:?}"));
        });
        if let Ok(timer) = started {
            timer.detach();
        }
    }
    if payload == b"stop" {
        // The receiver that is running.
        let receiver = RECEIVERS.borrow_mut(ctx).remove(&kind);
        drop(receiver);
    }
}

fn kind(args: &mut Args<'_>) -> Result<u8, Error> {
    u8::try_from(args.next_u64()?).map_err(|_| Error::NotAnInteger)
}

/// CP.RECEIVE kind
fn receive<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let kind = kind(&mut args)?;
    let receiver = cluster(ctx)?.receive(kind, heard)?;
    RECEIVERS.borrow_mut(ctx).insert(kind, receiver);
    Ok(Reply::OK)
}

/// CP.DROP kind
fn stop<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<i64, Error> {
    let kind = kind(&mut args)?;
    let receiver = RECEIVERS.borrow_mut(ctx).remove(&kind);
    Ok(receiver.is_some().into())
}

/// CP.SEND kind node | ALL payload
fn send<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let kind = kind(&mut args)?;
    let cluster = cluster(ctx)?;
    if args.take_keyword("all") {
        cluster.broadcast(kind, args.next_arg()?.as_bytes())?;
    } else {
        let node = NodeId::new(args.next_arg()?.as_bytes())?;
        cluster.send(&node, kind, args.next_arg()?.as_bytes())?;
    }
    Ok(Reply::OK)
}

/// CP.LARGE bytes: a message of so many bytes, to all.
fn large<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let len = usize::try_from(args.next_u64()?.min(1 << 27)).unwrap_or(0);
    cluster(ctx)?.broadcast(1, &vec![1; len])?;
    Ok(Reply::OK)
}

/// CP.JOURNAL: the lines, which are then forgotten.
fn journal<'cx>(ctx: &CommandContext<'cx>, _: Args<'cx>) -> Result<Reply, Error> {
    Ok(Reply::array(JOURNAL.take(ctx)?))
}

/// CP.NODE id [CLIENT]: what is known of it.
fn node<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let id: NodeId = args.next_str()?.parse()?;
    let cluster = cluster(ctx)?;
    let node = if args.take_keyword("client") {
        cluster.node_for_client(&id, args.next_u64()?)?
    } else {
        cluster.node(&id)
    };
    Ok(Reply::from(node.map(|node| {
        let primary = node.primary.map_or("-".to_owned(), |primary| primary.to_string());
        format!("{}:{} {} {}", String::from_utf8_lossy(node.ip()), node.port, primary, node.flags.bits())
    })))
}

/// CP.SIZE: how many nodes are known, and how many are listed.
fn size<'cx>(ctx: &CommandContext<'cx>, _: Args<'cx>) -> Result<Reply, Error> {
    let cluster = cluster(ctx)?;
    Ok(Reply::array([cluster.size() as i64, cluster.nodes().len() as i64]))
}

/// CP.FLAGS: this node takes every key from now on.
fn flags<'cx>(ctx: &CommandContext<'cx>, _: Args<'cx>) -> Result<Reply, Error> {
    cluster(ctx)?.set_flags(ClusterFlags::NO_REDIRECTION);
    Ok(Reply::OK)
}
