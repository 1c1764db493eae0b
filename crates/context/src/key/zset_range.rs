//! Ranges of sorted sets, by score and by name.

use std::ffi::c_int;
use std::ops::{Bound, RangeBounds};

use redis_module::raw;

use super::zset::NOT_A_NUMBER;
use super::{KeyType, ReadKey, WriteKey};
use crate::api::required;
use crate::error::Error;
use crate::string::RedisString;

/// Where in its range a walk over a sorted set begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ZsetStart {
    /// At the lowest score, or the first name: iterating goes up.
    First,
    /// At the highest score, or the last name: iterating goes down.
    Last,
}

/// A walk over a range of a sorted set. It stands on a member, unless the range is empty.
///
/// As an iterator it gives the member it stands on and steps away from where it started; with
/// [`ZsetRange::to_next`] and [`ZsetRange::to_previous`] it goes both ways. Members are copied, scores are
/// never NaN.
///
/// A key carries one walk at a time, and no change while it does: the walk borrows the key for itself.
/// [`ZsetRange::key`] reads meanwhile. Dropping it ends it.
pub struct ZsetRange<'r> {
    key: &'r ReadKey<'r>,
    start: ZsetStart,
    /// Whether there are members: an empty or missing key is not asked.
    is_open: bool,
    /// Whether the iterator has given the member that the walk stands on and could not leave it.
    is_exhausted: bool,
}

impl ReadKey<'_> {
    /// Walks over the members with scores in `scores`, by score and by name where scores are the same: `1.0..=5.0`,
    /// `..`, `(Bound::Excluded(1.0), Bound::Unbounded)`. A missing key has none.
    ///
    /// # Errors
    /// [`Error::WrongType`] if the key holds something else, [`Error::Invalid`] for a bound that is NaN.
    pub fn zset_by_score(
        &mut self,
        scores: impl RangeBounds<f64>,
        start: ZsetStart,
    ) -> Result<ZsetRange<'_>, Error> {
        let (min, skips_min) = score_bound(scores.start_bound(), f64::NEG_INFINITY)?;
        let (max, skips_max) = score_bound(scores.end_bound(), f64::INFINITY)?;
        if !self.holds(KeyType::SortedSet)? {
            return Ok(ZsetRange::new(self, start, false));
        }
        let begin = match start {
            ZsetStart::First => required!(RedisModule_ZsetFirstInScoreRange),
            ZsetStart::Last => required!(RedisModule_ZsetLastInScoreRange),
        };
        // SAFETY: R34: an open key that holds a sorted set; it carries no other walk (`&mut`).
        let status = unsafe { begin(self.as_ptr(), min, max, skips_min, skips_max) };
        Ok(ZsetRange::new(self, start, status == raw::REDISMODULE_OK as c_int))
    }

    /// Walks over the members with names in `names`, by name: `..`, or a pair of bounds such as
    /// `(Bound::Included(b"a".as_slice()), Bound::Excluded(b"b".as_slice()))`, of any bytes. All members must have the
    /// same score, or which of them are seen is anybody's guess (as with ZRANGEBYLEX). A missing key has none.
    ///
    /// # Errors
    /// [`Error::WrongType`] if the key holds something else.
    pub fn zset_by_name(
        &mut self,
        names: impl RangeBounds<[u8]>,
        start: ZsetStart,
    ) -> Result<ZsetRange<'_>, Error> {
        if !self.holds(KeyType::SortedSet)? {
            return Ok(ZsetRange::new(self, start, false));
        }
        let min = name_bound(names.start_bound(), b"-");
        let max = name_bound(names.end_bound(), b"+");
        let begin = match start {
            ZsetStart::First => required!(RedisModule_ZsetFirstInLexRange),
            ZsetStart::Last => required!(RedisModule_ZsetLastInLexRange),
        };
        // SAFETY: R34: as for `zset_by_score`; the bounds are written as the server reads them, and copied.
        let status = unsafe { begin(self.as_ptr(), min.as_ptr(), max.as_ptr()) };
        Ok(ZsetRange::new(self, start, status == raw::REDISMODULE_OK as c_int))
    }
}

