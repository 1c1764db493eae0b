//! The C type `long double`, in which INCRBYFLOAT and HINCRBYFLOAT count.
//!
//! Rust has no such type: `shim/long_double.c` does the arithmetic, and calls the server's functions that pass one
//! in a register. What it is depends on the machine: 80 bits with 64 of them for digits on x86-64, 128 bits
//! with 113 for digits on aarch64. The server writes it as text, so a snapshot fits both.

use std::cmp::Ordering;
use std::ffi::{c_int, c_void};
use std::fmt;
use std::ops::{Add, Div, Mul, Neg, Sub};
use std::ptr;

use redis_module::raw;

use crate::api::unbound;
use crate::error::Error;
use crate::string::{RedisStr, RedisString};

/// A `long double`. Made from an `f64`, which is exact, or read from a text.
///
/// It is calculated with and compared; what is read or written is the server's business:
/// [`RedisStr::to_long_double`], [`RedisString::from_long_double`], [`crate::ReplyWriter::long_double`],
/// [`crate::RdbWriter::long_double`].
#[derive(Clone, Copy)]
#[repr(C, align(16))]
pub struct LongDouble([u8; 16]);

/// How [`RedisString::from_long_double`] writes a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LongDoubleFormat {
    /// As INCRBYFLOAT answers: up to 17 digits after the point, without trailing zeros and never with an exponent.
    Human,
    /// Seventeen significant digits, with an exponent where that is shorter.
    Short,
}

/// A function of the server, whose C type only the shim can name.
type Foreign = unsafe extern "C" fn();
type Number = *const LongDouble;

unsafe extern "C" {
    fn redis_context_ld_from_double(value: *mut LongDouble, number: f64);
    fn redis_context_ld_to_double(value: Number) -> f64;
    fn redis_context_ld_compare(left: Number, right: Number) -> c_int;
    fn redis_context_ld_add(sum: *mut LongDouble, left: Number, right: Number);
    fn redis_context_ld_subtract(difference: *mut LongDouble, left: Number, right: Number);
    fn redis_context_ld_multiply(product: *mut LongDouble, left: Number, right: Number);
    fn redis_context_ld_divide(quotient: *mut LongDouble, left: Number, right: Number);
    fn redis_context_ld_save(save: Foreign, io: *mut c_void, value: Number);
    fn redis_context_ld_reply(reply: Foreign, ctx: *mut c_void, value: Number) -> c_int;
    fn redis_context_ld_create(create: Foreign, value: Number, human: c_int) -> *mut c_void;
    fn redis_context_ld_parse(parse: Foreign, text: *const c_void, value: *mut LongDouble) -> c_int;
}

impl LongDouble {
    const BLANK: Self = Self([0; 16]);

    /// Not a number.
    pub fn nan() -> Self {
        Self::from(f64::NAN)
    }

    /// The nearest `f64`: infinite if this is too large for one.
    pub fn to_f64(self) -> f64 {
        // SAFETY: R55: a pointer to a whole value.
        unsafe { redis_context_ld_to_double(&raw const self) }
    }

    /// Whether this is not a number.
    pub fn is_nan(self) -> bool {
        self.partial_cmp(&self).is_none()
    }

    /// Puts the number into a stream.
    ///
    /// # Safety
    /// `io` is the stream of the callback that runs.
    pub(crate) unsafe fn save(self, io: *mut raw::RedisModuleIO) -> Result<(), Error> {
        // SAFETY: R55: the shim alone calls it, with the types of its C declaration.
        let save = unsafe { unbound!(RedisModule_SaveLongDouble: Foreign, "Redis 7.0 and Valkey 7.2") }?;
        // SAFETY: R55: RM_SaveLongDouble, the caller's stream and a whole value.
        unsafe { redis_context_ld_save(save, io.cast(), &raw const self) };
        Ok(())
    }

    /// Replies with the number.
    ///
    /// # Safety
    /// The callback behind `ctx` owes its client a value.
    pub(crate) unsafe fn reply(self, reply: ReplyFn, ctx: *mut raw::RedisModuleCtx) {
        // SAFETY: R55: RM_ReplyWithLongDouble, the caller's context and a whole value.
        unsafe { redis_context_ld_reply(reply.0, ctx.cast(), &raw const self) };
    }
}

/// The server's `RM_ReplyWithLongDouble`.
pub(crate) struct ReplyFn(Foreign);

impl ReplyFn {
    pub(crate) fn find() -> Result<Self, Error> {
        // SAFETY: R55: the shim alone calls it, with the types of its C declaration.
        unsafe { unbound!(RedisModule_ReplyWithLongDouble: Foreign, "Redis 7.0 and Valkey 7.2") }.map(Self)
    }
}

impl From<f64> for LongDouble {
    fn from(number: f64) -> Self {
        let mut value = Self::BLANK;
        // SAFETY: R55: 16 bytes of ours, aligned to 16.
        unsafe { redis_context_ld_from_double(&raw mut value, number) };
        value
    }
}

