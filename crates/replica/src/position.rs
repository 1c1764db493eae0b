//! Where in a source's history a replica stands.

use std::fmt;
use std::str::FromStr;

/// The 40 characters that name one history of a source (its replication id).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ReplId([u8; 40]);

/// A text is no replication id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a replication id is 40 letters and digits")]
pub struct InvalidReplId;

impl ReplId {
    /// Checks and copies an id.
    ///
    /// # Errors
    /// Anything but 40 ASCII letters and digits. The servers write hexadecimal digits; services behind the same
    /// protocol are not that strict.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, InvalidReplId> {
        let id: [u8; 40] = bytes.try_into().map_err(|_| InvalidReplId)?;
        if id.iter().all(u8::is_ascii_alphanumeric) { Ok(ReplId(id)) } else { Err(InvalidReplId) }
    }

    /// The 40 characters.
    pub fn as_bytes(&self) -> &[u8; 40] {
        &self.0
    }

    /// The 40 characters as text.
    pub fn as_str(&self) -> &str {
        // Only ASCII is ever stored.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl FromStr for ReplId {
    type Err = InvalidReplId;

    fn from_str(text: &str) -> Result<Self, InvalidReplId> {
        ReplId::from_bytes(text.as_bytes())
    }
}

impl fmt::Display for ReplId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

impl fmt::Debug for ReplId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// A place in a source's stream from which a replica can go on: between two commands, outside MULTI..EXEC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Position {
    /// The history.
    pub replid: ReplId,
    /// Bytes of it that are applied. PSYNC asks for the byte behind.
    pub offset: u64,
    /// The database selected there. After `+CONTINUE` the source sends no SELECT again, so a position without it
    /// is of no use.
    pub db: u32,
}
