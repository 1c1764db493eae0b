//! Arguments that several commands have.

use record_store::limits::NAME_BYTES_MAX;
use record_store::{Cursor, Filter, LimitError};
use redis_context::{Args, Error, ErrorReply};

use crate::records::configs;
use crate::records::writing::refusal;

/// A number that is at least 1.
pub fn positive(args: &mut Args<'_>) -> Result<u64, ErrorReply> {
    match args.next_u64()? {
        0 => Err(ErrorReply::err("value is out of range, must be positive")),
        number => Ok(number),
    }
}

/// A number, or NONE.
pub fn number_or_none(args: &mut Args<'_>) -> Result<Option<u64>, ErrorReply> {
    if args.take_keyword("NONE") {
        return Ok(None);
    }
    Ok(Some(args.next_u64()?))
}

/// A number that fits the machine.
pub fn count(args: &mut Args<'_>) -> Result<usize, ErrorReply> {
    Ok(usize::try_from(args.next_u64()?).unwrap_or(usize::MAX))
}

/// An epoch and a version; the epoch `0` with the version 0 is the beginning.
pub fn cursor(args: &mut Args<'_>) -> Result<Cursor, ErrorReply> {
    let (history, version) = (args.next_arg()?, args.next_u64()?);
    let history = std::str::from_utf8(history.as_bytes()).ok();
    history
        .and_then(|history| Cursor::parse(history, version))
        .ok_or_else(|| ErrorReply::err("an epoch is 0 or what a reply has given as one"))
}

/// The next name of TYPE. A client that waits keeps them: there are no more than a put may have operations, and none is
/// longer than a type can have.
pub fn add_type<T: AsRef<[u8]>>(types: &mut Vec<T>, name: T) -> Result<(), ErrorReply> {
    let max = configs::limits().batch_ops_max;
    if types.len() >= max {
        return Err(refusal(&LimitError { what: "types asked for", min: 0, max: max as u64 }));
    }
    if name.as_ref().len() > NAME_BYTES_MAX {
        let (what, max) = ("bytes of a type's name", NAME_BYTES_MAX as u64);
        return Err(refusal(&LimitError { what, min: 1, max }));
    }
    types.push(name);
    Ok(())
}

/// The expression of FILTER.
pub fn filter(args: &mut Args<'_>) -> Result<Filter, ErrorReply> {
    Filter::parse(args.next_arg()?.as_bytes()).map_err(|error| refusal(&error))
}

/// An option was given twice.
pub fn once<T>(slot: &mut Option<T>, value: T) -> Result<(), ErrorReply> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(Error::Syntax.into()),
    }
}
