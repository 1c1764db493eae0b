//! Replies. Maps come as flat arrays to clients that speak RESP2.

use std::sync::Arc;

use record_store::feed::FeedPage;
use record_store::lease::Wish;
use record_store::list::ListPage;
use record_store::{Change, Cursor, EpochId, Kind, Reason};
use redis_context::{Error, Reply, ReplyWriter};

/// An epoch as it is shown; `0` before the first.
pub fn epoch(writer: &mut ReplyWriter<'_>, id: Option<EpochId>) -> Result<(), Error> {
    match id {
        Some(id) => writer.bulk(id.digits()),
        None => writer.bulk("0"),
    }
}

/// A number; those of stores are below 2^53.
pub fn int(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// [type, id, version, op, data, modified_at, expires_at], and the reason of a deletion.
pub fn change(writer: &mut ReplyWriter<'_>, change: &Change) -> Result<(), Error> {
    let reason = match change.kind() {
        Kind::Set => None,
        Kind::Delete(Reason::User) => Some("user"),
        Kind::Delete(Reason::Capacity) => Some("capacity"),
        Kind::Delete(Reason::Ttl) => Some("ttl"),
    };
    writer.array(7 + usize::from(reason.is_some()), |writer| {
        writer.bulk(change.type_name())?;
        writer.bulk(change.id())?;
        writer.int(int(change.version()))?;
        writer.bulk(if change.is_set() { "set" } else { "del" })?;
        if change.is_set() { writer.bulk(change.data()) } else { writer.null() }?;
        writer.int(int(change.modified_at()))?;
        match change.expires_at() {
            Some(end) => writer.int(int(end)),
            None => writer.null(),
        }?;
        reason.map_or(Ok(()), |reason| writer.bulk(reason))
    })
}

/// Several of them.
pub fn changes(writer: &mut ReplyWriter<'_>, list: &[Arc<Change>]) -> Result<(), Error> {
    writer.array(list.len(), |writer| list.iter().try_for_each(|one| change(writer, one)))
}

/// RECORD.SYNC: {epoch, version, compacted, more, records}.
pub fn feed(writer: &mut ReplyWriter<'_>, page: &FeedPage) -> Result<(), Error> {
    writer.map(5, |writer| {
        writer.bulk("epoch")?;
        writer.bulk(page.cursor.history())?;
        writer.bulk("version")?;
        writer.int(int(page.cursor.version))?;
        writer.bulk("compacted")?;
        writer.int(int(page.superseded))?;
        writer.bulk("more")?;
        writer.int(i64::from(page.more))?;
        writer.bulk("records")?;
        changes(writer, &page.changes)
    })
}

/// RECORD.SYNCLATEST: {epoch, version, cursor, records}; the cursor is `0` after the last page.
pub fn list(writer: &mut ReplyWriter<'_>, page: &ListPage) -> Result<(), Error> {
    writer.map(4, |writer| {
        writer.bulk("epoch")?;
        writer.bulk(page.cursor.history())?;
        writer.bulk("version")?;
        writer.int(int(page.cursor.version))?;
        writer.bulk("cursor")?;
        writer.bulk(page.next.map_or_else(|| "0".to_owned(), |next| next.to_string()))?;
        writer.bulk("records")?;
        changes(writer, &page.records)
    })
}

/// A named cursor: [epoch, version].
pub fn cursor(cursor: Cursor) -> Reply {
    Reply::Array(vec![Reply::bulk(cursor.history()), Reply::Int(int(cursor.version))])
}

/// RECORD.LEASE: [1, token, milliseconds], [0, holder, milliseconds left], or OK.
pub fn wish(wish: Wish) -> Reply {
    match wish {
        Wish::Granted { token, left_ms } => Reply::array([1, int(token), int(left_ms)]),
        Wish::Held { holder, left_ms } => {
            Reply::Array(vec![Reply::Int(0), Reply::bulk(&holder), Reply::Int(int(left_ms))])
        }
        Wish::Released => Reply::OK,
    }
}
