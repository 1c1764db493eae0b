//! Commands about sorted sets, and about places, which are kept in them.

use super::cursor::{Cursor, Read, float};
use super::error::Problem;
use super::options::{Conditions, End, SetOperation};
use super::words::{Element, Items, Words};

/// A command about sorted sets (t_zset.c, geo.c of Redis 8.6 and Valkey 9.1). The blocking forms are replicated as these.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum SortedSetCommand<'a> {
    /// `ZADD key [NX|XX] [GT|LT] [CH] [INCR] score member ..`.
    Add {
        /// The key.
        key: &'a [u8],
        /// What must hold of a member; it may hold of some members alone.
        conditions: Conditions,
        /// `INCR`: whether the score, of one member then, is added to the one that it has.
        increment: bool,
        /// Scores and members.
        members: Items<'a, ScoredMember<'a>>,
    },
    /// `GEOADD key [NX|XX] [CH] longitude latitude member ..`. Sources replicate it as `ZADD`.
    AddPlaces {
        /// The key.
        key: &'a [u8],
        /// What must hold of a member; never [`Conditions::order`].
        conditions: Conditions,
        /// The places.
        places: Items<'a, Place<'a>>,
    },
    /// `ZREM key member ..`.
    Remove {
        /// The key.
        key: &'a [u8],
        /// The members.
        members: Items<'a, &'a [u8]>,
    },
    /// `ZINCRBY key n member`.
    IncrBy {
        /// The key.
        key: &'a [u8],
        /// What is added.
        by: f64,
        /// The member.
        member: &'a [u8],
    },
    /// `ZREMRANGEBYRANK key first last`.
    RemoveByRank {
        /// The key.
        key: &'a [u8],
        /// The first rank, from 0; negative ones count from the highest score, which is -1.
        first: i64,
        /// The last rank.
        last: i64,
    },
    /// `ZREMRANGEBYSCORE key min max`.
    RemoveByScore {
        /// The key.
        key: &'a [u8],
        /// Where the range begins.
        min: ScoreBound,
        /// Where it ends.
        max: ScoreBound,
    },
    /// `ZREMRANGEBYLEX key min max`: for sets whose scores are all equal.
    RemoveByLex {
        /// The key.
        key: &'a [u8],
        /// Where the range begins.
        min: LexBound<'a>,
        /// Where it ends.
        max: LexBound<'a>,
    },
    /// `ZPOPMIN key [count]`, `ZPOPMAX key [count]`.
    Pop {
        /// The key.
        key: &'a [u8],
        /// From where.
        end: End,
        /// How many, at most.
        count: u64,
    },
    /// `ZMPOP count key .. MIN|MAX [COUNT n]`. Sources replicate it as `ZPOPMIN` or `ZPOPMAX`.
    PopFirstFound {
        /// The keys; the first that is a sorted set is taken.
        keys: Items<'a, &'a [u8]>,
        /// From where.
        end: End,
        /// How many, at most.
        count: u64,
    },
    /// `ZUNIONSTORE`, `ZINTERSTORE`, `ZDIFFSTORE`: `destination count source .. [WEIGHTS n ..] [AGGREGATE SUM|MIN|MAX]`.
    Store {
        /// How.
        operation: SetOperation,
        /// The key that is replaced; deleted if the result is empty.
        destination: &'a [u8],
        /// The keys that are read: sorted sets, and sets as if all scores were 1.
        sources: Items<'a, &'a [u8]>,
        /// What each source's scores are multiplied by; 1 if None. Never for `ZDIFFSTORE`.
        weights: Option<Items<'a, f64>>,
        /// What becomes of the scores of a member that is in several. Never but `Sum` for `ZDIFFSTORE`, which keeps the first.
        aggregate: Aggregate,
    },
    /// `ZRANGESTORE destination source first last [BYSCORE|BYLEX] [REV] [LIMIT skip take]`.
    StoreRange {
        /// The key that is replaced; deleted if the result is empty.
        destination: &'a [u8],
        /// The key that is read.
        source: &'a [u8],
        /// Which members.
        range: MemberRange<'a>,
        /// `REV`: whether the order is from the highest score down, for ranks and for what is skipped.
        reverse: bool,
        /// How many of the range are left out first; negative ones leave out all. Of ranks 0.
        skip: i64,
        /// How many there are then, at most; None for all.
        take: Option<u64>,
    },
}

/// Members that follow each other in a sorted set.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum MemberRange<'a> {
    /// From the first rank to the last, from 0; negative ones count from the end, which is -1.
    Rank(i64, i64),
    /// From the lowest score to the highest.
    Score(ScoreBound, ScoreBound),
    /// `BYLEX`, from the first name to the last: for sets whose scores are all equal.
    Lex(LexBound<'a>, LexBound<'a>),
}

