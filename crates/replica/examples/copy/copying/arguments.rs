//! The command line.

use std::path::PathBuf;

use redis_replica::Credentials;
use redis_replica::transport::Endpoint;

pub const USAGE: &str = "\
usage: copy [--replace] SOURCE TARGET

Copies all keys (with their expiry) and functions of SOURCE into TARGET, once.

  SOURCE      redis://[[USER]:PASSWORD@]HOST[:PORT], or the path of an RDB file, an AOF file or an AOF directory
  TARGET      redis://[[USER]:PASSWORD@]HOST[:PORT], Redis 5.0 or newer, or any Valkey
  --replace   write over keys of the same name; without it a target that has data is refused
  --help      this text

rediss:// encrypts (feature tls); authorities are the system's, or those of the file in SSL_CERT_FILE.
Special characters in USER and PASSWORD are written as %xx.

exit codes: 0 copied, 1 failed, 2 wrong usage, 3 the target has data, 4 copied but for what was named";

/// What the user wants.
#[derive(Debug)]
pub struct Arguments {
    pub source: Place,
    pub target: ServerAt,
    pub mode: Mode,
}

/// What happens to keys that the target has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Refuse,
    Replace,
}

#[derive(Debug)]
pub enum Place {
    Server(ServerAt),
    Path(PathBuf),
}

#[derive(Debug)]
pub struct ServerAt {
    pub endpoint: Endpoint,
    pub credentials: Option<Credentials>,
    #[cfg_attr(not(feature = "tls"), expect(dead_code, reason = "nothing is encrypted without it"))]
    is_encrypted: bool,
}

impl Arguments {
    pub fn parse(arguments: &[String]) -> Result<Self, String> {
        let mut mode = Mode::Refuse;
        let mut places = Vec::new();
        for argument in arguments {
            match argument.as_str() {
                "--replace" => mode = Mode::Replace,
                option if option.starts_with("--") => return Err(format!("unknown option {option}")),
                place => places.push(place),
            }
        }
        let [source, target] = places.as_slice() else { return Err("SOURCE and TARGET are needed".into()) };
        let source = match ServerAt::parse(source)? {
            Some(server) => Place::Server(server),
            None => Place::Path(PathBuf::from(source)),
        };
        let target = ServerAt::parse(target)?.ok_or("TARGET must be redis://..")?;
        Ok(Arguments { source, target, mode })
    }
}

impl ServerAt {
    /// None for what is no URL.
    fn parse(text: &str) -> Result<Option<Self>, String> {
        let Some((scheme, rest)) = text.split_once("://") else { return Ok(None) };
        let is_encrypted = match scheme {
            "redis" => false,
            "rediss" if cfg!(feature = "tls") => true,
            "rediss" => return Err("rediss:// needs the feature tls".into()),
            _ => return Err(format!("unknown scheme {scheme}://")),
        };
        // A password may be in it: no error repeats the text.
        let (login, address) = match rest.rsplit_once('@') {
            Some((login, address)) => (Some(login), address),
            None => (None, rest),
        };
        let endpoint = endpoint(address.trim_end_matches('/')).ok_or("an address is HOST or HOST:PORT")?;
        let credentials = login.map(credentials).transpose()?;
        Ok(Some(ServerAt { endpoint, credentials, is_encrypted }))
    }

    #[cfg(feature = "tls")]
    pub fn tls(
        &self,
    ) -> Result<Option<redis_replica::transport::tls::TlsConnector>, Box<dyn std::error::Error>> {
        use redis_replica::transport::tls::{TlsConfig, TlsConnector};
        Ok(if self.is_encrypted { Some(TlsConnector::new(TlsConfig::default())?) } else { None })
    }
}

fn endpoint(address: &str) -> Option<Endpoint> {
    let (host, port) = match address.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, port)) => (host, port.strip_prefix(':')),
        None => address.split_once(':').map_or((address, None), |(host, port)| (host, Some(port))),
    };
    let port = port.map_or(Some(6379), |port| port.parse().ok())?;
    if host.is_empty() { None } else { Some(Endpoint::new(host, port)) }
}

fn credentials(login: &str) -> Result<Credentials, String> {
    let (user, password) = login.split_once(':').ok_or("a login is USER:PASSWORD or :PASSWORD")?;
    let password = decoded(password)?;
    if user.is_empty() {
        return Ok(Credentials::password(password));
    }
    let user = String::from_utf8(decoded(user)?).map_err(|_| "the user is no text")?;
    Ok(Credentials::user(user, password))
}

/// Without its %xx.
fn decoded(text: &str) -> Result<Vec<u8>, String> {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let code = part.get(..2).and_then(|code| u8::from_str_radix(code, 16).ok());
        bytes.push(code.ok_or("% in a login must be written as %25")?);
        bytes.extend_from_slice(&part.as_bytes()[2..]);
    }
    Ok(bytes)
}
