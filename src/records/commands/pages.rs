//! How much one reply may hold: pages are made smaller, answers that have no page after them are refused.

use record_store::LimitError;
use redis_context::ErrorReply;

use crate::records::configs;
use crate::records::writing::refusal;

/// Records of one reply unless the client says otherwise.
const COUNT_DEFAULT: usize = 1000;

/// Records of one page, as many as the client asks for or fewer.
pub fn count(asked: Option<usize>) -> usize {
    asked.unwrap_or(COUNT_DEFAULT).min(configs::page_records())
}

/// Bytes of one page, as many as the client asks for or fewer.
pub fn bytes(asked: Option<usize>) -> usize {
    asked.unwrap_or(usize::MAX).min(configs::page_bytes())
}

/// Records of an answer that is complete.
///
/// # Errors
/// RECLIMIT: the client asks for too many; `advice` says how it gets them all the same.
pub fn count_of_all(asked: Option<usize>, advice: &str) -> Result<usize, ErrorReply> {
    let (count, max) = (count(asked), configs::page_records());
    if asked.is_some_and(|asked| asked > max) {
        return Err(too_large(LimitError { what: "records of one answer", min: 0, max: max as u64 }, advice));
    }
    Ok(count)
}

/// An answer would be too large.
pub fn too_large(error: LimitError, advice: &str) -> ErrorReply {
    refusal(&format_args!("{error}: {advice}"))
}
