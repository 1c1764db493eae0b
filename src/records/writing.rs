//! Deciding on the store in a key.

use record_store::{Commit, Cursor, Store, Write};
use redis_context::{Context, ContextFlags, ErrorReply, RedisStr, WriteContext};

use super::places::Place;
use super::telling;
use super::terms;
use super::value::{self, Records};

/// What is done when there is no store in the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// One is made, if the write changes anything.
    Create,
    /// Nothing.
    Leave,
}

/// Has something decided on the store in a key, and tells everybody what was decided. `None` if there is no store and
/// none is to be made.
pub fn write<R, E: std::fmt::Display>(
    ctx: &WriteContext<'_>,
    name: RedisStr<'_>,
    missing: Missing,
    act: impl FnOnce(&mut Store, &Write<'_>) -> Result<(R, Commit), E>,
) -> Result<Option<R>, ErrorReply> {
    refuse_on_replica(ctx)?;
    let of = value::handle(ctx)?;
    let mut key = ctx.open_write(name)?;
    let decided = match key.value_mut(of)? {
        Some(Records(store)) => {
            let (done, commit) =
                terms::with_write(ctx, |write| act(store, write)).map_err(|error| refusal(&error))?;
            (done, commit, After::of(store))
        }
        None if missing == Missing::Leave => return Ok(None),
        None => {
            let mut store = Store::new();
            let decided = terms::with_write(ctx, |write| act(&mut store, write));
            let (done, commit) = decided.map_err(|error| refusal(&error))?;
            let after = After::of(&store);
            if !commit.is_empty() {
                key.set_value(of, Records(store))?;
            }
            (done, commit, after)
        }
    };
    drop(key);
    let (done, commit, after) = decided;
    if !commit.is_empty() {
        telling::tell(ctx, name, &commit, after)?;
    }
    Ok(Some(done))
}

/// A replica with `replica-read-only no` lets its clients write. What is decided here would be a history of its own, which
/// no change of the primary follows: the replica would keep it, and lag behind for ever.
fn refuse_on_replica(ctx: &WriteContext<'_>) -> Result<(), ErrorReply> {
    const TEXT: &str = "record stores are written on the primary alone, whatever replica-read-only says";
    if ctx.flags().contains(ContextFlags::REPLICA) {
        return Err(ErrorReply::new("READONLY", TEXT));
    }
    Ok(())
}

/// A store after a write.
#[derive(Debug, Clone, Copy)]
pub struct After {
    /// Where its history is.
    pub cursor: Cursor,
    /// When it has something to do next.
    pub due: Option<u64>,
}

impl After {
    /// Of this store.
    pub fn of(store: &Store) -> After {
        After { cursor: store.cursor_at(store.version()), due: store.next_due() }
    }
}

/// The key of that name in the database that is selected.
pub fn place(ctx: &Context<'_>, name: RedisStr<'_>) -> Place {
    Place { db: ctx.selected_db(), key: name.as_bytes().into() }
}

/// Lets something look at the store in a key, or at an empty one.
pub fn read<R>(
    ctx: &Context<'_>,
    name: RedisStr<'_>,
    look: impl FnOnce(&Store) -> Result<R, ErrorReply>,
) -> Result<R, ErrorReply> {
    let key = ctx.open_read(name)?;
    match key.value(value::handle(ctx)?)? {
        Some(Records(store)) => look(store),
        None => look(&Store::new()),
    }
}

/// The error of the crate as a client sees it: its first word is the code.
pub fn refusal(error: &impl std::fmt::Display) -> ErrorReply {
    let text = error.to_string();
    match text.split_once(' ') {
        Some((code, message)) if code.starts_with("REC") => ErrorReply::new(code, message),
        _ => ErrorReply::err(text),
    }
}
