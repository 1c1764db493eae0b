//! Which arguments of a command are keys, and what the command does to them.

use super::args::{Args, integer, is_word};

/// What a command does to a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Access {
    /// Reads it only.
    Read,
    /// Changes it, depending on what it holds.
    Update,
    /// Replaces it, whatever it holds; key flags `OW`.
    Overwrite,
    /// Deletes it, whatever it holds; key flags `RM`.
    Remove,
}

impl Access {
    /// Whether the key may be another afterwards.
    pub fn writes(self) -> bool {
        self != Access::Read
    }
}

/// The arguments of a command don't say where its keys are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the command's arguments do not say which keys it uses")]
pub struct Malformed;

/// Where keys are, counted from the first argument behind the command's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keys {
    /// There are none.
    None,
    /// The first argument.
    First(Access),
    /// The second argument.
    Second(Access),
    /// Every argument.
    All(Access),
    /// Every argument but the last.
    AllButLast(Access),
    /// Every second argument, from the first on.
    Pairs(Access),
    /// The first two arguments.
    FirstTwo(Access, Access),
    /// A destination, then keys that are read.
    FirstThenRest(Access),
    /// A word, a destination, then keys that are read.
    SecondThenRest(Access),
    /// A count at this place, then that many keys, one every `step` arguments.
    Counted {
        /// Where the count is.
        at: u8,
        /// From one key to the next.
        step: u8,
        /// What is done to each.
        access: Access,
    },
    /// A destination, a count, that many keys that are read.
    FirstThenCounted(Access),
    /// A key that is read, and the destination behind STORE.
    Sort,
    /// A key that is read, and the destination behind STORE or STOREDIST among the options from this place on.
    Geo {
        /// Where the options begin.
        options: u8,
    },
}

/// The key arguments of one command: at most two runs of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyArgs {
    runs: [Run; 2],
}

/// Small, because it is made and copied for every command; no command has 2^32 arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Run {
    from: u32,
    count: u32,
    step: u8,
    access: Access,
}

