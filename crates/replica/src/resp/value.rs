//! An owned reply.

/// One reply of a server, RESP2 or RESP3.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// `+`: a status line.
    Simple(Vec<u8>),
    /// `-` or `!`: an error, code word first.
    Error(Vec<u8>),
    /// `:`.
    Integer(i64),
    /// `$`: a binary string.
    Bulk(Vec<u8>),
    /// `_`, `$-1` or `*-1`.
    Null,
    /// `*`.
    Array(Vec<Value>),
    /// `,`.
    Double(f64),
    /// `#`.
    Boolean(bool),
    /// `(`: a decimal number of any length, as its digits.
    BigNumber(Vec<u8>),
    /// `=`: a text with its three-letter format.
    Verbatim {
        /// `txt`, `mkd`, ...
        format: [u8; 3],
        /// The text behind the format.
        text: Vec<u8>,
    },
    /// `%`: pairs in the order sent.
    Map(Vec<(Value, Value)>),
    /// `~`: elements in the order sent.
    Set(Vec<Value>),
}

impl Value {
    /// The bytes of a status, bulk or verbatim string.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Value::Simple(bytes) | Value::Bulk(bytes) | Value::Verbatim { text: bytes, .. } => Some(bytes),
            _ => None,
        }
    }

    /// The number of an integer reply.
    pub fn as_integer(&self) -> Option<i64> {
        match self {
            Value::Integer(number) => Some(*number),
            _ => None,
        }
    }

    /// The elements of an array or set.
    pub fn as_slice(&self) -> Option<&[Value]> {
        match self {
            Value::Array(items) | Value::Set(items) => Some(items),
            _ => None,
        }
    }

    /// The elements of an array or set, owned.
    pub fn into_vec(self) -> Option<Vec<Value>> {
        match self {
            Value::Array(items) | Value::Set(items) => Some(items),
            _ => None,
        }
    }

    /// The line of an error reply. It holds the peer's words: strip and judge it before showing it.
    pub fn as_error(&self) -> Option<&[u8]> {
        match self {
            Value::Error(line) => Some(line),
            _ => None,
        }
    }

    /// Whether this is an error reply whose first word is `code`, such as `NOAUTH`.
    pub fn is_error_code(&self, code: &str) -> bool {
        self.as_error().is_some_and(|line| line.split(|byte| *byte == b' ').next() == Some(code.as_bytes()))
    }

    /// Whether this is a null of any form.
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }
}
