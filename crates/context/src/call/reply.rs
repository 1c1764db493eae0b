//! The reply of a command that a module ran.

use std::ffi::c_char;
use std::fmt;
use std::marker::PhantomData;
use std::ptr;
use std::slice;

use redis_module::raw;

use super::error::CallError;
use super::format::CallFlags;
use super::from_reply::FromReply;
use crate::api::required;
use crate::context::Context;
use crate::outcome::ErrorReply;
use crate::reply::{Reply, VerbatimFormat};
use crate::string::RedisString;

/// A reply that is freed when it is dropped. It lives no longer than the context that made the call.
pub struct CallReply<'cx> {
    /// NULL only for the success of a dry run.
    raw: *mut raw::RedisModuleCallReply,
    context: PhantomData<(&'cx Context<'cx>, *mut ())>,
}

impl CallReply<'_> {
    /// # Safety
    /// `raw` is what `RM_Call` returned with `flags`, with errno cleared before, and is owned by nobody else.
    #[inline]
    pub(super) unsafe fn from_call(
        raw: *mut raw::RedisModuleCallReply,
        flags: CallFlags,
    ) -> Result<Self, CallError> {
        if raw.is_null() {
            return Self::without_reply(flags);
        }
        Ok(Self { raw, context: PhantomData })
    }

    /// Gives the reply up to whoever frees it.
    pub(super) fn into_raw(self) -> *mut raw::RedisModuleCallReply {
        std::mem::ManuallyDrop::new(self).raw
    }

    /// What the caller asked for, where a server was sent other flags or answers in its own way. Valkey 9
    /// answers a successful dry run with a reply of no known type, others with none at all.
    #[cold]
    pub(super) fn of_delicate_call(self, asked: CallFlags, sent: CallFlags) -> Result<Self, CallError> {
        let kind = self.as_reply().kind();
        if asked.contains(CallFlags::DRY_RUN) {
            let is_success = kind == raw::REDISMODULE_REPLY_UNKNOWN;
            return Ok(if is_success { Self { raw: ptr::null_mut(), context: PhantomData } } else { self });
        }
        if asked == sent || kind != raw::REDISMODULE_REPLY_ERROR {
            return Ok(self);
        }
        // Without a refusal by the server errno is as it was before the call: zero.
        match CallError::last(asked) {
            CallError::Other(_) => Ok(self),
            refused => Err(refused),
        }
    }

    #[cold]
    fn without_reply(flags: CallFlags) -> Result<Self, CallError> {
        match CallError::last(flags) {
            CallError::Other(0) if flags.contains(CallFlags::DRY_RUN) => {
                Ok(Self { raw: ptr::null_mut(), context: PhantomData })
            }
            error => Err(error),
        }
    }

    /// The reply, borrowed.
    #[inline]
    pub fn as_reply(&self) -> ReplyRef<'_> {
        ReplyRef { raw: self.raw, owner: PhantomData }
    }

    /// The reply's type and value.
    pub fn view(&self) -> ReplyView<'_> {
        self.as_reply().view()
    }

    /// Itself, or the error it is.
    #[inline]
    pub fn check(self) -> Result<Self, ErrorReply> {
        if self.as_reply().is_error() { Err(self.as_reply().to_error()) } else { Ok(self) }
    }

    /// The value as a type of Rust: see [`FromReply`]. An error reply is the error.
    pub fn get<'r, T: FromReply<'r>>(&'r self) -> Result<T, ErrorReply> {
        T::from_reply(self.as_reply())
    }

    /// A copy that outlives the call.
    pub fn to_reply(&self) -> Reply {
        self.as_reply().to_reply()
    }
}

impl Drop for CallReply<'_> {
    #[inline]
    fn drop(&mut self) {
        if !self.raw.is_null() {
            let free = required!(RedisModule_FreeCallReply);
            // SAFETY: R16: freed once, while its context is alive.
            unsafe { free(self.raw) };
        }
    }
}

impl fmt::Debug for CallReply<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_reply().fmt(f)
    }
}

/// A reply or a part of one, borrowed.
#[derive(Clone, Copy)]
pub struct ReplyRef<'r> {
    raw: *mut raw::RedisModuleCallReply,
    owner: PhantomData<&'r CallReply<'r>>,
}

