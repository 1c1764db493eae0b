//! Which servers a unit has passed through, and what has become of its keys' names since it left each of them.
//!
//! Mirrors may form rings. A unit that comes back to a server must not be applied there again if its keys have the
//! names they had there: the effect is there already. If they have other names it is an effect of its own, and must be
//! applied: A's `k` is B's `copy:k`, and in A's copy of B that is `b:copy:k`. So each origin carries the map from its
//! own names to those that the unit has now. Maps compose: what one mirror does to names is to cut a prefix off, put
//! another in front and renumber dbs, and so is what two do in a row. A ring whose maps undo each other (`DB 0 TO 1`
//! there, `DB 1 TO 0` here) is known for what it is.

use crate::args::integer;
use crate::definition::{DB_MAX, DbMap, DbPair, PREFIX_BYTES_MAX};
use crate::planner::ORIGINS_MAX;
use redis_replica::ReplId;

#[cfg(test)]
mod tests;

/// The longest prefix of a map: each server that a unit may pass through can add its own.
const NAME_BYTES_MAX: usize = ORIGINS_MAX * PREFIX_BYTES_MAX;
/// The most dbs that a map lists.
const DBS_MAX: usize = 1024;

/// A server that a unit has passed through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Its replication id then.
    pub id: ReplId,
    /// What has become of its names; `None` when they are the same.
    pub moved: Option<Box<KeyMap>>,
}

/// From the names at one server to those at another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyMap {
    dbs: DbMap,
    strip: Vec<u8>,
    prefix: Vec<u8>,
}

/// A map with names that are too long: no chain of mirrors within the limits makes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooLong;

impl Origin {
    /// An origin whose names are unchanged.
    pub fn unmoved(id: ReplId) -> Origin {
        Origin { id, moved: None }
    }

    /// Goes on through a mirror that maps names with `step`.
    pub(crate) fn pass(&mut self, step: Option<&KeyMap>) -> Result<(), TooLong> {
        let Some(step) = step else { return Ok(()) };
        self.moved = match self.moved.take() {
            None => Some(Box::new(step.clone())),
            Some(moved) => moved.then(step)?.map(Box::new),
        };
        Ok(())
    }

    /// Whether the names in this db are what they were.
    pub(crate) fn is_unmoved_in(&self, db: u32) -> bool {
        self.moved
            .as_ref()
            .is_none_or(|moved| moved.strip == moved.prefix && moved.dbs.to_source(db) == Some(db))
    }

    /// Whether the names of some dbs may be what they were.
    pub(crate) fn may_be_unmoved(&self) -> bool {
        self.moved.as_ref().is_none_or(|moved| moved.strip == moved.prefix)
    }
}

impl KeyMap {
    /// The map of a mirror; `None` when it keeps all names.
    pub fn new(dbs: DbMap, strip: Vec<u8>, prefix: Vec<u8>) -> Option<KeyMap> {
        let map = KeyMap { dbs, strip, prefix };
        (!map.keeps_all()).then_some(map)
    }

    fn keeps_all(&self) -> bool {
        let same_dbs = match &self.dbs {
            DbMap::All => true,
            DbMap::List(pairs) => pairs.iter().all(|pair| pair.source == pair.local),
        };
        same_dbs && self.strip == self.prefix
    }

    /// This map and then another.
    fn then(&self, next: &KeyMap) -> Result<Option<KeyMap>, TooLong> {
        let (strip, prefix) = join_names(self, next);
        if strip.len().max(prefix.len()) > NAME_BYTES_MAX {
            return Err(TooLong);
        }
        Ok(KeyMap::new(join_dbs(&self.dbs, &next.dbs), strip, prefix))
    }
}

/// What is cut off and what is put in front, over both. Names that the first makes and the second doesn't take have no
/// map: no key is in such a unit.
fn join_names(first: &KeyMap, next: &KeyMap) -> (Vec<u8>, Vec<u8>) {
    if let Some(rest) = first.prefix.strip_prefix(next.strip.as_slice()) {
        return (first.strip.clone(), [&next.prefix, rest].concat());
    }
    let rest = next.strip.strip_prefix(first.prefix.as_slice()).unwrap_or_default();
    ([&first.strip, rest].concat(), next.prefix.clone())
}

fn join_dbs(first: &DbMap, next: &DbMap) -> DbMap {
    let DbMap::List(pairs) = first else { return next.clone() };
    let joined = pairs
        .iter()
        .filter_map(|pair| next.to_local(pair.local).map(|local| DbPair { source: pair.source, local }));
    DbMap::List(joined.collect())
}

/// The maps of origins as text, in their order, joined by `,`: `-`, or dbs, strip and prefix joined by `/`. Dbs are `*`
/// or pairs `0>1` joined by `;`, the others are hexadecimal.
pub(crate) fn encode_maps(origins: &[Origin]) -> Vec<u8> {
    let maps: Vec<String> = origins.iter().map(|origin| encode_map(origin.moved.as_deref())).collect();
    maps.join(",").into_bytes()
}

fn encode_map(map: Option<&KeyMap>) -> String {
    let Some(KeyMap { dbs, strip, prefix }) = map else { return "-".into() };
    let dbs = match dbs {
        DbMap::All => "*".into(),
        DbMap::List(pairs) => {
            let pairs: Vec<String> =
                pairs.iter().map(|DbPair { source, local }| format!("{source}>{local}")).collect();
            pairs.join(";")
        }
    };
    format!("{dbs}/{}/{}", encode_hex(strip), encode_hex(prefix))
}

fn encode_hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble & 15)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect()
}

/// Gives each origin its map; `None` when the text is not what [`encode_maps`] writes for so many.
pub(crate) fn decode_maps(ids: Vec<ReplId>, text: &[u8]) -> Option<Vec<Origin>> {
    let mut maps = text.split(|byte| *byte == b',');
    let read = |id| Some(Origin { id, moved: decode_map(maps.next()?)?.map(Box::new) });
    let origins: Option<Vec<Origin>> = ids.into_iter().map(read).collect();
    origins.filter(|_| maps.next().is_none())
}

/// The outer `None`: damaged.
fn decode_map(text: &[u8]) -> Option<Option<KeyMap>> {
    if text == b"-" {
        return Some(None);
    }
    let parts: Vec<&[u8]> = text.splitn(4, |byte| *byte == b'/').collect();
    let [dbs, strip, prefix] = parts.as_slice() else { return None };
    Some(KeyMap::new(decode_dbs(dbs)?, decode_hex(strip)?, decode_hex(prefix)?))
}

fn decode_dbs(text: &[u8]) -> Option<DbMap> {
    if text == b"*" {
        return Some(DbMap::All);
    }
    if text.is_empty() {
        return Some(DbMap::List(Vec::new()));
    }
    let pairs = text.splitn(DBS_MAX + 1, |byte| *byte == b';').map(decode_pair);
    let pairs: Option<Vec<DbPair>> = pairs.collect();
    pairs.filter(|pairs| pairs.len() <= DBS_MAX).map(DbMap::List)
}

fn decode_pair(text: &[u8]) -> Option<DbPair> {
    let at = text.iter().position(|byte| *byte == b'>')?;
    let db = |text: &[u8]| integer(text).and_then(|db| u32::try_from(db).ok()).filter(|db| *db <= DB_MAX);
    Some(DbPair { source: db(text.get(..at)?)?, local: db(text.get(at + 1..)?)? })
}

fn decode_hex(text: &[u8]) -> Option<Vec<u8>> {
    if text.len() > 2 * NAME_BYTES_MAX || !text.len().is_multiple_of(2) {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    text.as_chunks::<2>().0.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}
