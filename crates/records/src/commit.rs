//! What was decided: the form in which changes go to replicas, to the AOF and to mirrors.

use std::collections::HashSet;
use std::sync::Arc;

use crate::change::Change;
use crate::codec::{Decoder, Encoder};
use crate::epoch::{Cursor, EpochId, History};
use crate::lease::Lease;
use crate::limits::{TIME_MAX, VERSION_MAX};
use crate::options::{StoreOptions, TypeOptions};
use crate::store::{Store, Versions};

/// The first byte of an encoded commit: the version of the format.
const FORMAT: u8 = 1;

/// A decided write. Applied to a store that equals the one it was decided on, it makes them equal again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// The version of the store before.
    pub base: u64,
    /// The epoch of the store before; `None` if it had none. Other histories have had the same versions.
    pub epoch: Option<EpochId>,
    /// When it was decided, in milliseconds of Unix time.
    pub at: u64,
    /// What to do, in order; nothing if the write changed nothing.
    pub items: Vec<Item>,
}

/// A part of a commit or of a dump.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// An epoch begins.
    Epoch {
        /// Its id.
        id: EpochId,
        /// The version before its first change.
        start: u64,
    },
    /// Options of a type.
    TypeOptions {
        /// The type.
        type_name: Arc<[u8]>,
        /// All of its options.
        options: TypeOptions,
    },
    /// Options of the store.
    StoreOptions(StoreOptions),
    /// A change, with the next version.
    Change(Arc<Change>),
    /// Changes up to a version leave the log.
    Compact {
        /// The last version to leave.
        version: u64,
    },
    /// A lease is held, or longer.
    Lease {
        /// Its name.
        name: Box<[u8]>,
        /// Who holds it.
        lease: Lease,
    },
    /// A lease has ended or was given back.
    LeaseGone {
        /// Its name.
        name: Box<[u8]>,
    },
    /// A named cursor is set.
    Cursor {
        /// Its name.
        name: Box<[u8]>,
        /// Where it is.
        cursor: Cursor,
    },
    /// A named cursor is deleted.
    CursorGone {
        /// Its name.
        name: Box<[u8]>,
    },
    /// All records and changes are gone; takes a version.
    Clear,
    /// A dump begins: the store is empty from here. Only in dumps.
    Begin {
        /// The version before the first change of its log.
        compact_version: u64,
        /// The latest time the store knows.
        last_time: u64,
        /// The greatest token of a lease so far.
        last_token: u64,
    },
    /// A record whose change has left the log. Only in dumps, before changes.
    Base(Arc<Change>),
    /// A dump is complete. Only in dumps.
    End,
}

/// Bytes that are no commit or dump, or don't fit the store. Nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Damaged {
    /// They aren't encoded as this version encodes.
    #[error("not a change of a record store, or of a newer version")]
    Form,
    /// The commit belongs to another version of the store.
    #[error("the change follows version {wanted}, the store is at {version}")]
    Base {
        /// The version it follows.
        wanted: u64,
        /// The version of the store.
        version: u64,
    },
    /// The commit belongs to another history: somebody else has written to this store, or to the other.
    #[error("the change follows another history of the store: one of the two was written to elsewhere")]
    Epoch,
    /// The store would take more memory than it may.
    #[error("the record store takes {memory} bytes of memory, more than {max}")]
    TooLarge {
        /// How much it takes at least.
        memory: usize,
        /// How much it may take.
        max: usize,
    },
    /// They contradict themselves or the store.
    #[error("the change contradicts the store: {0}")]
    Content(&'static str),
}

impl Commit {
    /// Whether the write changed nothing.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The types that have changes, each once.
    pub fn changed_types(&self) -> impl Iterator<Item = &[u8]> {
        let mut seen = HashSet::new();
        self.changes().map(|change| change.type_name()).filter(move |name| seen.insert(*name))
    }

    /// Its changes, in order.
    pub fn changes(&self) -> impl Iterator<Item = &Arc<Change>> {
        self.items.iter().filter_map(|item| match item {
            Item::Change(change) => Some(change),
            _ => None,
        })
    }

    /// The leases that became free.
    pub fn freed_leases(&self) -> impl Iterator<Item = &[u8]> {
        self.items.iter().filter_map(|item| match item {
            Item::LeaseGone { name } => Some(name.as_ref()),
            _ => None,
        })
    }

    /// Whether all records are gone.
    pub fn clears(&self) -> bool {
        self.items.contains(&Item::Clear)
    }

    /// Whether an epoch begins.
    pub fn begins_epoch(&self) -> bool {
        self.items.iter().any(|item| matches!(item, Item::Epoch { .. }))
    }

