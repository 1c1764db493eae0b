//! The position that is stored with the data it covers: the format of `MIRROR.CHECKPOINT` and of the saved state.
//!
//! As arguments (behind the command's name):
//!
//! ```text
//! 0 format    "1", or "2" when an origin's names are not what they were
//! 1 name      of the mirror
//! 2 state     "created" | "resyncing" | "streaming"
//! 3 replid    40 letters and digits, or "-" without a position
//! 4 offset    end of the last applied unit, decimal; "0" without a position
//! 5 db        selected at the source there, decimal
//! 6 origins   replication ids joined by ",", or "-"
//! 7 counters  full resyncs, partial resyncs, forked histories: decimals joined by ","
//! 8 maps      format 2 only: what has become of each origin's names, joined by "," (crate::origins)
//! 8.. or 9..  keys under repair: local db, local key, local db, ..; behind a "+" those alone that came to the keys
//!             of the checkpoint before
//! ```
//!
//! Arguments 0 to 6 keep their places in every later format, so that a mirror of a newer server can still read the
//! origins of its units: a reader of format 1 takes those of format 2 for unchanged names and drops what comes back to
//! it, as it always did. The saved form is the same list, each item behind its length (u32, little endian), the number
//! of items first. A later format number refuses the load: guessing at a position would lose or repeat writes.

use crate::args::{Args, integer};
use crate::definition::{DB_MAX, NAME_BYTES_MAX};
use crate::origins::{Origin, decode_maps, encode_maps};
use crate::planner::ORIGINS_MAX;
use redis_replica::{Position, ReplId};

#[cfg(test)]
mod tests;

const ORIGINS_AT: usize = 6;
const MAPS_AT: usize = 8;

/// The formats that this version reads, and writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    /// Every origin's names are what they were.
    Unmoved,
    /// With the origins' maps.
    Moved,
}

impl Format {
    fn of(origins: &[Origin]) -> Format {
        if origins.iter().all(|origin| origin.moved.is_none()) { Format::Unmoved } else { Format::Moved }
    }

    fn number(self) -> &'static [u8] {
        match self {
            Format::Unmoved => b"1",
            Format::Moved => b"2",
        }
    }

    fn read(number: &[u8]) -> Option<Format> {
        [Format::Unmoved, Format::Moved].into_iter().find(|format| format.number() == number)
    }

    /// The items in front of the keys under repair.
    fn head(self) -> usize {
        match self {
            Format::Unmoved => MAPS_AT,
            Format::Moved => MAPS_AT + 1,
        }
    }
}

/// The most keys under repair that a checkpoint holds.
pub const PENDING_KEYS_MAX: usize = 4096;
/// The most bytes that their names take together.
pub const PENDING_BYTES_MAX: usize = 4 << 20;

/// In front of keys that come to those of the checkpoint before.
const ADDED: &[u8] = b"+";

/// How far the mirror has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum State {
    /// Never synchronised.
    #[default]
    Created,
    /// A snapshot is being laid over the data: there is no position to go on from.
    Resyncing,
    /// The data equals the source's at the position, but for keys under repair.
    Streaming,
}

/// Counters that outlive a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Full resyncs begun.
    pub full_resyncs: u64,
    /// Partial resyncs.
    pub partial_resyncs: u64,
    /// Full resyncs because the source's history had forked.
    pub history_forks: u64,
}

/// A mirror's state at the end of a unit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Checkpoint {
    /// How far it has come.
    pub state: State,
    /// Where to go on from; none until the first snapshot is complete.
    pub position: Option<Position>,
    /// The servers that the unit has passed through, the source last.
    pub origins: Vec<Origin>,
    /// Local (db, key) pairs whose values wait to be fetched.
    pub pending: Vec<(u32, Vec<u8>)>,
    /// Counters.
    pub totals: Totals,
}

/// Why a checkpoint can't be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// Written by a newer version of this module.
    #[error("the checkpoint has a format this version does not know: load the module version that wrote it")]
    NewerFormat,
    /// Not what this module writes.
    #[error("the checkpoint is damaged: {what}")]
    Damaged {
        /// Which part.
        what: &'static str,
    },
}

fn damaged(what: &'static str) -> CheckpointError {
    CheckpointError::Damaged { what }
}

