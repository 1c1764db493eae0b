//! Commands about whole databases, and messages.

use super::cursor::{Cursor, Read};

/// A command about no key (db.c, pubsub.c of Redis 8.6 and Valkey 9.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServerCommand<'a> {
    /// `FLUSHDB [ASYNC|SYNC]`: all keys of the command's database.
    FlushDb,
    /// `FLUSHALL [ASYNC|SYNC]`: all keys of all databases.
    FlushAll,
    /// `SWAPDB first second`: each has the other's keys afterwards.
    SwapDb {
        /// One database.
        first: u32,
        /// The other; may be the same.
        second: u32,
    },
    /// `PUBLISH channel message`, `SPUBLISH channel message`. Keeps nothing.
    Publish {
        /// The channel.
        channel: &'a [u8],
        /// The message.
        message: &'a [u8],
        /// Whether it goes to subscribers of shard channels: `SPUBLISH`.
        sharded: bool,
    },
}

/// The command, if it is one of this family.
pub(super) fn parse<'a>(mut from: Cursor<'a>) -> Read<Option<ServerCommand<'a>>> {
    let from = &mut from;
    let command = match from.command() {
        "flushdb" => flush(from, ServerCommand::FlushDb),
        "flushall" => flush(from, ServerCommand::FlushAll),
        "swapdb" => ServerCommand::SwapDb { first: from.db()?, second: from.db()? },
        "publish" => publish(from, false)?,
        "spublish" => publish(from, true)?,
        _ => return Ok(None),
    };
    from.end(Some(command))
}

/// How memory is freed is each server's own affair.
fn flush<'a>(from: &mut Cursor<'_>, command: ServerCommand<'a>) -> ServerCommand<'a> {
    from.take_one(&[("ASYNC", ()), ("SYNC", ())]);
    command
}

fn publish<'a>(from: &mut Cursor<'a>, sharded: bool) -> Read<ServerCommand<'a>> {
    Ok(ServerCommand::Publish { channel: from.next("channel")?, message: from.next("message")?, sharded })
}
