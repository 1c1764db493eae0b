//! Functions that one module offers to others in the same server: [`crate::shared_api!`].
//!
//! ```text
//! exporter   impl CounterApi for Mine { fn add(ctx, name, by) .. }         Mine::export(load)
//!                 |
//! server     "redis-context/counters" -> table: header | add | get | ..    by name; the exporter stays while used
//!                 |
//! importer   let counters = Counters::import(ctx)?                         header checked
//!            counters.add(ctx, b"hits", 1)?                                Result<i64, Error>
//! ```
//!
//! The server only passes a pointer on. Both modules are built from one declaration; the table begins with a header
//! that says what it is (magic, layout, size, version, and a hash of names and kinds), and the importer believes
//! the rest only if all of it is as expected. Values carry their kinds along, nothing is owned across the border,
//! and a panic in the exporter is an error in the importer.
//!
//! The server knows the table by a name that begins with `redis-context/`, so no other API meets it by accident. Who
//! exports something else under such a name on purpose can't be fended off: it is code in the same process.

mod situation;
mod table;
mod value;

use std::ffi::{c_int, c_void};

use redis_module::raw;

use crate::api::required;
use crate::context::{Context, LoadContext};
use crate::detached;
use crate::error::Error;
use crate::guard::guard;
use crate::key::refuse_while_open;
use crate::life::Life;
use crate::module::Calling;
use situation::Situation;
use table::{CheckedTable, DONE, Header, RawAnswer};
use value::RawValue;

pub use table::shared_function;
pub use table::{SharedArgs, SharedEntry, SharedFunction, SharedLayout, SharedSignature, SharedTable};
pub use value::{SharedArg, SharedReturn, SharedValue};

/// Offers a table to the other modules.
///
/// # Errors
/// [`Error::Refused`] if the name is taken.
pub fn export<const N: usize>(
    load: &LoadContext<'_>,
    layout: &SharedLayout,
    table: &'static SharedTable<N>,
) -> Result<(), Error> {
    detached::prepare(load);
    let export = required!(RedisModule_ExportSharedAPI);
    // SAFETY: R59: the server keeps both pointers until the module is unloaded; they are to statics.
    let status = unsafe { export(load.as_ptr(), layout.name.as_ptr(), table.as_ptr()) };
    if status == raw::REDISMODULE_OK as c_int {
        return Ok(());
    }
    let reason = "the name is taken: another module exports it, or this one does already";
    Err(Error::Refused { function: "RedisModule_ExportSharedAPI", reason })
}

/// Another module's table.
#[derive(Clone, Copy)]
pub struct SharedImport {
    table: CheckedTable,
    life: Life,
}

impl SharedImport {
    /// Asks the server for a table and checks it. From now on the exporter stays until this module is unloaded.
    ///
    /// # Errors
    /// [`Error::Refused`] if nobody exports it (yet), or something else than the signatures say.
    pub fn import(ctx: &Context<'_>, layout: &SharedLayout) -> Result<Self, Error> {
        let get = required!(RedisModule_GetSharedAPI);
        // SAFETY: R59: a live context of this module; the name is only read.
        let table = unsafe { get(ctx.as_ptr(), layout.name.as_ptr()) };
        if table.is_null() {
            return Err(refused("no module exports it now"));
        }
        // SAFETY: R59: what the server gave, and keeps for as long as this module is loaded.
        let table = unsafe { CheckedTable::check(table, &Header::new(layout)) }.map_err(refused)?;
        Ok(Self { table, life: Life::now() })
    }

