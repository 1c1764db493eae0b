//! Which sources a mirror may connect to: a server that can be told to connect anywhere is a way into networks that
//! its users can't reach themselves.
//!
//! The addresses a name resolves to are judged, and one of those that pass is connected: a name that resolves to
//! something else a moment later gains nothing.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::glob::{FilterError, Glob};

/// The most patterns of one policy.
pub const PATTERNS_MAX: usize = 256;

/// Why a policy can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// More patterns than allowed.
    #[error("more than {PATTERNS_MAX} patterns")]
    TooMany,
    /// A pattern that can't be used.
    #[error("a pattern was refused: {0}")]
    Pattern(#[from] FilterError),
}

/// Why a source may not be connected to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// The administrator's list doesn't name it.
    #[error(
        "mirror.allow-sources does not allow {source_name} ({address}): the administrator of this server can add it"
    )]
    NotListed {
        /// The URL's host and port.
        source_name: String,
        /// What it resolved to.
        address: SocketAddr,
    },
    /// An address of this machine, and who creates mirrors may be elsewhere.
    #[error(
        "{address} is an address of this machine: with mirror.enable-create yes, mirror.allow-sources has to name it"
    )]
    Loopback {
        /// Which.
        address: SocketAddr,
    },
    /// An address that machines use among themselves: metadata services, link-local.
    #[error("{address} is a link-local or metadata address: mirror.allow-sources has to name it")]
    Special {
        /// Which.
        address: SocketAddr,
    },
    /// An address that no server has.
    #[error("{address} is not the address of one server")]
    NoServer {
        /// Which.
        address: SocketAddr,
    },
}

/// Whether addresses of this machine need to be named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loopback {
    /// Only this machine's users create mirrors, and they reach its services anyway.
    Allowed,
    /// The list must name them.
    MustBeNamed,
}

/// The sources that mirrors may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourcePolicy {
    patterns: Vec<Glob>,
    loopback: Loopback,
}

impl SourcePolicy {
    /// Reads a list of patterns over `host:port`, separated by blanks, IPv6 addresses in brackets: `*` stands for any
    /// text, `?` for any character. An empty list allows every ordinary address.
    pub fn parse(list: &[u8], loopback: Loopback) -> Result<SourcePolicy, PolicyError> {
        let words = list.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        let patterns: Vec<Glob> = words.take(PATTERNS_MAX + 1).map(pattern).collect::<Result<_, _>>()?;
        match patterns.len() {
            0..=PATTERNS_MAX => Ok(SourcePolicy { patterns, loopback }),
            _ => Err(PolicyError::TooMany),
        }
    }

    /// A policy that allows no source.
    pub fn nothing() -> SourcePolicy {
        SourcePolicy { patterns: Glob::new(b"").into_iter().collect(), loopback: Loopback::MustBeNamed }
    }

    /// Whether the source called `source_name` (the URL's host and port) may be reached at `address`.
    pub fn check(&self, source_name: &str, address: SocketAddr) -> Result<(), Denied> {
        let address = SocketAddr::new(plain(address.ip()), address.port());
        let matching = |name: &str| {
            let name = name.as_bytes().to_vec();
            self.patterns.iter().filter(move |pattern| pattern.matches(&name))
        };
        let address_is_named = matching(&address.to_string()).next().is_some();
        // `10.*:6379` means addresses: a name may begin like one.
        let name_is_named = matching(source_name).any(|pattern| is_for_names(pattern.text()));
        if !self.patterns.is_empty() && !address_is_named && !name_is_named {
            return Err(Denied::NotListed { source_name: source_name.to_owned(), address });
        }
        match Class::of(address.ip()) {
            Class::NoServer => Err(Denied::NoServer { address }),
            Class::Loopback if self.loopback == Loopback::MustBeNamed && !address_is_named => {
                Err(Denied::Loopback { address })
            }
            Class::Special if !address_is_named => Err(Denied::Special { address }),
            _ => Ok(()),
        }
    }
}

/// Brackets are those of an address, not of a class of characters.
fn pattern(word: &[u8]) -> Result<Glob, FilterError> {
    let escaped: Vec<u8> = word.iter().flat_map(|byte| escape(*byte)).collect();
    Glob::new(&escaped)
}

fn escape(byte: u8) -> impl Iterator<Item = u8> {
    b"[]\\".contains(&byte).then_some(b'\\').into_iter().chain([byte])
}

/// Whether a pattern can mean names: it has letters, and they are not those of an IPv6 address.
fn is_for_names(pattern: &[u8]) -> bool {
    pattern.iter().any(u8::is_ascii_alphabetic) && !pattern.starts_with(b"\\[")
}

enum Class {
    Ordinary,
    Loopback,
    Special,
    NoServer,
}

