use std::collections::{BTreeSet, HashSet};
use std::fmt;

use super::facts::{Detail, Facts, Place, UNTOLD_EXPIRY, facts, keys};
use super::{Mapping, of};
use crate::{Client, Info, Result, Value, cmd};

/// Differences shown by [`Report`]'s `Display`.
const SHOWN: usize = 20;
/// Times a difference is looked at again: a key may expire between the look at one server and the other.
const LOOKS: usize = 4;
/// Expiry times may differ by this much, in milliseconds.
const TIME_TOLERANCE: i64 = 1;
/// Where the source tells lifetimes, they count from when a command has arrived, for native replicas too: so many
/// milliseconds may have passed meanwhile.
const LATE_MAX: i64 = 30_000;

/// One key that isn't the same on both servers.
#[derive(Debug, Clone)]
pub struct KeyDifference {
    /// Database and name at the source; for a key only the local server has, its place there.
    pub db: u32,
    /// The name.
    pub key: Vec<u8>,
    /// What differs.
    pub what: String,
    /// The source's key in words.
    pub source: String,
    /// The local key in words.
    pub local: String,
}

impl fmt::Display for KeyDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let KeyDifference { db, key, what, source, local } = self;
        let key = &key[..key.len().min(80)];
        write!(f, "db {db} {}: {what}\n      source: {source}\n      local:  {local}", key.escape_ascii())
    }
}

/// The outcome of a comparison.
#[derive(Debug, Clone)]
pub struct Report {
    /// How many keys were compared.
    pub compared: usize,
    /// Those that differ, sorted by place.
    pub different: Vec<KeyDifference>,
    /// The DEBUG DIGESTs of both servers when they should be equal, all keys are, and they are not.
    pub digests: Option<(String, String)>,
}

impl Report {
    /// Whether no difference was found.
    pub fn is_equal(&self) -> bool {
        self.different.is_empty() && self.digests.is_none()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} keys", self.different.len(), self.compared)?;
        for difference in self.different.iter().take(SHOWN) {
            write!(f, "\n  {difference}")?;
        }
        if self.different.len() > SHOWN {
            write!(f, "\n  .. and {} more", self.different.len() - SHOWN)?;
        }
        match &self.digests {
            Some((source, local)) => write!(f, "\n  DEBUG DIGEST: source {source}, local {local}"),
            None => Ok(()),
        }
    }
}

/// Compares every key in the mapping's scope.
///
/// Switches both connections to RESP3.
///
/// # Errors
/// Those of [`Client::call`].
pub fn compare(source: &mut Client, local: &mut Client, mapping: &Mapping) -> Result<Report> {
    source.call("HELLO 3")?;
    local.call("HELLO 3")?;
    let mut pairs = pairs(source, local, mapping)?;
    let compared = pairs.len();
    for _ in 0..LOOKS {
        pairs = different(source, local, pairs)?;
    }
    let different = pairs.iter().map(|pair| describe(source, local, pair)).collect::<Result<Vec<_>>>()?;
    let mut report = Report { compared, different, digests: None };
    if report.is_equal() && mapping.is_identity() {
        report.digests = unequal_digests(source, local)?;
    }
    Ok(report)
}

/// A key of the source and the one it maps to; without source for a local key nothing maps to.
struct Pair {
    source: Option<Place>,
    local: Place,
}

fn pairs(source: &mut Client, local: &mut Client, mapping: &Mapping) -> Result<Vec<Pair>> {
    let mut reached = HashSet::new();
    let mut pairs = Vec::new();
    for place in keys(source)? {
        if let Some(target) = mapping.map(place.0, &place.1) {
            reached.insert(target.clone());
            pairs.push(Pair { source: Some(place), local: target });
        }
    }
    let extra = keys(local)?.into_iter().filter(|(db, key)| mapping.covers(*db, key));
    let extra = extra.filter(|place| !reached.contains(place));
    pairs.extend(extra.map(|local| Pair { source: None, local }));
    Ok(pairs)
}

fn different(source: &mut Client, local: &mut Client, pairs: Vec<Pair>) -> Result<Vec<Pair>> {
    let at_source: Vec<&Place> = pairs.iter().filter_map(|pair| pair.source.as_ref()).collect();
    let at_local: Vec<&Place> = pairs.iter().map(|pair| &pair.local).collect();
    let mut at_source = facts(source, &at_source)?.into_iter();
    let at_local = facts(local, &at_local)?;
    let mut remaining = Vec::new();
    for (pair, theirs) in pairs.into_iter().zip(at_local) {
        let ours = if pair.source.is_some() { at_source.next().flatten() } else { None };
        if difference(ours.as_ref(), theirs.as_ref()).is_some() {
            remaining.push(pair);
        }
    }
    Ok(remaining)
}

/// What differs between two keys, if anything does.
fn difference(source: Option<&Facts>, local: Option<&Facts>) -> Option<String> {
    let (source, local) = match (source, local) {
        (None, None) => return None,
        (Some(_), None) => return Some("missing here".into()),
        (None, Some(_)) => return Some("not at the source".into()),
        (Some(source), Some(local)) => (source, local),
    };
    if source.kind != local.kind {
        return Some("type".into());
    }
    let late = if source.tells_lifetimes && source.expires_at >= 0 { LATE_MAX } else { 0 };
    if !(-TIME_TOLERANCE..=TIME_TOLERANCE + late).contains(&(local.expires_at - source.expires_at)) {
        return Some(format!("expiry: {} and {}", source.expires_at, local.expires_at));
    }
    match (&source.detail, &local.detail) {
        (Some(Detail::Stream(a)), Some(Detail::Stream(b))) => stream_difference("stream", a, b),
        // The digest holds scores as text, with as many figures as the server writes: 7.0 more than later ones.
        (Some(Detail::SortedSet(a)), Some(Detail::SortedSet(b))) => return (a != b).then(|| "value".into()),
        // The digest of a hash whose fields expire isn't the same in both families.
        (Some(Detail::Hash(a)), Some(Detail::Hash(b))) => return hash_difference(a, b),
        _ => None,
    }
    .or_else(|| (source.digest != local.digest).then(|| "value".into()))
}

