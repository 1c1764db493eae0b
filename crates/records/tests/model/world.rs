//! A primary, its replica and the naive store, through the same operations, failovers and crashes.

use record_store::{Commit, Cursor, EpochId, Limits, Loader, Store, View, Write};

use crate::consumer::Consumer;
use crate::naive::{Naive, Told, When};
use crate::rng::Rng;

pub const TYPES: [&[u8]; 5] = [b"a", b"b", b"a/b", b"network", b"z"];
pub const NAMES: [&[u8]; 6] = [b"one", b"two", b"b/c", b"10.1.2.3", b"10.9.0.0/16", b"fd00::1"];

pub fn limits() -> Limits {
    Limits {
        name_bytes_max: 16,
        data_bytes_max: 40,
        batch_ops_max: 6,
        types_max: 4,
        leases_max: 3,
        cursors_max: 3,
    }
}

/// Who was where at some time before, to be gone back to.
pub struct Past {
    store: Store,
    naive: Naive,
    truth: Vec<u64>,
}

pub struct World {
    pub seed: u64,
    pub step: u64,
    pub rng: Rng,
    pub now: u64,
    /// The latest that the clock has shown.
    pub latest: u64,
    pub term: u64,
    pub primary: Store,
    pub naive: Naive,
    replica: Store,
    /// For each version a number that no other change of any history has.
    pub truth: Vec<u64>,
    serial: u64,
    past: Option<Past>,
    /// All that there have ever been.
    pub epochs: Vec<EpochId>,
    pub consumers: Vec<Consumer>,
    pub counts: Counts,
}

/// That the test meets what it is about.
#[derive(Debug, Default)]
pub struct Counts {
    pub crashes: u64,
    pub lost: u64,
    pub epoch_errors: u64,
    pub compacted: u64,
    pub went_on: u64,
    pub pages: u64,
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("seed {} step {}: {:?}", self.seed, self.step, self.counts);
        }
    }
}

pub fn dump(store: &Store) -> Vec<u8> {
    let chunks: Vec<Vec<u8>> = store.dump(usize::MAX).collect();
    chunks.concat()
}

impl World {
    pub fn new(seed: u64) -> World {
        let consumers = (0..6).map(|index| Consumer::new(index, &TYPES)).collect();
        World {
            seed,
            step: 0,
            rng: Rng(seed),
            now: 1_000_000,
            latest: 0,
            term: 1,
            primary: Store::new(),
            naive: Naive::new(limits()),
            replica: Store::new(),
            truth: Vec::new(),
            serial: 0,
            past: None,
            epochs: Vec::new(),
            consumers,
            counts: Counts::default(),
        }
    }

