//! What modules save, as they would save it.

use super::{Key, WriteError, Writer};
use crate::rdb::ModuleType;
use crate::rdb::types::*;

/// A field of what a module saved.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ModuleField<'v> {
    /// `RM_SaveSigned`.
    Signed(i64),
    /// `RM_SaveUnsigned`.
    Unsigned(u64),
    /// `RM_SaveFloat`.
    Float(f32),
    /// `RM_SaveDouble`.
    Double(f64),
    /// `RM_SaveString`, `RM_SaveStringBuffer`.
    String(&'v [u8]),
}

/// Opcode of an unsigned number in a module's data (rdb.h: `RDB_MODULE_OPCODE_UINT`).
const MODULE_UNSIGNED: u64 = 2;

/// When a module's data beside the keys is loaded (redismodule.h: `REDISMODULE_AUX_BEFORE_RDB`, `.._AFTER_RDB`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModuleAuxTime {
    /// Before the keys.
    Before = 1,
    /// After them.
    After = 2,
}

impl Writer {
    /// A module's data beside the keys: saved before them, or after.
    ///
    /// # Errors
    /// [`WriteError::TooOld`] before version 9.
    pub fn module_aux(
        &mut self,
        module: ModuleType,
        when: ModuleAuxTime,
        fields: &[ModuleField<'_>],
    ) -> Result<(), WriteError> {
        self.since(9, "a module's data beside the keys")?;
        self.out.bytes.push(OP_MODULE_AUX);
        self.out.len(module.id());
        self.out.len(MODULE_UNSIGNED);
        self.out.len(when as u64);
        self.module_fields(fields);
        Ok(())
    }

    /// A key with a module's value.
    ///
    /// # Errors
    /// [`WriteError::TooOld`] before version 8, and what [`Self::value`] says of keys.
    pub fn module_value(
        &mut self,
        key: &Key<'_>,
        module: ModuleType,
        fields: &[ModuleField<'_>],
    ) -> Result<(), WriteError> {
        self.since(8, "a module's value")?;
        self.lead(key)?;
        self.out.bytes.push(MODULE_2);
        self.out.string(key.name);
        self.out.len(module.id());
        self.module_fields(fields);
        Ok(())
    }

    fn module_fields(&mut self, fields: &[ModuleField<'_>]) {
        for field in fields {
            match *field {
                ModuleField::Signed(n) => [1, n.cast_unsigned()].iter().for_each(|n| self.out.len(*n)),
                ModuleField::Unsigned(n) => [MODULE_UNSIGNED, n].iter().for_each(|n| self.out.len(*n)),
                ModuleField::Float(n) => self.out.put(&[&[3][..], &n.to_le_bytes()].concat()),
                ModuleField::Double(n) => self.out.put(&[&[4][..], &n.to_le_bytes()].concat()),
                ModuleField::String(bytes) => {
                    self.out.len(5);
                    self.out.string(bytes);
                }
            }
        }
        self.out.len(0);
    }
}