/// A member and its score, or what is added to it; infinities included.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScoredMember<'a> {
    /// The score.
    pub score: f64,
    /// The member.
    pub member: &'a [u8],
}

impl<'a> Element<'a> for ScoredMember<'a> {
    const WORDS: usize = 2;
    const NAME: &'static str = "score with a member";

    fn read(words: Words<'a>) -> Option<Self> {
        Some(ScoredMember { score: float(words.get(0)?)?, member: words.get(1)? })
    }
}

/// A member and where it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place<'a> {
    /// Degrees east, -180 to 180.
    pub longitude: f64,
    /// Degrees north, -85.05112878 to 85.05112878.
    pub latitude: f64,
    /// The member.
    pub member: &'a [u8],
}

impl<'a> Element<'a> for Place<'a> {
    const WORDS: usize = 3;
    const NAME: &'static str = "place with a member";

    /// The limits are `GEO_LONG_MAX` and `GEO_LAT_MAX` of geohash.h.
    fn read(words: Words<'a>) -> Option<Self> {
        let degrees = |at, max: f64| float(words.get(at)?).filter(|degrees| degrees.abs() <= max);
        Some(Place {
            longitude: degrees(0, 180.0)?,
            latitude: degrees(1, 85.051_128_78)?,
            member: words.get(2)?,
        })
    }
}

/// An end of a range of scores.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScoreBound {
    /// The score, perhaps infinite.
    pub score: f64,
    /// Whether the score itself is in the range: not if it is written `(score`.
    pub inclusive: bool,
}

/// An end of a range of members, compared byte by byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LexBound<'a> {
    /// `-`: before every member.
    Lowest,
    /// `+`: behind every member.
    Highest,
    /// `[member`: this one is in the range.
    Including(&'a [u8]),
    /// `(member`: this one is not.
    Excluding(&'a [u8]),
}

/// How scores of one member are put together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Aggregate {
    /// Added; infinities of both signs make 0.
    #[default]
    Sum,
    /// The lowest.
    Min,
    /// The highest.
    Max,
}

const POP_ENDS: [(&str, End); 2] = [("MIN", End::First), ("MAX", End::Last)];
const AGGREGATES: [(&str, Aggregate); 3] =
    [("SUM", Aggregate::Sum), ("MIN", Aggregate::Min), ("MAX", Aggregate::Max)];

/// The command, if it is one of this family.
pub(super) fn parse<'a>(mut from: Cursor<'a>) -> Read<Option<SortedSetCommand<'a>>> {
    let from = &mut from;
    let command = match from.command() {
        "zadd" => add(from)?,
        "geoadd" => add_places(from)?,
        "zrem" => SortedSetCommand::Remove { key: from.key()?, members: from.rest()? },
        "zincrby" => SortedSetCommand::IncrBy {
            key: from.key()?,
            by: from.float("increment")?,
            member: from.next("member")?,
        },
        "zremrangebyrank" => SortedSetCommand::RemoveByRank {
            key: from.key()?,
            first: from.int("first rank")?,
            last: from.int("last rank")?,
        },
        "zremrangebyscore" => SortedSetCommand::RemoveByScore {
            key: from.key()?,
            min: from.parse("lowest score", score_bound)?,
            max: from.parse("highest score", score_bound)?,
        },
        "zremrangebylex" => SortedSetCommand::RemoveByLex {
            key: from.key()?,
            min: from.parse("first member", lex_bound)?,
            max: from.parse("last member", lex_bound)?,
        },
        "zpopmin" => SortedSetCommand::Pop { key: from.key()?, end: End::First, count: from.count_or_one()? },
        "zpopmax" => SortedSetCommand::Pop { key: from.key()?, end: End::Last, count: from.count_or_one()? },
        "zmpop" => SortedSetCommand::PopFirstFound {
            keys: from.counted()?,
            end: from.one("MIN or MAX", &POP_ENDS)?,
            count: from.count_option()?,
        },
        "zunionstore" => store(from, SetOperation::Union)?,
        "zinterstore" => store(from, SetOperation::Intersection)?,
        "zdiffstore" => store(from, SetOperation::Difference)?,
        "zrangestore" => store_range(from)?,
        _ => return Ok(None),
    };
    from.end(Some(command))
}

