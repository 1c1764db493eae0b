//! A source's address in one text: `redis://[[user]:password@]host[:port]`.

use zeroize::Zeroizing;

use crate::connection::Credentials;

use super::connect::Endpoint;

const DEFAULT_PORT: u16 = 6379;

/// How to talk to a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Scheme {
    /// Plain TCP: `redis://`, `valkey://`.
    Tcp,
    /// TLS: `rediss://`, `valkeys://`.
    Tls,
}

/// What a URL says. It may hold a password, so it is for a program's own user: who takes URLs from others and keeps or shows
/// them (as the module of this project does) needs a type that can't.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SourceUrl {
    /// How to talk to it.
    pub scheme: Scheme,
    /// Where it is; port 6379 unless given.
    pub endpoint: Endpoint,
    /// The user and password, decoded.
    pub credentials: Option<Credentials>,
}

/// Why a URL can't be used. The text never repeats it: it may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UrlError {
    /// No scheme, or another one.
    #[error("the source must be a URL such as redis://host:6379 or rediss://user:password@host")]
    Scheme,
    /// No host, or what no host has.
    #[error("the URL's host is not a host name or address")]
    Host,
    /// Not 1 to 65535.
    #[error("the URL's port must be a number from 1 to 65535")]
    Port,
    /// A user without a password, or `%` without two hexadecimal digits.
    #[error(
        "the URL's user must be [user]:password, with special characters as % and two hexadecimal digits"
    )]
    User,
    /// Something behind the port: a source is followed in all its databases.
    #[error("a source is followed in all databases: leave out what follows the URL's port")]
    Path,
}

impl SourceUrl {
    /// Reads a URL.
    ///
    /// # Errors
    /// It is none, or says what can't be done.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        let (scheme, rest) = text.split_once("://").ok_or(UrlError::Scheme)?;
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "redis" | "valkey" => Scheme::Tcp,
            "rediss" | "valkeys" => Scheme::Tls,
            _ => return Err(UrlError::Scheme),
        };
        // The last `@`: a password may hold others.
        let (login, rest) = match rest.rsplit_once('@') {
            Some((login, rest)) => (Some(login), rest),
            None => (None, rest),
        };
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        if !path.is_empty() {
            return Err(UrlError::Path);
        }
        let credentials = login.map(credentials).transpose()?;
        Ok(SourceUrl { scheme, endpoint: endpoint(authority)?, credentials })
    }
}

fn endpoint(authority: &str) -> Result<Endpoint, UrlError> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(bracketed) => {
            let (host, behind) = bracketed.split_once(']').ok_or(UrlError::Host)?;
            host.parse::<std::net::Ipv6Addr>().map_err(|_| UrlError::Host)?;
            match behind.strip_prefix(':') {
                None if !behind.is_empty() => return Err(UrlError::Host),
                port => (host, port),
            }
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        },
    };
    let plausible = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:".contains(&byte);
    if host.is_empty() || !host.bytes().all(plausible) {
        return Err(UrlError::Host);
    }
    let port = match port {
        None => DEFAULT_PORT,
        Some(port) => port.parse().ok().filter(|port| *port > 0).ok_or(UrlError::Port)?,
    };
    Ok(Endpoint::new(host, port))
}

fn credentials(login: &str) -> Result<Credentials, UrlError> {
    let (user, password) = login.split_once(':').ok_or(UrlError::User)?;
    let password = decode(password)?.to_vec();
    if user.is_empty() {
        return Ok(Credentials::password(password));
    }
    let user = std::str::from_utf8(&decode(user)?).map_err(|_| UrlError::User)?.to_owned();
    Ok(Credentials::user(user, password))
}

fn decode(text: &str) -> Result<Zeroizing<Vec<u8>>, UrlError> {
    // Never grown, so that no copy of a password is left behind.
    let mut out = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text.as_bytes();
    while let [first, behind @ ..] = rest {
        rest = behind;
        if *first != b'%' {
            out.push(*first);
            continue;
        }
        let [high, low, behind @ ..] = rest else { return Err(UrlError::User) };
        let digit = |byte: u8| char::from(byte).to_digit(16).ok_or(UrlError::User);
        out.push(u8::try_from(digit(*high)? * 16 + digit(*low)?).map_err(|_| UrlError::User)?);
        rest = behind;
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_where_how_and_as_whom() {
        let full = SourceUrl::parse("rediss://joe:p%40ss:w@[::1]:7000/").unwrap();
        assert_eq!((full.scheme, full.endpoint), (Scheme::Tls, Endpoint::new("::1", 7000)));
        assert_eq!(full.credentials.unwrap().auth_args(), [b"AUTH".as_slice(), b"joe", b"p@ss:w"]);
        let short = SourceUrl::parse("valkey://:secret@example.org").unwrap();
        assert_eq!((short.scheme, short.endpoint), (Scheme::Tcp, Endpoint::new("example.org", 6379)));
        assert_eq!(short.credentials.unwrap().auth_args(), [b"AUTH".as_slice(), b"secret"]);
    }

    #[test]
    fn each_mistake_has_its_name() {
        for (text, error) in [
            ("host:1", UrlError::Scheme),
            ("http://h", UrlError::Scheme),
            ("redis://", UrlError::Host),
            ("redis://[::1", UrlError::Host),
            ("redis://h:0", UrlError::Port),
            ("redis://joe@h", UrlError::User),
            ("redis://:%4@h", UrlError::User),
            ("redis://h/1", UrlError::Path),
        ] {
            assert_eq!(SourceUrl::parse(text).err(), Some(error), "{text}");
        }
    }
}
