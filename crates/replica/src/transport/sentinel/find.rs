//! Asking for the source, and asking the source.

use crate::connection::Config;
use crate::resp::Value;

use super::super::client::ClientError;
use super::super::connect::Endpoint;
use super::super::stream::Stream;
use super::talk::Talk;
use super::{SentinelError, Sentinels, SourceRole};

/// Most servers a Sentinel may name before we stop looking at them.
const CANDIDATES_MAX: usize = 64;

/// What a Sentinel said.
#[derive(Debug, Clone)]
pub(in super::super) struct Found {
    /// Where the source may be, best first: never empty.
    pub(in super::super) servers: Vec<Endpoint>,
    /// The primary, whatever the role: what a watch compares with.
    pub(in super::super) primary: Endpoint,
}

impl Sentinels {
    /// Asks the Sentinels in order, until one answers.
    pub(in super::super) fn find(&self) -> Result<Found, SentinelError> {
        let mut failure = SentinelError::NoSentinel;
        for sentinel in self.order() {
            match self.connect(&sentinel).and_then(|mut talk| self.ask(&sentinel, &mut talk)) {
                Ok(found) => {
                    self.move_to_front(&sentinel);
                    return Ok(found);
                }
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    fn ask(&self, sentinel: &Endpoint, talk: &mut Talk) -> Result<Found, SentinelError> {
        let primary = self.ask_primary(sentinel, talk)?;
        let servers = match self.role {
            SourceRole::Primary => vec![primary.clone()],
            SourceRole::Replica => self.ask_replicas(sentinel, talk)?,
        };
        Ok(Found { servers, primary })
    }

    pub(super) fn ask_primary(
        &self,
        sentinel: &Endpoint,
        talk: &mut Talk,
    ) -> Result<Endpoint, SentinelError> {
        let question: [&[u8]; 3] = [b"SENTINEL", b"GET-MASTER-ADDR-BY-NAME", self.group.as_bytes()];
        match talk.ask(&question).map_err(|reason| SentinelError::failed(sentinel, reason))? {
            Value::Null => Err(self.unknown_group(sentinel)),
            Value::Error(_) => Err(SentinelError::Refused { sentinel: sentinel.clone() }),
            Value::Array(pair) => endpoint(&pair).ok_or_else(|| unexpected(sentinel)),
            _ => Err(unexpected(sentinel)),
        }
    }

    /// Under its old name where the new one is unknown (Redis before 5.0).
    fn ask_replicas(&self, sentinel: &Endpoint, talk: &mut Talk) -> Result<Vec<Endpoint>, SentinelError> {
        for word in [b"REPLICAS".as_slice(), b"SLAVES"] {
            let answer = talk.ask(&[b"SENTINEL", word, self.group.as_bytes()]);
            match answer.map_err(|reason| SentinelError::failed(sentinel, reason))? {
                Value::Error(_) => {}
                Value::Array(replicas) => return self.healthy(sentinel, &replicas),
                _ => return Err(unexpected(sentinel)),
            }
        }
        Err(SentinelError::Refused { sentinel: sentinel.clone() })
    }

    fn healthy(&self, sentinel: &Endpoint, replicas: &[Value]) -> Result<Vec<Endpoint>, SentinelError> {
        let found: Vec<Endpoint> = replicas.iter().filter_map(replica).take(CANDIDATES_MAX).collect();
        if found.is_empty() {
            return Err(SentinelError::NoReplica { sentinel: sentinel.clone(), group: self.group.clone() });
        }
        Ok(found)
    }

    fn unknown_group(&self, sentinel: &Endpoint) -> SentinelError {
        SentinelError::UnknownGroup { sentinel: sentinel.clone(), group: self.group.clone() }
    }

    /// What the source has to be.
    pub(in super::super) fn wanted_role(&self) -> SourceRole {
        self.role
    }
}

fn unexpected(sentinel: &Endpoint) -> SentinelError {
    SentinelError::UnexpectedReply { sentinel: sentinel.clone() }
}

/// From a pair of host and port.
fn endpoint(pair: &[Value]) -> Option<Endpoint> {
    match pair {
        [host, port] => make(host.as_bytes()?, port.as_bytes()?),
        _ => None,
    }
}

pub(super) fn make(host: &[u8], port: &[u8]) -> Option<Endpoint> {
    let (host, port) = (std::str::from_utf8(host).ok()?, std::str::from_utf8(port).ok()?);
    // Port 0 is a client that replicates without listening, as we are one.
    let port = port.parse().ok().filter(|port| *port != 0)?;
    Some(Endpoint::new(host, port)).filter(|endpoint| !endpoint.host.is_empty())
}

/// A replica that is up and in touch with its primary (addReplySentinelRedisInstance in sentinel.c).
fn replica(fields: &Value) -> Option<Endpoint> {
    let fields = pairs(fields);
    let get = |name: &[u8]| fields.iter().find(|(key, _)| *key == name).map(|(_, value)| *value);
    let is_down = |flags: &[u8]| {
        flags
            .split(|byte| *byte == b',')
            .any(|flag| [&b"s_down"[..], b"o_down", b"disconnected"].contains(&flag))
    };
    let is_up = get(b"flags").is_some_and(|flags| !is_down(flags));
    let in_touch = get(b"master-link-status") == Some(b"ok");
    make(get(b"ip")?, get(b"port")?).filter(|_| is_up && in_touch)
}

/// Names and values: a flat array in RESP2, a map in RESP3.
fn pairs(fields: &Value) -> Vec<(&[u8], &[u8])> {
    let flat = fields.as_slice().unwrap_or_default();
    let (pairs, _) = flat.as_chunks::<2>();
    pairs.iter().filter_map(|[name, value]| Some((name.as_bytes()?, value.as_bytes()?))).collect()
}

/// Asks a server what it is, over the connection that is then used.
pub(in super::super) fn confirm(
    stream: Stream,
    server: &Endpoint,
    wanted: SourceRole,
    config: &Config,
) -> Result<Stream, SentinelError> {
    let unknown =
        |reason: ClientError| SentinelError::RoleUnknown { server: server.clone(), reason: Box::new(reason) };
    let mut talk = Talk::new(stream, config.timeouts.reply);
    if let Some(credentials) = config.credentials.as_ref().filter(|_| !config.names.auth.is_empty()) {
        talk.authenticate(credentials, &config.names.auth).map_err(|reason| match reason {
            ClientError::Auth(_) => SentinelError::RoleRefused { server: server.clone() },
            reason => unknown(reason),
        })?;
    }
    match talk.ask(&[b"ROLE"]).map_err(unknown)? {
        Value::Array(role) if is(&role, wanted) => Ok(talk.link.stream),
        Value::Array(_) => Err(SentinelError::WrongRole { server: server.clone(), wanted }),
        _ => Err(SentinelError::RoleRefused { server: server.clone() }),
    }
}

/// `master ..`, or `slave <host> <port> <link> ..` (roleCommand in replication.c).
fn is(role: &[Value], wanted: SourceRole) -> bool {
    let word = |at: usize| role.get(at).and_then(Value::as_bytes);
    match wanted {
        SourceRole::Primary => word(0) == Some(b"master"),
        SourceRole::Replica => word(0) == Some(b"slave") && word(3) == Some(b"connected"),
    }
}
