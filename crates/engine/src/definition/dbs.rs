//! Which dbs of the source are mirrored, and into which dbs here.

use super::DefinitionError;
use crate::scope::Dbs;

/// The highest db number: `databases` is a C int.
pub const DB_MAX: u32 = i32::MAX as u32 - 1;

/// The most pairs of one map.
pub(super) const DB_PAIRS_MAX: usize = 1024;

/// One mirrored db.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DbPair {
    /// The number at the source.
    pub source: u32,
    /// The number here.
    pub local: u32,
}

/// The dbs of a mirror. No two sources' dbs share a local one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DbMap {
    /// All of them, under the same numbers.
    All,
    /// These, in the order given.
    List(Vec<DbPair>),
}

impl DbMap {
    /// The local db of a source's db.
    #[inline]
    pub fn to_local(&self, source: u32) -> Option<u32> {
        match self {
            DbMap::All => Some(source),
            DbMap::List(pairs) => pairs.iter().find(|pair| pair.source == source).map(|pair| pair.local),
        }
    }

    /// The source's db of a local one.
    #[inline]
    pub fn to_source(&self, local: u32) -> Option<u32> {
        match self {
            DbMap::All => Some(local),
            DbMap::List(pairs) => pairs.iter().find(|pair| pair.local == local).map(|pair| pair.source),
        }
    }

    /// The local dbs, in rising order.
    pub fn local_dbs(&self) -> Dbs {
        match self {
            DbMap::All => Dbs::All,
            DbMap::List(pairs) => {
                let mut dbs: Vec<u32> = pairs.iter().map(|pair| pair.local).collect();
                dbs.sort_unstable();
                Dbs::These(dbs)
            }
        }
    }

    /// Adds a pair, which turns "all" into a list.
    pub(super) fn add(&mut self, pair: DbPair) -> Result<(), DefinitionError> {
        if let DbMap::List(_) = self {
            if self.to_local(pair.source).is_some() {
                return Err(DefinitionError::SourceDbTwice { db: pair.source });
            }
            if self.to_source(pair.local).is_some() {
                return Err(DefinitionError::LocalDbTwice { db: pair.local });
            }
        }
        match self {
            DbMap::All => *self = DbMap::List(vec![pair]),
            DbMap::List(pairs) if pairs.len() >= DB_PAIRS_MAX => {
                return Err(DefinitionError::TooManyDbs { limit: DB_PAIRS_MAX });
            }
            DbMap::List(pairs) => pairs.push(pair),
        }
        Ok(())
    }
}
