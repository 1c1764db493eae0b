//! The functions the server calls for a type.

use std::alloc::Layout;
use std::ffi::{c_int, c_void};
use std::ptr;

use redis_module::raw;

use super::encode::{failed, panicked};
use super::{AofWriter, AuxWhen, CopyPlaces, Digest, NativeType, Place, RdbReader, RdbWriter};
use crate::api::required;
use crate::defrag::DefragContext;
use crate::detached;
use crate::error::Error;
use crate::guard::guard;
use crate::key::{Walk, refuse_while_open};
use crate::log::{LogLevel, log_fmt};
use crate::server::server;
use crate::string::RedisStr;

/// What stands before auxiliary data, and instead of it where nothing can't be written.
const AUX_FOLLOWS: u64 = 1;
const AUX_EMPTY: u64 = 0;

/// The newest table that this crate knows (redismodule.h, `REDISMODULE_TYPE_METHOD_VERSION`).
const TABLE_VERSION: u64 = 5;

/// The table for [`raw::RedisModule_CreateDataType`], of the version that both sides know. A value is a `Box<T>`.
///
/// Every supported server knows version 4, whose callbacks get the key's name and database; those without are for
/// older ones.
pub(super) fn methods<T: NativeType>() -> raw::RedisModuleTypeMethods {
    let has_aux = !T::AUX.is_empty();
    let version = required!(RedisModule_GetTypeMethodVersion);
    // SAFETY: R2: it takes nothing and gives a constant.
    let version = u64::try_from(unsafe { version() }).unwrap_or(1).min(TABLE_VERSION);
    raw::RedisModuleTypeMethods {
        version,
        rdb_load: Some(load::<T>),
        rdb_save: Some(save::<T>),
        aof_rewrite: Some(rewrite::<T>),
        mem_usage: None,
        digest: Some(digest::<T>),
        free: Some(free::<T>),
        aux_load: if has_aux { Some(aux_load::<T>) } else { None },
        // Redis 7.0 reads `aux_save`, the others prefer `aux_save2`.
        aux_save: if has_aux { Some(aux_save::<T>) } else { None },
        aux_save_triggers: T::AUX.bits(),
        free_effort: None,
        unlink: None,
        copy: None,
        defrag: Some(defrag::<T>),
        mem_usage2: Some(memory_usage::<T>),
        free_effort2: Some(free_effort::<T>),
        unlink2: Some(unlink::<T>),
        copy2: Some(copy::<T>),
        aux_save2: if has_aux { Some(aux_save::<T>) } else { None },
    }
}

/// # Safety
/// `value` is one that this type's `load`, `copy` or `set_value` made, alive for `'a`.
unsafe fn value<'a, T: NativeType>(value: *const c_void) -> &'a T {
    // SAFETY: R31: values of a type are boxes of its `T`; nobody changes them during a callback.
    unsafe { &*value.cast::<T>() }
}

unsafe extern "C" fn load<T: NativeType>(io: *mut raw::RedisModuleIO, version: c_int) -> *mut c_void {
    let panicked = || {
        failed(&panicked());
        ptr::null_mut()
    };
    guard("a type's load", panicked, || {
        // SAFETY: R32: the stream of this callback.
        let mut reader = unsafe { RdbReader::new(io) };
        match T::load(&mut reader, version_of(version)) {
            Ok(value) => Box::into_raw(Box::new(value)).cast(),
            Err(error) => {
                report::<T>("a value", &error);
                ptr::null_mut()
            }
        }
    })
}

fn version_of(version: c_int) -> u16 {
    u16::try_from(version).unwrap_or(u16::MAX)
}

fn report<T: NativeType>(what: &str, error: &Error) {
    if failed(error) {
        return;
    }
    let name = T::NAME.to_string_lossy();
    log_fmt(LogLevel::Warning, format_args!("{what} of type {name} can't be loaded: {error}"));
}

