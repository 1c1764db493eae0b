//! Types of the module's own: values in the keyspace, and data beside it in the snapshot.
//!
//! A type is a trait on a Rust type, registered once at load; [`TypeHandle`] is the proof, and the key
//! to its values. The methods' table is of the newest version that the server knows too: 4 on Redis 7.0, 5 elsewhere.
//!
//! Auxiliary data belongs to the type, not to a key. It is saved before or after the keys, and a type
//! may exist for nothing else (`enum Nothing {}`). What is written for it is
//!
//! ```text
//! aux    := empty | "1" what NativeType::aux_save wrote
//! empty  := nothing at all (Redis 7.2 and Valkey) | "0" (Redis 7.0, which can't write nothing)
//! ```
//!
//! so that `aux_load` is called if and only if `aux_save` has written something, and an RDB without such
//! data loads without the module, unless Redis 7.0 wrote it.

mod aof;
mod callbacks;
mod digest;
mod encode;
mod frame;
mod io;
mod place;
mod stream;
mod value;

use std::ffi::CStr;
use std::marker::PhantomData;
use std::ptr::NonNull;

use redis_module::raw;

use crate::api::required;
use crate::context::{Context, LoadContext};
use crate::defrag::{DefragContext, DefragProgress};
use crate::detached;
use crate::error::Error;
use crate::life::Life;
use crate::state::ModuleOptions;
use crate::string::RedisStr;

pub use aof::AofWriter;
pub(crate) use callbacks::fail_the_save;
pub use digest::Digest;
pub(crate) use encode::run as notice_panics;
pub use io::{RdbReader, RdbWriter};
pub use place::{CopyPlaces, Place};
pub use stream::TypeStream;

bitflags::bitflags! {
    /// When auxiliary data is saved, and in the same order loaded.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    pub struct AuxWhen: i32 {
        /// Before the keys.
        const BEFORE_RDB = raw::REDISMODULE_AUX_BEFORE_RDB as i32;
        /// After the keys.
        const AFTER_RDB = raw::REDISMODULE_AUX_AFTER_RDB as i32;
    }
}