impl State {
    fn word(self) -> &'static str {
        match self {
            State::Created => "created",
            State::Resyncing => "resyncing",
            State::Streaming => "streaming",
        }
    }

    fn read(word: &[u8]) -> Result<State, CheckpointError> {
        [State::Created, State::Resyncing, State::Streaming]
            .into_iter()
            .find(|state| state.word().as_bytes() == word)
            .ok_or(damaged("its state"))
    }
}

impl Checkpoint {
    /// The arguments of `MIRROR.CHECKPOINT` for the mirror called `name`.
    pub fn encode(&self, name: &[u8]) -> Vec<Vec<u8>> {
        let mut out = self.encode_head(name);
        put_pending(&mut out, &self.pending);
        out
    }

    /// The same with the keys alone that have come to those of the checkpoint before.
    pub fn encode_added(&self, name: &[u8], added: &[(u32, Vec<u8>)]) -> Vec<Vec<u8>> {
        let mut out = self.encode_head(name);
        out.push(ADDED.to_vec());
        put_pending(&mut out, added);
        out
    }

    /// Adds the keys of the checkpoint before to those that [`Checkpoint::encode_added`] wrote.
    pub fn keep_pending(&mut self, before: &Checkpoint) {
        self.pending.extend(before.pending.iter().cloned());
        self.pending.sort_unstable();
        self.pending.dedup();
    }

    fn encode_head(&self, name: &[u8]) -> Vec<Vec<u8>> {
        let number = |number: u64| number.to_string().into_bytes();
        let Totals { full_resyncs, partial_resyncs, history_forks } = self.totals;
        let format = Format::of(&self.origins);
        let mut out = vec![
            format.number().to_vec(),
            name.to_vec(),
            self.state.word().into(),
            self.position.map_or(b"-".to_vec(), |position| position.replid.as_bytes().to_vec()),
            number(self.position.map_or(0, |position| position.offset)),
            number(self.position.map_or(0, |position| u64::from(position.db))),
            encode_ids(&self.origins),
            format!("{full_resyncs},{partial_resyncs},{history_forks}").into_bytes(),
        ];
        if format == Format::Moved {
            out.push(encode_maps(&self.origins));
        }
        out
    }

    /// Reads the arguments of `MIRROR.CHECKPOINT`: the mirror's name and its state.
    pub fn decode<A: Args + ?Sized>(args: &A) -> Result<(Vec<u8>, Checkpoint), CheckpointError> {
        if args.arg_count() == 0 {
            return Err(damaged("it is empty"));
        }
        let format = Format::read(args.arg(0)).ok_or(CheckpointError::NewerFormat)?;
        let keys_at = format.head() + usize::from(is_added(args, format));
        if args.arg_count() < keys_at || !(args.arg_count() - keys_at).is_multiple_of(2) {
            return Err(damaged("its length"));
        }
        let name = args.arg(1);
        if name.is_empty() || name.len() > NAME_BYTES_MAX {
            return Err(damaged("its name"));
        }
        let checkpoint = Checkpoint {
            state: State::read(args.arg(2))?,
            position: decode_position(args)?,
            origins: read_origins(args)?,
            pending: decode_pending(args, keys_at)?,
            totals: decode_totals(args.arg(7))?,
        };
        Ok((name.to_vec(), checkpoint))
    }

    /// The saved form.
    pub fn encode_binary(&self, name: &[u8]) -> Vec<u8> {
        let items = self.encode(name);
        let mut out = length(items.len());
        for item in items {
            out.extend(length(item.len()));
            out.extend(item);
        }
        out
    }

    /// Reads the saved form.
    pub fn decode_binary(bytes: &[u8]) -> Result<(Vec<u8>, Checkpoint), CheckpointError> {
        let (count, mut rest) = take_length(bytes)?;
        if count > Format::Moved.head() + 2 * PENDING_KEYS_MAX {
            return Err(damaged("its number of items"));
        }
        let mut items: Vec<&[u8]> = Vec::with_capacity(count);
        for _ in 0..count {
            let (size, behind) = take_length(rest)?;
            let (item, behind) = behind.split_at_checked(size).ok_or(damaged("it ends too early"))?;
            items.push(item);
            rest = behind;
        }
        if rest.is_empty() {
            Checkpoint::decode(items.as_slice())
        } else {
            Err(damaged("bytes behind its end"))
        }
    }
}

