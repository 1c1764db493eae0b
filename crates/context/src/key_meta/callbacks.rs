//! The functions the server calls for a class.
//!
//! A value is a `Box<T>`, and 0 stands for none: for that the server calls nothing.

use std::ffi::{c_char, c_int, c_void};

use redis_module::raw;

use super::{KeyMeta, KeyMetaLoss, KeyNames, MetaFate, note_use};
use crate::api::required;
use crate::error::Error;
use crate::guard::guard;
use crate::log::{LogLevel, log_fmt};
use crate::native_type::{AofWriter, RdbReader, RdbWriter, fail_the_save};
use crate::string::RedisStr;

/// The number that stands for "no value".
pub(super) const NONE: u64 = 0;

/// What `rdb_load` answers.
const ATTACH: c_int = 1;
const SKIP: c_int = 0;
const FAIL: c_int = -1;

/// The table for `RM_CreateKeyMetaClass`.
pub(super) fn config<T: KeyMeta>() -> raw::RedisModuleKeyMetaClassConfig {
    let flags = match T::LOSS {
        KeyMetaLoss::Refused => 0,
        KeyMetaLoss::Allowed => 1 << raw::REDISMODULE_META_ALLOW_IGNORE,
    };
    raw::RedisModuleKeyMetaClassConfig {
        version: u64::from(raw::REDISMODULE_KEY_META_VERSION),
        flags,
        reset_value: NONE,
        copy: Some(copy::<T>),
        rename: Some(rename::<T>),
        move_: Some(moved::<T>),
        unlink: Some(unlink::<T>),
        free: Some(free::<T>),
        rdb_load: Some(load::<T>),
        rdb_save: Some(save::<T>),
        aof_rewrite: Some(rewrite::<T>),
        defrag: None,
        mem_usage: Some(memory_usage::<T>),
        free_effort: Some(free_effort::<T>),
    }
}

/// What the server keeps of a value.
pub(super) fn into_meta<T: KeyMeta>(value: T) -> u64 {
    note_use();
    Box::into_raw(Box::new(value)).expose_provenance() as u64
}

/// A value of the class; NULL for none.
pub(super) fn pointer<T: KeyMeta>(meta: u64) -> *mut T {
    std::ptr::with_exposed_provenance_mut(meta as usize)
}

/// Takes a value back.
///
/// # Safety
/// `meta` is one of this class's, given up by the server for good, or [`NONE`].
pub(super) unsafe fn take<T: KeyMeta>(meta: u64) -> Option<T> {
    let value = pointer::<T>(meta);
    // SAFETY: R39: the caller's promise: a box that nobody else has.
    if value.is_null() { None } else { Some(unsafe { *Box::from_raw(value) }) }
}

unsafe extern "C" fn copy<T: KeyMeta>(about: *mut raw::RedisModuleKeyOptCtx, meta: *mut u64) -> c_int {
    let body = || {
        // SAFETY: R39: the record and the value of this callback; `meta` is a place of the copy's own.
        let (names, value) = unsafe { (KeyNames::new(about), pointer::<T>(*meta).as_ref()) };
        let Some(copy) = value.and_then(|value| value.copy(&names)) else { return 0 };
        // SAFETY: R39: as above.
        unsafe { *meta = into_meta(copy) };
        1
    };
    guard("a key's metadata being copied", || 0, body)
}

unsafe extern "C" fn rename<T: KeyMeta>(about: *mut raw::RedisModuleKeyOptCtx, meta: *mut u64) -> c_int {
    // SAFETY: R39: what the server passed.
    unsafe { follow::<T>("a key's metadata being renamed", about, meta, T::renamed) }
}

unsafe extern "C" fn moved<T: KeyMeta>(about: *mut raw::RedisModuleKeyOptCtx, meta: *mut u64) -> c_int {
    // SAFETY: R39: what the server passed.
    unsafe { follow::<T>("a key's metadata being moved", about, meta, T::moved) }
}

