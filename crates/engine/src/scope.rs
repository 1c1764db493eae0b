//! Which keys a mirror owns, and under which names: filters and key maps, in both directions.
//!
//! A source key is in scope when its db is mapped, it matches one of the MATCH patterns (or there is none), none of
//! the EXCEPT patterns, and starts with the STRIP prefix; its local name is then the PREFIX followed by what is left.
//! Patterns speak of source names. Seen from here the scope is a predicate over local (db, key) pairs, because the
//! map can be undone: that predicate is what the mirror owns.

use crate::definition::{DbMap, Definition};
use crate::glob::{Glob, begins_with};
use crate::origins::{KeyMap, Origin};
use redis_replica::ReplId;

mod overlap;
#[cfg(test)]
mod tests;

/// The dbs of this server a scope may touch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dbs {
    /// Any db.
    All,
    /// These, in rising order.
    These(Vec<u32>),
}

/// The filter and key map of one mirror. Immutable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    dbs: DbMap,
    matches: Vec<Glob>,
    excepts: Vec<Glob>,
    strip: Vec<u8>,
    prefix: Vec<u8>,
    every_key: bool,
    same_names: bool,
    key_map: Option<KeyMap>,
}

impl Scope {
    /// The scope that a definition asks for.
    pub fn new(definition: &Definition) -> Scope {
        let matches: Vec<Glob> = match definition.matches.iter().any(Glob::matches_all) {
            true => Vec::new(),
            false => definition.matches.clone(),
        };
        let every_key = matches.is_empty() && definition.excepts.is_empty() && definition.strip.is_empty();
        Scope {
            dbs: definition.dbs.clone(),
            every_key,
            same_names: definition.strip.is_empty() && definition.prefix.is_empty(),
            matches,
            excepts: definition.excepts.clone(),
            strip: definition.strip.clone(),
            prefix: definition.prefix.clone(),
            key_map: KeyMap::new(definition.dbs.clone(), definition.strip.clone(), definition.prefix.clone()),
        }
    }

    /// What the mirror does to names; `None` when it keeps them.
    pub(crate) fn key_map(&self) -> Option<&KeyMap> {
        self.key_map.as_ref()
    }

    /// The source, under its id, as the origin of what it sends.
    pub fn source_origin(&self, id: ReplId) -> Origin {
        Origin { id, moved: self.key_map.clone().map(Box::new) }
    }

    /// The local db that holds `source_db`, if it is mirrored.
    pub fn map_db(&self, source_db: u32) -> Option<u32> {
        self.dbs.to_local(source_db)
    }

    /// The source's db that `local_db` mirrors, if it mirrors one.
    pub fn unmap_db(&self, local_db: u32) -> Option<u32> {
        self.dbs.to_source(local_db)
    }

    /// Whether source keys of every name are in scope, db aside.
    pub fn takes_every_key(&self) -> bool {
        self.every_key
    }

    /// Whether keys keep their names, so that [`Scope::rename`] copies nothing but the key itself.
    pub fn keeps_names(&self) -> bool {
        self.same_names
    }

    /// Whether the source key, whatever its db, passes the filter.
    pub fn takes(&self, source_key: &[u8]) -> bool {
        self.every_key || self.takes_by_pattern(source_key)
    }

    fn takes_by_pattern(&self, source_key: &[u8]) -> bool {
        begins_with(source_key, &self.strip)
            && (self.matches.is_empty() || self.matches.iter().any(|glob| glob.matches(source_key)))
            && !self.excepts.iter().any(|glob| glob.matches(source_key))
    }

    /// The local name of a source key in scope, as the two pieces it is made of.
    pub fn rename<'a>(&'a self, source_key: &'a [u8]) -> (&'a [u8], &'a [u8]) {
        (&self.prefix, source_key.get(self.strip.len()..).unwrap_or_default())
    }

    /// The local place of a source key, or `None` when it is out of scope. The name is written into `name`, and
    /// only when it differs from the source's: the answer says where to read it.
    pub fn map<'a>(
        &self,
        source_db: u32,
        source_key: &'a [u8],
        name: &'a mut Vec<u8>,
    ) -> Option<(u32, &'a [u8])> {
        let db = self.map_db(source_db)?;
        if !self.takes(source_key) {
            return None;
        }
        if self.same_names {
            return Some((db, source_key));
        }
        let (front, back) = self.rename(source_key);
        name.clear();
        name.extend_from_slice(front);
        name.extend_from_slice(back);
        Some((db, name))
    }

    /// The source's place of a local key, or `None` when the mirror doesn't own it.
    pub fn unmap(&self, local_db: u32, local_key: &[u8]) -> Option<(u32, Vec<u8>)> {
        let db = self.unmap_db(local_db)?;
        let rest = local_key.strip_prefix(self.prefix.as_slice())?;
        let source_key = [self.strip.as_slice(), rest].concat();
        self.takes(&source_key).then_some((db, source_key))
    }

    /// Whether the mirror owns this local key.
    pub fn contains(&self, local_db: u32, local_key: &[u8]) -> bool {
        if self.unmap_db(local_db).is_none() || !local_key.starts_with(&self.prefix) {
            return false;
        }
        self.takes_any_name() || self.unmap(local_db, local_key).is_some()
    }

    /// Whether every key of a local db is the mirror's. A false answer may also mean that it couldn't be told.
    pub fn whole_db(&self, local_db: u32) -> bool {
        self.unmap_db(local_db).is_some() && self.prefix.is_empty() && self.takes_any_name()
    }

    /// Whether every key of every db is the mirror's, under the same db number.
    pub fn whole_server(&self) -> bool {
        self.dbs == DbMap::All && self.prefix.is_empty() && self.takes_any_name()
    }

    /// The local dbs in scope.
    pub fn dbs(&self) -> Dbs {
        self.dbs.local_dbs()
    }

    /// What every local key of the scope starts with.
    pub fn local_prefix(&self) -> &[u8] {
        &self.prefix
    }

    /// Prefixes of local keys that together cover the scope, db aside: each of its keys starts with one of them.
    pub fn covering_prefixes(&self) -> Vec<Vec<u8>> {
        let covers = |glob: &Glob| {
            let rest = glob.literal_prefix().strip_prefix(self.strip.as_slice()).unwrap_or_default();
            [self.prefix.as_slice(), rest].concat()
        };
        match self.matches.is_empty() {
            true => vec![self.prefix.clone()],
            false => self.matches.iter().map(covers).collect(),
        }
    }

    /// Whether some local key could belong to both scopes. It never misses one; it may name an overlap where only
    /// EXCEPT patterns keep the two apart.
    pub fn overlaps(&self, other: &Scope) -> bool {
        overlap::scopes_meet(self, other)
    }

    /// Whether what follows the local prefix can be anything.
    fn takes_any_name(&self) -> bool {
        self.matches.is_empty() && self.excepts.is_empty()
    }
}