/// A reply's type and value. A RESP3 type shows only in calls with [`CallFlags::RESP3`].
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum ReplyView<'r> {
    /// Nothing.
    Null,
    /// A whole number.
    Int(i64),
    /// A floating point number.
    Double(f64),
    /// True or false.
    Bool(bool),
    /// A bulk string or a status: the server doesn't tell them apart here.
    String(&'r [u8]),
    /// An error: code and message.
    Error(&'r [u8]),
    /// A list.
    Array(ReplyList<'r>),
    /// Members without order.
    Set(ReplyList<'r>),
    /// Pairs.
    Map(ReplyPairs<'r>),
    /// Decimal digits.
    BigNumber(&'r [u8]),
    /// A text and its format, three bytes such as `txt`.
    Verbatim(&'r [u8], &'r [u8]),
    /// A type that this crate does not know.
    Unknown(i32),
}

impl<'r> ReplyRef<'r> {
    #[inline]
    pub(super) fn kind(self) -> isize {
        if self.raw.is_null() {
            return raw::REDISMODULE_REPLY_NULL;
        }
        let kind = required!(RedisModule_CallReplyType);
        // SAFETY: R16: a live reply.
        unsafe { kind(self.raw) as isize }
    }

    /// Whether this is an error.
    #[inline]
    pub fn is_error(self) -> bool {
        self.kind() == raw::REDISMODULE_REPLY_ERROR
    }

    /// The reply's type and value.
    pub fn view(self) -> ReplyView<'r> {
        match self.kind() {
            raw::REDISMODULE_REPLY_NULL => ReplyView::Null,
            raw::REDISMODULE_REPLY_INTEGER => ReplyView::Int(self.int()),
            raw::REDISMODULE_REPLY_DOUBLE => ReplyView::Double(self.double()),
            raw::REDISMODULE_REPLY_BOOL => ReplyView::Bool(self.bool()),
            raw::REDISMODULE_REPLY_STRING => ReplyView::String(self.string()),
            raw::REDISMODULE_REPLY_ERROR => ReplyView::Error(self.string()),
            raw::REDISMODULE_REPLY_ARRAY => {
                ReplyView::Array(self.list(required!(RedisModule_CallReplyArrayElement)))
            }
            raw::REDISMODULE_REPLY_SET => {
                ReplyView::Set(self.list(required!(RedisModule_CallReplySetElement)))
            }
            raw::REDISMODULE_REPLY_MAP => ReplyView::Map(ReplyPairs { map: self, next: 0, len: self.len() }),
            raw::REDISMODULE_REPLY_BIG_NUMBER => ReplyView::BigNumber(self.big_number()),
            raw::REDISMODULE_REPLY_VERBATIM_STRING => self.verbatim(),
            other => ReplyView::Unknown(other as i32),
        }
    }

    /// The bytes of a string, status, verbatim text or big number.
    pub fn as_bytes(self) -> Option<&'r [u8]> {
        match self.view() {
            ReplyView::String(bytes) | ReplyView::BigNumber(bytes) | ReplyView::Verbatim(bytes, _) => {
                Some(bytes)
            }
            _ => None,
        }
    }

    /// The value of a whole number.
    pub fn as_i64(self) -> Option<i64> {
        match self.view() {
            ReplyView::Int(value) => Some(value),
            _ => None,
        }
    }

    /// The reply as it came over the wire, its parts and attributes included. Empty for a part that does not exist
    /// and for the success of a dry run.
    pub fn proto(self) -> &'r [u8] {
        // Before it is parsed, a reply's length is that of all that the command wrote (call_reply.c).
        if self.raw.is_null() || self.kind() == raw::REDISMODULE_REPLY_UNKNOWN {
            return &[];
        }
        let proto = required!(RedisModule_CallReplyProto);
        let mut len = 0;
        // SAFETY: R16: a live reply; the bytes live as long.
        unsafe { bytes(proto(self.raw, &raw mut len), len) }
    }

    /// Whether this is one string, number or null of RESP2 and nothing besides: then it is passed on as it is, and the
    /// server need not parse it.
    #[inline]
    pub(crate) fn is_plain(self) -> bool {
        if self.raw.is_null() {
            return false;
        }
        let proto = required!(RedisModule_CallReplyProto);
        let mut len = 0;
        // SAFETY: R16: a live reply; the bytes live as long.
        is_one_plain_value(unsafe { bytes(proto(self.raw, &raw mut len), len) })
    }

    /// A string of the server's with the bytes of a string or an error, or the digits of a whole number; `None`
    /// for other types.
    pub fn to_redis_string(self) -> Option<RedisString> {
        if self.raw.is_null() {
            return None;
        }
        let create = required!(RedisModule_CreateStringFromCallReply);
        // SAFETY: R16: a live reply, whose context is alive; R5: contexts of this crate have no automatic memory, so
        // the string is ours.
        unsafe { RedisString::from_raw(create(self.raw)) }
    }

    /// The value as a type of Rust: see [`FromReply`].
    pub fn get<T: FromReply<'r>>(self) -> Result<T, ErrorReply> {
        T::from_reply(self)
    }

    /// The pointer, for what writes a reply to a client. NULL for the success of a dry run.
    pub(crate) fn as_ptr(self) -> *mut raw::RedisModuleCallReply {
        self.raw
    }

    /// # Safety
    /// `raw` is NULL or a part of a reply that lives for `'r`.
    pub(super) unsafe fn from_raw(raw: *mut raw::RedisModuleCallReply) -> Self {
        Self { raw, owner: PhantomData }
    }

    /// A copy that outlives the call. What this crate does not know becomes an error in its place.
    pub fn to_reply(self) -> Reply {
        match self.view() {
            ReplyView::Null => Reply::Null,
            ReplyView::Int(value) => Reply::Int(value),
            ReplyView::Double(value) => Reply::Double(value),
            ReplyView::Bool(value) => Reply::Bool(value),
            ReplyView::String(bytes) => Reply::bulk(bytes),
            ReplyView::Error(_) => Reply::Error(self.to_error()),
            ReplyView::Array(items) => Reply::Array(items.map(Self::to_reply).collect()),
            ReplyView::Set(items) => Reply::Set(items.map(Self::to_reply).collect()),
            ReplyView::Map(pairs) => {
                Reply::Map(pairs.map(|(key, value)| (key.to_reply(), value.to_reply())).collect())
            }
            ReplyView::BigNumber(digits) => Reply::BigNumber(String::from_utf8_lossy(digits).into_owned()),
            ReplyView::Verbatim(text, b"mkd") => Reply::Verbatim(VerbatimFormat::Markdown, text.to_vec()),
            ReplyView::Verbatim(text, _) => Reply::Verbatim(VerbatimFormat::Text, text.to_vec()),
            ReplyView::Unknown(kind) => Reply::Error(ErrorReply::err(format!("unknown reply type {kind}"))),
        }
    }

    /// The error this is, code and message apart.
    pub fn to_error(self) -> ErrorReply {
        let text = String::from_utf8_lossy(self.string());
        match text.split_once(' ') {
            Some((code, message)) => ErrorReply::new(code, message),
            None => ErrorReply::err(text),
        }
    }

    pub(super) fn len(self) -> usize {
        let len = required!(RedisModule_CallReplyLength);
        // SAFETY: R16: a live reply.
        unsafe { len(self.raw) }
    }

    fn int(self) -> i64 {
        let int = required!(RedisModule_CallReplyInteger);
        // SAFETY: R16: a live reply.
        unsafe { int(self.raw) }
    }

    fn double(self) -> f64 {
        let double = required!(RedisModule_CallReplyDouble);
        // SAFETY: R16: a live reply.
        unsafe { double(self.raw) }
    }

    fn bool(self) -> bool {
        let bool = required!(RedisModule_CallReplyBool);
        // SAFETY: R16: a live reply.
        unsafe { bool(self.raw) != 0 }
    }

    fn string(self) -> &'r [u8] {
        let string = required!(RedisModule_CallReplyStringPtr);
        let mut len = 0;
        // SAFETY: R16: a live reply; the bytes live as long.
        unsafe { bytes(string(self.raw, &raw mut len), len) }
    }

    fn big_number(self) -> &'r [u8] {
        let digits = required!(RedisModule_CallReplyBigNumber);
        let mut len = 0;
        // SAFETY: R16: a live reply; the bytes live as long.
        unsafe { bytes(digits(self.raw, &raw mut len), len) }
    }

    fn verbatim(self) -> ReplyView<'r> {
        let verbatim = required!(RedisModule_CallReplyVerbatim);
        let (mut len, mut format) = (0, ptr::null());
        // SAFETY: R16: a live reply; text and format (three bytes) live as long.
        unsafe {
            let text = bytes(verbatim(self.raw, &raw mut len, &raw mut format), len);
            ReplyView::Verbatim(text, bytes(format, 3))
        }
    }

    fn list(self, element: Element) -> ReplyList<'r> {
        ReplyList { list: self, element, next: 0, len: self.len() }
    }
}

