//! The table of functions that one module lays out and another checks.

use std::ffi::{CStr, c_int, c_void};
use std::marker::PhantomData;

use super::situation::Situation;
use super::value::{RawValue, SharedReturn, SharedValue};
use crate::context::Context;
use crate::detached;
use crate::error::Error;
use crate::guard::guard;

/// "rctx-api" in the order of this machine's bytes.
const MAGIC: u64 = u64::from_ne_bytes(*b"rctx-api");

/// How this file lays tables and values out. Another number is another layout.
const LAYOUT: u32 = 2;

/// How many arguments a function may have.
const ARGS_MAX: usize = 16;

/// What a function's number says about its call.
pub(super) const DONE: c_int = 0;
pub(super) const FAILED: c_int = 1;
pub(super) const PANICKED: c_int = 2;

/// A function of the table: arguments, how many there are, and where the answer goes.
pub(super) type RawFunction = unsafe extern "C" fn(*const RawValue, usize, *const RawAnswer) -> c_int;

/// Where an answer goes: `put(state, status, value)`, at most once; the value lives until it returns. With the status
/// `FAILED` it is the error's text. The called module begins by taking over what the calling one knows of the server.
#[repr(C)]
pub(super) struct RawAnswer {
    pub(super) state: *mut c_void,
    pub(super) put: unsafe extern "C" fn(*mut c_void, c_int, *const RawValue),
    pub(super) situation: Situation,
}

/// What the importer reads before it believes the rest.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    magic: u64,
    layout: u32,
    functions: u32,
    /// Of the whole table, in bytes.
    size: u64,
    version: u64,
    /// Of names and kinds.
    hash: u64,
}

/// What `shared_api!` knows of a function: its name and the kinds of its arguments and of its answer.
pub struct SharedSignature {
    /// Its name.
    pub name: &'static str,
    /// Its arguments.
    pub args: &'static [u32],
    /// Its answer.
    pub result: u32,
}

/// What `shared_api!` knows of a table.
pub struct SharedLayout {
    /// The name by which the server knows it.
    pub name: &'static CStr,
    /// The version of the declaration.
    pub version: u64,
    /// Its functions, in their order.
    pub signatures: &'static [SharedSignature],
}

impl Header {
    pub(super) const fn new(layout: &SharedLayout) -> Self {
        let SharedLayout { name, version, signatures } = *layout;
        let size = size_of::<Header>() + signatures.len() * size_of::<RawFunction>();
        let mut hash = hashed_text(FNV_OFFSET, name.to_bytes());
        let mut at = 0;
        while at < signatures.len() {
            let signature = &signatures[at];
            hash = hashed_text(hash, signature.name.as_bytes());
            let mut arg = 0;
            while arg < signature.args.len() {
                hash = hashed(hash, signature.args[arg] as u8);
                arg += 1;
            }
            hash = hashed(hashed(hash, 0xfe), signature.result as u8);
            at += 1;
        }
        let functions = signatures.len() as u32;
        Self { magic: MAGIC, layout: LAYOUT, functions, size: size as u64, version, hash }
    }

    /// Refuses what is not the table that `expected` describes.
    pub(super) fn check(&self, expected: &Self) -> Result<(), &'static str> {
        if self.magic != expected.magic || self.layout != expected.layout {
            Err("what is exported under this name is no table of this crate, or of another version of it")
        } else if self.version != expected.version {
            Err("it is exported in another version: build both modules against the same one")
        } else if self != expected {
            Err("it is exported with other functions: build both modules against the same declaration")
        } else {
            Ok(())
        }
    }
}

/// FNV-1a: short, and the same in every build.
const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;

const fn hashed(hash: u64, byte: u8) -> u64 {
    (hash ^ byte as u64).wrapping_mul(0x0000_0100_0000_01b3)
}

const fn hashed_text(mut hash: u64, bytes: &[u8]) -> u64 {
    let mut at = 0;
    while at < bytes.len() {
        hash = hashed(hash, bytes[at]);
        at += 1;
    }
    hashed(hash, 0xff)
}

/// A function of the exporting module. Made by [`shared_function`] alone.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct SharedEntry(RawFunction);

/// A table, laid out for the other module.
#[repr(C)]
pub struct SharedTable<const N: usize> {
    header: Header,
    functions: [SharedEntry; N],
}

impl<const N: usize> SharedTable<N> {
    /// A table; it does not build unless it has one function for each signature, and few enough arguments.
    pub const fn new(layout: &SharedLayout, functions: [SharedEntry; N]) -> Self {
        let signatures = layout.signatures;
        assert!(signatures.len() == N);
        let mut at = 0;
        while at < N {
            assert!(signatures[at].args.len() <= ARGS_MAX, "a shared function takes at most 16 arguments");
            at += 1;
        }
        Self { header: Header::new(layout), functions }
    }

    pub(super) fn as_ptr(&'static self) -> *mut c_void {
        (&raw const *self).cast_mut().cast()
    }
}

/// A function that `shared_api!` makes of a method of the exporting module.
pub trait SharedFunction {
    /// What the method answers.
    type Result: SharedReturn;
    /// Reads the arguments and calls the method.
    fn run(ctx: &Context<'_>, args: &mut SharedArgs<'_>) -> Result<Self::Result, Error>;
}