/// Whether a checkpoint names those keys under repair alone that came to the ones before: [`Checkpoint::keep_pending`].
pub fn names_added_keys<A: Args + ?Sized>(args: &A) -> bool {
    Format::read(args.arg(0)).is_some_and(|format| is_added(args, format))
}

fn is_added<A: Args + ?Sized>(args: &A, format: Format) -> bool {
    args.arg_count() > format.head()
        && (args.arg_count() - format.head()) % 2 == 1
        && args.arg(format.head()) == ADDED
}

fn put_pending(out: &mut Vec<Vec<u8>>, pending: &[(u32, Vec<u8>)]) {
    for (db, key) in pending {
        out.extend([db.to_string().into_bytes(), key.clone()]);
    }
}

/// The origins that a checkpoint of any format names; with unchanged names where the format isn't known.
pub(crate) fn read_origins<A: Args + ?Sized>(args: &A) -> Result<Vec<Origin>, CheckpointError> {
    let ids = read_ids(args)?;
    match Format::read(args.arg(0)) {
        Some(Format::Moved) => decode_maps(ids, args.arg(MAPS_AT)).ok_or(damaged("its origins' maps")),
        _ => Ok(ids.into_iter().map(Origin::unmoved).collect()),
    }
}

fn read_ids<A: Args + ?Sized>(args: &A) -> Result<Vec<ReplId>, CheckpointError> {
    if args.arg_count() <= ORIGINS_AT {
        return Err(damaged("its length"));
    }
    let text = args.arg(ORIGINS_AT);
    if text == b"-" {
        return Ok(Vec::new());
    }
    if text.len() > ORIGINS_MAX * 41 {
        return Err(damaged("too many origins"));
    }
    text.split(|byte| *byte == b',')
        .map(|id| ReplId::from_bytes(id).map_err(|_| damaged("its origins")))
        .collect()
}

fn encode_ids(origins: &[Origin]) -> Vec<u8> {
    match origins {
        [] => b"-".to_vec(),
        origins => origins.iter().map(|origin| origin.id.as_str()).collect::<Vec<_>>().join(",").into_bytes(),
    }
}

fn decode_number(text: &[u8]) -> Result<u64, CheckpointError> {
    integer(text).and_then(|number| u64::try_from(number).ok()).ok_or(damaged("a number"))
}

fn decode_db(text: &[u8]) -> Result<u32, CheckpointError> {
    let db = u32::try_from(decode_number(text)?).ok();
    db.filter(|db| *db <= DB_MAX).ok_or(damaged("a db number"))
}

fn decode_position<A: Args + ?Sized>(args: &A) -> Result<Option<Position>, CheckpointError> {
    if args.arg(3) == b"-" {
        return Ok(None);
    }
    let replid = ReplId::from_bytes(args.arg(3)).map_err(|_| damaged("its replication id"))?;
    Ok(Some(Position { replid, offset: decode_number(args.arg(4))?, db: decode_db(args.arg(5))? }))
}

fn decode_totals(text: &[u8]) -> Result<Totals, CheckpointError> {
    let numbers: Result<Vec<u64>, _> = text.split(|byte| *byte == b',').take(4).map(decode_number).collect();
    match numbers?.as_slice() {
        [full, partial, forks] => {
            Ok(Totals { full_resyncs: *full, partial_resyncs: *partial, history_forks: *forks })
        }
        _ => Err(damaged("its counters")),
    }
}

fn decode_pending<A: Args + ?Sized>(args: &A, head: usize) -> Result<Vec<(u32, Vec<u8>)>, CheckpointError> {
    let keys = (args.arg_count() - head) / 2;
    if keys > PENDING_KEYS_MAX {
        return Err(damaged("too many keys under repair"));
    }
    let mut room = PENDING_BYTES_MAX;
    let mut pending = Vec::with_capacity(keys);
    for at in (head..args.arg_count()).step_by(2) {
        let key = args.arg(at + 1);
        room = room.checked_sub(key.len()).ok_or(damaged("the keys under repair are too long"))?;
        pending.push((decode_db(args.arg(at))?, key.to_vec()));
    }
    Ok(pending)
}

fn length(length: usize) -> Vec<u8> {
    u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes().to_vec()
}

fn take_length(bytes: &[u8]) -> Result<(usize, &[u8]), CheckpointError> {
    let (head, rest) = bytes.split_first_chunk::<4>().ok_or(damaged("it ends too early"))?;
    Ok((u32::from_le_bytes(*head) as usize, rest))
}
