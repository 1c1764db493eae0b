//! Replies of `RECORD.*`, read.

use redis_mirror_test_support::{Client, Command, Value, cmd};

/// Where a reader is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    pub epoch: String,
    pub version: i64,
}

impl Cursor {
    /// Before the first change.
    pub fn start() -> Cursor {
        Cursor { epoch: "0".into(), version: 0 }
    }
}

/// A record, or a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub type_name: String,
    pub id: String,
    pub version: i64,
    pub op: String,
    pub data: Option<String>,
    pub modified_at: i64,
    pub expires_at: Option<i64>,
    /// Why it was deleted.
    pub reason: Option<String>,
}

/// What a put says.
#[derive(Debug, Clone)]
pub struct Put {
    pub at: Cursor,
    pub modified_at: i64,
    pub versions: Vec<i64>,
    pub evicted: Vec<Record>,
}

/// A page of a feed or a list.
#[derive(Debug, Clone)]
pub struct Page {
    pub at: Cursor,
    pub records: Vec<Record>,
    /// SYNC's `more`.
    pub more: bool,
    /// SYNC's `compacted`.
    pub compacted: i64,
    /// SYNCLATEST's cursor.
    pub next: String,
}

impl Page {
    /// The versions of its records.
    pub fn versions(&self) -> Vec<i64> {
        self.records.iter().map(|record| record.version).collect()
    }

    /// The ids of its records.
    pub fn ids(&self) -> Vec<&str> {
        self.records.iter().map(|record| record.id.as_str()).collect()
    }
}

/// A field of a map, in either protocol.
#[track_caller]
pub fn field(value: &Value, name: &str) -> Value {
    let pairs = value.pairs().unwrap_or_else(|| panic!("no map: {value}"));
    let found = pairs.into_iter().find(|(key, _)| key.as_text().as_deref() == Some(name));
    found.map(|(_, value)| value.clone()).unwrap_or_else(|| panic!("no {name} in {value}"))
}

#[track_caller]
fn int(value: &Value) -> i64 {
    value.as_int().unwrap_or_else(|| panic!("no number: {value}"))
}

#[track_caller]
fn text(value: &Value) -> String {
    value.as_text().unwrap_or_else(|| panic!("no text: {value}"))
}

#[track_caller]
pub fn record(value: &Value) -> Record {
    let items = value.as_array().unwrap_or_else(|| panic!("no record: {value}"));
    assert!(matches!(items.len(), 7 | 8), "{value}");
    Record {
        type_name: text(&items[0]),
        id: text(&items[1]),
        version: int(&items[2]),
        op: text(&items[3]),
        data: items[4].as_text(),
        modified_at: int(&items[5]),
        expires_at: items[6].as_int(),
        reason: items.get(7).map(text),
    }
}

#[track_caller]
pub fn records(value: &Value) -> Vec<Record> {
    value.as_array().unwrap_or_else(|| panic!("no records: {value}")).iter().map(record).collect()
}

#[track_caller]
pub fn cursor(value: &Value) -> Cursor {
    Cursor { epoch: text(&field(value, "epoch")), version: int(&field(value, "version")) }
}

#[track_caller]
pub fn as_put(value: &Value) -> Put {
    let versions = field(value, "versions");
    Put {
        at: cursor(value),
        modified_at: int(&field(value, "modified_at")),
        versions: versions.as_array().unwrap_or_default().iter().map(int).collect(),
        evicted: records(&field(value, "evicted")),
    }
}

#[track_caller]
pub fn as_feed(value: &Value) -> Page {
    Page {
        at: cursor(value),
        records: records(&field(value, "records")),
        more: int(&field(value, "more")) == 1,
        compacted: int(&field(value, "compacted")),
        next: String::new(),
    }
}

#[track_caller]
pub fn as_list(value: &Value) -> Page {
    let next = text(&field(value, "cursor"));
    Page {
        at: cursor(value),
        records: records(&field(value, "records")),
        more: next != "0",
        compacted: 0,
        next,
    }
}

/// RECORD.PUT with operations as one would type them.
#[track_caller]
pub fn put(client: &mut Client, key: &str, ops: &str) -> Put {
    as_put(&client.run(format!("RECORD.PUT {key} {ops}")))
}

/// RECORD.SYNC after a cursor, as a command.
pub fn sync_command(key: &str, after: &Cursor, more: &str) -> Command {
    let command = cmd!("RECORD.SYNC", key, after.epoch.as_str(), after.version);
    command.args(more.split_whitespace())
}

/// RECORD.SYNC.
#[track_caller]
pub fn sync(client: &mut Client, key: &str, after: &Cursor, more: &str) -> Page {
    as_feed(&client.run(sync_command(key, after, more)))
}

/// Why RECORD.SYNC is refused.
#[track_caller]
pub fn sync_refusal(client: &mut Client, key: &str, after: &Cursor) -> String {
    client.refusal(sync_command(key, after, ""))
}

/// RECORD.SYNCLATEST, all pages.
#[track_caller]
pub fn list(client: &mut Client, key: &str, more: &str) -> Page {
    let mut page = list_page(client, key, more, "0");
    let mut records = std::mem::take(&mut page.records);
    while page.next != "0" {
        let next = list_page(client, key, more, &page.next);
        assert_eq!(next.at, page.at, "all pages are of one version");
        page = next;
        records.append(&mut page.records);
    }
    Page { records, ..page }
}

/// RECORD.SYNCLATEST, one page.
#[track_caller]
pub fn list_page(client: &mut Client, key: &str, more: &str, from: &str) -> Page {
    as_list(&client.run(format!("RECORD.SYNCLATEST {key} {more} CURSOR {from}")))
}

/// RECORD.VERSIONS: the cursor of now and the compact version.
#[track_caller]
pub fn versions(client: &mut Client, key: &str) -> (Cursor, i64) {
    let value = client.run(cmd!("RECORD.VERSIONS", key));
    (cursor(&value), int(&field(&value, "compact_version")))
}

/// RECORD.GET.
#[track_caller]
pub fn get(client: &mut Client, key: &str, type_name: &str, id: &str) -> Option<Record> {
    match client.run(cmd!("RECORD.GET", key, type_name, id)) {
        Value::Nil => None,
        value => Some(record(&value)),
    }
}

/// RECORD.LEASE .. ACQUIRE: the token, or `None` if somebody else holds it.
#[track_caller]
pub fn acquire(client: &mut Client, key: &str, lease: &str, holder: &str, ms: u64) -> Option<i64> {
    token(&client.run(format!("RECORD.LEASE {key} {lease} ACQUIRE {holder} PX {ms}")))
}

/// The token that an answer grants.
#[track_caller]
pub fn token(answer: &Value) -> Option<i64> {
    match answer.as_array() {
        Some([Value::Int(1), Value::Int(token), Value::Int(left)]) => {
            assert!(*left > 0, "{answer}");
            Some(*token)
        }
        Some([Value::Int(0), _, _]) => None,
        _ => panic!("no answer of a lease: {answer}"),
    }
}
