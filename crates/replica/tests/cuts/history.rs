//! A source that lives on while links to it break: it writes, forgets what its backlog can't hold, and is replaced by a
//! replica of its own.

use std::collections::BTreeMap;

use redis_replica::{Position, ReplId};

use super::common::{OTHER_REPLID, REPLID, Wrapping, command, replid, wrap};
use super::every_type;

/// What was pushed to the list `log` of each database: numbers that never occur twice.
pub type Logs = BTreeMap<u32, Vec<String>>;

#[derive(Clone)]
pub struct Source {
    replid: ReplId,
    /// The id of before a promotion, and the last byte of the history that both share.
    second: Option<(ReplId, u64)>,
    /// Offset of the byte before the first of `stream`.
    base: u64,
    stream: Vec<u8>,
    db: u32,
    /// A full resync makes the next command name its database (syncCommand, replication.c: slaveseldb).
    must_select: bool,
    written: u32,
    pub logs: Logs,
    pub backlog_bytes: u64,
    wrapping: Wrapping,
}

impl Source {
    pub fn new(wrapping: Wrapping, backlog_bytes: u64) -> Self {
        Source {
            replid: replid(REPLID),
            second: None,
            base: 1000,
            stream: Vec::new(),
            db: 0,
            must_select: true,
            written: 0,
            logs: Logs::new(),
            backlog_bytes,
            wrapping,
        }
    }

    pub fn replid(&self) -> ReplId {
        self.replid
    }

    pub fn position(&self) -> Position {
        Position { replid: self.replid, offset: self.end(), db: self.db }
    }

    pub fn end(&self) -> u64 {
        self.base + self.stream.len() as u64
    }

    /// A replica that has the whole stream takes the source's place.
    pub fn fail_over(&mut self) {
        self.second = Some((self.replid, self.end()));
        self.replid = replid(OTHER_REPLID);
    }

    /// Writes the next unit of its workload.
    pub fn write(&mut self) {
        self.written += 1;
        let n = self.written;
        match n % 8 {
            0 => self.append("PING"),
            1 => self.append("REPLCONF GETACK *"),
            2 | 3 => self.transaction(n),
            4 => self.push(n % 3, &format!("{n}-{}", "x".repeat(150))),
            _ => self.push(n % 3, &n.to_string()),
        }
    }

    /// With a SELECT before it or within it, as servers before and after 7.2 write it.
    fn transaction(&mut self, n: u32) {
        if n % 8 == 2 {
            self.select(n % 5);
        }
        self.append("MULTI");
        self.push(n % 5, &format!("{n}a"));
        self.push(n % 7, &format!("{n}b"));
        self.append(if n.is_multiple_of(2) { "EXEC" } else { "exec" });
    }

    fn push(&mut self, db: u32, text: &str) {
        self.select(db);
        self.append(&format!("RPUSH log {text}"));
        self.logs.entry(db).or_default().push(text.to_owned());
    }

    fn select(&mut self, db: u32) {
        if self.must_select || db != self.db {
            self.append(&format!("SELECT {db}"));
            (self.db, self.must_select) = (db, false);
        }
    }

    fn append(&mut self, words: &str) {
        self.stream.extend(command(words));
    }

    /// masterTryPartialResync in replication.c.
    pub fn continues(&self, id: &str, next: u64) -> bool {
        let known = id == self.replid.as_str()
            || self.second.is_some_and(|(second, shared)| id == second.as_str() && next <= shared + 1);
        let held = (self.stream.len() as u64).min(self.backlog_bytes);
        known && next > self.end() - held && next <= self.end() + 1
    }

    /// What it has, wrapped either way. The stream behind names its database.
    pub fn snapshot(&mut self, wrapping: Wrapping) -> Vec<u8> {
        self.must_select = true;
        wrap(&every_type::write(&self.logs, self.wrapping), wrapping)
    }

    /// The stream behind an offset.
    pub fn stream_from(&self, offset: u64) -> Vec<u8> {
        self.stream[(offset - self.base) as usize..].to_vec()
    }
}

/// One link's view of the source.
#[derive(Default)]
pub struct Serving {
    /// How much of the history was sent; None before PSYNC was answered.
    sent: Option<u64>,
    /// A source without disk begins the stream at the first acknowledgement.
    held: bool,
}

impl Serving {
    pub fn answer(&mut self, source: &mut Source, request: &str) -> Vec<u8> {
        let words: Vec<&str> = request.split(' ').collect();
        match words[..] {
            ["REPLCONF", "ACK", _] => {
                self.held = false;
                Vec::new()
            }
            ["PING"] => b"+PONG\r\n".to_vec(),
            ["REPLCONF", "version", _] => b"-ERR Unrecognized REPLCONF option: version\r\n".to_vec(),
            ["PSYNC", id, next] => self.synchronize(source, id, next.parse().unwrap()),
            _ => b"+OK\r\n".to_vec(),
        }
    }

    fn synchronize(&mut self, source: &mut Source, id: &str, next: i64) -> Vec<u8> {
        if let Ok(next) = u64::try_from(next)
            && source.continues(id, next)
        {
            self.sent = Some(next - 1);
            let new_id = if id == source.replid.as_str() { "" } else { source.replid.as_str() };
            return format!("+CONTINUE {new_id}\r\n").into_bytes();
        }
        self.sent = Some(source.end());
        self.held = source.wrapping == Wrapping::Mark;
        let reply = format!("\n+FULLRESYNC {} {} more\r\n\n", source.replid, source.end());
        [reply.into_bytes(), source.snapshot(source.wrapping)].concat()
    }

    /// The part of the stream that has not been sent.
    pub fn stream(&mut self, source: &Source) -> Vec<u8> {
        let Some(sent) = self.sent.filter(|_| !self.held) else { return Vec::new() };
        self.sent = Some(source.end());
        source.stream_from(sent)
    }
}
