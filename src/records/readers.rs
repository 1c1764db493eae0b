//! Readers that wait for changes at one key, by what they wait for.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use record_store::{Cursor, CursorError, Store};
use redis_context::{ErrorReply, Unblocker};

use super::writing::refusal;

/// A reader that waits.
pub struct Reader {
    /// The types it asked for; all if there are none.
    pub types: Rc<[Box<[u8]>]>,
    /// Up to where it has seen the changes of its types, by its own cursor or by waiting.
    pub seen: Rc<Cell<Cursor>>,
    /// Its client; what ends the wait is news, or an error that the key itself does not show.
    pub client: Unblocker<Result<(), ErrorReply>>,
}

/// The readers at one key.
#[derive(Default)]
pub struct Readers {
    by_number: HashMap<u64, Reader>,
    /// Those of all types.
    any: BTreeSet<u64>,
    /// Those of certain types.
    by_type: HashMap<Box<[u8]>, BTreeSet<u64>>,
}

impl Reader {
    /// It has missed nothing up to here. One that has seen something of a later version still has.
    fn advance(&self, to: Cursor) {
        let old = self.seen.get();
        if to.version > old.version {
            self.seen.set(if old.seen > to.version { Cursor { version: to.version, ..old } } else { to });
        }
    }

    /// Whether the store has yet to come to where the reader is: on a replica that lags.
    fn is_ahead(&self, version: u64) -> bool {
        let seen = self.seen.get();
        seen.version >= version || seen.seen > version
    }

    /// What there is to tell it: news, or an error.
    fn news(&self, store: &Store, term: Option<u64>) -> Option<Result<(), ErrorReply>> {
        let types: Vec<&[u8]> = self.types.iter().map(AsRef::as_ref).collect();
        let seen = self.seen.get();
        match store.check_cursor(seen, term) {
            Ok(()) => store.has_news(seen.version, &types).then_some(Ok(())),
            Err(CursorError::Ahead { .. }) => None,
            Err(error) => Some(Err(refusal(&error))),
        }
    }
}

impl Readers {
    pub fn len(&self) -> usize {
        self.by_number.len()
    }

    pub fn add(&mut self, number: u64, reader: Reader) {
        if reader.types.is_empty() {
            self.any.insert(number);
        }
        for name in &*reader.types {
            self.by_type.entry(name.clone()).or_default().insert(number);
        }
        self.by_number.insert(number, reader);
    }

    pub fn remove(&mut self, number: u64) -> Option<Reader> {
        let reader = self.by_number.remove(&number)?;
        self.any.remove(&number);
        for name in &*reader.types {
            if let Some(numbers) = self.by_type.get_mut(name) {
                numbers.remove(&number);
                if numbers.is_empty() {
                    self.by_type.remove(name);
                }
            }
        }
        Some(reader)
    }

    /// Nobody here has missed anything up to here.
    pub fn advance_all(&self, to: Cursor) {
        self.by_number.values().for_each(|reader| reader.advance(to));
    }

    /// Those who wait for any of the types, in the order they came.
    pub fn of_types<'a>(&self, types: impl Iterator<Item = &'a [u8]>) -> BTreeSet<u64> {
        let of_types = types.filter_map(|name| self.by_type.get(name)).flatten();
        of_types.chain(&self.any).copied().collect()
    }

    /// All, in the order they came.
    pub fn all(&self) -> BTreeSet<u64> {
        self.by_number.keys().copied().collect()
    }

    /// Wakes some of them: they have missed nothing up to `before`, and the store is at `version` now.
    pub fn wake(&mut self, numbers: BTreeSet<u64>, before: Option<Cursor>, version: u64) {
        for number in numbers {
            let is_ahead = self.by_number.get(&number).is_none_or(|reader| reader.is_ahead(version));
            if !is_ahead && let Some(reader) = self.remove(number) {
                before.into_iter().for_each(|before| reader.advance(before));
                reader.client.unblock(Ok(()));
            }
        }
    }

    /// Wakes those that what is in the key now concerns.
    pub fn look_again(&mut self, store: &Store, term: Option<u64>) {
        let done =
            self.by_number.iter().filter_map(|(number, reader)| Some((*number, reader.news(store, term)?)));
        for (number, told) in done.collect::<BTreeMap<_, _>>() {
            self.remove(number).into_iter().for_each(|reader| reader.client.unblock(told.clone()));
        }
    }

    /// Answers all with an error: what they wait for is not here any more.
    pub fn fail_all(&mut self, told: &ErrorReply) {
        for reader in self.all().into_iter().filter_map(|number| self.remove(number)).collect::<Vec<_>>() {
            reader.client.unblock(Err(told.clone()));
        }
    }
}