    /// Calls the function at a place of the table.
    ///
    /// # Errors
    /// What the function says, as [`Error::Module`]; [`Error::Refused`] if it panicked, [`Error::KeyIsOpen`] while
    /// a key is open, which the other module could change.
    pub fn call<R: SharedReturn>(
        &self,
        _ctx: &Context<'_>,
        at: usize,
        args: &[SharedValue<'_>],
    ) -> Result<R, Error> {
        refuse_while_open()?;
        // The exporter may be gone.
        self.life.check("the shared API")?;
        let function = self.table.function(at).ok_or(refused("the table has no such function"))?;
        let mut given = Given::<R> { answer: None };
        let _calling = Calling::begin();
        let situation = Situation::now();
        let answer = RawAnswer { state: (&raw mut given).cast(), put: put::<R>, situation };
        // SAFETY: R59: the table was checked. `SharedValue` is `RawValue`, and all of it outlives the call.
        unsafe { function(args.as_ptr().cast(), args.len(), &raw const answer) };
        given.answer.unwrap_or(Err(refused("the function panicked: see the log")))
    }
}

fn refused(reason: &'static str) -> Error {
    Error::Refused { function: "the shared API", reason }
}

/// What came back: the answer, or the error's text.
struct Given<R> {
    answer: Option<Result<R, Error>>,
}

unsafe extern "C" fn put<R: SharedReturn>(state: *mut c_void, status: c_int, value: *const RawValue) {
    guard(
        "a shared function's answer",
        || (),
        || {
            // SAFETY: R59: the state of the call that is under way, which reads it afterwards, and a value that lives
            // until this returns.
            let (given, value) = unsafe { (&mut *state.cast::<Given<R>>(), SharedValue::received(*value)) };
            let text = |text: &[u8]| Err(Error::Module(String::from_utf8_lossy(text).into_owned()));
            given.answer = Some(match status {
                DONE => R::take(value),
                _ => value.bytes().and_then(text),
            });
        },
    );
}

/// Declares functions that one module offers to others: a trait for the module that has them, and a type for those
/// that call them. Both modules expand the same declaration, from a crate or a file that they share.
///
/// ```
/// redis_context::shared_api! {
///     /// Counters by name.
///     pub trait CounterApi: "counters" version 1 {
///         /// Adds to a counter; its new value.
///         fn add(name: &[u8], by: i64) -> i64;
///         /// A counter's value.
///         fn get(name: &[u8]) -> Option<i64>;
///     }
///     /// The counters of the module that has them.
///     pub struct Counters;
/// }
/// ```
///
/// The exporter implements the trait, whose functions get a [`crate::Context`] of the exporter's own first and return
/// a `Result`, and calls `<Its type as CounterApi>::export(load)` while it loads. The importer calls
/// `Counters::import(ctx)`, at any time: the exporter may be loaded later. Then `counters.add(ctx, b"x", 1)`.
///
/// The exporter can't be unloaded once it was imported, until the importer is. Whoever changes the declaration
/// changes the version; a mismatch is an error of `import`.
///
/// Arguments are [`crate::SharedArg`]s, answers [`crate::SharedReturn`]s.
#[macro_export]
macro_rules! shared_api {
    (
        $(#[$trait_doc:meta])*
        $trait_vis:vis trait $exports:ident: $name:literal version $version:literal {
            $(
                $(#[$doc:meta])*
                fn $function:ident($($arg:ident: $kind:ty),* $(,)?) $(-> $result:ty)?;
            )*
        }
        $(#[$struct_doc:meta])*
        $struct_vis:vis struct $imports:ident;
    ) => {
        $(#[$trait_doc])*
        $trait_vis trait $exports {
            $(
                $(#[$doc])*
                fn $function(
                    ctx: &$crate::Context<'_>,
                    $($arg: $kind),*
                ) -> ::core::result::Result<$crate::shared_api!(@result $($result)?), $crate::Error>;
            )*

            /// Offers these functions to the other modules, while this one loads.
            ///
            /// # Errors
            /// If another module offers some under this name.
            fn export(load: &$crate::LoadContext<'_>) -> ::core::result::Result<(), $crate::Error>
            where
                Self: ::core::marker::Sized + 'static,
            {
                $(
                    #[allow(non_camel_case_types, reason = "named as its function")]
                    struct $function<E>(::core::marker::PhantomData<E>);
                    impl<E: $exports> $crate::entry::SharedFunction for $function<E> {
                        type Result = $crate::shared_api!(@result $($result)?);
                        fn run(
                            ctx: &$crate::Context<'_>,
                            args: &mut $crate::entry::SharedArgs<'_>,
                        ) -> ::core::result::Result<Self::Result, $crate::Error> {
                            $(let $arg: $kind = args.next_arg()?;)*
                            args.finish()?;
                            <E as $exports>::$function(ctx, $($arg),*)
                        }
                    }
                )*
                $crate::entry::export(load, &$imports::LAYOUT, const {
                    &$crate::entry::SharedTable::new(
                        &$imports::LAYOUT,
                        [$($crate::entry::shared_function::<$function<Self>>()),*],
                    )
                })
            }
        }

        $(#[$struct_doc])*
        #[derive(Clone, Copy)]
        $struct_vis struct $imports($crate::entry::SharedImport);

        #[allow(dead_code, reason = "a module exports these functions, or imports some of them")]
        const _: () = {
            #[allow(non_camel_case_types, reason = "named as its functions")]
            enum Place {
                $($function),*
            }

            impl $imports {
                const LAYOUT: $crate::entry::SharedLayout = $crate::entry::SharedLayout {
                    name: match ::core::ffi::CStr::from_bytes_with_nul(
                        concat!("redis-context/", $name, "\0").as_bytes(),
                    ) {
                        ::core::result::Result::Ok(name) => name,
                        ::core::result::Result::Err(_) => panic!("a shared API's name holds no NUL"),
                    },
                    version: $version,
                    signatures: &[$($crate::entry::SharedSignature {
                        name: stringify!($function),
                        args: &[$(<$kind as $crate::SharedArg<'_>>::KIND),*],
                        result: <$crate::shared_api!(@result $($result)?) as $crate::SharedReturn>::KIND,
                    }),*],
                };

                /// The functions of the module that exports them now. It stays until this module is unloaded.
                ///
                /// # Errors
                /// If no module exports them, or in another version.
                $struct_vis fn import(
                    ctx: &$crate::Context<'_>,
                ) -> ::core::result::Result<Self, $crate::Error> {
                    $crate::entry::SharedImport::import(ctx, &Self::LAYOUT).map(Self)
                }

                $(
                    $(#[$doc])*
                    $struct_vis fn $function(
                        &self,
                        ctx: &$crate::Context<'_>,
                        $($arg: $kind),*
                    ) -> ::core::result::Result<$crate::shared_api!(@result $($result)?), $crate::Error> {
                        self.0.call(ctx, Place::$function as usize, &[$($crate::SharedArg::pack($arg)),*])
                    }
                )*
            }
        };
    };
    (@result) => { () };
    (@result $result:ty) => { $result };
}
