//! The list: the state at one version, in pages. All pages and then the feed from that version on give the exact state.
//!
//! Pages go by version. What changes while they are read gets a version after that of the list and comes with the feed,
//! so each id is in the pages at most once.

use std::str::FromStr;
use std::sync::Arc;

use crate::change::Change;
use crate::epoch::{Cursor, CursorError, View, number};
use crate::filter::Filter;
use crate::merge::Merge;
use crate::store::Store;
use crate::types::TypeState;

/// Records that one page looks at for each that it may give, beside [`LOOKS_SPARE`].
const LOOKS_PER_RECORD: usize = 16;
const LOOKS_SPARE: usize = 1024;

/// What to list.
#[derive(Debug, Clone, Copy)]
pub struct ListQuery<'a> {
    /// Where the page before ended.
    pub from: Option<ListCursor>,
    /// Only these types; all if there are none.
    pub types: &'a [&'a [u8]],
    /// Only what it matches.
    pub filter: Option<&'a Filter>,
    /// The most records of a page.
    pub count_max: usize,
    /// The most that they may cost ([`Change::cost`]); the first is given whatever it costs.
    pub bytes_max: usize,
}

/// Where a page ended. As text: the epoch, the versions of the list, of the store then and of the last record dealt with, joined by `-`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListCursor {
    /// The version that the pages are of.
    pub at: Cursor,
    /// The version of the last record dealt with.
    pub after: u64,
}

/// A part of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListPage {
    /// Where to begin with the feed after the last page.
    pub cursor: Cursor,
    /// For the next page; `None` after the last.
    pub next: Option<ListCursor>,
    /// The records, by version.
    pub records: Vec<Arc<Change>>,
}

impl std::fmt::Display for ListCursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Cursor { version, seen, .. } = self.at;
        let epoch = Cursor { seen: version, ..self.at }.history();
        write!(f, "{epoch}-{version}-{seen}-{}", self.after)
    }
}

/// Text that is no [`ListCursor`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor of a list")]
pub struct NoListCursor;

impl FromStr for ListCursor {
    type Err = NoListCursor;

    fn from_str(text: &str) -> Result<ListCursor, NoListCursor> {
        let parts: Vec<&str> = text.splitn(5, '-').collect();
        let [epoch, version, seen, after] = parts.as_slice() else { return Err(NoListCursor) };
        let number = |text: &str| number(text).ok_or(NoListCursor);
        let at = Cursor::parse(epoch, number(version)?).ok_or(NoListCursor)?;
        Ok(ListCursor { at: Cursor { seen: number(seen)?, ..at }, after: number(after)? })
    }
}

impl Store {
    /// Reads a page. It looks at a bounded number of records, so a page may be empty though there are more.
    ///
    /// # Errors
    /// The feed can't be served from the version of the list any more, so that the pages lead nowhere.
    pub fn list(&self, query: &ListQuery<'_>, view: View) -> Result<ListPage, CursorError> {
        let from = query.from.unwrap_or_else(|| ListCursor { at: self.cursor_at(self.version()), after: 0 });
        self.check_cursor(from.at, view.term)?;
        let view = View { now: self.time(view.now), ..view };
        // What has changed since the list began is left out, so the reader depends on all of it.
        let at = self.cursor_that_saw(from.at.version, self.version());
        let mut page = Page {
            query,
            view,
            from,
            records: Vec::new(),
            cost: 0,
            looks_left: looks(query),
            last: from.after,
        };
        let ended = self
            .records_of_types(query.types, from.after)
            .take_while(|(version, _)| *version <= from.at.version)
            .all(|(_, record)| page.take(record));
        let next = (!ended).then_some(ListCursor { at, after: page.last });
        Ok(ListPage { cursor: at, next, records: page.records })
    }

    fn records_of_types(&self, types: &[&[u8]], after: u64) -> impl Iterator<Item = (u64, &Arc<Change>)> {
        let mut states: Vec<&TypeState> = match types {
            [] => self.types.values().collect(),
            types => types.iter().filter_map(|name| self.type_state(name)).collect(),
        };
        states.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        states.dedup_by(|a, b| a.name == b.name);
        Merge::new(states.into_iter().map(move |state| state.records_after(after)))
    }
}

fn looks(query: &ListQuery<'_>) -> usize {
    query.count_max.saturating_mul(LOOKS_PER_RECORD).saturating_add(LOOKS_SPARE)
}

struct Page<'q> {
    query: &'q ListQuery<'q>,
    view: View,
    from: ListCursor,
    records: Vec<Arc<Change>>,
    cost: usize,
    looks_left: usize,
    last: u64,
}

impl Page<'_> {
    fn take(&mut self, record: &Arc<Change>) -> bool {
        if self.looks_left == 0 || (self.is_wanted(record) && !self.add(record)) {
            return false;
        }
        self.looks_left -= 1;
        self.last = record.version();
        true
    }

    fn is_wanted(&self, record: &Change) -> bool {
        debug_assert!(record.version() <= self.from.at.version);
        !record.has_ended(self.view.now) && self.query.filter.is_none_or(|filter| filter.matches(record))
    }

    fn add(&mut self, record: &Arc<Change>) -> bool {
        let full = self.records.len() >= self.query.count_max.max(1)
            || (!self.records.is_empty() && self.cost + record.cost() > self.query.bytes_max);
        if !full {
            self.cost += record.cost();
            self.records.push(Arc::clone(record));
        }
        !full
    }
}
