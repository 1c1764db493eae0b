//! The server that is written to: commands go in batches, and what it can't take serialized is rebuilt by commands.

use std::error::Error;

use redis_replica::Credentials;
use redis_replica::rdb::{self, Loss, NotRestorable};
use redis_replica::resp::Value;
use redis_replica::transport::{Client, ClientConfig, connect, resolve};

use super::arguments::{Mode, ServerAt};

/// Sent before replies are read.
const BATCH_COMMANDS: usize = 512;
const BATCH_BYTES: usize = 4 << 20;

const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);

type Arguments = Vec<Vec<u8>>;

pub struct Target {
    client: Client,
    version: rdb::Target,
    mode: Mode,
    db: Option<u32>,
    batch: Vec<Queued>,
    batch_bytes: usize,
    refused: Vec<String>,
}

struct Queued {
    command: Arguments,
    /// The value of a RESTORE, to be rebuilt if that is refused.
    restores: Option<Restored>,
}

struct Restored {
    payload: Vec<u8>,
    expire_at_ms: Option<u64>,
}

impl Target {
    pub fn connect(server: &ServerAt, mode: Mode) -> Result<Self, Box<dyn Error>> {
        let stream = connect(&resolve(&server.endpoint, PATIENCE)?, PATIENCE)?;
        #[cfg(feature = "tls")]
        let stream = match server.tls()? {
            Some(tls) => tls.secure(stream, &server.endpoint.host, PATIENCE)?,
            None => stream,
        };
        let credentials: Option<Credentials> = server.credentials.clone();
        let config = ClientConfig { credentials, timeout: PATIENCE, ..ClientConfig::default() };
        let mut client = Client::new(stream, &config)?;
        let info = client.command(&[b"INFO", b"server"])?;
        let version =
            version(info.as_bytes().unwrap_or_default()).ok_or("the target does not tell its version")?;
        let (batch, refused) = (Vec::new(), Vec::new());
        Ok(Target { client, version, mode, db: None, batch, batch_bytes: 0, refused })
    }

    pub fn holds_what_may_not_be_touched(&mut self) -> Result<bool, Box<dyn Error>> {
        let info = self.client.command(&[b"INFO", b"keyspace"])?;
        let text = String::from_utf8_lossy(info.as_bytes().ok_or("the target refused INFO")?).into_owned();
        Ok(self.mode == Mode::Refuse && text.lines().any(|line| line.starts_with("db")))
    }

    /// A key with its value; what the target has no place for.
    pub fn restore(
        &mut self,
        entry: &rdb::Entry<'_>,
    ) -> Result<Result<Vec<Loss>, NotRestorable>, Box<dyn Error>> {
        let mut payload = Vec::new();
        let losses = match entry.object.payload_for(self.version, &mut payload) {
            Ok(losses) => losses,
            Err(error) => return Ok(Err(error)),
        };
        self.select(entry.db)?;
        let ttl = entry.expire_at_ms.unwrap_or(0).to_string().into_bytes();
        let mut command =
            vec![b"RESTORE".to_vec(), entry.key.to_vec(), ttl, payload.clone(), b"ABSTTL".to_vec()];
        if self.mode == Mode::Replace {
            command.push(b"REPLACE".to_vec());
        }
        if let Some(seconds) = entry.idle_seconds {
            command.extend([b"IDLETIME".to_vec(), seconds.to_string().into_bytes()]);
        } else if let Some(freq) = entry.freq {
            command.extend([b"FREQ".to_vec(), freq.to_string().into_bytes()]);
        }
        let restores = Some(Restored { payload, expire_at_ms: entry.expire_at_ms });
        self.queue(Queued { command, restores })?;
        Ok(Ok(losses))
    }

    pub fn load_function(&mut self, code: &[u8]) -> Result<(), Box<dyn Error>> {
        let mut command = vec![b"FUNCTION".to_vec(), b"LOAD".to_vec()];
        if self.mode == Mode::Replace {
            command.push(b"REPLACE".to_vec());
        }
        command.push(code.to_vec());
        self.queue(Queued { command, restores: None })
    }

    pub fn command(&mut self, db: u32, command: Arguments) -> Result<(), Box<dyn Error>> {
        self.select(db)?;
        self.queue(Queued { command, restores: None })
    }

