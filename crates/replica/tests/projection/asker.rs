//! Asks a server what it holds.

use std::time::Duration;

use redis_mirror_test_support::Server;
use redis_replica::projection::{EntryFields, Group, Pending, Stream, Value};
use redis_replica::rdb::StreamId;
use redis_replica::resp::Value as Reply;
use redis_replica::transport::{Client, ClientConfig, Endpoint, connect, resolve};

/// A client that tells what a server holds, in the projection's form.
pub struct Asker(Client);

impl Asker {
    pub fn of(server: &Server) -> Asker {
        let (limit, address) = (Duration::from_secs(5), server.address());
        let addresses = resolve(&Endpoint::new(address.ip().to_string(), address.port()), limit).unwrap();
        Asker(Client::new(connect(&addresses, limit).unwrap(), &ClientConfig::default()).unwrap())
    }

    pub fn ask(&mut self, args: &[&[u8]]) -> Reply {
        self.0.command(args).unwrap()
    }

    pub fn list(&mut self, args: &[&[u8]]) -> Vec<Vec<u8>> {
        let reply = self.ask(args);
        let items = reply.as_slice().unwrap_or_else(|| panic!("{reply:?}"));
        items.iter().map(|item| item.as_bytes().unwrap().to_vec()).collect()
    }

    /// The value of a key; None if there is none.
    pub fn value(&mut self, key: &[u8]) -> Option<Value> {
        let kind = self.ask(&[b"TYPE", key]).as_bytes().unwrap().to_vec();
        Some(match kind.as_slice() {
            b"string" => Value::String(self.ask(&[b"GET", key]).as_bytes()?.to_vec()),
            b"list" => Value::List(self.list(&[b"LRANGE", key, b"0", b"-1"]).into()),
            b"set" => Value::Set(self.list(&[b"SMEMBERS", key]).into_iter().collect()),
            b"zset" => {
                let pairs = self.list(&[b"ZRANGE", key, b"0", b"-1", b"WITHSCORES"]);
                let score = |text: &[u8]| std::str::from_utf8(text).unwrap().parse().unwrap();
                Value::ZSet(pairs.chunks(2).map(|pair| (pair[0].clone(), score(&pair[1]))).collect())
            }
            b"hash" => {
                let pairs = self.list(&[b"HGETALL", key]);
                let mut hash = std::collections::BTreeMap::new();
                for pair in pairs.chunks(2) {
                    let at = self.ask(&[b"HPEXPIRETIME", key, b"FIELDS", b"1", &pair[0]]);
                    let at = at
                        .as_slice()
                        .and_then(|times| times[0].as_integer())
                        .and_then(|at| u64::try_from(at).ok());
                    let field = redis_replica::projection::Field { value: pair[1].clone(), expire_at_ms: at };
                    hash.insert(pair[0].clone(), field);
                }
                Value::Hash(hash)
            }
            b"stream" => Value::Stream(Box::new(self.stream(key))),
            _ => return None,
        })
    }

    pub fn expiry(&mut self, key: &[u8]) -> Option<u64> {
        u64::try_from(self.ask(&[b"PEXPIRETIME", key]).as_integer()?).ok()
    }

    fn stream(&mut self, key: &[u8]) -> Stream {
        let entries = self.ask(&[b"XRANGE", key, b"-", b"+"]);
        let info = self.ask(&[b"XINFO", b"STREAM", key, b"FULL", b"COUNT", b"0"]);
        let groups = named(&info, "groups").as_slice().unwrap().iter().map(group).collect();
        Stream {
            entries: entries.as_slice().unwrap().iter().map(entry).collect(),
            last_id: id(named(&info, "last-generated-id")),
            max_deleted_id: id(named(&info, "max-deleted-entry-id")),
            entries_added: number(named(&info, "entries-added")),
            groups,
        }
    }
}

/// The value behind a name in a reply of names and values.
fn named<'r>(reply: &'r Reply, name: &str) -> &'r Reply {
    let items = reply.as_slice().unwrap();
    let at = items.iter().step_by(2).position(|item| item.as_bytes() == Some(name.as_bytes()));
    &items[at.unwrap_or_else(|| panic!("no {name} in {reply:?}")) * 2 + 1]
}

fn text(reply: &Reply) -> Vec<u8> {
    reply.as_bytes().unwrap().to_vec()
}

fn number(reply: &Reply) -> u64 {
    u64::try_from(reply.as_integer().unwrap()).unwrap()
}

fn id(reply: &Reply) -> StreamId {
    let text = String::from_utf8(text(reply)).unwrap();
    let (ms, seq) = text.split_once('-').unwrap();
    StreamId { ms: ms.parse().unwrap(), seq: seq.parse().unwrap() }
}

fn entry(reply: &Reply) -> (StreamId, EntryFields) {
    let [at, fields] = reply.as_slice().unwrap() else { panic!("{reply:?}") };
    let fields = fields.as_slice().unwrap().chunks(2).map(|pair| (text(&pair[0]), text(&pair[1])));
    (id(at), fields.collect())
}

fn group(reply: &Reply) -> (Vec<u8>, Group) {
    // Of the group, not of a consumer: the first of that name.
    let pending = named(reply, "pending").as_slice().unwrap().iter().map(|entry| {
        let [at, consumer, delivered, deliveries] = entry.as_slice().unwrap() else { panic!("{entry:?}") };
        let (delivered_at_ms, deliveries) = (number(delivered), number(deliveries));
        (id(at), Pending { consumer: text(consumer), delivered_at_ms, deliveries })
    });
    let consumers = named(reply, "consumers").as_slice().unwrap().iter();
    let group = Group {
        last_id: id(named(reply, "last-delivered-id")),
        pending: pending.collect(),
        consumers: consumers.map(|consumer| text(named(consumer, "name"))).collect(),
    };
    (text(named(reply, "name")), group)
}