fn small(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

const NO_RUN: Run = Run { from: 0, count: 0, step: 1, access: Access::Read };

/// Goes through [`KeyArgs`]: argument index (the name not counted) and access.
pub type KeyArgsIter = std::iter::Chain<RunIter, RunIter>;

/// Goes through one run of keys.
#[derive(Debug, Clone)]
pub struct RunIter {
    run: Run,
}

impl Iterator for RunIter {
    type Item = (usize, Access);

    #[inline]
    fn next(&mut self) -> Option<(usize, Access)> {
        self.run.count = self.run.count.checked_sub(1)?;
        let at = self.run.from;
        self.run.from = at.saturating_add(u32::from(self.run.step));
        Some((at as usize, self.run.access))
    }
}

impl KeyArgs {
    /// No key.
    pub const NONE: KeyArgs = KeyArgs { runs: [NO_RUN; 2] };

    /// The one at `at`.
    #[inline]
    pub fn one(at: u32, access: Access) -> KeyArgs {
        KeyArgs { runs: [Run { from: at, count: 1, step: 1, access }, NO_RUN] }
    }

    /// `count` of them, every `step` arguments from `from` on.
    pub fn run(from: usize, count: usize, step: u8, access: Access) -> KeyArgs {
        KeyArgs { runs: [Run { from: small(from), count: small(count), step, access }, NO_RUN] }
    }

    /// And `count` in a row from `from` on, in place of the second run.
    #[must_use]
    pub fn and(mut self, from: usize, count: usize, access: Access) -> KeyArgs {
        self.runs[1] = Run { from: small(from), count: small(count), step: 1, access };
        self
    }

    /// Each key argument in turn.
    #[inline]
    pub fn iter(&self) -> KeyArgsIter {
        RunIter { run: self.runs[0] }.chain(RunIter { run: self.runs[1] })
    }

    /// How many of them are only read: the work of a command that puts them together.
    pub fn read(&self) -> usize {
        let read = self.runs.iter().filter(|run| run.access == Access::Read);
        read.map(|run| run.count as usize).sum()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.runs[0].count as usize + self.runs[1].count as usize
    }

    /// Whether the command names no key.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Keys {
    /// The keys among `args`, which don't hold the name.
    ///
    /// # Errors
    /// The arguments don't say.
    #[inline]
    pub fn find<A: Args + ?Sized>(self, args: &A) -> Result<KeyArgs, Malformed> {
        match self {
            Keys::First(access) => Ok(KeyArgs::one(0, access)),
            other => other.find_many(args),
        }
    }

    fn find_many<A: Args + ?Sized>(self, args: &A) -> Result<KeyArgs, Malformed> {
        let count = args.arg_count();
        Ok(match self {
            Keys::None => KeyArgs::NONE,
            Keys::First(access) => KeyArgs::one(0, access),
            Keys::Second(access) => KeyArgs::one(1, access),
            Keys::All(access) => KeyArgs::run(0, count, 1, access),
            Keys::AllButLast(access) => KeyArgs::run(0, count.saturating_sub(1), 1, access),
            Keys::Pairs(_) if !count.is_multiple_of(2) => return Err(Malformed),
            Keys::Pairs(access) => KeyArgs::run(0, count / 2, 2, access),
            Keys::FirstTwo(one, other) => KeyArgs::one(0, one).and(1, 1, other),
            Keys::FirstThenRest(access) => {
                KeyArgs::one(0, access).and(1, count.saturating_sub(1), Access::Read)
            }
            Keys::SecondThenRest(access) => {
                KeyArgs::one(1, access).and(2, count.saturating_sub(2), Access::Read)
            }
            Keys::Counted { at, step, access } => {
                let at = usize::from(at);
                KeyArgs::run(at + 1, counted(args, at, usize::from(step))?, step, access)
            }
            Keys::FirstThenCounted(access) => {
                KeyArgs::one(0, access).and(2, counted(args, 1, 1)?, Access::Read)
            }
            Keys::Sort => with_destination(sort_store(args)?),
            Keys::Geo { options } => with_destination(geo_store(args, usize::from(options))?),
        })
    }
}

fn with_destination(store: Option<usize>) -> KeyArgs {
    let read = KeyArgs::one(0, Access::Read);
    store.map_or(read, |at| read.and(at, 1, Access::Overwrite))
}

/// The count at `at`, if that many keys (with what belongs to each) follow it.
fn counted<A: Args + ?Sized>(args: &A, at: usize, step: usize) -> Result<usize, Malformed> {
    let count =
        integer(args.arg(at)).and_then(|count| usize::try_from(count).ok()).filter(|count| *count > 0);
    let room = args.arg_count().saturating_sub(at + 1);
    count.filter(|count| count.checked_mul(step).is_some_and(|all| all <= room)).ok_or(Malformed)
}

/// The place of SORT's destination: of several STORE the last counts (`sortCommandGeneric`, sort.c).
fn sort_store<A: Args + ?Sized>(args: &A) -> Result<Option<usize>, Malformed> {
    let (mut at, mut store) = (1, None);
    while at < args.arg_count() {
        at += match args.arg(at).to_ascii_uppercase().as_slice() {
            b"ASC" | b"DESC" | b"ALPHA" => 1,
            b"LIMIT" => 3,
            b"BY" | b"GET" => 2,
            b"STORE" => {
                store = Some(at + 1);
                2
            }
            _ => return Err(Malformed),
        };
    }
    if at == args.arg_count() { Ok(store) } else { Err(Malformed) }
}

/// The place of GEORADIUS's destination: of several the last counts (`georadiusGeneric`, geo.c).
fn geo_store<A: Args + ?Sized>(args: &A, options: usize) -> Result<Option<usize>, Malformed> {
    let (mut at, mut store) = (options, None);
    while at < args.arg_count() {
        at += match args.arg(at).to_ascii_uppercase().as_slice() {
            b"WITHDIST" | b"WITHHASH" | b"WITHCOORD" | b"ANY" | b"ASC" | b"DESC" => 1,
            b"COUNT" => 2,
            b"STORE" | b"STOREDIST" => {
                store = Some(at + 1);
                2
            }
            _ => return Err(Malformed),
        };
    }
    if at == args.arg_count() { Ok(store) } else { Err(Malformed) }
}

/// Whether SORT reads keys that only its patterns name.
pub fn sort_reads_patterns<A: Args + ?Sized>(args: &A) -> bool {
    let reads = |at: usize| {
        let by = is_word(args, at, "BY") && args.arg(at + 1).contains(&b'*');
        by || (is_word(args, at, "GET") && args.arg(at + 1) != b"#")
    };
    (1..args.arg_count()).any(reads)
}
