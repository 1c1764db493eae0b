//! What can be wrong with bytes that claim to be RESP.

/// A violation of the protocol or of a limit.
///
/// The texts never repeat the peer's bytes: what answered may be any service on the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProtocolError {
    /// A line did not end within the limit.
    #[error("a line is longer than {limit} bytes: the peer may not speak RESP")]
    LineTooLong {
        /// The limit, in bytes.
        limit: usize,
    },
    /// A CR without its LF, or a bulk string without CRLF behind it.
    #[error("a frame does not end in CRLF: the peer does not speak RESP, or bytes were lost")]
    MissingCrlf,
    /// A length or integer is not a decimal number in range.
    #[error("a length or integer is not a valid number: the peer does not speak RESP, or bytes were lost")]
    InvalidNumber,
    /// A length is negative where no null is allowed.
    #[error("a length is negative where a value is required")]
    NegativeLength,
    /// A bulk string is longer than the limit.
    #[error(
        "a bulk string of {len} bytes exceeds the limit of {limit}: raise the bulk limit if it is legitimate"
    )]
    BulkTooLong {
        /// Announced length, in bytes.
        len: u64,
        /// The limit, in bytes.
        limit: usize,
    },
    /// More arguments or elements than the limit.
    #[error("{count} elements exceed the limit of {limit}: raise the element limit if they are legitimate")]
    TooManyElements {
        /// Announced or reached count.
        count: u64,
        /// The limit.
        limit: usize,
    },
    /// Nested deeper than the limit.
    #[error("a frame is nested deeper than {limit} levels")]
    TooDeep {
        /// The limit, in levels.
        limit: usize,
    },
    /// A whole command or frame is longer than the limit.
    #[error(
        "a command or frame exceeds the limit of {limit} bytes: raise the total limit if it is legitimate"
    )]
    TooLong {
        /// The limit, in bytes.
        limit: usize,
    },
    /// An argument of a command does not begin with `$`.
    #[error("an argument of a command is not a bulk string: the stream is out of step")]
    ExpectedBulk,
    /// A frame begins with a byte that is no RESP type.
    #[error("a frame begins with an unknown type: the peer does not speak RESP")]
    UnknownType,
    /// A streamed string or aggregate (`$?`, `*?`), which no server sends.
    #[error("streamed RESP3 values of unknown length are not supported")]
    StreamedValue,
    /// An inline command with quotes, which the command parser does not unescape.
    #[error("an inline command contains quotes: send it as a multibulk command")]
    QuotedInline,
    /// A boolean, double, null or verbatim string is malformed.
    #[error("a RESP3 scalar is malformed")]
    InvalidScalar,
}
