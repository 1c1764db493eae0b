//! A value of a snapshot or DUMP payload, checked but still in the server's own serialization.

use std::borrow::Cow;

use super::cursor::{Cursor, Text};
use super::types::{self, Kind};
use super::{Defect, Family, crc};

/// A validated value in serialized form: what follows the key in a snapshot, what follows the type byte in a DUMP.
///
/// Only a [`Reader`](super::Reader) or a [`Validator`](super::Validator) makes one, so holding one means that every
/// rule of the format was checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Object<'b> {
    family: Family,
    rdb_version: u16,
    type_byte: u8,
    body: &'b [u8],
}

impl<'b> Object<'b> {
    pub(crate) const fn new(family: Family, rdb_version: u16, type_byte: u8, body: &'b [u8]) -> Self {
        Self { family, rdb_version, type_byte, body }
    }

    /// Who defines the type byte.
    #[must_use]
    pub const fn family(&self) -> Family {
        self.family
    }

    /// Version of the snapshot or of the DUMP footer it came with.
    #[must_use]
    pub const fn rdb_version(&self) -> u16 {
        self.rdb_version
    }

    /// The type byte.
    #[must_use]
    pub const fn type_byte(&self) -> u8 {
        self.type_byte
    }

    /// The serialized value without type byte.
    #[must_use]
    pub const fn body(&self) -> &'b [u8] {
        self.body
    }

    /// What kind of value it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        types::kind_of(self.type_byte, self.family).unwrap_or(Kind::Module)
    }

    /// The bytes of a string value without a copy where they stand in the snapshot as they are; `None` for every
    /// other kind.
    #[must_use]
    pub fn string(&self) -> Option<Cow<'b, [u8]>> {
        if self.type_byte != types::STRING {
            return None;
        }
        match Cursor::new(self.body).text().ok()? {
            Text::Plain(bytes) => Some(Cow::Borrowed(bytes)),
            other => other.to_vec().ok().map(Cow::Owned),
        }
    }

    /// The module type of a module's value; `None` for every other kind.
    #[must_use]
    pub fn module_type(&self) -> Option<ModuleType> {
        match self.type_byte {
            types::MODULE_2 => Cursor::new(self.body).count().ok().map(ModuleType),
            _ => None,
        }
    }
}

/// The 64-bit id of a module's type: nine characters of its name and ten bits of encoding version (module.c).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ModuleType(pub(crate) u64);

impl ModuleType {
    const CHARSET: &'static [u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    /// The type with this id.
    #[must_use]
    pub const fn from_id(id: u64) -> Self {
        Self(id)
    }

    /// The id as serialized.
    #[must_use]
    pub const fn id(self) -> u64 {
        self.0
    }

    /// The type's name, nine characters.
    #[must_use]
    pub fn name(self) -> String {
        let char_at = |at: u32| char::from(Self::CHARSET[(self.0 >> (10 + 6 * at)) as usize & 63]);
        (0..9).rev().map(char_at).collect()
    }

    /// The encoding version, 0-1023.
    #[must_use]
    pub const fn encoding_version(self) -> u16 {
        (self.0 & 1023) as u16
    }
}

/// The parts of a DUMP payload: type byte, body, footer version. Checks the CRC (0 means it was switched off).
pub(crate) fn split_payload(payload: &[u8]) -> Result<(u8, &[u8], u16), Defect> {
    let (rest, checksum) = payload.split_last_chunk().ok_or(Defect::Truncated)?;
    let (rest, version) = rest.split_last_chunk().ok_or(Defect::Truncated)?;
    let (type_byte, body) = rest.split_first().ok_or(Defect::Truncated)?;
    let stored = u64::from_le_bytes(*checksum);
    if stored != 0 && stored != crc::checksum(&payload[..payload.len() - 8]) {
        return Err(Defect::Footer("checksum mismatch"));
    }
    Ok((*type_byte, body, u16::from_le_bytes(*version)))
}
