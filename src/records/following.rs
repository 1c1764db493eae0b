//! Taking in what was decided elsewhere: by the primary, by this server before it was restarted, by a mirror's source.

use record_store::{Commit, Damaged, Store};
use redis_context::{Error, ErrorReply, RedisStr, WriteContext};

use super::telling;
use super::value::{self, Records};
use super::writing::After;

/// Why a commit was not taken in; nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum NotFollowed {
    /// It is damaged, or doesn't follow the store here.
    #[error(transparent)]
    Damaged(#[from] Damaged),
    /// The server refused, because the key holds something else.
    #[error(transparent)]
    Server(#[from] Error),
}

impl From<NotFollowed> for ErrorReply {
    fn from(error: NotFollowed) -> Self {
        match error {
            NotFollowed::Damaged(damaged) => ErrorReply::err(damaged.to_string()),
            NotFollowed::Server(error) => error.into(),
        }
    }
}

/// A commit that was taken in, and that is to be told.
#[must_use]
pub struct Followed {
    commit: Commit,
    after: After,
}

/// Applies an encoded commit to the store in a key, which is made if there is none.
pub fn follow(ctx: &WriteContext<'_>, name: RedisStr<'_>, commit: &[u8]) -> Result<Followed, NotFollowed> {
    let of = value::handle(ctx)?;
    let mut key = ctx.open_write(name)?;
    let is_new = key.value_mut(of)?.is_none();
    let mut fresh = Store::new();
    let store = match key.value_mut(of)? {
        Some(Records(store)) => store,
        None => &mut fresh,
    };
    let commit = Commit::decode(commit, store)?;
    store.apply(&commit)?;
    let after = After::of(store);
    if is_new {
        key.set_value(of, Records(fresh))?;
    }
    Ok(Followed { commit, after })
}

impl Followed {
    /// Tells those who are here; what is propagated is the caller's.
    pub fn tell(&self, ctx: &WriteContext<'_>, name: RedisStr<'_>) -> Result<(), Error> {
        telling::tell_here(ctx, name, &self.commit, self.after)
    }
}
