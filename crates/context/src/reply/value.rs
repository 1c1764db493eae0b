//! Replies as values.

use std::borrow::Cow;
use std::ffi::CStr;

use crate::outcome::ErrorReply;

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
    /// Nothing, where a list was expected: `*-1` for a client that speaks RESP2.
    NullArray,
    /// A value with attributes, which a client that speaks RESP2 does not see.
    Attributed(Vec<(Reply, Reply)>, Box<Reply>),
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
    pub(super) fn extension(self) -> &'static CStr {
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