/// 1 to keep the value, 0 to leave it with the old key, which is freed. After a panic it is kept.
///
/// # Safety
/// The arguments are what the server passed to `rename` or `move`.
unsafe fn follow<T: KeyMeta>(
    what: &'static str,
    about: *mut raw::RedisModuleKeyOptCtx,
    meta: *mut u64,
    ask: impl FnOnce(&mut T, &KeyNames<'_>) -> MetaFate,
) -> c_int {
    let body = || {
        // SAFETY: R39: the record and the value of this callback; no key is open while a command runs, so nobody
        // else sees the value.
        let (names, value) = unsafe { (KeyNames::new(about), pointer::<T>(*meta).as_mut()) };
        value.map_or(MetaFate::Keep, |value| ask(value, &names))
    };
    match guard(what, || MetaFate::Keep, body) {
        MetaFate::Keep => 1,
        MetaFate::Drop => 0,
    }
}

unsafe extern "C" fn unlink<T: KeyMeta>(about: *mut raw::RedisModuleKeyOptCtx, meta: *mut u64) {
    let body = || {
        // SAFETY: R39: the record and the value of this callback.
        let (names, value) = unsafe { (KeyNames::new(about), pointer::<T>(*meta).as_ref()) };
        if let Some(value) = value {
            value.unlinked(&names);
        }
    };
    guard("a key's metadata being unlinked", || (), body);
}

unsafe extern "C" fn free<T: KeyMeta>(_key: *const c_char, meta: u64) {
    // SAFETY: R39: the server frees a value once, and nobody has it any more.
    guard("the drop of a key's metadata", || (), || drop(unsafe { take::<T>(meta) }));
}

unsafe extern "C" fn load<T: KeyMeta>(io: *mut raw::RedisModuleIO, meta: *mut u64, version: c_int) -> c_int {
    let body = || {
        // SAFETY: R32: the stream of this callback.
        let mut reader = unsafe { RdbReader::new(io) };
        let loaded = T::load(&mut reader, u8::try_from(version).unwrap_or(u8::MAX));
        // A read that failed and was not noticed fails the load all the same, and the server drops no value then.
        loaded.and_then(|value| if has_failed(io) { Err(Error::ShortRead) } else { Ok(value) })
    };
    match guard("the load of a key's metadata", || Err(Error::module("it panicked")), body) {
        Ok(None) => SKIP,
        Ok(Some(value)) => {
            // SAFETY: R39: where the value goes.
            unsafe { *meta = into_meta(value) };
            ATTACH
        }
        Err(error) => {
            let name = T::NAME.to_string_lossy();
            log_fmt(LogLevel::Warning, format_args!("metadata of class {name} can't be loaded: {error}"));
            FAIL
        }
    }
}

fn has_failed(io: *mut raw::RedisModuleIO) -> bool {
    let failed = required!(RedisModule_IsIOError);
    // SAFETY: R32: the stream of this callback.
    unsafe { failed(io) != 0 }
}

unsafe extern "C" fn save<T: KeyMeta>(io: *mut raw::RedisModuleIO, _reserved: *mut c_void, meta: *mut u64) {
    let body = || {
        // SAFETY: R32, R39: the stream and the value of this callback.
        let (mut writer, value) = unsafe { (RdbWriter::new(io, None), pointer::<T>(*meta).as_ref()) };
        if let Some(value) = value {
            value.save(&mut writer);
        }
    };
    guard("the save of a key's metadata", fail_the_save, body);
}

unsafe extern "C" fn rewrite<T: KeyMeta>(io: *mut raw::RedisModuleIO, _reserved: *mut c_void, meta: u64) {
    let body = || {
        let key_name = required!(RedisModule_GetKeyNameFromIO);
        // SAFETY: R32, R39: the stream, the key and the value of this callback.
        let (mut writer, key, value) = unsafe {
            let key = RedisStr::from_raw(key_name(io).cast_mut());
            (AofWriter::new(io), key, pointer::<T>(meta).as_ref())
        };
        if let (Some(key), Some(value)) = (key, value) {
            value.rewrite(key, &mut writer);
        }
    };
    guard("the AOF rewrite of a key's metadata", fail_the_save, body);
}

unsafe extern "C" fn memory_usage<T: KeyMeta>(
    _about: *mut raw::RedisModuleKeyOptCtx,
    _samples: usize,
    meta: u64,
) -> usize {
    // SAFETY: R39: the value of this callback.
    let value = || unsafe { pointer::<T>(meta).as_ref() }.map_or(0, T::memory_usage);
    guard("the size of a key's metadata", || 0, value)
}

unsafe extern "C" fn free_effort<T: KeyMeta>(_about: *mut raw::RedisModuleKeyOptCtx, meta: u64) -> usize {
    // SAFETY: R39: the value of this callback.
    let value = || unsafe { pointer::<T>(meta).as_ref() }.map_or(1, T::free_effort);
    guard("the free effort of a key's metadata", || 1, value)
}
