//! Leases: who may do something, for a time.
//!
//! A lease is held by one holder at a time. Each acquisition has a token greater than all before; a put that names the
//! token ([`crate::put::Fence`]) is refused once the lease has ended, so that a holder who was asleep can't write over its
//! successor's work.
//!
//! Leases take no versions, so a failover may lose the newest without a trace. Tokens therefore leap ahead with each
//! epoch, by a number made of its random id: what was granted in a lost history is never granted again.

use std::collections::{BTreeMap, BTreeSet};

use crate::commit::{Commit, Item};
use crate::epoch::EpochId;
use crate::limits::{LimitError, Limits, TIME_MAX, TOKEN_MAX, between, ttl};
use crate::memory::{block, tree};
use crate::store::Store;
use crate::write::{Tx, Write};

/// Tokens leap this far ahead with an epoch, and by up to as much again: more than a lost history has granted.
const TOKEN_LEAP: u64 = 1 << 20;
/// No lease is granted when fewer tokens are left.
const TOKENS_SPARE: u64 = 1 << 33;

/// A lease that is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Who holds it.
    pub holder: Box<[u8]>,
    /// Greater than all tokens of the store before, and at least its version then.
    pub token: u64,
    /// When it ends, in milliseconds of Unix time.
    pub expires_at: u64,
}

/// The answer to a wish for a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    /// The caller holds it now.
    Granted {
        /// The token of this holder.
        token: u64,
        /// How long it is held, in milliseconds.
        left_ms: u64,
    },
    /// Somebody else holds it.
    Held {
        /// Who.
        holder: Box<[u8]>,
        /// For how long unless it is renewed, in milliseconds.
        left_ms: u64,
    },
    /// The caller has given it back ([`Store::try_lease`] with a time of 0), or did not hold it.
    Released,
}

/// Why a lease can't be renewed or given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LeaseError {
    /// It has ended or somebody else holds it.
    #[error("RECLEASE this holder and token don't hold the lease (any more): acquire it again")]
    NotHeld,
    /// Something is too large.
    #[error(transparent)]
    Limit(#[from] LimitError),
}

/// The leases of a store.
#[derive(Debug, Clone, Default)]
pub(crate) struct Leases {
    by_name: BTreeMap<Box<[u8]>, Lease>,
    by_end: BTreeSet<(u64, Box<[u8]>)>,
    /// The blocks of memory that names take.
    names: usize,
    last_token: u64,
}

impl Leases {
    pub fn with_last_token(last_token: u64) -> Leases {
        Leases { last_token, ..Leases::default() }
    }

    pub fn last_token(&self) -> u64 {
        self.last_token
    }

    /// An epoch begins after a version.
    pub fn leap(&mut self, id: EpochId, version: u64) {
        let leap = TOKEN_LEAP + id.get() % TOKEN_LEAP;
        self.last_token = (self.last_token.max(version) + leap).min(TOKEN_MAX);
    }

    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &Lease)> {
        self.by_name.iter().map(|(name, lease)| (name.as_ref(), lease))
    }

    pub fn get(&self, name: &[u8]) -> Option<&Lease> {
        self.by_name.get(name)
    }

    pub fn set(&mut self, name: Box<[u8]>, lease: Lease) {
        self.remove(&name);
        self.last_token = self.last_token.max(lease.token);
        self.names += names(&name, &lease);
        self.by_end.insert((lease.expires_at, name.clone()));
        self.by_name.insert(name, lease);
    }

    pub fn remove(&mut self, name: &[u8]) {
        if let Some((name, lease)) = self.by_name.remove_entry(name) {
            self.names -= names(&name, &lease);
            self.by_end.remove(&(lease.expires_at, name));
        }
    }

    /// The memory they take.
    pub fn footprint(&self) -> usize {
        self.names
            + tree(self.by_name.len(), size_of::<(Box<[u8]>, Lease)>())
            + tree(self.by_end.len(), size_of::<(u64, Box<[u8]>)>())
    }

    #[cfg(test)]
    pub fn assert_consistent(&self) {
        let by_end = self.by_name.iter().map(|(name, lease)| (lease.expires_at, name.clone()));
        assert_eq!(by_end.collect::<BTreeSet<_>>(), self.by_end);
        assert!(self.by_name.values().all(|lease| lease.token <= self.last_token));
        assert_eq!(self.names, self.by_name.iter().map(|(name, lease)| names(name, lease)).sum::<usize>());
    }

    /// The lease that ends first.
    pub fn first_end(&self) -> Option<&(u64, Box<[u8]>)> {
        self.by_end.first()
    }
}

/// The name is in both trees.
fn names(name: &[u8], lease: &Lease) -> usize {
    2 * block(name.len()) + block(lease.holder.len())
}

impl Store {
    /// A lease that is held at `now`.
    pub fn lease(&self, name: &[u8], now: u64) -> Option<&Lease> {
        let now = self.time(now);
        self.leases.get(name).filter(|lease| lease.expires_at > now)
    }

    /// Whether somebody holds a lease, or nobody has said yet that its time is over ([`Store::tend`] will).
    pub fn has_lease(&self, name: &[u8]) -> bool {
        self.leases.get(name).is_some()
    }

