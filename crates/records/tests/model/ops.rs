//! Random operations.

use record_store::feed::FeedQuery;
use record_store::list::{ListCursor, ListQuery};
use record_store::options::{StorePatch, TypePatch};
use record_store::put::{Action, Condition, Done, Fence, Op};
use record_store::query::Query;
use record_store::upkeep::Trim;
use record_store::{Commit, Cursor, EpochId, Filter};

use crate::naive::{Held, Told};
use crate::reads::{Room, Wants};
use crate::rng::Rng;
use crate::world::{NAMES, TYPES, World};

type Answer = Result<((), Commit), String>;

fn text<E: std::fmt::Display>(error: E) -> String {
    error.to_string()
}

fn plain<E: std::fmt::Display>(result: Result<Commit, E>) -> Answer {
    result.map(|commit| ((), commit)).map_err(text)
}

const FILTERS: [(&str, Wants); 6] = [
    (r#"{"id":{"$eq":"one"}}"#, |id| id == b"one"),
    (r#"{"$or":[{"id":{"$eq":"two"}},{"id":{"$eq":"b/c"}},{"id":{"$eq":"two"}}]}"#, |id| {
        id == b"two" || id == b"b/c"
    }),
    (r#"{"id":{"$index":"10.0.0.0/8"}}"#, |id| id.starts_with(b"10.")),
    (r#"{"$and":[]}"#, |_| true),
    (r#"{"$or":[]}"#, |_| false),
    (
        r#"{"$and":[{"id":{"$index":"10.0.0.0/9"}},{"$or":[{"id":{"$index":"10.1.0.0/16"}},{"id":{"$eq":"one"}}]}]}"#,
        |id| id == b"10.1.2.3",
    ),
];

fn done(done: Done) -> (u64, Vec<u64>, Vec<Told>) {
    (done.modified_at, done.versions, done.evicted.iter().map(|change| Told::of(change)).collect())
}

fn maybe(rng: &mut Rng, value: u64) -> Option<Option<u64>> {
    match rng.below(4) {
        0 => Some(None),
        1 => None,
        _ => Some(Some(value)),
    }
}

impl World {
    pub fn operate(&mut self) {
        self.now += match self.rng.below(40) {
            0 => self.rng.below(400),
            1..20 => self.rng.below(4),
            _ => 0,
        };
        self.latest = self.latest.max(self.now);
        if self.rng.once_in(50) {
            self.now -= self.rng.below(300);
        }
        match self.rng.below(100) {
            0..50 => self.put(),
            50..54 => self.set_type_options(),
            54..56 => self.set_options(),
            56..62 => self.wish(),
            62..65 => self.keep(),
            65..70 => self.tend(),
            70..72 => self.trim(),
            72..74 => self.note(),
            74..76 => self.ask_with_any_cursor(),
            76..78 => self.ask_for_a_list(),
            78..81 => self.query(),
            81..98 => {
                let room = Room {
                    count_max: 1 + self.rng.below(6) as usize,
                    bytes_max: self.rng.below(600) as usize,
                };
                let index = self.rng.below(self.consumers.len() as u64) as usize;
                self.consume(index, room);
            }
            _ => self.happen(),
        }
    }

    fn happen(&mut self) {
        match self.rng.below(40) {
            0 => self.promote(),
            1..3 => self.crash(),
            3 => self.write(
                |store, write| plain(store.clear(write)),
                |naive, when| {
                    naive.clear(when);
                    Ok(())
                },
            ),
            4..20 => self.remember(),
            _ => {}
        }
    }

    fn put(&mut self) {
        let data = vec![b'd'; self.rng.below(42) as usize];
        let count = 1 + self.rng.below(3) * self.rng.below(3) + u64::from(self.rng.once_in(200)) * 7;
        let ops: Vec<Op<'_>> = (0..count).map(|_| self.op(&data)).collect();
        let held = (!self.naive.leases.is_empty()).then(|| self.rng.pick(&self.naive.leases).clone());
        let fence = held.as_ref().filter(|_| self.step.is_multiple_of(8)).map(|held| Fence {
            lease: &held.name,
            token: held.token - u64::from(self.step.is_multiple_of(5)),
        });
        let naive_ops = ops.clone();
        self.write(
            |store, write| {
                store.put(write, fence, &ops).map(|(told, commit)| (done(told), commit)).map_err(text)
            },
            |naive, when| naive.put(when, fence, &naive_ops),
        );
    }

    fn op<'d>(&mut self, data: &'d [u8]) -> Op<'d> {
        let rng = &mut self.rng;
        let type_name = *rng.pick(&TYPES);
        let id = if rng.once_in(1_000) { b"longer than any name" } else { *rng.pick(&NAMES) };
        let action = match rng.below(5) {
            0 => Action::Delete,
            1 => Action::Set { data, ttl_ms: Some(rng.below(300)) },
            _ => Action::Set { data: data.get(..rng.below(5) as usize).unwrap_or(data), ttl_ms: None },
        };
        let version = self.naive.record(type_name, id, self.now).map_or(0, |told| told.version);
        let condition = match self.rng.below(16) {
            0 => Condition::Missing,
            1 => Condition::Exists,
            2 => Condition::Version(self.rng.below(self.naive.version + 1)),
            3..6 => Condition::Version(version),
            _ => Condition::Always,
        };
        Op { type_name, id, condition, action }
    }

    fn set_type_options(&mut self) {
        let (capacity, ttl) = (self.rng.below(6), self.rng.below(400));
        let patch = TypePatch { capacity: maybe(&mut self.rng, capacity), ttl_ms: maybe(&mut self.rng, ttl) };
        let type_name = *self.rng.pick(&TYPES);
        self.write(
            |store, write| plain(store.set_type_options(write, type_name, patch)),
            |naive, when| naive.set_type_options(when, type_name, patch),
        );
    }

    fn set_options(&mut self) {
        let (retain, changes, bytes) = (self.rng.below(3_000), self.rng.below(200), self.rng.below(200) * 80);
        let patch = StorePatch {
            retain_ms: maybe(&mut self.rng, retain),
            changes_max: Some(Some(changes)),
            bytes_max: maybe(&mut self.rng, bytes),
        };
        self.write(
            |store, write| plain(store.set_options(write, patch)),
            |naive, when| naive.set_options(when, patch),
        );
    }

    fn wish(&mut self) {
        let (name, holder) = (*self.rng.pick(&NAMES), *self.rng.pick(&NAMES[..2]));
        let (ttl_ms, again) = (self.rng.below(3) * self.rng.below(200), self.rng.once_in(2));
        self.write(
            |store, write| match again {
                true => store.try_lease(write, name, holder, ttl_ms).map_err(text),
                false => store.acquire(write, name, holder, ttl_ms).map_err(text),
            },
            |naive, when| naive.wish(when, name, holder, ttl_ms, again),
        );
    }

    fn keep(&mut self) {
        if self.naive.leases.is_empty() {
            return;
        }
        let held = self.rng.pick(&self.naive.leases).clone();
        let wrong = u64::from(self.rng.once_in(6));
        let held = Held { token: held.token - wrong, ..held };
        let ttl_ms = self.rng.once_in(2).then(|| self.rng.below(200));
        let (name, holder, token) = (held.name.as_slice(), held.holder.as_slice(), held.token);
        self.write(
            |store, write| match ttl_ms {
                Some(ttl_ms) => {
                    let renewed = store.renew(write, name, (holder, token), ttl_ms);
                    plain(renewed.map(|(_, commit)| commit))
                }
                None => plain(store.release(write, name, (holder, token))),
            },
            |naive, when| naive.keep(when, &held, ttl_ms),
        );
    }

    fn tend(&mut self) {
        let steps_max = self.rng.below(12) as usize;
        self.write(
            |store, write| plain(store.tend(write, steps_max)),
            |naive, when| {
                naive.tend(when, steps_max);
                Ok(())
            },
        );
    }

    fn trim(&mut self) {
        let trim = match self.rng.below(3) {
            0 => Trim::Version(
                self.naive.version.saturating_sub(self.rng.below(40)) + u64::from(self.rng.once_in(8)) * 41,
            ),
            1 => Trim::Before(self.now.saturating_sub(self.rng.below(400))),
            _ => Trim::Keep(self.rng.below(60)),
        };
        self.write(
            |store, write| store.trim(write, trim).map_err(text),
            |naive, when| naive.trim(when, trim),
        );
    }

    fn any_cursor(&mut self) -> Cursor {
        let known = self.epochs.len() as u64;
        let recent = self.epochs.iter().rev().take(4).nth(self.rng.below(4) as usize).copied();
        let epoch = match self.rng.below(6) {
            0 => None,
            1 => EpochId::new(77),
            2 if known > 0 => Some(*self.rng.pick(&self.epochs)),
            _ => recent,
        };
        let version = (self.naive.version + 2).saturating_sub(self.rng.below(20)) * self.rng.below(9).min(1);
        let seen = if self.rng.once_in(4) { version + self.rng.below(4) } else { version };
        Cursor { epoch, version, seen: seen.saturating_sub(u64::from(self.rng.once_in(50))) }
    }

    fn note(&mut self) {
        let name = *self.rng.pick(&NAMES);
        let cursor = (!self.rng.once_in(3)).then(|| self.any_cursor());
        self.write(
            |store, write| match cursor {
                Some(cursor) => plain(store.set_cursor(write, name, cursor)),
                None => plain(store.delete_cursor(write, name)),
            },
            |naive, when| naive.note(when, name, cursor),
        );
    }

    fn ask_with_any_cursor(&mut self) {
        let after = self.any_cursor();
        let types: Vec<&[u8]> = (0..self.rng.below(4)).map(|_| *self.rng.pick(&TYPES)).collect();
        let (count_max, bytes_max, latest) = (self.rng.below(9) as usize, 1_000, self.rng.once_in(2));
        let query = FeedQuery { after, types: &types, count_max, bytes_max, latest };
        let (store, view) = self.reader();
        let told = store.feed(&query, view.term).map(|page| {
            let changes: Vec<Told> = page.changes.iter().map(|change| Told::of(change)).collect();
            (changes, page.superseded, page.cursor, page.more)
        });
        let news = store.has_news(after.version, &types);
        match (told, self.naive.feed(&query, view.term)) {
            (Err(error), Err(word)) => assert!(error.to_string().starts_with(word), "{error} but {word}"),
            (told, expected) => {
                let expected = expected.map_err(|word| panic!("{told:?} but {word}")).unwrap();
                let told = told.expect("served");
                let is_of = |told: &&Told| types.is_empty() || types.contains(&told.type_name.as_slice());
                let any = self.naive.log.iter().filter(is_of).any(|told| told.version > after.version);
                assert_eq!(news, any);
                assert_eq!(told, expected);
            }
        }
    }

    fn ask_for_a_list(&mut self) {
        let (filter, wants) = *self.rng.pick(&FILTERS);
        let filter = Filter::parse(filter.as_bytes()).unwrap();
        let types: Vec<&[u8]> = (0..self.rng.below(4)).map(|_| *self.rng.pick(&TYPES)).collect();
        let from = ListCursor { at: self.any_cursor(), after: self.rng.below(self.naive.version + 2) };
        let room = Room { count_max: 1 + self.rng.below(5) as usize, bytes_max: 300 };
        let Room { count_max, bytes_max } = room;
        let query =
            ListQuery { from: Some(from), types: &types, filter: Some(&filter), count_max, bytes_max };
        let (store, view) = self.reader();
        let told = store.list(&query, view);
        match (told, self.naive.list(from, &types, wants, room, (view.now, view.term))) {
            (Err(error), Err(word)) => assert!(error.to_string().starts_with(word), "{error} but {word}"),
            (told, expected) => {
                let told = told.expect("served");
                let records: Vec<Told> = told.records.iter().map(|record| Told::of(record)).collect();
                assert_eq!(Ok((records, told.next)), expected);
            }
        }
    }

    fn query(&mut self) {
        let type_name = *self.rng.pick(&TYPES);
        let (text, wants) = *self.rng.pick(&FILTERS);
        let filter = Filter::parse(text.as_bytes()).unwrap();
        let contains =
            self.rng.once_in(2).then(|| *self.rng.pick(&[b"d".as_slice(), b"dddd", b"o", b"", b"10."]));
        let (offset, limit) = (self.rng.below(4) as usize, self.rng.below(5) as usize);
        let now = self.now - self.rng.below(300);
        let query =
            Query { type_name, filter: Some(&filter), contains, offset, limit, bytes_max: usize::MAX };
        let told = self.primary.query(&query, now).unwrap();
        let told: Vec<Told> = told.iter().map(|record| Told::of(record)).collect();
        let all = self.naive.query(type_name, wants, contains, now);
        let expected: Vec<Told> = all.into_iter().skip(offset).take(limit).collect();
        assert_eq!(told, expected);
    }
}
