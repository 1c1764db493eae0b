//! Networks of addresses in CIDR notation.

use std::net::IpAddr;

/// A network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Network {
    /// Aligned to the top; an IPv4 address takes the upper 32 bits.
    bits: u128,
    prefix: u32,
    v6: bool,
}

impl Network {
    /// Reads an address, or one and the length of a prefix.
    pub fn parse(text: &str) -> Option<Network> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let (bits, width, v6) = match address.parse().ok()? {
            IpAddr::V4(address) => (u128::from(address.to_bits()) << 96, 32, false),
            IpAddr::V6(address) => (address.to_bits(), 128, true),
        };
        let prefix = prefix.map_or(Some(width), read_prefix).filter(|prefix| *prefix <= width)?;
        Some(Network { bits: bits & mask(prefix), prefix, v6 })
    }

    /// Whether an id is an address or a network within this one.
    pub fn contains(&self, id: &[u8]) -> bool {
        let inner = std::str::from_utf8(id).ok().and_then(Network::parse);
        inner.is_some_and(|inner| {
            inner.v6 == self.v6 && inner.prefix >= self.prefix && inner.bits & mask(self.prefix) == self.bits
        })
    }
}

fn read_prefix(text: &str) -> Option<u32> {
    let digits = text.len() <= 3 && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok())?
}

fn mask(prefix: u32) -> u128 {
    u128::MAX.checked_shl(128 - prefix).unwrap_or(0)
}
