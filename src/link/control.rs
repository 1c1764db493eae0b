//! The second connection to a source: questions that the replication link can't ask.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use mirror_engine::ReplId;
use redis_replica::rdb::Family;
use redis_replica::resp::{ProtocolError, Value};
use redis_replica::transport::{Client, ClientConfig, ClientError};

use super::access::{Access, AccessError};
use super::limits::UnitLimits;

/// How long connecting, or one question, may take. The link reads nothing meanwhile; a source that needs
/// longer is busy with something that holds up its stream as well.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// How long the values of the keys under repair may take: they may be large.
const VALUES_TIMEOUT: Duration = Duration::from_secs(5);

/// How long to leave a source alone that could not be asked, at least ..
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// .. and as a multiple of the time that the attempt took: a source that accepts and never answers can't take
/// more than a fifth of the link's time.
const REST: u32 = 4;

/// Why the source did not answer.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// No connection.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// No usable reply.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The source's user lacks a right.
    #[error("the source refused {command}: its user needs the right to run it")]
    Refused {
        /// Which.
        command: &'static str,
    },
    /// INFO replication without the usual fields.
    #[error("the source's INFO replication can't be read")]
    Info,
    /// The values asked for are beyond the limit.
    #[error("the values asked for are too large")]
    TooLarge,
    /// The last attempt failed a moment ago.
    #[error("the source could not be asked a moment ago")]
    TooSoon,
}

/// Where a source stands in its history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceStand {
    /// The history's id.
    pub replid: ReplId,
    /// Its offset.
    pub offset: u64,
    /// Whether the source is itself a replica.
    pub is_replica: bool,
}

/// One key's value at the source.
pub struct SourceValue {
    /// The DUMP payload; `None` when there is no such key.
    pub payload: Option<Vec<u8>>,
    /// When it expires, in Unix milliseconds.
    pub expire_at_ms: Option<u64>,
}

/// The second connection, made when it is first needed.
pub struct Control {
    access: Access,
    client: Option<Client>,
    family: Family,
    expiries: Expiries,
    not_before: Option<Instant>,
    limits: UnitLimits,
}

/// How a source tells when keys expire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expiries {
    /// As Unix time: PEXPIRETIME, and PXAT or PEXPIREAT in the stream.
    Absolute,
    /// Redis before 7.0: as time left, PTTL, and what clients sent in the stream.
    Relative,
}

impl Control {
    /// Makes no connection yet.
    pub fn new(access: Access, limits: UnitLimits) -> Self {
        let (family, expiries) = (Family::Redis, Expiries::Absolute);
        Self { access, client: None, family, expiries, not_before: None, limits }
    }

    /// Sets what the next connection's replies may take.
    pub fn set_limits(&mut self, limits: UnitLimits) {
        self.limits = limits;
        self.client = None;
    }

    /// Closes the connection: the link to this source broke.
    pub fn close(&mut self) {
        self.client = None;
    }

    /// The family whose type bytes the source's DUMP payloads use.
    pub fn family(&self) -> Family {
        self.family
    }

    /// How the source tells when keys expire, as far as it has been asked.
    pub fn expiries(&self) -> Expiries {
        self.expiries
    }

    /// How many milliseconds the source's clock is ahead of this machine's: as many as the answer was on its way too
    /// many, so that a time that is reckoned by it is never too early.
    pub fn clock_ahead_ms(&mut self) -> Result<i64, ControlError> {
        let asked = unix_ms();
        let reply = self.ask(|client| client.command(&[b"TIME"]))?;
        Ok(read_time_ms(&reply)?.saturating_sub(asked))
    }

    /// Where the source stands now.
    pub fn stand(&mut self) -> Result<SourceStand, ControlError> {
        let reply = self.ask(|client| client.command(&[b"INFO", b"replication"]))?;
        read_stand(&reply)
    }

