//! Messages between the nodes of a cluster: each node's module keeps what the others say.
//!
//! In a cluster of three nodes, at the ports 7000 to 7002, whose ids are `<7000>` to `<7002>` here:
//!
//! ```text
//! $ redis-server --cluster-enabled yes --loadmodule target/debug/libexample_cluster_chat.so
//! > CHAT.NODES                              # in any order, each with its id, its address and its flags
//! ..
//! .. 1) "<7000>"
//!    2) "127.0.0.1:.."
//!    3) "MYSELF | PRIMARY"
//! ..
//! > CHAT.SAY hello                          OK              # to all
//! > CHAT.SAY "only you" TO <7001>           OK
//! > CHAT.ACKNOWLEDGED                       (integer) 3     # soon
//! > CHAT.SLOT user:1000                     # and another key of that slot: from Redis 7.4
//! 1) (integer) 1649
//! 2) "bQs"
//!
//! $ redis-cli -p 7001
//! > CHAT.HEARD                              # soon: each with the first letters of the sender's id
//! 1) "..: hello"
//! 2) "..: only you"
//! ```
//!
//! Elsewhere:
//!
//! ```text
//! $ redis-server --loadmodule target/debug/libexample_cluster_chat.so
//! > CHAT.SAY hello
//! (error) ERR this server is no node of a cluster: start it with cluster-enabled yes
//! ```
#![forbid(unsafe_code)]

use std::collections::VecDeque;

use redis_context::{
    Arg, Args, Cluster, ClusterMessage, ClusterMessageContext, Command, CommandContext, CommandFlags,
    CommandInfo, Context, Error, LoadContext, MainCell, NodeId, Reply,
};

redis_context::module! {
    // Messages are addressed to modules by name, which takes nine characters.
    name: "clustchat",
    version: 1,
    init: init,
}

/// What somebody says.
const SAID: u8 = 1;
/// That it was heard.
const HEARD: u8 = 2;

/// Older lines are dropped.
const LINES_MAX: usize = 1000;

static LINES: MainCell<VecDeque<String>> = MainCell::new(VecDeque::new());
static ACKNOWLEDGED: MainCell<i64> = MainCell::new(0);

static NODES: CommandInfo = CommandInfo {
    summary: Some(c"The nodes of the cluster: id, address, and what each of them is."),
    arity: 1,
    ..CommandInfo::EMPTY
};
static SAY: CommandInfo = CommandInfo {
    summary: Some(c"Says something to all other nodes, or to one."),
    arity: -2,
    args: &[
        Arg::string(c"text"),
        Arg::block(c"to", &[Arg::word(c"to-word", c"TO"), Arg::string(c"node")]).optional(),
    ],
    ..CommandInfo::EMPTY
};
static LISTEN: CommandInfo = CommandInfo {
    summary: Some(c"What the other nodes have said, oldest first."),
    arity: 1,
    ..CommandInfo::EMPTY
};
static COUNT: CommandInfo = CommandInfo {
    summary: Some(c"How often another node has heard what was said here."),
    arity: 1,
    ..CommandInfo::EMPTY
};
static SLOT: CommandInfo = CommandInfo {
    summary: Some(c"The slot of a key, and a short key that is in the same slot."),
    arity: 2,
    args: &[Arg::string(c"key")],
    ..CommandInfo::EMPTY
};

fn init(load: &LoadContext<'_>) -> Result<(), Error> {
    let command = |name, info| Command::new(name).flags(CommandFlags::READONLY).info(info);
    load.command(command(c"chat.nodes", &NODES), nodes)?;
    load.command(command(c"chat.say", &SAY), say)?;
    load.command(command(c"chat.heard", &LISTEN), heard)?;
    load.command(command(c"chat.acknowledged", &COUNT), acknowledged)?;
    load.command(command(c"chat.slot", &SLOT), slot)?;
    // Without cluster mode there is nobody to hear.
    if let Some(cluster) = load.cluster() {
        cluster.receive(SAID, on_said)?.detach();
        cluster.receive(HEARD, |ctx, _| *ACKNOWLEDGED.borrow_mut(ctx) += 1)?.detach();
    }
    Ok(())
}

fn cluster<'c>(ctx: &'c Context<'_>) -> Result<Cluster<'c>, Error> {
    let missing = "this server is no node of a cluster: start it with cluster-enabled yes";
    ctx.cluster().ok_or_else(|| Error::module(missing))
}

/// Another node's message has come: whatever bytes, for its node is trusted and its clients are not.
fn on_said(ctx: &ClusterMessageContext<'_>, message: ClusterMessage<'_>) {
    let sender = message.sender.to_string();
    let mut lines = LINES.borrow_mut(ctx);
    if lines.len() >= LINES_MAX {
        lines.pop_front();
    }
    lines.push_back(format!("{}: {}", &sender[..8], String::from_utf8_lossy(message.payload)));
    drop(lines);
    // A sender that is gone by now needs no answer.
    if let Some(cluster) = ctx.cluster() {
        let _ = cluster.send(&message.sender, HEARD, b"");
    }
}

/// CHAT.NODES
fn nodes<'cx>(ctx: &CommandContext<'cx>, args: Args<'cx>) -> Result<Reply, Error> {
    args.finish()?;
    let cluster = cluster(ctx)?;
    let nodes = cluster.nodes().into_iter().filter_map(|id| {
        let node = cluster.node(&id)?;
        let address = format!("{}:{}", String::from_utf8_lossy(node.ip()), node.port);
        let flags: Vec<&str> = node.flags.iter_names().map(|(name, _)| name).collect();
        Some(Reply::array([id.to_string(), address, flags.join(" | ")]))
    });
    Ok(Reply::array(nodes))
}

/// CHAT.SAY text [TO node]
fn say<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let text = args.next_arg()?;
    let to = args.take_option("TO")?;
    args.finish()?;
    let cluster = cluster(ctx)?;
    match to {
        Some(node) => cluster.send(&NodeId::new(node.as_bytes())?, SAID, text.as_bytes())?,
        None => cluster.broadcast(SAID, text.as_bytes())?,
    }
    Ok(Reply::OK)
}

/// CHAT.HEARD
fn heard<'cx>(ctx: &CommandContext<'cx>, args: Args<'cx>) -> Result<Reply, Error> {
    args.finish()?;
    Ok(Reply::array(LINES.borrow(ctx).iter().cloned()))
}

/// CHAT.ACKNOWLEDGED
fn acknowledged<'cx>(ctx: &CommandContext<'cx>, args: Args<'cx>) -> Result<i64, Error> {
    args.finish()?;
    Ok(*ACKNOWLEDGED.borrow(ctx))
}

/// CHAT.SLOT key
fn slot<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Reply, Error> {
    let key = args.next_arg()?;
    args.finish()?;
    let slot = ctx.key_slot(key)?;
    let neighbour = ctx.canonical_key_in_slot(slot)?;
    Ok(Reply::array([Reply::from(i64::from(slot)), Reply::bulk(neighbour)]))
}