impl WriteKey<'_> {
    /// As [`ReadKey::zset_by_score`].
    ///
    /// # Errors
    /// As there.
    pub fn zset_by_score(
        &mut self,
        scores: impl RangeBounds<f64>,
        start: ZsetStart,
    ) -> Result<ZsetRange<'_>, Error> {
        self.0.zset_by_score(scores, start)
    }

    /// As [`ReadKey::zset_by_name`].
    ///
    /// # Errors
    /// As there.
    pub fn zset_by_name(
        &mut self,
        names: impl RangeBounds<[u8]>,
        start: ZsetStart,
    ) -> Result<ZsetRange<'_>, Error> {
        self.0.zset_by_name(names, start)
    }
}

impl<'r> ZsetRange<'r> {
    fn new(key: &'r mut ReadKey<'_>, start: ZsetStart, is_open: bool) -> Self {
        Self { key, start, is_open, is_exhausted: false }
    }

    /// The key, to read from during the walk.
    pub fn key(&self) -> &ReadKey<'r> {
        self.key
    }

    /// The member that the walk stands on, and its score; `None` if the range is empty.
    pub fn current(&self) -> Option<(RedisString, f64)> {
        if !self.is_open {
            return None;
        }
        let current = required!(RedisModule_ZsetRangeCurrentElement);
        let mut score = 0.0;
        // SAFETY: R34: the key carries this walk and has not changed since it began.
        let member = unsafe { current(self.key.as_ptr(), &raw mut score) };
        // SAFETY: R5: a string of our own, or NULL; the context has no automatic memory.
        unsafe { RedisString::from_raw(member) }.map(|member| (member, score))
    }

    /// Steps to the member with the next higher score or name. `false`, and it stays where it is, at the end of the
    /// range.
    pub fn to_next(&mut self) -> bool {
        self.step(required!(RedisModule_ZsetRangeNext))
    }

    /// Steps to the member with the next lower score or name. `false`, and it stays where it is, at the begin of the
    /// range.
    pub fn to_previous(&mut self) -> bool {
        self.step(required!(RedisModule_ZsetRangePrev))
    }

    /// Whether the range is empty, or a step has failed once: the server does not take that back when the walk
    /// turns round.
    pub fn end_was_reached(&self) -> bool {
        let reached = required!(RedisModule_ZsetRangeEndReached);
        // SAFETY: R34: the key carries this walk.
        !self.is_open || unsafe { reached(self.key.as_ptr()) } != 0
    }

    fn step(&mut self, step: unsafe extern "C" fn(*mut raw::RedisModuleKey) -> c_int) -> bool {
        // SAFETY: R34: the key carries this walk and has not changed since it began.
        let stepped = self.is_open && unsafe { step(self.key.as_ptr()) } != 0;
        self.is_exhausted &= !stepped;
        stepped
    }
}

impl Iterator for ZsetRange<'_> {
    type Item = (RedisString, f64);

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_exhausted {
            return None;
        }
        let current = self.current();
        let stepped = match self.start {
            ZsetStart::First => self.to_next(),
            ZsetStart::Last => self.to_previous(),
        };
        self.is_exhausted = !stepped;
        current
    }
}

impl std::iter::FusedIterator for ZsetRange<'_> {}

impl Drop for ZsetRange<'_> {
    fn drop(&mut self) {
        if self.is_open {
            let stop = required!(RedisModule_ZsetRangeStop);
            // SAFETY: R34: the key carries this walk, whose bounds are freed here.
            unsafe { stop(self.key.as_ptr()) };
        }
    }
}

/// A bound as the server takes it, and whether it is left out itself.
fn score_bound(bound: Bound<&f64>, unbounded: f64) -> Result<(f64, c_int), Error> {
    let (score, excluded) = match bound {
        Bound::Included(&score) => (score, 0),
        Bound::Excluded(&score) => (score, 1),
        Bound::Unbounded => (unbounded, 0),
    };
    if score.is_nan() { Err(NOT_A_NUMBER) } else { Ok((score, excluded)) }
}

/// A bound in the words of ZRANGEBYLEX (`zslParseLexRangeItem`, t_zset.c).
fn name_bound(bound: Bound<&[u8]>, unbounded: &[u8]) -> RedisString {
    match bound {
        Bound::Included(name) => RedisString::new(&[b"[", name].concat()),
        Bound::Excluded(name) => RedisString::new(&[b"(", name].concat()),
        Bound::Unbounded => RedisString::new(unbounded),
    }
}
