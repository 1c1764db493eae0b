//! The data type.
//!
//! ```text
//! RDB    strings, each a chunk of the dump (record_store::dump), and an empty one
//! AOF    RECORD.APPLY key LOAD chunk, for each chunk
//! ```

use record_store::{Loader, Store};
use redis_context::{
    AofWriter, CopyPlaces, DefragContext, DefragProgress, Digest, Error, LoadContext, LogLevel, MainCell,
    NativeType, Place, RdbReader, RdbWriter, RedisStr, TypeHandle,
};

use super::{arrivals, events};

/// Bytes of one chunk, about: what a save holds beside the store.
pub const CHUNK_BYTES: usize = 64 * 1024;

/// A store in a key.
pub struct Records(pub Store);

static HANDLE: MainCell<Option<TypeHandle<Records>>> = MainCell::new(None);

/// Registers the type.
pub fn register(load: &LoadContext<'_>) -> Result<(), Error> {
    let handle = load.register_type::<Records>()?;
    HANDLE.replace(load, Some(handle)).map(|_| ())
}

/// What opens values of the type.
pub fn handle(ctx: &redis_context::Context<'_>) -> Result<TypeHandle<Records>, Error> {
    HANDLE.try_borrow(ctx)?.ok_or(Error::module("the record type is not registered yet"))
}

impl NativeType for Records {
    const NAME: &'static std::ffi::CStr = record_store::dump::TYPE_NAME;
    const VERSION: u16 = record_store::dump::TYPE_VERSION;

    fn save(&self, writer: &mut RdbWriter<'_>) {
        self.0.dump(CHUNK_BYTES).for_each(|chunk| writer.bytes(chunk));
        writer.bytes(b"");
    }

    fn load(reader: &mut RdbReader<'_>, version: u16) -> Result<Self, Error> {
        if version > Self::VERSION {
            return Err(Error::module(
                "a record store of a newer format: load the module version that wrote it",
            ));
        }
        let mut loader = Loader::new();
        loop {
            let chunk = reader.bytes()?;
            if chunk.is_empty() {
                break;
            }
            loader.feed(&chunk).map_err(|error| Error::module(error.to_string()))?;
        }
        let store = loader.finish().map_err(|error| Error::module(error.to_string()))?;
        arrivals::note(reader.db(), reader.key().map(|key| key.as_bytes()));
        if let Err(error) = events::hear_of_loaded(reader) {
            reader.log(LogLevel::Warning, format!("record stores that move are looked after late: {error}"));
        }
        Ok(Records(store))
    }

    fn rewrite(&self, key: RedisStr<'_>, aof: &mut AofWriter<'_>) {
        self.0
            .dump(CHUNK_BYTES)
            .for_each(|chunk| aof.command(c"RECORD.APPLY", &[key.as_bytes(), b"LOAD", &chunk]));
    }

    fn digest(&self, digest: &mut Digest<'_>) {
        self.0.dump(CHUNK_BYTES).for_each(|chunk| digest.bytes(chunk));
        digest.end_group();
    }

    fn memory_usage(&self, _: &Place<'_>, _: usize) -> usize {
        self.0.memory()
    }

    fn free_effort(&self, _: &Place<'_>) -> usize {
        self.0.parts() + 1
    }

    fn copy(&self, places: &CopyPlaces<'_>) -> Option<Self> {
        arrivals::note(places.to_db(), places.to_key().map(|key| key.as_bytes()));
        Some(Records(self.0.fork()))
    }

    fn defrag(&mut self, _: &mut DefragContext<'_>) -> DefragProgress {
        // Changes are shared by the log and the indexes, and have no single owner that could move them.
        DefragProgress::Done
    }
}