    /// A write of both stores; what they say must agree.
    pub fn write<T: PartialEq + std::fmt::Debug>(
        &mut self,
        store: impl FnOnce(&mut Store, &Write<'_>) -> Result<(T, Commit), String>,
        naive: impl FnOnce(&mut Naive, When) -> Result<T, String>,
    ) {
        let fresh = EpochId::new(self.rng.next() | 1).unwrap();
        let before = dump_if(&self.primary, self.step.is_multiple_of(128));
        let write = Write { now: self.now, term: self.term, fresh_epoch: &|| fresh, limits: &limits() };
        let told = store(&mut self.primary, &write);
        let expected = naive(&mut self.naive, When { now: self.now, term: self.term, fresh });
        match (told, expected) {
            (Ok((told, commit)), Ok(expected)) => {
                assert_eq!(told, expected);
                self.replicate(&commit);
            }
            (Err(told), Err(expected)) => {
                assert!(told.starts_with(&expected), "{told} but {expected}");
                assert_eq!(before, dump_if(&self.primary, before.is_some()), "refused without a trace");
            }
            (told, expected) => panic!("{:?} but {expected:?}", told.map(|(told, _)| told)),
        }
    }

    fn replicate(&mut self, commit: &Commit) {
        if commit.begins_epoch() {
            self.epochs.extend(self.primary.versions().epoch);
        }
        while (self.truth.len() as u64) < self.primary.version() {
            self.serial += 1;
            self.truth.push(self.serial);
        }
        let versions: Vec<u64> = commit.changes().map(|change| change.version()).collect();
        let clears = u64::from(commit.clears());
        let contiguous: Vec<u64> = (commit.base + 1..=self.primary.version() - clears).collect();
        assert_eq!(versions, contiguous);
        if commit.is_empty() {
            return;
        }
        let bytes = commit.encode();
        let read = Commit::decode(&bytes, &self.replica).expect("what was encoded");
        assert_eq!(read, *commit);
        self.replica.apply(&read).expect("what was decided");
    }

    /// Everything that can be read agrees with the naive store.
    pub fn compare(&self) {
        let (store, naive) = (&self.primary, &self.naive);
        let versions = store.versions();
        assert_eq!(versions.version, naive.version);
        assert_eq!(versions.compact_version, naive.compact_version);
        assert_eq!(versions.epoch, naive.epochs.last().map(|(id, _)| *id));
        assert_eq!(versions.earliest_change, naive.log.first().map(|told| told.version));
        assert_eq!(store.last_time(), naive.last_time);
        assert_eq!(store.options(), naive.options);
        assert_eq!(store.records(), naive.records.len());
        assert_eq!(store.changes(), naive.log.len());
        assert_eq!(store.log_cost() as u64, naive.log.iter().map(Told::cost).sum::<u64>());
        for type_name in TYPES {
            assert_eq!(store.type_options(type_name), naive.type_option(type_name));
            let count = naive.records.iter().filter(|told| told.type_name == type_name).count();
            let told = store.types().find(|(name, _)| *name == type_name).map_or(0, |(_, count)| count);
            assert_eq!(told, count);
            for id in NAMES {
                let told = store.get(type_name, id, self.now).map(|record| Told::of(record));
                assert_eq!(told.as_ref(), naive.record(type_name, id, self.now));
            }
        }
        for name in NAMES {
            let told = store.lease(name, self.now);
            let told = told.map(|lease| (lease.holder.to_vec(), lease.token, lease.expires_at));
            let held = naive.lease(name, self.now).map(|held| (held.holder.clone(), held.token, held.end));
            assert_eq!(told, held);
        }
        let mut cursors: Vec<(&[u8], Cursor)> =
            naive.cursors.iter().map(|(name, cursor)| (name.as_slice(), *cursor)).collect();
        cursors.sort_by_key(|(name, _)| *name);
        assert_eq!(store.cursors().collect::<Vec<_>>(), cursors);
        let due = self.due();
        assert_eq!(store.next_due(), due);
    }

    fn due(&self) -> Option<u64> {
        let naive = &self.naive;
        let ends = naive.records.iter().filter_map(|told| told.end);
        let ends = ends.chain(naive.leases.iter().map(|held| held.end));
        let old = naive.log.first().zip(naive.options.retain_ms).map(|(told, retain)| told.at + retain + 1);
        ends.chain(old).min()
    }

    pub fn check_replica(&self) {
        assert_eq!(dump(&self.primary), dump(&self.replica));
    }

    /// The store once more, of chunks of any size.
    pub fn reload(&mut self) -> Store {
        let chunk_bytes = self.rng.below(200) as usize;
        let mut loader = Loader::new();
        for chunk in self.primary.dump(chunk_bytes) {
            loader.feed(&chunk).expect("what was dumped");
        }
        let loaded = loader.finish().expect("all of it");
        assert_eq!(dump(&loaded), dump(&self.primary));
        let mut replaced = self.replica.fork();
        for chunk in loaded.dump(chunk_bytes / 2) {
            replaced.load_chunk(&chunk).expect("what was dumped");
        }
        assert_eq!(dump(&replaced), dump(&self.primary));
        loaded
    }

    pub fn fork(&mut self) {
        let mut copy = self.primary.fork();
        let before = dump(&self.primary);
        assert_eq!(dump(&copy), before);
        let fresh = EpochId::new(self.rng.next() | 1).unwrap();
        let write = Write { now: self.now, term: self.term, fresh_epoch: &|| fresh, limits: &limits() };
        let commit = copy.clear(&write).unwrap();
        assert!(commit.begins_epoch() && commit.clears());
        assert_eq!(copy.records() + copy.changes(), 0);
        assert_eq!(dump(&self.primary), before, "a copy is on its own");
    }

    /// An orderly end: another server goes on with everything.
    pub fn promote(&mut self) {
        let store = if self.rng.once_in(2) { self.reload() } else { self.replica.fork() };
        self.replica = std::mem::replace(&mut self.primary, store);
        self.enter_term();
    }

    fn enter_term(&mut self) {
        self.term += 1;
        self.naive.term = None;
    }

    pub fn remember(&mut self) {
        let (store, naive) = (self.replica.fork(), self.naive.clone());
        self.past = Some(Past { store, naive, truth: self.truth.clone() });
    }

    /// What came since is lost: a replica that lagged behind goes on.
    pub fn crash(&mut self) {
        let Some(past) = self.past.take() else { return };
        self.counts.crashes += 1;
        self.counts.lost += self.naive.version - past.naive.version;
        self.primary = past.store;
        self.replica = self.primary.fork();
        self.naive = past.naive;
        self.truth = past.truth;
        self.enter_term();
    }

    /// Primary or replica, and how it is asked.
    pub fn reader(&mut self) -> (&Store, View) {
        let replica = self.rng.once_in(3);
        let term = (!replica).then_some(self.term);
        let view = View { now: self.now, term };
        (if replica { &self.replica } else { &self.primary }, view)
    }
}

fn dump_if(store: &Store, wanted: bool) -> Option<Vec<u8>> {
    wanted.then(|| dump(store))
}
