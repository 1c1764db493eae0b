//! Metadata of keys: values that a module hangs on keys of any type, and that live and die with them.
//!
//! A class of metadata is a trait on a Rust type, registered once at load; [`KeyMetaClass`] is the proof, and the way
//! to its values. Redis 8.6 on; no Valkey has it. Up to seven classes fit into a server.
//!
//! ```text
//! LoadContext::register_key_meta::<T>() -> KeyMetaClass<T>
//! WriteKey::set_meta(self, &class, value)    ReadKey::meta(&class) -> Option<&T>    WriteKey::remove_meta(&class)
//! ```
//!
//! The server ends if it finds a value of a class that was released (keymeta.c asserts it), so a class that has ever
//! had a value stays, and its module with it.

mod callbacks;
mod names;
mod value;

use std::ffi::{CStr, CString, c_int};
use std::marker::PhantomData;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};

use redis_module::raw;

use crate::api::{api, required};
use crate::cell::MainCell;
use crate::context::{Context, LoadContext};
use crate::error::Error;
use crate::life::Life;
use crate::module::Pin;
use crate::native_type::{AofWriter, RdbReader, RdbWriter};
use crate::state::ModuleOptions;
use crate::string::RedisStr;

pub use names::KeyNames;

/// What a server does with a snapshot's metadata when the module that wrote it isn't there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum KeyMetaLoss {
    /// It refuses to load the snapshot.
    #[default]
    Refused,
    /// It loads the keys without this metadata.
    Allowed,
}

/// Whether metadata goes along with a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MetaFate {
    /// It does.
    Keep,
    /// It does not, and is dropped.
    Drop,
}

/// A class of metadata. Values are dropped on any thread (the server frees large keys in the background), so they are
/// `Send` and their `Drop` reaches nothing of the main thread's.
///
/// `save` and `rewrite` mostly run in a forked child. A panic there ends the child: the save fails and the last file
/// stays.
pub trait KeyMeta: Sized + Send + 'static {
    /// Four characters of `A-Z a-z 0-9 - _`, unique among all modules: it is part of the RDB format. Two modules of this
    /// crate that choose the same are told so; a module of another kind that has it already ends the server.
    const NAME: &'static CStr;

    /// The version of what `save` writes, 0 to 31.
    const VERSION: u8;

    /// What becomes of a snapshot where this module is missing.
    const LOSS: KeyMetaLoss = KeyMetaLoss::Refused;

    /// Writes the value into a snapshot, or nothing: then it is not saved.
    fn save(&self, writer: &mut RdbWriter<'_>) {
        let _ = writer;
    }

    /// Reads what `save` has written, in any earlier `version`. `Ok(None)` leaves the key without metadata.
    ///
    /// # Errors
    /// An error refuses the whole snapshot. A version above [`KeyMeta::VERSION`] should be one.
    fn load(reader: &mut RdbReader<'_>, version: u8) -> Result<Option<Self>, Error>;

    /// Writes the commands that set the value, for an AOF rewrite without RDB preamble. They follow those that make
    /// the key.
    fn rewrite(&self, key: RedisStr<'_>, aof: &mut AofWriter<'_>) {
        let _ = (key, aof);
    }

    /// The metadata of a key's copy (COPY); `None` leaves the copy without.
    fn copy(&self, names: &KeyNames<'_>) -> Option<Self> {
        let _ = names;
        None
    }

    /// Called when the key gets another name (RENAME).
    fn renamed(&mut self, names: &KeyNames<'_>) -> MetaFate {
        let _ = names;
        MetaFate::Keep
    }

    /// Called when the key goes to another database (MOVE).
    fn moved(&mut self, names: &KeyNames<'_>) -> MetaFate {
        let _ = names;
        MetaFate::Keep
    }

    /// Called on the main thread when the key leaves the keyspace, before the value is dropped. Not when a database is
    /// flushed.
    fn unlinked(&self, names: &KeyNames<'_>) {
        let _ = names;
    }

    /// The bytes of memory it takes. Redis 8.6 does not ask yet.
    fn memory_usage(&self) -> usize {
        size_of::<Self>()
    }

    /// How many allocations freeing it takes. Redis 8.6 does not ask yet.
    fn free_effort(&self) -> usize {
        1
    }
}

/// A registered class. It opens values of `T` and of nothing else.
///
/// There is one for each class: after [`KeyMetaClass::release`] nobody has it any more.
pub struct KeyMetaClass<T> {
    id: c_int,
    life: Life,
    of: PhantomData<fn() -> T>,
}

const HANDLE: &str = "the class's handle";

/// A class that the server has.
struct Registered {
    id: c_int,
    name: &'static CStr,
}

static CLASSES: MainCell<Vec<Registered>> = MainCell::new(Vec::new());

/// The names that were reserved. One stays reserved after its class was released, for this module alone.
static RESERVED: MainCell<Vec<&'static CStr>> = MainCell::new(Vec::new());

/// Whether a value has been hung on a key since the module was loaded.
static IS_USED: AtomicBool = AtomicBool::new(false);

