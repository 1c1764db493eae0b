//! The address of a source: `redis[s]://[user@]host[:port][/db]`.

use std::fmt;

use super::DB_MAX;

const HOST_BYTES_MAX: usize = 255;
const USER_BYTES_MAX: usize = 255;
const DEFAULT_PORT: u16 = 6379;

/// How to talk to the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Scheme {
    /// Plain TCP: `redis://`, `valkey://`.
    Tcp,
    /// TLS: `rediss://`, `valkeys://`.
    Tls,
}

/// A source's address. It never holds a password.
///
/// The client library has one of the same name (`redis_replica::transport::SourceUrl`, of its feature `net`, which this crate
/// builds without). They are not one on purpose: that one is for programs of their users, decodes what is encoded and
/// keeps a password; this one is for text that any client may send and that is stored, shown and replicated. A parser
/// of both would have to be told each time not to take passwords, and to be right about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceUrl {
    /// How to talk to it.
    pub scheme: Scheme,
    /// A host name or address; an IPv6 address without its brackets.
    pub host: String,
    /// 6379 unless given.
    pub port: u16,
    /// The `/n` of the URL: shorthand for the option DB.
    pub db: Option<u32>,
    /// The user to log in as, from AUTH or from the URL.
    pub user: Option<Vec<u8>>,
}

/// Why a URL was refused. The text never repeats it: it may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// Not `redis://..`.
    #[error("the source must be a URL such as redis://host:6379")]
    Scheme,
    /// A password in the URL.
    #[error("the URL holds a password: give it with AUTH user password, AUTH FILE or AUTH ENV instead")]
    Credentials,
    /// The user in the URL is empty, too long or has characters that URLs encode.
    #[error("the URL's user has characters that a URL can't hold: give it with AUTH user password instead")]
    User,
    /// A scheme of a later version.
    #[error("the scheme {scheme} is not supported yet")]
    NotSupported {
        /// Which.
        scheme: &'static str,
    },
    /// The host is empty, too long or has characters no host has.
    #[error("the URL's host is not a host name or address")]
    Host,
    /// The port is not 1 to 65535.
    #[error("the URL's port must be a number from 1 to 65535")]
    Port,
    /// The path is not a db number.
    #[error("the URL's path must be a db number from 0 to {DB_MAX}")]
    Db,
}

impl SourceUrl {
    /// Reads a URL.
    pub fn parse(text: &[u8]) -> Result<SourceUrl, UrlError> {
        let text = std::str::from_utf8(text).map_err(|_| UrlError::Scheme)?;
        let (scheme, rest) = text.split_once("://").ok_or(UrlError::Scheme)?;
        // The last `@`: whatever stands before it may be a password.
        let (user, rest) = match rest.rsplit_once('@') {
            Some((user, rest)) => (Some(parse_user(user)?), rest),
            None => (None, rest),
        };
        let scheme = parse_scheme(scheme)?;
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (host, port) = split_authority(authority)?;
        Ok(SourceUrl {
            scheme,
            host: parse_host(host)?,
            port: port.map_or(Ok(DEFAULT_PORT), parse_port)?,
            db: parse_path(path)?,
            user,
        })
    }
}

impl fmt::Display for SourceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.scheme {
            Scheme::Tcp => "redis",
            Scheme::Tls => "rediss",
        };
        match self.host.contains(':') {
            true => write!(f, "{scheme}://[{}]:{}", self.host, self.port)?,
            false => write!(f, "{scheme}://{}:{}", self.host, self.port)?,
        }
        self.db.map_or(Ok(()), |db| write!(f, "/{db}"))
    }
}

fn parse_scheme(scheme: &str) -> Result<Scheme, UrlError> {
    match scheme.to_ascii_lowercase().as_str() {
        "redis" | "valkey" => Ok(Scheme::Tcp),
        "rediss" | "valkeys" => Ok(Scheme::Tls),
        "redis+sentinel" | "redis-sentinel" | "sentinel" => {
            Err(UrlError::NotSupported { scheme: "redis+sentinel" })
        }
        _ => Err(UrlError::Scheme),
    }
}

fn split_authority(authority: &str) -> Result<(&str, Option<&str>), UrlError> {
    let Some(bracketed) = authority.strip_prefix('[') else {
        return Ok(match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        });
    };
    let (host, behind) = bracketed.split_once(']').ok_or(UrlError::Host)?;
    host.parse::<std::net::Ipv6Addr>().map_err(|_| UrlError::Host)?;
    match behind.strip_prefix(':') {
        Some(port) => Ok((host, Some(port))),
        None if behind.is_empty() => Ok((host, None)),
        None => Err(UrlError::Host),
    }
}

fn parse_user(user: &str) -> Result<Vec<u8>, UrlError> {
    if user.contains(':') {
        return Err(UrlError::Credentials);
    }
    let plausible = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    let fits = !user.is_empty() && user.len() <= USER_BYTES_MAX && user.bytes().all(plausible);
    if fits { Ok(user.as_bytes().to_vec()) } else { Err(UrlError::User) }
}

/// A host name alone.
pub(super) fn check_host(host: &[u8]) -> Result<String, UrlError> {
    parse_host(std::str::from_utf8(host).map_err(|_| UrlError::Host)?)
}

fn parse_host(host: &str) -> Result<String, UrlError> {
    let plausible = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:".contains(&byte);
    let fits = !host.is_empty() && host.len() <= HOST_BYTES_MAX;
    if fits && host.bytes().all(plausible) { Ok(host.to_owned()) } else { Err(UrlError::Host) }
}

fn parse_port(port: &str) -> Result<u16, UrlError> {
    port.parse().ok().filter(|port| *port > 0).ok_or(UrlError::Port)
}

fn parse_path(path: &str) -> Result<Option<u32>, UrlError> {
    match path {
        "" => Ok(None),
        db => db.parse().ok().filter(|db| *db <= DB_MAX).map(Some).ok_or(UrlError::Db),
    }
}
