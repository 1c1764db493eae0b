//! Replies as values, and the writer that streams them. Types of RESP3 become their RESP2 shapes for a
//! client that speaks RESP2 (the server's own rule, networking.c): a map is a flat array, a set an array,
//! a double and a verbatim text are bulk strings, a boolean is 1 or 0.

mod attributes;
mod text;
mod value;

pub use text::ERROR_LINE_BYTES_MAX;
pub use value::{Reply, VerbatimFormat};

use std::ffi::{c_int, c_long};

use redis_module::raw;

use crate::api::required;
use crate::call::ReplyRef;
use crate::context::{CommandContext, Context, ReadyContext};
use crate::error::Error;
use crate::long_double::{self, LongDouble};
use crate::outcome::Streamed;

/// Writes one reply, value by value. Lengths are always right: what a collection announced and did not
/// get is filled with nulls, also when its closure fails or panics, and what is too much is refused.
pub struct ReplyWriter<'a> {
    ctx: *mut raw::RedisModuleCtx,
    left: usize,
    written: usize,
    /// Whether attributes were written that the next value belongs to.
    attributed: bool,
    close: Close,
    context: std::marker::PhantomData<&'a Context<'a>>,
}

/// What ends a collection.
enum Close {
    Counted,
    Array,
    Map,
    Set,
    Attributes,
}

impl<'a> ReplyWriter<'a> {
    /// A writer of exactly one value.
    ///
    /// # Safety
    /// `ctx` is the context of a callback that owes its client a reply, alive for all of `'a`.
    pub(crate) unsafe fn new(ctx: *mut raw::RedisModuleCtx) -> Self {
        Self {
            ctx,
            left: 1,
            written: 0,
            attributed: false,
            close: Close::Counted,
            context: std::marker::PhantomData,
        }
    }