impl fmt::Debug for ReplyRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_reply().fmt(f)
    }
}

type Element = unsafe extern "C" fn(*mut raw::RedisModuleCallReply, usize) -> *mut raw::RedisModuleCallReply;

/// The elements of an array or a set.
#[derive(Clone, Copy)]
pub struct ReplyList<'r> {
    list: ReplyRef<'r>,
    element: Element,
    next: usize,
    len: usize,
}

impl<'r> Iterator for ReplyList<'r> {
    type Item = ReplyRef<'r>;

    fn next(&mut self) -> Option<ReplyRef<'r>> {
        if self.next >= self.len {
            return None;
        }
        let element = self.element;
        // SAFETY: R16: a live list; its elements live as long, NULL past the end reads as a null.
        let raw = unsafe { element(self.list.raw, self.next) };
        self.next += 1;
        Some(ReplyRef { raw, owner: PhantomData })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.len - self.next, Some(self.len - self.next))
    }
}

impl ExactSizeIterator for ReplyList<'_> {}

/// The pairs of a map.
#[derive(Clone, Copy)]
pub struct ReplyPairs<'r> {
    map: ReplyRef<'r>,
    next: usize,
    len: usize,
}

impl<'r> Iterator for ReplyPairs<'r> {
    type Item = (ReplyRef<'r>, ReplyRef<'r>);