/// The arguments of a call, in their order.
pub struct SharedArgs<'v>(std::slice::Iter<'v, RawValue>);

impl<'v> SharedArgs<'v> {
    /// The next one.
    pub fn next_arg<T: super::SharedArg<'v>>(&mut self) -> Result<T, Error> {
        let raw = self.0.next().ok_or(Error::WrongArity)?;
        // SAFETY: R59: the other module keeps its bytes until this call returns.
        T::unpack(unsafe { SharedValue::received(*raw) })
    }

    /// Refuses what is left over.
    pub fn finish(&self) -> Result<(), Error> {
        if self.0.as_slice().is_empty() { Ok(()) } else { Err(Error::WrongArity) }
    }
}

/// The entry of a function.
pub const fn shared_function<F: SharedFunction>() -> SharedEntry {
    SharedEntry(enter::<F>)
}

unsafe extern "C" fn enter<F: SharedFunction>(
    args: *const RawValue,
    count: usize,
    answer: *const RawAnswer,
) -> c_int {
    guard(
        "a shared function",
        || PANICKED,
        || {
            if args.is_null() || answer.is_null() || count > ARGS_MAX {
                return PANICKED;
            }
            // SAFETY: R59: so many values and one answer, of the importing module's, until this returns.
            let (args, answer) = unsafe { (std::slice::from_raw_parts(args, count), &*answer) };
            let mut args = SharedArgs(args.iter());
            let _known = answer.situation.begin();
            // SAFETY: R59: the importing module shows a `Context` of its own: the main thread, inside a callback.
            let result = unsafe { detached::with(|ctx| F::run(ctx, &mut args)) };
            match result {
                Ok(value) => give(answer, value.lend(), DONE),
                Err(error) => give(answer, error.to_string().into_bytes().lend(), FAILED),
            }
        },
    )
}

fn give(answer: &RawAnswer, value: SharedValue<'_>, status: c_int) -> c_int {
    // SAFETY: R59: once for this call; the value lives until `put` returns.
    unsafe { (answer.put)(answer.state, status, &raw const value.raw) };
    status
}

/// A table of another module, which was checked.
#[derive(Clone, Copy)]
pub(super) struct CheckedTable {
    functions: *const Option<RawFunction>,
    count: usize,
    main_thread: PhantomData<*const ()>,
}

impl CheckedTable {
    /// Checks what another module has exported.
    ///
    /// # Safety
    /// `table` is what `RM_GetSharedAPI` gave, which stays for as long as this module is loaded, and begins with
    /// bytes that can be read.
    pub(super) unsafe fn check(table: *const c_void, expected: &Header) -> Result<Self, &'static str> {
        if table.is_null() || !table.cast::<Header>().is_aligned() {
            return Err("what is exported under this name is no table of this crate");
        }
        // SAFETY: R59: the caller's promise; any bits are a header.
        unsafe { *table.cast::<Header>() }.check(expected)?;
        // SAFETY: R59: the header says that so many functions follow it.
        let functions = unsafe { table.cast::<Header>().add(1) }.cast();
        Ok(Self { functions, count: expected.functions as usize, main_thread: PhantomData })
    }

    /// The function at a place.
    pub(super) fn function(&self, at: usize) -> Option<RawFunction> {
        // SAFETY: R59: within the table, which stays as long as this module.
        if at < self.count { unsafe { *self.functions.add(at) } } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADD: SharedSignature = SharedSignature { name: "add", args: &[5, 2], result: 2 };
    const GET: SharedSignature = SharedSignature { name: "get", args: &[5], result: 2 };

    fn header(version: u64, signatures: &'static [SharedSignature]) -> Header {
        Header::new(&SharedLayout { name: c"api", version, signatures })
    }

    #[test]
    fn a_table_is_its_name_its_version_and_its_functions_in_their_order() {
        let table = header(1, &[ADD, GET]);
        assert_eq!(table.check(&header(1, &[ADD, GET])), Ok(()));
        let others = [
            header(2, &[ADD, GET]),
            header(1, &[GET, ADD]),
            header(1, &[ADD]),
            header(1, &[ADD, SharedSignature { name: "gets", ..GET }]),
            header(1, &[ADD, SharedSignature { args: &[], ..GET }]),
            header(1, &[ADD, SharedSignature { result: 3, ..GET }]),
            Header::new(&SharedLayout { name: c"apis", version: 1, signatures: &[ADD, GET] }),
            Header { magic: 0, ..table },
            Header { layout: 1, ..table },
            Header { size: 0, ..table },
        ];
        for other in others {
            assert!(other.check(&table).is_err(), "{other:?}");
        }
    }

    #[test]
    fn the_bytes_of_a_foreign_export_are_no_table() {
        let foreign = [0_u64; 8];
        let expected = header(1, &[ADD]);
        for offset in 0..8 {
            // SAFETY: R59: inside the array, with a header's room after it.
            let table = unsafe { foreign.as_ptr().cast::<u8>().add(offset) };
            // SAFETY: R59: as above.
            assert!(unsafe { CheckedTable::check(table.cast(), &expected) }.is_err());
        }
    }
}
