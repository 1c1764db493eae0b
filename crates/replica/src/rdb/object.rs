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

    /// What a module saved, field by field; none for every other kind of value.
    #[must_use]
    pub fn module_fields(&self) -> ModuleFields<'b> {
        let mut fields = Cursor::new(self.body);
        // What was validated has an id and fields up to an end mark.
        let is_module = self.type_byte == types::MODULE_2 && fields.count().is_ok();
        ModuleFields { rest: is_module.then_some(fields) }
    }
}

/// Goes through what a module saved: see [`Object::module_fields`].
#[derive(Debug, Clone)]
pub struct ModuleFields<'b> {
    rest: Option<Cursor<'b>>,
}

/// A field of what a module saved, as its value is loaded.
#[derive(Debug, Clone, PartialEq)]
pub enum LoadedField<'b> {
    /// `RM_SaveSigned`.
    Signed(i64),
    /// `RM_SaveUnsigned`.
    Unsigned(u64),
    /// `RM_SaveFloat`.
    Float(f32),
    /// `RM_SaveDouble`.
    Double(f64),
    /// `RM_SaveString`, `RM_SaveStringBuffer`: without a copy where it stands in the snapshot as it is.
    String(Cow<'b, [u8]>),
}

impl<'b> Iterator for ModuleFields<'b> {
    type Item = LoadedField<'b>;

    fn next(&mut self) -> Option<LoadedField<'b>> {
        let field = self.rest.as_mut().and_then(|rest| module_field(rest).ok().flatten());
        if field.is_none() {
            self.rest = None;
        }
        field
    }
}

/// The next field; `None` at the end mark.
fn module_field<'b>(rest: &mut Cursor<'b>) -> Result<Option<LoadedField<'b>>, Defect> {
    Ok(Some(match rest.count()? {
        1 => LoadedField::Signed(rest.count()?.cast_signed()),
        2 => LoadedField::Unsigned(rest.count()?),
        3 => LoadedField::Float(f32::from_le_bytes(rest.array()?)),
        4 => LoadedField::Double(f64::from_le_bytes(rest.array()?)),
        5 => LoadedField::String(match rest.text()? {
            Text::Plain(bytes) => Cow::Borrowed(bytes),
            other => Cow::Owned(other.to_vec()?),
        }),
        _ => return Ok(None),
    }))
}

/// The 64-bit id of a module's type: nine characters of its name and ten bits of encoding version (module.c).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ModuleType(pub(crate) u64);

impl ModuleType {
    const CHARSET: &'static [u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    /// The type of this name and encoding version (of which the lowest ten bits count); `None` for letters that no name
    /// of a type has (`moduleTypeEncodeId`, module.c).
    #[must_use]
    pub const fn new(name: &[u8; 9], encoding_version: u16) -> Option<Self> {
        let (mut id, mut at) = (0, 0);
        while at < name.len() {
            let mut value = 0;
            while value < Self::CHARSET.len() && Self::CHARSET[value] != name[at] {
                value += 1;
            }
            if value == Self::CHARSET.len() {
                return None;
            }
            id = id << 6 | value as u64;
            at += 1;
        }
        Some(Self(id << 10 | (encoding_version & 1023) as u64))
    }

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