    fn next(&mut self) -> Option<Self::Item> {
        if self.next >= self.len {
            return None;
        }
        let element = required!(RedisModule_CallReplyMapElement);
        let (mut key, mut value) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: R16: a live map; its elements live as long.
        unsafe { element(self.map.raw, self.next, &raw mut key, &raw mut value) };
        self.next += 1;
        Some((ReplyRef { raw: key, owner: PhantomData }, ReplyRef { raw: value, owner: PhantomData }))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.len - self.next, Some(self.len - self.next))
    }
}

impl ExactSizeIterator for ReplyPairs<'_> {}

/// Whether these bytes are one value of RESP2: a string with its length, a number, a null.
#[inline]
fn is_one_plain_value(proto: &[u8]) -> bool {
    match proto {
        [b'$', rest @ ..] => is_one_string(rest) || rest == b"-1\r\n",
        [b':', number @ .., b'\r', b'\n'] => number.iter().all(|byte| byte.is_ascii_digit() || *byte == b'-'),
        _ => false,
    }
}

/// Up to nine digits, a line's end, as many bytes as the digits say, a line's end.
#[inline]
fn is_one_string(rest: &[u8]) -> bool {
    let mut len = 0usize;
    for (at, &byte) in rest.iter().enumerate() {
        match byte {
            b'0'..=b'9' if at < 9 => len = len * 10 + usize::from(byte - b'0'),
            b'\r' => return at > 0 && rest.len() == at + len + 4,
            _ => return false,
        }
    }
    false
}

/// # Safety
/// `start` is NULL or points to `len` bytes that live for `'a`.
unsafe fn bytes<'a>(start: *const c_char, len: usize) -> &'a [u8] {
    if start.is_null() {
        return &[];
    }
    // SAFETY: the caller's promise.
    unsafe { slice::from_raw_parts(start.cast(), len) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_plain_value_is_told_from_all_else() {
        for one in
            ["$-1\r\n", "$0\r\n\r\n", "$3\r\na\r\n\r\n", "$12\r\n123456789012\r\n", ":-7\r\n", ":0\r\n"]
        {
            assert!(is_one_plain_value(one.as_bytes()), "{one:?}");
        }
        let others = [
            "",
            "$",
            "$\r\n",
            "$1",
            "$1\r\na",
            "$1\r\nab\r\n",
            "$1\r\na\r\n:1\r\n",
            ":1\r\n:2\r\n",
            "+OK\r\n",
            "-ERR\r\n",
            "*0\r\n",
            "_\r\n",
            ",1\r\n",
            "%0\r\n",
            "$-2\r\n",
            "$99999999999\r\n\r\n",
        ];
        for other in others {
            assert!(!is_one_plain_value(other.as_bytes()), "{other:?}");
        }
    }
}