    /// The values of keys (db, name), and the one offset they are all valid at.
    pub fn values(
        &mut self,
        keys: &[(u32, Vec<u8>)],
    ) -> Result<(SourceStand, Vec<SourceValue>), ControlError> {
        // Which commands it has is known once there is a connection.
        self.ask(|_| Ok(()))?;
        let questions: &[&[u8]] = match self.expiries {
            Expiries::Absolute => &[b"PEXPIRETIME"],
            Expiries::Relative => &[b"PTTL", b"TIME"],
        };
        let asked: Vec<Vec<Vec<&[u8]>>> = keys
            .iter()
            .map(|(_, key)| {
                [b"DUMP".as_slice()].iter().chain(questions).map(|name| about(name, key)).collect()
            })
            .collect();
        let dbs: Vec<String> = keys.iter().map(|(db, _)| db.to_string()).collect();
        let selects: Vec<[&[u8]; 2]> = dbs.iter().map(|db| [b"SELECT".as_slice(), db.as_bytes()]).collect();
        let of_each_key = 2 + questions.len();
        let mut commands: Vec<&[&[u8]]> = Vec::with_capacity(of_each_key * keys.len() + 1);
        for (select, asked) in selects.iter().zip(&asked) {
            commands.push(select);
            commands.extend(asked.iter().map(Vec::as_slice));
        }
        commands.push(&[b"INFO", b"replication"]);
        let mut replies = self.ask(|client| {
            client.set_timeout(VALUES_TIMEOUT);
            let replies = client.transaction(&commands);
            client.set_timeout(ANSWER_TIMEOUT);
            replies
        })?;
        let stand = read_stand(&replies.pop().ok_or(ControlError::Info)?)?;
        let values = replies.chunks_exact_mut(of_each_key).map(read_value).collect::<Result<_, _>>()?;
        Ok((stand, values))
    }

    fn ask<T>(&mut self, ask: impl FnOnce(&mut Client) -> Result<T, ClientError>) -> Result<T, ControlError> {
        if self.not_before.is_some_and(|at| Instant::now() < at) {
            return Err(ControlError::TooSoon);
        }
        let begun = Instant::now();
        let answer = self.client().and_then(|client| ask(client).map_err(ControlError::of));
        if let Err(error) = &answer {
            self.client = None;
            let rest = (begun.elapsed() * REST).max(ASK_AGAIN);
            self.not_before = (!matches!(error, ControlError::TooLarge)).then(|| Instant::now() + rest);
        }
        answer
    }

    fn client(&mut self) -> Result<&mut Client, ControlError> {
        if self.client.is_none() {
            let client = self.connect()?;
            return Ok(self.client.insert(client));
        }
        self.client.as_mut().ok_or(ControlError::Info)
    }

    fn connect(&mut self) -> Result<Client, ControlError> {
        let stream = self.access.connect(ANSWER_TIMEOUT)?;
        let limits = self.limits.replied();
        let credentials = self.access.credentials()?;
        let config = ClientConfig { credentials, timeout: ANSWER_TIMEOUT, limits, ..ClientConfig::default() };
        let mut client = Client::new(stream, &config)?;
        let reply = client.command(&[b"INFO", b"server"])?;
        let text = reply.as_bytes().unwrap_or_default();
        self.family = match field(text, b"valkey_version:") {
            // Valkey before 9 writes the bytes that both families share.
            Some(version) if !version.starts_with(b"7.") && !version.starts_with(b"8.") => Family::Valkey,
            _ => Family::Redis,
        };
        self.expiries = match field(text, b"redis_version:").and_then(major) {
            Some(..7) => Expiries::Relative,
            _ => Expiries::Absolute,
        };
        Ok(client)
    }
}

/// The first number of a version.
fn major(version: &[u8]) -> Option<u32> {
    std::str::from_utf8(version.split(|byte| *byte == b'.').next()?).ok()?.parse().ok()
}

/// A question about a key; TIME is about none.
fn about<'a>(name: &'a [u8], key: &'a [u8]) -> Vec<&'a [u8]> {
    if name == b"TIME" { vec![name] } else { vec![name, key] }
}

fn unix_ms() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_millis()).unwrap_or(i64::MAX)
}

/// `TIME`: seconds, and microseconds behind them.
fn read_time_ms(reply: &Value) -> Result<i64, ControlError> {
    let refused = ControlError::Refused { command: "TIME" };
    let Value::Array(parts) = reply else { return Err(refused) };
    let number = |part: &Value| std::str::from_utf8(part.as_bytes()?).ok()?.parse::<i64>().ok();
    match parts.iter().map(number).collect::<Option<Vec<_>>>().as_deref() {
        Some([seconds, micros]) => Ok(seconds.saturating_mul(1000).saturating_add(micros / 1000)),
        _ => Err(refused),
    }
}

