//! What crosses from one module into another: numbers and bytes, each with its kind beside it.

use std::marker::PhantomData;

use crate::error::Error;
use crate::key::STRING_BYTES_MAX;

/// The kinds, by their number in both modules. A kind with this bit may be missing.
const OPTIONAL: u32 = 0x80;
const UNIT: u32 = 0;
const BOOL: u32 = 1;
const I64: u32 = 2;
const U64: u32 = 3;
const F64: u32 = 4;
const BYTES: u32 = 5;
const NONE: u32 = 6;

/// A value as both modules lay it out. Any bits are one: what they mean is checked when it is read.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct RawValue {
    kind: u32,
    reserved: u32,
    /// The number, or how many bytes there are.
    bits: u64,
    start: *const u8,
}

/// A value whose bytes, if it has any, live for `'v`.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct SharedValue<'v> {
    pub(super) raw: RawValue,
    bytes: PhantomData<&'v [u8]>,
}

impl<'v> SharedValue<'v> {
    const fn number(kind: u32, bits: u64) -> Self {
        Self { raw: RawValue { kind, reserved: 0, bits, start: std::ptr::null() }, bytes: PhantomData }
    }

    fn of_bytes(bytes: &'v [u8]) -> Self {
        let raw = RawValue { kind: BYTES, reserved: 0, bits: bytes.len() as u64, start: bytes.as_ptr() };
        Self { raw, bytes: PhantomData }
    }

    /// Takes over what the other module passed.
    ///
    /// # Safety
    /// If it says that it is bytes, so many of them live and stay as they are for `'v`.
    pub(super) unsafe fn received(raw: RawValue) -> Self {
        Self { raw, bytes: PhantomData }
    }

    fn bits(self, kind: u32) -> Result<u64, Error> {
        if self.raw.kind == kind { Ok(self.raw.bits) } else { Err(other_kind()) }
    }

    /// The bytes, if these are any.
    pub(super) fn bytes(self) -> Result<&'v [u8], Error> {
        let len = usize::try_from(self.bits(BYTES)?).ok().filter(|len| *len <= STRING_BYTES_MAX);
        let len =
            len.ok_or(Error::Invalid { what: "a shared function's bytes", reason: "at most 512 MB" })?;
        if len == 0 {
            return Ok(&[]);
        }
        // SAFETY: R59: the promise made where the value came from.
        Ok(unsafe { std::slice::from_raw_parts(self.raw.start, len) })
    }
}

fn other_kind() -> Error {
    Error::Refused { function: "a shared function", reason: "a value is of another kind than the table says" }
}

/// What a shared function takes: `i64`, `u64`, `f64`, `bool`, or `&[u8]` of at most 512 MB.
pub trait SharedArg<'v>: Sized {
    /// Its number in the table's hash.
    #[doc(hidden)]
    const KIND: u32;
    #[doc(hidden)]
    fn pack(self) -> SharedValue<'v>;
    #[doc(hidden)]
    fn unpack(value: SharedValue<'v>) -> Result<Self, Error>;
}

/// What a shared function answers: `()`, `i64`, `u64`, `f64`, `bool`, `Vec<u8>` of at most 512 MB, or an `Option` of
/// one of these.
pub trait SharedReturn: Sized {
    /// Its number in the table's hash.
    #[doc(hidden)]
    const KIND: u32;
    #[doc(hidden)]
    fn lend(&self) -> SharedValue<'_>;
    #[doc(hidden)]
    fn take(value: SharedValue<'_>) -> Result<Self, Error>;
}

/// A [`SharedReturn`] that is always there: an `Option` of an `Option` could not be told apart.
pub trait SharedPlain: sealed::Sealed {}

mod sealed {
    pub trait Sealed {}
}

macro_rules! plain {
    ($($answer:ty),*) => {$(
        impl sealed::Sealed for $answer {}
        impl SharedPlain for $answer {}
    )*};
}

plain!((), bool, i64, u64, f64, Vec<u8>);

/// Numbers, which are arguments and answers alike.
macro_rules! numbers {
    ($($number:ty = $kind:ident, $pack:expr, $unpack:expr;)*) => {$(
        impl<'v> SharedArg<'v> for $number {
            const KIND: u32 = $kind;
            #[inline]
            fn pack(self) -> SharedValue<'v> {
                SharedValue::number($kind, $pack(self))
            }
            #[inline]
            fn unpack(value: SharedValue<'v>) -> Result<Self, Error> {
                value.bits($kind).map($unpack)
            }
        }
        impl SharedReturn for $number {
            const KIND: u32 = $kind;
            #[inline]
            fn lend(&self) -> SharedValue<'_> {
                SharedValue::number($kind, $pack(*self))
            }
            #[inline]
            fn take(value: SharedValue<'_>) -> Result<Self, Error> {
                value.bits($kind).map($unpack)
            }
        }
    )*};
}