    /// Takes a lease if nobody holds it; the holder itself is refused as well ([`Store::renew`] is for it).
    ///
    /// # Errors
    /// Something is out of its limits: nothing is changed.
    pub fn acquire(
        &mut self,
        write: &Write<'_>,
        name: &[u8],
        holder: &[u8],
        ttl_ms: u64,
    ) -> Result<(Wish, Commit), LimitError> {
        check_wish(write.limits, name, holder, ttl_ms)?;
        let mut tx = Tx::begin(self, write)?;
        let now = tx.now();
        if let Some(lease) = tx.store().lease(name, now) {
            return Ok((Wish::held(lease, now), tx.finish()));
        }
        let wish = tx.grant(name, holder, ttl_ms)?;
        Ok((wish, tx.finish()))
    }

    /// Takes a lease if nobody holds it, holds it longer if the holder asks, and gives it back if the holder asks with a
    /// time of 0.
    ///
    /// # Errors
    /// Something is out of its limits: nothing is changed.
    pub fn try_lease(
        &mut self,
        write: &Write<'_>,
        name: &[u8],
        holder: &[u8],
        ttl_ms: u64,
    ) -> Result<(Wish, Commit), LimitError> {
        check_wish(write.limits, name, holder, ttl_ms.max(1))?;
        let mut tx = Tx::begin(self, write)?;
        let now = tx.now();
        let held = tx.store().lease(name, now).cloned();
        let wish = match held {
            Some(lease) if *lease.holder != *holder => Wish::held(&lease, now),
            Some(_) if ttl_ms == 0 => tx.release(name),
            None if ttl_ms == 0 => Wish::Released,
            Some(lease) => tx.prolong(name, lease, ttl_ms),
            None => tx.grant(name, holder, ttl_ms)?,
        };
        Ok((wish, tx.finish()))
    }

    /// Holds a lease longer: it ends `ttl_ms` from now.
    ///
    /// # Errors
    /// It isn't held by this holder with this token, or the time is out of its limits: nothing is changed.
    pub fn renew(
        &mut self,
        write: &Write<'_>,
        name: &[u8],
        (holder, token): (&[u8], u64),
        ttl_ms: u64,
    ) -> Result<(Wish, Commit), LeaseError> {
        ttl(ttl_ms)?;
        let mut tx = Tx::begin(self, write)?;
        let lease = tx.held(name, holder, token)?;
        let wish = tx.prolong(name, lease, ttl_ms);
        Ok((wish, tx.finish()))
    }

    /// Gives a lease back.
    ///
    /// # Errors
    /// It isn't held by this holder with this token: nothing is changed.
    pub fn release(
        &mut self,
        write: &Write<'_>,
        name: &[u8],
        (holder, token): (&[u8], u64),
    ) -> Result<Commit, LeaseError> {
        let mut tx = Tx::begin(self, write)?;
        tx.held(name, holder, token)?;
        tx.release(name);
        Ok(tx.finish())
    }

    fn room_for_lease(&self, limits: &Limits, name: &[u8]) -> Result<(), LimitError> {
        between("tokens of a store", self.leases.last_token(), 0, TOKEN_MAX - TOKENS_SPARE)?;
        if self.leases.get(name).is_some() {
            return Ok(());
        }
        between("leases", self.leases.len() as u64 + 1, 0, limits.leases_max as u64)
    }
}

fn check_wish(limits: &Limits, name: &[u8], holder: &[u8], ttl_ms: u64) -> Result<(), LimitError> {
    limits.name("bytes of a lease's name", name)?;
    limits.name("bytes of a holder's name", holder)?;
    ttl(ttl_ms)
}

impl Tx<'_, '_> {
    fn held(&mut self, name: &[u8], holder: &[u8], token: u64) -> Result<Lease, LeaseError> {
        let now = self.now();
        let lease = self.store().lease(name, now).cloned();
        lease.filter(|lease| *lease.holder == *holder && lease.token == token).ok_or(LeaseError::NotHeld)
    }

    fn grant(&mut self, name: &[u8], holder: &[u8], ttl_ms: u64) -> Result<Wish, LimitError> {
        self.store().room_for_lease(self.limits(), name)?;
        self.begin_epoch();
        let token = (self.store().leases.last_token() + 1).max(self.store().version());
        let lease = Lease { holder: holder.into(), token, expires_at: 0 };
        Ok(self.prolong(name, lease, ttl_ms))
    }

    fn prolong(&mut self, name: &[u8], lease: Lease, ttl_ms: u64) -> Wish {
        let expires_at = (self.now() + ttl_ms).min(TIME_MAX);
        let token = lease.token;
        self.push(Item::Lease { name: name.into(), lease: Lease { expires_at, ..lease } });
        Wish::Granted { token, left_ms: ttl_ms }
    }

    fn release(&mut self, name: &[u8]) -> Wish {
        self.push(Item::LeaseGone { name: name.into() });
        Wish::Released
    }
}

impl Wish {
    fn held(lease: &Lease, now: u64) -> Wish {
        Wish::Held { holder: lease.holder.clone(), left_ms: lease.expires_at.saturating_sub(now) }
    }
}
