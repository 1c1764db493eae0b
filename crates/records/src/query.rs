//! Queries: records of one type that match.

use std::sync::Arc;

use memchr::memmem::Finder;

use crate::change::Change;
use crate::filter::Filter;
use crate::limits::{LimitError, between};
use crate::store::Store;

/// What to look for.
#[derive(Debug, Clone, Copy)]
pub struct Query<'a> {
    /// The type.
    pub type_name: &'a [u8],
    /// Only what it matches.
    pub filter: Option<&'a Filter>,
    /// Only records with this in their id or data.
    pub contains: Option<&'a [u8]>,
    /// How many matches to leave out.
    pub offset: usize,
    /// The most matches.
    pub limit: usize,
    /// The most that they may cost ([`Change::cost`]); a single one may cost more.
    pub bytes_max: usize,
}

impl Store {
    /// The matching records that have not ended at `now`, those that were changed longest ago first. A filter that only
    /// certain ids can match costs as much as they are; others cost as much as there are records in the type.
    ///
    /// # Errors
    /// Together they cost too much. An answer that is cut short would look complete.
    pub fn query(&self, query: &Query<'_>, now: u64) -> Result<Vec<Arc<Change>>, LimitError> {
        let now = self.time(now);
        let finder = query.contains.map(Finder::new);
        let contains = |record: &Change| {
            let found = |finder: &Finder<'_>| {
                finder.find(record.id()).is_some() || finder.find(record.data()).is_some()
            };
            finder.as_ref().is_none_or(found)
        };
        let matches = |record: &&Arc<Change>| {
            !record.has_ended(now)
                && query.filter.is_none_or(|filter| filter.matches(record))
                && contains(record)
        };
        let page = |records: &mut dyn Iterator<Item = &Arc<Change>>| {
            within(query.bytes_max, records.filter(matches).skip(query.offset).take(query.limit))
        };
        match query.filter.and_then(Filter::ids) {
            Some(ids) => page(&mut self.records_with(query.type_name, ids).iter()),
            None => {
                let state = self.type_state(query.type_name).into_iter();
                page(&mut state.flat_map(|state| state.records_after(0)).map(|(_, record)| record))
            }
        }
    }

    /// By version.
    fn records_with(&self, type_name: &[u8], mut ids: Vec<&[u8]>) -> Vec<Arc<Change>> {
        ids.sort_unstable();
        ids.dedup();
        let Some(state) = self.type_state(type_name) else { return Vec::new() };
        let mut records: Vec<_> = ids.into_iter().filter_map(|id| state.record(id)).map(Arc::clone).collect();
        records.sort_unstable_by_key(|record| record.version());
        records
    }
}

/// The records, if together they don't cost too much.
fn within<'s>(
    bytes_max: usize,
    records: impl Iterator<Item = &'s Arc<Change>>,
) -> Result<Vec<Arc<Change>>, LimitError> {
    let (mut found, mut cost) = (Vec::new(), 0);
    for record in records {
        cost += record.cost();
        if !found.is_empty() {
            between("bytes of records in one answer", cost as u64, 0, bytes_max as u64)?;
        }
        found.push(Arc::clone(record));
    }
    Ok(found)
}
