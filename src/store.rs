//! The state in the RDB: auxiliary data of a native type that has no values.
//!
//! ```text
//! format            1
//! own ids           count, then 40 characters each
//! mirrors           count, then for each
//!   definition      count of items, then the items (mirror_engine::definition)
//!   checkpoint      bytes (mirror_engine::checkpoint, saved form)
//! ```
//!
//! A load stages what it brings; it counts when the load has ended. A newer format refuses the load.

use mirror_engine::{Checkpoint, Definition, ReplId};
use redis_context::{AofWriter, AuxWhen, Context, Error, NativeType, RdbReader, RdbWriter, RedisStr};

use crate::fault::{self, Site};
use crate::mirror::Stored;
use crate::registry::{MIRRORS_MAX, REGISTRY};

const FORMAT: u64 = 1;

/// Items of one definition, at most: the engine's own bound is lower.
const ITEMS_MAX: u64 = 8192;

/// The type's name is in every RDB: nine characters that no other module has.
pub enum State {}

impl NativeType for State {
    const NAME: &'static std::ffi::CStr = c"rmirror-s";
    const VERSION: u16 = 1;
    const AUX: AuxWhen = AuxWhen::BEFORE_RDB;

    fn save(&self, _: &mut RdbWriter<'_>) {}

    fn load(_: &mut RdbReader<'_>, _: u16) -> Result<Self, Error> {
        Err(Error::module("the mirror module's type has no values"))
    }

    fn rewrite(&self, _: RedisStr<'_>, _: &mut AofWriter<'_>) {}

    fn aux_save(ctx: &Context<'_>, _: AuxWhen, writer: &mut RdbWriter<'_>) {
        let Ok(registry) = REGISTRY.try_borrow(ctx) else {
            // A fork in the middle of a slice: the server does not do that.
            redis_context::log(redis_context::LogLevel::Warning, "the mirrors' state was in use: not saved");
            return;
        };
        if registry.mirrors.is_empty() {
            return;
        }
        // Everything is at hand before the first byte is written: half a state would spoil the snapshot.
        let mirrors: Vec<Encoded> = registry.mirrors.iter().map(|mirror| encode(&mirror.stored)).collect();
        fault::hit(Site::Save);
        writer.unsigned(FORMAT);
        writer.unsigned(registry.own_replids.len() as u64);
        registry.own_replids.iter().for_each(|id| writer.bytes(id.as_bytes()));
        writer.unsigned(mirrors.len() as u64);
        mirrors.iter().for_each(|mirror| save_one(mirror, writer));
    }

    fn aux_load(
        ctx: &Context<'_>,
        _: AuxWhen,
        reader: &mut RdbReader<'_>,
        _version: u16,
    ) -> Result<(), Error> {
        if reader.unsigned()? != FORMAT {
            return Err(Error::module(
                "the mirrors' state has a newer format: load the module version that wrote it",
            ));
        }
        let ids = read_ids(reader)?;
        let count = bounded(reader.unsigned()?, MIRRORS_MAX as u64)?;
        let mirrors: Vec<Stored> = (0..count).map(|_| load_one(reader)).collect::<Result<_, _>>()?;
        let mut registry = REGISTRY.try_borrow_mut(ctx)?;
        registry.own_replids = ids;
        registry.staged = Some(mirrors);
        Ok(())
    }
}

/// One mirror as it is written.
struct Encoded {
    definition: Vec<Vec<u8>>,
    checkpoint: Vec<u8>,
}

fn encode(stored: &Stored) -> Encoded {
    let checkpoint = stored.checkpoint.encode_binary(&stored.definition.name);
    Encoded { definition: stored.definition.encode(), checkpoint }
}

fn save_one(mirror: &Encoded, writer: &mut RdbWriter<'_>) {
    writer.unsigned(mirror.definition.len() as u64);
    mirror.definition.iter().for_each(|item| writer.bytes(item));
    writer.bytes(&mirror.checkpoint);
}

fn load_one(reader: &mut RdbReader<'_>) -> Result<Stored, Error> {
    let count = bounded(reader.unsigned()?, ITEMS_MAX)?;
    let items: Vec<Vec<u8>> = (0..count).map(|_| read_bytes(reader)).collect::<Result<_, _>>()?;
    let items: Vec<&[u8]> = items.iter().map(Vec::as_slice).collect();
    let definition = Definition::decode(&items).map_err(|error| Error::module(error.to_string()))?;
    let bytes = read_bytes(reader)?;
    let (_, checkpoint) =
        Checkpoint::decode_binary(&bytes).map_err(|error| Error::module(error.to_string()))?;
    Ok(Stored { definition, checkpoint })
}

fn read_ids(reader: &mut RdbReader<'_>) -> Result<Vec<ReplId>, Error> {
    let count = bounded(reader.unsigned()?, 1024)?;
    let ids: Vec<Vec<u8>> = (0..count).map(|_| read_bytes(reader)).collect::<Result<_, _>>()?;
    Ok(ids.iter().filter_map(|id| ReplId::from_bytes(id).ok()).collect())
}

fn read_bytes(reader: &mut RdbReader<'_>) -> Result<Vec<u8>, Error> {
    reader.bytes()
}

fn bounded(count: u64, max: u64) -> Result<u64, Error> {
    if count <= max {
        Ok(count)
    } else {
        Err(Error::module("the mirrors' state is damaged: a count is too large"))
    }
}