numbers! {
    bool = BOOL, u64::from, |bits| bits != 0;
    i64 = I64, i64::cast_unsigned, u64::cast_signed;
    u64 = U64, |number| number, |bits| bits;
    f64 = F64, f64::to_bits, f64::from_bits;
}

impl<'v> SharedArg<'v> for &'v [u8] {
    const KIND: u32 = BYTES;
    fn pack(self) -> SharedValue<'v> {
        SharedValue::of_bytes(self)
    }
    fn unpack(value: SharedValue<'v>) -> Result<Self, Error> {
        value.bytes()
    }
}

impl SharedReturn for () {
    const KIND: u32 = UNIT;
    fn lend(&self) -> SharedValue<'_> {
        SharedValue::number(UNIT, 0)
    }
    fn take(value: SharedValue<'_>) -> Result<Self, Error> {
        value.bits(UNIT).map(|_| ())
    }
}

impl SharedReturn for Vec<u8> {
    const KIND: u32 = BYTES;
    fn lend(&self) -> SharedValue<'_> {
        SharedValue::of_bytes(self)
    }
    fn take(value: SharedValue<'_>) -> Result<Self, Error> {
        value.bytes().map(<[u8]>::to_vec)
    }
}

impl<T: SharedReturn + SharedPlain> SharedReturn for Option<T> {
    const KIND: u32 = OPTIONAL | T::KIND;
    fn lend(&self) -> SharedValue<'_> {
        self.as_ref().map_or(SharedValue::number(NONE, 0), T::lend)
    }
    fn take(value: SharedValue<'_>) -> Result<Self, Error> {
        if value.raw.kind == NONE { Ok(None) } else { T::take(value).map(Some) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn through<T: SharedReturn + PartialEq + std::fmt::Debug>(value: &T) {
        assert_eq!(&T::take(value.lend()).expect("of its own kind"), value);
    }

    #[test]
    fn each_kind_arrives_as_it_was_sent() {
        through(&());
        through(&true);
        through(&i64::MIN);
        through(&u64::MAX);
        through(&f64::INFINITY);
        through(&b"a\0%s\xff".to_vec());
        through(&Vec::<u8>::new());
        through(&Some(b"v".to_vec()));
        through(&None::<i64>);
        assert_eq!(<&[u8]>::unpack(b"bytes".as_slice().pack()), Ok(b"bytes".as_slice()));
    }

    #[test]
    fn a_value_of_another_kind_is_refused_and_never_read() {
        assert!(<&[u8]>::unpack(u64::MAX.pack()).is_err());
        assert!(<i64 as SharedReturn>::take(SharedReturn::lend(&1.5)).is_err());
        assert!(Vec::<u8>::take(SharedReturn::lend(&())).is_err());
        assert!(i64::take(None::<i64>.lend()).is_err());
        let too_long = RawValue { kind: BYTES, reserved: 0, bits: u64::MAX, start: std::ptr::null() };
        // SAFETY: R59: too long to be read.
        assert!(unsafe { SharedValue::received(too_long) }.bytes().is_err());
    }
}
