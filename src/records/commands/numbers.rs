//! Arguments that several commands have.

use record_store::{Cursor, EpochId, Filter};
use redis_context::{Args, Error, ErrorReply, RedisStr};

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
    let epoch = epoch(args.next_arg()?)?;
    Ok(Cursor { epoch, version: args.next_u64()? })
}

fn epoch(text: RedisStr<'_>) -> Result<Option<EpochId>, ErrorReply> {
    if text.as_bytes() == b"0" {
        return Ok(None);
    }
    let id = EpochId::parse(text.as_bytes());
    id.map(Some)
        .ok_or_else(|| ErrorReply::err("an epoch is 0 or 16 hexadecimal digits, as a reply has given it"))
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
