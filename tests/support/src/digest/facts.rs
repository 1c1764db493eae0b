use std::collections::BTreeMap;

use crate::{Client, Command, Error, Info, Result, Value, cmd};

/// A key of a server: its database and name.
pub(super) type Place = (u32, Vec<u8>);

const SCAN_COUNT: u32 = 1000;
/// Keys asked about at once.
const CHUNK: usize = 500;

/// Parts of XINFO STREAM FULL that are of the server's own making: tree shapes, and the times at which this
/// server last saw a consumer (xinfoCommand, t_stream.c).
const OWN_STREAM_FIELDS: [&str; 4] = ["radix-tree-keys", "radix-tree-nodes", "seen-time", "active-time"];

/// What Redis 7.0 keeps per group and doesn't tell its replicas: XREADGROUP is propagated as XCLAIM, which has
/// no entries-read (streamReplyWithRange, t_stream.c, Redis 7.0; later versions propagate XGROUP SETID too).
const UNTOLD_BY_REDIS_7_0: [&str; 2] = ["entries-read", "lag"];

/// The expiry time of a field on a server that has none.
pub(super) const UNTOLD_EXPIRY: i64 = i64::MIN;

/// All that is compared of one key.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Facts {
    pub kind: String,
    pub digest: String,
    /// Milliseconds of the epoch, -1 without.
    pub expires_at: i64,
    /// For streams, sorted sets, and hashes whose fields expire.
    pub detail: Option<Detail>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Detail {
    Stream(Value),
    /// Members with their scores, in order.
    SortedSet(Value),
    /// Fields with their values and expiry times.
    Hash(BTreeMap<Vec<u8>, (Value, i64)>),
}

/// The keys of every database. A scan also removes what has expired.
pub(super) fn keys(client: &mut Client) -> Result<Vec<Place>> {
    let mut places = Vec::new();
    for db in databases(client)? {
        client.call(cmd!("SELECT", db))?;
        places.extend(scan(client)?.into_iter().map(|key| (db, key)));
    }
    // A scan may show a key twice.
    places.sort();
    places.dedup();
    Ok(places)
}

/// Databases that hold keys, from lines such as `db0:keys=1,expires=0`.
fn databases(client: &mut Client) -> Result<Vec<u32>> {
    let text = client.call("INFO keyspace")?.as_text().unwrap_or_default();
    Ok(text.lines().filter_map(|line| line.strip_prefix("db")?.split_once(':')?.0.parse().ok()).collect())
}

fn scan(client: &mut Client) -> Result<Vec<Vec<u8>>> {
    let mut found = Vec::new();
    let mut cursor = b"0".to_vec();
    loop {
        let reply = client.call(cmd!("SCAN", &cursor, "COUNT", SCAN_COUNT))?;
        let [next, keys] = reply.as_array().unwrap_or_default() else { return Ok(found) };
        found.extend(
            keys.as_array().unwrap_or_default().iter().filter_map(|key| Some(key.as_bytes()?.to_vec())),
        );
        cursor = next.as_bytes().unwrap_or(b"0").to_vec();
        if cursor == b"0" {
            return Ok(found);
        }
    }
}

/// The facts of each place; `None` for a key that isn't there.
pub(super) fn facts(client: &mut Client, places: &[&Place]) -> Result<Vec<Option<Facts>>> {
    let reader = Reader::of(client)?;
    let mut all = Vec::with_capacity(places.len());
    for chunk in places.chunks(CHUNK) {
        let mut found = plain_facts(client, chunk)?;
        for (place, entry) in chunk.iter().zip(&mut found) {
            let Some(facts) = entry else { continue };
            match reader.detail(client, place, &facts.kind) {
                Ok(detail) => facts.detail = detail,
                // It expired since.
                Err(Error::Refused { .. }) => *entry = None,
                Err(error) => return Err(error),
            }
        }
        all.extend(found);
    }
    Ok(all)
}

fn plain_facts(client: &mut Client, places: &[&Place]) -> Result<Vec<Option<Facts>>> {
    const PER_KEY: usize = 4;
    let commands: Vec<Command> = places.iter().flat_map(|(db, key)| questions(*db, key)).collect();
    let replies = client.pipeline(&commands)?;
    Ok(replies.chunks_exact(PER_KEY).map(read_facts).collect())
}

fn questions(db: u32, key: &[u8]) -> [Command; 4] {
    [cmd!("SELECT", db), cmd!("TYPE", key), cmd!("PEXPIRETIME", key), cmd!("DEBUG DIGEST-VALUE", key)]
}

