//! Writes snapshots: of any version, in any encoding, or in the one that keeps most.

mod encoding;
mod error;
mod key;
mod module;
mod packed;
mod plain;
mod put;
mod stream;
mod value;

use super::types::*;
use super::{Family, Limits, Loss, Object, Validator, Value, crc};

pub use encoding::Encoding;
pub use error::WriteError;
pub use key::Key;
pub use module::{ModuleAuxTime, ModuleField};
pub(super) use plain::{put_plain_hash, put_redis_hash, put_scored, put_valkey_hash};
pub(super) use put::Out;
pub use put::Strings;
pub(super) use stream::{put_behind_nodes, stream_type};

/// Writes a snapshot into memory, without IO.
///
/// What is written passes a [`Reader`](super::Reader): each value is validated as one that was read. A version is
/// held to what its servers could read: anything newer is a [`WriteError`], and nothing of it is written.
///
/// ```
/// use redis_replica::rdb::{Family, Key, Value, Writer};
///
/// let mut writer = Writer::new(Family::Redis, 9)?;
/// writer.select_db(0);
/// let list = Value::List(vec![b"a".to_vec(), b"b".to_vec()]);
/// assert!(writer.value(&Key::new(b"key").expiring_at_ms(4_102_444_800_000), &list)?.is_empty());
/// let rdb = writer.finish();
/// assert!(rdb.starts_with(b"REDIS0009"));
/// # Ok::<(), redis_replica::rdb::WriteError>(())
/// ```
pub struct Writer {
    family: Family,
    version: u16,
    out: Out,
    /// What `take` handed out already.
    crc: crc::Running,
    validator: Validator,
}

impl Writer {
    /// Begins a snapshot of that version: Redis 1 to 13, Valkey 80. Valkey before 9 writes Redis' versions.
    ///
    /// # Errors
    /// [`WriteError::UnknownVersion`].
    pub fn new(family: Family, version: u16) -> Result<Self, WriteError> {
        let magic = match (family, version) {
            (Family::Redis, 1..=13) => format!("REDIS{version:04}"),
            (Family::Valkey, 80) => format!("VALKEY{version:03}"),
            _ => return Err(WriteError::UnknownVersion { family, version }),
        };
        let out = Out { bytes: magic.into_bytes(), strings: Strings::Plain };
        let limits = Limits::default().with_decoded_bytes(u64::MAX).with_string_bytes(u64::MAX);
        Ok(Self { family, version, out, crc: crc::Running::new(), validator: Validator::new(limits) })
    }

    /// How strings are written from here on; plain at first.
    pub const fn set_strings(&mut self, strings: Strings) {
        self.out.strings = strings;
    }

    /// What was written and not taken yet, for who hands it on while more comes.
    #[must_use]
    pub fn take(&mut self) -> Vec<u8> {
        self.crc.update(&self.out.bytes);
        std::mem::take(&mut self.out.bytes)
    }

