use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

type Filter = Arc<dyn Fn(&[u8]) -> bool + Send + Sync>;

/// Which keys a mirror takes, and what they are called where they arrive: the test's own statement of it,
/// independent of the module's options.
#[derive(Clone, Default)]
pub struct Mapping {
    // Empty: every database keeps its number.
    dbs: BTreeMap<u32, u32>,
    strip: Vec<u8>,
    prefix: Vec<u8>,
    filters: Vec<Filter>,
}

impl Mapping {
    /// Every key of every database under its own name.
    pub fn identity() -> Self {
        Self::default()
    }

    /// Takes database `from`, as `to`. Used once, databases not named are left out.
    #[must_use]
    pub fn db(mut self, from: u32, to: u32) -> Self {
        self.dbs.insert(from, to);
        self
    }

    /// Takes only keys with this prefix, and removes it.
    #[must_use]
    pub fn strip(mut self, prefix: &str) -> Self {
        self.strip = prefix.into();
        self
    }

    /// Puts a prefix before each name.
    #[must_use]
    pub fn prefix(mut self, prefix: &str) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Takes only keys, by the source's name, for which all such filters hold.
    #[must_use]
    pub fn only(mut self, filter: impl Fn(&[u8]) -> bool + Send + Sync + 'static) -> Self {
        self.filters.push(Arc::new(filter));
        self
    }

    /// Where a key of the source arrives; `None` when the mirror leaves it out.
    pub fn map(&self, db: u32, key: &[u8]) -> Option<(u32, Vec<u8>)> {
        let db = self.map_db(db)?;
        let name = key.strip_prefix(self.strip.as_slice())?;
        let taken = self.filters.iter().all(|filter| filter(key));
        taken.then(|| (db, [self.prefix.as_slice(), name].concat()))
    }

    /// Whether every key is taken under its own name.
    pub(super) fn is_identity(&self) -> bool {
        self.dbs.is_empty() && self.strip.is_empty() && self.prefix.is_empty() && self.filters.is_empty()
    }

    fn map_db(&self, db: u32) -> Option<u32> {
        if self.dbs.is_empty() { Some(db) } else { self.dbs.get(&db).copied() }
    }

    /// Whether a key of the local server is one that some key of the source could map to.
    pub fn covers(&self, db: u32, key: &[u8]) -> bool {
        let reached = self.dbs.is_empty() || self.dbs.values().any(|to| *to == db);
        let Some(name) = key.strip_prefix(self.prefix.as_slice()) else { return false };
        let name = [self.strip.as_slice(), name].concat();
        reached && self.filters.iter().all(|filter| filter(&name))
    }
}

impl fmt::Debug for Mapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mapping")
            .field("dbs", &self.dbs)
            .field("strip", &self.strip.escape_ascii().to_string())
            .field("prefix", &self.prefix.escape_ascii().to_string())
            .field("filters", &self.filters.len())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_maps_is_covered_and_what_is_left_out_is_not() {
        let mapping =
            Mapping::identity().db(0, 3).strip("a:").prefix("copy:").only(|key| key.ends_with(b"!"));
        assert_eq!(mapping.map(0, b"a:x!"), Some((3, b"copy:x!".to_vec())));
        assert!(mapping.covers(3, b"copy:x!"));
        for (db, key) in [(1, "a:x!"), (0, "b:x!"), (0, "a:x")] {
            assert_eq!(mapping.map(db, key.as_bytes()), None, "{db} {key}");
        }
        for (db, key) in [(0, "copy:x!"), (3, "x!"), (3, "copy:x")] {
            assert!(!mapping.covers(db, key.as_bytes()), "{db} {key}");
        }
    }
}