    /// As bytes.
    pub fn encode(&self) -> Vec<u8> {
        const HEADER_BYTES: usize = 32;
        let changes = self.changes().map(|change| change.cost());
        let mut encoder = Encoder::with_room(HEADER_BYTES + changes.sum::<usize>());
        encoder.byte(FORMAT);
        encoder.number(self.base);
        encoder.number(self.epoch.map_or(0, EpochId::get));
        encoder.number(self.at);
        self.items.iter().for_each(|item| encoder.item(item));
        encoder.into_bytes()
    }

    /// Reads what [`Commit::encode`] gives. `store` is where it will be applied: names are shared with it.
    ///
    /// # Errors
    /// [`Damaged::Form`].
    pub fn decode(bytes: &[u8], store: &Store) -> Result<Commit, Damaged> {
        let mut decoder = Decoder::new(bytes);
        let header = decoder.header().ok_or(Damaged::Form)?;
        Ok(Commit { items: decoder.items(store).ok_or(Damaged::Form)?, ..header })
    }

    /// Proves that bytes are an encoded commit, without holding what they say. Answers the number of its items.
    ///
    /// # Errors
    /// [`Damaged::Form`].
    pub fn check_form(bytes: &[u8]) -> Result<usize, Damaged> {
        let mut decoder = Decoder::new(bytes);
        let (anywhere, mut count) = (Store::new(), 0);
        decoder.header().ok_or(Damaged::Form)?;
        while !decoder.is_at_end() {
            decoder.item(&anywhere).ok_or(Damaged::Form)?;
            count += 1;
        }
        Ok(count)
    }
}

impl Decoder<'_> {
    /// What stands before the items.
    fn header(&mut self) -> Option<Commit> {
        (self.byte()? == FORMAT).then_some(())?;
        let (base, epoch) = (self.number()?, self.epoch()?);
        Some(Commit { base, epoch, at: self.number()?, items: Vec::new() })
    }
}

impl Store {
    /// Applies what was decided elsewhere: all of it or nothing.
    ///
    /// # Errors
    /// It doesn't follow this store's version, or contradicts it.
    pub fn apply(&mut self, commit: &Commit) -> Result<(), Damaged> {
        if commit.base != self.version() {
            return Err(Damaged::Base { wanted: commit.base, version: self.version() });
        }
        if commit.epoch != self.versions().epoch {
            return Err(Damaged::Epoch);
        }
        if commit.at > TIME_MAX {
            return Err(Damaged::Content("a time"));
        }
        right(self.loading.is_none(), "a dump is being taken in")?;
        let mut check = Check::begin(self);
        commit.items.iter().try_for_each(|item| check.item(item))?;
        commit.items.iter().for_each(|item| self.absorb(item.clone()));
        self.set_time(commit.at);
        self.leave_term();
        Ok(())
    }
}

/// What the items of a commit must agree with.
pub(crate) struct Check<'s> {
    history: &'s History,
    version: u64,
    compact_version: u64,
    has_epoch: bool,
    begins_epoch: bool,
    clears: bool,
}

impl<'s> Check<'s> {
    pub fn begin(store: &'s Store) -> Self {
        let Versions { version, compact_version, epoch, .. } = store.versions();
        let (has_epoch, history) = (epoch.is_some(), &store.history);
        Check { history, version, compact_version, has_epoch, begins_epoch: false, clears: false }
    }

    fn item(&mut self, item: &Item) -> Result<(), Damaged> {
        match item {
            Item::Epoch { id, start } => {
                // A write begins one at most.
                let new = !std::mem::replace(&mut self.begins_epoch, true) && !self.history.has(*id);
                self.has_epoch = true;
                right(new && *start == self.version, "an epoch")
            }
            Item::Change(change) => {
                right(self.has_epoch, "a change before the first epoch")?;
                self.change(change)
            }
            Item::Compact { version } => {
                right((self.compact_version..=self.version).contains(version), "a version to compact to")?;
                self.compact_version = *version;
                Ok(())
            }
            Item::Clear => self.clear(),
            Item::Begin { .. } | Item::Base(_) | Item::End => Err(Damaged::Content("a part of a dump")),
            _ => Ok(()),
        }
    }

    /// Once: it looks at every type.
    fn clear(&mut self) -> Result<(), Damaged> {
        right(self.has_epoch && !std::mem::replace(&mut self.clears, true), "a clear")?;
        self.version += 1;
        self.compact_version = self.version;
        right(self.version <= VERSION_MAX, "a version")
    }

    pub(crate) fn change(&mut self, change: &Change) -> Result<(), Damaged> {
        self.version += 1;
        right(change.version() == self.version, "the version of a change")
    }
}

pub(crate) fn right(holds: bool, what: &'static str) -> Result<(), Damaged> {
    if holds { Ok(()) } else { Err(Damaged::Content(what)) }
}