/// Implements an operator by its function of the shim.
macro_rules! operator {
    ($trait:ident, $method:ident, $shim:ident) => {
        impl $trait for LongDouble {
            type Output = Self;
            fn $method(self, other: Self) -> Self {
                let mut result = Self::BLANK;
                // SAFETY: R55: two whole values, and 16 bytes of ours for the third.
                unsafe { $shim(&raw mut result, &raw const self, &raw const other) };
                result
            }
        }
    };
}

operator!(Add, add, redis_context_ld_add);
operator!(Sub, sub, redis_context_ld_subtract);
operator!(Mul, mul, redis_context_ld_multiply);
operator!(Div, div, redis_context_ld_divide);

impl Neg for LongDouble {
    type Output = Self;
    fn neg(self) -> Self {
        Self::from(-0.0) - self
    }
}

impl PartialEq for LongDouble {
    fn eq(&self, other: &Self) -> bool {
        self.partial_cmp(other) == Some(Ordering::Equal)
    }
}

impl PartialOrd for LongDouble {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        // SAFETY: R55: two whole values.
        match unsafe { redis_context_ld_compare(ptr::from_ref(self), ptr::from_ref(other)) } {
            -1 => Some(Ordering::Less),
            0 => Some(Ordering::Equal),
            1 => Some(Ordering::Greater),
            _ => None,
        }
    }
}

impl fmt::Debug for LongDouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LongDouble({:?})", self.to_f64())
    }
}

impl RedisStr<'_> {
    /// Reads a number, as INCRBYFLOAT reads its argument: decimal or hexadecimal, `inf` too, with no spaces around it.
    /// At most 5119 bytes (util.c, `string2ld`).
    ///
    /// # Errors
    /// [`Error::Invalid`] if it is something else, `nan` among that.
    pub fn to_long_double(&self) -> Result<LongDouble, Error> {
        // SAFETY: R55: the shim alone calls it, with the types of its C declaration.
        let parse = unsafe { unbound!(RedisModule_StringToLongDouble: Foreign, "Redis 7.0 and Valkey 7.2") }?;
        let mut value = LongDouble::BLANK;
        // SAFETY: R55, R4: RM_StringToLongDouble, a live string and 16 bytes of ours.
        let status = unsafe { redis_context_ld_parse(parse, self.as_ptr().cast(), &raw mut value) };
        if status == raw::REDISMODULE_OK as c_int {
            Ok(value)
        } else {
            Err(Error::Invalid { what: "the number", reason: "it is not a floating point number" })
        }
    }
}

impl RedisString {
    /// Writes a number.
    ///
    /// # Errors
    /// [`Error::Unsupported`] on a server without it; every supported server has it.
    pub fn from_long_double(value: LongDouble, format: LongDoubleFormat) -> Result<Self, Error> {
        // SAFETY: R55: the shim alone calls it, with the types of its C declaration.
        let create =
            unsafe { unbound!(RedisModule_CreateStringFromLongDouble: Foreign, "Redis 7.0 and Valkey 7.2") }?;
        let human = c_int::from(format == LongDoubleFormat::Human);
        // SAFETY: R55: RM_CreateStringFromLongDouble without a context, and a whole value.
        let text = unsafe { redis_context_ld_create(create, &raw const value, human) };
        // SAFETY: R5: a string of our own: it was made without a context.
        unsafe { Self::from_raw(text.cast()) }.ok_or(Error::Refused {
            function: "RedisModule_CreateStringFromLongDouble",
            reason: "it gave nothing",
        })
    }
}

#[cfg(all(test, not(miri)))]
mod tests {
    use super::*;

    #[test]
    fn numbers_survive_the_way_there_and_back() {
        for number in
            [0.0, -0.0, 1.0, -1.5, f64::MAX, f64::MIN_POSITIVE, f64::EPSILON, f64::INFINITY, 3.2e-310]
        {
            let value = LongDouble::from(number);
            assert_eq!(value.to_f64().to_bits(), number.to_bits());
            assert_eq!(value, value);
        }
        assert!(LongDouble::nan().is_nan() && LongDouble::nan().to_f64().is_nan());
        assert_ne!(LongDouble::nan(), LongDouble::nan());
    }

    #[test]
    fn it_counts_more_exactly_than_a_double() {
        let (large, one) = (LongDouble::from(2f64.powi(60)), LongDouble::from(1.0));
        assert_eq!((large + one) - large, one);
        assert_eq!(2f64.powi(60) + 1.0, 2f64.powi(60));
        assert_eq!(
            (LongDouble::from(6.0) / LongDouble::from(4.0)) * LongDouble::from(2.0),
            LongDouble::from(3.0)
        );
        assert!(-one < one && one > LongDouble::from(0.5));
        assert_eq!((-LongDouble::from(0.0)).to_f64().to_bits(), (-0.0f64).to_bits());
    }

    #[test]
    fn values_of_the_same_number_have_the_same_bytes() {
        let third = LongDouble::from(1.0) / LongDouble::from(3.0);
        assert_eq!(third.0, (LongDouble::from(1.0) / LongDouble::from(3.0)).0);
        if cfg!(target_arch = "x86_64") {
            assert_eq!(third.0[10..], [0; 6], "x87 has ten bytes");
        }
    }
}
