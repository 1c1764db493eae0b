//! A reader that is never wrong: first it lists what there is, then it follows what changes.
//!
//! ```text
//!          +--> list the state ----> follow the changes ---+
//!          |                          |                    |
//!          |  RECEPOCH, RECCOMPACTED  |   link broken      | (same cursor, another connection)
//!          +--------------------------+ <------------------+
//! ```
//!
//! RECEPOCH says that the history has ended which the reader knows (the server lost its latest writes, or the store is
//! another one), RECCOMPACTED that changes it has not read are no longer kept. In both cases the server says so instead of
//! leaving something out, and the reader begins anew.

use std::thread;
use std::time::{Duration, Instant};

use crate::{Cursor, Error, Record, Records};

/// How long a broken connection is left alone at first and at most.
const BACK_OFF: Duration = Duration::from_millis(50);
const BACK_OFF_MAX: Duration = Duration::from_secs(2);

/// What a reader is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Update {
    /// All records that there are: whatever was known before is void.
    State(Vec<Record>),
    /// What changed since, in order; none if nothing did for as long as was waited.
    Changes(Vec<Record>),
}

/// Follows a store.
pub struct Watcher {
    records: Records,
    types: Vec<String>,
    /// Up to where it was told; `None` if it has to list.
    cursor: Option<Cursor>,
}

impl Watcher {
    pub(crate) fn new(records: Records, types: Vec<String>) -> Watcher {
        Watcher { records, types, cursor: None }
    }

    /// Where it is. A program that keeps it with what it made of the updates goes on there with [`Watcher::resume`].
    pub fn cursor(&self) -> Option<&Cursor> {
        self.cursor.as_ref()
    }

    /// Goes on behind updates that were told before.
    #[must_use]
    pub fn resume(mut self, from: Cursor) -> Watcher {
        self.cursor = Some(from);
        self
    }

    /// The next update. Waits for changes for so long, and for a server that can't be reached too.
    ///
    /// # Errors
    /// The server refuses for another reason than what a reader gets over, or was not there all the time.
    pub fn next(&mut self, wait: Duration) -> Result<Update, Error> {
        let (deadline, mut pause) = (Instant::now() + wait, BACK_OFF);
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.try_next(left) {
                Err(error) if error.needs_state() => self.cursor = None,
                Err(error) if error.is_link() && !left.is_zero() => {
                    thread::sleep(pause.min(left));
                    pause = (pause * 2).min(BACK_OFF_MAX);
                }
                update => return update,
            }
        }
    }

    fn try_next(&mut self, wait: Duration) -> Result<Update, Error> {
        let types: Vec<&str> = self.types.iter().map(String::as_str).collect();
        let Some(cursor) = &self.cursor else {
            let (all, cursor) = self.records.sync_latest(&types)?;
            self.cursor = Some(cursor);
            return Ok(Update::State(all));
        };
        let page = self.records.sync(cursor, &types, wait)?;
        self.cursor = Some(page.cursor);
        Ok(Update::Changes(page.records))
    }
}