unsafe extern "C" fn save<T: NativeType>(io: *mut raw::RedisModuleIO, saved: *mut c_void) {
    guard("a type's save", fail_the_save, || {
        // SAFETY: R32, R31: the stream and the value of this callback.
        let (mut writer, value) = unsafe { (RdbWriter::new(io, None), value::<T>(saved)) };
        value.save(&mut writer);
    });
}

/// Half a value has been written, and no function says "fail": a child can at least not finish its file.
pub(crate) fn fail_the_save() {
    if failed(&panicked()) {
        return;
    }
    end_the_child();
    log_fmt(LogLevel::Warning, format_args!("this snapshot is damaged: save again"));
}

/// Ends a forked child with an error, so that the server keeps the file it had.
fn end_the_child() {
    let flags = required!(RedisModule_GetContextFlags);
    // SAFETY: R2: a NULL context is asked for the server's state only.
    let flags = unsafe { flags(ptr::null_mut()) }.cast_unsigned();
    if flags & raw::REDISMODULE_CTX_FLAGS_IS_CHILD != 0 {
        // SAFETY: R32: a forked child that has nothing but its file to finish.
        unsafe { libc::_exit(1) };
    }
}

unsafe extern "C" fn rewrite<T: NativeType>(
    io: *mut raw::RedisModuleIO,
    key: *mut raw::RedisModuleString,
    rewritten: *mut c_void,
) {
    guard("a type's AOF rewrite", fail_the_save, || {
        // SAFETY: R32, R31: the stream, the key and the value of this callback.
        let (mut writer, key, value) =
            unsafe { (AofWriter::new(io), RedisStr::from_raw(key), value::<T>(rewritten)) };
        if let Some(key) = key {
            value.rewrite(key, &mut writer);
        }
    });
}

unsafe extern "C" fn memory_usage<T: NativeType>(
    place: *mut raw::RedisModuleKeyOptCtx,
    measured: *const c_void,
    samples: usize,
) -> usize {
    guard(
        "a type's memory usage",
        || 0,
        || {
            // SAFETY: R51, R31: the place and the value of this callback.
            unsafe { value::<T>(measured).memory_usage(&Place::new(place), samples) }
        },
    )
}

unsafe extern "C" fn digest<T: NativeType>(digest: *mut raw::RedisModuleDigest, digested: *mut c_void) {
    guard(
        "a type's digest",
        || (),
        || {
            // SAFETY: R32, R31: the digest and the value of this callback.
            let (mut digest, value) = unsafe { (Digest::new(digest), value::<T>(digested)) };
            value.digest(&mut digest);
        },
    );
}

unsafe extern "C" fn free<T: NativeType>(freed: *mut c_void) {
    guard(
        "a value's drop",
        || (),
        || {
            // SAFETY: R31: the server frees a value once, and nobody has it any more.
            drop(unsafe { Box::from_raw(freed.cast::<T>()) });
        },
    );
}

unsafe extern "C" fn free_effort<T: NativeType>(
    place: *mut raw::RedisModuleKeyOptCtx,
    measured: *const c_void,
) -> usize {
    guard(
        "a type's free effort",
        || 1,
        || {
            // SAFETY: R51, R31: the place and the value of this callback.
            unsafe { value::<T>(measured).free_effort(&Place::of_defrag(place)) }
        },
    )
}

unsafe extern "C" fn unlink<T: NativeType>(place: *mut raw::RedisModuleKeyOptCtx, unlinked: *const c_void) {
    guard(
        "a type's unlink",
        || (),
        || {
            // SAFETY: R51, R31: the place and the value of this callback.
            unsafe { value::<T>(unlinked).unlinked(&Place::new(place)) };
        },
    );
}