/// From here on the server has values of a class, and the module stays.
fn note_use() {
    if !IS_USED.swap(true, Ordering::Relaxed) {
        std::mem::forget(Pin::new());
    }
}

impl LoadContext<'_> {
    /// Registers a class of metadata. It also declares that the module handles read errors (`HANDLE_IO_ERRORS`):
    /// without that a truncated snapshot would end the server.
    ///
    /// # Errors
    /// [`Error::Unsupported`] before Redis 8.6 and on Valkey; [`Error::Invalid`] for a name or version out of range;
    /// [`Error::Refused`] if a module has a class of that name, or the server has seven already.
    pub fn register_key_meta<T: KeyMeta>(&self) -> Result<KeyMetaClass<T>, Error> {
        let create = api!(RedisModule_CreateKeyMetaClass, "Redis 8.6")?;
        check::<T>()?;
        self.set_options(ModuleOptions::HANDLE_IO_ERRORS);
        reserve(self, T::NAME)?;
        let mut config = callbacks::config::<T>();
        // SAFETY: R39: OnLoad's context; no module of this crate has a class of this name; the server copies both.
        let id = unsafe { create(self.as_ptr(), T::NAME.as_ptr(), c_int::from(T::VERSION), &raw mut config) };
        if id <= 0 {
            return Err(Error::Refused {
                function: "RedisModule_CreateKeyMetaClass",
                reason: "the server has seven classes already",
            });
        }
        CLASSES.try_borrow_mut(self)?.push(Registered { id, name: T::NAME });
        Ok(KeyMetaClass { id, life: Life::now(), of: PhantomData })
    }
}

impl<T: KeyMeta> KeyMetaClass<T> {
    /// Gives the class back, for another module or for a later load of this one; only while no class of this module
    /// has had a value. A module that is unloaded without values gives its classes back by itself.
    ///
    /// # Errors
    /// [`Error::Refused`] once a key has had metadata of this module: the server would end when it finds it. The class
    /// stays then, out of reach.
    pub fn release(self, ctx: &Context<'_>) -> Result<(), Error> {
        if IS_USED.load(Ordering::Relaxed) {
            return Err(Error::Refused {
                function: "RedisModule_ReleaseKeyMetaClass",
                reason: "keys have had metadata of this module",
            });
        }
        self.life.check(HANDLE)?;
        release(self.id)?;
        CLASSES.try_borrow_mut(ctx)?.retain(|class| class.id != self.id);
        Ok(())
    }
}

fn release(id: c_int) -> Result<(), Error> {
    let release = api!(RedisModule_ReleaseKeyMetaClass, "Redis 8.6")?;
    // SAFETY: R39: a class of this module that no key has had metadata of.
    let status = unsafe { release(id) };
    if status == raw::REDISMODULE_OK as c_int {
        return Ok(());
    }
    Err(Error::Refused { function: "RedisModule_ReleaseKeyMetaClass", reason: "the class is not in use" })
}

/// Gives the classes back, for the module goes: the server keeps them otherwise, and calls code that is gone.
pub(crate) fn abandon(ctx: &Context<'_>) {
    drop(RESERVED.take(ctx));
    for class in CLASSES.take(ctx).unwrap_or_default() {
        // A class that has values is not given back; then the module does not go either.
        let _ = release(class.id);
    }
}

fn check<T: KeyMeta>() -> Result<(), Error> {
    let name = T::NAME.to_bytes();
    if name.len() != 4 || !name.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(byte)) {
        return Err(Error::Invalid { what: "the class's name", reason: "four of A-Z a-z 0-9 - _" });
    }
    if T::VERSION > 31 {
        return Err(Error::Invalid { what: "the class's version", reason: "at most 31" });
    }
    Ok(())
}

/// Reserves a name among the modules of this crate, by the names of the server's shared functions: the server itself
/// ends when a name is registered twice (keymeta.c, `keyMetaClassCreate`). It forgets the name with the module.
fn reserve(ctx: &Context<'_>, name: &'static CStr) -> Result<(), Error> {
    const TAKEN: Error = Error::Refused {
        function: "RedisModule_CreateKeyMetaClass",
        reason: "a module has a class of that name",
    };
    if CLASSES.try_borrow(ctx)?.iter().any(|class| class.name == name) {
        return Err(TAKEN);
    }
    let shared = format!("redis-context.key-meta.{}", name.to_string_lossy());
    let shared = CString::new(shared).map_err(|_| TAKEN)?;
    if RESERVED.try_borrow(ctx)?.iter().any(|name| **name == *shared) {
        return Ok(());
    }
    let export = required!(RedisModule_ExportSharedAPI);
    // The server keeps the pointer to the name, not a copy.
    let shared: &'static CStr = Box::leak(shared.into_boxed_c_str());
    // SAFETY: R39: OnLoad's context and a name that stays for ever; nobody calls the NULL behind it.
    let status = unsafe { export(ctx.as_ptr(), shared.as_ptr(), ptr::null_mut()) };
    if status != raw::REDISMODULE_OK as c_int {
        return Err(TAKEN);
    }
    RESERVED.try_borrow_mut(ctx)?.push(shared);
    Ok(())
}
