//! Reads the commands about streams.

use crate::rdb::StreamId;
use crate::typed::cursor::{Cursor, Read, stream_id};
use crate::typed::error::Problem;
use crate::typed::words::Items;

use super::{Delivery, GroupStart, Idempotency, Kept, References, StreamCommand, Trim};

const REFERENCES: [(&str, References); 3] =
    [("KEEPREF", References::Keep), ("DELREF", References::Delete), ("ACKED", References::Acknowledged)];

/// The command, if it is one of this family.
pub(in crate::typed) fn parse<'a>(mut from: Cursor<'a>) -> Read<Option<StreamCommand<'a>>> {
    let from = &mut from;
    let command = match from.command() {
        "xadd" => add(from)?,
        "xdel" => StreamCommand::Delete { key: from.key()?, references: References::Keep, ids: from.rest()? },
        "xdelex" => {
            let key = from.key()?;
            let (references, ids) = counted_ids(from)?;
            StreamCommand::Delete { key, references, ids }
        }
        "xtrim" => trim(from)?,
        "xsetid" => set_id(from)?,
        "xgroup" => group(from)?,
        "xack" => {
            StreamCommand::Acknowledge { key: from.key()?, group: from.next("group")?, ids: from.rest()? }
        }
        "xackdel" => {
            let (key, group) = (from.key()?, from.next("group")?);
            let (references, ids) = counted_ids(from)?;
            StreamCommand::AcknowledgeAndDelete { key, group, references, ids }
        }
        "xclaim" => claim(from)?,
        _ => return Ok(None),
    };
    from.end(Some(command))
}

/// What `XADD` and `XTRIM` say of trimming.
#[derive(Default)]
struct TrimWords {
    keep: Option<Kept>,
    approximate: bool,
    limit: Option<u64>,
    references: Option<References>,
}

impl TrimWords {
    fn take(&mut self, from: &mut Cursor<'_>) -> Read<bool> {
        if from.take("MAXLEN") {
            from.set(&mut self.keep, Kept::Newest(0))?;
            self.approximate = takes_tilde(from);
            self.keep = Some(Kept::Newest(from.unsigned("length")?));
        } else if from.take("MINID") {
            from.set(&mut self.keep, Kept::Newest(0))?;
            self.approximate = takes_tilde(from);
            self.keep = Some(Kept::From(from.id()?));
        } else if from.take("LIMIT") {
            self.limit = Some(from.unsigned("limit")?);
        } else if let Some(references) = from.take_one(&REFERENCES) {
            from.set(&mut self.references, references)?;
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    fn trim(&self) -> Option<Trim> {
        let TrimWords { keep, approximate, limit, references } = *self;
        Some(Trim { keep: keep?, approximate, limit, references: references.unwrap_or_default() })
    }
}

fn takes_tilde(from: &mut Cursor<'_>) -> bool {
    from.take_one(&[("~", true), ("=", false)]).unwrap_or(false)
}

fn add<'a>(from: &mut Cursor<'a>) -> Read<StreamCommand<'a>> {
    let (key, mut make_stream, mut idempotency) = (from.key()?, true, None);
    let mut words = TrimWords::default();
    loop {
        if from.take("NOMKSTREAM") {
            make_stream = false;
        } else if from.take("IDMP") {
            let (producer, id) = (from.next("producer")?, from.next("idempotent id")?);
            from.set(&mut idempotency, Idempotency { producer, id: Some(id) })?;
        } else if from.take("IDMPAUTO") {
            let producer = from.next("producer")?;
            from.set(&mut idempotency, Idempotency { producer, id: None })?;
        } else if !words.take(from)? {
            break;
        }
    }
    let (id, trim) = (from.id()?, words.trim());
    Ok(StreamCommand::Add { key, make_stream, idempotency, trim, id, fields: from.rest()? })
}

fn trim<'a>(from: &mut Cursor<'a>) -> Read<StreamCommand<'a>> {
    let (key, mut words) = (from.key()?, TrimWords::default());
    while words.take(from)? {}
    match words.trim() {
        Some(trim) => Ok(StreamCommand::Trim { key, trim }),
        None => from.next("MAXLEN or MINID").and(Err(from.refuse(Problem::Unexpected))),
    }
}

fn counted_ids<'a>(from: &mut Cursor<'a>) -> Read<(References, Items<'a, StreamId>)> {
    let references = from.take_one(&REFERENCES).unwrap_or_default();
    from.one("IDS", &[("IDS", ())])?;
    Ok((references, from.counted()?))
}

