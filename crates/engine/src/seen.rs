//! The keys that a snapshot contained, in bounded memory: what isn't among them is swept.
//!
//! Each key is kept as a 128-bit keyed hash. Up to a limit the hashes lie in a table; then they are sorted and handed to
//! the caller as a run to store (this crate does no IO). A run keeps one hash per page in memory, so that a look-up
//! reads one page of it.
//!
//! ```text
//! table  { h h h .. }                    up to table_max hashes
//! run 0  [ page | page | page .. ]       PAGE sorted hashes each, stored by the caller
//!          ^fence ^fence ^fence          the first of each page, in memory
//! ```
//!
//! Two keys with equal hashes (2^-128 for a pair, with keys the source doesn't know) would spare one from the sweep.

use std::hash::{BuildHasherDefault, Hasher};

use hashbrown::HashSet;
use siphasher::sip128::{Hasher128, SipHasher13};

#[cfg(test)]
mod tests;

/// Hashes in one page of a run: 4 KiB.
pub const PAGE: usize = 256;

/// Where runs are stored.
pub trait Spill {
    /// Why storing failed.
    type Error;

    /// Stores a run of sorted hashes as number `run`; runs are numbered from 0 in the order they come.
    fn write_run(&mut self, run: usize, hashes: &[u128]) -> Result<(), Self::Error>;

    /// Reads the hashes of run `run` from `first` on into all of `out`.
    fn read(&mut self, run: usize, first: usize, out: &mut [u128]) -> Result<(), Self::Error>;
}

/// The hashes are random already.
#[derive(Default)]
struct LowBits(u64);

impl Hasher for LowBits {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.0 = self.0.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u128(&mut self, hash: u128) {
        self.0 = hash as u64;
    }
}

#[derive(Debug)]
struct Run {
    fences: Vec<u128>,
    len: usize,
}

/// The set of keys seen.
#[derive(Debug)]
pub struct SeenKeys<S> {
    secret: [u8; 16],
    table: HashSet<u128, BuildHasherDefault<LowBits>>,
    table_max: usize,
    runs: Vec<Run>,
    spill: S,
}

impl<S: Spill> SeenKeys<S> {
    /// An empty set. `secret` must be random and unknown to the source; `table_max` hashes of 16 bytes stay in memory
    /// before they are spilled.
    pub fn new(secret: [u8; 16], table_max: usize, spill: S) -> Self {
        SeenKeys { secret, table: HashSet::default(), table_max: table_max.max(1), runs: Vec::new(), spill }
    }

    /// Adds a key of the snapshot.
    pub fn insert(&mut self, db: u32, key: &[u8]) -> Result<(), S::Error> {
        self.table.insert(self.hash(db, key));
        if self.table.len() >= self.table_max { self.spill_table() } else { Ok(()) }
    }

    /// Whether the snapshot contained the key.
    pub fn contains(&mut self, db: u32, key: &[u8]) -> Result<bool, S::Error> {
        let hash = self.hash(db, key);
        if self.table.contains(&hash) {
            return Ok(true);
        }
        for run in 0..self.runs.len() {
            if self.run_contains(run, hash)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// How many runs were spilled.
    pub fn runs(&self) -> usize {
        self.runs.len()
    }

    /// Gives the storage back, to be removed.
    pub fn into_spill(self) -> S {
        self.spill
    }

    fn hash(&self, db: u32, key: &[u8]) -> u128 {
        let mut hasher = SipHasher13::new_with_key(&self.secret);
        hasher.write(&db.to_le_bytes());
        hasher.write(key);
        hasher.finish128().as_u128()
    }

    fn spill_table(&mut self) -> Result<(), S::Error> {
        let mut hashes: Vec<u128> = self.table.iter().copied().collect();
        hashes.sort_unstable();
        self.spill.write_run(self.runs.len(), &hashes)?;
        let fences = hashes.iter().step_by(PAGE).copied().collect();
        self.runs.push(Run { fences, len: hashes.len() });
        self.table.clear();
        Ok(())
    }

    fn run_contains(&mut self, number: usize, hash: u128) -> Result<bool, S::Error> {
        let run = &self.runs[number];
        let Some(page) = run.fences.partition_point(|fence| *fence <= hash).checked_sub(1) else {
            return Ok(false);
        };
        let first = page * PAGE;
        let mut hashes = [0; PAGE];
        let hashes = &mut hashes[..PAGE.min(run.len - first)];
        self.spill.read(number, first, hashes)?;
        Ok(hashes.binary_search(&hash).is_ok())
    }
}
