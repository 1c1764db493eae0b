//! Commands that are handed over together.

use crate::connection::Place;
use crate::keys::{Access, Tail, lookup};
use crate::typed::{Typed, TypedError};

/// Which part of a source's history commands are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// They rebuild the snapshot.
    Snapshot,
    /// They happened at the source behind the snapshot.
    Streaming,
}

/// Commands to be applied together: a part of the snapshot, a live command, or a whole transaction.
///
/// A batch that is delivered is never empty. Its memory is used again for the next one.
#[derive(Debug, Clone)]
pub struct Batch {
    phase: Phase,
    bytes: Vec<u8>,
    /// Where each argument ends in `bytes`.
    ends: Vec<usize>,
    members: Vec<Member>,
}

#[derive(Debug, Clone, Copy)]
struct Member {
    db: u32,
    offset: u64,
    place: Place,
    /// How many arguments there are up to the last of this command.
    args: usize,
}

/// Where a command stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Whereabouts {
    /// The database it applies to.
    pub db: u32,
    /// The source's offset behind it; of a snapshot the offset that the snapshot is valid at.
    pub offset: u64,
    /// Whether it is part of a transaction.
    pub place: Place,
}

impl Batch {
    /// A batch without commands.
    pub fn new(phase: Phase) -> Self {
        Batch { phase, bytes: Vec::new(), ends: Vec::new(), members: Vec::new() }
    }

    /// Of which phase its commands are.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// How many commands there are.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there are none: never in one that is delivered.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Bytes of all names and arguments.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Adds a command, its name first. The name is kept in small letters.
    pub fn push<'a>(&mut self, at: Whereabouts, args: impl IntoIterator<Item = &'a [u8]>) {
        let name_begins = self.bytes.len();
        let first = self.ends.len();
        for arg in args {
            self.bytes.extend_from_slice(arg);
            self.ends.push(self.bytes.len());
        }
        if let Some(name_ends) = self.ends.get(first) {
            self.bytes[name_begins..*name_ends].make_ascii_lowercase();
            let Whereabouts { db, offset, place } = at;
            self.members.push(Member { db, offset, place, args: self.ends.len() });
        }
    }

    /// Removes all commands; those to come are of `phase`.
    pub fn clear(&mut self, phase: Phase) {
        self.phase = phase;
        self.bytes.clear();
        self.bytes.shrink_to(1 << 20);
        self.ends.clear();
        self.ends.shrink_to(1 << 16);
        self.members.clear();
        self.members.shrink_to(1 << 14);
    }

    /// The commands in the source's order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Entry<'_>> {
        (0..self.members.len()).map(|index| self.entry(index))
    }

    fn entry(&self, index: usize) -> Entry<'_> {
        let first = index.checked_sub(1).map_or(0, |before| self.members[before].args);
        let Member { db, offset, place, args } = self.members[index];
        Entry { batch: self, at: Whereabouts { db, offset, place }, first, end: args }
    }
}

/// One command of a [`Batch`].
#[derive(Clone, Copy)]
pub struct Entry<'b> {
    batch: &'b Batch,
    at: Whereabouts,
    first: usize,
    end: usize,
}

impl<'b> Entry<'b> {
    /// Database, offset and place together.
    pub fn whereabouts(&self) -> Whereabouts {
        self.at
    }

    /// The database it applies to.
    pub fn db(&self) -> u32 {
        self.at.db
    }

    /// The source's offset behind it; of a snapshot the offset that the snapshot is valid at.
    pub fn offset(&self) -> u64 {
        self.at.offset
    }

    /// Of which phase it is.
    pub fn phase(&self) -> Phase {
        self.batch.phase
    }

    /// The number of arguments, the name included: never 0.
    pub fn arg_count(&self) -> usize {
        self.end - self.first
    }

    /// The command's name in small letters.
    pub fn name(&self) -> &'b [u8] {
        self.arg(0).unwrap_or_default()
    }

    /// Argument `index`; the name is 0.
    pub fn arg(&self, index: usize) -> Option<&'b [u8]> {
        let at = self.first.checked_add(index).filter(|at| *at < self.end)?;
        let begin = at.checked_sub(1).map_or(0, |before| self.batch.ends[before]);
        Some(&self.batch.bytes[begin..self.batch.ends[at]])
    }

    /// All arguments as they came, the name first.
    pub fn args(&self) -> impl ExactSizeIterator<Item = &'b [u8]> + use<'b> {
        let entry = *self;
        (0..entry.arg_count()).map(move |index| entry.arg(index).unwrap_or_default())
    }

    /// The keys it names and what it does to each; None if they can't be told, because [`crate::keys`] does not know the
    /// command or its arguments don't say. `COPY .. DB` and `MOVE` write to a key of another database, too.
    pub fn keys(&self) -> Option<impl Iterator<Item = (&'b [u8], Access)> + use<'b>> {
        let keys = lookup(self.name())?.find(&Tail(self)).ok()?;
        let entry = *self;
        Some(keys.iter().map(move |(at, access)| (entry.arg(at + 1).unwrap_or_default(), access)))
    }

    /// The command, understood: parsed by this call, which copies nothing. See [`crate::typed`].
    ///
    /// # Errors
    /// A command that is modelled, with arguments that don't fit it.
    pub fn typed(&self) -> Result<Typed<'b>, TypedError> {
        Typed::parse(*self)
    }

    /// All arguments, owned.
    pub fn to_vec(&self) -> Vec<Vec<u8>> {
        self.args().map(<[u8]>::to_vec).collect()
    }
}

impl std::fmt::Debug for Entry<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "[{}] {}", self.at.db, self.at.offset)?;
        self.args().try_for_each(|arg| write!(out, " {}", arg.escape_ascii()))
    }
}
