//! What planning leaves behind for a status report. Every list is bounded: names come from the source.

use crate::command::RefusedReason;

const REFUSED_NAMES_MAX: usize = 64;
const NAME_BYTES_MAX: usize = 64;
/// So many keys of each kind of loss: a common one must not hide the others.
const LOST_KEYS_MAX: usize = 64;
const KEY_BYTES_MAX: usize = 512;

/// How often a command was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedCount {
    /// The command's name in small letters, at most 64 bytes of it. The source chose it: strip it before showing it.
    pub name: Vec<u8>,
    /// Why.
    pub reason: RefusedReason,
    /// How often.
    pub count: u64,
}

/// What a value lost because this server can't hold it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Loss {
    /// Fields that expire: Redis before 7.4, Valkey before 9.0.
    #[error("this server has no expiry of hash fields")]
    FieldExpiry,
    /// A stream's idempotency state: only Redis 8.6 and later.
    #[error("this server keeps no idempotency state of streams")]
    StreamIdempotency,
    /// Numbers or times in a stream that older servers guess: Redis before 7.2.
    #[error("this server keeps less of a stream's consumers and counters")]
    StreamDetails,
    /// A value of another module's own type.
    #[error("values of other modules are not mirrored")]
    ModuleValue,
    /// A record store as a later version of this module writes it.
    #[error("the record store has a newer format: load the version of this module that the source has")]
    NewerRecords,
    /// A value that breaks a rule of its format: it never reaches this server.
    #[error("the source's value is malformed")]
    Malformed,
    /// A value beyond the limits: it is never held here.
    #[error("the source's value is too large, its {what} of {got} is above {limit}: raise mirror.unit-max")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// How large it is at least.
        got: u64,
        /// The limit.
        limit: u64,
    },
}

/// A key that is not exact here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LostKey {
    /// Local db.
    pub db: u32,
    /// Local name, at most 512 bytes of it.
    pub key: Vec<u8>,
    /// What it lacks.
    pub loss: Loss,
}

/// Totals since the planner was made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counters {
    /// Commands seen.
    pub commands: u64,
    /// Of these, applied in some form.
    pub planned: u64,
    /// Of these, without effect in scope.
    pub filtered: u64,
    /// Of these, refused.
    pub refused: u64,
    /// Keys sent to be fetched again.
    pub refetched_keys: u64,
    /// Units not applied because they had passed through this server.
    pub looped_units: u64,
    /// Snapshot values planned.
    pub snapshot_keys: u64,
    /// Snapshot values out of scope.
    pub snapshot_filtered: u64,
    /// Losses, also of keys that [`Counters::lost_keys`] has no room for.
    pub losses: u64,
    refused_names: Vec<RefusedCount>,
    lost_keys: Vec<LostKey>,
}

impl Counters {
    /// Refused commands by name; the first 64 names met.
    pub fn refused_names(&self) -> &[RefusedCount] {
        &self.refused_names
    }

    /// Keys that are not exact here; of each kind of loss the first 64 met since they were last taken.
    pub fn lost_keys(&self) -> &[LostKey] {
        &self.lost_keys
    }

    /// Hands the list over and makes room for more.
    pub fn take_lost_keys(&mut self) -> Vec<LostKey> {
        std::mem::take(&mut self.lost_keys)
    }

    pub(crate) fn refuse(&mut self, name: &[u8], reason: RefusedReason) {
        self.refused += 1;
        let name = &name[..name.len().min(NAME_BYTES_MAX)];
        let same = |row: &&mut RefusedCount| row.name.eq_ignore_ascii_case(name) && row.reason == reason;
        let has_room = self.refused_names.len() < REFUSED_NAMES_MAX;
        match self.refused_names.iter_mut().find(same) {
            Some(row) => row.count += 1,
            None if has_room => {
                self.refused_names.push(RefusedCount { name: name.to_ascii_lowercase(), reason, count: 1 });
            }
            None => {}
        }
    }

    pub(crate) fn lose(&mut self, db: u32, (front, back): (&[u8], &[u8]), loss: Loss) {
        self.losses += 1;
        let kind = std::mem::discriminant(&loss);
        if self.lost_keys.iter().filter(|lost| std::mem::discriminant(&lost.loss) == kind).count()
            < LOST_KEYS_MAX
        {
            let front = &front[..front.len().min(KEY_BYTES_MAX)];
            let key = [front, &back[..back.len().min(KEY_BYTES_MAX - front.len())]].concat();
            let lost = LostKey { db, key, loss };
            if !self.lost_keys.contains(&lost) {
                self.lost_keys.push(lost);
            }
        }
    }
}