    fn inner(&mut self, left: usize, close: Close) -> ReplyWriter<'_> {
        ReplyWriter {
            ctx: self.ctx,
            left,
            written: 0,
            attributed: false,
            close,
            context: std::marker::PhantomData,
        }
    }

    #[inline]
    fn claim(&mut self) -> Result<(), Error> {
        if self.left == 0 {
            return Err(Error::ReplyCount);
        }
        self.left -= 1;
        self.written += 1;
        self.attributed = false;
        Ok(())
    }

    /// Writes a value tree.
    pub fn value(&mut self, reply: &Reply) -> Result<(), Error> {
        match reply {
            Reply::Null => self.null(),
            Reply::Int(value) => self.int(*value),
            Reply::Double(value) => self.double(*value),
            Reply::Bool(value) => self.bool(*value),
            Reply::Bulk(bytes) => self.bulk(bytes),
            Reply::Simple(text) => self.simple(text),
            Reply::Error(error) => self.error(error),
            Reply::Array(items) => self.array(items.len(), |writer| writer.values(items)),
            Reply::Set(items) => self.set(items.len(), |writer| writer.values(items)),
            Reply::Map(pairs) => self.map(pairs.len(), |writer| writer.pairs(pairs)),
            Reply::Verbatim(format, text) => self.verbatim(*format, text),
            Reply::BigNumber(digits) => self.big_number(digits),
            Reply::NullArray => self.null_array(),
            Reply::Attributed(attributes, value) => {
                self.attributes(attributes.len(), |writer| writer.pairs(attributes))?;
                self.value(value)
            }
        }
    }

    fn pairs(&mut self, pairs: &[(Reply, Reply)]) -> Result<(), Error> {
        pairs.iter().try_for_each(|(key, value)| {
            self.value(key)?;
            self.value(value)
        })
    }

    fn values(&mut self, items: &[Reply]) -> Result<(), Error> {
        items.iter().try_for_each(|item| self.value(item))
    }

    /// Writes a null.
    #[inline]
    pub fn null(&mut self) -> Result<(), Error> {
        self.claim()?;
        self.raw_null();
        Ok(())
    }

    /// Writes a null where a list was expected: `*-1` in RESP2, a plain null in RESP3.
    pub fn null_array(&mut self) -> Result<(), Error> {
        self.claim()?;
        let reply = required!(RedisModule_ReplyWithNullArray);
        // SAFETY: R8: the callback owes a reply; the writer counts.
        unsafe { reply(self.ctx) };
        Ok(())
    }

    /// Writes a list of nothing, as [`ReplyWriter::array`] of length 0.
    pub fn empty_array(&mut self) -> Result<(), Error> {
        self.claim()?;
        let reply = required!(RedisModule_ReplyWithEmptyArray);
        // SAFETY: R8: the callback owes a reply; the writer counts.
        unsafe { reply(self.ctx) };
        Ok(())
    }

    #[inline]
    fn raw_null(&self) {
        let reply = required!(RedisModule_ReplyWithNull);
        // SAFETY: R8: the callback owes a reply; the writer counts.
        unsafe { reply(self.ctx) };
    }

    /// Writes a whole number.
    #[inline]
    pub fn int(&mut self, value: i64) -> Result<(), Error> {
        self.claim()?;
        let reply = required!(RedisModule_ReplyWithLongLong);
        // SAFETY: R8: the callback owes a reply; the writer counts.
        unsafe { reply(self.ctx, value) };
        Ok(())
    }

    /// Writes a floating point number.
    pub fn double(&mut self, value: f64) -> Result<(), Error> {
        self.claim()?;
        let reply = required!(RedisModule_ReplyWithDouble);
        // SAFETY: R8: the callback owes a reply; the writer counts.
        unsafe { reply(self.ctx, value) };
        Ok(())
    }

    /// Writes a floating point number as INCRBYFLOAT does: never with an exponent. To a client that speaks RESP2 it
    /// is a bulk string.
    pub fn long_double(&mut self, value: LongDouble) -> Result<(), Error> {
        let reply = long_double::ReplyFn::find()?;
        self.claim()?;
        // SAFETY: R8: the callback owes a reply; the writer counts.
        unsafe { value.reply(reply, self.ctx) };
        Ok(())
    }

    /// Writes a truth value.
    pub fn bool(&mut self, value: bool) -> Result<(), Error> {
        self.claim()?;
        let reply = required!(RedisModule_ReplyWithBool);
        // SAFETY: R8: the callback owes a reply; the writer counts.
        unsafe { reply(self.ctx, c_int::from(value)) };
        Ok(())
    }

    /// Writes a whole number of any size; what is not a number is [`Error::Invalid`].
    pub fn big_number(&mut self, digits: &str) -> Result<(), Error> {
        let magnitude = digits.strip_prefix('-').unwrap_or(digits);
        if magnitude.is_empty() || !magnitude.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Error::Invalid { what: "big number", reason: "it holds more than decimal digits" });
        }
        self.claim()?;
        let reply = required!(RedisModule_ReplyWithBigNumber);
        // SAFETY: R8: the callback owes a reply; the server copies `len` bytes.
        unsafe { reply(self.ctx, digits.as_ptr().cast(), digits.len()) };
        Ok(())
    }

    /// Writes the reply of a command that was called, or a part of one, as it came. A reply with types of RESP3 is
    /// written value by value to a client that does not speak it.
    #[inline]
    pub fn call_reply(&mut self, reply: ReplyRef<'_>) -> Result<(), Error> {
        if !reply.is_plain() && reply.proto().is_empty() {
            return self.value(&reply.to_reply());
        }
        if self.left == 0 {
            return Err(Error::ReplyCount);
        }
        let pass_on = required!(RedisModule_ReplyWithCallReply);
        // SAFETY: R8: the callback owes a reply, the writer counts; R45: the reply is plain, or was parsed by `proto`.
        let status = unsafe { pass_on(self.ctx, reply.as_ptr()) };
        if status != raw::REDISMODULE_OK as c_int {
            return self.value(&reply.to_reply());
        }
        self.left -= 1;
        self.written += 1;
        self.attributed = false;
        Ok(())
    }

    /// Writes a list of exactly `len` values.
    pub fn array(
        &mut self,
        len: usize,
        body: impl FnOnce(&mut ReplyWriter<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let begin = required!(RedisModule_ReplyWithArray);
        self.counted(begin, len, len, body)
    }

    /// Writes a map of exactly `len` pairs: the body writes keys and values in turn.
    pub fn map(
        &mut self,
        len: usize,
        body: impl FnOnce(&mut ReplyWriter<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let values = len.checked_mul(2).ok_or(Error::ReplyCount)?;
        let begin = required!(RedisModule_ReplyWithMap);
        self.counted(begin, len, values, body)
    }

    /// Writes a set of exactly `len` members.
    pub fn set(
        &mut self,
        len: usize,
        body: impl FnOnce(&mut ReplyWriter<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let begin = required!(RedisModule_ReplyWithSet);
        self.counted(begin, len, len, body)
    }

    /// Writes a list whose length is what `body` writes.
    pub fn array_uncounted(
        &mut self,
        body: impl FnOnce(&mut ReplyWriter<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.postponed(required!(RedisModule_ReplyWithArray), Close::Array, body)
    }

    /// Writes a map of as many pairs as `body` writes; a last key without a value gets a null.
    pub fn map_uncounted(
        &mut self,
        body: impl FnOnce(&mut ReplyWriter<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.postponed(required!(RedisModule_ReplyWithMap), Close::Map, body)
    }

    /// Writes a set of as many members as `body` writes.
    pub fn set_uncounted(
        &mut self,
        body: impl FnOnce(&mut ReplyWriter<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.postponed(required!(RedisModule_ReplyWithSet), Close::Set, body)
    }

    fn counted(
        &mut self,
        begin: Begin,
        len: usize,
        values: usize,
        body: impl FnOnce(&mut ReplyWriter<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let len = c_long::try_from(len).map_err(|_| Error::ReplyCount)?;
        self.claim()?;
        // SAFETY: R8: the callback owes a reply; the inner writer writes exactly `values` values.
        unsafe { begin(self.ctx, len) };
        body(&mut self.inner(values, Close::Counted))
    }

    fn postponed(
        &mut self,
        begin: Begin,
        close: Close,
        body: impl FnOnce(&mut ReplyWriter<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.claim()?;
        // SAFETY: R8: the length is set when the inner writer is dropped, innermost collection first.
        unsafe { begin(self.ctx, c_long::from(raw::REDISMODULE_POSTPONED_LEN)) };
        body(&mut self.inner(usize::MAX, close))
    }

    /// Ends the collection, or fills it up to the length that it announced.
    fn complete(&mut self) {
        if self.attributed && !matches!(self.close, Close::Counted) {
            // What the attributes belong to.
            self.raw_null();
            self.written += 1;
        }
        match self.close {
            Close::Counted => (0..self.left).for_each(|_| self.raw_null()),
            Close::Array => self.set_length(required!(RedisModule_ReplySetArrayLength), self.written),
            Close::Set => self.set_length(required!(RedisModule_ReplySetSetLength), self.written),
            Close::Map => self.end_pairs(required!(RedisModule_ReplySetMapLength)),
            Close::Attributes => self.end_pairs(required!(RedisModule_ReplySetAttributeLength)),
        }
    }

    /// Ends a collection of pairs, whose last may lack its value.
    fn end_pairs(&self, set: SetLength) {
        if self.written % 2 == 1 {
            self.raw_null();
        }
        self.set_length(set, self.written.div_ceil(2));
    }

    fn set_length(&self, set: SetLength, len: usize) {
        let len = c_long::try_from(len).unwrap_or(c_long::MAX);
        // SAFETY: R8: closes the innermost postponed collection, which this writer opened.
        unsafe { set(self.ctx, len) };
    }
}

type Begin = unsafe extern "C" fn(*mut raw::RedisModuleCtx, c_long) -> c_int;
type SetLength = unsafe extern "C" fn(*mut raw::RedisModuleCtx, c_long);

impl Drop for ReplyWriter<'_> {
    #[inline]
    fn drop(&mut self) {
        match self.close {
            Close::Counted if self.left == 0 => {}
            _ => self.complete(),
        }
    }
}

impl CommandContext<'_> {
    /// Answers as the server does when the number of arguments is wrong, with the command's name:
    /// `-ERR wrong number of arguments for 'x' command`. [`Error::AlreadyAnswered`] if there is a reply.
    ///
    /// An arity in [`crate::CommandInfo`] leaves the check to the server, and the handler need not run at all.
    pub fn wrong_arity(&self) -> Result<Streamed, Error> {
        self.start_answer()?;
        let reply = required!(RedisModule_WrongArity);
        // SAFETY: R8: the command's one answer was claimed just now.
        unsafe { reply(self.as_ptr()) };
        Ok(Streamed(()))
    }

    /// Writes the reply piece by piece, for replies too large for a [`Reply`]. The proof it gives is what
    /// the handler returns. [`Error::AlreadyAnswered`] if there is a reply.
    ///
    /// If `body` fails half-way, what it left out is filled with nulls and the error is logged: the client
    /// has begun to read a reply.
    #[inline]
    pub fn stream(
        &self,
        body: impl FnOnce(&mut ReplyWriter<'_>) -> Result<(), Error>,
    ) -> Result<Streamed, Error> {
        self.start_answer()?;
        // SAFETY: R8: the command's one answer was claimed just now.
        let mut writer = unsafe { ReplyWriter::new(self.as_ptr()) };
        body(&mut writer)?;
        Ok(Streamed(()))
    }
}

impl ReadyContext<'_> {
    /// As [`CommandContext::stream`], for a client that is served because a key is ready: the proof goes to
    /// [`crate::Ready::serve`].
    pub fn stream(
        &self,
        body: impl FnOnce(&mut ReplyWriter<'_>) -> Result<(), Error>,
    ) -> Result<Streamed, Error> {
        self.start_answer()?;
        // SAFETY: R8: the client's one answer was claimed just now.
        let mut writer = unsafe { ReplyWriter::new(self.as_ptr()) };
        body(&mut writer)?;
        Ok(Streamed(()))
    }
}

/// Sends the one reply that the callback behind `ctx` owes.
///
/// # Safety
/// The callback owes a reply and none was begun.
pub(crate) unsafe fn send(ctx: &Context<'_>, reply: &Reply) {
    // SAFETY: R8: the caller's promise.
    let mut writer = unsafe { ReplyWriter::new(ctx.as_ptr()) };
    if let Err(error) = writer.value(reply) {
        ctx.log_fmt(crate::log::LogLevel::Warning, format_args!("a reply could not be written: {error}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_a_bulk_string_and_lists_are_lists() {
        assert_eq!(Reply::from(vec![1u8]), Reply::Bulk(vec![1]));
        assert_eq!(Reply::from(vec![1i64]), Reply::Array(vec![Reply::Int(1)]));
        assert_eq!(Reply::from(None::<i64>), Reply::Null);
    }
}
