//! Those who list, then follow: each puts its own copy of the state together, over every failover.

use std::collections::BTreeMap;

use record_store::feed::FeedQuery;
use record_store::list::{ListCursor, ListQuery};
use record_store::{Cursor, CursorError};

use crate::naive::Told;
use crate::reads::Room;
use crate::world::World;

pub struct Consumer {
    types: Vec<&'static [u8]>,
    latest: bool,
    /// None: from the beginning of a new list.
    at: Option<Place>,
    /// The change at the latest version that it has seen anything of, of those that ever were; 0 at none.
    serial: u64,
    state: BTreeMap<(Vec<u8>, Vec<u8>), Told>,
}

#[derive(Debug, Clone, Copy)]
enum Place {
    List(ListCursor),
    Feed(Cursor),
}

impl Place {
    fn cursor(self) -> Cursor {
        match self {
            Place::List(list) => list.at,
            Place::Feed(cursor) => cursor,
        }
    }
}

impl Consumer {
    pub fn new(index: usize, types: &[&'static [u8]]) -> Consumer {
        let types =
            if index.is_multiple_of(2) { Vec::new() } else { types[..index.min(types.len())].to_vec() };
        let at = Some(Place::Feed(Cursor::START));
        Consumer { types, latest: index.is_multiple_of(3), at, serial: 0, state: BTreeMap::new() }
    }

    fn take(&mut self, told: Told) {
        let key = (told.type_name.clone(), told.id.clone());
        match told.kind {
            record_store::Kind::Set => self.state.insert(key, told),
            record_store::Kind::Delete(_) => self.state.remove(&key),
        };
    }
}

impl World {
    fn serial(&self, version: u64) -> u64 {
        version.checked_sub(1).map_or(0, |index| self.truth.get(index as usize).copied().unwrap_or(0))
    }

    /// One page. Says whether there is more.
    pub fn consume(&mut self, index: usize, room: Room) -> bool {
        let mut consumer = std::mem::replace(&mut self.consumers[index], Consumer::new(0, &[]));
        let more = match consumer.at {
            Some(Place::Feed(cursor)) => self.follow(&mut consumer, cursor, room),
            Some(Place::List(list)) => self.list(&mut consumer, Some(list), room),
            None => self.list(&mut consumer, None, room),
        };
        self.counts.pages += 1;
        self.consumers[index] = consumer;
        more
    }

    fn follow(&mut self, consumer: &mut Consumer, after: Cursor, room: Room) -> bool {
        let Room { count_max, bytes_max } = room;
        let query =
            FeedQuery { after, types: &consumer.types, count_max, bytes_max, latest: consumer.latest };
        let (store, view) = self.reader();
        let (told, term) = (store.feed(&query, view.term), view.term);
        let page = match told {
            Ok(page) => page,
            Err(error) => return self.start_again(consumer, error),
        };
        self.assert_goes_on(consumer);
        let told: Vec<Told> = page.changes.iter().map(|change| Told::of(change)).collect();
        let expected = self.naive.feed(&query, term).expect("served");
        assert_eq!(
            (&told, page.superseded, page.cursor, page.more),
            (&expected.0, expected.1, expected.2, expected.3)
        );
        let versions = [after.version].into_iter().chain(told.iter().map(|told| told.version));
        assert!(versions.is_sorted_by(|a, b| a < b), "no change twice");
        told.into_iter().for_each(|told| consumer.take(told));
        consumer.at = Some(Place::Feed(page.cursor));
        consumer.serial = self.serial(page.cursor.seen);
        page.more
    }

    fn list(&mut self, consumer: &mut Consumer, from: Option<ListCursor>, room: Room) -> bool {
        if from.is_none() {
            consumer.state.clear();
        }
        // As a client has it.
        let from = from.map(|from| from.to_string().parse().unwrap());
        let Room { count_max, bytes_max } = room;
        let query = ListQuery { from, types: &consumer.types, filter: None, count_max, bytes_max };
        let (store, view) = self.reader();
        let (told, begin) = (store.list(&query, view), store.cursor_at(store.version()));
        let page = match told {
            Ok(page) => page,
            Err(error) => return self.start_again(consumer, error),
        };
        if from.is_some() {
            self.assert_goes_on(consumer);
        }
        let begin = from.unwrap_or(ListCursor { at: begin, after: 0 });
        let expected =
            self.naive.list(begin, &consumer.types, |_| true, room, (view.now, view.term)).expect("served");
        let told: Vec<Told> = page.records.iter().map(|record| Told::of(record)).collect();
        assert_eq!(
            (&told, page.next, page.cursor),
            (&expected.0, expected.1, self.naive.cursor_that_saw(begin.at.version, self.naive.version))
        );
        for record in told {
            let key = (record.type_name.clone(), record.id.clone());
            assert!(!consumer.state.contains_key(&key), "an id twice");
            consumer.take(record);
        }
        consumer.at = Some(page.next.map_or(Place::Feed(page.cursor), Place::List));
        consumer.serial = self.serial(page.cursor.seen);
        true
    }

    /// It has seen nothing that is lost, and all that follows is still there.
    fn assert_goes_on(&mut self, consumer: &Consumer) {
        let at = consumer.at.map_or(Cursor::START, Place::cursor);
        assert_eq!(self.serial(at.seen), consumer.serial, "served after a lost history");
        assert!(at.version >= self.naive.compact_version, "served with a gap");
        self.counts.went_on += 1;
    }

    fn start_again(&mut self, consumer: &mut Consumer, error: CursorError) -> bool {
        let Cursor { version, seen, .. } = consumer.at.map_or(Cursor::START, Place::cursor);
        let lost = self.serial(seen) != consumer.serial;
        let compacted = version < self.naive.compact_version;
        match error {
            CursorError::Epoch => {
                self.counts.epoch_errors += 1;
                // An epoch is forgotten when the last of its versions is compacted.
                assert!(lost || compacted, "refused although behind: {:?}", consumer.at);
            }
            CursorError::Compacted { oldest } => {
                self.counts.compacted += 1;
                assert!(compacted && !lost && oldest == self.naive.compact_version);
            }
            // A replica that doesn't know yet that what it waits for is lost.
            CursorError::Ahead { version: here } => assert!(lost && seen > here),
            CursorError::Future { .. } => panic!("a version that has not been: {:?}", consumer.at),
        }
        consumer.at = None;
        true
    }

    /// Everyone reads to the end: nobody has missed anything.
    pub fn drain(&mut self) {
        for index in 0..self.consumers.len() {
            for _ in 0..10_000 {
                let more = self.consume(index, Room { count_max: 7, bytes_max: 2_000 });
                let at_end = matches!(self.consumers[index].at, Some(Place::Feed(cursor))
                    if cursor.version == self.naive.version);
                if !more && at_end {
                    break;
                }
            }
            self.check_state(index);
        }
    }

    fn check_state(&self, index: usize) {
        let consumer = &self.consumers[index];
        // A list that was read before the clock stepped back has left out what had ended by then.
        let now = self.naive.time(self.latest);
        let mut expected: Vec<&Told> = self.naive.records.iter().collect();
        expected.retain(|told| {
            let wanted = consumer.types.is_empty() || consumer.types.contains(&told.type_name.as_slice());
            wanted && !told.has_ended(now)
        });
        let mut state: Vec<&Told> = consumer.state.values().filter(|told| !told.has_ended(now)).collect();
        state.sort_by_key(|told| told.version);
        assert_eq!(state, expected, "consumer {index}");
    }
}
