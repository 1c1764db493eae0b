//! Sorted sets: members and their scores. Ranges are in zset_range.rs.

use std::ffi::c_int;

use redis_module::raw;

use super::{KeyType, ReadKey, WriteKey};
use crate::api::required;
use crate::error::Error;
use crate::string::RedisStr;

/// When [`WriteKey::zset_add`] and [`WriteKey::zset_incr`] set a score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ZsetCondition {
    /// Always.
    #[default]
    Always,
    /// If there is no such member (ZADD NX).
    IfMissing,
    /// If there is such a member (ZADD XX).
    IfPresent,
    /// If the new score is above the old one, or there is no such member (ZADD GT).
    IfGreater,
    /// If the new score is below the old one, or there is no such member (ZADD LT).
    IfLess,
    /// If the new score is above the one that the member has (ZADD XX GT).
    IfPresentAndGreater,
    /// If the new score is below the one that the member has (ZADD XX LT).
    IfPresentAndLess,
}

impl ZsetCondition {
    fn bits(self) -> c_int {
        let bits = match self {
            Self::Always => 0,
            Self::IfMissing => raw::REDISMODULE_ZADD_NX,
            Self::IfPresent => raw::REDISMODULE_ZADD_XX,
            Self::IfGreater => raw::REDISMODULE_ZADD_GT,
            Self::IfLess => raw::REDISMODULE_ZADD_LT,
            Self::IfPresentAndGreater => raw::REDISMODULE_ZADD_XX | raw::REDISMODULE_ZADD_GT,
            Self::IfPresentAndLess => raw::REDISMODULE_ZADD_XX | raw::REDISMODULE_ZADD_LT,
        };
        bits as c_int
    }

    fn wants_a_member(self) -> bool {
        matches!(self, Self::IfPresent | Self::IfPresentAndGreater | Self::IfPresentAndLess)
    }
}

/// What [`WriteKey::zset_add`] has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ZsetAdded {
    /// There is a new member.
    Added,
    /// The member has a new score.
    Updated,
    /// The member had this score.
    Unchanged,
    /// The condition did not hold: nothing has changed.
    Skipped,
}

impl ZsetAdded {
    fn from_bits(bits: c_int) -> Self {
        let any = |bit: u32| bits & bit as c_int != 0;
        if any(raw::REDISMODULE_ZADD_ADDED) {
            Self::Added
        } else if any(raw::REDISMODULE_ZADD_UPDATED) {
            Self::Updated
        } else if any(raw::REDISMODULE_ZADD_NOP) {
            Self::Skipped
        } else {
            Self::Unchanged
        }
    }
}

impl ReadKey<'_> {
    /// The score of a member; `None` if there is no such member or key.
    ///
    /// # Errors
    /// [`Error::WrongType`] if the key holds something else.
    pub fn zset_score<'m>(&self, member: impl Into<RedisStr<'m>>) -> Result<Option<f64>, Error> {
        if !self.holds(KeyType::SortedSet)? {
            return Ok(None);
        }
        let score_of = required!(RedisModule_ZsetScore);
        let mut score = 0.0;
        // SAFETY: R34: an open key that holds a sorted set; the server writes one number if it answers OK.
        let status = unsafe { score_of(self.as_ptr(), member.into().as_ptr(), &raw mut score) };
        Ok((status == raw::REDISMODULE_OK as c_int).then_some(score))
    }
}

impl WriteKey<'_> {
    /// Gives a member a score, infinite ones included. A missing key becomes a sorted set.
    ///
    /// # Errors
    /// [`Error::WrongType`] if the key holds something else, [`Error::Invalid`] for a score that is NaN.
    pub fn zset_add<'m>(
        &mut self,
        member: impl Into<RedisStr<'m>>,
        score: f64,
        condition: ZsetCondition,
    ) -> Result<ZsetAdded, Error> {
        if !self.may_score(score, condition)? {
            return Ok(ZsetAdded::Skipped);
        }
        let add = required!(RedisModule_ZsetAdd);
        let mut bits = condition.bits();
        // SAFETY: R34: a key open for writing that holds a sorted set, or nothing and it will have a member.
        let status = unsafe { add(self.as_ptr(), score, member.into().as_ptr(), &raw mut bits) };
        if status == raw::REDISMODULE_OK as c_int {
            Ok(ZsetAdded::from_bits(bits))
        } else {
            Err(Error::Refused { function: "RedisModule_ZsetAdd", reason: "no reason is given" })
        }
    }

    /// Adds `by` to the score of a member, which has 0 if it is new. The new score; `None` if the condition did not
    /// hold, and nothing has changed. A missing key becomes a sorted set.
    ///
    /// # Errors
    /// [`Error::WrongType`] if the key holds something else, [`Error::Invalid`] if `by` or the sum is NaN (plus and
    /// minus infinity); nothing has changed then.
    pub fn zset_incr<'m>(
        &mut self,
        member: impl Into<RedisStr<'m>>,
        by: f64,
        condition: ZsetCondition,
    ) -> Result<Option<f64>, Error> {
        if !self.may_score(by, condition)? {
            return Ok(None);
        }
        let incr = required!(RedisModule_ZsetIncrby);
        let (mut bits, mut score) = (condition.bits(), 0.0);
        let member = member.into().as_ptr();
        // SAFETY: R34: a key open for writing that holds a sorted set, or nothing and it will have a member.
        let status = unsafe { incr(self.as_ptr(), by, member, &raw mut bits, &raw mut score) };
        if status != raw::REDISMODULE_OK as c_int {
            return Err(NOT_A_NUMBER);
        }
        Ok((ZsetAdded::from_bits(bits) != ZsetAdded::Skipped).then_some(score))
    }

    /// Removes a member, and the key with its last member. Answers whether it was there.
    ///
    /// # Errors
    /// [`Error::WrongType`] if the key holds something else.
    pub fn zset_remove<'m>(&mut self, member: impl Into<RedisStr<'m>>) -> Result<bool, Error> {
        if !self.holds(KeyType::SortedSet)? {
            return Ok(false);
        }
        let remove = required!(RedisModule_ZsetRem);
        let mut removed = 0;
        // SAFETY: R34: a key open for writing that holds a sorted set.
        let status = unsafe { remove(self.as_ptr(), member.into().as_ptr(), &raw mut removed) };
        Ok(status == raw::REDISMODULE_OK as c_int && removed != 0)
    }

    /// Whether the server may be asked. What it then refuses to add leaves a missing key with a sorted set without
    /// members, which its own commands are not made for.
    fn may_score(&self, score: f64, condition: ZsetCondition) -> Result<bool, Error> {
        let exists = self.holds(KeyType::SortedSet)?;
        if score.is_nan() {
            return Err(NOT_A_NUMBER);
        }
        Ok(exists || !condition.wants_a_member())
    }
}

pub(super) const NOT_A_NUMBER: Error = Error::Invalid { what: "the score", reason: "it is not a number" };
