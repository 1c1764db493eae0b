use super::super::{
    Delivery, GroupStart, Idempotency, Kept, Problem, References, StreamCommand, Trim, Typed,
};
use super::{all_are, items, refused};
use crate::rdb::StreamId;

const KEY: &[u8] = b"s";
const GROUP: &[u8] = b"g";
const ID: StreamId = StreamId { ms: 5, seq: 1 };

fn trim(keep: Kept, approximate: bool, limit: Option<u64>, references: References) -> Trim {
    Trim { keep, approximate, limit, references }
}

#[test]
fn entries() {
    let add = |make_stream, idempotency, trim| {
        let fields = items("f v");
        Typed::Stream(StreamCommand::Add { key: KEY, make_stream, idempotency, trim, id: ID, fields })
    };
    all_are(&["XADD s 5-1 f v", "XADD s 05-1 f v"], add(true, None, None));
    let newest = trim(Kept::Newest(10), true, Some(0), References::Keep);
    all_are(&["XADD s NOMKSTREAM MAXLEN ~ 10 LIMIT 0 5-1 f v"], add(false, None, Some(newest)));
    let named = Idempotency { producer: b"p", id: Some(b"i") };
    all_are(&["XADD s IDMP p i 5-1 f v"], add(true, Some(named), None));
    let from = trim(Kept::From(StreamId { ms: 4, seq: 0 }), false, None, References::Delete);
    let auto = Idempotency { producer: b"p", id: None };
    all_are(&["XADD s DELREF IDMPAUTO p MINID = 4 5-1 f v"], add(true, Some(auto), Some(from)));
    all_are(&["XTRIM s MINID 4 DELREF"], Typed::Stream(StreamCommand::Trim { key: KEY, trim: from }));
    all_are(&["XTRIM s MAXLEN ~ 10 LIMIT 0"], Typed::Stream(StreamCommand::Trim { key: KEY, trim: newest }));
    let delete =
        |references| Typed::Stream(StreamCommand::Delete { key: KEY, references, ids: items("5-1 6") });
    all_are(&["XDEL s 5-1 6-0", "XDELEX s IDS 2 5-1 6"], delete(References::Keep));
    all_are(&["XDELEX s ACKED IDS 2 5-1 6"], delete(References::Acknowledged));
    let set = |entries_added, max_deleted| {
        Typed::Stream(StreamCommand::SetId { key: KEY, id: ID, entries_added, max_deleted })
    };
    all_are(&["XSETID s 5-1"], set(None, None));
    all_are(&["XSETID s 5-1 ENTRIESADDED 3 MAXDELETEDID 5-1"], set(Some(3), Some(ID)));
}

#[test]
fn groups() {
    let create = |start, make_stream, entries_read| {
        let (key, group) = (KEY, GROUP);
        Typed::Stream(StreamCommand::CreateGroup { key, group, start, make_stream, entries_read })
    };
    all_are(&["XGROUP CREATE s g $"], create(GroupStart::Last, false, None));
    all_are(&["XGROUP create s g 5-1 ENTRIESREAD 7 MKSTREAM"], create(GroupStart::Id(ID), true, Some(7)));
    let (key, group, consumer) = (KEY, GROUP, b"c".as_slice());
    let (start, entries_read) = (GroupStart::Id(ID), None);
    all_are(
        &["XGROUP SETID s g 5-1 ENTRIESREAD -1"],
        Typed::Stream(StreamCommand::SetGroupId { key, group, start, entries_read }),
    );
    all_are(&["XGROUP DESTROY s g"], Typed::Stream(StreamCommand::DestroyGroup { key, group }));
    all_are(
        &["XGROUP CREATECONSUMER s g c"],
        Typed::Stream(StreamCommand::CreateConsumer { key, group, consumer }),
    );
    all_are(
        &["XGROUP DELCONSUMER s g c"],
        Typed::Stream(StreamCommand::DeleteConsumer { key, group, consumer }),
    );
    let ids = items("5-1 6-1");
    all_are(&["XACK s g 5-1 6-1"], Typed::Stream(StreamCommand::Acknowledge { key, group, ids }));
    let references = References::Delete;
    all_are(
        &["XACKDEL s g DELREF IDS 2 5-1 6-1"],
        Typed::Stream(StreamCommand::AcknowledgeAndDelete { key, group, references, ids }),
    );
}

#[test]
fn claims() {
    let claim = |delivery, delivery_count, force, just_id, last_id| {
        Typed::Stream(StreamCommand::Claim {
            key: KEY,
            group: GROUP,
            consumer: b"c",
            idle_min_ms: 0,
            ids: items("5-1 6-1"),
            delivery,
            delivery_count,
            force,
            just_id,
            last_id,
        })
    };
    all_are(&["XCLAIM s g c 0 5-1 6-1"], claim(None, None, false, false, None));
    all_are(
        &["XCLAIM s g c 0 5-1 6-1 TIME 99 RETRYCOUNT 2 FORCE JUSTID LASTID 5-1"],
        claim(Some(Delivery::AtMs(99)), Some(2), true, true, Some(ID)),
    );
    all_are(&["XCLAIM s g c 0 5-1 6-1 idle 9"], claim(Some(Delivery::IdleMs(9)), None, false, false, None));
}

#[test]
fn malformed() {
    refused(&[
        ("XADD s * f v", 2, Problem::Invalid("stream id")),
        ("XADD s 5-1", 3, Problem::Missing("pair")),
        ("XADD s 5-1 f", 4, Problem::Missing("pair")),
        ("XADD s MAXLEN -1 5-1 f v", 3, Problem::Invalid("length")),
        ("XADD s MAXLEN 1 MINID 1 5-1 f v", 4, Problem::Conflict),
        ("XDEL s 5-1 x", 3, Problem::Invalid("stream id")),
        ("XDEL s 18446744073709551616", 2, Problem::Invalid("stream id")),
        ("XDELEX s IDS 2 5-1", 5, Problem::Missing("stream id")),
        ("XDELEX s 5-1", 2, Problem::Invalid("IDS")),
        ("XTRIM s LIMIT 5", 4, Problem::Missing("MAXLEN or MINID")),
        ("XTRIM s 5", 2, Problem::Unexpected),
        ("XSETID s 5-1 ENTRIESADDED -1", 4, Problem::Invalid("number of entries")),
        ("XGROUP FORGET s g", 1, Problem::Invalid("subcommand")),
        ("XGROUP SETID s g $ MKSTREAM", 5, Problem::Unexpected),
        ("XGROUP CREATE s g 5 ENTRIESREAD -2", 6, Problem::Invalid("number of entries")),
        ("XGROUP CREATECONSUMER s g", 4, Problem::Missing("consumer")),
        ("XCLAIM s g c 0", 5, Problem::Missing("stream id")),
        ("XCLAIM s g c 0 FORCE", 5, Problem::Invalid("stream id")),
        ("XCLAIM s g c 0 5-1 SOON", 6, Problem::Unexpected),
    ]);
}