type Fields = std::collections::BTreeMap<Vec<u8>, (Value, i64)>;

fn hash_difference(source: &Fields, local: &Fields) -> Option<String> {
    let names: BTreeSet<_> = source.keys().chain(local.keys()).collect();
    names.into_iter().find_map(|name| {
        let equal = match (source.get(name), local.get(name)) {
            (Some((a, UNTOLD_EXPIRY)), Some((b, _))) | (Some((a, _)), Some((b, UNTOLD_EXPIRY))) => a == b,
            (Some((a, at)), Some((b, bt))) => a == b && (at - bt).abs() <= TIME_TOLERANCE,
            _ => false,
        };
        let (a, b) = (source.get(name), local.get(name));
        (!equal).then(|| format!("field {}: {a:?} and {b:?}", name.escape_ascii()))
    })
}

/// The first part in which two streams differ. Only what both servers tell is compared: newer ones tell more.
fn stream_difference(path: &str, source: &Value, local: &Value) -> Option<String> {
    match (source, local) {
        (Value::Map(source), Value::Map(local)) => source.iter().find_map(|(name, value)| {
            let (_, other) = local.iter().find(|(other, _)| other == name)?;
            stream_difference(&format!("{path}.{}", name.as_text().unwrap_or_default()), value, other)
        }),
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            let mut items = a.iter().zip(b).enumerate();
            items.find_map(|(i, (a, b))| stream_difference(&format!("{path}[{i}]"), a, b))
        }
        _ => (source != local).then(|| format!("{path}: {source} and {local}")),
    }
}

fn describe(source: &mut Client, local: &mut Client, pair: &Pair) -> Result<KeyDifference> {
    let (db, key) = pair.source.clone().unwrap_or_else(|| pair.local.clone());
    let ours = match &pair.source {
        Some(place) => facts(source, &[place])?.into_iter().flatten().next(),
        None => None,
    };
    let theirs = facts(local, &[&pair.local])?.into_iter().flatten().next();
    let what = difference(ours.as_ref(), theirs.as_ref()).unwrap_or_else(|| "equal at a last look".into());
    let at_source = match &pair.source {
        Some(place) => in_words(source, place, ours.as_ref())?,
        None => "-".into(),
    };
    Ok(KeyDifference {
        db,
        key,
        what,
        source: at_source,
        local: in_words(local, &pair.local, theirs.as_ref())?,
    })
}

fn in_words(client: &mut Client, place: &Place, facts: Option<&Facts>) -> Result<String> {
    let Some(facts) = facts else { return Ok("no such key".into()) };
    client.call(cmd!("SELECT", place.0))?;
    let encoding =
        client.call(cmd!("OBJECT ENCODING", &place.1)).map_or_else(|e| e.to_string(), |v| v.to_string());
    let value = preview(client, place, &facts.kind);
    let expiry = if facts.expires_at < 0 { "never".into() } else { facts.expires_at.to_string() };
    Ok(format!("{} {encoding}, expires {expiry}, digest {}, {value}", facts.kind, facts.digest))
}

/// The first elements of a value.
fn preview(client: &mut Client, (_, key): &Place, kind: &str) -> String {
    let command = match kind {
        "string" => cmd!("GETRANGE", key, 0, 80),
        "list" => cmd!("LRANGE", key, 0, 9),
        "hash" => cmd!("HSCAN", key, 0),
        "set" => cmd!("SSCAN", key, 0),
        "zset" => cmd!("ZRANGE", key, 0, 9, "WITHSCORES"),
        "stream" => cmd!("XRANGE", key, "-", "+", "COUNT", 5),
        _ => return String::new(),
    };
    const SHOWN: usize = 300;
    let value = client.call(command).map_or_else(|error| error.to_string(), |value| value.to_string());
    value.chars().take(SHOWN).collect()
}

/// Digests of whole servers, when they tell something the keys did not: a fault of this oracle.
fn unequal_digests(source: &mut Client, local: &mut Client) -> Result<Option<(String, String)>> {
    let expiring_fields = |client: &mut Client| -> Result<bool> {
        let places = keys(client)?;
        let all = facts(client, &places.iter().collect::<Vec<_>>())?;
        Ok(all.iter().flatten().any(|facts| matches!(facts.detail, Some(Detail::Hash(_)))))
    };
    // Versions differ in how they digest scores, families in how they digest expiring fields.
    if program(source)? != program(local)? {
        return Ok(None);
    }
    for _ in 0..LOOKS {
        let digests = (of(source)?, of(local)?);
        if digests.0 == digests.1 || expiring_fields(source)? {
            return Ok(None);
        }
    }
    Ok(Some((of(source)?, of(local)?)))
}

/// What a server says it is: both families' version fields.
fn program(client: &mut Client) -> Result<[Option<String>; 2]> {
    let info = Info::read(client, "server")?;
    Ok(["redis_version", "valkey_version"].map(|field| info.get(field).map(str::to_owned)))
}