fn set_id<'a>(from: &mut Cursor<'a>) -> Read<StreamCommand<'a>> {
    let (key, id, mut entries_added, mut max_deleted) = (from.key()?, from.id()?, None, None);
    while from.left() > 0 {
        if from.take("ENTRIESADDED") {
            entries_added = Some(from.unsigned("number of entries")?);
        } else if from.take("MAXDELETEDID") {
            max_deleted = Some(from.id()?);
        } else {
            return Err(from.unexpected());
        }
    }
    Ok(StreamCommand::SetId { key, id, entries_added, max_deleted })
}

#[derive(Clone, Copy)]
enum GroupWord {
    Create,
    SetId,
    Destroy,
    CreateConsumer,
    DeleteConsumer,
}

const GROUP_WORDS: [(&str, GroupWord); 5] = [
    ("CREATE", GroupWord::Create),
    ("SETID", GroupWord::SetId),
    ("DESTROY", GroupWord::Destroy),
    ("CREATECONSUMER", GroupWord::CreateConsumer),
    ("DELCONSUMER", GroupWord::DeleteConsumer),
];

fn group<'a>(from: &mut Cursor<'a>) -> Read<StreamCommand<'a>> {
    let word = from.one("subcommand", &GROUP_WORDS)?;
    let (key, group) = (from.key()?, from.next("group")?);
    Ok(match word {
        GroupWord::Create | GroupWord::SetId => group_position(from, word, key, group)?,
        GroupWord::Destroy => StreamCommand::DestroyGroup { key, group },
        GroupWord::CreateConsumer => {
            StreamCommand::CreateConsumer { key, group, consumer: from.next("consumer")? }
        }
        GroupWord::DeleteConsumer => {
            StreamCommand::DeleteConsumer { key, group, consumer: from.next("consumer")? }
        }
    })
}

fn group_position<'a>(
    from: &mut Cursor<'a>,
    word: GroupWord,
    key: &'a [u8],
    group: &'a [u8],
) -> Read<StreamCommand<'a>> {
    let start = if from.take("$") { GroupStart::Last } else { GroupStart::Id(from.id()?) };
    let creates = matches!(word, GroupWord::Create);
    let (mut make_stream, mut entries_read) = (false, None);
    while from.left() > 0 {
        if creates && from.take("MKSTREAM") {
            make_stream = true;
        } else if from.take("ENTRIESREAD") {
            // -1 is how an unknown number is written (SCG_INVALID_ENTRIES_READ in stream.h).
            let count = from.int("number of entries")?;
            let refused = from.refuse(Problem::Invalid("number of entries"));
            entries_read = if count == -1 { None } else { Some(u64::try_from(count).map_err(|_| refused)?) };
        } else {
            return Err(from.unexpected());
        }
    }
    Ok(if creates {
        StreamCommand::CreateGroup { key, group, start, make_stream, entries_read }
    } else {
        StreamCommand::SetGroupId { key, group, start, entries_read }
    })
}

/// Ids go on until a word is none (xclaimCommand in t_stream.c).
fn claim<'a>(from: &mut Cursor<'a>) -> Read<StreamCommand<'a>> {
    let (key, group, consumer) = (from.key()?, from.next("group")?, from.next("consumer")?);
    let idle_min_ms = from.int("idle time")?;
    let mut behind = *from;
    let count = std::iter::from_fn(|| behind.next("stream id").ok().and_then(stream_id)).count();
    let ids = from.list(count.max(1))?;
    let (mut delivery, mut delivery_count, mut last_id) = (None, None, None);
    let (mut force, mut just_id) = (false, false);
    while from.left() > 0 {
        if from.take("FORCE") {
            force = true;
        } else if from.take("JUSTID") {
            just_id = true;
        } else if from.take("IDLE") {
            delivery = Some(Delivery::IdleMs(from.int("idle time")?));
        } else if from.take("TIME") {
            delivery = Some(Delivery::AtMs(from.int("time")?));
        } else if from.take("RETRYCOUNT") {
            delivery_count = Some(from.unsigned("number of deliveries")?);
        } else if from.take("LASTID") {
            last_id = Some(from.id()?);
        } else {
            return Err(from.unexpected());
        }
    }
    Ok(StreamCommand::Claim {
        key,
        group,
        consumer,
        idle_min_ms,
        ids,
        delivery,
        delivery_count,
        force,
        just_id,
        last_id,
    })
}