/// A type of values. Values are dropped on any thread (the server frees large ones in the background), so
/// they are `Send` and their `Drop` reaches nothing of the main thread's.
///
/// `save`, `aux_save` and `rewrite` mostly run in a forked child. A panic there ends the child: the save
/// fails and the last file stays. A panic in a save in the foreground (SAVE, DEBUG RELOAD) leaves a file
/// that can't be loaded, and is logged.
pub trait NativeType: Sized + Send + 'static {
    /// Nine characters of `A-Z a-z 0-9 - _`, unique among all modules: it is part of the RDB format.
    const NAME: &'static CStr;

    /// The version of what `save` and `aux_save` write, 0 to 1023.
    const VERSION: u16;

    /// When `aux_save` is called. Never, by default.
    const AUX: AuxWhen = AuxWhen::empty();

    /// Writes the value into a snapshot.
    fn save(&self, writer: &mut RdbWriter<'_>);

    /// Reads what `save` has written, in any earlier `version`.
    ///
    /// # Errors
    /// An error refuses the whole snapshot. A version above [`NativeType::VERSION`] should be one.
    fn load(reader: &mut RdbReader<'_>, version: u16) -> Result<Self, Error>;

    /// Writes the commands that make the value, for an AOF rewrite without RDB preamble.
    fn rewrite(&self, key: RedisStr<'_>, aof: &mut AofWriter<'_>);

    /// Adds what makes the value equal to another, for DEBUG DIGEST.
    fn digest(&self, digest: &mut Digest<'_>) {
        let _ = digest;
    }

    /// The bytes of memory it takes, for MEMORY USAGE: [`crate::HeapSize`] tells what the allocator spends. Of a
    /// large value it is enough to look at `samples` elements and to estimate the rest; with SAMPLES 0 that is a
    /// very large number.
    fn memory_usage(&self, place: &Place<'_>, samples: usize) -> usize {
        let _ = (place, samples);
        size_of::<Self>()
    }

    /// How many allocations freeing it takes. Above 64 the server frees it in the background, and 0 counts as more
    /// than any number (lazyfree.c); above `active-defrag-max-scan-fields` it is defragmented in steps. `place` has a key from Redis 8.0 on: Valkey
    /// and older Redis pass something that is no key when a defragmentation asks.
    fn free_effort(&self, place: &Place<'_>) -> usize {
        let _ = place;
        1
    }

    /// A copy, for COPY; `None` refuses it.
    fn copy(&self, places: &CopyPlaces<'_>) -> Option<Self> {
        let _ = places;
        None
    }

    /// Called on the main thread when a key loses the value: before it is dropped, and also when RENAME or MOVE takes
    /// it elsewhere. Not when all keys go at once (FLUSHALL, a full resync): there the `FlushDb` event tells.
    fn unlinked(&self, place: &Place<'_>) {
        let _ = place;
    }

    /// Moves the value's allocations to where memory is denser; the box of the value itself has been moved. See
    /// [`DefragContext`]: most servers of distributions never ask for it.
    fn defrag(&mut self, defrag: &mut DefragContext<'_>) -> DefragProgress {
        let _ = defrag;
        DefragProgress::Done
    }

    /// Writes the type's auxiliary data. Writing nothing is fine.
    fn aux_save(ctx: &Context<'_>, when: AuxWhen, writer: &mut RdbWriter<'_>) {
        let _ = (ctx, when, writer);
    }

    /// Reads what `aux_save` has written, in any earlier `version`. It is not called when nothing was: clear
    /// old state when the `Loading` event says that a load has begun. No key can be opened meanwhile
    /// ([`Error::KeyIsOpen`]).
    ///
    /// # Errors
    /// An error refuses the whole snapshot.
    fn aux_load(
        ctx: &Context<'_>,
        when: AuxWhen,
        reader: &mut RdbReader<'_>,
        version: u16,
    ) -> Result<(), Error> {
        let _ = (ctx, when, reader, version);
        Ok(())
    }
}

/// A registered type. It opens values of `T` and of nothing else.
pub struct TypeHandle<T> {
    raw: NonNull<raw::RedisModuleType>,
    life: Life,
    of: PhantomData<fn() -> T>,
}

impl<T> Clone for TypeHandle<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for TypeHandle<T> {}

// SAFETY: R31: the server's record of the type is never freed nor changed while the module is loaded, and
// only the server looks into it.
unsafe impl<T> Send for TypeHandle<T> {}
// SAFETY: R31: as above.
unsafe impl<T> Sync for TypeHandle<T> {}

impl<T> TypeHandle<T> {
    /// The server's record, if it still is the one of this type.
    fn live(self) -> Result<*mut raw::RedisModuleType, Error> {
        self.life.check("the type's handle")?;
        Ok(self.raw.as_ptr())
    }
}

impl LoadContext<'_> {
    /// Registers a type. A module that has one can't be unloaded.
    ///
    /// It also declares that the module handles read errors (`HANDLE_IO_ERRORS`): without that a truncated
    /// snapshot would end the server.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a name or version out of range, [`Error::Refused`] if another module
    /// has a type of that name.
    pub fn register_type<T: NativeType>(&self) -> Result<TypeHandle<T>, Error> {
        check::<T>()?;
        detached::prepare(self);
        self.set_options(ModuleOptions::HANDLE_IO_ERRORS);
        let create = required!(RedisModule_CreateDataType);
        let mut methods = callbacks::methods::<T>();
        // SAFETY: R31: OnLoad's context; the server copies the name and the table.
        let raw = unsafe { create(self.as_ptr(), T::NAME.as_ptr(), i32::from(T::VERSION), &raw mut methods) };
        let raw = NonNull::new(raw).ok_or(Error::Refused {
            function: "RedisModule_CreateDataType",
            reason: "a type of that name exists already",
        })?;
        Ok(TypeHandle { raw, life: Life::now(), of: PhantomData })
    }
}

fn check<T: NativeType>() -> Result<(), Error> {
    let name = T::NAME.to_bytes();
    if name.len() != 9 || !name.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(byte)) {
        return Err(Error::Invalid { what: "the type's name", reason: "nine of A-Z a-z 0-9 - _" });
    }
    if T::VERSION > 1023 {
        return Err(Error::Invalid { what: "the type's version", reason: "at most 1023" });
    }
    Ok(())
}
