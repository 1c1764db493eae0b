//! Commands as they are understood.

use redis_mirror_test_support::{Options as ServerOptions, Server};
use redis_replica::Position;
use redis_replica::callback::{Batch, Entry, Handler, HandlerError, Phase};
use redis_replica::transport::Replica;
use redis_replica::typed::{
    Expiry, GroupStart, HashCommand, KeyCommand, ListCommand, ServerCommand, SetCommand, SortedSetCommand,
    StreamCommand, StringCommand, Time, Typed,
};

use super::recorder::{Log, options, run, with_each_server};

/// Writes down what live commands are understood as.
struct Understanding(Log);

impl Handler for Understanding {
    fn batch(&mut self, batch: &Batch) -> Result<(), HandlerError> {
        if batch.phase() == Phase::Streaming {
            batch.iter().for_each(|entry| self.0.push(said(&entry)));
        }
        Ok(())
    }

    fn streaming_start(&mut self, _: Option<Position>) -> Result<(), HandlerError> {
        self.0.push("streaming");
        Ok(())
    }
}

fn text(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

fn all<'a>(list: impl IntoIterator<Item = &'a [u8]>) -> String {
    list.into_iter().map(text).collect::<Vec<_>>().join(" ")
}

/// A time that a source has made of one that counted from then.
fn is_a_time(ms: i64) -> bool {
    ms > 1_600_000_000_000
}

fn said(entry: &Entry<'_>) -> String {
    match entry.typed() {
        Ok(Typed::String(command)) => string(command),
        Ok(Typed::Key(KeyCommand::Expire { key, time: Time::AtMs(ms), .. })) if is_a_time(ms) => {
            format!("{} expires", text(key))
        }
        Ok(Typed::Key(KeyCommand::Delete { keys })) => format!("gone: {}", all(keys)),
        Ok(Typed::Hash(HashCommand::Set { key, fields })) => {
            format!(
                "hash {} of {}",
                text(key),
                all(fields.into_iter().flat_map(|(name, value)| [name, value]))
            )
        }
        Ok(Typed::List(ListCommand::Push { key, end, elements, .. })) => {
            format!("list {} {end:?}: {}", text(key), all(elements))
        }
        Ok(Typed::Set(SetCommand::Remove { key, members })) => {
            format!("set {} loses {}", text(key), members.len())
        }
        Ok(Typed::SortedSet(SortedSetCommand::Add { key, members, .. })) => {
            let scores: f64 = members.iter().map(|one| one.score).sum();
            format!("sorted set {}: {scores}", text(key))
        }
        Ok(Typed::Stream(command)) => stream(command),
        Ok(Typed::Server(ServerCommand::SwapDb { first, second })) => format!("swap {first} {second}"),
        other => format!("{other:?} of {entry:?}"),
    }
}

fn string(command: StringCommand<'_>) -> String {
    match command {
        StringCommand::Set { key, value, expiry: Expiry::Set(Time::AtMs(ms)), .. } if is_a_time(ms) => {
            format!("{} is {} for a time", text(key), text(value))
        }
        StringCommand::Set { key, value, expiry: Expiry::Clear, .. } => {
            format!("{} is {}", text(key), text(value))
        }
        StringCommand::IncrBy { key, by } => format!("{} by {by}", text(key)),
        other => format!("{other:?}"),
    }
}

fn stream(command: StreamCommand<'_>) -> String {
    match command {
        StreamCommand::Add { id, trim: None, fields, .. } => format!("entry {} of {}", id.seq, fields.len()),
        StreamCommand::CreateGroup { group, start: GroupStart::Id(id), make_stream: false, .. } => {
            format!("group {} behind {id}", text(group))
        }
        StreamCommand::Claim { consumer, ids, force: true, delivery_count, .. } => {
            format!("{} gets {} for the {delivery_count:?}", text(consumer), ids.len())
        }
        StreamCommand::SetGroupId { group, start: GroupStart::Id(id), entries_read: Some(1), .. } => {
            format!("group {} goes on behind {}", text(group), id.ms)
        }
        StreamCommand::CreateConsumer { consumer, .. } => format!("consumer {}", text(consumer)),
        other => format!("{other:?}"),
    }
}

#[test]
fn v18_a_servers_commands_come_understood() {
    let steps = [
        ("SET k v EX 1000", "k is v for a time"),
        ("SETNX other v", "other is v"),
        ("DECRBY n 7", "n by -7"),
        ("EXPIRE n 1000", "n expires"),
        ("GETDEL k", "gone: k"),
        ("HSET h f v g w", "hash h of f v g w"),
        ("LPUSH l a b", "list l First: a b"),
        ("ZADD z XX CH 1 none", ""),
        ("ZADD z 1.5 a 2e1 b", "sorted set z: 21.5"),
        ("XADD s 5-* f v", "entry 0 of 1"),
        ("XGROUP CREATE s g 0", "group g behind 0-0"),
        ("XGROUP CREATECONSUMER s g c", "consumer c"),
        ("XREADGROUP GROUP g c STREAMS s >", "c gets 1 for the Some(1)"),
        ("SWAPDB 0 1", "swap 0 1"),
    ];
    with_each_server(|installed| {
        let server = Server::start(installed, ServerOptions::new());
        let mut client = server.client();
        run(&mut client, "SADD popped a b c");
        let log = Log::default();
        let replica = Replica::start(options(server.address()), Understanding(log.clone())).unwrap();
        log.wait("streaming");
        run(&mut client, "SPOP popped");
        log.wait("set popped loses 1");
        steps.iter().for_each(|(command, _)| run(&mut client, command));
        log.wait("swap 0 1");
        replica.stop().unwrap().1.unwrap();
        let mut told = log.all().split_off(2);
        // Not every version tells this behind a claim.
        told.retain(|line| line != "group g goes on behind 5");
        let expected = steps.iter().map(|(_, said)| *said).filter(|said| !said.is_empty());
        assert_eq!(told, expected.collect::<Vec<_>>(), "{installed}");
    });
}