fn read_facts(replies: &[Value]) -> Option<Facts> {
    let [_, kind, expires_at, digests] = replies else { return None };
    // An error shows as what it says, and so as a difference.
    let text = |value: &Value| value.as_text().unwrap_or_else(|| value.to_string());
    let digest = digests.as_array().and_then(<[Value]>::first).unwrap_or(digests);
    let facts =
        Facts { kind: text(kind), digest: text(digest), expires_at: expires_at.as_int()?, detail: None };
    (facts.kind != "none").then_some(facts)
}

/// How to read one server's keys.
struct Reader {
    expiring_fields: bool,
    ignored: Vec<&'static str>,
}

impl Reader {
    fn of(client: &mut Client) -> Result<Self> {
        let info = client.call(cmd!("COMMAND INFO", "HPEXPIRETIME"))?;
        let expiring_fields =
            info.as_array().and_then(<[Value]>::first).is_some_and(|entry| entry.as_array().is_some());
        // Valkey calls itself 7.2 here.
        let version = Info::read(client, "server")?;
        let is_7_0 = version.get("redis_version").is_some_and(|version| version.starts_with("7.0."));
        let untold = UNTOLD_BY_REDIS_7_0.iter().filter(|_| is_7_0);
        Ok(Reader { expiring_fields, ignored: OWN_STREAM_FIELDS.iter().chain(untold).copied().collect() })
    }

    fn detail(&self, client: &mut Client, place: &Place, kind: &str) -> Result<Option<Detail>> {
        let (db, key) = place;
        match kind {
            "stream" => {
                client.call(cmd!("SELECT", *db))?;
                match client.call(cmd!("XINFO STREAM", key, "FULL", "COUNT", 0)) {
                    Ok(info) => Ok(Some(Detail::Stream(self.shared_part(info)))),
                    // It expired since it was listed; the comparison looks again.
                    Err(error) if error.to_string().contains("no such key") => Ok(None),
                    Err(error) => Err(error),
                }
            }
            "zset" => {
                client.call(cmd!("SELECT", *db))?;
                Ok(Some(Detail::SortedSet(client.call(cmd!("ZRANGE", key, 0, -1, "WITHSCORES"))?)))
            }
            "hash" => {
                client.call(cmd!("SELECT", *db))?;
                if self.expiring_fields { expiring_hash(client, key) } else { lasting_hash(client, key) }
            }
            _ => Ok(None),
        }
    }

    /// What a stream's description says about the stream, without what it says about the server.
    fn shared_part(&self, value: Value) -> Value {
        let shared = |name: &Value| !self.ignored.iter().any(|own| name.as_bytes() == Some(own.as_bytes()));
        match value {
            Value::Map(pairs) => {
                let kept = pairs.into_iter().filter(|(name, _)| shared(name));
                Value::Map(kept.map(|(name, value)| (name, self.shared_part(value))).collect())
            }
            Value::Array(items) => {
                Value::Array(items.into_iter().map(|item| self.shared_part(item)).collect())
            }
            other => other,
        }
    }
}

/// A hash of a server whose fields can't expire: its digest differs from that of one whose fields do.
fn lasting_hash(client: &mut Client, key: &[u8]) -> Result<Option<Detail>> {
    let all = client.call(cmd!("HGETALL", key))?;
    let pairs = all.pairs().unwrap_or_default();
    let fields = pairs
        .iter()
        .filter_map(|(field, value)| Some((field.as_bytes()?.to_vec(), ((*value).clone(), UNTOLD_EXPIRY))));
    Ok(Some(Detail::Hash(fields.collect())))
}

/// A hash with its fields' expiry times; nothing when no field has one: its digest says all then.
fn expiring_hash(client: &mut Client, key: &[u8]) -> Result<Option<Detail>> {
    let all = client.call(cmd!("HGETALL", key))?;
    let pairs = all.pairs().unwrap_or_default();
    let fields: Vec<&[u8]> = pairs.iter().filter_map(|(field, _)| field.as_bytes()).collect();
    if fields.is_empty() {
        return Ok(None);
    }
    let times = client.call(cmd!("HPEXPIRETIME", key, "FIELDS", fields.len()).args(&fields))?;
    let times: Vec<i64> = times.as_array().unwrap_or_default().iter().filter_map(Value::as_int).collect();
    if times.iter().all(|time| *time < 0) {
        return Ok(None);
    }
    let values = pairs.iter().map(|(_, value)| (*value).clone()).zip(times);
    Ok(Some(Detail::Hash(fields.iter().map(|field| field.to_vec()).zip(values).collect())))
}