    /// Ends the snapshot; answers what was not taken yet.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        self.out.bytes.push(OP_EOF);
        // Snapshots before version 5 (Redis 2.4 and older) have no checksum.
        if self.version >= 5 {
            self.crc.update(&self.out.bytes);
            let checksum = self.crc.finish();
            self.out.put(&checksum.to_le_bytes());
        }
        self.out.bytes
    }

    const fn since(&self, since: u16, what: &'static str) -> Result<(), WriteError> {
        match self.version >= since {
            true => Ok(()),
            false => Err(WriteError::TooOld { what, since, version: self.version }),
        }
    }

    /// A fact about the source: `redis-ver`, `repl-id`, ..
    ///
    /// # Errors
    /// [`WriteError::TooOld`] before version 7.
    pub fn aux(&mut self, name: &[u8], value: &[u8]) -> Result<(), WriteError> {
        self.since(7, "an AUX field")?;
        self.out.bytes.push(OP_AUX);
        self.out.string(name);
        self.out.string(value);
        Ok(())
    }

    /// The keys that follow are of this database.
    pub fn select_db(&mut self, db: u32) {
        self.out.bytes.push(OP_SELECTDB);
        self.out.len(u64::from(db));
    }

    /// Size hints for the current database.
    ///
    /// # Errors
    /// [`WriteError::TooOld`] before version 7.
    pub fn resize_db(&mut self, keys: u64, expires: u64) -> Result<(), WriteError> {
        self.since(7, "a size hint")?;
        self.out.bytes.push(OP_RESIZEDB);
        self.out.len(keys);
        self.out.len(expires);
        Ok(())
    }

    /// Sizes of one cluster slot.
    ///
    /// # Errors
    /// [`WriteError::TooOld`] before version 12: servers of version 11 exist that don't know it.
    pub fn slot_info(&mut self, slot: u64, keys: u64, expires: u64) -> Result<(), WriteError> {
        self.since(12, "a slot's sizes")?;
        self.out.bytes.push(OP_SLOT_INFO);
        [slot, keys, expires].iter().for_each(|n| self.out.len(*n));
        Ok(())
    }

    /// A function library, as `FUNCTION LOAD` takes it.
    ///
    /// # Errors
    /// [`WriteError::TooOld`] before version 10.
    pub fn function(&mut self, code: &[u8]) -> Result<(), WriteError> {
        self.since(10, "a function library")?;
        self.out.bytes.push(OP_FUNCTION2);
        self.out.string(code);
        Ok(())
    }

    /// A key and its value, in the encoding of this version that keeps most; answers what even that has no place for.
    ///
    /// # Errors
    /// [`WriteError`]: what the version can't hold (a stream before version 9), a module's value (only
    /// [`Self::module_value`] and [`Self::object`] write those), or no value at all.
    pub fn value(&mut self, key: &Key<'_>, value: &Value) -> Result<Vec<Loss>, WriteError> {
        let encoding = Encoding::plainest(value, self.family, self.version)
            .ok_or(WriteError::WrongKind { encoding: Encoding::String, kind: value.kind() })?;
        self.encoded(key, value, encoding)
    }

    /// A key and its value in a given encoding; answers what that has no place for.
    ///
    /// # Errors
    /// [`WriteError`] if the version hasn't the encoding, or the encoding no place for such a value.
    pub fn encoded(
        &mut self,
        key: &Key<'_>,
        value: &Value,
        encoding: Encoding,
    ) -> Result<Vec<Loss>, WriteError> {
        self.admits(encoding)?;
        let start = self.out.bytes.len();
        let written = self.try_encoded(key, value, encoding);
        if written.is_err() {
            self.out.bytes.truncate(start);
        }
        written
    }

    fn try_encoded(
        &mut self,
        key: &Key<'_>,
        value: &Value,
        encoding: Encoding,
    ) -> Result<Vec<Loss>, WriteError> {
        self.lead(key)?;
        self.out.bytes.push(encoding.type_byte());
        self.out.string(key.name);
        let body = self.out.bytes.len();
        let losses = value::put(&mut self.out, value, encoding)?;
        let family = encoding.family().unwrap_or(self.family);
        self.validator.object(family, self.version, encoding.type_byte(), &self.out.bytes[body..])?;
        Ok(losses)
    }

    /// Whether this snapshot may contain the encoding.
    fn admits(&self, encoding: Encoding) -> Result<(), WriteError> {
        const WHAT: &str = "this encoding";
        match encoding.family() {
            Some(family) if family != self.family => {
                Err(WriteError::Foreign { what: WHAT, family: self.family })
            }
            _ => self.since(encoding.since(), WHAT),
        }
    }

    /// A key and its value as it was read, byte by byte.
    ///
    /// # Errors
    /// [`WriteError`] if the version hasn't the value's type.
    pub fn object(&mut self, key: &Key<'_>, object: &Object<'_>) -> Result<(), WriteError> {
        let type_byte = object.type_byte();
        let known = |encoding: &Encoding| {
            encoding.type_byte() == type_byte
                && encoding.family().is_none_or(|family| family == object.family())
        };
        match Encoding::ALL.into_iter().find(known) {
            Some(encoding) => self.admits(encoding)?,
            None => self.since(8, "a module's value")?,
        }
        self.lead(key)?;
        self.out.bytes.push(type_byte);
        self.out.string(key.name);
        self.out.put(object.body());
        Ok(())
    }

    /// What stands before a key.
    fn lead(&mut self, key: &Key<'_>) -> Result<(), WriteError> {
        if key.idle_seconds.is_some() || key.freq.is_some() {
            self.since(9, "a key's time or number of accesses")?;
        }
        if let Some(at_ms) = key.expire_at_ms {
            self.expiry(at_ms)?;
        }
        if let Some(idle) = key.idle_seconds {
            self.out.bytes.push(OP_IDLE);
            self.out.len(idle);
        }
        if let Some(freq) = key.freq {
            self.out.put(&[OP_FREQ, freq]);
        }
        Ok(())
    }

    fn expiry(&mut self, expire_at_ms: u64) -> Result<(), WriteError> {
        if i64::try_from(expire_at_ms).is_err() {
            return Err(WriteError::ExpiryOutOfRange { expire_at_ms });
        }
        if self.version >= 3 {
            self.out.bytes.push(OP_EXPIRETIME_MS);
            self.out.put(&expire_at_ms.to_le_bytes());
            return Ok(());
        }
        match i32::try_from(expire_at_ms / 1000) {
            Ok(seconds) if expire_at_ms.is_multiple_of(1000) => {
                self.out.bytes.push(OP_EXPIRETIME);
                self.out.put(&seconds.to_le_bytes());
                Ok(())
            }
            _ => Err(WriteError::ExpiryInMilliseconds { expire_at_ms }),
        }
    }
}
