//! The whole store in chunks, for snapshots and rewrites of the AOF.
//!
//! ```text
//! Begin, options, epochs, leases, cursors, Base .. (by version), Change .. (by version), End
//! ```
//!
//! Equal stores have equal dumps, so that a digest of the one is a digest of the other.

use std::ffi::CStr;
use std::sync::Arc;

use crate::codec::{Decoder, Encoder};
use crate::commit::{Check, Damaged, Item, right};
use crate::epoch::{Epoch, History};
use crate::limits::VERSION_MAX;
use crate::log::Log;
use crate::merge::Merge;
use crate::options::TypeOptions;
use crate::store::Store;
use crate::write::Write;

/// The name of the data type whose values are dumps: strings, each a chunk, and an empty one behind the last.
pub const TYPE_NAME: &CStr = c"rmirror-r";
/// Its encoding version. Values of an older one are read too.
pub const TYPE_VERSION: u16 = 1;

/// The first byte of a chunk: the version of the format.
const FORMAT: u8 = 1;

impl Store {
    /// The store as chunks of about `chunk_bytes`, each at least one item.
    pub fn dump(&self, chunk_bytes: usize) -> impl Iterator<Item = Vec<u8>> {
        let mut items = self.dump_items().peekable();
        std::iter::from_fn(move || {
            items.peek()?;
            let mut encoder = Encoder::default();
            encoder.byte(FORMAT);
            while encoder.len() < chunk_bytes.max(2) {
                let Some(item) = items.next() else { break };
                encoder.item(&item);
            }
            Some(encoder.into_bytes())
        })
    }

    fn dump_items(&self) -> impl Iterator<Item = Item> {
        let begin = Item::Begin {
            compact_version: self.log.compact_version(),
            last_time: self.last_time(),
            last_token: self.leases.last_token(),
        };
        let epochs = self.history.iter().map(|epoch| Item::Epoch { id: epoch.id, start: epoch.start });
        let changes = self.log.after(0).map(|change| Item::Change(Arc::clone(change)));
        [begin, Item::StoreOptions(self.options)]
            .into_iter()
            .chain(self.dump_type_options())
            .chain(epochs)
            .chain(self.dump_names())
            .chain(self.dump_base())
            .chain(changes)
            .chain([Item::End])
    }

    fn dump_type_options(&self) -> impl Iterator<Item = Item> {
        let set = self.types.values().filter(|state| state.options != TypeOptions::default());
        set.map(|state| Item::TypeOptions { type_name: Arc::clone(&state.name), options: state.options })
    }

    fn dump_names(&self) -> impl Iterator<Item = Item> {
        let leases =
            self.leases.iter().map(|(name, lease)| Item::Lease { name: name.into(), lease: lease.clone() });
        let cursors = self.cursors.iter();
        leases.chain(cursors.map(|(name, cursor)| Item::Cursor { name: name.clone(), cursor: *cursor }))
    }

    fn dump_base(&self) -> impl Iterator<Item = Item> {
        let compact_version = self.log.compact_version();
        let records = Merge::new(self.types.values().map(|state| state.records_after(0)));
        let records = records.take_while(move |(version, _)| *version <= compact_version);
        records.map(|(_, record)| Item::Base(Arc::clone(record)))
    }
}

/// Takes in a dump, chunk by chunk, for a store that is made of it.
#[derive(Debug, Default)]
pub struct Loader {
    store: Store,
    begun: bool,
    /// The most memory that the store may take.
    memory_max: Option<usize>,
}

impl Loader {
    /// Nothing yet.
    pub fn new() -> Loader {
        Loader::default()
    }

    /// For a store that takes so much memory at most ([`Store::memory`]): a few bytes of a dump may make far more of
    /// their own.
    pub fn within(memory_max: usize) -> Loader {
        Loader { memory_max: Some(memory_max), ..Loader::default() }
    }