/// Where clouds answer with credentials outside the link-local range: Amazon (IPv6), Alibaba.
const METADATA_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
const METADATA_V4: Ipv4Addr = Ipv4Addr::new(100, 100, 100, 200);

impl Class {
    fn of(address: IpAddr) -> Class {
        let is_no_server = address.is_unspecified() || address.is_multicast();
        let (is_broadcast, is_special) = match address {
            IpAddr::V4(v4) => (v4.is_broadcast(), v4.is_link_local() || v4 == METADATA_V4),
            IpAddr::V6(v6) => (false, v6.is_unicast_link_local() || v6 == METADATA_V6),
        };
        match address {
            _ if is_no_server || is_broadcast => Class::NoServer,
            _ if address.is_loopback() => Class::Loopback,
            _ if is_special => Class::Special,
            _ => Class::Ordinary,
        }
    }
}

/// IPv4 addresses dressed as IPv6: mapped, or for a translator (RFC 6052).
fn plain(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) if v6.segments()[..6] == [0x64, 0xff9b, 0, 0, 0, 0] => {
            let [.., a, b, c, d] = v6.octets();
            IpAddr::V4(Ipv4Addr::new(a, b, c, d))
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(list: &str, loopback: Loopback, name: &str, address: &str) -> Result<(), Denied> {
        let policy = SourcePolicy::parse(list.as_bytes(), loopback).expect("a list of globs");
        policy.check(name, address.parse().expect("an address"))
    }

    fn default(address: &str) -> Result<(), Denied> {
        check("", Loopback::MustBeNamed, "h:1", address)
    }

    #[test]
    fn ordinary_addresses_need_no_list() {
        for address in ["10.0.0.1:1", "8.8.8.8:1", "[2001:db8::1]:1", "[fd00::1]:1", "[::ffff:10.0.0.1]:1"] {
            assert_eq!(default(address), Ok(()), "{address}");
        }
    }

    #[test]
    fn addresses_of_this_machine_and_of_clouds_are_kept_in() {
        for address in
            ["127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "[::ffff:127.0.0.1]:1", "[64:ff9b::7f00:1]:1"]
        {
            assert!(matches!(default(address), Err(Denied::Loopback { .. })), "{address}");
            assert_eq!(check("", Loopback::Allowed, "h:1", address), Ok(()));
        }
        for address in [
            "169.254.169.254:80",
            "[fe80::1]:1",
            "[fd00:ec2::254]:80",
            "100.100.100.200:80",
            "[::ffff:169.254.169.254]:80",
        ] {
            assert!(matches!(default(address), Err(Denied::Special { .. })), "{address}");
        }
        for address in ["0.0.0.0:1", "[::]:1", "224.0.0.1:1", "255.255.255.255:1", "[ff02::1]:1"] {
            assert!(
                matches!(check("*", Loopback::Allowed, "h:1", address), Err(Denied::NoServer { .. })),
                "{address}"
            );
        }
    }

    #[test]
    fn a_list_names_hosts_or_addresses() {
        let list = "db*.example.org:6379 10.1.*:* 127.0.0.1:7000 [fe80::1]:1";
        let try_it = |name: &str, address: &str| check(list, Loopback::MustBeNamed, name, address);
        assert_eq!(try_it("db1.example.org:6379", "10.0.0.1:6379"), Ok(()));
        assert_eq!(try_it("10.1.2.3:9", "10.1.2.3:9"), Ok(()));
        assert_eq!(try_it("localhost:7000", "127.0.0.1:7000"), Ok(()));
        assert!(matches!(try_it("10.1.example.org:9", "10.2.0.1:9"), Err(Denied::NotListed { .. })));
        assert_eq!(try_it("[fe80::1]:1", "[fe80::1]:1"), Ok(()));
        assert!(matches!(try_it("db1.example.org:6380", "10.0.0.1:6380"), Err(Denied::NotListed { .. })));
        assert!(matches!(try_it("localhost:7001", "127.0.0.1:7001"), Err(Denied::NotListed { .. })));
        // A name on the list that resolves to this machine or to a metadata service.
        assert!(matches!(try_it("db1.example.org:6379", "127.0.0.1:6379"), Err(Denied::Loopback { .. })));
        assert!(matches!(
            try_it("db1.example.org:6379", "169.254.169.254:6379"),
            Err(Denied::Special { .. })
        ));
    }

    #[test]
    fn nothing_is_nothing() {
        let denied = SourcePolicy::nothing().check("h:1", "10.0.0.1:1".parse().expect("an address"));
        assert!(matches!(denied, Err(Denied::NotListed { .. })));
    }

    #[test]
    fn lists_have_limits() {
        assert_eq!(
            SourcePolicy::parse("a ".repeat(300).as_bytes(), Loopback::Allowed),
            Err(PolicyError::TooMany)
        );
        assert!(SourcePolicy::parse(&[b'a'; 5000], Loopback::Allowed).is_err());
    }
}
