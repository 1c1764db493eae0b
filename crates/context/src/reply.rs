//! Replies as values, and the writer that streams them. Types of RESP3 become their RESP2 shapes for a
//! client that speaks RESP2 (the server's own rule, networking.c): a map is a flat array, a set an array,
//! a double and a verbatim text are bulk strings, a boolean is 1 or 0.

use std::borrow::Cow;
use std::ffi::{CStr, c_int, c_long};

use redis_module::raw;

use crate::api::required;
use crate::context::{CommandContext, Context};
use crate::error::Error;
use crate::outcome::{ErrorReply, Streamed};

/// A reply as a value tree.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Reply {
    /// Nothing.
    Null,
    /// A whole number.
    Int(i64),
    /// A floating point number.
    Double(f64),
    /// True or false.
    Bool(bool),
    /// Any bytes.
    Bulk(Vec<u8>),
    /// A short status such as `OK`; line breaks become spaces.
    Simple(Cow<'static, str>),
    /// An error, at any depth.
    Error(ErrorReply),
    /// A list.
    Array(Vec<Reply>),
    /// Pairs of a key and a value.
    Map(Vec<(Reply, Reply)>),
    /// Members without order.
    Set(Vec<Reply>),
    /// Text with its format.
    Verbatim(VerbatimFormat, Vec<u8>),
    /// A whole number of any size, as decimal digits.
    BigNumber(String),
}

/// How a verbatim text is to be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VerbatimFormat {
    /// `txt`
    Text,
    /// `mkd`
    Markdown,
}

impl VerbatimFormat {
    fn extension(self) -> &'static CStr {
        match self {
            Self::Text => c"txt",
            Self::Markdown => c"mkd",
        }
    }
}

impl Reply {
    /// `+OK`
    pub const OK: Self = Self::Simple(Cow::Borrowed("OK"));

    /// A copy of any bytes.
    pub fn bulk(bytes: impl AsRef<[u8]>) -> Self {
        Self::Bulk(bytes.as_ref().to_vec())
    }

    /// A list of whatever converts into replies.
    pub fn array(items: impl IntoIterator<Item = impl Into<Reply>>) -> Self {
        Self::Array(items.into_iter().map(Into::into).collect())
    }

    /// A map of named fields.
    pub fn map<'a>(fields: impl IntoIterator<Item = (&'a str, Reply)>) -> Self {
        Self::Map(fields.into_iter().map(|(name, value)| (Self::bulk(name), value)).collect())
    }
}

impl From<i64> for Reply {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<f64> for Reply {
    fn from(value: f64) -> Self {
        Self::Double(value)
    }
}

impl From<bool> for Reply {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<Vec<u8>> for Reply {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bulk(bytes)
    }
}

impl From<String> for Reply {
    fn from(text: String) -> Self {
        Self::Bulk(text.into_bytes())
    }
}

impl From<&str> for Reply {
    fn from(text: &str) -> Self {
        Self::bulk(text)
    }
}

impl From<&[u8]> for Reply {
    fn from(bytes: &[u8]) -> Self {
        Self::bulk(bytes)
    }
}

impl From<()> for Reply {
    fn from((): ()) -> Self {
        Self::Null
    }
}

impl From<ErrorReply> for Reply {
    fn from(error: ErrorReply) -> Self {
        Self::Error(error)
    }
}

impl<R: Into<Reply>> From<Option<R>> for Reply {
    fn from(value: Option<R>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl<R: Into<Reply>> From<Vec<R>> for Reply
where
    Vec<R>: NotBytes,
{
    fn from(items: Vec<R>) -> Self {
        Self::array(items)
    }
}

/// Keeps `Vec<u8>` a bulk string.
#[doc(hidden)]
pub trait NotBytes {}
impl NotBytes for Vec<Reply> {}
impl NotBytes for Vec<i64> {}
impl NotBytes for Vec<String> {}
impl NotBytes for Vec<Vec<u8>> {}

/// Writes one reply, value by value. Lengths are always right: what a collection announced and did not
/// get is filled with nulls, also when its closure fails or panics, and what is too much is refused.
pub struct ReplyWriter<'a> {
    ctx: *mut raw::RedisModuleCtx,
    left: usize,
    written: usize,
    close: Close,
    context: std::marker::PhantomData<&'a Context<'a>>,
}

/// What ends a collection.
enum Close {
    Counted,
    Array,
    Map,
    Set,
}

impl<'a> ReplyWriter<'a> {
    /// A writer of exactly one value.
    ///
    /// # Safety
    /// `ctx` is the context of a callback that owes its client a reply, alive for all of `'a`.
    pub(crate) unsafe fn new(ctx: *mut raw::RedisModuleCtx) -> Self {
        Self { ctx, left: 1, written: 0, close: Close::Counted, context: std::marker::PhantomData }
    }

