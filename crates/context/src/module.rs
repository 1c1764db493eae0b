//! How a module enters and leaves a server: what `module!` expands to, and what it calls.

use std::ffi::{CStr, c_int};
use std::slice;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use redis_module::raw;

use crate::alloc;
use crate::api;
use crate::auth;
use crate::cluster;
use crate::code;
use crate::command;
use crate::config;
use crate::context::{Context, LoadContext, UnloadContext};
use crate::defrag;
use crate::detached;
use crate::error::Error;
use crate::event_loop;
use crate::events;
use crate::filter;
use crate::guard::{begin_fresh, guard, install_panic_hook, is_fresh};
use crate::info;
use crate::key_meta;
use crate::keyspace;
use crate::life::Life;
use crate::loading;
use crate::lock;
use crate::log::{LogLevel, log_fmt};
use crate::provisional;
use crate::server::server;
use crate::state;
use crate::thread;
use crate::timer;

/// What `module!` was told.
pub struct Module {
    /// The name clients see in `MODULE LIST`.
    pub name: &'static CStr,
    /// The version clients see there.
    pub version: u32,
    /// Registers everything; an error refuses the load.
    pub init: fn(&LoadContext<'_>) -> Result<(), Error>,
    /// Ends everything; an error refuses the unload. Without it the module stays until the server ends, unless the server
    /// takes it back before anything of it has run: MODULE LOADEX with a setting that it does not have.
    pub deinit: Option<Deinit>,
}

/// What ends a module.
pub type Deinit = fn(&UnloadContext<'_>) -> Result<(), Error>;

/// What keeps the module's code in the server: threads, watched descriptors, anything that the server would
/// still call after the code is gone.
static PINS: AtomicUsize = AtomicUsize::new(0);

/// Held by whatever needs the module's code to stay: while one exists, the module is not unloaded.
#[derive(Debug)]
#[allow(dead_code, reason = "for the callbacks of other files")]
pub(crate) struct Pin(());

#[allow(dead_code, reason = "for the callbacks of other files")]
impl Pin {
    pub(crate) fn new() -> Self {
        PINS.fetch_add(1, Ordering::AcqRel);
        Self(())
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        PINS.fetch_sub(1, Ordering::AcqRel);
    }
}

/// How many commands of the server run on this module's behalf: its code is beneath them on the stack.
static CALLS: AtomicUsize = AtomicUsize::new(0);

/// A command of the server that runs. While one does, the module is not unloaded, not even by that command.
pub(crate) struct Calling(());

impl Calling {
    #[inline]
    pub(crate) fn begin() -> Self {
        // Written by one thread at a time, the one that holds the server's lock.
        CALLS.store(CALLS.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        Self(())
    }
}

impl Drop for Calling {
    #[inline]
    fn drop(&mut self) {
        CALLS.store(CALLS.load(Ordering::Relaxed) - 1, Ordering::Relaxed);
    }
}

/// The module's name, from its load on.
static NAME: OnceLock<&'static CStr> = OnceLock::new();

/// The module's name; `None` only before it is loaded.
pub(crate) fn name() -> Option<&'static CStr> {
    NAME.get().copied()
}

/// Whether `init` or `deinit` is running.
static IN_TRANSIT: AtomicBool = AtomicBool::new(false);

/// Whether the module comes or goes: what it starts now may have to be taken back.
pub(crate) fn is_in_transit() -> bool {
    IN_TRANSIT.load(Ordering::Relaxed)
}

/// Runs `init` or `deinit`.
fn in_transit(
    what: &'static str,
    panicked: &'static str,
    body: impl FnOnce() -> Result<(), Error>,
) -> Result<(), Error> {
    IN_TRANSIT.store(true, Ordering::Relaxed);
    let result = guard(what, || Err(Error::module(panicked)), body);
    IN_TRANSIT.store(false, Ordering::Relaxed);
    result
}

/// Takes back what the server would call when the module's code is gone, and leaves this crate's statics as they
/// were: the code may stay (a thread-local's destructor keeps it) and be loaded again.
fn abandon(ctx: &Context<'_>) {
    // Each by itself: what the module drops here may panic.
    let steps: [fn(&Context<'_>); _] = [
        provisional::abandon,
        timer::abandon,
        event_loop::abandon,
        events::abandon,
        filter::abandon,
        key_meta::abandon,
        keyspace::abandon,
        cluster::abandon_receivers,
        cluster::abandon_slots,
        auth::abandon,
        lock::abandon,
        config::abandon,
        command::abandon,
        |_| state::abandon(),
        |_| info::abandon(),
        defrag::abandon,
        |_| detached::abandon(),
    ];
    for step in steps {
        guard("the end of a module", || (), || step(ctx));
    }
    Life::begin();
}

/// The server is about to unmap the code, whatever still runs in it: threads that `init` has started.
fn leave(ctx: &Context<'_>) {
    abandon(ctx);
    let pins = PINS.load(Ordering::Acquire);
    if pins != 0 && !code::keep() {
        log_fmt(LogLevel::Warning, format_args!("{pins} threads run in code that goes"));
    }
}

/// `RedisModule_OnLoad`.
///
/// # Safety
/// The arguments are what the server passes.
pub unsafe fn on_load(
    module: &'static Module,
    ctx: *mut raw::RedisModuleCtx,
    argv: *mut *mut raw::RedisModuleString,
    argc: c_int,
) -> c_int {
    // SAFETY: the caller's promise.
    let load = || unsafe { try_load(module, ctx, argv, argc) };
    let panicked = || Err(Error::module("its registration panicked"));
    match guard("the module's load", panicked, load) {
        Ok(()) => {
            begin_fresh();
            raw::REDISMODULE_OK as c_int
        }
        Err(error) => {
            let name = module.name.to_string_lossy();
            log_fmt(LogLevel::Warning, format_args!("{name} is not loaded: {error}"));
            raw::REDISMODULE_ERR as c_int
        }
    }
}

unsafe fn try_load(
    module: &'static Module,
    ctx: *mut raw::RedisModuleCtx,
    argv: *mut *mut raw::RedisModuleString,
    argc: c_int,
) -> Result<(), Error> {
    let version = c_int::try_from(module.version)
        .map_err(|_| Error::Invalid { what: "the module's version", reason: "it exceeds 2147483647" })?;
    // SAFETY: R1: this is OnLoad, the first code of the module to run.
    unsafe { api::resolve_all(ctx, module.name, version) }?;
    alloc::probe();
    thread::note_main();
    install_panic_hook();
    if let Some(function) = api::first_missing() {
        return Err(Error::Unsupported { function, since: "Redis 7.0 and Valkey 7.2" });
    }
    server();
    NAME.get_or_init(|| module.name);
    Life::begin();
    // SAFETY: R11: the server passes `argc` live strings, which stay until OnLoad returns.
    let args = unsafe { arguments(argv, argc) };
    // SAFETY: R11: the context of OnLoad, on the main thread.
    let load = unsafe { LoadContext::from_raw(ctx, args, module.name) };
    let result = in_transit("the module's load", "its registration panicked", || {
        let _loading = provisional::Loading::begin();
        loading::watch(&load)?;
        (module.init)(&load)?;
        command::confirm(&load)?;
        keyspace::confirm(&load)?;
        provisional::confirm(&load)
    });
    match &result {
        Ok(()) => timer::keep(&load),
        Err(_) => leave(&load),
    }
    result
}

/// The `argv` of a command or a load as a slice.
///
/// # Safety
/// `argv` holds `argc` strings that live for `'a`.
#[inline]
pub(crate) unsafe fn arguments<'a>(
    argv: *mut *mut raw::RedisModuleString,
    argc: c_int,
) -> &'a [*mut raw::RedisModuleString] {
    match usize::try_from(argc) {
        // SAFETY: the caller's promise.
        Ok(len) if !argv.is_null() => unsafe { slice::from_raw_parts(argv, len) },
        _ => &[],
    }
}

/// `RedisModule_OnUnload`.
///
/// # Safety
/// The argument is what the server passes.
pub unsafe fn on_unload(module: &'static Module, ctx: *mut raw::RedisModuleCtx) -> c_int {
    let is_fresh = is_fresh();
    let unload = || {
        // SAFETY: R11: the context of OnUnload, on the main thread.
        let unload = unsafe { UnloadContext::from_raw(ctx) };
        if is_fresh && provisional::is_being_loaded(&unload) {
            take_back(module, &unload);
            return Ok(());
        }
        may_unload(module, &unload, is_fresh && !server().is_since_7_2())
    };
    match guard("the module's unload", || Err(Error::module("its end panicked")), unload) {
        Ok(()) => raw::REDISMODULE_OK as c_int,
        Err(error) => {
            let name = module.name.to_string_lossy();
            log_fmt(LogLevel::Warning, format_args!("{name} is not unloaded: {error}"));
            raw::REDISMODULE_ERR as c_int
        }
    }
}

/// A server that finds a setting in MODULE LOADEX which the module does not have takes the module back at once, and from
/// 7.2 on ends if the module refuses (`moduleLoad`, module.c).
fn take_back(module: &Module, unload: &UnloadContext<'_>) {
    if let Some(deinit) = module.deinit {
        let ended = in_transit("the module's unload", "its end panicked", || deinit(unload));
        if let Err(error) = ended {
            let name = module.name.to_string_lossy();
            log_fmt(LogLevel::Warning, format_args!("{name} is unloaded all the same: {error}"));
        }
    }
    leave(unload);
}

/// `is_taken_back` on a server that would keep the module if it refused.
fn may_unload(module: &Module, unload: &UnloadContext<'_>, is_taken_back: bool) -> Result<(), Error> {
    let nothing: Deinit = |_| Ok(());
    let deinit = module.deinit.or(is_taken_back.then_some(nothing));
    let deinit = deinit.ok_or_else(|| Error::module("it is made to stay until the server ends"))?;
    if CALLS.load(Ordering::Relaxed) != 0 {
        return Err(Error::module("it waits for a command that it runs"));
    }
    command::refuse_while_named(unload)?;
    let ended = in_transit("the module's unload", "its end panicked", || deinit(unload)).and_then(|()| {
        match PINS.load(Ordering::Acquire) {
            0 => Ok(()),
            pins => Err(Error::module(format!("{pins} of its callbacks or threads are still in use"))),
        }
    });
    match &ended {
        Ok(()) => abandon(unload),
        Err(_) => {
            timer::keep(unload);
            cluster::confirm_receivers(unload)?;
        }
    }
    ended
}

/// What `module!` may call a module. Its name stands in front of its configs in the configuration file, and of its
/// sections and fields in INFO, where nothing of it is quoted.
///
/// # Panics
/// So that it does not build: unless it is 1 to 64 letters, digits, `_`, `-` and `.`.
pub const fn module_name(terminated: &'static str) -> &'static CStr {
    let bytes = terminated.as_bytes();
    assert!(2 <= bytes.len() && bytes.len() <= 65, "a module's name has 1 to 64 characters");
    let mut at = 0;
    while at < bytes.len() - 1 {
        let is_plain = bytes[at].is_ascii_alphanumeric() || matches!(bytes[at], b'_' | b'-' | b'.');
        assert!(is_plain, "a module's name holds letters, digits, _, - and . alone");
        at += 1;
    }
    match CStr::from_bytes_with_nul(bytes) {
        Ok(name) => name,
        Err(_) => panic!("a module's name ends with a NUL, which concat! adds"),
    }
}

/// Makes the crate a module: emits the entry points, installs the server's allocator, and defines the C
/// allocator's names, which alloc.rs explains.
///
/// Its name is 1 to 64 letters, digits, `_`, `-` and `.`. It stands once in the `cdylib`, which may forbid unsafe code. `init` gets a [`LoadContext`] and registers
/// commands, configs, events and types; its error, or a panic, refuses the load with one line in the log.
/// Without `deinit` the module can't be unloaded.
///
/// ```text
/// redis_context::module! {
///     name: "hello",
///     version: 1,
///     init: init,
/// }
/// fn init(load: &LoadContext<'_>) -> Result<(), Error> { Ok(()) }
/// ```
#[macro_export]
macro_rules! module {
    (name: $name:literal, version: $version:expr, init: $init:expr $(,)?) => {
        $crate::module! { @emit $name, $version, $init, ::core::option::Option::None }
    };
    (name: $name:literal, version: $version:expr, init: $init:expr, deinit: $deinit:expr $(,)?) => {
        $crate::module! { @emit $name, $version, $init, ::core::option::Option::Some($deinit) }
    };
    (@emit $name:literal, $version:expr, $init:expr, $deinit:expr) => {
        static REDIS_CONTEXT_MODULE: $crate::entry::Module = $crate::entry::Module {
            name: $crate::entry::module_name(concat!($name, "\0")),
            version: $version,
            init: $init,
            deinit: $deinit,
        };

        #[cfg(not(test))]
        #[global_allocator]
        static REDIS_CONTEXT_ALLOC: $crate::entry::ServerAlloc = $crate::entry::ServerAlloc;

        /// What the server calls to load the module.
        #[doc(hidden)]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn RedisModule_OnLoad(
            ctx: *mut $crate::entry::RawContext,
            argv: *mut *mut $crate::entry::RawString,
            argc: ::core::ffi::c_int,
        ) -> ::core::ffi::c_int {
            // SAFETY: R11: called by the server alone.
            unsafe { $crate::entry::on_load(&REDIS_CONTEXT_MODULE, ctx, argv, argc) }
        }

        /// What the server calls to unload the module.
        #[doc(hidden)]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn RedisModule_OnUnload(
            ctx: *mut $crate::entry::RawContext,
        ) -> ::core::ffi::c_int {
            // SAFETY: R11: called by the server alone.
            unsafe { $crate::entry::on_unload(&REDIS_CONTEXT_MODULE, ctx) }
        }

        $crate::module! { @forward
            malloc(size: usize) -> *mut ::core::ffi::c_void;
            calloc(count: usize, size: usize) -> *mut ::core::ffi::c_void;
            realloc(block: *mut ::core::ffi::c_void, size: usize) -> *mut ::core::ffi::c_void;
            posix_memalign(out: *mut *mut ::core::ffi::c_void, align: usize, size: usize) -> ::core::ffi::c_int;
            aligned_alloc(align: usize, size: usize) -> *mut ::core::ffi::c_void;
            memalign(align: usize, size: usize) -> *mut ::core::ffi::c_void;
            malloc_usable_size(block: *mut ::core::ffi::c_void) -> usize;
            free(block: *mut ::core::ffi::c_void) -> ();
        }
    };
    (@forward $($name:ident ( $($arg:ident : $ty:ty),* ) -> $ret:ty;)*) => {
        #[cfg(not(test))]
        mod redis_context_c_allocator {
            $(
                /// The C allocator of the process.
                #[doc(hidden)]
                #[unsafe(no_mangle)]
                pub unsafe extern "C" fn $name($($arg: $ty),*) -> $ret {
                    // SAFETY: R10: forwarded as it stands.
                    unsafe { $crate::entry::process::$name($($arg),*) }
                }
            )*
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_is_named_so_that_files_and_lists_can_hold_it() {
        const LONGEST: &str =
            concat!("0123456789012345678901234567890123456789012345678901234567890123", "\0");
        assert_eq!(module_name("A-b_c.9\0"), c"A-b_c.9");
        assert_eq!(module_name(LONGEST).to_bytes().len(), 64);
        for name in ["\0", "a b\0", "a\0b\0", "a%s\0", "a\n\0", "\u{e4}\0"] {
            assert!(std::panic::catch_unwind(|| module_name(name)).is_err(), "{name:?}");
        }
    }
}
