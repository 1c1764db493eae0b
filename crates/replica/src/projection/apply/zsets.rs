//! Commands about sorted sets.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ops::Range;

use crate::callback::Entry;
use crate::projection::tables::{Lookup, Tables};
use crate::projection::value::{Item, Value};
use crate::typed::{
    Aggregate, Conditions, End, Items, LexBound, MemberRange, Order, Presence, ScoreBound, ScoredMember,
    SetOperation, SortedSetCommand, Typed,
};

type ZSet = BTreeMap<Vec<u8>, f64>;

fn with_zset(
    tables: &mut Tables,
    command: &Entry<'_>,
    change: impl FnOnce(&mut ZSet) -> Option<()>,
) -> Option<()> {
    let (db, key) = (command.db(), command.arg(1)?);
    let mut item = tables.take(db, key).unwrap_or_else(|| Item::new(Value::ZSet(ZSet::new())));
    let Value::ZSet(zset) = &mut item.value else { return None };
    change(zset)?;
    tables.put(db, key, item);
    Some(())
}

pub(super) fn run(tables: &mut Tables, command: &Entry<'_>) -> Option<()> {
    let Ok(Typed::SortedSet(change)) = command.typed() else { return None };
    if let SortedSetCommand::Store { operation, sources, weights, aggregate, .. } = change {
        let result = store(tables, command.db(), operation, sources, weights, aggregate)?;
        tables.put(command.db(), command.arg(1)?, Item::new(Value::ZSet(result)));
        return Some(());
    }
    if let SortedSetCommand::StoreRange { source, range, reverse, skip, take, .. } = change {
        let chosen = select(zset_at(tables, command.db(), source)?, range, reverse, skip, take)?;
        tables.put(command.db(), command.arg(1)?, Item::new(Value::ZSet(chosen)));
        return Some(());
    }
    with_zset(tables, command, |zset| match change {
        SortedSetCommand::Add { conditions, increment, members, .. } => {
            add(zset, conditions, increment, members)
        }
        SortedSetCommand::IncrBy { by, member, .. } => increase(zset, member, by),
        SortedSetCommand::Remove { members, .. } => {
            for member in members {
                zset.remove(member);
            }
            Some(())
        }
        SortedSetCommand::Pop { end, count, .. } => pop(zset, end, usize::try_from(count).ok()?),
        SortedSetCommand::RemoveByRank { first, last, .. } => remove_ranks(zset, first, last),
        SortedSetCommand::RemoveByScore { min, max, .. } => remove_scores(zset, min, max),
        SortedSetCommand::RemoveByLex { min, max, .. } => remove_names(zset, min, max),
        _ => None,
    })
}

fn increase(zset: &mut ZSet, member: &[u8], by: f64) -> Option<()> {
    let score = zset.get(member).copied().unwrap_or(0.0) + by;
    if score.is_nan() {
        return None;
    }
    zset.insert(member.to_vec(), score);
    Some(())
}

/// Conditions are looked at again: they may have held for some members alone.
fn add(
    zset: &mut ZSet,
    conditions: Conditions,
    increment: bool,
    members: Items<'_, ScoredMember<'_>>,
) -> Option<()> {
    for ScoredMember { mut score, member } in members {
        let old = zset.get(member).copied();
        let is_left = match conditions.presence {
            Some(Presence::Absent) => old.is_some(),
            Some(Presence::Present) => old.is_none(),
            None => false,
        };
        if is_left {
            continue;
        }
        if increment {
            score += old.unwrap_or(0.0);
        }
        if score.is_nan() {
            return None;
        }
        let replaces = |old: f64| match conditions.order {
            Some(Order::Greater) => score > old,
            Some(Order::Less) => score < old,
            None => true,
        };
        if old.is_none_or(replaces) {
            zset.insert(member.to_vec(), score);
        }
    }
    Some(())
}

/// The members in a server's order: by score, then by name.
pub(super) fn ranked(zset: &ZSet) -> Vec<Vec<u8>> {
    let mut members: Vec<_> = zset.iter().collect();
    // Stable: members of one score stay in the order of their names.
    members.sort_by(|one, other| one.1.partial_cmp(other.1).unwrap_or(Ordering::Equal));
    members.into_iter().map(|(member, _)| member.clone()).collect()
}

fn pop(zset: &mut ZSet, end: End, count: usize) -> Option<()> {
    let mut members = ranked(zset);
    if end == End::Last {
        members.reverse();
    }
    for member in members.iter().take(count) {
        zset.remove(member);
    }
    Some(())
}

fn remove_ranks(zset: &mut ZSet, first: i64, last: i64) -> Option<()> {
    let members = ranked(zset);
    for member in &members[ranks(members.len(), first, last)?] {
        zset.remove(member);
    }
    Some(())
}

/// From the first rank to the last; negative ones count from the end.
fn ranks(len: usize, first: i64, last: i64) -> Option<Range<usize>> {
    let signed = i64::try_from(len).ok()?;
    let from_end = |at: i64| if at < 0 { at.saturating_add(signed) } else { at };
    let end = usize::try_from(from_end(last).saturating_add(1).clamp(0, signed)).ok()?;
    let begin = usize::try_from(from_end(first).max(0)).ok()?;
    Some(begin.min(end)..end)
}