    fn inner(&mut self, left: usize, close: Close) -> ReplyWriter<'_> {
        ReplyWriter { ctx: self.ctx, left, written: 0, close, context: std::marker::PhantomData }
    }

    #[inline]
    fn claim(&mut self) -> Result<(), Error> {
        self.left = self.left.checked_sub(1).ok_or(Error::ReplyCount)?;
        self.written += 1;
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
            Reply::Map(pairs) => self.map(pairs.len(), |writer| {
                pairs.iter().try_for_each(|(key, value)| {
                    writer.value(key)?;
                    writer.value(value)
                })
            }),
            Reply::Verbatim(format, text) => self.verbatim(*format, text),
            Reply::BigNumber(digits) => self.big_number(digits),
        }
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

    /// Writes a truth value.
    pub fn bool(&mut self, value: bool) -> Result<(), Error> {
        self.claim()?;
        let reply = required!(RedisModule_ReplyWithBool);
        // SAFETY: R8: the callback owes a reply; the writer counts.
        unsafe { reply(self.ctx, c_int::from(value)) };
        Ok(())
    }

    /// Writes any bytes.
    #[inline]
    pub fn bulk(&mut self, bytes: impl AsRef<[u8]>) -> Result<(), Error> {
        self.claim()?;
        let bytes = bytes.as_ref();
        let reply = required!(RedisModule_ReplyWithStringBuffer);
        // SAFETY: R8: the callback owes a reply; the server copies `len` bytes.
        unsafe { reply(self.ctx, bytes.as_ptr().cast(), bytes.len()) };
        Ok(())
    }

    /// Writes a status; line breaks and NUL become spaces.
    pub fn simple(&mut self, text: &str) -> Result<(), Error> {
        self.claim()?;
        let line = one_line(text.as_bytes());
        let reply = required!(RedisModule_ReplyWithSimpleString);
        // SAFETY: R8: the callback owes a reply; the line is NUL-terminated and copied.
        unsafe { reply(self.ctx, line.as_ptr().cast()) };
        Ok(())
    }

    /// Writes an error; line breaks and NUL become spaces.
    pub fn error(&mut self, error: &ErrorReply) -> Result<(), Error> {
        self.claim()?;
        let line = one_line(format!("{} {}", error.code, error.message).as_bytes());
        let reply = required!(RedisModule_ReplyWithError);
        // SAFETY: R8: the callback owes a reply; the line is NUL-terminated and copied.
        unsafe { reply(self.ctx, line.as_ptr().cast()) };
        Ok(())
    }

    /// Writes a text with its format.
    pub fn verbatim(&mut self, format: VerbatimFormat, text: impl AsRef<[u8]>) -> Result<(), Error> {
        self.claim()?;
        let (text, extension) = (text.as_ref(), format.extension());
        let reply = required!(RedisModule_ReplyWithVerbatimStringType);
        // SAFETY: R8: the callback owes a reply; the server copies `len` bytes and three of the extension.
        unsafe { reply(self.ctx, text.as_ptr().cast(), text.len(), extension.as_ptr()) };
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
        match self.close {
            Close::Counted => (0..self.left).for_each(|_| self.raw_null()),
            Close::Array => self.set_length(required!(RedisModule_ReplySetArrayLength), self.written),
            Close::Set => self.set_length(required!(RedisModule_ReplySetSetLength), self.written),
            Close::Map => {
                if self.written % 2 == 1 {
                    self.raw_null();
                }
                self.set_length(required!(RedisModule_ReplySetMapLength), self.written.div_ceil(2));
            }
        }
    }

    fn set_length(&self, set: unsafe extern "C" fn(*mut raw::RedisModuleCtx, c_long), len: usize) {
        let len = c_long::try_from(len).unwrap_or(c_long::MAX);
        // SAFETY: R8: closes the innermost postponed collection, which this writer opened.
        unsafe { set(self.ctx, len) };
    }
}

type Begin = unsafe extern "C" fn(*mut raw::RedisModuleCtx, c_long) -> c_int;

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

/// The text up to what a line may hold, with a terminator; the server copies up to the first NUL.
fn one_line(text: &[u8]) -> Vec<u8> {
    let clean = |&byte: &u8| if matches!(byte, b'\r' | b'\n' | 0) { b' ' } else { byte };
    text.iter().map(clean).chain([0]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_holds_no_break_and_ends_once() {
        assert_eq!(one_line(b"a\r\nb\0c\xff"), b"a  b c\xff\0");
        assert_eq!(one_line(b""), b"\0");
    }

    #[test]
    fn bytes_are_a_bulk_string_and_lists_are_lists() {
        assert_eq!(Reply::from(vec![1u8]), Reply::Bulk(vec![1]));
        assert_eq!(Reply::from(vec![1i64]), Reply::Array(vec![Reply::Int(1)]));
        assert_eq!(Reply::from(None::<i64>), Reply::Null);
    }
}
