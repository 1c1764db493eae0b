//! The command line.

use std::path::PathBuf;

use redis_replica::Credentials;
use redis_replica::transport::{Endpoint, Scheme, SourceUrl};

pub const USAGE: &str = "\
usage: copy [--replace] SOURCE TARGET

Copies all keys (with their expiry) and functions of SOURCE into TARGET, once.

  SOURCE      redis://[[USER]:PASSWORD@]HOST[:PORT], or the path of an RDB file, an AOF file or an AOF directory
  TARGET      redis://[[USER]:PASSWORD@]HOST[:PORT], Redis 5.0 or newer, or any Valkey
  --replace   write over keys of the same name; without it a target that has data is refused
  --help      this text

rediss:// encrypts (feature tls); authorities are the system's, or those of the file in SSL_CERT_FILE.
Special characters in USER and PASSWORD are written as %xx.

A source may wait for some seconds before it sends (repl-diskless-sync-delay).

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
                option if option.starts_with('-') => return Err(format!("unknown option {option}")),
                place => places.push(place),
            }
        }
        let [source, target] = places.as_slice() else { return Err("SOURCE and TARGET are needed".into()) };
        let source = match ServerAt::parse(source)? {
            Some(server) => Place::Server(server),
            None => Place::Path(PathBuf::from(source)),
        };
        let target = ServerAt::parse(target)?.ok_or("TARGET must be a URL such as redis://host:6379")?;
        Ok(Arguments { source, target, mode })
    }
}

impl ServerAt {
    /// None for what is no URL.
    fn parse(text: &str) -> Result<Option<Self>, String> {
        if !text.contains("://") {
            return Ok(None);
        }
        // Its errors never repeat the text: a password may be in it.
        let url = SourceUrl::parse(text).map_err(|error| error.to_string())?;
        let is_encrypted = url.scheme == Scheme::Tls;
        if is_encrypted && !cfg!(feature = "tls") {
            return Err("this program was built without TLS: build it with --features tls".into());
        }
        Ok(Some(ServerAt { endpoint: url.endpoint, credentials: url.credentials, is_encrypted }))
    }

    #[cfg(feature = "tls")]
    pub fn tls(
        &self,
    ) -> Result<Option<redis_replica::transport::tls::TlsConnector>, Box<dyn std::error::Error>> {
        use redis_replica::transport::tls::{TlsConfig, TlsConnector};
        Ok(if self.is_encrypted { Some(TlsConnector::new(TlsConfig::default())?) } else { None })
    }
}
