//! Replication ids: the 40 hexadecimal digits that name one history of a source.

use std::fmt;

/// A replication id: 40 lowercase hexadecimal digits, as `+FULLRESYNC` and `INFO replication` show it
/// (`CONFIG_RUN_ID_SIZE`, server.h).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ReplId([u8; 40]);

/// The text isn't 40 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a replication id: 40 hexadecimal digits are needed")]
pub struct ReplIdError;

impl ReplId {
    /// Reads an id; capital digits are accepted and stored small, so that ids compare by value.
    pub fn parse(text: &[u8]) -> Result<ReplId, ReplIdError> {
        let mut digits: [u8; 40] = text.try_into().map_err(|_| ReplIdError)?;
        digits.make_ascii_lowercase();
        if digits.iter().all(u8::is_ascii_hexdigit) { Ok(ReplId(digits)) } else { Err(ReplIdError) }
    }

    /// The 40 digits.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The 40 digits as text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for ReplId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for ReplId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReplId({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_forty_hex_digits_only() {
        let id = ReplId::parse(&[b'A'; 40]).expect("forty digits");
        assert_eq!(id, ReplId::parse(&[b'a'; 40]).expect("forty digits"));
        assert_eq!(id.to_string(), "a".repeat(40));
        for bad in [&b"abc"[..], &[b'a'; 41], &[b'g'; 40], &[b' '; 40], b""] {
            assert_eq!(ReplId::parse(bad), Err(ReplIdError));
        }
    }
}
