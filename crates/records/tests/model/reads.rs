//! Reads of the naive store.

use record_store::feed::FeedQuery;
use record_store::list::ListCursor;
use record_store::{Cursor, EpochId};

use crate::naive::{Naive, Told};

/// Changes, how many were superseded, where to go on, whether there is more.
pub type Page = (Vec<Told>, u64, Cursor, bool);
/// What a filter wants of an id.
pub type Wants = fn(&[u8]) -> bool;

#[derive(Debug, Clone, Copy)]
pub struct Room {
    pub count_max: usize,
    pub bytes_max: usize,
}

impl Room {
    fn is_full(self, page: &[Told], next: &Told) -> bool {
        let cost: u64 = page.iter().chain([next]).map(Told::cost).sum();
        !page.is_empty() && (page.len() >= self.count_max || cost > self.bytes_max as u64)
    }
}

fn is_of(told: &Told, types: &[&[u8]]) -> bool {
    types.is_empty() || types.contains(&told.type_name.as_slice())
}

impl Naive {
    pub fn epoch_of(&self, version: u64) -> Option<EpochId> {
        if version == 0 {
            return None;
        }
        let made = self.epochs.iter().rfind(|(_, start)| *start < version);
        made.or(self.epochs.first()).map(|(id, _)| *id)
    }

    pub fn cursor_at(&self, version: u64) -> Cursor {
        Cursor { epoch: self.epoch_of(version), version, seen: version }
    }

    pub fn cursor_that_saw(&self, version: u64, seen: u64) -> Cursor {
        if seen <= version {
            return self.cursor_at(version);
        }
        Cursor { epoch: self.epoch_of(seen), version, seen }
    }

    /// The first word of the error.
    pub fn check_cursor(&self, cursor: Cursor, term: Option<u64>) -> Result<(), &'static str> {
        if cursor.seen < cursor.version {
            return Err("RECEPOCH");
        }
        match cursor.epoch {
            None if cursor.seen != 0 => return Err("RECEPOCH"),
            None => {}
            Some(id) => {
                let Some(index) = self.epochs.iter().position(|(known, _)| *known == id) else {
                    return Err("RECEPOCH");
                };
                if self.epochs.get(index + 1).is_some_and(|(_, start)| *start < cursor.seen) {
                    return Err("RECEPOCH");
                }
            }
        }
        if cursor.seen > self.version {
            let unsure = term.is_some() && self.term != term;
            return Err(if unsure { "RECEPOCH" } else { "RECFUTURE" });
        }
        if cursor.version < self.compact_version { Err("RECCOMPACTED") } else { Ok(()) }
    }

    pub fn feed(&self, query: &FeedQuery<'_>, term: Option<u64>) -> Result<Page, &'static str> {
        self.check_cursor(query.after, term)?;
        let room = Room { count_max: query.count_max, bytes_max: query.bytes_max };
        let (mut page, mut superseded, mut last) = (Vec::new(), 0, query.after.version);
        for told in self.log.iter().filter(|told| told.version > query.after.version) {
            if !is_of(told, query.types) {
                continue;
            }
            let mut others = page.clone();
            others.retain(|earlier: &Told| !query.latest || !earlier.is(&told.type_name, &told.id));
            if room.is_full(&others, told) {
                return Ok((page, superseded, self.cursor_that_saw(last, query.after.seen), true));
            }
            superseded += (page.len() - others.len()) as u64;
            page = [others, vec![told.clone()]].concat();
            last = told.version;
        }
        Ok((page, superseded, self.cursor_that_saw(self.version, query.after.seen), false))
    }

    pub fn list(
        &self,
        from: ListCursor,
        types: &[&[u8]],
        wants: Wants,
        room: Room,
        (now, term): (u64, Option<u64>),
    ) -> Result<(Vec<Told>, Option<ListCursor>), &'static str> {
        self.check_cursor(from.at, term)?;
        let (now, mut page, mut last) = (self.time(now), Vec::new(), from.after);
        for told in &self.records {
            if told.version <= from.after || told.version > from.at.version || !is_of(told, types) {
                continue;
            }
            if !told.has_ended(now) && wants(&told.id) {
                if room.is_full(&page, told) {
                    let at = self.cursor_that_saw(from.at.version, self.version);
                    return Ok((page, Some(ListCursor { at, after: last })));
                }
                page.push(told.clone());
            }
            last = told.version;
        }
        Ok((page, None))
    }

    pub fn query(&self, type_name: &[u8], wants: Wants, contains: Option<&[u8]>, now: u64) -> Vec<Told> {
        let now = self.time(now);
        let within =
            |text: &[u8], part: &[u8]| part.is_empty() || text.windows(part.len()).any(|w| w == part);
        let matches = |told: &&Told| {
            told.type_name == type_name
                && !told.has_ended(now)
                && wants(&told.id)
                && contains.is_none_or(|part| within(&told.id, part) || within(&told.data, part))
        };
        self.records.iter().filter(matches).cloned().collect()
    }
}
