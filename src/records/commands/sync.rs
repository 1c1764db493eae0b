//! `RECORD.SYNC key epoch version [TYPE t]* [COUNT n] [MAXBYTES n] [LATEST] [BLOCK ms]`

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use record_store::feed::{FeedPage, FeedQuery};
use record_store::{Cursor, CursorError, Store, View};
use redis_context::{
    Arg, Args, CommandContext, CommandInfo, Context, ContextFlags, Error, ErrorReply, Outcome, RedisStr,
    RedisString, ReplyWriter,
};

use super::numbers::{self, once};
use super::{READS, info, pages};
use crate::records::readers::Reader;
use crate::records::waiting::{self, WAITING};
use crate::records::writing::{place, read, refusal};
use crate::records::{events, replies, rights, terms};

pub static INFO: CommandInfo = info(
    c"Reads the changes after a cursor, in order; waits for them with BLOCK.",
    c"O(N log T) with N the changes looked at and T the types asked for",
    -4,
    READS,
    &[
        Arg::key(c"key", 0),
        Arg::string(c"epoch").summary(c"Of the cursor; 0 is the beginning."),
        Arg::integer(c"version").summary(c"Of the cursor."),
        Arg::string(c"type").token(c"TYPE").optional().multiple_token(),
        Arg::integer(c"count").token(c"COUNT").optional().summary(c"1000 by default."),
        Arg::integer(c"bytes").token(c"MAXBYTES").optional(),
        Arg::word(c"latest", c"LATEST")
            .optional()
            .summary(c"Leaves out what changes again in the same reply."),
        Arg::integer(c"timeout").token(c"BLOCK").optional().summary(c"In milliseconds; 0 waits for ever."),
    ],
);

/// What a client asked for.
struct Wanted {
    after: Cursor,
    types: Rc<[Box<[u8]>]>,
    count_max: usize,
    bytes_max: usize,
    latest: bool,
    block_ms: Option<u64>,
}

pub fn run<'cx>(ctx: &CommandContext<'cx>, mut args: Args<'cx>) -> Result<Outcome, ErrorReply> {
    let key = args.next_arg()?;
    let wanted = wanted(args)?;
    let found = {
        let view = terms::view(ctx, key);
        read(ctx, key, |store| Ok(wanted.read(store, view)))?
    };
    match (found, wanted.block_ms) {
        (Ok(page), Some(timeout_ms)) if page.changes.is_empty() && !page.more => {
            let seen = page.cursor;
            let fallback =
                move |ctx: &CommandContext<'_>| Ok(ctx.stream(|writer| replies::feed(writer, &page))?);
            wait(ctx, key, Wanted { after: seen, ..wanted }, (timeout_ms, seen), fallback)
        }
        (Err(error @ CursorError::Ahead { .. }), Some(timeout_ms)) => {
            let at = read(ctx, key, |store| Ok(store.cursor_at(store.version())))?;
            wait(ctx, key, wanted, (timeout_ms, at), move |_| Err(refusal(&error)))
        }
        (Ok(page), _) => Ok(ctx.stream(|writer| replies::feed(writer, &page))?.into()),
        (Err(error), _) => Err(refusal(&error)),
    }
}

fn wanted(mut args: Args<'_>) -> Result<Wanted, ErrorReply> {
    let after = numbers::cursor(&mut args)?;
    let (mut types, mut latest) = (Vec::new(), None);
    let (mut count_max, mut bytes_max, mut block_ms) = (None, None, None);
    while !args.is_empty() {
        if let Some(name) = args.take_option("TYPE")? {
            numbers::add_type(&mut types, name.as_bytes().into())?;
        } else if args.take_keyword("COUNT") {
            once(&mut count_max, numbers::count(&mut args)?)?;
        } else if args.take_keyword("MAXBYTES") {
            once(&mut bytes_max, numbers::count(&mut args)?)?;
        } else if args.take_keyword("LATEST") {
            once(&mut latest, ())?;
        } else if args.take_keyword("BLOCK") {
            once(&mut block_ms, args.next_u64()?)?;
        } else {
            return Err(Error::Syntax.into());
        }
    }
    Ok(Wanted {
        after,
        types: types.into(),
        count_max: pages::count(count_max),
        bytes_max: pages::bytes(bytes_max),
        latest: latest.is_some(),
        block_ms,
    })
}