    /// Sends what is left, and tells what was refused since it was asked last.
    pub fn flush(&mut self) -> Result<Vec<String>, Box<dyn Error>> {
        self.send()?;
        Ok(std::mem::take(&mut self.refused))
    }

    fn select(&mut self, db: u32) -> Result<(), Box<dyn Error>> {
        if self.db != Some(db) {
            self.db = Some(db);
            // Keys that have to be rebuilt are so in the database that is selected then.
            self.send()?;
            let reply = self.client.command(&[b"SELECT", db.to_string().as_bytes()])?;
            if reply.as_error().is_some() {
                return Err(format!("the target has no database {db}: raise its setting databases").into());
            }
        }
        Ok(())
    }

    fn queue(&mut self, queued: Queued) -> Result<(), Box<dyn Error>> {
        self.batch_bytes += queued.command.iter().map(Vec::len).sum::<usize>();
        self.batch.push(queued);
        if self.batch.len() >= BATCH_COMMANDS || self.batch_bytes >= BATCH_BYTES {
            self.send()
        } else {
            Ok(())
        }
    }

    fn send(&mut self) -> Result<(), Box<dyn Error>> {
        let batch = std::mem::take(&mut self.batch);
        self.batch_bytes = 0;
        let commands: Vec<Vec<&[u8]>> =
            batch.iter().map(|queued| queued.command.iter().map(Vec::as_slice).collect()).collect();
        let commands: Vec<&[&[u8]]> = commands.iter().map(Vec::as_slice).collect();
        let replies = self.client.pipeline(&commands)?;
        for (queued, reply) in batch.iter().zip(&replies) {
            match (reply, &queued.restores) {
                // Not the fault of the form in which the value came.
                (Value::Error(_), Some(_))
                    if reply.is_error_code("BUSYKEY") || reply.is_error_code("OOM") =>
                {
                    return Err(failure(queued, reply));
                }
                (Value::Error(_), Some(restored)) => self.rebuild(&queued.command[1], restored)?,
                (Value::Error(_), None) => self.refused.push(failure(queued, reply).to_string()),
                _ => {}
            }
        }
        Ok(())
    }

    /// By commands, for a target that has no RESTORE or refuses this value.
    fn rebuild(&mut self, key: &[u8], restored: &Restored) -> Result<(), Box<dyn Error>> {
        let object = rdb::parse_dump(&restored.payload, self.version.family, rdb::Limits::default())?;
        let mut commands: Vec<Arguments> = vec![vec![b"DEL".to_vec(), key.to_vec()]];
        let mut sink = |args: &[&[u8]]| commands.push(args.iter().map(|arg| arg.to_vec()).collect());
        let losses = object.decode()?.commands(key, self.version, &mut sink)?;
        if let Some(at) = restored.expire_at_ms {
            sink(&[b"PEXPIREAT", key, at.to_string().as_bytes()]);
        }
        if !losses.is_empty() {
            self.refused.push(format!("{}: rebuilt by commands without {losses:?}", key.escape_ascii()));
        }
        for command in commands {
            let args: Vec<&[u8]> = command.iter().map(Vec::as_slice).collect();
            let reply = self.client.command(&args)?;
            if reply.as_error().is_some() {
                return Err(failure(&Queued { command, restores: None }, &reply));
            }
        }
        Ok(())
    }
}

/// The target's own words, without what a terminal might take for its own.
fn failure(queued: &Queued, reply: &Value) -> Box<dyn Error> {
    let shown =
        |at: usize| queued.command.get(at).map(|word| word[..word.len().min(80)].escape_ascii().to_string());
    let words = reply.as_error().unwrap_or_default().escape_ascii();
    let (name, key) = (shown(0).unwrap_or_default(), shown(1).unwrap_or_default());
    format!("the target refused {name} {key}: {words}").into()
}

/// From the lines of INFO: Valkey tells a Redis version too, for old clients.
fn version(info: &[u8]) -> Option<rdb::Target> {
    let text = String::from_utf8_lossy(info);
    let line = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
    let (family, version) = match line("valkey_version:") {
        Some(version) => (rdb::Family::Valkey, version),
        None => (rdb::Family::Redis, line("redis_version:")?),
    };
    let mut numbers = version.trim().split('.').map(|number| number.parse().ok());
    let mut next = || numbers.next().flatten();
    Some(rdb::Target { family, version: (next()?, next()?, next().unwrap_or(0)) })
}
