//! What a command handler hands back, and the error a client sees.

use crate::error::Error;
use crate::reply::Reply;

/// What a handler returns when it succeeds: a reply (anything that converts into [`Reply`]), or the proof
/// that the client was answered by a stream or will be answered later.
#[must_use]
pub struct Outcome(pub(crate) OutcomeKind);

pub(crate) enum OutcomeKind {
    Reply(Reply),
    Answered,
}

impl Outcome {
    /// The handler has claimed the answer (`CommandContext::start_answer`) and given or promised it.
    #[allow(dead_code, reason = "for the tokens of other files")]
    pub(crate) fn answered() -> Self {
        Self(OutcomeKind::Answered)
    }
}

impl<R: Into<Reply>> From<R> for Outcome {
    fn from(reply: R) -> Self {
        Self(OutcomeKind::Reply(reply.into()))
    }
}

/// Proof that [`crate::CommandContext::stream`] has written the reply.
#[must_use = "return it from the handler"]
pub struct Streamed(pub(crate) ());

impl From<Streamed> for Outcome {
    fn from(_: Streamed) -> Self {
        Self::answered()
    }
}

/// An error as the client sees it: `-CODE message`. Modules convert their own errors into it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorReply {
    pub(crate) code: String,
    pub(crate) message: String,
}

impl ErrorReply {
    /// `code` is one word in capitals, such as `ERR` or `BUSYKEY`; whatever else it holds is dropped.
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        let code: String = code.chars().filter(char::is_ascii_alphanumeric).collect();
        let code = if code.is_empty() { "ERR".to_owned() } else { code.to_ascii_uppercase() };
        Self { code, message: message.into() }
    }

    /// The line that the server takes for an error with a code, without its end.
    pub(crate) fn line(&self) -> Vec<u8> {
        let clean = |byte| if matches!(byte, b'\r' | b'\n' | 0) { b' ' } else { byte };
        format!("-{} {}", self.code, self.message).bytes().map(clean).collect()
    }

    /// An error of code `ERR`.
    pub fn err(message: impl Into<String>) -> Self {
        Self::new("ERR", message)
    }
}

impl From<Error> for ErrorReply {
    fn from(error: Error) -> Self {
        Self::new(error.code(), error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_one_word() {
        assert_eq!(ErrorReply::new("busy key\r\n", "x").code, "BUSYKEY");
        assert_eq!(ErrorReply::new("\r\n", "x").code, "ERR");
    }
}
