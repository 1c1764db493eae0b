//! Tables of keys, by database.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

use super::value::Item;

/// Names the table of each key; None drops it. Must always give the same answer for the same key.
pub type Route = Arc<dyn Fn(u32, &[u8]) -> Option<&'static str> + Send + Sync>;

/// What is known of a key.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Lookup<'t> {
    /// There is no such key, or it is dropped.
    None,
    /// It holds this.
    Item(&'t Item),
    /// It has been written in a way that is not projected.
    Stale,
}

/// One table: its keys by database.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Table {
    /// None is a stale key.
    dbs: BTreeMap<u32, HashMap<Vec<u8>, Option<Item>>>,
}

impl Table {
    /// What is known of a key.
    pub fn get(&self, db: u32, key: &[u8]) -> Lookup<'_> {
        match self.dbs.get(&db).and_then(|keys| keys.get(key)) {
            None => Lookup::None,
            Some(None) => Lookup::Stale,
            Some(Some(item)) => Lookup::Item(item),
        }
    }

    /// All keys with what is known of them, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &[u8], Lookup<'_>)> {
        self.dbs.iter().flat_map(|(db, keys)| {
            keys.iter()
                .map(|(key, item)| (*db, key.as_slice(), item.as_ref().map_or(Lookup::Stale, Lookup::Item)))
        })
    }

    /// How many keys there are, stale ones included.
    pub fn len(&self) -> usize {
        self.dbs.values().map(HashMap::len).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// All tables of a projection.
#[derive(Clone)]
pub struct Tables {
    route: Route,
    tables: BTreeMap<&'static str, Table>,
    unknown_commands: u64,
}

impl fmt::Debug for Tables {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_map().entries(&self.tables).finish()
    }
}

impl Tables {
    pub(super) fn new(route: Route) -> Self {
        Tables { route, tables: BTreeMap::new(), unknown_commands: 0 }
    }

    /// The same route, no keys.
    pub(super) fn emptied(&self) -> Self {
        Tables::new(Arc::clone(&self.route))
    }

    /// A table by its name; None while it has never had a key.
    pub fn table(&self, name: &str) -> Option<&Table> {
        self.tables.get(name)
    }

    /// All tables that have had a key, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &Table)> {
        self.tables.iter().map(|(name, table)| (*name, table))
    }

    /// What is known of a key, in whatever table.
    pub fn get(&self, db: u32, key: &[u8]) -> Lookup<'_> {
        let table = (self.route)(db, key).and_then(|name| self.tables.get(name));
        table.map_or(Lookup::None, |table| table.get(db, key))
    }

    /// How many commands came whose keys can't be told. Unless it is 0, values may differ from the source's.
    pub fn unknown_commands(&self) -> u64 {
        self.unknown_commands
    }

    pub(super) fn note_unknown(&mut self) {
        self.unknown_commands += 1;
    }

    pub(super) fn table_of(&self, db: u32, key: &[u8]) -> Option<&'static str> {
        (self.route)(db, key)
    }

    pub(super) fn is_kept(&self, db: u32, key: &[u8]) -> bool {
        self.table_of(db, key).is_some()
    }

    pub(super) fn is_stale(&self, db: u32, key: &[u8]) -> bool {
        matches!(self.get(db, key), Lookup::Stale)
    }

    fn keys_mut(&mut self, db: u32, key: &[u8]) -> Option<&mut HashMap<Vec<u8>, Option<Item>>> {
        let name = self.table_of(db, key)?;
        Some(self.tables.entry(name).or_default().dbs.entry(db).or_default())
    }

    /// Removes and returns a key's value.
    pub(super) fn take(&mut self, db: u32, key: &[u8]) -> Option<Item> {
        self.keys_mut(db, key)?.remove(key)?
    }

    /// Sets a key's value, if the key is kept; an empty collection removes it.
    pub(super) fn put(&mut self, db: u32, key: &[u8], item: Item) {
        let Some(keys) = self.keys_mut(db, key) else { return };
        if item.value.is_empty() {
            keys.remove(key);
        } else {
            keys.insert(key.to_vec(), Some(item));
        }
    }

    /// The value of a key, to be changed in place. Collections must not be left empty.
    pub(super) fn get_mut(&mut self, db: u32, key: &[u8]) -> Option<&mut Item> {
        self.keys_mut(db, key)?.get_mut(key)?.as_mut()
    }

    pub(super) fn make_stale(&mut self, db: u32, key: &[u8]) {
        if let Some(keys) = self.keys_mut(db, key) {
            keys.insert(key.to_vec(), None);
        }
    }

    pub(super) fn flush(&mut self, db: Option<u32>) {
        for table in self.tables.values_mut() {
            table.dbs.retain(|of, _| db.is_some_and(|db| *of != db));
        }
    }

    /// Exchanges two databases: their keys may be of other tables then.
    pub(super) fn swap(&mut self, one: u32, other: u32) {
        let mut moved = Vec::new();
        for table in self.tables.values_mut() {
            for (from, to) in [(one, other), (other, one)] {
                moved.extend(table.dbs.remove(&from).into_iter().map(|keys| (to, keys)));
            }
        }
        for (db, keys) in moved {
            for (key, item) in keys {
                if let Some(room) = self.keys_mut(db, &key)
                    && let Entry::Vacant(room) = room.entry(key)
                {
                    room.insert(item);
                }
            }
        }
    }
}
