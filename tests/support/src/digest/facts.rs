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
    /// Whether the server tells its replicas how long keys live, and not until when: they count from later.
    pub tells_lifetimes: bool,
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
        let mut found = plain_facts(client, &reader, chunk)?;
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

fn plain_facts(client: &mut Client, reader: &Reader, places: &[&Place]) -> Result<Vec<Option<Facts>>> {
    const PER_KEY: usize = 5;
    let expiry = if reader.is_old { "PTTL" } else { "PEXPIRETIME" };
    let commands: Vec<Command> = places.iter().flat_map(|(db, key)| questions(expiry, *db, key)).collect();
    let replies = client.pipeline(&commands)?;
    Ok(replies.chunks_exact(PER_KEY).map(|replies| read_facts(reader, replies)).collect())
}

fn questions(expiry: &str, db: u32, key: &[u8]) -> [Command; 5] {
    [cmd!("SELECT", db), cmd!("TYPE", key), cmd!(expiry, key), cmd!("TIME"), cmd!("DEBUG DIGEST-VALUE", key)]
}

fn read_facts(reader: &Reader, replies: &[Value]) -> Option<Facts> {
    let [_, kind, expires_at, time, digests] = replies else { return None };
    // An error shows as what it says, and so as a difference.
    let text = |value: &Value| value.as_text().unwrap_or_else(|| value.to_string());
    let digest = digests.as_array().and_then(<[Value]>::first).unwrap_or(digests);
    let expires_at = match expires_at.as_int()? {
        left if left >= 0 && reader.is_old => left + time_ms(time)?,
        told => told,
    };
    let (kind, digest) = (text(kind), text(digest));
    let facts = Facts { kind, digest, expires_at, tells_lifetimes: reader.is_old, detail: None };
    (facts.kind != "none").then_some(facts)
}

/// `TIME` in milliseconds.
fn time_ms(time: &Value) -> Option<i64> {
    let [seconds, micros] = time.as_array()? else { return None };
    let number = |value: &Value| value.as_text()?.parse::<i64>().ok();
    Some(number(seconds)? * 1000 + number(micros)? / 1000)
}

/// How to read one server's keys.
struct Reader {
    /// Redis before 7.0: no PEXPIRETIME.
    is_old: bool,
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
        let major = version.get("redis_version").and_then(|version| version.split('.').next()?.parse().ok());
        let is_old = major.is_some_and(|major: u32| major < 7);
        Ok(Reader {
            is_old,
            expiring_fields,
            ignored: OWN_STREAM_FIELDS.iter().chain(untold).copied().collect(),
        })
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