fn remove_scores(zset: &mut ZSet, min: ScoreBound, max: ScoreBound) -> Option<()> {
    zset.retain(|_, score| !is_between(*score, min, max));
    Some(())
}

fn is_between(score: f64, min: ScoreBound, max: ScoreBound) -> bool {
    let above = score > min.score || (min.inclusive && score == min.score);
    let below = score < max.score || (max.inclusive && score == max.score);
    above && below
}

fn remove_names(zset: &mut ZSet, min: LexBound<'_>, max: LexBound<'_>) -> Option<()> {
    are_by_name(zset).then(|| zset.retain(|name, _| !is_named_between(name, min, max)))
}

/// By name is by rank only among equal scores.
fn are_by_name(zset: &ZSet) -> bool {
    let mut scores = zset.values();
    let first = scores.next();
    scores.all(|score| Some(score) == first)
}

fn is_named_between(name: &[u8], min: LexBound<'_>, max: LexBound<'_>) -> bool {
    let above = match min {
        LexBound::Lowest => true,
        LexBound::Highest => false,
        LexBound::Including(min) => name >= min,
        LexBound::Excluding(min) => name > min,
    };
    let below = match max {
        LexBound::Lowest => false,
        LexBound::Highest => true,
        LexBound::Including(max) => name <= max,
        LexBound::Excluding(max) => name < max,
    };
    above && below
}

/// The members of a range.
fn select(
    mut zset: ZSet,
    range: MemberRange<'_>,
    reverse: bool,
    skip: i64,
    take: Option<u64>,
) -> Option<ZSet> {
    let mut members = ranked(&zset);
    if reverse {
        members.reverse();
    }
    match range {
        MemberRange::Rank(first, last) => {
            members = members.drain(ranks(members.len(), first, last)?).collect()
        }
        MemberRange::Score(min, max) => {
            let score = |member: &Vec<u8>| zset.get(member).copied();
            members.retain(|member| score(member).is_some_and(|score| is_between(score, min, max)));
        }
        MemberRange::Lex(..) if !are_by_name(&zset) => return None,
        MemberRange::Lex(min, max) => members.retain(|member| is_named_between(member, min, max)),
    }
    let skip = usize::try_from(skip).unwrap_or(usize::MAX);
    let take = take.map_or(Some(usize::MAX), |take| usize::try_from(take).ok())?;
    Some(members.into_iter().skip(skip).take(take).filter_map(|member| zset.remove_entry(&member)).collect())
}

fn store(
    tables: &Tables,
    db: u32,
    operation: SetOperation,
    sources: Items<'_, &[u8]>,
    weights: Option<Items<'_, f64>>,
    aggregate: Aggregate,
) -> Option<ZSet> {
    let inputs: Option<Vec<ZSet>> = sources.iter().map(|key| zset_at(tables, db, key)).collect();
    let mut inputs = inputs?;
    for (input, weight) in inputs.iter_mut().zip(weights.iter().flat_map(Items::iter)) {
        input.values_mut().for_each(|score| *score = number(*score * weight));
    }
    let combine: fn(f64, f64) -> f64 = match aggregate {
        Aggregate::Sum => sum,
        Aggregate::Min => f64::min,
        Aggregate::Max => f64::max,
    };
    Some(fold(operation, inputs, combine))
}

fn fold(operation: SetOperation, inputs: Vec<ZSet>, combine: fn(f64, f64) -> f64) -> ZSet {
    let mut inputs = inputs.into_iter();
    let mut result = inputs.next().unwrap_or_default();
    for input in inputs {
        match operation {
            SetOperation::Difference => result.retain(|member, _| !input.contains_key(member)),
            SetOperation::Intersection => result.retain(|member, score| match input.get(member) {
                Some(other) => {
                    *score = combine(*score, *other);
                    true
                }
                None => false,
            }),
            SetOperation::Union => {
                for (member, score) in input {
                    result.entry(member).and_modify(|old| *old = combine(*old, score)).or_insert(score);
                }
            }
        }
    }
    result
}

/// As the servers add: infinities of both signs make 0 (`zunionInterAggregate`, t_zset.c).
fn sum(one: f64, other: f64) -> f64 {
    number(one + other)
}

fn number(score: f64) -> f64 {
    if score.is_nan() { 0.0 } else { score }
}

/// A sorted set, or a set with scores of 1.
fn zset_at(tables: &Tables, db: u32, key: &[u8]) -> Option<ZSet> {
    match tables.get(db, key) {
        Lookup::None => Some(ZSet::new()),
        Lookup::Item(Item { value: Value::ZSet(zset), .. }) => Some(zset.clone()),
        Lookup::Item(Item { value: Value::Set(set), .. }) => {
            Some(set.iter().map(|member| (member.clone(), 1.0)).collect())
        }
        _ => None,
    }
}
