//! Clients that wait for leases at one key, and how they get them.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::Ordering;

use record_store::Commit;
use record_store::lease::Wish;
use redis_context::{Context, Error, ErrorReply, MainCell, RedisString, Unblocker, WriteContext};

use super::places::{ACTIVE, Place};
use super::waiting::WAITING;
use super::writing::{self, Missing};
use super::{rights, terms};

/// A client that waits for a lease.
pub struct Candidate {
    /// Who it wants to be.
    pub holder: Box<[u8]>,
    /// For how long, in milliseconds.
    pub ttl_ms: u64,
    /// Whether it still may.
    pub rights: rights::Waiting,
    /// Its client.
    pub client: Unblocker<Result<Wish, ErrorReply>>,
}

/// The candidates at one key: by lease, and there by number, which is the order they came in.
#[derive(Default)]
pub struct Candidates {
    by_lease: HashMap<Box<[u8]>, BTreeMap<u64, Candidate>>,
    leases: HashMap<u64, Box<[u8]>>,
}

impl Candidates {
    pub fn len(&self) -> usize {
        self.leases.len()
    }

    pub fn has(&self, lease: &[u8]) -> bool {
        self.by_lease.contains_key(lease)
    }

    pub fn add(&mut self, number: u64, lease: &[u8], candidate: Candidate) {
        self.leases.insert(number, lease.into());
        self.by_lease.entry(lease.into()).or_default().insert(number, candidate);
    }

    pub fn remove(&mut self, number: u64) -> Option<Candidate> {
        let lease = self.leases.remove(&number)?;
        let queue = self.by_lease.get_mut(&lease)?;
        let candidate = queue.remove(&number);
        if queue.is_empty() {
            self.by_lease.remove(&lease);
        }
        candidate
    }

    /// Takes the one that waits longest.
    pub fn next(&mut self, lease: &[u8]) -> Option<Candidate> {
        let number = *self.by_lease.get(lease)?.first_key_value()?.0;
        self.remove(number)
    }

    /// Answers those of some leases with an error.
    pub fn fail(&mut self, is_meant: impl Fn(&[u8]) -> bool, error: &ErrorReply) {
        let meant: Vec<Box<[u8]>> = self.by_lease.keys().filter(|lease| is_meant(lease)).cloned().collect();
        for lease in meant {
            while let Some(candidate) = self.next(&lease) {
                candidate.client.unblock(Err(error.clone()));
            }
        }
    }
}

/// Gives leases that became free to those that wait for them.
pub fn grant(ctx: &WriteContext<'_>, place: &Place, commit: &Commit) -> Result<(), ErrorReply> {
    commit.freed_leases().try_for_each(|lease| hand_over(ctx, place, lease))
}

/// Gives a lease that has ended, though nobody has said so yet, to who waits for it: the clients that come now have to
/// wait behind.
pub fn grant_ended(ctx: &WriteContext<'_>, place: &Place, lease: &[u8]) -> Result<(), ErrorReply> {
    let is_waited_for =
        WAITING.try_borrow(ctx)?.as_ref().is_some_and(|waiting| waiting.has_candidate(place, lease));
    let name = RedisString::new(&place.key);
    let now = terms::now(ctx);
    let has_ended = |store: &record_store::Store| Ok(store.lease(lease, now).is_none());
    if is_waited_for && writing::read(ctx, name.as_redis_str(), has_ended)? {
        hand_over(ctx, place, lease)?;
    }
    Ok(())
}

/// Gives a free lease to the next; what it asks for may be out of the limits by now.
fn hand_over(ctx: &WriteContext<'_>, place: &Place, lease: &[u8]) -> Result<(), ErrorReply> {
    let key = RedisString::new(&place.key);
    loop {
        let next =
            WAITING.try_borrow_mut(ctx)?.as_mut().and_then(|waiting| waiting.next_candidate(place, lease));
        let Some(candidate) = next else { return Ok(()) };
        let granted = candidate.rights.check(ctx).and_then(|()| {
            writing::write(ctx, key.as_redis_str(), Missing::Create, |store, write| {
                store.acquire(write, lease, &candidate.holder, candidate.ttl_ms)
            })
        });
        let was_granted = granted.is_ok();
        candidate.client.unblock(granted.and_then(|wish| wish.ok_or(Error::NoSuchKey.into())));
        if was_granted {
            return Ok(());
        }
    }
}

/// A lease that was given to a client that had left when the answer came.
pub struct Undelivered {
    /// The key.
    pub place: Place,
    /// The lease.
    pub lease: Box<[u8]>,
    /// Who holds it now.
    pub holder: Box<[u8]>,
}

static UNDELIVERED: MainCell<Vec<(Undelivered, u64)>> = MainCell::new(Vec::new());

/// Notes a lease that is to be given back: nobody knows that it is held.
pub fn note_undelivered(ctx: &Context<'_>, lease: Undelivered, answer: &Result<Wish, ErrorReply>) {
    if let (Ok(Wish::Granted { token, .. }), Ok(mut all)) = (answer, UNDELIVERED.try_borrow_mut(ctx)) {
        all.push((lease, *token));
        ACTIVE.store(true, Ordering::Relaxed);
    }
}

/// Whether there are any.
pub fn are_undelivered(ctx: &Context<'_>) -> bool {
    UNDELIVERED.try_borrow(ctx).is_ok_and(|all| !all.is_empty())
}

/// Gives them back, and so to those who wait behind.
pub fn give_back(ctx: &WriteContext<'_>) -> Result<(), ErrorReply> {
    for (Undelivered { place, lease, holder }, token) in UNDELIVERED.take(ctx)? {
        let name = RedisString::new(&place.key);
        // One that has ended or was deleted meanwhile is given back already.
        let _ = ctx.with_db(place.db, || {
            writing::write(ctx, name.as_redis_str(), Missing::Leave, |store, write| {
                store.release(write, &lease, (&holder, token)).map(|commit| ((), commit))
            })
        })?;
    }
    Ok(())
}