    /// Takes the next chunk in.
    ///
    /// # Errors
    /// The chunk is damaged, doesn't follow the one before, or makes the store too large.
    pub fn feed(&mut self, chunk: &[u8]) -> Result<(), Damaged> {
        if self.begun && self.store.loading.is_none() {
            return Err(Damaged::Content("something after the end"));
        }
        self.store.load_within(chunk, self.memory_max.unwrap_or(usize::MAX))?;
        self.begun = true;
        Ok(())
    }

    /// The store.
    ///
    /// # Errors
    /// The dump isn't complete.
    pub fn finish(self) -> Result<Store, Damaged> {
        right(self.begun && self.store.loading.is_none(), "no end")?;
        Ok(self.store)
    }
}

impl Store {
    /// Takes a chunk of a dump in; the first empties the store. Its parts come in order, and the store is whole after
    /// the last.
    ///
    /// # Errors
    /// The chunk is damaged, or doesn't follow the one before: what it contains up to the damage is taken in.
    pub fn load_chunk(&mut self, chunk: &[u8]) -> Result<(), Damaged> {
        self.load_within(chunk, usize::MAX)
    }

    /// Whether chunks of a dump were taken in, and its end has not come yet.
    pub fn is_partial(&self) -> bool {
        self.loading.is_some()
    }

    /// Makes a store of a dump whose end will not come, because its file was cut short. What there is of records is of no
    /// version that ever was, so nobody can go on from what they know: a list of now is where all begin.
    pub fn end_partial(&mut self, write: &Write<'_>) {
        if self.loading.take().is_none() {
            return;
        }
        self.compact(self.version());
        self.log = Log::starting_at((self.version() + 1).min(VERSION_MAX));
        self.history = History::default();
        self.begin_epoch(Epoch { id: (write.fresh_epoch)(), start: self.version() });
    }

    fn load_within(&mut self, chunk: &[u8], memory_max: usize) -> Result<(), Damaged> {
        let (format, rest) = chunk.split_first().ok_or(Damaged::Form)?;
        if *format != FORMAT {
            return Err(Damaged::Form);
        }
        let mut decoder = Decoder::new(rest);
        right(!decoder.is_at_end(), "nothing")?;
        while !decoder.is_at_end() {
            let item = decoder.item(self).ok_or(Damaged::Form)?;
            self.load_item(item)?;
            let memory = self.memory();
            if memory > memory_max {
                return Err(Damaged::TooLarge { memory, max: memory_max });
            }
        }
        Ok(())
    }

    fn load_item(&mut self, item: Item) -> Result<(), Damaged> {
        let begins = matches!(item, Item::Begin { .. });
        right(begins != self.loading.is_some(), "the order of its parts")?;
        self.check_loaded(&item)?;
        self.absorb(item);
        Ok(())
    }

    fn check_loaded(&self, item: &Item) -> Result<(), Damaged> {
        let versions = self.versions();
        match item {
            Item::Epoch { id, start } => {
                right(self.history.may_load(Epoch { id: *id, start: *start }), "its epochs")
            }
            Item::Base(record) => {
                let place =
                    self.loading < Some(record.version()) && record.version() <= versions.compact_version;
                let new = self
                    .type_state(record.type_name())
                    .is_none_or(|state| state.record(record.id()).is_none());
                right(self.log.len() == 0 && record.is_set() && place && new, "an older record")
            }
            Item::Change(change) => Check::begin(self).change(change),
            Item::End => {
                let start = self.history.last().map_or(versions.version, |last| last.start);
                let has_epoch = self.history.last().is_some() || versions.version == 0;
                right(has_epoch && start <= versions.version, "its epochs")
            }
            Item::Compact { .. } | Item::LeaseGone { .. } | Item::CursorGone { .. } | Item::Clear => {
                Err(Damaged::Content("a part that dumps don't have"))
            }
            _ => Ok(()),
        }
    }
}
