//! Who is told of changes.

use super::tables::Lookup;

/// Which keys are watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Watched {
    /// One key.
    Key(u32, Vec<u8>),
    /// All keys of a database that begin with these bytes.
    Prefix(u32, Vec<u8>),
}

impl Watched {
    pub(super) fn covers(&self, db: u32, key: &[u8]) -> bool {
        match self {
            Watched::Key(of, watched) => *of == db && watched == key,
            Watched::Prefix(of, prefix) => *of == db && key.starts_with(prefix),
        }
    }
}

/// A watched key that was written, by a command or by a new synchronization.
#[derive(Debug)]
pub struct Change<'t> {
    /// Its database.
    pub db: u32,
    /// The key.
    pub key: &'t [u8],
    /// What is known of it now.
    pub now: Lookup<'t>,
}

pub(super) struct Watch {
    pub(super) watched: Watched,
    pub(super) tell: Box<dyn FnMut(&Change<'_>) + Send>,
}