impl Wanted {
    fn read(&self, store: &Store, view: View) -> Result<FeedPage, CursorError> {
        self.read_after(store, self.after, view)
    }

    fn read_after(&self, store: &Store, after: Cursor, view: View) -> Result<FeedPage, CursorError> {
        let types: Vec<&[u8]> = self.types.iter().map(AsRef::as_ref).collect();
        let (count_max, bytes_max) = (self.count_max, self.bytes_max);
        let query = FeedQuery { after, types: &types, count_max, bytes_max, latest: self.latest };
        store.feed(&query, view.term)
    }
}

/// Waits for news; where clients can't wait, the answer is what there is. `at` is where the store is.
fn wait<'cx>(
    ctx: &CommandContext<'cx>,
    key: RedisStr<'cx>,
    wanted: Wanted,
    (timeout_ms, at): (u64, Cursor),
    fallback: impl FnOnce(&CommandContext<'cx>) -> Result<redis_context::Streamed, ErrorReply>,
) -> Result<Outcome, ErrorReply> {
    let place = place(ctx, key);
    let number = waiting::number(ctx, &place)?;
    events::hear(ctx)?;
    let (types, seen) = (Rc::clone(&wanted.types), Rc::new(Cell::new(wanted.after)));
    let rights = rights::Waiting::new(ctx, &[b"record.sync", key.as_bytes(), b"0", b"0"]);
    let key = RedisString::new(key.as_bytes());
    let waited = Rc::new(Waited { wanted, key, seen: Rc::clone(&seen), rights });
    let (late, late_place, gone_place) = (Rc::clone(&waited), place.clone(), place.clone());
    let started = ctx
        .block::<Result<(), ErrorReply>>()
        .timeout(Duration::from_millis(timeout_ms))
        .on_reply_stream(move |ctx, told, writer| match told {
            Ok(()) => waited.answer(ctx, writer),
            Err(told) => Err(told),
        })
        .on_timeout_stream(move |ctx, writer| {
            waiting::leave(ctx, &late_place, number);
            late.answer(ctx, writer)
        })
        .on_disconnect(move |ctx| waiting::leave(ctx, &gone_place, number))
        .start();
    let (blocked, client) = match started {
        Ok(started) => started,
        Err(Error::BlockingDenied) => return Ok(fallback(ctx)?.into()),
        Err(error) => return Err(error.into()),
    };
    let reader = Reader { types, seen, client };
    WAITING.try_borrow_mut(ctx)?.get_or_insert_default().add_reader(place, number, reader, at);
    Ok(blocked.into())
}

/// What a client waits for.
struct Waited {
    wanted: Wanted,
    key: RedisString,
    /// Up to where it has missed nothing.
    seen: Rc<Cell<Cursor>>,
    rights: rights::Waiting,
}

impl Waited {
    /// The answer of a wait that is over.
    fn answer(&self, ctx: &Context<'_>, writer: &mut ReplyWriter<'_>) -> Result<(), ErrorReply> {
        self.rights.check(ctx)?;
        let key = self.key.as_redis_str();
        let view = terms::view(ctx, key);
        let seen = self.seen.get();
        let found = match read(ctx, key, |store| Ok(self.wanted.read_after(store, seen, view)))? {
            // The slot may be another node's by now, which can't be asked for here: the client's next command is told.
            Err(CursorError::Epoch) if ctx.flags().contains(ContextFlags::CLUSTER) => {
                Ok(FeedPage::empty(seen))
            }
            found => found,
        };
        Ok(replies::feed(writer, &found.map_err(|error| refusal(&error))?)?)
    }
}