impl ControlError {
    fn of(error: ClientError) -> Self {
        match error {
            ClientError::Protocol(ProtocolError::BulkTooLong { .. } | ProtocolError::TooLong { .. }) => {
                Self::TooLarge
            }
            other => Self::Client(other),
        }
    }
}

/// The payload is moved out: it may be large.
fn read_value(reply: &mut [Value]) -> Result<SourceValue, ControlError> {
    let [_, dump, expiry @ ..] = reply else { return Err(ControlError::Info) };
    let dump = std::mem::replace(dump, Value::Null);
    let payload = match dump {
        Value::Null => None,
        Value::Bulk(payload) => Some(payload),
        Value::Error(_) => return Err(ControlError::Refused { command: "DUMP" }),
        _ => return Err(ControlError::Info),
    };
    Ok(SourceValue { payload, expire_at_ms: read_expiry(expiry)? })
}

/// PEXPIRETIME, or PTTL and the time just after it. Below 0 there is no expiry, or no key.
fn read_expiry(replies: &[Value]) -> Result<Option<u64>, ControlError> {
    let at = match replies {
        [Value::Integer(at)] => *at,
        [Value::Integer(left), _] if *left < 0 => *left,
        [Value::Integer(left), time] => read_time_ms(time)?.saturating_add(*left),
        _ => return Err(ControlError::Refused { command: "PEXPIRETIME or PTTL" }),
    };
    Ok(u64::try_from(at).ok())
}

fn read_stand(reply: &Value) -> Result<SourceStand, ControlError> {
    if reply.as_error().is_some() {
        return Err(ControlError::Refused { command: "INFO" });
    }
    let text = reply.as_bytes().ok_or(ControlError::Info)?;
    let replid = field(text, b"master_replid:").and_then(|id| ReplId::from_bytes(id).ok());
    let offset = field(text, b"master_repl_offset:")
        .and_then(|digits| std::str::from_utf8(digits).ok())
        .and_then(|digits| digits.parse().ok());
    let is_replica = field(text, b"role:") == Some(b"slave");
    match (replid, offset) {
        (Some(replid), Some(offset)) => Ok(SourceStand { replid, offset, is_replica }),
        _ => Err(ControlError::Info),
    }
}

/// The value of a line `name:value` of INFO.
fn field<'a>(info: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    info.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(name)).map(<[u8]>::trim_ascii_end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_when_a_key_expires_on_old_and_new_sources() {
        let time =
            |seconds: &str| Value::Array(vec![Value::Bulk(seconds.into()), Value::Bulk(b"42999".to_vec())]);
        for (replies, expected) in [
            (vec![Value::Integer(77)], Some(77)),
            (vec![Value::Integer(-1)], None),
            (vec![Value::Integer(500), time("7")], Some(7542)),
            (vec![Value::Integer(-2), time("7")], None),
        ] {
            assert_eq!(read_expiry(&replies).expect("readable"), expected, "{replies:?}");
        }
        assert!(read_expiry(&[Value::Integer(5), time("x")]).is_err());
        assert!(read_expiry(&[Value::Error(b"ERR unknown command".to_vec())]).is_err());
        assert_eq!((major(b"6.2.14"), major(b"255.255.255"), major(b"x")), (Some(6), Some(255), None));
    }

    #[test]
    fn reads_where_a_source_stands() {
        let id = "a".repeat(40);
        let text = format!(
            "# Replication\r\nrole:master\r\nmaster_replid:{id}\r\nmaster_replid2:{}\r\nmaster_repl_offset:42\r\n",
            "0".repeat(40)
        );
        let stand = read_stand(&Value::Bulk(text.into_bytes())).expect("all fields are there");
        assert_eq!((stand.replid.to_string(), stand.offset, stand.is_replica), (id, 42, false));
        assert!(matches!(read_stand(&Value::Bulk(b"role:master".to_vec())), Err(ControlError::Info)));
    }
}
