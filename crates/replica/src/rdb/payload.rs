//! `RESTORE` payloads: type byte, value, RDB version (u16 LE), CRC-64 (u64 LE).

use super::{Family, Loss, Object, Target, crc, footer_version, restorable, transcode};

/// A target can't load a value in this form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("type byte {type_byte} of {source_family} can't be restored on {} {}.{}.{}: re-encode the value, or leave module values out", target.family, target.version.0, target.version.1, target.version.2)]
pub struct NotRestorable {
    /// The value's type byte.
    pub type_byte: u8,
    /// Who defines it.
    pub source_family: Family,
    /// Who should have taken it.
    pub target: Target,
}

impl Object<'_> {
    /// Appends the payload that `RESTORE` takes, with the value's bytes as they are.
    ///
    /// Module values pass: whether the module is loaded on the target is for the caller to know.
    ///
    /// # Errors
    /// [`NotRestorable`] if the target doesn't know the type; nothing is appended then. See [`Self::reencode`].
    pub fn dump_payload(&self, target: Target, out: &mut Vec<u8>) -> Result<(), NotRestorable> {
        if !restorable(self.type_byte(), self.family(), target) {
            return Err(self.not_restorable(target));
        }
        let start = out.len();
        out.push(self.type_byte());
        out.extend_from_slice(self.body());
        close(self.type_byte(), self.family(), start, out);
        Ok(())
    }

    /// Appends a payload in a type the target knows, and says what it has no place for.
    ///
    /// Sets, hashes, lists and sorted sets are written in the encodings every server reads, or, with expiring fields, in
    /// the target family's own; streams keep their nodes as they are, so that digests and `XINFO STREAM FULL` agree.
    ///
    /// # Errors
    /// [`NotRestorable`] for module values; nothing is appended then.
    pub fn reencode(&self, target: Target, out: &mut Vec<u8>) -> Result<Vec<Loss>, NotRestorable> {
        let start = out.len();
        let Some((type_byte, losses)) = transcode::append(self, target, out) else {
            out.truncate(start);
            return Err(self.not_restorable(target));
        };
        close(type_byte, target.family, start, out);
        Ok(losses)
    }

    /// Appends a payload the target takes: [`Self::dump_payload`] where that works, else [`Self::reencode`].
    ///
    /// # Errors
    /// [`NotRestorable`] for module values a target can't take; nothing is appended then.
    pub fn payload_for(&self, target: Target, out: &mut Vec<u8>) -> Result<Vec<Loss>, NotRestorable> {
        match self.dump_payload(target, out) {
            Ok(()) => Ok(Vec::new()),
            Err(_) => self.reencode(target, out),
        }
    }

    const fn not_restorable(&self, target: Target) -> NotRestorable {
        NotRestorable { type_byte: self.type_byte(), source_family: self.family(), target }
    }
}

/// Appends the footer to what `out` holds from `start` on.
fn close(type_byte: u8, family: Family, start: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(&footer_version(type_byte, family).to_le_bytes());
    let checksum = crc::checksum(&out[start..]);
    out.extend_from_slice(&checksum.to_le_bytes());
}