fn add<'a>(from: &mut Cursor<'a>) -> Read<SortedSetCommand<'a>> {
    let (key, mut conditions, mut increment) = (from.key()?, Conditions::default(), false);
    loop {
        // CH changes the reply alone.
        let known = from.take("CH") || conditions.take(from)?;
        let increments = !known && from.take("INCR");
        increment |= increments;
        if !known && !increments {
            break;
        }
    }
    let members: Items<'a, ScoredMember<'a>> = from.rest()?;
    if increment && members.len() > 1 {
        return Err(from.refuse(Problem::Conflict));
    }
    Ok(SortedSetCommand::Add { key, conditions, increment, members })
}

fn add_places<'a>(from: &mut Cursor<'a>) -> Read<SortedSetCommand<'a>> {
    let (key, mut conditions) = (from.key()?, Conditions::default());
    while from.take("CH") || conditions.take(from)? {}
    if conditions.order.is_some() {
        return Err(from.refuse(Problem::Unexpected));
    }
    Ok(SortedSetCommand::AddPlaces { key, conditions, places: from.rest()? })
}

/// zslParseRange in t_zset.c.
fn score_bound(word: &[u8]) -> Option<ScoreBound> {
    let excluded = word.strip_prefix(b"(");
    Some(ScoreBound { score: float(excluded.unwrap_or(word))?, inclusive: excluded.is_none() })
}

/// zslParseLexRangeItem in t_zset.c.
fn lex_bound(word: &[u8]) -> Option<LexBound<'_>> {
    match word.split_first()? {
        (b'-', []) => Some(LexBound::Lowest),
        (b'+', []) => Some(LexBound::Highest),
        (b'[', member) => Some(LexBound::Including(member)),
        (b'(', member) => Some(LexBound::Excluding(member)),
        _ => None,
    }
}

/// zunionInterDiffGenericCommand in t_zset.c: of several options of one name the last counts.
fn store<'a>(from: &mut Cursor<'a>, operation: SetOperation) -> Read<SortedSetCommand<'a>> {
    let (destination, sources) = (from.key()?, from.counted::<&'a [u8]>()?);
    let (mut weights, mut aggregate) = (None, Aggregate::Sum);
    let has_options = operation != SetOperation::Difference;
    while has_options && from.left() > 0 {
        if from.take("WEIGHTS") {
            weights = Some(from.list(sources.len())?);
        } else if from.take("AGGREGATE") {
            aggregate = from.one("way to aggregate", &AGGREGATES)?;
        } else {
            return Err(from.unexpected());
        }
    }
    Ok(SortedSetCommand::Store { operation, destination, sources, weights, aggregate })
}

#[derive(Clone, Copy)]
enum RangeWord {
    ByScore,
    ByLex,
    Reverse,
    Limit,
}

const RANGE_WORDS: [(&str, RangeWord); 4] = [
    ("BYSCORE", RangeWord::ByScore),
    ("BYLEX", RangeWord::ByLex),
    ("REV", RangeWord::Reverse),
    ("LIMIT", RangeWord::Limit),
];

/// zrangeGenericCommand in t_zset.c: in reverse the higher bound is named first, and ranks take no limit but the one of -1,
/// whose offset is not looked at.
fn store_range<'a>(from: &mut Cursor<'a>) -> Read<SortedSetCommand<'a>> {
    let (destination, source) = (from.key()?, from.key()?);
    let bounds = *from;
    from.next("where the range begins")?;
    from.next("where the range ends")?;
    let (mut by, mut reverse, mut skip, mut take) = (None, false, 0, None);
    while from.left() > 0 {
        match from.take_one(&RANGE_WORDS) {
            Some(RangeWord::Reverse) => reverse = true,
            Some(RangeWord::Limit) => {
                skip = from.int("number to skip")?;
                take = u64::try_from(from.int("number to take")?).ok();
            }
            Some(word) => by = Some(word),
            None => return Err(from.unexpected()),
        }
    }
    let mut bounds = bounds;
    let range = match by {
        Some(RangeWord::ByScore) => {
            let (min, max) = (bounds.parse("score", score_bound)?, bounds.parse("score", score_bound)?);
            if reverse { MemberRange::Score(max, min) } else { MemberRange::Score(min, max) }
        }
        Some(RangeWord::ByLex) => {
            let (min, max) = (bounds.parse("member", lex_bound)?, bounds.parse("member", lex_bound)?);
            if reverse { MemberRange::Lex(max, min) } else { MemberRange::Lex(min, max) }
        }
        _ if take.is_some() => return Err(from.refuse(Problem::Conflict)),
        _ => {
            skip = 0;
            MemberRange::Rank(bounds.int("first rank")?, bounds.int("last rank")?)
        }
    };
    Ok(SortedSetCommand::StoreRange { destination, source, range, reverse, skip, take })
}