unsafe extern "C" fn copy<T: NativeType>(
    places: *mut raw::RedisModuleKeyOptCtx,
    copied: *const c_void,
) -> *mut c_void {
    guard("a type's copy", ptr::null_mut, || {
        // SAFETY: R51, R31: the places and the value of this callback.
        let copy = unsafe { value::<T>(copied).copy(&CopyPlaces::new(places)) };
        copy.map_or(ptr::null_mut(), |copy| Box::into_raw(Box::new(copy)).cast())
    })
}

unsafe extern "C" fn defrag<T: NativeType>(
    ctx: *mut raw::RedisModuleDefragCtx,
    _key: *mut raw::RedisModuleString,
    moved: *mut *mut c_void,
) -> c_int {
    // A callback of this module looks at a value, and has called the server meanwhile.
    if refuse_while_open().is_err() {
        return 0;
    }
    guard(
        "a type's defrag",
        || 0,
        || {
            // SAFETY: R53: what the server passes to this callback; it keeps the value's pointer there.
            let (mut defrag, place) = unsafe { (DefragContext::new(ctx), &mut *moved) };
            if defrag.resume_at() == 0 {
                // SAFETY: R53, R31: the block of the value's box, which nobody else has.
                if let Some(new) = unsafe { defrag.moved(place.cast(), Layout::new::<T>()) } {
                    *place = new.as_ptr().cast();
                }
            }
            // SAFETY: R53, R31: the value of this callback; no key is open, so nobody looks at it.
            let progress = unsafe { &mut *place.cast::<T>() }.defrag(&mut defrag);
            defrag.finish(progress)
        },
    )
}

unsafe extern "C" fn aux_save<T: NativeType>(io: *mut raw::RedisModuleIO, when: c_int) {
    guard("a type's aux_save", fail_the_save, || {
        // SAFETY: R32: the stream of this callback.
        let mut writer = unsafe { RdbWriter::new(io, Some(AUX_FOLLOWS)) };
        let when = AuxWhen::from_bits_retain(when);
        let is_saved = guard(
            "a type's aux_save",
            || false,
            || {
                // SAFETY: R27: a save runs on the main thread or in a forked child.
                unsafe { detached::with(|ctx| T::aux_save(ctx, when, &mut writer)) };
                true
            },
        );
        if !is_saved {
            report_lost_aux::<T>(&writer);
        }
        if writer.is_untouched() && !server().is_since_7_2() {
            // SAFETY: R32: the stream of this callback.
            unsafe { RdbWriter::new(io, None) }.unsigned(AUX_EMPTY);
        }
    });
}

/// A panic ended the save of auxiliary data. What has not begun is left out, and the rest of the snapshot is good.
fn report_lost_aux<T: NativeType>(writer: &RdbWriter<'_>) {
    if !writer.is_untouched() {
        return fail_the_save();
    }
    end_the_child();
    let name = T::NAME.to_string_lossy();
    log_fmt(LogLevel::Warning, format_args!("this snapshot lacks the data of {name}: save again"));
}

unsafe extern "C" fn aux_load<T: NativeType>(
    io: *mut raw::RedisModuleIO,
    version: c_int,
    when: c_int,
) -> c_int {
    let result = guard(
        "a type's aux_load",
        || Err(Error::ShortRead),
        || {
            // SAFETY: R32: the stream of this callback.
            let mut reader = unsafe { RdbReader::new(io) };
            if reader.unsigned()? == AUX_EMPTY {
                return Ok(());
            }
            let when = AuxWhen::from_bits_retain(when);
            // A read may serve clients and defragment, and so free or move a value that is open.
            let _walk = Walk::begin();
            // SAFETY: R27: a load runs on the main thread.
            unsafe { detached::with(|ctx| T::aux_load(ctx, when, &mut reader, version_of(version))) }
        },
    );
    match result {
        Ok(()) => raw::REDISMODULE_OK as c_int,
        Err(error) => {
            report::<T>("the auxiliary data", &error);
            raw::REDISMODULE_ERR as c_int
        }
    }
}
